/* Runners that crash, hang, flood and lie. */
#include "pool_driver.h"

#include "base/clock.h"
#include "base/mem.h"

#include <dirent.h>
#include <signal.h>
#include <unistd.h>

#define MS INT64_C(1000000)

/* Another run beside the bad one, and one after it, are answered. */
static void others_are_fine(struct runner_generation *g)
{
	struct told t;

	driver_run(g, &t, "echo after");
	CHECK_INT(t.how, RUN_COMPLETED);
	CHECK_STR(t.document, "after");
}

/* ---- deaths ------------------------------------------------------------------------------- */

TEST(a_crash_is_told_with_its_place)
{
	struct runner_generation *g;
	struct told t, beside;

	driver_open(NULL);
	g = GENERATION(.max = 2);
	driver_start(g, &beside, "sleep 100");
	driver_run(g, &t, "crash");
	CHECK_INT(t.how, RUN_DIED);
	CHECK_INT(t.death, DEATH_SIGNALLED);
	CHECK_INT(t.signal, SIGSEGV);
	CHECK_STR(t.why, "Segmentation fault (SIGSEGV) in execute fake.task, at address 0x10");
	CHECK(strstr(t.trace, "fake_crash_here"));
	CHECK(strstr(t.trace, "fake_ops.c"));
	driver_wait(&beside);
	CHECK_INT(beside.how, RUN_COMPLETED);
	others_are_fine(g);
	driver_close();
}

TEST(abort_and_exit)
{
	struct runner_generation *g;
	struct told t;

	driver_open(NULL);
	g = GENERATION();
	driver_run(g, &t, "abort");
	CHECK_INT(t.death, DEATH_SIGNALLED);
	CHECK_INT(t.signal, SIGABRT);
	others_are_fine(g);
	driver_run(g, &t, "exit 0");
	CHECK_INT(t.how, RUN_DIED);
	CHECK_INT(t.death, DEATH_EXITED);
	CHECK_STR(t.why, "called exit(0) in execute fake.task");
	others_are_fine(g);
	driver_close();
}

TEST(memory_without_end)
{
	struct runner_generation *g;
	struct told t;

	if (SANITIZED)
		test_skip("no memory limit under a sanitizer");
	driver_open(NULL);
	g = GENERATION(.limits = {.memory = 200 << 20});
	driver_run(g, &t, "alloc");
	CHECK_INT(t.how, RUN_DIED);
	CHECK_INT(t.death, DEATH_OUT_OF_MEMORY);
	CHECK(strstr(t.why, "out of memory (the limit is 200.0 MiB)"));
	others_are_fine(g);
	driver_close();
}

TEST(cpu_time_is_limited)
{
	struct runner_generation *g;
	struct told t;

	driver_open(NULL);
	g = GENERATION(.limits = {.cpu_seconds = 1});
	for (int i = 0; i < 3; i++) { /* each run has its own */
		driver_run(g, &t, "busy 400000");
		CHECK_INT(t.how, RUN_COMPLETED);
	}
	driver_run(g, &t, "busy 5000000");
	CHECK_INT(t.how, RUN_DIED);
	CHECK_INT(t.death, DEATH_CPU_TIME);
	CHECK(strstr(t.why, "used up its CPU time of 1 s"));
	CHECK(!t.shared);
	driver_close();
}

TEST(cpu_time_that_several_may_have_used_up_is_told)
{
	struct runner_generation *g;
	struct told t, beside;

	driver_open(NULL);
	g = GENERATION(.max_inflight = 20, .limits = {.cpu_seconds = 1});
	driver_start(g, &beside, "never");
	driver_wait_begun(&beside, 1);
	driver_run(g, &t, "busy 60000000");
	CHECK_INT(t.death, DEATH_CPU_TIME);
	CHECK(t.shared);
	driver_wait(&beside);
	CHECK_INT(beside.how, RUN_DIED);
	CHECK(beside.shared);
	driver_close();
}

TEST(runs_that_had_not_begun_move)
{
	static struct told t[60];
	struct runner_generation *g;
	struct told warm;
	unsigned died = 0;

	driver_open(NULL);
	g = GENERATION();
	for (int i = 0; i < 40; i++)
		driver_run(g, &warm, "echo x");
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		driver_start(g, &t[i], i == 10 ? "crash" : "echo y");
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		driver_wait(&t[i]);
		died += t[i].how == RUN_DIED;
		CHECK(i == 10 ? t[i].how == RUN_DIED : t[i].how == RUN_COMPLETED);
	}
	CHECK_INT(died, 1);
	driver_close();
}

TEST(a_crash_takes_those_pending_in_it)
{
	static struct told t[10];
	struct runner_generation *g;
	struct told crash;

	driver_open(NULL);
	g = GENERATION(.max_inflight = 20);
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		driver_start(g, &t[i], "never");
	driver_wait_begun(t, ARRAY_LEN(t));
	driver_run(g, &crash, "crash");
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		driver_wait(&t[i]);
		CHECK_INT(t[i].how, RUN_DIED);
		CHECK_INT(t[i].signal, SIGSEGV);
	}
	others_are_fine(g);
	driver_close();
}

/* ---- stopping ----------------------------------------------------------------------------- */

TEST(cancel_by_the_word)
{
	struct runner_generation *g;
	struct told t;

	driver_open(NULL);
	g = GENERATION();
	driver_start(g, &t, "poll");
	driver_wait_begun(&t, 1);
	run_cancel(&t.run, 1);
	driver_wait(&t);
	CHECK_INT(t.how, RUN_COMPLETED);
	CHECK_INT(t.outcome, 7);
	CHECK_INT(t.cancelled, 1);
	CHECK_STR(t.document, "cancelled 1");
	driver_close();
}

TEST(cancel_by_the_deadline)
{
	struct runner_generation *g;
	struct told t;
	struct run_request q = {.inputs = STR("poll")};

	driver_open(NULL);
	g = GENERATION();
	driver_run(g, &t, "echo ready"); /* the next one begins before its deadline */
	q.deadline_ns = clock_monotonic_ns() + 500 * MS;
	driver_start_with(g, &t, &q);
	driver_wait(&t);
	CHECK_INT(t.how, RUN_COMPLETED);
	CHECK_STR(t.document, "cancelled 2");
	CHECK(t.ended_ns >= q.deadline_ns);
	driver_close();
}

TEST(the_ladder_ends_with_term)
{
	struct runner_generation *g;
	struct told t;
	int64_t asked;

	driver_open(NULL);
	g = GENERATION(.grace_ns = 30 * MS, .term_ns = 5000 * MS);
	driver_start(g, &t, "hang");
	driver_wait_begun(&t, 1);
	asked = clock_monotonic_ns();
	run_cancel(&t.run, 1);
	driver_wait(&t);
	CHECK_INT(t.how, RUN_CANCELLED);
	CHECK_INT(t.death, DEATH_KILLED);
	CHECK_INT(t.signal, SIGTERM);
	CHECK(t.ended_ns - asked >= 30 * MS);
	others_are_fine(g);
	driver_close();
}

TEST(the_ladder_ends_with_kill)
{
	struct runner_generation *g;
	struct told t;
	int64_t asked;

	driver_open(NULL);
	g = GENERATION(.grace_ns = 30 * MS, .term_ns = 30 * MS);
	driver_start(g, &t, "stubborn");
	driver_wait_begun(&t, 1);
	asked = clock_monotonic_ns();
	run_cancel(&t.run, 1);
	driver_wait(&t);
	CHECK_INT(t.how, RUN_CANCELLED);
	CHECK_INT(t.signal, SIGKILL);
	CHECK(t.ended_ns - asked >= 60 * MS);
	CHECK(t.asked_ns >= asked && t.term_ns >= t.asked_ns + 30 * MS);
	CHECK(t.kill_ns >= t.term_ns + 30 * MS && t.ended_ns >= t.kill_ns);
	others_are_fine(g);
	driver_close();
}

TEST(kill_is_at_once)
{
	struct runner_generation *g;
	struct told t;
	int64_t asked;

	driver_open(NULL);
	g = GENERATION(.grace_ns = 60000 * MS, .term_ns = 60000 * MS);
	driver_start(g, &t, "stubborn");
	driver_wait_begun(&t, 1);
	asked = clock_monotonic_ns();
	run_kill(&t.run, 3);
	driver_wait(&t);
	CHECK_INT(t.how, RUN_CANCELLED);
	CHECK_INT(t.cancelled, 3);
	CHECK(t.ended_ns - asked < 10000 * MS);
	driver_close();
}

static bool term_was_sent(void *arg)
{
	return ((struct told *)arg)->run.end.term_ns != 0;
}

/* A plugin that has blocked SIGTERM: between that and SIGKILL its runner gets nothing new. */
TEST(a_runner_that_is_told_to_end_gets_no_new_runs)
{
	struct runner_generation *g;
	struct told deaf, beside, new;

	driver_open(NULL);
	g = GENERATION(.max = 2, .max_inflight = 20, .grace_ns = 300 * MS, .term_ns = 60000 * MS);
	driver_start(g, &beside, "never");
	driver_wait_begun(&beside, 1);
	driver_start(g, &deaf, "stubborn");
	driver_wait_begun(&deaf, 1);
	run_cancel(&deaf.run, 1);
	driver_until(term_was_sent, &deaf, "SIGTERM");
	driver_run(g, &new, "echo new");
	CHECK_INT(new.how, RUN_COMPLETED);
	CHECK(!deaf.done && !beside.done);
	run_kill(&deaf.run, 1);
	driver_wait(&deaf);
	CHECK_INT(deaf.how, RUN_CANCELLED);
	driver_wait(&beside);
	CHECK_INT(beside.how, RUN_DIED);
	CHECK_INT(beside.death, DEATH_KILLED);
	CHECK(strstr(beside.why, "another run in it did not stop"));
	driver_close();
}

/* ---- misbehaviour ------------------------------------------------------------------------- */

TEST(completed_twice_counts_once)
{
	struct runner_generation *g;
	struct told t;

	driver_open(NULL);
	g = GENERATION();
	driver_run(g, &t, "double");
	CHECK_STR(t.document, "once");
	driver_run(g, &t, "doubled");
	CHECK_INT(t.outcome, 1);
	driver_close();
}

TEST(a_closed_control_socket_ends_it)
{
	struct runner_generation *g;
	struct told t;

	driver_open(NULL);
	g = GENERATION();
	driver_run(g, &t, "close");
	CHECK_INT(t.how, RUN_DIED);
	CHECK_INT(t.death, DEATH_MISBEHAVED);
	CHECK(strstr(t.why, "it closed its control socket and went on"));
	others_are_fine(g);
	driver_close();
}

TEST(waking_for_nothing_ends_it)
{
	struct runner_generation *g;
	struct told t;

	driver_open(NULL);
	g = GENERATION();
	driver_run(g, &t, "wake");
	CHECK_INT(t.how, RUN_DIED);
	CHECK(strstr(t.why, "it woke the host 10000 times for nothing"));
	others_are_fine(g);
	driver_close();
}

TEST(completion_of_nothing_is_counted)
{
	struct runner_pool_stats stats;
	struct runner_generation *g;
	struct told t;

	driver_open(NULL);
	g = GENERATION();
	driver_run(g, &t, "stray");
	CHECK_STR(t.document, "stray");
	runner_pool_stats(driver.pool, &stats);
	CHECK_INT(stats.stray, 1);
	CHECK_INT(stats.misbehaved, 0);
	driver_close();
}

TEST(lies_in_the_ring_only_hurt_the_liar)
{
	struct runner_generation *g;
	struct runner_pool_stats stats;
	struct told t, beside;

	for (int kind = 0; kind < 4; kind++) {
		char word[16];

		driver_open(NULL);
		g = GENERATION(.max = 2);
		snprintf(word, sizeof(word), "garbage %d", kind);
		driver_start(g, &beside, "sleep 50");
		driver_run(g, &t, word);
		CHECK_INT(t.how, RUN_DIED);
		CHECK_INT(t.death, DEATH_MISBEHAVED);
		CHECK(strstr(t.why, "killed because it misbehaved: "));
		driver_wait(&beside);
		CHECK_INT(beside.how, RUN_COMPLETED);
		runner_pool_stats(driver.pool, &stats);
		CHECK_INT(stats.misbehaved, 1);
		others_are_fine(g);
		driver_close();
	}
}

/* A zombie is dead; whoever adopted it may take its time. */
static bool is_alive(pid_t pid)
{
	char path[64], text[256] = "", *state;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "r");
	if (f && !fgets(text, sizeof(text), f))
		text[0] = '\0';
	if (f)
		fclose(f);
	state = strrchr(text, ')');
	return state && state[2] != 'Z' && state[2] != 'X';
}

static unsigned processes_of_group(pid_t group)
{
	DIR *d = opendir("/proc");
	unsigned n = 0;
	struct dirent *e;

	while (d && (e = readdir(d))) {
		pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);

		n += pid > 0 && getpgid(pid) == group && is_alive(pid);
	}
	if (d)
		closedir(d);
	return n;
}

static pid_t child_of_us(void)
{
	char path[64], text[64] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", gettid());
	f = fopen(path, "r");
	if (f && !fgets(text, sizeof(text), f))
		text[0] = '\0';
	if (f)
		fclose(f);
	return (pid_t)strtol(text, NULL, 10);
}

static void no_spares(struct runner_pool_params *p)
{
	p->spares = 0;
}

TEST(a_fork_bomb_is_gone_with_its_runner)
{
	struct runner_generation *g;
	struct told t;
	pid_t group;

	driver_open(no_spares);
	g = GENERATION();
	driver_run(g, &t, "echo x");
	group = child_of_us();
	CHECK(group > 0);
	driver_run(g, &t, "bomb 100");
	CHECK_INT(processes_of_group(group), 101);
	driver_run(g, &t, "exit 1");
	for (int i = 0; i < 100 && processes_of_group(group) > 0; i++)
		driver_turn(10 * MS);
	CHECK_INT(processes_of_group(group), 0);
	driver_close();
}

TEST(threads_left_behind_do_not_keep_it)
{
	struct runner_pool_stats stats;
	struct runner_generation *g;
	struct told t;

	driver_open(NULL);
	g = GENERATION(.max_runs = 2);
	for (int i = 0; i < 6; i++) {
		driver_run(g, &t, "thread");
		CHECK_INT(t.how, RUN_COMPLETED);
	}
	runner_pool_stats(driver.pool, &stats);
	CHECK_INT(stats.recycled, 3);
	CHECK_INT(stats.crashed, 0);
	driver_close();
}
