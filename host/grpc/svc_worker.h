/* taskhost.worker.v1.Worker: what the command line asks of a running worker. [loop]
 *
 * Executions come from dispatch, the store and the logs. What is known only where the worker is put
 * together (plugins, addresses, the way to end) comes through a table of functions. */
#pragma once

#include "base/metrics.h"
#include "dispatch/dispatch.h"
#include "flyte/document.h"
#include "grpc/engine.h"
#include "grpc/svc_catalog.h"
#include "grpc/svc_worker_draft.h"
#include "loop/loop.h"

struct logs;
struct worker_service;

/* What can be run by its name. All of it lives in the arena given. */
struct worker_offer {
	struct str plugin;
	struct str name; /* in full: "arith.add", "echo.Echo"; of an alias what it stands for */
	bool task;       /* else an executor */
	bool pending;    /* its executor is asynchronous: a run holds no slot of the host */
	struct str digest, about;    /* of the generation described, of the offer */
	TaskTemplate *task_template; /* of a task, with its interface */
	struct str *optional;        /* inputs of a task that may be left out */
	size_t n_optional;
};

/* What the configuration says of runs; as in dispatch_request. */
struct worker_defaults {
	int priority;
	int64_t queue_ttl_ns, soft_ns, hard_ns;
};

/* A look at the plugin directories. Memory of the caller until `done`, or until it is forgotten. */
struct worker_reload {
	/* The answer is good until the return. */
	void (*done)(struct worker_reload *r,
		     const struct draft *draft,
		     const Taskhost__Worker__V1__ReloadPluginsResponse *answer);
	void *source; /* the source's own */
};

struct worker_source {
	/* A task, an executor or an alias. ERR_NOT_FOUND with a close name; ERR_STATE: not now. */
	int (*find_offer)(void *user,
			  struct str name,
			  struct arena *arena,
			  struct worker_offer *ret,
			  struct error *err);
	void (*defaults)(void *user,
			 struct str plugin,
			 struct str type,
			 struct worker_defaults *ret);
	/* Whether the configuration allows tasks of this type, whoever runs them. NULL: all. */
	bool (*allowed)(void *user, struct str type);
	/* A place for large outputs of one execution, never given out before. */
	int (*output_prefix)(void *user, struct buf *out, struct error *err);
	/* The plugin's content that the last run of a living execution was given to; false: not
	 * known. May be NULL. */
	bool (*generation)(void *user, uint64_t id, struct str *ret_digest);

	/* By id; `all`: also files that are no plugins. */
	void (*list_plugins)(void *user,
			     bool all,
			     struct draft *d,
			     Taskhost__Worker__V1__ListPluginsResponse *ret);
	/* NULL: there is none of that id. */
	Taskhost__Worker__V1__Plugin *(*plugin)(void *user, struct str id, struct draft *d);
	/* ERR_NOT_FOUND; ERR_IO when it cannot be remembered. */
	int (*set_enabled)(void *user,
			   struct str id,
			   bool enabled,
			   struct str reason,
			   bool *ret_changed,
			   struct error *err);
	int (*unquarantine)(void *user, struct str id, bool *ret_changed, struct error *err);
	/* `done` comes later. */
	int (*reload)(void *user, struct worker_reload *r, struct error *err);
	void (*reload_forget)(void *user, struct worker_reload *r);

	/* All but executions, slots, store, connections and drain. */
	void (*status)(void *user, struct draft *d, Taskhost__Worker__V1__GetStatusResponse *ret);
	/* Begins what SIGTERM begins. grace_ns negative: as configured. */
	int (*drain)(void *user, int64_t grace_ns, struct str reason, struct error *err);
	void *user;
};

struct worker_service_options {
	struct loop *loop;
	struct dispatch *dispatch;
	struct store *store;
	struct logs *logs; /* NULL: nothing is kept */
	struct metrics *metrics;
	struct agent_catalog catalog; /* who takes which task type */
	struct worker_source source;
	int64_t (*wall_ns)(void); /* since 1970 */
};

/* Adds the service to the engine. What the options point to must outlive the engine; only the store
 * may be closed before, or after, worker_service_free. */
int worker_service_new(struct grpc_engine *e,
		       const struct worker_service_options *options,
		       struct worker_service **ret,
		       struct error *err);

/* After the engine is gone. NULL is fine. */
void worker_service_free(struct worker_service *s);

/* The drain has come to another stage: those who wait for it are told. From dispatch_hooks.drain. */
void worker_service_drain_moved(struct worker_service *s);
