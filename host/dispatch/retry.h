/* What becomes of an execution after a run: the rules as one pure function.
 *
 * Flyte's own: Flyte retries, so every run is the last and the answer says whether trying again
 * makes sense. Directly submitted: the template's retries, and after too many crashes the dead
 * list. */
#pragma once

#include "dispatch/config.h"
#include "dispatch/env.h"

struct retry_facts {
	enum run_outcome outcome;
	bool owned;
	bool timed_out;    /* it was stopped for its hard limit */
	bool drained;      /* it was stopped because the worker stops */
	bool recoverable;  /* with RUN_ERROR */
	struct str code;   /* the task's own, with RUN_ERROR */
	uint32_t max_runs; /* at least 1 */
	uint32_t failures, crashes, losses, not_started; /* before this run */
};

struct retry_rule {
	enum exec_state to; /* RETRY_WAIT or finished */
	const char *code;   /* in place of the task's own; NULL: keep it */
	uint32_t failures, crashes, losses, not_started; /* after this run */
	int64_t delay_ns;                                /* with RETRY_WAIT */
};

struct retry_rule
retry_decide(const struct retry_facts *f, const struct dispatch_config *config, uint64_t random);

/* After a host, or a runner, was lost in the middle of a run through no fault of the run's: QUEUED
 * while it may run again, else where to. */
enum exec_state retry_after_loss(bool owned, uint32_t losses, const struct dispatch_config *config);

/* Uniform in [0, min(most, first * 2^(n - 1))], n from 1. */
int64_t retry_jitter(uint32_t n, int64_t first_ns, int64_t most_ns, uint64_t random);
