/* How a run ended, from what the runners know to what dispatch decides by. */
#pragma once

#include "base/mem.h"
#include "dispatch/env.h"
#include "runners/logs.h"
#include "runners/pool.h"

struct run_ending {
	struct run_result result;
	struct buf message, document; /* what the result points to */
};

#define RUN_ENDING_INIT                                                                            \
	{                                                                                          \
		.result = {.outcome = RUN_ERROR}, .message = BUF_INIT, .document = BUF_INIT        \
	}

/* Fills in `ret`; the spans of its result are good until run_ending_done and as long as `end`'s. A
 * crash is told with its cause, the named frames, and the last lines of the log called `log`. */
void run_ending_of(const struct run_end *end,
		   struct logs *logs,
		   const char *log,
		   struct run_ending *ret);
void run_ending_done(struct run_ending *e);
