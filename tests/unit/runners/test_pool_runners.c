/* How many runners there are, and when they come and go. */
#include "pool_driver.h"

#include "base/mem.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

TEST(runners_are_recycled)
{
	struct runner_pool_stats stats;
	struct runner_generation *g;
	struct told t;

	driver_open(NULL);
	g = GENERATION(.max_runs = 10, .config = STR("say goodbye"));
	for (int i = 0; i < 35; i++) {
		driver_run(g, &t, "echo x");
		CHECK_INT(t.how, RUN_COMPLETED);
	}
	runner_pool_stats(driver.pool, &stats);
	CHECK_INT(stats.recycled, 3);
	CHECK_INT(stats.crashed, 0);
	CHECK_INT(stats.started, 4);
	driver_close();
}

TEST(runners_that_grow_are_recycled)
{
	struct runner_pool_stats stats;
	struct runner_generation *g;
	struct told t;

	driver_open(NULL);
	g = GENERATION(.max_growth = 20 << 20);
	for (int i = 0; i < 200; i++)
		driver_run(g, &t, "echo x");
	runner_pool_stats(driver.pool, &stats);
	CHECK_INT(stats.recycled, 0);
	for (int i = 0; i < 64; i++) {
		driver_run(g, &t, "leak 1");
		CHECK_INT(t.how, RUN_COMPLETED);
	}
	for (int i = 0; i < 100; i++)
		driver_run(g, &t, "echo x");
	runner_pool_stats(driver.pool, &stats);
	CHECK_INT(stats.recycled, 1);
	CHECK_INT(stats.crashed, 0);
	driver_close();
}

static bool no_runners(void *arg)
{
	struct runner_pool_stats stats;

	(void)arg;
	runner_pool_stats(driver.pool, &stats);
	return stats.runners == 0;
}

TEST(idle_runners_end)
{
	struct runner_generation *g;
	struct told t;

	driver_open(NULL);
	g = GENERATION(.idle_ns = 20000000);
	driver_run(g, &t, "echo x");
	driver_until(no_runners, NULL, "the runner to end");
	driver_run(g, &t, "echo y");
	CHECK_STR(t.document, "y");
	driver_close();
}

TEST(the_least_is_kept_ready)
{
	struct runner_generation_status status;
	struct runner_generation *g;

	driver_open(NULL);
	g = GENERATION(.min = 3, .max = 4, .idle_ns = 5000000);
	driver_pass(300000000);
	runner_generation_status(g, &status);
	CHECK_INT(status.runners, 3);
	CHECK_INT(status.starting, 0);
	driver_close();
}

TEST(runs_spread_over_runners)
{
	static struct told t[4];
	struct runner_generation_status status;
	struct runner_generation *g;

	driver_open(NULL);
	g = GENERATION(.max = 3);
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		driver_start(g, &t[i], "poll");
	driver_wait_begun(t, 3);
	driver_pass(20000000);
	runner_generation_status(g, &status);
	CHECK_INT(status.runners, 3);
	CHECK_INT(status.running, 3);
	CHECK_INT(status.queued, 1);
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		run_cancel(&t[i].run, 1);
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		driver_wait(&t[i]);
	CHECK_INT(t[3].how, RUN_CANCELLED);
	CHECK_INT(t[3].n_started, 0);
	driver_close();
}

static void at_most_one(struct runner_pool_params *p)
{
	p->max = 1;
}

TEST(idle_runners_make_place_for_another_plugin)
{
	struct runner_generation *a, *b;
	struct told t;

	driver_open(at_most_one);
	a = GENERATION();
	b = GENERATION(.max = 2);
	driver_run(a, &t, "echo a");
	driver_run(b, &t, "echo b");
	CHECK_STR(t.document, "b");
	driver_run(a, &t, "echo a");
	CHECK_STR(t.document, "a");
	driver_close();
}

static void set_true(void *user)
{
	*(bool *)user = true;
}

static bool is_true(void *arg)
{
	return *(bool *)arg;
}

TEST(a_retired_generation_finishes)
{
	static struct told t[5];
	struct runner_generation *g;
	struct error err = ERROR_INIT;
	struct run refused = {.user = NULL};
	struct run_request q = {.inputs = STR("echo")};
	static const struct run_ops ops;
	bool retired = false;

	driver_open(NULL);
	g = GENERATION();
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		driver_start(g, &t[i], "sleep 10");
	runner_generation_retire(g, set_true, &retired);
	CHECK_ERR(run_start(g, &q, &ops, &refused, &err), ERR_STATE, err, "being replaced");
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		driver_wait(&t[i]);
		CHECK_INT(t[i].how, RUN_COMPLETED);
	}
	driver_until(is_true, &retired, "the generation to end");
	driver_close();
}

TEST(a_retired_generation_without_runs_ends)
{
	bool retired = false;

	driver_open(NULL);
	runner_generation_retire(GENERATION(), set_true, &retired);
	driver_until(is_true, &retired, "the generation to end");
	retired = false;
	runner_generation_retire(GENERATION(.min = 1), set_true, &retired);
	driver_until(is_true, &retired, "the generation to end");
	driver_close();
}

TEST(closing_ends_what_runs)
{
	static struct told t[3];
	struct runner_generation *g;

	driver_open(NULL);
	g = GENERATION();
	driver_start(g, &t[0], "hang");
	driver_start(g, &t[1], "echo x");
	driver_wait_begun(t, 1);
	driver_start(g, &t[2], "echo x");
	driver_close();
	for (int i = 0; i < 3; i++) {
		CHECK_INT(t[i].n_done, 1);
		CHECK_INT(t[i].how, RUN_CANCELLED);
		CHECK_INT(t[i].cancelled, 3);
	}
}

/* ---- the host's death --------------------------------------------------------------------- */

static _Noreturn void be_a_host(int report)
{
	struct runner_generation *g;
	static struct told t;

	driver_open(NULL);
	g = GENERATION();
	driver_start(g, &t, "stubborn");
	driver_wait_begun(&t, 1);
	driver_pass(50000000); /* a spare is there too */
	if (write(report, "x", 1) != 1)
		_exit(1);
	for (;;)
		driver_turn(1000000000);
}

/* Children of a process, and theirs. */
static bool has_children(pid_t pid)
{
	char path[64], c = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	f = fopen(path, "r");
	if (f && fread(&c, 1, 1, f) != 1)
		c = 0;
	if (f)
		fclose(f);
	return c != 0;
}

TEST(runners_die_with_the_host)
{
	int report[2];
	char c;
	pid_t host;

	CHECK_INT(pipe(report), 0);
	CHECK_INT(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	host = fork();
	if (host == 0)
		be_a_host(report[1]);
	close(report[1]);
	CHECK_INT(read(report[0], &c, 1), 1);
	close(report[0]);
	CHECK(has_children(host));
	kill(host, SIGKILL);
	CHECK_INT(waitpid(host, NULL, 0), host);
	/* They are ours now, and nobody but the kernel ends them. */
	alarm(10);
	while (wait(NULL) > 0)
		;
	alarm(0);
	CHECK(!has_children(getpid()));
	CHECK_INT(prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0), 0);
}
