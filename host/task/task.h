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
	const struct str *optional_inputs; /* inputs that may be missing */
	size_t n_optional_inputs;
	const struct task_map *map; /* NULL: plain */
	const struct task_context *ctx;
	struct timeline *timeline; /* phases are added; may be NULL */
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
extern const struct host_exec_ops task_exec_ops;

/* Runs it. `inputs` is a serialized LiteralMap. Never fails itself: what goes wrong is a result
 * with outcome TASK_ERROR, coded as flytekit would (contract 2.4 and README's table). */
void task_execute(const struct task_params *params, struct str inputs, struct task_result *ret);
void task_result_done(struct task_result *r);

/* Cancels the execution that is running in this process, if any: sets nothing (the word is the
 * caller's), calls the executor's cancel. Async-signal-unsafe; any thread. */
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

/* Writes outputs.pb, futures.pb or error.pb (error-<hex>.pb under a distributed strategy),
 * offloaded literals before it, deck.html after it (a deck that cannot be written is only logged),
 * each first to a temporary name. Never leaves a stale outputs.pb, futures.pb or error.pb of an
 * earlier try beside a new one. */
int task_store_result(struct task_result *r,
		      const struct task_params *params,
		      const struct task_context *ctx,
		      struct str inputs,
		      struct error *err);
