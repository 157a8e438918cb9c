/* The worker's metrics, besides flytekit's four, which the connector services have (grpc/svc_stats.h).
 * One struct of families, so that whoever counts needs no names. */
#pragma once

#include "base/metrics.h"

struct worker_metrics {
	struct metrics *metrics;

	/* dispatch */
	struct metric_family *queue_depth, *queue_oldest; /* none */
	struct metric_family *slots, *slots_used;         /* none */
	struct metric_family *accepted;                   /* type */
	struct metric_family *outcomes;                   /* type, code; "OK" for success */
	struct metric_family *schedule_to_start, *run;    /* type */
	struct metric_family *key_conflicts;              /* none */
	struct metric_family *large_outputs;              /* none */

	/* runners */
	struct metric_family *runners;       /* plugin, state */
	struct metric_family *runner_starts; /* result: ok, failed */
	struct metric_family *recycles;      /* none */
	struct metric_family *crashes;       /* signal */
	struct metric_family *runner_memory; /* plugin */
	struct metric_family *output_lost;   /* none; bytes */

	/* plugins */
	struct metric_family *plugins; /* state */
	struct metric_family *reloads; /* result: ok, refused */

	/* store */
	struct metric_family *fsync, *commit_rows;        /* none */
	struct metric_family *store_waiting, *store_free; /* none */

	/* process */
	struct metric_family *loop_lag, *memory, *cpu, *descriptors, *connections; /* none */
	struct metric_family *build;                                               /* version */
	struct metric_collector process; /* private: sets memory, cpu and descriptors */
};

int worker_metrics_init(struct worker_metrics *w, struct error *err);
void worker_metrics_done(struct worker_metrics *w);
