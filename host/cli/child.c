#include "cli/child.h"

#include "base/clock.h"
#include "cli/loader.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define SHUTDOWN_SECONDS 5

static void step(void *ctx, const char *what)
{
	once_step(ctx, what);
}

/* What is mapped is a copy of the plugin, called by its digest. */
static void note_plugin(void *ctx, const char *path)
{
	once_module(ctx, path);
}

/* If it dies of that, or gives up, the parent knows why. */
static void note_refused_memory(void *ctx)
{
	struct once_child *shared = ctx;

	atomic_store(&shared->out_of_memory, 1);
}

static void progress(void *ctx, double fraction, struct str message)
{
	(void)ctx;
	if (fraction < 0)
		log_info(STR_FMT, STR_ARG(message));
	else
		log_info("%.0f %%: " STR_FMT, fraction * 100, STR_ARG(message));
}

static void cancel(void *ctx, uint32_t reason)
{
	(void)ctx;
	task_cancel_running(reason);
}

static int find_task(const struct child *c,
		     struct loader *l,
		     struct arena *arena,
		     struct resolution *ret,
		     struct error *err)
{
	const struct resolve_env env = loader_env(l);

	switch (c->want) {
	case CHILD_RESOLVER:
		return resolve_task(&env, c->location, c->args, c->n_args, arena, NULL, ret, err);
	case CHILD_TEMPLATE:
		return resolve_shim(&env, c->template, c->executor, arena, ret, err);
	case CHILD_NAME:
		return resolve_task_name(&env, c->name, arena, ret, err);
	}
	return err_set(err, ERR_INVALID, "unknown way to find a task: %d", (int)c->want);
}

/* The task, or a failure as flytekit tells one of load_task. */
static int load_task(const struct child *c,
		     struct loader *l,
		     struct timeline *timeline,
		     struct arena *arena,
		     struct resolution *ret,
		     struct task_result *result)
{
	struct timeline_mark mark = timeline_start(timeline);
	struct error err = ERROR_INIT;
	int rc = find_task(c, l, arena, ret, &err);

	if (rc == 0 && ret->map && !c->map)
		rc = err_set(&err, ERR_INVALID,
			     "the resolver " STR_FMT " runs one element of a list; start it with "
			     "map-execute",
			     STR_ARG(c->location));
	if (rc < 0)
		task_result_fail(result, rc == ERR_NOMEM ? "OutOfMemory" : "USER:RuntimeError",
				 ERROR_NON_RECOVERABLE, ORIGIN_USER, "%s", err.message);
	timeline_end(timeline, mark, "Load task");
	return rc;
}

static void run_task(const struct child *c,
		     struct once_child *shared,
		     struct loader *l,
		     struct task_params *params,
		     struct task_map *map,
		     struct buf *inputs,
		     struct arena *arena,
		     struct task_result *result)
{
	struct resolution found = {0};

	step(shared, "load the task");
	if (load_task(c, l, params->timeline, arena, &found, result) < 0)
		return;
	params->template = found.template;
	params->plugin = found.plugin;
	params->executor = found.executor;
	params->shim = found.shim;
	params->entrypoint = true;
	params->optional_inputs = found.optional_inputs;
	params->n_optional_inputs = found.n_optional_inputs;
	/* Others see the word when they poll it, and execute when it waits for a pending one. */
	if (found.executor->cancel)
		once_on_cancel(shared, cancel, NULL);
	if (found.map) {
		*map = (struct task_map){found.bound, found.n_bound, c->map_index};
		params->map = map;
	}
	step(shared, "read the inputs");
	if (c->inputs_uri &&
	    task_read_inputs(c->inputs_uri, c->ctx, params->timeline, inputs, result) < 0)
		return;
	if (!c->inputs_uri)
		buf_append(inputs, c->inputs.ptr, c->inputs.len);
	task_execute(params, (struct str){inputs->data, inputs->len}, result);
}

void child_log_failure(const struct failure *f, enum log_level level)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;

	buf_printf(&text, STR_FMT ": " STR_FMT, STR_ARG(f->code), STR_ARG(f->text));
	if (f->trace.len > 0)
		buf_printf(&text, "\n" STR_FMT, STR_ARG(f->trace));
	while (text.len > 0 && text.data[text.len - 1] == '\n')
		text.len--;
	if (!text.failed)
		log_str(level, (struct str){text.data, text.len});
}

static int store(const struct child *c,
		 const struct task_params *params,
		 struct str inputs,
		 struct task_result *result)
{
	struct error err = ERROR_INIT;

	result->wants_deck = result->wants_deck || c->force_deck;
	if (result->outcome == TASK_ERROR)
		child_log_failure(&result->failure, c->failure_level);
	if (task_store_result(result, params, c->ctx, inputs, &err) < 0) {
		log_error("%s", err.message);
		return CHILD_NOT_STORED;
	}
	return result->outcome == TASK_ERROR ? CHILD_ERROR : CHILD_RESULT;
}

/* The result stands; a plugin that hangs or dies now can no longer change it. */
static void shut_down(struct loader *l)
{
	signal(SIGALRM, SIG_DFL);
	alarm(SHUTDOWN_SECONDS);
	loader_shutdown(l, clock_monotonic_ns() + (SHUTDOWN_SECONDS - 1) * INT64_C(1000000000));
}

int child_run(void *ctx, struct once_child *shared)
{
	const struct child *c = ctx;
	struct loader l = {.registry = c->registry,
			   .step = step,
			   .step_ctx = shared,
			   .loading = note_plugin,
			   .loading_ctx = shared,
			   .refused = note_refused_memory,
			   .refused_ctx = shared,
			   .known_uri = c->template_uri,
			   .known_bytes = c->template_bytes};
	struct timeline timeline = {.n = 0};
	struct arena arena = ARENA_INIT;
	struct buf inputs = BUF_INIT;
	struct task_map map;
	struct task_result result = {.outcome = TASK_ERROR};
	struct task_params params = {.ctx = c->ctx,
				     .timeline = &timeline,
				     .step = step,
				     .progress = progress,
				     .callback_ctx = shared};
	int status;

	/* The word is read through a plain pointer by plugins, atomically. */
	c->ctx->cancel_word = (const uint32_t *)&shared->cancel;
	c->ctx->directory_mark = &shared->marks[CHILD_MARK_DIRECTORY];
	run_task(c, shared, &l, &params, &map, &inputs, &arena, &result);
	if (atomic_load(&shared->cancel) != 0) {
		status = CHILD_CANCELLED;
	} else {
		step(shared, "store the result");
		status = store(c, &params, (struct str){inputs.data, inputs.len}, &result);
	}
	atomic_store(&shared->marks[CHILD_MARK_STATUS], status);
	shut_down(&l);
	task_result_done(&result);
	buf_done(&inputs);
	arena_done(&arena);
	return status;
}
