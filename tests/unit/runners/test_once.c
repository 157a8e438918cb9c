/* How runs end, and what is left of them. */
#include "run.h"

#include "base/file.h"
#include "runners/memory.h"
#include "runners/shared.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* ---- ends of its own ------------------------------------------------------------------------- */

TEST(returned)
{
	struct once_result r = run(give_seven);

	CHECK_INT(r.how, ONCE_RETURNED);
	CHECK_INT(r.status, 7);
	CHECK_INT(r.n_frames, 0);
	CHECK_STR(r.step, "execute arith.add");
	CHECK_STR(describe(&r), "returned 7 in execute arith.add");
	r = run_params(&(struct once_params){.run = give_seven, .ctx = &r});
	CHECK_INT(r.status, 8);
}

static int exits(void *ctx, struct once_child *shared)
{
	once_step(shared, "init x.so");
	exit(*(int *)ctx);
}

static int exits_at_once(void *ctx, struct once_child *shared)
{
	(void)shared;
	_exit(*(int *)ctx);
}

TEST(exit_is_no_success)
{
	for (int code = 0; code <= 3; code += 3) {
		struct once_result r =
			run_params(&(struct once_params){.run = exits, .ctx = &code});

		CHECK_INT(r.how, ONCE_EXITED);
		CHECK_INT(r.code, code);
		r = run_params(&(struct once_params){.run = exits_at_once, .ctx = &code});
		CHECK_INT(r.how, ONCE_EXITED);
		CHECK_INT(r.code, code);
	}
	CHECK_STR(
		describe(&(struct once_result){.how = ONCE_EXITED, .code = 3, .step = "init x.so"}),
		"called exit(3) in init x.so");
}

static int kills_itself(void *ctx, struct once_child *shared)
{
	(void)shared;
	raise(*(int *)ctx);
	return 0;
}

TEST(killed_by_a_signal)
{
	int sig = SIGKILL;
	struct once_result r = run_params(&(struct once_params){.run = kills_itself, .ctx = &sig});

	CHECK_INT(r.how, ONCE_SIGNALLED);
	CHECK_INT(r.signal, SIGKILL);
	CHECK(strstr(r.trace_note, "no frames") != NULL);
	sig = SIGTERM;
	r = run_params(&(struct once_params){.run = kills_itself, .ctx = &sig});
	CHECK_INT(r.how, ONCE_SIGNALLED);
	CHECK_INT(r.signal, SIGTERM);
}

static int prints(void *ctx, struct once_child *shared)
{
	(void)ctx;
	(void)shared;
	printf("# from the child\n");
	return 0;
}

TEST(output_of_the_run_comes_through_once)
{
	char path[4096], text[256];
	int saved = dup(STDOUT_FILENO);
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "%s/stdout", test_tmpdir());
	fflush(stdout);
	CHECK(freopen(path, "w", stdout) != NULL);
	setvbuf(stdout, NULL, _IOFBF, 4096);
	printf("# from the parent\n");
	run(prints);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	f = fopen(path, "r");
	CHECK(f != NULL);
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	CHECK_STR(text, "# from the parent\n# from the child\n");
}

/* ---- what it leaves -------------------------------------------------------------------------- */

static int leaves_a_grandchild(void *ctx, struct once_child *shared)
{
	(void)shared;
	if (fork() == 0) {
		signal(SIGHUP, SIG_IGN);
		signal(SIGTERM, SIG_IGN);
		sleep(1000);
		_exit(0);
	}
	return *(int *)ctx;
}

/* Waits until nobody holds the writing end. */
static bool all_gone(int fd)
{
	char c;

	return read(fd, &c, 1) == 0;
}

TEST(what_it_leaves_running_is_killed)
{
	int fds[2], status = 3;
	struct once_result r;

	CHECK_INT(pipe(fds), 0);
	r = run_params(&(struct once_params){.run = leaves_a_grandchild, .ctx = &status});
	CHECK_INT(r.how, ONCE_RETURNED);
	CHECK_INT(r.status, 3);
	close(fds[1]);
	CHECK(all_gone(fds[0]));
	close(fds[0]);
}

TEST(it_dies_with_its_parent)
{
	int fds[2];
	char c;
	pid_t parent;

	CHECK_INT(pipe(fds), 0);
	parent = fork();
	if (parent == 0) {
		struct once_result r;

		close(fds[0]);
		CHECK(write(fds[1], "x", 1) == 1);
		once_run(&(struct once_params){.run = loops}, &r, NULL);
		_exit(0);
	}
	close(fds[1]);
	CHECK_INT(read(fds[0], &c, 1), 1);
	sleep_ms(50);
	CHECK_INT(kill(parent, SIGKILL), 0);
	CHECK(all_gone(fds[0]));
	waitpid(parent, NULL, 0);
	close(fds[0]);
}

static size_t open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	CHECK(d != NULL);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static size_t mappings(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	size_t n = 0;
	int c;

	CHECK(f != NULL);
	while ((c = fgetc(f)) != EOF)
		n += c == '\n';
	fclose(f);
	return n;
}

static void ignore_cancel(void *ctx, uint32_t reason)
{
	(void)ctx;
	(void)reason;
}

static int ends_somehow(void *ctx, struct once_child *shared)
{
	once_on_cancel(shared, ignore_cancel, NULL);
	switch (*(int *)ctx % 4) {
	case 0:
		return leaves_a_grandchild(ctx, shared);
	case 1:
		_exit(1);
	case 2:
		raise(SIGKILL);
		return 0;
	default:
		return give_seven(ctx, shared);
	}
}

TEST(two_hundred_runs_leave_nothing)
{
	size_t fds, maps;

	run(give_seven);
	fds = open_descriptors();
	maps = mappings();
	for (int i = 0; i < 200; i++)
		run_params(&(struct once_params){.run = ends_somehow, .ctx = &i});
	CHECK_INT(open_descriptors(), fds);
	CHECK(mappings() <= maps + 2);
}

static int scribbles(void *ctx, struct once_child *shared)
{
	memset(CONTAINER_OF(shared, struct once_shared, child), *(int *)ctx,
	       sizeof(struct once_shared));
	raise(SIGKILL);
	return 0;
}

TEST(a_child_that_scribbles_harms_nobody)
{
	int bytes[] = {0xff, 0x41, 0x01};

	for (size_t i = 0; i < ARRAY_LEN(bytes); i++) {
		struct once_result r =
			run_params(&(struct once_params){.run = scribbles, .ctx = &bytes[i]});

		CHECK(r.how == ONCE_SIGNALLED || r.how == ONCE_OUT_OF_MEMORY);
		CHECK(strlen(r.step) < sizeof(r.step));
		describe(&r);
	}
}

static int looks_at_itself(void *ctx, struct once_child *shared)
{
	struct rlimit core;

	(void)ctx;
	(void)shared;
	getrlimit(RLIMIT_CORE, &core);
	return (getpgrp() == getpid()) + 2 * (core.rlim_max == 0);
}

TEST(own_group_and_no_core_file)
{
	CHECK_INT(run(looks_at_itself).status, 3);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static int allocates_without_end(void *ctx, struct once_child *shared)
{
	(void)ctx;
	once_step(shared, "execute hog");
	for (size_t n = 0;; n++) {
		volatile char *p = malloc(1 << 20);

		p[0] = 1;
		if (n > 1000)
			return 0;
	}
}

static int asks_for_too_much(void *ctx, struct once_child *shared)
{
	volatile char *p = malloc((size_t)1 << 30);

	(void)ctx;
	(void)shared;
	p[0] = 1;
	return 0;
}

static int aborts(void *ctx, struct once_child *shared)
{
	(void)ctx;
	(void)shared;
	abort();
}

static int reports_and_exits(void *ctx, struct once_child *shared)
{
	(void)ctx;
	shared->out_of_memory = 1;
	_exit(4);
}

TEST(memory_limit)
{
	struct once_params p = {.memory_limit = 64 << 20};
	struct once_result r;

	if (UNDER_ASAN)
		test_skip("AddressSanitizer's own mappings are over every limit");
	p.run = allocates_without_end;
	r = run_params(&p);
	CHECK_INT(r.how, ONCE_OUT_OF_MEMORY);
	CHECK_INT(r.signal, SIGSEGV);
	CHECK(strstr(describe(&r),
		     "out of memory (the limit is 64.0 MiB), ended by Segmentation fault (SIGSEGV) "
		     "in execute hog") != NULL);
	p.run = asks_for_too_much;
	CHECK_INT(run_params(&p).how, ONCE_OUT_OF_MEMORY);
	/* A crash for another reason under the same limit. */
	p.run = aborts;
	r = run_params(&p);
	CHECK_INT(r.how, ONCE_SIGNALLED);
	CHECK_INT(r.signal, SIGABRT);
}

TEST(memory_refused_by_the_host)
{
	struct once_result r = run(reports_and_exits);

	CHECK_INT(r.how, ONCE_OUT_OF_MEMORY);
	CHECK_INT(r.code, 4);
}

TEST(control_group_events)
{
	struct error err = ERROR_INIT;
	char root[4000], path[4200];
	const char *quiet = "low 0\nhigh 0\nmax 12\noom 1\noom_kill 0\noom_group_kill 0\n";
	const char *loud = "low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\n";

	snprintf(root, sizeof(root), "%s/cgroup", test_tmpdir());
	snprintf(path, sizeof(path), "%s/pods/a", root);
	CHECK_OK(dir_make(path, 0755, &err), err);
	CHECK(!memory_oom_killed(root, "0::/pods/a\n"));
	snprintf(path, sizeof(path), "%s/pods/a/memory.events", root);
	CHECK_OK(file_write_atomic(path, quiet, strlen(quiet), 0644, false, &err), err);
	CHECK(!memory_oom_killed(root, "0::/pods/a\n"));
	CHECK_OK(file_write_atomic(path, loud, strlen(loud), 0644, false, &err), err);
	CHECK(memory_oom_killed(root, "0::/pods/a\n"));
	CHECK(memory_oom_killed(root, "12:cpu:/x\n0::/pods/a\n"));
	CHECK(!memory_oom_killed(root, "12:memory:/pods/a\n"));
	CHECK(!memory_oom_killed(root, ""));
}

/* ---- debugger -------------------------------------------------------------------------------- */

TEST(debugger_missing)
{
	struct error err = ERROR_INIT;
	struct once_result r;
	char *path = strdup(getenv("PATH"));
	struct once_params p = {.run = give_seven, .debugger = true};

	setenv("PATH", "/nonexistent", 1);
	CHECK_ERR(once_run(&p, &r, &err), ERR_NOT_FOUND, err, "gdb");
	setenv("PATH", path, 1);
	free(path);
	CHECK(waitpid(-1, NULL, WNOHANG) < 0);
}

TEST(debugger_gets_the_process_and_the_run_goes_on)
{
	_cleanup_(buf_done) struct buf args = BUF_INIT;
	struct error err = ERROR_INIT;
	struct once_result r;
	char script[4200], seen[4200], text[9000], *path = strdup(getenv("PATH"));

	snprintf(script, sizeof(script), "%s/bin/gdb", test_tmpdir());
	snprintf(seen, sizeof(seen), "%s/gdb-args", test_tmpdir());
	snprintf(text, sizeof(text), "#!/bin/sh\necho \"$@\" > %s\nkill -0 $3\n", seen);
	snprintf(script, sizeof(script), "%s/bin", test_tmpdir());
	CHECK_OK(dir_make(script, 0755, &err), err);
	setenv("PATH", script, 1);
	snprintf(script, sizeof(script), "%s/bin/gdb", test_tmpdir());
	CHECK_OK(file_write_atomic(script, text, strlen(text), 0755, false, &err), err);
	r = run_params(&(struct once_params){.run = give_seven, .debugger = true, .timeout_ns = 1});
	setenv("PATH", path, 1);
	free(path);
	CHECK_INT(r.how, ONCE_RETURNED);
	CHECK_INT(r.status, 7);
	CHECK_OK(file_read(seen, 1000, &args, &err), err);
	CHECK(strncmp(args.data, "-q -p ", 6) == 0);
}
