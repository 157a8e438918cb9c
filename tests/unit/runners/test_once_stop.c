/* How runs are stopped: timeouts, the cancel callback, signals to the parent. */
#include "run.h"

#include "base/file.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

/* ---- time ------------------------------------------------------------------------------------ */

static int loops_until_cancelled(void *ctx, struct once_child *shared)
{
	(void)ctx;
	while (!shared->cancel)
		sleep_ms(1);
	return 100 + (int)shared->cancel;
}

TEST(timeout_ends_an_infinite_loop)
{
	int64_t start = clock_monotonic_ns(), took;
	struct once_result r = run_params(
		&(struct once_params){.run = loops, .timeout_ns = 50 * MS, .grace_ns = 100 * MS});

	took = clock_monotonic_ns() - start;
	CHECK_INT(r.how, ONCE_TIMED_OUT);
	CHECK(took >= 150 * MS && took < 15000 * MS);
	CHECK_STR(describe(&r), "did not end within 0.05 s and was killed in execute spin");
}

TEST(timeout_lets_a_polite_run_return)
{
	int64_t start = clock_monotonic_ns();
	struct once_result r = run_params(
		&(struct once_params){.run = loops_until_cancelled, .timeout_ns = 50 * MS});

	CHECK_INT(r.how, ONCE_RETURNED);
	CHECK_INT(r.status, 100 + ONCE_CANCEL_DEADLINE);
	CHECK(clock_monotonic_ns() - start < 4000 * MS);
}

static _Atomic uint32_t called_with; /* in the child */

static void note_cancel(void *ctx, uint32_t reason)
{
	(void)ctx;
	called_with = reason;
}

static int waits_for_callback(void *ctx, struct once_child *shared)
{
	once_on_cancel(shared, note_cancel, ctx);
	while (!called_with)
		sleep_ms(1);
	return (int)called_with;
}

TEST(cancel_callback_comes_while_the_run_is_busy)
{
	struct once_result r =
		run_params(&(struct once_params){.run = waits_for_callback, .timeout_ns = 20 * MS});

	CHECK_INT(r.how, ONCE_RETURNED);
	CHECK_INT(r.status, ONCE_CANCEL_DEADLINE);
}

static int returns_what_was_called(void *ctx, struct once_child *shared)
{
	once_on_cancel(shared, note_cancel, ctx);
	sleep_ms(20);
	return (int)called_with;
}

TEST(no_callback_without_cancel)
{
	struct once_result r = run(returns_what_was_called);

	CHECK_INT(r.how, ONCE_RETURNED);
	CHECK_INT(r.status, 0);
}

/* ---- signals to the parent ------------------------------------------------------------------- */

static int stops_parent_and_loops(void *ctx, struct once_child *shared)
{
	once_step(shared, "execute x");
	kill(getppid(), *(int *)ctx);
	return loops(NULL, shared);
}

static int stops_parent_and_returns(void *ctx, struct once_child *shared)
{
	kill(getppid(), *(int *)ctx);
	return loops_until_cancelled(NULL, shared);
}

static int stops_parent_twice(void *ctx, struct once_child *shared)
{
	kill(getppid(), *(int *)ctx);
	while (!shared->cancel)
		sleep_ms(1);
	kill(getppid(), *(int *)ctx);
	return loops(NULL, shared);
}

TEST(sigterm_to_the_parent_stops_the_run)
{
	int sigs[] = {SIGTERM, SIGINT};

	for (size_t i = 0; i < ARRAY_LEN(sigs); i++) {
		struct once_result r = run_params(&(struct once_params){
			.run = stops_parent_and_loops, .ctx = &sigs[i], .grace_ns = 50 * MS});

		CHECK_INT(r.how, ONCE_STOPPED);
		CHECK_INT(r.signal, sigs[i]);
		r = run_params(
			&(struct once_params){.run = stops_parent_and_returns, .ctx = &sigs[i]});
		CHECK_INT(r.how, ONCE_STOPPED);
		CHECK_INT(r.signal, sigs[i]);
	}
	CHECK_STR(describe(&(struct once_result){
			  .how = ONCE_STOPPED, .signal = SIGTERM, .step = "execute x"}),
		  "stopped by Terminated (SIGTERM) in execute x");
}

TEST(the_default_grace_ends_within_five_seconds)
{
	int sig = SIGTERM;
	int64_t start = clock_monotonic_ns(), took;

	run_params(&(struct once_params){.run = stops_parent_and_loops, .ctx = &sig});
	took = clock_monotonic_ns() - start;
	_Static_assert(ONCE_GRACE_NS > 4000 * MS && ONCE_GRACE_NS < 5000 * MS, "the promise");
	CHECK(took >= ONCE_GRACE_NS && took < 15000 * MS);
}

TEST(a_second_sigterm_kills_at_once)
{
	int sig = SIGTERM;
	int64_t start = clock_monotonic_ns();
	struct once_result r = run_params(&(struct once_params){
		.run = stops_parent_twice, .ctx = &sig, .grace_ns = 60000 * MS});

	CHECK_INT(r.how, ONCE_STOPPED);
	CHECK(clock_monotonic_ns() - start < 5000 * MS);
}

static int stops_parent_and_gives_seven(void *ctx, struct once_child *shared)
{
	kill(getppid(), SIGTERM);
	sleep_ms(20);
	return give_seven(ctx, shared);
}

TEST(an_ignored_sigterm_stays_ignored)
{
	struct once_result r;

	signal(SIGTERM, SIG_IGN);
	r = run(stops_parent_and_gives_seven);
	signal(SIGTERM, SIG_DFL);
	CHECK_INT(r.how, ONCE_RETURNED);
	CHECK_INT(r.status, 7);
}

static void no_handler(int sig)
{
	(void)sig;
}

TEST(signals_are_as_before)
{
	struct sigaction mine = {.sa_handler = no_handler}, now;
	sigset_t mask;

	sigaction(SIGCHLD, &mine, NULL);
	run(give_seven);
	CHECK_INT(sigprocmask(SIG_SETMASK, NULL, &mask), 0);
	CHECK(!sigismember(&mask, SIGTERM) && !sigismember(&mask, SIGCHLD));
	CHECK_INT(sigaction(SIGCHLD, NULL, &now), 0);
	CHECK(now.sa_handler == no_handler);
	signal(SIGCHLD, SIG_IGN);
	CHECK_INT(run(give_seven).status, 7);
	signal(SIGCHLD, SIG_DFL);
}

static int asks_for_a_dump(void *ctx, struct once_child *shared)
{
	struct stat st = {0};

	(void)ctx;
	(void)shared;
	kill(getppid(), SIGUSR1);
	for (int i = 0; i < 5000 && st.st_size == 0; i++) {
		sleep_ms(1);
		fstat(STDERR_FILENO, &st);
	}
	return 5;
}

TEST(sigusr1_dumps_the_stack_and_goes_on)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	struct error err = ERROR_INIT;
	struct once_result r;
	char path[4096];
	int saved, fd;

	if (UNDER_TSAN)
		test_skip("the thread sanitizer delivers signals late, from a stack of its own");
	saved = dup(STDERR_FILENO);
	snprintf(path, sizeof(path), "%s/stderr", test_tmpdir());
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	CHECK(fd >= 0 && saved >= 0);
	dup2(fd, STDERR_FILENO);
	close(fd);
	r = run(asks_for_a_dump);
	dup2(saved, STDERR_FILENO);
	close(saved);
	CHECK_INT(r.how, ONCE_RETURNED);
	CHECK_INT(r.status, 5);
	CHECK_OK(file_read(path, 1 << 20, &text, &err), err);
	CHECK(strstr(text.data, "stack of process ") == text.data);
	CHECK(strstr(text.data, "#1 0x") != NULL);
	CHECK(strstr(text.data, "runners-test_once_stop+0x") != NULL);
}
