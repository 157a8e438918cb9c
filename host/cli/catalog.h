/* The plugins of a running worker: what is in its directories, which generations of each are in
 * use, and who takes which task type.
 *
 * A file is inspected, left until it has settled, and probed in a child before its first run; then it
 * is a generation of its plugin, and new runs go there. What an older generation has begun it
 * finishes, then its runners end. A bad new file changes nothing but a reason. Files are read and
 * probed off the loop; everything here is [loop]. */
#pragma once

#include "cli/config.h"
#include "cli/worker_metrics.h"
#include "dispatch/env.h"
#include "grpc/svc_catalog.h"
#include "registry/registry.h"
#include "runners/pool.h"

struct catalog;

struct catalog_params {
	struct loop *loop;
	const struct worker_config *config; /* must outlive the catalog */
	struct runner_pool *pool;
	const char *state_dir; /* verdicts and switched-off plugins are kept there; copies too */
	/* Path of taskhost, whose `plugin check` runs a new file's code; NULL: nothing is probed. */
	const char *check_program;
	struct worker_metrics *metrics; /* may be NULL */
	/* The offers, or whether a plugin can run, have changed: ListAgents, and what dispatch holds,
	 * are to be looked at again. `plugin` is empty when it may be any of them. */
	void (*changed)(void *user, struct str plugin);
	void *user;
};

int catalog_new(const struct catalog_params *params, struct catalog **ret, struct error *err);

/* Begins the first scan and watching the directories. `loaded` comes once, when everything found at
 * the start has its verdict. */
int catalog_start(struct catalog *c, void (*loaded)(void *user), void *user, struct error *err);

/* Stops watching and probing; no callback comes any more. Before the pool is closed. The memory is
 * freed by catalog_free, after the pool is closed. */
void catalog_stop(struct catalog *c);
void catalog_free(struct catalog *c); /* NULL is fine */

/* ---- for those who take requests and start runs ---------------------------------------------- */

/* Who takes which type, as the services and dispatch want it; allowed and denied types, limits and
 * times of the configuration are in it. */
struct agent_catalog catalog_agent(struct catalog *c);

/* A task ("arith.add"), an executor ("echo.Echo") or an executor's alias that may be run directly.
 * ERR_NOT_FOUND with a close name; ERR_STATE for one of a disabled or removed plugin. */
struct catalog_offer {
	struct str plugin, name;       /* name inside the plugin */
	bool task;                     /* else an executor */
	bool pending;                  /* asynchronous executor */
	const struct note_offer *note; /* borrowed until the loop turns, as is `about` */
	const struct note_plugin *about;
	const char *digest; /* of the generation */
};
int catalog_find_offer(struct catalog *c,
		       struct str name,
		       struct catalog_offer *ret,
		       struct error *err);

/* Where a run of this plugin is to go, with these limits (zeros: those configured). NULL with *hold:
 * the plugin is gone, disabled, loading or quarantined. */
struct runner_generation *catalog_generation(struct catalog *c,
					     struct str plugin,
					     const struct runner_limits *limits,
					     struct dispatch_hold *hold);

/* Whether a run may be handed over now, as dispatch_runners.ready wants it. */
bool catalog_ready(struct catalog *c, struct str plugin, struct dispatch_hold *hold);

/* How many runners the pool is to have at most, for all generations together. */
unsigned catalog_processes_most(const struct worker_config *config);

/* The pool's `changed` comes here. */
void catalog_generation_changed(struct catalog *c, struct runner_generation *g);

/* ---- for people -------------------------------------------------------------------------------- */

enum catalog_state {
	CATALOG_ACTIVE,
	CATALOG_LOADING,
	CATALOG_REFUSED,
	CATALOG_QUARANTINED,
	CATALOG_DISABLED,
	CATALOG_REMOVED,
	CATALOG_NOT_A_PLUGIN,
};

struct catalog_generation_view {
	const char *digest;
	int64_t loaded_at; /* wall, ns */
	bool retiring;
	unsigned min, max;
	struct runner_generation_status status;
};

struct catalog_view {
	const char *id, *file; /* id: the file's name when there is no note */
	enum catalog_state state;
	const char *reason;             /* or empty */
	int64_t quarantined_until;      /* wall, ns; 0: not */
	const struct note_plugin *note; /* NULL: none could be read */
	char *const *lost_claims;
	size_t n_lost_claims;
	const struct catalog_generation_view *generations; /* newest first */
	size_t n_generations;
};

/* Every plugin by id, then (with `all`) files that are none. Views are good during the call. */
void catalog_list(struct catalog *c,
		  bool all,
		  void (*each)(void *context, const struct catalog_view *v),
		  void *context);

/* False when there is none of that id. */
bool catalog_view_of(struct catalog *c,
		     struct str id,
		     void (*each)(void *context, const struct catalog_view *v),
		     void *context);

/* The directories in search order, NULL at the end. */
const char *const *catalog_directories(const struct catalog *c);

enum catalog_what { CHANGE_ADDED, CHANGE_REPLACED, CHANGE_REMOVED, CHANGE_REFUSED };

struct catalog_change {
	enum catalog_what what;
	const char *id, *file;
	const char *old_digest, *new_digest; /* or empty */
	const char *reason;                  /* of CHANGE_REFUSED; or empty */
};

/* A look at all directories now. `done` comes when all that was found has its verdict; it is part of
 * the look under way only if that has not begun to read. Memory of the caller until `done`. */
struct catalog_reload {
	void (*done)(struct catalog_reload *r,
		     const struct catalog_change *changes,
		     size_t n_changes,
		     unsigned unchanged);
	struct catalog_reload *next; /* private */
};
void catalog_reload(struct catalog *c, struct catalog_reload *r);
void catalog_reload_forget(struct catalog *c, struct catalog_reload *r);

/* ERR_NOT_FOUND; ERR_IO when it could not be remembered. *ret_changed: it was not so before. */
int catalog_set_enabled(struct catalog *c,
			struct str id,
			bool enabled,
			struct str reason,
			bool *ret_changed,
			struct error *err);
int catalog_unquarantine(struct catalog *c, struct str id, bool *ret_changed, struct error *err);

struct catalog_counts {
	unsigned plugins, active, refused, quarantined, disabled, loading;
};
struct catalog_counts catalog_counts(const struct catalog *c);
