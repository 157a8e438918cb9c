/* Executions as people read them. */
#pragma once

#include "cli/worker_client.h"

typedef Taskhost__Worker__V1__GetExecutionResponse ExecutionDetails;

/* Is it SUCCEEDED, FAILED…? */
bool execution_finished(Taskhost__Worker__V1__Execution__State state);
void execution_state(Taskhost__Worker__V1__Execution__State state, struct buf *out);

/* A heading and a line each. `now_ns`: CLOCK_REALTIME. */
void execution_table(Execution *const *list, size_t n, int64_t now_ns, struct buf *out);

/* "running 40 % — epoch 2 (run 1 of 3, 12s)" */
void execution_line(const Execution *e, int64_t now_ns, struct buf *out);

/* Everything, as "name: value" lines. ERR_INVALID when a literal cannot be shown. */
int execution_details(const ExecutionDetails *d,
		      int64_t now_ns,
		      struct buf *out,
		      struct error *err);

/* What became of a finished one: outputs on stdout as one line of JSON, as `run` prints them, or
 * why there are none on stderr. The exit code says how it ended. */
int execution_outcome(const char *prog, const ExecutionDetails *d);
