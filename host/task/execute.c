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

#include <stdio.h>

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

struct run {
	struct exec *e;
	const struct task_params *params;
	struct th_model model;
	struct task_result *ret;
	void *instance;
};

static void say_step(const struct task_params *p, const char *step)
{
	char text[256];

	if (!p->step)
		return;
	snprintf(text, sizeof(text), "%s %s.%s", step,
		 p->plugin->table.id ? p->plugin->table.id : "?", p->executor->name);
	p->step(p->callback_ctx, text);
}

/* Hooks are not the task: their failures are the surroundings', unless they say otherwise. */
static int call_hook(struct run *run,
		     const struct failure_rule *rule,
		     th_status status,
		     const struct th_errout_h *slot)
{
	if (status >= 0)
		return 0;
	failure_of_plugin(run->ret, run->e, rule, slot, status);
	return ERR_STATE;
}

static int open_instance(struct run *run)
{
	const th_executor *x = run->params->executor;
	struct th_errout_h slot = {.set = false};

	run->instance = x->data;
	if (x->open) {
		say_step(run->params, "open");
		if (call_hook(run, &open_rule,
			      x->open(x->data, &run->model, &run->instance, errout_handle(&slot)),
			      &slot) < 0)
			return ERR_STATE;
	}
	exec_open(run->e, run->instance);
	return 0;
}

static void close_instance(struct run *run)
{
	const th_executor *x = run->params->executor;

	exec_shut(run->e);
	if (x->open && x->close) {
		say_step(run->params, "close");
		x->close(run->instance);
	}
}

static int pre_execute(struct run *run)
{
	const th_executor *x = run->params->executor;
	struct th_errout_h slot = {.set = false};

	if (!x->pre_execute)
		return 0;
	say_step(run->params, "pre_execute");
	return call_hook(run, &pre_rule,
			 x->pre_execute(run->instance, run->e->handle, errout_handle(&slot)),
			 &slot);
}

static int post_execute(struct run *run, th_status status)
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

static th_status call_execute(struct run *run)
{
	struct timeline_mark mark = timeline_start();
	struct exec *e = run->e;
	th_status status;

	say_step(run->params, "execute");
	exec_begin(e);
	status = run->params->executor->execute_from_model(run->instance, e->handle, &run->model,
							   errout_handle(&e->slot));
	status = exec_await(e, status);
	timeline_end(run->params->timeline, mark, "Execute user level code");
	return status;
}

static void collect(struct run *run)
{
	struct timeline_mark mark = timeline_start();

	say_step(run->params, "outputs of");
	outputs_collect(run->e, run->ret);
	timeline_end(run->params->timeline, mark, "Translate the output to literals");
}

/* With an open instance, until its result is known. */
static void run_instance(struct run *run)
{
	th_status status;

	if (pre_execute(run) < 0)
		return;
	status = call_execute(run);
	if (status < 0) {
		failure_of_plugin(run->ret, run->e, run->params->shim ? &shim_rule : &native_rule,
				  &run->e->slot, status);
		return;
	}
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

static void run_exec(struct run *run, struct str inputs)
{
	struct timeline_mark mark = timeline_start();
	int r;

	say_step(run->params, "inputs of");
	r = inputs_prepare(run->e, inputs, run->ret);
	timeline_end(run->params->timeline, mark, "Translate literal to python value");
	if (r < 0)
		return;
	if (open_instance(run) == 0) {
		run_instance(run);
		close_instance(run);
	}
}

void task_execute(const struct task_params *params, struct str inputs, struct task_result *ret)
{
	struct timeline_mark mark = timeline_start();
	struct run run = {.params = params, .ret = ret};
	struct error err = ERROR_INIT;

	*ret = (struct task_result){.outcome = TASK_ERROR, .document = BUF_INIT};
	arena_init(&ret->arena, 0);
	if (exec_new(params, &run.e, &err) < 0) {
		task_result_fail(ret, "SYSTEM", ERROR_RECOVERABLE, ORIGIN_SYSTEM, "%s",
				 err.message);
	} else {
		model_init(&run.model, params->template);
		run_exec(&run, inputs);
		ret->decks = run.e->decks;
		run.e->decks = NULL;
		model_done(&run.model);
		exec_free(run.e);
	}
	ret->wants_deck =
		ret->outcome != TASK_IGNORED && (store_wants_deck(params->template) || ret->decks);
	timeline_end(params->timeline, mark, "dispatch execute");
	if (params->step)
		params->step(params->callback_ctx, "store results");
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
