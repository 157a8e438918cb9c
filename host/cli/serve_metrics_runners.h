/* What the runners of a worker do, as metrics. [loop] */
#pragma once

#include "cli/worker_metrics.h"

struct catalog;
struct runner_pool;

/* Starts, replacements, deaths and lost output since the start, of all plugins together. */
void collect_pool(struct worker_metrics *w, const struct runner_pool *pool);

/* How many there are now and what memory they hold, by plugin. `pool` may be NULL. */
void collect_runners(struct worker_metrics *w,
		     struct catalog *catalog,
		     const struct runner_pool *pool);
