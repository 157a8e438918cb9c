/* Runners for dispatch that run nothing: what is started is kept until the caller ends it. With
 * clocks of real time; whoever uses them calls dispatch_tick. */
#pragma once

#include "dispatch/dispatch.h"

#define IDLE_RUNS 4096

struct idle_runners {
	struct {
		uint64_t id;
		uint32_t run;
	} runs[IDLE_RUNS]; /* started and not ended */
	size_t n, n_started;
	bool hang;       /* what is started is not kept, and never ends */
	int64_t skew_ns; /* added to the clocks */
	int64_t jump_ns; /* and this to the wall clock alone */
};

/* One more than IDLE_RUNS does not start. */
struct dispatch_runners idle_runners(struct idle_runners *r);
struct dispatch_clock idle_clock(struct idle_runners *r);

/* All that is kept began, and ends with this result. */
void idle_runners_end(struct idle_runners *r, struct dispatch *d, const struct run_result *result);
