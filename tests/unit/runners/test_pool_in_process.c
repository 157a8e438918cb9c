/* Plugins that run on threads of the host. */
#include "pool_driver.h"

#include "base/clock.h"
#include "base/mem.h"

#include <dirent.h>

#define MS INT64_C(1000000)

TEST(in_process_gives_the_same_answers)
{
	static struct told t[200];
	struct runner_generation_status status;
	struct runner_generation *g;

	driver_open(NULL);
	g = GENERATION(.in_process = true, .max = 2);
	driver_run(g, &t[0], "echo hello");
	CHECK_STR(t[0].document, "hello");
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		driver_start(g, &t[i], "echo again");
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		driver_wait(&t[i]);
		CHECK_STR(t[i].document, "again");
	}
	driver_run(g, &t[0], "big 300000");
	CHECK_INT(t[0].document_len, 300000);
	driver_start(g, &t[0], "poll");
	driver_wait_begun(t, 1);
	run_cancel(&t[0].run, 2);
	driver_wait(&t[0]);
	CHECK_STR(t[0].document, "cancelled 2");
	runner_generation_status(g, &status);
	CHECK(status.in_process);
	CHECK_STR(status.limits.why, "it runs inside the host");
	driver_close();
}

TEST(in_process_pending_runs)
{
	static struct told t[100];
	struct runner_generation *g;

	driver_open(NULL);
	g = GENERATION(.in_process = true, .max_inflight = 100);
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		driver_start(g, &t[i], i % 2 ? "never" : "later 3");
	driver_wait_begun(t, ARRAY_LEN(t));
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		run_cancel(&t[i].run, 1);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		driver_wait(&t[i]);
		CHECK_STR(t[i].document, i % 2 ? "told" : "later");
	}
	driver_close();
}

TEST(in_process_failed_start)
{
	struct runner_generation_status status;
	struct runner_generation *g;
	struct told t;

	driver_open(NULL);
	g = GENERATION(.in_process = true, .config = STR("fail"));
	driver_start(g, &t, "echo x");
	driver_wait_quarantined(g);
	runner_generation_status(g, &status);
	CHECK(status.quarantined);
	CHECK(strstr(status.reason, "was built for another host"));
	run_cancel(&t.run, 1);
	driver_wait(&t);
	CHECK_INT(t.how, RUN_CANCELLED);
	driver_close();
}

TEST(in_process_is_abandoned)
{
	struct runner_generation *g;
	struct told t;

	driver_open(NULL);
	g = GENERATION(.in_process = true, .grace_ns = 20 * MS, .term_ns = 20 * MS);
	atomic_store(&fake_release, false);
	driver_start(g, &t, "stuck");
	driver_wait_begun(&t, 1);
	run_cancel(&t.run, 1);
	driver_wait(&t); /* for what has not ended */
	CHECK_INT(t.how, RUN_CANCELLED);
	atomic_store(&fake_release, true);
	driver_run(g, &t, "echo after");
	CHECK_STR(t.document, "after");
	driver_close(); /* waits for the thread */
}

static bool are_gone(void *arg)
{
	DIR *d = opendir("/proc/self/task");
	long n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	if (*(long *)arg == 0)
		*(long *)arg = n;
	return n <= *(long *)arg;
}

/* It closes while a thread of it hangs; that goes on afterwards, and finds all that it needs. */
static void closes_in_time(long threads)
{
	int64_t began = clock_monotonic_ns();

	driver_close_pool();
	CHECK(clock_monotonic_ns() - began < 8000 * MS);
	CHECK(!are_gone(&threads));
	atomic_store(&fake_release, true);
	driver_until(are_gone, &threads, "the thread to end");
	driver_close();
}

static void open_stuck(const char *config, struct told *t, long *ret_threads)
{
	struct runner_generation *g;

	atomic_store(&fake_release, false);
	*ret_threads = 0;
	driver_open(NULL);
	are_gone(ret_threads);
	g = GENERATION(.in_process = true, .config = str_of(config), .grace_ns = 20 * MS,
		       .term_ns = 20 * MS);
	driver_start(g, t, "stuck");
}

TEST(in_process_a_hung_run_does_not_keep_the_host)
{
	struct told t;
	long threads;

	open_stuck("", &t, &threads);
	driver_wait_begun(&t, 1);
	closes_in_time(threads);
	CHECK_INT(t.n_done, 1);
	CHECK_INT(t.how, RUN_CANCELLED);
}

TEST(in_process_an_abandoned_run_does_not_keep_the_host)
{
	struct told t;
	long threads;

	open_stuck("", &t, &threads);
	driver_wait_begun(&t, 1);
	run_cancel(&t.run, 1);
	driver_wait(&t);
	driver_pass(2200 * MS); /* it has long been asked to end */
	closes_in_time(threads);
}

TEST(in_process_a_hung_start_does_not_keep_the_host)
{
	struct told t;
	long threads;

	open_stuck("stuck", &t, &threads);
	driver_pass(20 * MS);
	closes_in_time(threads);
	CHECK_INT(t.how, RUN_CANCELLED);
}
