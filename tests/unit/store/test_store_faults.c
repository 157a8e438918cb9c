/* A disk that is full, sealed or failing. */
#include "store_kit.h"

#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs in a child, for limits cannot be raised again by everyone. */
static bool in_child(void (*body)(void))
{
	int status = -1;
	pid_t pid;

	test_tmpdir(); /* made here, so that it is removed here */
	pid = fork();
	if (pid == 0) {
		body();
		_exit(0);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

/* The same on a small file system of its own. */
static void on_tmpfs(const char *name, void (*body)(void))
{
	bool ok;

	CHECK(mkdir(kit_path(name), 0700) == 0);
	if (mount("tmpfs", kit_path(name), "tmpfs", 0, "size=8m") < 0)
		test_skip("needs the right to mount a tmpfs");
	ok = in_child(body);
	umount2(kit_path(name), MNT_DETACH);
	CHECK(ok);
}

#define NEED(cond)                                                                                 \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                 \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

static void limit_file_size(rlim_t bytes)
{
	struct rlimit r = {bytes, RLIM_INFINITY};

	NEED(setrlimit(RLIMIT_FSIZE, &r) == 0);
}

static bool full_seen, finish_seen;

static void on_finish(struct store_op *op)
{
	NEED(op->status == 0);
	finish_seen = true;
}

static void wait_for_condition(struct kit *k, enum store_condition c)
{
	struct store_stats stats;

	for (int i = 0; i < 500; i++) {
		store_stats(k->store, &stats);
		if (stats.condition == c)
			return;
		usleep(10000);
	}
	fprintf(stderr, "the store was not %s within 5 s\n", store_condition_text(c));
	_exit(1);
}

static struct kit kit;

static void file_limit_body(void)
{
	struct store_finish f = {.id = 1, .state = EXEC_SUCCEEDED, .run = 1, .at = 9};
	struct store_row row = kit_row(1), *got;
	struct store_accept a = {.row = &row};

	signal(SIGXFSZ, SIG_IGN);
	kit_open(&kit, "limit");
	kit_accept(&kit, &row);
	limit_file_size(4096); /* not even one page of the log */
	row = kit_row(2);
	NEED(kit_do(&kit, &a.op, STORE_ACCEPT) == ERR_LIMIT);
	NEED(strstr(a.op.message, "File too large"));
	f.op.done = on_finish;
	store_submit(kit.store, &f.op, STORE_FINISH);
	wait_for_condition(&kit, STORE_FULL);
	NEED(store_complete(kit.store) == 0 && !finish_seen);
	/* While a finish is being retried, accepts still get their answer. */
	a = (struct store_accept){.row = &row};
	NEED(kit_do(&kit, &a.op, STORE_ACCEPT) == ERR_LIMIT);
	NEED(!finish_seen);
	limit_file_size(RLIM_INFINITY);
	while (!finish_seen) {
		sem_wait(&kit.woken);
		store_complete(kit.store);
	}
	wait_for_condition(&kit, STORE_WELL);
	got = kit_get(&kit, 1);
	NEED(got && got->state == EXEC_SUCCEEDED);
	store_row_free(got);
	NEED(kit_accept(&kit, &row) == STORE_ACCEPTED);
	kit_close(&kit);
}

TEST(accept_fails_and_finish_waits_while_nothing_can_be_written)
{
	CHECK(in_child(file_limit_body));
}

static void close_body(void)
{
	struct store_finish f = {.id = 1, .state = EXEC_SUCCEEDED, .run = 1, .at = 9};
	struct store_row row = kit_row(1);

	signal(SIGXFSZ, SIG_IGN);
	kit_open(&kit, "limit_close");
	kit_accept(&kit, &row);
	limit_file_size(4096); /* not even one page of the log */
	f.op.done = kit_done;
	store_submit(kit.store, &f.op, STORE_FINISH);
	wait_for_condition(&kit, STORE_FULL);
	kit_close(&kit); /* comes back, and says so */
	NEED(f.op.status == ERR_CANCELLED);
}

/* Nothing is asked of it while it cannot write, as of a worker that is not ready. */
static void unasked_body(void)
{
	struct store_row row = kit_row(1);
	struct store_accept a = {.row = &row};
	struct store_stats stats;

	signal(SIGXFSZ, SIG_IGN);
	kit_open(&kit, "unasked");
	kit_accept(&kit, &row);
	limit_file_size(4096); /* not even one page of the log */
	row = kit_row(2);
	NEED(kit_do(&kit, &a.op, STORE_ACCEPT) == ERR_LIMIT);
	wait_for_condition(&kit, STORE_FULL);
	usleep(1300000); /* the disk has room, and still nothing can be written */
	store_stats(kit.store, &stats);
	NEED(stats.condition == STORE_FULL);
	limit_file_size(RLIM_INFINITY);
	wait_for_condition(&kit, STORE_WELL);
	NEED(kit_accept(&kit, &row) == STORE_ACCEPTED);
	kit_close(&kit);
}

TEST(well_again_only_when_it_can_write)
{
	CHECK(in_child(unasked_body));
}

TEST(close_does_not_wait_for_room)
{
	CHECK(in_child(close_body));
}

static void fill(const char *path)
{
	static char block[65536];
	FILE *f = fopen(path, "w");

	NEED(f);
	while (fwrite(block, 1, sizeof(block), f) == sizeof(block))
		;
	while (fwrite(block, 1, 4096, f) == 4096)
		;
	fclose(f);
}

/* A small file system of its own, filled to the brim behind the store's back. */
static void full_disk_body(void)
{
	const char *dir = kit_path("small");
	struct error err = ERROR_INIT;
	struct store_row row;
	struct store_stats stats;
	char filler[4096];
	int r = 0;

	NEED(kit_try(&kit, dir, 0, 1 << 20, &err) == 0);
	snprintf(filler, sizeof(filler), "%s", kit_path("small/filler"));
	for (uint64_t id = 1; id <= 200; id++) {
		row = kit_row(id);
		kit_accept(&kit, &row);
	}
	fill(filler);
	for (uint64_t id = 1000; r == 0 && id < 20000; id++) {
		struct store_row next = kit_row(id);
		struct store_accept a = {.row = &next};

		r = kit_do(&kit, &a.op, STORE_ACCEPT);
		full_seen = r == ERR_LIMIT;
	}
	NEED(full_seen);
	/* What was accepted can still be finished, out of the ballast. */
	for (uint64_t id = 1; id <= 200; id++)
		NEED(kit_finish(&kit, id, EXEC_SUCCEEDED, STR("outputs")) == 0);
	NEED(unlink(filler) == 0);
	usleep(600000);
	row = kit_row(30000);
	NEED(kit_accept(&kit, &row) == STORE_ACCEPTED);
	store_stats(kit.store, &stats);
	NEED(stats.condition == STORE_WELL);
	kit_close(&kit);
}

TEST(full_disk_refuses_accepts_and_lets_finish)
{
	on_tmpfs("small", full_disk_body);
}

TEST(low_water_refuses_accepts_before_the_disk_is_full)
{
	struct error err = ERROR_INIT;
	struct store_stats stats;
	struct store_row row = kit_row(1);
	struct store_accept a = {.row = &row};
	struct kit k;

	CHECK_OK(kit_try(&k, kit_path("low"), UINT64_MAX / 2, 0, &err), err);
	CHECK_INT(kit_do(&k, &a.op, STORE_ACCEPT), ERR_LIMIT);
	CHECK(strstr(a.op.message, "almost full"));
	store_stats(k.store, &stats);
	CHECK_INT(stats.condition, STORE_LOW);
	kit_close(&k);
}

static int run_as_nobody(const char *dir, const char *words)
{
	struct store_sqlite_options o = {.dir = dir};
	struct error err = ERROR_INIT;
	struct store *s = NULL;

	if (getuid() == 0 && setuid(65534) < 0)
		return 2;
	if (store_sqlite_open(&o, &s, &err) == ERR_DENIED && strstr(err.message, words))
		return 0;
	fprintf(stderr, "said: %s\n", err.message);
	return 1;
}

TEST(sealed_directory_is_said)
{
	const char *dir = kit_path("sealed");
	int status;
	pid_t pid;

	CHECK(mkdir(dir, 0555) == 0);
	CHECK(chmod(test_tmpdir(), 0755) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		_exit(run_as_nobody(dir, "cannot open state database"));
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	CHECK_INT(WEXITSTATUS(status), 0);
}

static void read_only_body(void)
{
	const char *dir = kit_path("turning");
	struct error err = ERROR_INIT;
	struct store_row row = kit_row(1), *got;
	struct store_accept a = {.row = &row};

	NEED(kit_try(&kit, dir, 0, 0, &err) == 0);
	kit_accept(&kit, &row);
	store_close(kit.store);
	state_dir_close(&kit.dir);
	NEED(mount(NULL, dir, NULL, MS_REMOUNT | MS_RDONLY, "size=8m") == 0);
	NEED(kit_try(&kit, dir, 0, 0, &err) == ERR_DENIED);
	NEED(strstr(err.message, dir));
	NEED(mount(NULL, dir, NULL, MS_REMOUNT, "size=8m") == 0);
	NEED(kit_try(&kit, dir, 0, 0, &err) == 0);
	got = kit_get(&kit, 1);
	NEED(got);
	store_row_free(got);
	row = kit_row(2);
	NEED(kit_do(&kit, &a.op, STORE_ACCEPT) == 0);
	kit_close(&kit);
}

TEST(read_only_file_system_is_said)
{
	on_tmpfs("turning", read_only_body);
}
