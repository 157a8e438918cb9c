/* The states of an execution as rows hold them. The numbers are part of the schema: a number is
 * never used again for something else. Which state may follow which is not the store's business
 * (dispatch/machine.h); it only knows that a finished row never changes. */
#pragma once

#include <stdbool.h>

/* name, number, in rows: some states live in memory only. */
#define EXEC_STATE_MAP(X)                                                                          \
	X(NEW, 0, false)                                                                           \
	X(QUEUED, 1, true)                                                                         \
	X(WAITING, 2, false)                                                                       \
	X(STARTING, 3, true)                                                                       \
	X(RUNNING, 4, false)                                                                       \
	X(COMMITTING, 5, true)                                                                     \
	X(RETRY_WAIT, 6, true)                                                                     \
	X(CANCELLING, 7, false)                                                                    \
	X(SUCCEEDED, 16, true)                                                                     \
	X(FAILED, 17, true)                                                                        \
	X(RETRYABLE_FAILED, 18, true)                                                              \
	X(ABORTED, 19, true)                                                                       \
	X(DEAD, 20, true)

enum exec_state {
#define X(name, number, durable) EXEC_##name = (number),
	EXEC_STATE_MAP(X)
#undef X
};

#define EXEC_STATES       21 /* one more than the highest number */
#define EXEC_FINISHED     16 /* this number and above: finished */
#define EXEC_FINISHED_SQL "16"

static inline bool exec_state_finished(enum exec_state s)
{
	return s >= EXEC_FINISHED;
}

const char *exec_state_name(int number); /* "RETRY_WAIT"; "?" for no state */
bool exec_state_durable(int number);     /* may stand in a row */

/* The state called that, in any case; -1 when there is none. */
int exec_state_find(const char *name);
