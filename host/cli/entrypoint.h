/* pyflyte-execute and pyflyte-map-execute: what is checked before the guarded part, and the exit
 * code after it. */
#pragma once

#include "cli/loader.h"

struct entrypoint_options {
	const char *inputs, *output_prefix, *raw_prefix;
	const char *checkpoint_path, *prev_checkpoint;
	bool test;
	const char *addl_distro, *dest_dir;
	const char *resolver;
	int64_t max_concurrency; /* map only */
	struct search_options search;
};

/* Options whose text is a template variable of flytekit that was not filled in, become NULL. */
void entrypoint_normalise(struct entrypoint_options *o);

/* Index of the element: BATCH_JOB_ARRAY_INDEX_OFFSET plus the variable that
 * BATCH_JOB_ARRAY_INDEX_VAR_NAME names; each 0 when unset. ERR_INVALID when one is no number. */
int entrypoint_map_index(int64_t *ret, struct error *err);

/* Runs the task and returns the exit code; does not return when a signal ended it. `map`: one
 * element of it. */
int entrypoint_run(const char *prog,
		   struct entrypoint_options *o,
		   const struct args_list *resolver_args,
		   bool map);
