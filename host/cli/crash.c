#include "cli/crash.h"

static struct str trace_of(const struct once_result *once, struct arena *arena)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	char *copy;

	for (size_t i = 0; i < once->n_frames; i++)
		buf_printf(&text, "%s\n", once->frames[i].text);
	if (once->trace_note[0])
		buf_printf(&text, "(%s)\n", once->trace_note);
	if (text.failed || text.len == 0)
		return STR_NULL;
	copy = arena_strndup(arena, text.data, text.len);
	return copy ? (struct str){copy, text.len} : STR_NULL;
}

int crash_store(const struct child *c, const struct once_result *once)
{
	_cleanup_(buf_done) struct buf what = BUF_INIT;
	struct task_result result = {.outcome = TASK_ERROR};
	struct task_params params = {.ctx = c->ctx};
	struct error err = ERROR_INIT;
	bool memory = once->how == ONCE_OUT_OF_MEMORY;
	int rc;

	once_describe(once, &what);
	task_result_fail(&result, memory ? "OutOfMemory" : "PluginCrashed",
			 memory ? ERROR_NON_RECOVERABLE : ERROR_RECOVERABLE,
			 memory ? ORIGIN_USER : ORIGIN_SYSTEM, "%s",
			 what.data ? what.data : "the plugin's process died");
	result.failure.trace = trace_of(once, &result.arena);
	child_log_failure(&result.failure, c->failure_level);
	rc = task_store_result(&result, &params, c->ctx, STR_NULL, &err);
	if (rc < 0)
		log_error("%s", err.message);
	task_result_done(&result);
	return rc;
}
