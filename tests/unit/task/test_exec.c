/* The life of an execution: order of calls, completion from elsewhere, cancelling. */
#include "harness.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

static struct fixture f;
static char calls[256];

static void note(const char *what)
{
	strncat(calls, what, sizeof(calls) - strlen(calls) - 1);
	strncat(calls, " ", sizeof(calls) - strlen(calls) - 1);
}

static void begin(void)
{
	calls[0] = '\0';
	fixture_init(&f, INTERFACE("", VAR("o0", T_INTEGER)));
}

/* ---- order ----------------------------------------------------------------------------------- */

static th_status note_open(void *data, const th_model *model, void **ret, th_errout *error)
{
	(void)data;
	(void)model;
	(void)error;
	note("open");
	*ret = calls;
	return TH_OK;
}

static void note_close(void *instance)
{
	note(instance == calls ? "close" : "close?");
}

static th_status note_pre(void *instance, th_exec *exec, th_errout *error)
{
	(void)exec;
	(void)error;
	note(instance == calls ? "pre" : "pre?");
	return TH_OK;
}

static th_status note_post(void *instance, th_exec *exec, th_status status, th_errout *error)
{
	(void)error;
	note(instance == calls && status == TH_OK ? "post" : "post?");
	return LIT->set_i64(slot(exec, "o0"), 2); /* may still change outputs */
}

static th_status note_execute(th_exec *exec, const th_model *model, th_errout *error)
{
	(void)model;
	(void)error;
	note("execute");
	return LIT->set_i64(slot(exec, "o0"), 1);
}

static void note_step(void *ctx, const char *what)
{
	(void)ctx;
	note(what);
}

static void all_hooks(void)
{
	f.executor.open = note_open;
	f.executor.close = note_close;
	f.executor.pre_execute = note_pre;
	f.executor.post_execute = note_post;
}

TEST(calls_come_in_order)
{
	begin();
	all_hooks();
	fixture_run(&f, note_execute);
	CHECK_STR(fixture_outputs(&f), "{\"o0\":" INTEGER(2) "}");
	CHECK_STR(calls, "open pre execute post close ");
	fixture_done(&f);
}

TEST(steps_are_told)
{
	begin();
	f.params.step = note_step;
	fixture_run(&f, note_execute);
	CHECK_STR(calls, "inputs of fake.Body execute fake.Body execute outputs of fake.Body store "
			 "results ");
	CHECK(f.timeline.n >= 4);
	CHECK_STR(f.timeline.phases[f.timeline.n - 1].name, "dispatch execute");
	fixture_done(&f);
}

TEST(a_timeline_may_leave_out_cpu_time)
{
	struct buf html = BUF_INIT;

	begin();
	f.timeline.wall_only = true;
	fixture_run(&f, note_execute);
	CHECK(f.timeline.n >= 4);
	for (size_t i = 0; i < f.timeline.n; i++)
		CHECK_INT(f.timeline.phases[i].cpu_ns, 0);
	CHECK(f.timeline.phases[f.timeline.n - 1].wall_ns > 0);
	timeline_html(&f.timeline, &html);
	CHECK(strstr(html.data, "<td>-</td>"));
	buf_done(&html);
	fixture_done(&f);
}

static th_status fail_it(th_exec *exec, const th_model *model, th_errout *error)
{
	note_execute(exec, model, error);
	return TH_E_USER;
}

TEST(a_failure_keeps_no_outputs_and_skips_post_execute)
{
	begin();
	all_hooks();
	fixture_run(&f, fail_it);
	CHECK_INT(f.result.outcome, TASK_ERROR);
	CHECK_INT(f.result.document.len, 0);
	CHECK_STR(calls, "open pre execute close ");
	fixture_done(&f);
}

/* ---- pending --------------------------------------------------------------------------------- */

static pthread_t worker;
static th_exec *pending;
static int64_t delay_us;
static th_status final_status;

static void *finish(void *arg)
{
	th_exec *exec = arg;

	usleep((useconds_t)delay_us);
	LIT->set_i64(slot(exec, "o0"), 5);
	if (final_status < 0)
		f.host.table.error_set(task_exec_ops.exec_error(exec), TH_E_USER, 0,
				       th_s("USER:ValueError"), th_s("from the thread"));
	task_exec_ops.exec_complete(exec, final_status);
	return NULL;
}

static th_status go_pending(th_exec *exec, const th_model *model, th_errout *error)
{
	(void)model;
	(void)error;
	pending = exec;
	if (pthread_create(&worker, NULL, finish, exec) != 0)
		return TH_E_SYSTEM;
	return TH_PENDING;
}

static void run_pending(int64_t us, th_status status)
{
	delay_us = us;
	final_status = status;
	fixture_run(&f, go_pending);
	pthread_join(worker, NULL);
}

TEST(completes_from_another_thread)
{
	begin();
	run_pending(20000, TH_OK);
	CHECK_STR(fixture_outputs(&f), "{\"o0\":" INTEGER(5) "}");
	CHECK_INT(f.host.misbehaved, 0);
	fixture_done(&f);
}

TEST(completes_before_the_call_has_returned)
{
	for (int i = 0; i < 200; i++) {
		begin();
		run_pending(0, TH_OK);
		CHECK_STR(fixture_outputs(&f), "{\"o0\":" INTEGER(5) "}");
		CHECK_INT(f.host.misbehaved, 0);
		fixture_done(&f);
	}
}

TEST(fails_from_another_thread)
{
	begin();
	run_pending(5000, TH_E_USER);
	check_failure(&f, "USER:ValueError", "NON_RECOVERABLE USER", "from the thread");
	fixture_done(&f);
}

TEST(ignores_outputs_from_another_thread)
{
	begin();
	run_pending(5000, TH_IGNORE_OUTPUTS);
	CHECK_INT(f.result.outcome, TASK_IGNORED);
	fixture_done(&f);
}

/* ---- completing wrongly ---------------------------------------------------------------------- */

TEST(a_late_completion_is_counted_and_ignored)
{
	begin();
	run_pending(0, TH_OK);
	task_exec_ops.exec_complete(pending, TH_E_USER);
	CHECK_STR(fixture_outputs(&f), "{\"o0\":" INTEGER(5) "}");
	fixture_done(&f);
}

static th_status complete_twice(th_exec *exec, const th_model *model, th_errout *error)
{
	(void)model;
	(void)error;
	LIT->set_i64(slot(exec, "o0"), 1);
	task_exec_ops.exec_complete(exec, TH_OK);
	task_exec_ops.exec_complete(exec, TH_E_USER);
	return TH_PENDING;
}

TEST(a_second_completion_is_counted_and_ignored)
{
	begin();
	fixture_run(&f, complete_twice);
	CHECK_STR(fixture_outputs(&f), "{\"o0\":" INTEGER(1) "}");
	CHECK_INT(f.host.misbehaved, 1);
	fixture_done(&f);
}

static th_status complete_and_return(th_exec *exec, const th_model *model, th_errout *error)
{
	(void)model;
	(void)error;
	task_exec_ops.exec_complete(exec, TH_E_USER);
	return LIT->set_i64(slot(exec, "o0"), 1);
}

TEST(completion_without_pending_is_counted_and_ignored)
{
	begin();
	fixture_run(&f, complete_and_return);
	CHECK_STR(fixture_outputs(&f), "{\"o0\":" INTEGER(1) "}");
	CHECK_INT(f.host.misbehaved, 1);
	fixture_done(&f);
}

static th_status complete_with_pending(th_exec *exec, const th_model *model, th_errout *error)
{
	(void)model;
	(void)error;
	LIT->set_i64(slot(exec, "o0"), 1);
	task_exec_ops.exec_complete(exec, TH_PENDING);
	task_exec_ops.exec_complete(exec, TH_OK);
	return TH_PENDING;
}

static th_status complete_in_pre(void *instance, th_exec *exec, th_errout *error)
{
	(void)instance;
	(void)error;
	task_exec_ops.exec_complete(exec, TH_E_USER);
	return TH_OK;
}

TEST(pending_is_no_way_to_complete)
{
	begin();
	f.executor.pre_execute = complete_in_pre;
	fixture_run(&f, complete_with_pending);
	CHECK_STR(fixture_outputs(&f), "{\"o0\":" INTEGER(1) "}");
	CHECK_INT(f.host.misbehaved, 2);
	fixture_done(&f);
}

/* ---- cancelling ------------------------------------------------------------------------------ */

static _Atomic uint32_t told;

/* An executor whose cancel completes the execution, from within the callback. */
static void cancel_completes(void *instance, th_exec *exec, uint32_t reason)
{
	(void)instance;
	atomic_store(&told, reason);
	task_exec_ops.exec_complete(exec, TH_E_CANCELLED);
}

static th_status wait_for_cancel(th_exec *exec, const th_model *model, th_errout *error)
{
	(void)exec;
	(void)model;
	(void)error;
	return TH_PENDING;
}

static uint32_t shared_word;

static void *set_word(void *arg)
{
	(void)arg;
	usleep(20000);
	__atomic_store_n(&shared_word, TH_CANCEL_ASKED, __ATOMIC_RELEASE);
	return NULL;
}

TEST(the_cancel_word_stops_a_pending_execution)
{
	shared_word = 0;
	atomic_store(&told, 0);
	begin();
	f.ctx.cancel_word = &shared_word;
	f.executor.cancel = cancel_completes;
	CHECK_INT(pthread_create(&worker, NULL, set_word, NULL), 0);
	fixture_run(&f, wait_for_cancel);
	pthread_join(worker, NULL);
	CHECK_INT(told, TH_CANCEL_ASKED);
	check_failure(&f, "USER:RuntimeError", "NON_RECOVERABLE USER", "TH_E_CANCELLED");
	fixture_done(&f);
}

TEST(the_deadline_stops_a_pending_execution)
{
	int64_t start = clock_monotonic_ns();

	atomic_store(&told, 0);
	begin();
	f.ctx.deadline_ns = start + 30000000;
	f.executor.cancel = cancel_completes;
	fixture_run(&f, wait_for_cancel);
	CHECK_INT(told, TH_CANCEL_DEADLINE);
	CHECK(clock_monotonic_ns() - start < 5000000000);
	fixture_done(&f);
}

static void *cancel_all(void *arg)
{
	(void)arg;
	usleep(20000);
	task_cancel_running(TH_CANCEL_SHUTDOWN);
	return NULL;
}

/* What a plugin does that polls. */
static th_status poll_word(th_exec *exec, const th_model *model, th_errout *error)
{
	const th_cancel_api *cancel = NULL;
	uint32_t reason = 0;

	(void)model;
	(void)error;
	for (const struct host_extension *e = task_extensions; e->id; e++)
		if (streq(e->id, TH_EXT_CANCEL))
			cancel = e->table;
	for (int i = 0; i < 1000 && !reason; i++) {
		usleep(5000);
		reason = __atomic_load_n(cancel->word(exec), __ATOMIC_RELAXED);
	}
	atomic_store(&told, reason);
	return TH_E_CANCELLED;
}

TEST(cancel_running_reaches_a_polling_execution)
{
	atomic_store(&told, 0);
	begin();
	CHECK_INT(pthread_create(&worker, NULL, cancel_all, NULL), 0);
	fixture_run(&f, poll_word);
	pthread_join(worker, NULL);
	CHECK_INT(told, TH_CANCEL_SHUTDOWN);
	fixture_done(&f);
}

TEST(cancel_running_reaches_a_pending_execution)
{
	atomic_store(&told, 0);
	begin();
	f.executor.cancel = cancel_completes;
	CHECK_INT(pthread_create(&worker, NULL, cancel_all, NULL), 0);
	fixture_run(&f, wait_for_cancel);
	pthread_join(worker, NULL);
	CHECK_INT(told, TH_CANCEL_SHUTDOWN);
	fixture_done(&f);
}

TEST(cancelling_nothing_is_fine)
{
	task_cancel_running(TH_CANCEL_ASKED);
}

/* ---- threads that read while pending --------------------------------------------------------- */

#define READERS 4

static void *read_all(void *arg)
{
	th_exec *exec = arg;
	const th_lit *xs = LIT->input(exec, th_s("xs"));
	uint64_t n = 0;
	int64_t sum = 0;
	th_i64_list bulk;
	th_bytes raw;
	th_str json;

	LIT->len(xs, &n);
	for (uint64_t i = 0; i < n; i++) {
		int64_t v = 0;

		LIT->as_i64(LIT->item(xs, i), &v);
		sum += v;
	}
	if (LIT->i64_list(xs, &bulk) != TH_OK || LIT->as_json(xs, &json) != TH_OK ||
	    LIT->raw(xs, &raw) != TH_OK || LIT->inputs_raw(exec, &raw) != TH_OK)
		sum = -1;
	return (void *)(intptr_t)sum;
}

static void *lead_readers(void *arg)
{
	pthread_t threads[READERS];
	intptr_t sum = 0;
	void *one;

	for (int i = 0; i < READERS; i++)
		pthread_create(&threads[i], NULL, read_all, arg);
	for (int i = 0; i < READERS; i++) {
		pthread_join(threads[i], &one);
		sum += (intptr_t)one;
	}
	LIT->set_i64(slot(arg, "o0"), sum);
	task_exec_ops.exec_complete(arg, TH_OK);
	return NULL;
}

static th_status read_from_threads(th_exec *exec, const th_model *model, th_errout *error)
{
	(void)model;
	(void)error;
	return pthread_create(&worker, NULL, lead_readers, exec) ? TH_E_SYSTEM : TH_PENDING;
}

TEST(threads_read_at_once_while_pending)
{
	fixture_init(&f, INTERFACE(VAR("xs", "{\"collectionType\":" T_INTEGER "}"),
				   VAR("o0", T_INTEGER)));
	fixture_inputs(&f, "{\"xs\":{\"collection\":{\"literals\":[" INTEGER(1) "," INTEGER(
				   2) "," INTEGER(3) "]}}}");
	fixture_run(&f, read_from_threads);
	pthread_join(worker, NULL);
	CHECK_STR(fixture_outputs(&f), "{\"o0\":" INTEGER(24) "}");
	fixture_done(&f);
}

/* ---- memory of the execution ----------------------------------------------------------------- */

static th_status use_arena(th_exec *exec, const th_model *model, th_errout *error)
{
	char *p = task_exec_ops.arena_alloc(exec, 100, 0);
	char *q = task_exec_ops.arena_alloc(exec, 100, 4096);

	(void)model;
	(void)error;
	CHECK(p && q);
	CHECK_INT((uintptr_t)q % 4096, 0);
	memset(p, 1, 100);
	memset(q, 2, 100);
	CHECK(task_exec_ops.arena_alloc(exec, 8, 3) == NULL);
	return LIT->set_i64(slot(exec, "o0"), 1);
}

TEST(arena_of_an_execution)
{
	begin();
	fixture_run(&f, use_arena);
	CHECK_STR(fixture_outputs(&f), "{\"o0\":" INTEGER(1) "}");
	fixture_done(&f);
}
