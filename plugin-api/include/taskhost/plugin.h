/* What a plugin offers: resolvers that find its tasks, and executors that run them.
 *
 *   dlopen(RTLD_NOW | RTLD_LOCAL) -> th_plugin_main -> init -> (open -> [pre_execute ->
 *   execute_from_model -> post_execute]* -> close)* -> quiesce -> deinit
 *
 * Structs only grow at their end; the host copies what the plugin built into its own zeroed newest
 * struct, so a pointer left NULL, or unknown to the plugin, means "not offered". Arrays carry the
 * size of one element. Unknown flag bits in the lower half are refused, in the upper half
 * ignored. Reserved fields are 0 and checked. */
#ifndef TASKHOST_PLUGIN_H
#define TASKHOST_PLUGIN_H

#include "host.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- executor: flytekit's ShimTaskExecutor --------------------------------------------------- */

enum {
	TH_X_REENTRANT = 1,    /* one instance may run several executions at once */
	TH_X_IDEMPOTENT = 2,   /* may be run again after a crash */
	TH_X_DETERMINISTIC = 4 /* same inputs, same outputs */
};

/* Why `cancel` was called and what the cancel word holds. */
enum { TH_CANCEL_NONE = 0, TH_CANCEL_ASKED = 1, TH_CANCEL_DEADLINE = 2, TH_CANCEL_SHUTDOWN = 3 };

typedef struct th_executor {
	uint32_t struct_size;
	uint32_t flags;        /* TH_X_… */
	uint32_t max_inflight; /* executions at once per instance; 0: the host decides */
	uint32_t reserved;     /* 0 */
	const char *name;      /* "Echo": with the plugin's id it makes "echo.Echo"; no dots */
	void *data;            /* the plugin's own; passed to open */

	/* Makes an instance. Optional: without it `data` is the instance. [exec] */
	th_status (*open)(void *data, const th_model *model, void **ret_instance, th_errout *error);
	void (*close)(void *instance); /* [exec] */

	/* Before each execution; may refuse it. Failing is a SYSTEM error. Optional. [exec] */
	th_status (*pre_execute)(void *instance, th_exec *exec, th_errout *error);

	/* Runs the task: reads inputs and writes outputs through th.literal/1. TH_OK,
	 * TH_IGNORE_OUTPUTS, a failure, or TH_PENDING and later th_host.exec_complete. A failure
	 * keeps no outputs. REQUIRED. [exec] */
	th_status (*execute_from_model)(void *instance,
					th_exec *exec,
					const th_model *model,
					th_errout *error);

	/* After each execution that did not fail, with what it returned; may still change outputs
	 * or fail (SYSTEM). Optional. [exec] */
	th_status (*post_execute)(void *instance,
				  th_exec *exec,
				  th_status status,
				  th_errout *error);

	/* Please stop. The execution must still complete, at best with TH_E_CANCELLED. Safe to be
	 * called twice, and while execute_from_model runs. Optional. [any] */
	void (*cancel)(void *instance, th_exec *exec, uint32_t reason);

	/* Takes up work of an earlier process again, from the token it stored. Optional. [exec] */
	th_status (*resume)(void *instance,
			    th_exec *exec,
			    const th_model *model,
			    th_bytes token,
			    th_errout *error);
} th_executor;

/* ---- resolver: flytekit's TaskResolverMixin -------------------------------------------------- */

typedef struct th_resolver {
	uint32_t struct_size;
	uint32_t flags;   /* 0 */
	const char *name; /* flytekit's name(); NULL: the last word of the location */
	void *data;       /* passed as `self` */

	/* Pushes the location, "<plugin>.<symbol>". NULL: the plugin's id and the name of the
	 * exported variable that holds this struct. [any] */
	th_status (*location)(void *self, th_sink *sink);

	/* The task that `args` name; they come back as loader_args gave them. TH_E_NOT_FOUND with
	 * an error that says what was looked for. REQUIRED. [any] */
	th_status (*load_task)(void *self,
			       const th_str *args,
			       size_t n_args,
			       const th_task **ret_task,
			       th_errout *error);

	/* Pushes the arguments by which load_task finds `task` again. REQUIRED. [any] */
	th_status (*loader_args)(void *self, const th_task *task, th_sink *sink, th_errout *error);

	/* The task at `index`; TH_E_NOT_FOUND ends the list. Must agree with the notes. [any] */
	th_status (*get_all_tasks)(void *self, uint32_t index, const th_task **ret_task);

	/* Pushes the task's name, without the plugin's id; nothing pushed means flytekit's None.
	 * [any] */
	th_status (*task_name)(void *self, const th_task *task, th_sink *sink);

	/* Pushes one string: the TaskTemplate as protobuf's JSON text. NULL: the template described
	 * by the note of the task of that name. [any] */
	th_status (*task_template)(void *self,
				   const th_task *task,
				   th_sink *sink,
				   th_errout *error);

	/* The executor that runs `task`; NULL function: the executor of the task's name. [any] */
	const th_executor *(*task_executor)(void *self, const th_task *task);

	void (*release_task)(void *self, const th_task *task); /* optional [any] */
} th_resolver;

/* ---- the plugin ------------------------------------------------------------------------------ */

typedef struct th_plugin {
	uint32_t struct_size;
	uint16_t abi_major, abi_minor; /* what it was built against */
	uint32_t flags, reserved;      /* 0 */
	const char *id, *version;      /* as in the note: "arith", "1.0.0" */

	/* Once, before anything else. `config` is the plugin's part of the configuration as JSON,
	 * empty when there is none. `host` lives until deinit returned. Optional. [init] */
	th_status (*init)(const th_host *host, th_str config, void **ret_self, th_errout *error);

	/* Join threads, finish what is open. TH_OK, or TH_BUSY and the reason. `deadline_ns` is
	 * monotonic, 0 for none. Optional. [init] */
	th_status (*quiesce)(void *self, int64_t deadline_ns, th_errout *error);
	void (*deinit)(void *self); /* after quiesce returned TH_OK; optional [init] */

	const th_executor *const *executors; /* n_executors pointers */
	const th_resolver *const *resolvers; /* n_resolvers pointers */
	uint32_t n_executors, n_resolvers;

	/* What the plugin offers beyond this table, by extension id; optional. [any] */
	const void *(*get_extension)(void *self, const char *id);
} th_plugin;

typedef struct th_entry_in {
	uint32_t struct_size;
	uint16_t abi_major, abi_minor; /* the newest the host speaks */
	uint64_t generation;           /* number of this load, for logs */
	th_str path;                   /* the file as the operator knows it */
	th_bytes sha256;               /* digest of the bytes that were loaded */
	const th_host *host;
} th_entry_in;

typedef struct th_entry_out {
	uint32_t struct_size; /* set by the host */
	uint32_t reserved;
	const th_plugin *plugin; /* set by the plugin; lives until the process ends */
} th_entry_out;

/* The one exported function. TH_OK and out->plugin set, or TH_E_ABI, or another failure with the
 * reason in `error`. Does nothing but hand over the table. May be called again. [init] */
TH_EXPORT th_status th_plugin_main(const th_entry_in *in, th_entry_out *out, th_errout *error);

#ifdef __cplusplus
}
#endif
#endif
