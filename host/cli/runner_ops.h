/* What a runner does with a plugin: loads it, finds tasks and executors in it, runs them. The table
 * for runner_serve in taskhost-runner, and for in-process generations in taskhostd. */
#pragma once

#include "runners/runner_main.h"

struct runner_ops_params {
	const char *store_dir; /* where the host keeps its private copies; start->path lies there */
};

/* Its ctx is a struct runner_ops_params, or NULL: then the store is the one that start->path lies in
 * ("<store>/plugins/<digest>.so"), and a file that lies elsewhere is loaded by way of a memfd.
 *
 * Runs of a plugin that completes them later (TH_PENDING) take no thread each: with max_inflight
 * above 1 there is one thread on which they go on. In the host's own process the caller has told the
 * inspection what the host offers (inspect_set_extensions) before. */
extern const struct runner_ops plugin_runner_ops;
