/* The states of an execution: what follows what, what Flyte is told, what is true in each. Pure: no
 * time, no memory, no input or output.
 *
 *            accept (durable)                           recovered rows enter through NEW, too
 *                 |
 *                NEW ------------------------------+--------------+------------+
 *                 |                                |              |            |
 *                 v        slot found (durable)    v   started    v            |
 *     +-------> QUEUED ----------------------> STARTING -----> RUNNING         |
 *     |        (WAITING: the same,                 |             |             |
 *     |         held by a limit)                   |             | ended       |
 *     | due       |                                +------+------+             |
 *     |           | too long in the queue          |      |                    |
 * RETRY_WAIT <----|--------------------------------+      v                    v
 *   (durable)     +---------------------------------> COMMITTING ---> SUCCEEDED | FAILED
 *     ^                                               outputs placed, RETRYABLE_FAILED | DEAD
 *     +---- the run is repeated                       then durable
 *
 *   cancel, from NEW, QUEUED, STARTING, RUNNING, COMMITTING (until the end is being written) and
 *   RETRY_WAIT:  --> CANCELLING --> ABORTED
 *
 * Durable: what stands in the row. The row lags behind: RUNNING and CANCELLING leave STARTING in it
 * (a cancel is a mark beside it), and COMMITTING is written only when outputs go to files. */
#pragma once

#include "store/state.h"

#include <stddef.h>
#include <stdint.h>

/* As flyteidl.core.TaskExecution.Phase numbers them. */
enum task_phase {
	PHASE_QUEUED = 1,
	PHASE_RUNNING = 2,
	PHASE_SUCCEEDED = 3,
	PHASE_ABORTED = 4,
	PHASE_FAILED = 5,
	PHASE_INITIALIZING = 6,
	PHASE_WAITING_FOR_RESOURCES = 7,
	PHASE_RETRYABLE_FAILED = 8,
};

struct machine_state {
	const char *name; /* in traces: "retry wait" */
	uint32_t next;    /* bit set of 1 << state */
	enum task_phase phase;
	const char *file; /* where its work is done */
};

/* Indexed by state; name is NULL for a number that is no state. */
extern const struct machine_state machine_states[EXEC_STATES];

bool machine_allows(enum exec_state from, enum exec_state to);

/* Whether a row may go from one durable state to the other; `from` is NEW for its first. A host
 * that was lost leads from every live state back to NEW. */
bool machine_allows_durable(enum exec_state from, enum exec_state to);

/* The phase Flyte sees. `ran`: a run began before, here or before a restart; what was seen running
 * never goes back to being queued. `by_flyte`: Flyte asked for the cancel. */
enum task_phase machine_phase(enum exec_state state, bool ran, bool by_flyte);

/* What the rest of the execution looks like, for the invariants. */
struct machine_facts {
	enum exec_state state;
	bool in_queue;    /* stands in a lane */
	bool has_slots;   /* counts against limits */
	bool has_runner;  /* a run was handed to the runners and has not ended */
	bool writing;     /* a write is in flight */
	bool ending;      /* it is known how it ends */
	bool end_written; /* the write in flight is that of the end */
	bool has_timer;
	bool durable; /* it is kept in the store */
};

/* NULL, or what is wrong. */
const char *machine_broken(const struct machine_facts *f);
