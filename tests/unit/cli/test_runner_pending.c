/* Runs that a plugin completes later, and runs that are cancelled, in the real runner program and in
 * this process. */
#include "runner_driver.h"

#include <taskhost/plugin-api.h>

#include <unistd.h>

/* ---- pending ----------------------------------------------------------------------------------- */

static void check_later(unsigned max_inflight, bool in_process)
{
	struct runner_generation *g;
	struct told t;

	open_pool();
	g = add("later", LATER, max_inflight, in_process);
	for (int i = 0; i < 5; i++) {
		begin_later(g, &t, 10 * i);
		end(&t);
		check_o0(&t, 10 * i);
		told_done(&t);
	}
	close_pool();
}

TEST(a_pending_run)
{
	check_later(1, false);
	check_later(8, false);
}

TEST(in_process_a_pending_run)
{
	check_later(1, true);
	check_later(8, true);
}

static void check_cancel(unsigned max_inflight, bool in_process)
{
	struct runner_generation *g;
	struct told t;

	open_pool();
	g = add("later", LATER, max_inflight, in_process);
	begin_later(g, &t, -1);
	begun(&t);
	CHECK(!t.done);
	run_cancel(&t.run, TH_CANCEL_ASKED);
	end(&t);
	CHECK_INT(t.how, RUN_COMPLETED);
	CHECK_INT(t.d.kind, RUN_DOCUMENT_STOPPED);
	told_done(&t);
	close_pool();
}

TEST(a_pending_run_is_cancelled)
{
	check_cancel(1, false);
	check_cancel(8, false);
	check_cancel(8, true);
}

TEST(a_busy_run_is_cancelled)
{
	const struct run_context c = {.run = 1, .runs = 1, .task = STR("sleep")};
	struct runner_generation *g;
	struct told t;

	open_pool();
	g = add("arith", ARITH, 1, false);
	begin(g, &t, &c, "{\"seconds\":{\"scalar\":{\"primitive\":{\"floatValue\":30}}}}", NULL);
	while (t.n_progress == 0 && !t.done)
		loop_run_once(loop, 20000000);
	run_cancel(&t.run, TH_CANCEL_ASKED);
	end(&t);
	CHECK_INT(t.how, RUN_COMPLETED);
	CHECK_INT(t.d.kind, RUN_DOCUMENT_STOPPED);
	told_done(&t);
	close_pool();
}

TEST(a_deadline_reaches_a_pending_run)
{
	struct runner_generation *g;
	struct error err = ERROR_INIT;
	struct told t;

	open_pool();
	g = add("later", LATER, 8, false);
	begin_later(g, &t, 0); /* for what is in it */
	end(&t);
	buf_clear(&t.bytes);
	buf_clear(&t.inputs);
	to_wire(MESSAGE_DESC(flyteidl__core__literal_map),
		"{\"literals\":{\"ms\":{\"scalar\":{\"primitive\":{\"integer\":\"-1\"}}}}}",
		&t.inputs);
	t.done = false;
	t.n_done = 0;
	t.run = (struct run){.user = &t};
	CHECK_OK(run_start(g,
			   &(struct run_request){
				   .task_template = str_of_buf(&t.template),
				   .inputs = str_of_buf(&t.inputs),
				   .context = str_of_buf(&t.context),
				   .deadline_ns = clock_monotonic_ns() + 100000000,
			   },
			   &told_ops, &t.run, &err),
		 err);
	end(&t);
	CHECK_INT(t.how, RUN_COMPLETED);
	CHECK_INT(t.d.kind, RUN_DOCUMENT_STOPPED);
	told_done(&t);
	close_pool();
}

#define MANY 1000
static struct told many[MANY];

static unsigned threads_of_runners(void)
{
	char path[300], line[300];
	unsigned most = 0, n;
	FILE *children, *f;
	int pid;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", gettid());
	children = fopen(path, "r");
	while (children && fscanf(children, "%d", &pid) == 1) {
		snprintf(path, sizeof(path), "/proc/%d/status", pid);
		f = fopen(path, "r");
		while (f && fgets(line, sizeof(line), f))
			if (sscanf(line, "Threads: %u", &n) == 1 && n > most)
				most = n;
		if (f)
			fclose(f);
	}
	if (children)
		fclose(children);
	return most;
}

static void check_many(bool in_process)
{
	struct runner_generation_status status;
	struct runner_generation *g;

	open_pool();
	g = add("later", LATER, MANY, in_process);
	for (size_t i = 0; i < MANY; i++)
		begin_later(g, &many[i], i % 4 ? 500 : -1);
	for (int i = 0; i < 600; i++) {
		runner_generation_status(g, &status);
		if (status.running == MANY)
			break;
		loop_run_once(loop, 5000000);
		if (many[1].done) /* so slow a machine that the first are through already */
			break;
	}
	CHECK_INT(status.runners, 1);
	if (!in_process)
		CHECK(threads_of_runners() <= 6); /* its own few and the sanitizer's */
	for (size_t i = 0; i < MANY; i += 4)
		run_cancel(&many[i].run, TH_CANCEL_ASKED);
	for (size_t i = 0; i < MANY; i++) {
		end(&many[i]);
		if (i % 4)
			check_o0(&many[i], 500);
		else if (many[i].how == RUN_COMPLETED)
			CHECK_INT(many[i].d.kind, RUN_DOCUMENT_STOPPED);
		told_done(&many[i]);
	}
	close_pool();
}

TEST(a_thousand_pending_runs_in_one_runner)
{
	check_many(false);
}

TEST(in_process_a_thousand_pending_runs)
{
	check_many(true);
}

TEST(in_process_several_generations)
{
	struct runner_generation *arith, *later, *echo;
	struct told a, b;

	open_pool();
	arith = add("arith", ARITH, 1, true);
	later = add("later", LATER, 4, true);
	echo = add("echo", ECHO, 1, true);
	begin_later(later, &b, -1);
	run_task(arith, &a, "add", A_AND_B);
	check_o0(&a, 42);
	told_done(&a);
	run_task(echo, &a, "nothing", "{}");
	check_error(&a, "USER:RuntimeError", "has no task 'nothing'");
	told_done(&a);
	begun(&b);
	CHECK(!b.done);
	run_cancel(&b.run, TH_CANCEL_ASKED);
	end(&b);
	CHECK_INT(b.d.kind, RUN_DOCUMENT_STOPPED);
	told_done(&b);
	close_pool();
}
