/* Test plugin: the connectors with which the recordings under golden/flytekit/agent were made, in C.
 * What they are to do stands in the template's `custom`. All of them say that they take many runs at
 * once, since one that does not would make the jobs of the others hold a runner each. */
#include <taskhost/author.h>

#include <stdlib.h>

TH_PLUGIN("fx_connectors", "1.0.0", "The recorded connectors, in C");

/* custom[name] as text; empty when it is not there. */
static th_str custom_text(const th_model *model, const char *name)
{
	const th_lit *custom = TH_MODEL->custom(model);
	th_str text = th_s("");

	if (custom)
		TH_LIT->as_str(TH_LIT->get(custom, th_s(name)), &text);
	return text;
}

static int is(th_str text, const char *word)
{
	return text.len == strlen(word) && memcmp(text.ptr, word, text.len) == 0;
}

static th_status put_i64(th_exec *exec, const char *name, int64_t value)
{
	th_val *slot = NULL;
	th_status st = TH_LIT->output(exec, th_s(name), &slot);

	return st == TH_OK ? TH_LIT->set_i64(slot, value) : st;
}

static th_status put_text(th_exec *exec, const char *name, const char *value)
{
	th_val *slot = NULL;
	th_status st = TH_LIT->output(exec, th_s(name), &slot);

	return st == TH_OK ? TH_LIT->set_str(slot, th_s(value)) : st;
}

static th_status put_json(th_exec *exec, const char *name, const char *value)
{
	th_val *slot = NULL;
	th_status st = TH_LIT->output(exec, th_s(name), &slot);

	return st == TH_OK ? TH_LIT->set_json(slot, th_s(value)) : st;
}

static th_status put_bool(th_exec *exec, const char *name, uint32_t value)
{
	th_val *slot = NULL;
	th_status st = TH_LIT->output(exec, th_s(name), &slot);

	return st == TH_OK ? TH_LIT->set_bool(slot, value) : st;
}

/* ---- fx_async: a job somewhere else ------------------------------------------------------------ */

/* The job whose outputs flytekit could not write: a list among them. */
static th_status finish_list(th_exec *exec)
{
	static const int64_t numbers[] = {1, 2, 3};
	th_val *slot = NULL;
	th_status st = TH_LIT->output(exec, th_s("o0"), &slot);

	return st == TH_OK ? TH_LIT->set_i64_list(slot, numbers, 3) : st;
}

static th_status finish(th_exec *exec)
{
	th_status st = put_i64(exec, "o0", 42);

	if (st == TH_OK)
		st = put_text(exec, "o1", "text");
	return st == TH_OK ? put_json(exec, "o2", "{\"k\": 2.5}") : st;
}

static th_status
async_execute(void *instance, th_exec *exec, const th_model *model, th_errout *error)
{
	const th_run run = {exec, model, error, instance};
	th_str raised = custom_text(model, "raise"), phase = custom_text(model, "phase");

	if (raised.len > 0)
		return th_fail(&run, "USER:RuntimeError", "%s", raised.ptr);
	if (is(phase, "FAILED"))
		return th_fail(&run, "", "job is failed");
	if (is(phase, "RETRYABLE_FAILED"))
		return th_fail_recoverable(&run, "", "job is retryable_failed");
	if (is(phase, "ABORTED"))
		return TH_E_CANCELLED;
	if (is(custom_text(model, "job_id"), "list-1"))
		return finish_list(exec);
	if (phase.len == 0 || is(phase, "SUCCEEDED"))
		return finish(exec);
	TH_PROGRESS->report(exec, -1, th_s("job goes on"));
	return TH_PENDING;
}

static void async_cancel(void *instance, th_exec *exec, uint32_t reason)
{
	(void)instance;
	(void)reason;
	TH_HOST->exec_complete(exec, TH_E_CANCELLED);
}

static const th_executor async_executor = {
	.struct_size = sizeof(th_executor),
	.flags = TH_X_REENTRANT,
	.max_inflight = 100,
	.name = "Async",
	.execute_from_model = async_execute,
	.cancel = async_cancel,
};
TH_EXECUTOR_TABLE(Async,
		  "A job that goes on elsewhere",
		  TH_TASK_TYPE("fx_async") TH_TASK_TYPE_VERSION("fx_async", 3),
		  &async_executor);

/* ---- fx_sync ----------------------------------------------------------------------------------- */

static th_status echo(th_exec *exec)
{
	th_status st = TH_OK;

	for (uint32_t i = 0, n = TH_LIT->input_count(exec); i < n && st == TH_OK; i++) {
		th_val *slot = NULL;
		th_str name;
		const th_lit *value = TH_LIT->input_at(exec, i, &name);

		st = TH_LIT->output(exec, name, &slot);
		if (st == TH_OK)
			st = TH_LIT->set_literal(slot, value);
	}
	return st;
}

static th_status
sync_execute(void *instance, th_exec *exec, const th_model *model, th_errout *error)
{
	const th_run run = {exec, model, error, instance};
	th_str raised = custom_text(model, "raise"), failed = custom_text(model, "fail");
	const th_lit *custom = TH_MODEL->custom(model);
	uint32_t native = 0;
	th_status st;

	if (raised.len > 0)
		return th_fail(&run, "USER:RuntimeError", "%s", raised.ptr);
	if (failed.len > 0)
		return th_fail(&run, "", "%s", failed.ptr);
	if (custom)
		TH_LIT->as_bool(TH_LIT->get(custom, th_s("native")), &native);
	if (!native)
		return echo(exec);
	st = put_i64(exec, "o0", 1);
	if (st == TH_OK)
		st = put_text(exec, "o1", "native \xc3\xa9");
	if (st == TH_OK)
		st = put_json(exec, "o2", "{\"a\": 1.5}");
	return st == TH_OK ? put_bool(exec, "o3", 1) : st;
}

static const th_executor sync_executor = {
	.struct_size = sizeof(th_executor),
	.flags = TH_X_REENTRANT,
	.max_inflight = 100,
	.name = "Sync",
	.execute_from_model = sync_execute,
};
TH_EXECUTOR_TABLE(Sync, "Answers at once", TH_SYNC_TASK_TYPE("fx_sync"), &sync_executor);

/* ---- fx_big ------------------------------------------------------------------------------------ */

static th_status big_execute(void *instance, th_exec *exec, const th_model *model, th_errout *error)
{
	size_t n = (size_t)3 << 20;
	th_val *slot = NULL;
	th_status st = TH_LIT->output(exec, th_s("o0"), &slot);
	char *text;

	(void)instance;
	(void)model;
	(void)error;
	if (st == TH_OK)
		st = TH_LIT->reserve_str(slot, n, &text);
	if (st == TH_OK)
		memset(text, 'x', n);
	return st;
}

static const th_executor big_executor = {
	.struct_size = sizeof(th_executor),
	.flags = TH_X_REENTRANT,
	.max_inflight = 100,
	.name = "Big",
	.execute_from_model = big_execute,
};
TH_EXECUTOR_TABLE(Big, "Answers at once, at length", TH_SYNC_TASK_TYPE("fx_big"), &big_executor);
