#include "cli/supervise.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "cli/crash.h"
#include "data/data.h"

#include <stdlib.h>

/* ---- running --------------------------------------------------------------------------------- */

static enum supervise_end end_of(int child_status)
{
	switch (child_status) {
	case CHILD_RESULT:
		return END_RESULT;
	case CHILD_ERROR:
		return END_ERROR;
	case CHILD_CANCELLED:
		return END_TIMED_OUT;
	default:
		return END_NOT_STORED;
	}
}

static enum supervise_end
judge(const struct child *c, const struct once_result *once, int *ret_signal)
{
	int stored = once->marks[CHILD_MARK_STATUS];

	if (once->how == ONCE_RETURNED)
		return end_of(once->status);
	if (stored == CHILD_RESULT || stored == CHILD_ERROR || stored == CHILD_NOT_STORED) {
		_cleanup_(buf_done) struct buf what = BUF_INIT;

		once_describe(once, &what);
		log_warn("after the result was stored: %s", what.data ? what.data : "died");
		return end_of(stored);
	}
	if (once->how == ONCE_STOPPED) {
		*ret_signal = once->signal;
		return END_STOPPED;
	}
	if (once->how == ONCE_TIMED_OUT || stored == CHILD_CANCELLED)
		return END_TIMED_OUT;
	return crash_store(c, once) < 0 ? END_NOT_STORED : END_ERROR;
}

/* Most tasks want no working directory, and who wanted one has removed it, unless it died. */
static void remove_directory(const char *work, const struct once_result *once)
{
	struct error err = ERROR_INIT;

	if (once->marks[CHILD_MARK_DIRECTORY] && dir_remove(work, &err) < 0)
		log_warn("%s", err.message);
}

/* What it was writing when it died. */
static void remove_unfinished(struct str prefix)
{
	_cleanup_(freep) char *uri = strndup(prefix.ptr ? prefix.ptr : "", prefix.len);
	_cleanup_(freep) char *path = NULL;
	struct error err = ERROR_INIT;

	if (uri && uri[0] && !data_is_remote(uri) && data_local(uri, "", &path, &err) == 0 &&
	    file_temps_remove(path, &err) < 0)
		log_warn("%s", err.message);
}

static int run_once(const struct supervise_params *p,
		    const char *work,
		    enum supervise_end *ret,
		    int *ret_signal,
		    struct error *err)
{
	struct child *c = p->child;
	const struct once_params once = {.run = child_run,
					 .ctx = c,
					 .timeout_ns = p->timeout_ns,
					 .grace_ns = p->grace_ns,
					 .memory_limit = p->memory_limit,
					 .debugger = p->debugger};
	struct once_result result = {.how = ONCE_RETURNED};
	int rc = file_temps_begin(err);

	if (rc == 0)
		rc = once_run(&once, &result, err);
	if (rc < 0)
		return rc;
	*ret = judge(c, &result, ret_signal);
	if (result.how != ONCE_RETURNED) {
		remove_unfinished(c->ctx->items[TH_CTX_OUTPUT_PREFIX]);
		remove_unfinished(c->ctx->items[TH_CTX_RAW_OUTPUT_PREFIX]);
	}
	remove_directory(work, &result);
	once_result_done(&result);
	return 0;
}

int supervise(const struct supervise_params *params,
	      enum supervise_end *ret,
	      int *ret_signal,
	      struct error *err)
{
	_cleanup_(freep) char *work = NULL;
	struct task_context *ctx = params->child->ctx;
	int rc = path_temp("taskhost-", &work, err);

	if (rc < 0)
		return rc;
	ctx->items[TH_CTX_WORKING_DIRECTORY] = str_of(work);
	if (params->timeout_ns > 0)
		ctx->deadline_ns = clock_monotonic_ns() + params->timeout_ns;
	rc = run_once(params, work, ret, ret_signal, err);
	/* A task that stopped by itself at the deadline has timed out like one that was stopped. */
	if (rc == 0 && params->timeout_ns > 0 && *ret == END_ERROR &&
	    clock_monotonic_ns() >= ctx->deadline_ns)
		*ret = END_TIMED_OUT;
	ctx->items[TH_CTX_WORKING_DIRECTORY] = STR_NULL;
	return rc;
}

uint64_t supervise_memory_limit(const TaskTemplate *template)
{
	const Flyteidl__Core__Container *container;
	int64_t milli;

	if (template->target_case != FLYTEIDL__CORE__TASK_TEMPLATE__TARGET_CONTAINER)
		return 0;
	container = template->container;
	if (!container || !container->resources)
		return 0;
	for (size_t i = 0; i < container->resources->n_limits; i++) {
		const Flyteidl__Core__Resources__ResourceEntry *e = container->resources->limits[i];

		if (e->name != FLYTEIDL__CORE__RESOURCES__RESOURCE_NAME__MEMORY)
			continue;
		if (parse_quantity_milli(str_of(e->value), &milli) && milli > 0)
			return (uint64_t)milli / 1000;
		log_warn("the memory limit '%s' of the task template is not a quantity; no limit "
			 "is set",
			 e->value);
	}
	return 0;
}
