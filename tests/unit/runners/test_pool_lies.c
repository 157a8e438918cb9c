/* Runners that take back what they have said, and what the host has set. */
#include "pool_driver.h"

#include "base/clock.h"
#include "base/mem.h"

#include <signal.h>
#include <stdlib.h>

#define MS INT64_C(1000000)

/* Enough short runs that several may wait in one runner. */
static void learn(struct runner_generation *g)
{
	struct told t;

	for (int i = 0; i < 40; i++)
		driver_run(g, &t, "context");
}

/* The first run denies that the second, which has been put behind it, ever began. */
static struct runner_generation *open_with(struct told t[2], const char *first)
{
	struct runner_generation *g;

	driver_open(NULL);
	g = GENERATION(.grace_ns = 100 * MS, .term_ns = 5000 * MS);
	learn(g);
	driver_start(g, &t[0], first);
	driver_start(g, &t[1], "echo second");
	driver_wait_begun(t, 2);
	CHECK(!t[0].done && !t[1].done);
	return g;
}

TEST(a_cancelled_run_is_never_taken_back)
{
	struct runner_generation *g;
	struct told t[2], after;

	g = open_with(t, "deny 0");
	run_cancel(&t[1].run, 1);
	driver_wait(&t[1]);
	CHECK_INT(t[1].how, RUN_CANCELLED);
	CHECK(t[1].term_ns >= t[1].asked_ns + 100 * MS);
	driver_wait(&t[0]);
	CHECK_INT(t[0].how, RUN_DIED);
	CHECK_INT(t[0].death, DEATH_KILLED);
	driver_run(g, &after, "echo after");
	CHECK_STR(after.document, "after");
	driver_close();
}

TEST(a_run_that_began_is_never_taken_back)
{
	struct told t[2];

	open_with(t, "deny 20");
	driver_pass(100 * MS);
	run_kill(&t[0].run, 1); /* the runner dies, and what had begun in it */
	driver_wait(&t[0]);
	driver_wait(&t[1]);
	CHECK_INT(t[1].how, RUN_DIED);
	CHECK_INT(t[1].n_started, 1);
	driver_close();
}

TEST(a_run_that_began_is_cancelled_by_the_ladder)
{
	struct told t[2];

	open_with(t, "deny 20");
	driver_pass(100 * MS);
	run_cancel(&t[1].run, 1);
	driver_wait(&t[1]);
	CHECK_INT(t[1].how, RUN_CANCELLED);
	CHECK(t[1].term_ns >= t[1].asked_ns + 100 * MS);
	driver_wait(&t[0]);
	CHECK_INT(t[0].death, DEATH_KILLED);
	driver_close();
}

TEST(names_of_frames_are_taken_once)
{
	struct runner_generation *g;
	struct told t;

	setenv("FAKE_NAMER", "1", 1);
	driver_open(NULL);
	g = GENERATION();
	driver_run(g, &t, "crash");
	CHECK_INT(t.signal, SIGSEGV);
	CHECK_STR(t.trace, "frame 0\nframe 1\nframe 2\n");
	driver_close();
	unsetenv("FAKE_NAMER");
}

TEST(ready_is_said_once)
{
	struct runner_generation *g;
	struct told t;

	driver_open(NULL);
	g = GENERATION();
	driver_run(g, &t, "ready");
	CHECK_INT(t.how, RUN_DIED);
	CHECK_INT(t.death, DEATH_MISBEHAVED);
	CHECK(strstr(t.why, "it said twice that it is ready"));
	driver_close();
}

TEST(cpu_time_cannot_be_taken_by_ignoring_the_signal)
{
	struct runner_generation *g;
	struct told t;

	driver_open(NULL);
	g = GENERATION(.limits = {.cpu_seconds = 1});
	driver_run(g, &t, "unlimit");
	for (int i = 0; i < 6; i++) { /* each run still has its own */
		driver_run(g, &t, "busy 600000");
		CHECK_INT(t.how, RUN_COMPLETED);
	}
	driver_run(g, &t, "busy 60000000");
	CHECK_INT(t.how, RUN_DIED);
	CHECK_INT(t.death, DEATH_CPU_TIME);
	CHECK_INT(t.signal, SIGKILL);
	CHECK(strstr(t.why, "used up its CPU time of 1 s"));
	driver_run(g, &t, "echo after");
	CHECK_STR(t.document, "after");
	driver_close();
}
