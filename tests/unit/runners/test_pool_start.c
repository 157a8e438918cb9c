/* Runners that do not start, and generations that are quarantined for it. */
#include "pool_driver.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdlib.h>

#define MS INT64_C(1000000)

static void starts_badly(struct str config, const char *words)
{
	struct runner_generation_status status;
	struct runner_generation *g;
	struct told t;

	driver_open(NULL);
	g = GENERATION(.config = config, .start_ns = 100 * MS);
	driver_start(g, &t, "echo x");
	driver_wait_quarantined(g);
	runner_generation_status(g, &status);
	CHECK(status.quarantined_until_ns > clock_monotonic_ns() + 28000 * MS);
	CHECK_INT(driver.changes, 1);
	CHECK_INT(status.queued, 1);
	if (!strstr(status.reason, words))
		test_fail(__FILE__, __LINE__, "the reason is \"%s\"", status.reason);
	run_cancel(&t.run, 1);
	driver_wait(&t);
	driver_close();
}

TEST(failed_starts_are_quarantined)
{
	starts_badly(STR("fail"), "it did not start: /fake.so was built for another host");
}

TEST(crashes_at_start_are_quarantined)
{
	starts_badly(STR("crash"), "it did not start: Segmentation fault (SIGSEGV) in load fake");
}

TEST(exits_at_start_are_quarantined)
{
	starts_badly(STR("exit"), "it did not start: called exit(3) in load fake");
}

TEST(slow_starts_are_quarantined)
{
	starts_badly(STR("hang"), "fake did not start within 100 ms");
}

TEST(another_build_is_refused)
{
	char expected[200];

	setenv("FAKE_BUILD", "0.0.1+feedfacecafe", 1);
	snprintf(expected, sizeof(expected),
		 "the other side is build 0.0.1+feedfacecafe, this is build %s", TASKHOST_VERSION);
	starts_badly(STR(""), expected);
	unsetenv("FAKE_BUILD");
}

/* Limits that a task asked for are its own affair: what waits with them ends, others are served. */
static void starts_badly_as_asked(struct str config, int how, const char *words)
{
	struct runner_generation_status status;
	struct runner_generation *g;
	struct told t[3];

	driver_open(NULL);
	g = GENERATION(.config = config, .asked = {.memory = 1 << 30});
	for (int i = 0; i < 4; i++) {
		for (size_t k = 0; k < ARRAY_LEN(t); k++)
			driver_start(g, &t[k], "echo x");
		for (size_t k = 0; k < ARRAY_LEN(t); k++) {
			driver_wait(&t[k]);
			CHECK_INT(t[k].how, RUN_DIED);
			CHECK_INT(t[k].death, how);
			CHECK(strstr(t[k].why, words));
			CHECK_INT(t[k].n_started, 0);
		}
	}
	runner_generation_status(g, &status);
	CHECK(!status.quarantined);
	CHECK_INT(status.queued, 0);
	CHECK_INT(driver.changes, 0);
	driver_close();
}

TEST(too_little_memory_to_start_is_out_of_memory)
{
	starts_badly_as_asked(STR("nomem"), DEATH_OUT_OF_MEMORY, "out of memory");
}

TEST(a_start_that_fails_with_limits_of_a_task_ends_what_waits)
{
	starts_badly_as_asked(STR("fail"), DEATH_EXITED, "exit(");
	starts_badly_as_asked(STR("crash"), DEATH_SIGNALLED, "SIGSEGV");
}

TEST(out_of_memory_that_a_task_asked_for_is_no_poison)
{
	struct runner_limits limits = {.memory = 200 << 20};
	struct runner_generation_status status;
	struct runner_generation *g;
	struct told t;

	if (SANITIZED)
		test_skip("no memory limit under a sanitizer");
	driver_open(NULL);
	g = GENERATION(.limits = limits, .asked = limits);
	for (int i = 0; i < 7; i++) {
		driver_run(g, &t, "alloc");
		CHECK_INT(t.death, DEATH_OUT_OF_MEMORY);
	}
	runner_generation_status(g, &status);
	CHECK(!status.quarantined);
	driver_run(g, &t, "echo on");
	CHECK_STR(t.document, "on");
	driver_close();
}

static void is_no_poison(struct runner_generation *g, const char *inputs, enum death_how how)
{
	struct runner_generation_status status;
	struct told t;

	for (int i = 0; i < 5; i++) {
		driver_run(g, &t, inputs);
		CHECK_INT(t.how, RUN_DIED);
		CHECK_INT(t.death, how);
	}
	runner_generation_status(g, &status);
	CHECK(!status.quarantined);
	CHECK(status.reason[0]);
	CHECK_INT(status.crashes % 5, 0);
	CHECK_INT(driver.changes, 0);
	driver_run(g, &t, "echo on");
	CHECK_STR(t.document, "on");
}

/* Whether an end is one for want of memory cannot always be told. */
TEST(crashes_with_the_memory_of_a_task_are_no_poison)
{
	struct runner_generation *g;

	driver_open(NULL);
	g = GENERATION(.asked = {.memory = 1 << 30});
	is_no_poison(g, "exit 3", DEATH_EXITED);
	is_no_poison(g, "crash", DEATH_SIGNALLED);
	driver_close();
}

TEST(ends_at_the_operators_limits_are_no_poison)
{
	struct runner_generation *g;

	driver_open(NULL);
	g = GENERATION(.limits = {.cpu_seconds = 1});
	is_no_poison(g, "busy 60000000", DEATH_CPU_TIME);
	driver_close();
	if (SANITIZED)
		test_skip("no memory limit under a sanitizer");
	driver_open(NULL);
	g = GENERATION(.limits = {.memory = 200 << 20});
	is_no_poison(g, "alloc", DEATH_OUT_OF_MEMORY);
	driver_close();
}

static void no_program(struct runner_pool_params *p)
{
	p->program = "/nowhere/taskhost-runner";
}

TEST(a_missing_program_is_told)
{
	struct runner_generation_status status;
	struct runner_generation *g;
	struct told t;

	driver_open(no_program);
	g = GENERATION();
	driver_start(g, &t, "echo x");
	driver_wait_quarantined(g);
	runner_generation_status(g, &status);
	CHECK(strstr(status.reason, "cannot start a runner: /nowhere/taskhost-runner: No such"));
	run_cancel(&t.run, 1);
	driver_wait(&t);
	driver_close();
}

TEST(five_crashes_are_poison)
{
	struct runner_generation_status status;
	struct runner_generation *g;
	struct told t;

	driver_open(NULL);
	g = GENERATION();
	for (int i = 0; i < 5; i++) {
		runner_generation_status(g, &status);
		CHECK(!status.quarantined);
		driver_run(g, &t, "crash");
	}
	runner_generation_status(g, &status);
	CHECK(status.quarantined);
	CHECK_INT(status.crashes, 5);
	CHECK(strstr(status.reason, "SIGSEGV"));
	driver_start(g, &t, "echo waits");
	driver_pass(40 * MS);
	CHECK(!t.done);
	runner_generation_unquarantine(g);
	driver_wait(&t);
	CHECK_STR(t.document, "waits");
	driver_close();
}
