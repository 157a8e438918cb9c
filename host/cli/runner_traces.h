/* What one run of a plugin may leave behind in its process for the next one: other files under
 * stdout and stderr, another umask, another working directory. All runs shall find what the
 * plugin's init has left, whoever was there before them. */
#pragma once

#include "runners/runner_main.h"

#include <sys/types.h>

struct runner_traces {
	bool told;
	struct kept_file {
		int fd; /* out of the way of the plugin's; -1: not watched */
		dev_t dev;
		ino_t ino;
	} out, err, directory;
	mode_t mask;
};

void runner_traces_keep(struct runner_traces *t);

/* Before `run`, while no other is there. The first time something is put right the run's log and
 * the host's say so. */
void runner_traces_remove(struct runner_traces *t, struct runner_run *run);

void runner_traces_done(struct runner_traces *t);
