/* Limits and times of dispatch. Times in nanoseconds. */
#pragma once

#include "base/str.h"

#include <stddef.h>

#define NS_MS INT64_C(1000000)
#define NS_S  INT64_C(1000000000)

enum limit_kind {
	LIMIT_HOST,
	LIMIT_PENDING,
	LIMIT_SHARE, /* of one plugin in LIMIT_PENDING; follows from that */
	LIMIT_PLUGIN,
	LIMIT_TYPE,
	LIMIT_KINDS,
};

struct dispatch_limit {
	enum limit_kind kind;
	struct str name; /* of the plugin or type; lives as long as dispatch */
	uint32_t most;   /* runs at once */
};

struct dispatch_config {
	uint32_t slots;         /* runs at once on this host */
	uint32_t pending_slots; /* runs of asynchronous executors at once; 9/10 of one plugin */
	const struct dispatch_limit *limits;
	size_t n_limits;
	uint32_t queue_most;  /* live executions before new ones are refused */
	int64_t aging_ns;     /* one step of priority is worth this much waiting */
	int64_t queue_ttl_ns; /* defaults for requests that say nothing; 0: none */
	int64_t soft_ns, hard_ns;
	int64_t start_ns; /* a run must begin this soon after it was handed over */

	int64_t retry_first_ns, retry_most_ns; /* full jitter below first * 2^n and most */
	const char *const *final_codes; /* errors never tried again; NULL-terminated, or NULL */
	uint32_t poison_crashes;        /* of a directly submitted execution: then DEAD */
	uint32_t losses_most;           /* of hosts and runners, survived */
	uint32_t not_started_most;      /* runners that did not start, before giving up */

	int64_t ask_ns, term_ns, kill_ns; /* cancel: how long each rung is given */

	size_t inline_most;  /* outputs kept in the row */
	size_t reply_most;   /* outputs answered inline when there is no back end for the prefix */
	size_t warn_outputs; /* propeller's limit, told in the message */
	bool outputs_as_files; /* never inline when the prefix has a back end */
	int64_t upload_ns;     /* uploads are tried this long */

	size_t spec_bytes_most; /* of requests kept in memory; others are read again */
	size_t ended_most; /* finished executions kept in memory, and not longer than a sweep */
	size_t ended_bytes_most; /* and their outputs */

	int64_t lost_ns; /* after a start, how long an unknown execution may turn up */
	int64_t keep_ns, keep_dead_ns; /* retention; 0: for ever */
	int64_t sweep_ns;              /* between sweeps */

	int64_t lameduck_ns, grace_ns, soft_stop_ns, commit_reserve_ns; /* drain */
};

struct dispatch_config dispatch_defaults(void);
