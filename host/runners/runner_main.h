/* The runner's side: serves one plugin generation over a channel, in a process of its own
 * (runner_serve) or on a thread of the host (runner_serve_thread). What a run does is up to the
 * table of functions it is given.
 *
 * Threads. [runner] is the thread that serves: init, run and quiesce are called there, one at a
 * time. `cancel` is called on a thread of its own. */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "runners/once.h"

#include <stdatomic.h>

/* What to serve; good as long as the runner serves. */
struct runner_start {
	const char *name;   /* of the plugin, for people */
	const char *path;   /* of the file to load */
	const char *digest; /* of that file, hexadecimal */
	struct str config;  /* for `init`, as it was given to the pool; may be empty */
	uint32_t max_inflight;
	bool in_process;
	struct once_child *about; /* for once_module and once_step */
};

/* A task template, kept by the runner as long as tasks come with it. [runner] */
struct runner_template {
	uint64_t id; /* another template never has the same one in this runner */
	struct str bytes;
	void *decoded;                /* for the ops; freed by template_free */
	uint32_t refs;                /* private */
	struct runner_template *next; /* private */
};

/* One run, from ops->run until it is completed. */
struct runner_run {
	uint64_t id;
	int64_t deadline_ns;                   /* CLOCK_MONOTONIC; INT64_MAX: none */
	struct runner_template *task_template; /* NULL: none was given */
	struct str inputs, context;
	const _Atomic uint32_t *cancel; /* 0, or why to stop: a TH_CANCEL_… reason */
	void *user;                     /* for the ops */
};

struct runner_ops {
	/* Loads the plugin. [runner], once. What is written to ret_state is given back to the
	 * others. The error goes to the host. */
	int (*init)(void *ctx,
		    const struct runner_start *start,
		    void **ret_state,
		    struct error *err);
	/* Starts a run, and may complete it before it returns or later from any thread. Strings and
	 * template of the run are good until it is completed; the run is then gone. [runner] */
	void (*run)(void *state, struct runner_run *run);
	/* The run should stop; it must still be completed. May be NULL. [cancel], perhaps while
	 * `run` is still busy with it. The run is there until the return. */
	void (*cancel)(void *state, struct runner_run *run, uint32_t reason);
	/* May be NULL. [runner] */
	void (*template_free)(void *state, void *decoded);
	/* No more runs will come and none is left. May be NULL. [runner] */
	void (*quiesce)(void *state);
};

/* The outcome that the host is told when a document is larger than a slab can be. */
#define RUNNER_TOO_LARGE INT32_MIN

/* Ends a run; `id` is the one it had. False, and nothing happens, when that run has been completed
 * before: a second completion cannot hurt another run. Waits while the host is behind. [any-thread]
 */
bool runner_complete(struct runner_run *run, uint64_t id, int32_t outcome, struct str document);

/* Tell the host something about a run that is not completed; lost, and counted, when the host is
 * behind. Texts longer than RECORD_TEXT_MAX are cut. [any-thread] */
void runner_progress(struct runner_run *run, uint64_t id, double fraction, struct str text);
void runner_note(struct runner_run *run, uint64_t id, int32_t level, struct str text);

/* Serves until the host wants it to end or is gone: 0, and the process should end. Confines the
 * process first; only in a process made for it. `control` is the socket to the host and taken over.
 * A negative code when it could not begin; the host has been told then. */
int runner_serve(int control, const struct runner_ops *ops, void *ctx, struct error *err);

/* The same on the calling thread of the host's process, without confining anything. */
int runner_serve_thread(int control, const struct runner_ops *ops, void *ctx, struct error *err);
