/* The records of the ring, version 1. Both sides are always of one build (hello.h), so this format
 * may change with any release; it is written down here and nowhere else.
 *
 * A record is one of the structs below, then its bytes: either `len` of them behind it, or all of
 * them in a slab block. */
#pragma once

#include <stdint.h>

enum record_kind {
	/* host to runner */
	RECORD_SUBMIT = 1,
	/* runner to host */
	RECORD_COMPLETE = 16,
	RECORD_PROGRESS = 17,
	RECORD_NOTE = 18,
};

#define RECORD_INLINE                                                                              \
	0u /* `block` of a record whose bytes are behind it; else block number + 1                 \
	    */

struct record_submit {
	uint64_t run;
	int64_t deadline_ns;  /* CLOCK_MONOTONIC; INT64_MAX: none */
	uint64_t template_id; /* never 0 */
	uint32_t slot;
	uint32_t template_slot; /* where the runner keeps it */
	uint32_t template_len;  /* 0: the runner has it already */
	uint32_t inputs_len;
	uint32_t context_len;
	uint32_t block;
	/* template, inputs, context, each padded to 8 */
};

struct record_complete {
	uint64_t run;
	int64_t started_ns, ended_ns; /* CLOCK_MONOTONIC */
	uint32_t slot;
	int32_t outcome;
	uint32_t len;
	uint32_t block;
};

struct record_progress {
	uint64_t run;
	double fraction;
	uint32_t slot;
	uint32_t len; /* of the text behind it */
};

struct record_note {
	uint64_t run; /* 0: about none */
	uint32_t slot;
	int32_t level;
	uint32_t len;
	uint32_t lost; /* notes that found no room before this one */
};

#define RECORD_TEXT_MAX   2048u /* of progress and notes; longer ones are cut */
#define RECORD_INLINE_MAX 4096u /* bytes behind a record; more goes to a slab */
