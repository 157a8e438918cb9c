/* The metrics of a running worker: what dispatch tells as it happens, and what others count, read
 * when somebody asks. [loop]
 *
 * Counted elsewhere: flytekit's four by the connector services (grpc/svc_stats.h), new plugin files
 * by the catalog, memory, CPU time and descriptors of this process by worker_metrics itself. */
#pragma once

#include "base/series.h"
#include "cli/worker_metrics.h"
#include "dispatch/dispatch.h"

struct catalog;
struct grpc_engine;
struct loop;
struct runner_pool;
struct serve_metrics;

/* `metrics` stays the caller's. Once this is freed, they are not printed any more. */
int serve_metrics_new(struct loop *loop,
		      struct worker_metrics *metrics,
		      struct serve_metrics **ret,
		      struct error *err);
void serve_metrics_free(struct serve_metrics *m); /* NULL is fine */

/* Whom to ask; each may be NULL, then what it counts stays as it was. To be called again before one
 * of them goes. */
struct serve_metrics_sources {
	const struct dispatch *dispatch;
	struct store *store;
	const struct runner_pool *pool;
	struct catalog *catalog;
	const struct grpc_engine *engine;
};
void serve_metrics_watch(struct serve_metrics *m, const struct serve_metrics_sources *sources);

/* Begins the beat, a timer that measures how late the loop is and looks whether the store gets on.
 * 0: every second. */
void serve_metrics_start(struct serve_metrics *m, int64_t beat_ns);

/* Dispatch's hooks of these names. */
void serve_metrics_took(struct serve_metrics *m,
			enum dispatch_time what,
			struct str type,
			int64_t ns);
void serve_metrics_ended(struct serve_metrics *m,
			 struct str type,
			 enum exec_state state,
			 struct str code);

struct worker_metrics *serve_metrics_families(struct serve_metrics *m);

/* What ended, second by second. */
const struct series *serve_metrics_series(const struct serve_metrics *m);

/* Beats so far: a clock that stands still while the process does. */
uint64_t serve_metrics_beats(const struct serve_metrics *m);

/* Beats in a row at which writes waited, nothing had been committed since the one before, and the
 * store said that it was well. */
uint64_t serve_metrics_store_still(const struct serve_metrics *m);
