/* Between dispatch, which says that a run is to start or stop, and the runners: makes of an accepted
 * request what a runner is told, and of a run's end what dispatch is told. [loop] */
#pragma once

#include "cli/catalog.h"
#include "dispatch/dispatch.h"

struct serve_runs;

struct serve_runs_params {
	struct loop *loop;
	struct catalog *catalog;
	struct logs *logs;     /* their last lines go into the report of a crash */
	const char *work_root; /* where runs get their working directories; must outlive it */
};

int serve_runs_new(const struct serve_runs_params *params,
		   struct serve_runs **ret,
		   struct error *err);
void serve_runs_free(struct serve_runs *r); /* after the pool is closed. NULL is fine */

/* The table for dispatch_options; before the first run dispatch is made known, since each needs the
 * other. */
struct dispatch_runners serve_runs_table(struct serve_runs *r);
void serve_runs_set_dispatch(struct serve_runs *r, struct dispatch *d);

/* The plugin's content that the run of this execution was given to; false when none is there. */
bool serve_runs_generation(const struct serve_runs *r, uint64_t id, struct str *ret_digest);

/* Runs handed over that have not ended. */
size_t serve_runs_live(const struct serve_runs *r);
