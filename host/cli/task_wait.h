/* Waiting for an execution to end, for `task wait` and `task submit --wait`. */
#pragma once

#include "cli/worker_client.h"

/* Shows on a terminal how it goes on, then what became of it (execution_outcome, or with w->json
 * all of it). timeout_ns 0: as long as it takes. EXIT_TIMED_OUT when it goes on after that. */
int task_wait(struct worker *w, const char *id, int64_t timeout_ns);
