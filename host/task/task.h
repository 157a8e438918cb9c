/* One execution, start to outputs: flytekit's dispatch_execute. Runs in exactly one place, the
 * process that holds the plugin, and knows nothing of who asked. */
#pragma once

#include "abi/host.h"
#include "task/context.h"
#include "task/timeline.h"

struct task_map { /* run for one element of list inputs */
	const struct str *bound;
	size_t n_bound;
	int64_t index;
};

struct task_params {
	const TaskTemplate *template;
	struct plugin *plugin;
	const th_executor *executor;
	bool shim; /* the template came from outside: flytekit's ExecutableTemplateShimTask */
	/* As pyflyte-execute: whatever goes wrong in a shim task is recoverable, inputs and outputs
	 * of the wrong type included, and local files among the inputs are looked for first. */
	bool entrypoint;
	const struct str *optional_inputs; /* inputs that may be missing */
	size_t n_optional_inputs;
	const struct task_map *map; /* NULL: plain */
	const struct task_context *ctx;
	struct timeline *timeline; /* phases are added; may be NULL */
	struct th_model *model;    /* of the template; NULL: the execution makes one */
	/* Called when the execution goes into a new step ("execute arith.add"); may be NULL. For
	 * crash reports. */
	void (*step)(void *ctx, const char *what);
	/* Progress reports of the plugin; may be NULL. */
	void (*progress)(void *ctx, double fraction, struct str message);
	void *callback_ctx;
};

enum task_outcome {
	TASK_OUTPUTS, /* `document` is a serialized LiteralMap */
	TASK_FUTURES, /* `document` is a serialized DynamicJobSpec */
	TASK_ERROR,   /* `failure` says why */
	TASK_IGNORED, /* no file is to be written */
};

struct task_result {
	enum task_outcome outcome;
	struct buf document;
	struct failure failure;
	struct decks *decks; /* what the plugin opened; NULL: none */
	bool wants_deck;     /* deck.html is to be written */
	bool early;          /* failed where flytekit has no timeline yet: inputs, pre_execute */
	struct arena arena;  /* holds the failure's strings and offloaded literals */
	/* Literals that go to files of their own (name, bytes); written before the outputs. */
	struct task_offloaded {
		char *file;
		struct buf bytes;
	} * offloaded;
	size_t n_offloaded;
};

/* The extension tables of 1.0 and what th_host needs: what plugins are given. Constant. */
extern const struct host_extension task_extensions[];
extern const char *const task_extension_ids[]; /* of the same; NULL at the end */
extern const struct host_exec_ops task_exec_ops;

/* Runs it. `inputs` is a serialized LiteralMap. Never fails itself: what goes wrong is a result
 * with outcome TASK_ERROR, coded as flytekit would (contract 2.4 and README's table). */
void task_execute(const struct task_params *params, struct str inputs, struct task_result *ret);
void task_result_done(struct task_result *r);

/* What plugins see of a template, for any number of executions, also at once: the texts that they ask
 * for are made once. NULL when out of memory; not freed before the executions are over, nor after
 * the template. */
struct th_model *task_model_new(const TaskTemplate *template);
void task_model_free(struct th_model *m); /* NULL is fine */

/* ---- without waiting: many pending executions, and no thread for any of them ------------------ */

/* One at a time; may be used again after `done`. */
struct task_run;

struct task_async {
	/* The plugin has completed a pending execution: call task_resume, once, soon, on a thread
	 * where the plugin's hooks may run; not inside this call, which may come from inside the
	 * plugin and from inside task_begin. [any-thread] */
	void (*ready)(void *user, struct task_run *run);
	/* It has ended and the result is known; exactly once, from inside task_begin or
	 * task_resume. `run` may be freed or begun again here, unless somebody may still be in
	 * task_cancel. */
	void (*done)(void *user);
	void *user;
};

struct task_run *task_run_new(void);      /* NULL when out of memory */
void task_run_free(struct task_run *run); /* not before `done`; NULL is fine */

/* As task_execute, but an execution that is pending is left to the plugin: post_execute, outputs and
 * close happen in task_resume. Params, inputs and result must be good until `done`. Nobody looks at
 * the deadline while it is pending: the caller tells by task_cancel, and by the cancel word of the
 * context. One whose word is set before its code is called does not begin. After the return, `run`
 * is the caller's only as far as task_cancel goes. */
void task_begin(struct task_run *run,
		const struct task_params *params,
		struct str inputs,
		struct task_result *ret,
		const struct task_async *async);
void task_resume(struct task_run *run);

/* Calls the executor's cancel for this run, at most once; set the cancel word before. Nothing
 * happens when it has not begun or is over. [any-thread] */
void task_cancel(struct task_run *run, uint32_t reason);

/* Cancels all executions of this process: sets nothing (the word is the caller's), calls the
 * executor's cancel. Async-signal-unsafe; any thread. */
void task_cancel_running(uint32_t reason);

/* ---- around it: what the entrypoint does with inputs and results ----------------------------- */

/* A failure that did not come from a plugin. Copies code and text into the result. */
void task_result_fail(struct task_result *r,
		      const char *code,
		      enum error_kind kind,
		      enum error_origin origin,
		      const char *fmt,
		      ...) __attribute__((format(printf, 5, 6)));

/* Reads the inputs at `uri`. On failure the result becomes SYSTEM, RECOVERABLE, SYSTEM. */
int task_read_inputs(const char *uri,
		     const struct task_context *ctx,
		     struct timeline *timeline,
		     struct buf *out,
		     struct task_result *ret_failure);

/* Writes the offloaded literals under the output prefix. An error when there is no such prefix, or
 * none that can be written from here. */
int task_store_offloaded(const struct task_result *r,
			 const struct task_context *ctx,
			 struct error *err);

/* Does the template ask for a deck (generates_deck)? */
bool task_wants_deck(const TaskTemplate *t);

/* The page deck.html, when there is to be one: appends it. Nothing is appended when not, and for
 * map tasks, whose elements would write one over the other. */
int task_render_deck(const struct task_result *r,
		     const struct task_params *params,
		     struct str inputs,
		     struct buf *out,
		     struct error *err);

/* Writes outputs.pb, futures.pb or error.pb (error-<hex>.pb under a distributed strategy),
 * offloaded literals before it, deck.html after it (a deck that cannot be written is only logged),
 * each first to a temporary name. Never leaves a stale outputs.pb, futures.pb or error.pb of an
 * earlier try beside a new one. */
int task_store_result(struct task_result *r,
		      const struct task_params *params,
		      const struct task_context *ctx,
		      struct str inputs,
		      struct error *err);
