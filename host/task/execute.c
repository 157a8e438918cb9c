#include "task/task.h"

#include "base/log.h"
#include "task/deck.h"
#include "task/exec.h"
#include "task/failure.h"
#include "task/inputs.h"
#include "task/model.h"
#include "task/names.h"
#include "task/outputs.h"
#include "task/store.h"

/* ---- rules for calls that fail without saying why -------------------------------------------- */

static const struct failure_rule open_rule = {
	.step = "open",
	.code = "USER:RuntimeError",
	.kind = ERROR_NON_RECOVERABLE,
	.origin = ORIGIN_USER,
};
static const struct failure_rule pre_rule = {
	.step = "pre_execute",
	.code = "SYSTEM",
	.kind = ERROR_RECOVERABLE,
	.origin = ORIGIN_SYSTEM,
};
static const struct failure_rule post_rule = {
	.step = "post_execute",
	.code = "SYSTEM",
	.kind = ERROR_RECOVERABLE,
	.origin = ORIGIN_SYSTEM,
};
static const struct failure_rule native_rule = {
	.step = "execute_from_model",
	.code = "USER:RuntimeError",
	.kind = ERROR_NON_RECOVERABLE,
	.origin = ORIGIN_USER,
};
static const struct failure_rule shim_rule = {
	.step = "execute_from_model",
	.code = "SYSTEM",
	.kind = ERROR_RECOVERABLE,
	.origin = ORIGIN_SYSTEM,
};

/* ---- steps ----------------------------------------------------------------------------------- */

struct task_run {
	struct exec *e;
	struct exec *known; /* the same, for task_cancel */
	const struct task_params *params;
	const struct th_model *model; /* kept by the caller, or: */
	struct th_model own_model;
	struct task_result *ret;
	void *instance;
	struct timeline_mark begun, executing,
		last; /* the whole, the task's code, the latest phase */
	struct task_async async;
	struct exec_kept kept;
};

/* Appends, as far as there is room for it and what is behind it. */
static char *put(char *at, const char *end, const char *word)
{
	size_t n = strnlen(word, (size_t)(end - at));

	memcpy(at, word, n);
	return at + n;
}

/* "execute arith.Add"; several times in every execution, so without printf. */
static void say_step(const struct task_params *p, const char *step)
{
	char text[256], *at = text;
	const char *const end = text + sizeof(text) - 1;

	if (!p->step)
		return;
	at = put(at, end, step);
	at = put(at, end, " ");
	at = put(at, end, p->plugin->table.id ? p->plugin->table.id : "?");
	at = put(at, end, ".");
	at = put(at, end, p->executor->name);
	*at = '\0';
	p->step(p->callback_ctx, text);
}

/* Hooks are not the task: their failures are the surroundings', unless they say otherwise. */
static int call_hook(struct task_run *run,
		     const struct failure_rule *rule,
		     th_status status,
		     const struct th_errout_h *slot)
{
	if (status >= 0)
		return 0;
	failure_of_plugin(run->ret, run->e, rule, slot, status);
	return ERR_STATE;
}

static int open_instance(struct task_run *run)
{
	const th_executor *x = run->params->executor;
	struct th_errout_h slot = {.set = false};

	run->instance = x->data;
	if (x->open) {
		say_step(run->params, "open");
		if (call_hook(run, &open_rule,
			      x->open(x->data, run->model, &run->instance, errout_handle(&slot)),
			      &slot) < 0)
			return ERR_STATE;
	}
	exec_open(run->e, run->instance);
	return 0;
}

static void close_instance(struct task_run *run)
{
	const th_executor *x = run->params->executor;

	exec_shut(run->e);
	if (x->open && x->close) {
		say_step(run->params, "close");
		x->close(run->instance);
	}
}

static int pre_execute(struct task_run *run)
{
	const th_executor *x = run->params->executor;
	struct th_errout_h slot = {.set = false};

	if (!x->pre_execute)
		return 0;
	say_step(run->params, "pre_execute");
	run->ret->early =
		call_hook(run, &pre_rule,
			  x->pre_execute(run->instance, run->e->handle, errout_handle(&slot)),
			  &slot) < 0;
	return run->ret->early ? ERR_STATE : 0;
}

static int post_execute(struct task_run *run, th_status status)
{
	const th_executor *x = run->params->executor;
	struct th_errout_h slot = {.set = false};

	if (!x->post_execute)
		return 0;
	say_step(run->params, "post_execute");
	return call_hook(
		run, &post_rule,
		x->post_execute(run->instance, run->e->handle, status, errout_handle(&slot)),
		&slot);
}

static th_status call_execute(struct task_run *run)
{
	const th_executor *x = run->params->executor;
	struct exec *e = run->e;

	run->executing =
		x->open || x->pre_execute ? timeline_start(run->params->timeline) : run->last;
	say_step(run->params, "execute");
	exec_begin(e);
	return x->execute_from_model(run->instance, e->handle, run->model, errout_handle(&e->slot));
}

static void collect(struct task_run *run)
{
	bool hooked = run->params->executor->post_execute;
	struct timeline *timeline = run->params->timeline;
	struct timeline_mark mark = hooked ? timeline_start(timeline) : run->last;

	say_step(run->params, "outputs of");
	outputs_collect(run->e, run->ret);
	timeline_end(timeline, mark, "Translate the output to literals");
}

/* Of an execution that did not fail. */
static void take_outputs(struct task_run *run, th_status status)
{
	if (status != TH_OK && status != TH_IGNORE_OUTPUTS) {
		task_result_fail(run->ret, "UNKNOWN_OUTPUT", ERROR_RECOVERABLE, ORIGIN_SYSTEM,
				 "executor %s ended with the status %d, which means nothing here",
				 run->params->executor->name, (int)status);
		return;
	}
	if (post_execute(run, status) < 0)
		return;
	if (status == TH_IGNORE_OUTPUTS)
		run->ret->outcome = TASK_IGNORED;
	else
		collect(run);
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* From the final status on: its result, and the instance is closed. */
static void go_on(struct task_run *run)
{
	th_status status = exec_status(run->e);

	run->last = timeline_end(run->params->timeline, run->executing, "Execute user level code");
	if (status < 0)
		failure_of_plugin(run->ret, run->e, run->params->shim ? &shim_rule : &native_rule,
				  &run->e->slot, status);
	else
		take_outputs(run, status);
	close_instance(run);
}

/* With an open instance: what comes before the task's own code. */
static int admit(struct task_run *run)
{
	/* A cancel before exec_open found nobody to call. */
	if (run->async.done && exec_cancel_reason(run->e)) {
		task_result_fail(run->ret, "SYSTEM", ERROR_RECOVERABLE, ORIGIN_SYSTEM,
				 "cancelled before it was executed");
		return ERR_STATE;
	}
	return pre_execute(run);
}

static int prepare(struct task_run *run, struct str inputs)
{
	int r;

	say_step(run->params, "inputs of");
	r = inputs_prepare(run->e, inputs, run->ret);
	run->last = timeline_end(run->params->timeline, run->begun,
				 "Translate literal to python value");
	return r < 0 ? r : open_instance(run);
}

/* True when the result is known, and nothing is open any more. False while it is pending; when
 * somebody waits, the run is then theirs. */
static bool run_exec(struct task_run *run, struct str inputs, const struct exec_waiter *waiter)
{
	if (prepare(run, inputs) < 0)
		return true;
	if (admit(run) < 0) {
		close_instance(run);
		return true;
	}
	if (!exec_settle(run->e, call_execute(run), waiter))
		return false;
	go_on(run);
	return true;
}

static int begin(struct task_run *run, const struct task_params *params, struct task_result *ret)
{
	struct error err = ERROR_INIT;

	run->params = params;
	run->ret = ret;
	run->begun = timeline_start(params->timeline);
	*ret = (struct task_result){.outcome = TASK_ERROR, .document = BUF_INIT};
	arena_init(&ret->arena, 0);
	if (exec_new(params, &run->kept, &run->e, &err) < 0) {
		task_result_fail(ret, "SYSTEM", ERROR_RECOVERABLE, ORIGIN_SYSTEM, "%s",
				 err.message);
		return err.code;
	}
	run->model = params->model;
	if (!run->model) {
		model_init(&run->own_model, params->template);
		run->model = &run->own_model;
	}
	exec_know(run->e, &run->known);
	return 0;
}

static void end(struct task_run *run)
{
	const struct task_params *params = run->params;
	struct task_result *ret = run->ret;

	if (run->e) {
		ret->decks = TAKE(run->e->decks);
		if (run->model == &run->own_model)
			model_done(&run->own_model);
		exec_free(TAKE(run->e));
	}
	ret->wants_deck =
		ret->outcome != TASK_IGNORED && (task_wants_deck(params->template) || ret->decks);
	timeline_end(params->timeline, run->begun, "dispatch execute");
	if (params->step)
		params->step(params->callback_ctx, "store results");
}

void task_execute(const struct task_params *params, struct str inputs, struct task_result *ret)
{
	struct task_run run = {.e = NULL};

	if (begin(&run, params, ret) == 0 && !run_exec(&run, inputs, NULL)) {
		exec_await(run.e);
		go_on(&run);
	}
	end(&run);
	exec_kept_done(&run.kept);
}

/* ---- without waiting ------------------------------------------------------------------------- */

struct task_run *task_run_new(void)
{
	return calloc(1, sizeof(struct task_run));
}

void task_run_free(struct task_run *run)
{
	if (run)
		exec_kept_done(&run->kept);
	free(run);
}

static void completed(void *user)
{
	struct task_run *run = user;

	run->async.ready(run->async.user, run);
}

static void finish(struct task_run *run)
{
	const struct task_async async = run->async;

	end(run);
	async.done(async.user);
}

void task_begin(struct task_run *run,
		const struct task_params *params,
		struct str inputs,
		struct task_result *ret,
		const struct task_async *async)
{
	const struct exec_waiter waiter = {completed, run};

	run->async = *async;
	if (begin(run, params, ret) < 0 || run_exec(run, inputs, &waiter))
		finish(run);
}

void task_resume(struct task_run *run)
{
	go_on(run);
	finish(run);
}

void task_cancel(struct task_run *run, uint32_t reason)
{
	exec_cancel(&run->known, reason);
}

void task_result_done(struct task_result *r)
{
	for (size_t i = 0; i < r->n_offloaded; i++) {
		free(r->offloaded[i].file);
		buf_done(&r->offloaded[i].bytes);
	}
	free(r->offloaded);
	r->offloaded = NULL;
	r->n_offloaded = 0;
	buf_done(&r->document);
	decks_free(r->decks);
	r->decks = NULL;
	arena_done(&r->arena);
}
