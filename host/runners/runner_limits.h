/* What a runner may use, and by what means it is held to that. */
#pragma once

#include "base/buf.h"
#include "base/str.h"

#include <stdint.h>

/* 0 means no limit of ours. */
struct runner_limits {
	uint64_t memory;      /* bytes */
	uint64_t cpu_milli;   /* thousandths of a CPU at a time; held by a control group only */
	uint64_t cpu_seconds; /* of CPU time for a run, or for loading */
	uint64_t open_files;
	uint64_t processes; /* in its control group; held by a control group only */
};

/* Kubernetes quantities ("512Mi", "1500m"); an empty one, or 0, is no limit. ERR_INVALID names
 * the field. */
int limits_memory(struct str quantity, uint64_t *ret_bytes, struct error *err);
int limits_cpu(struct str quantity, uint64_t *ret_milli, struct error *err);

enum limit_means { LIMIT_NONE, LIMIT_RLIMIT, LIMIT_CGROUP };

/* What is really in force for the runners of a plugin. */
struct limits_in_force {
	struct runner_limits limits; /* those that are held; the others are 0 */
	enum limit_means memory_by, cpu_by;
	char why[160]; /* why no control group is used; empty when one is */
};

/* "memory 512 MiB (cgroup), open files 256"; "none" when there are none. */
void limits_describe(const struct limits_in_force *l, struct buf *out);

/* In the runner, before the plugin is loaded: what rlimits can hold. `memory` is left to the
 * control group when `cgroup` is true. No core files in any case. */
int limits_apply(const struct runner_limits *l, bool cgroup, struct error *err);

/* From now on this process may use `seconds` more of CPU time, then SIGXCPU ends it. */
void limits_more_cpu(uint64_t seconds);
