/* One execution as it is kept. A row that was read is one allocation: every span points into it.
 * Times are wall clock, nanoseconds since 1970; 0 means not yet. */
#pragma once

#include "base/str.h"
#include "store/state.h"

#define STORE_KEY_SIZE    16
#define STORE_DIGEST_SIZE 32
#define STORE_HISTORY_MAX 64

enum row_flag {
	ROW_OWNED = 1,   /* Flyte owns it: Flyte retries, we only tell how it ended */
	ROW_PENDING = 2, /* its executor is asynchronous: a run holds no host slot */
};

enum row_cancel { ROW_CANCEL_NONE = 0, ROW_CANCEL_FLYTE = 1, ROW_CANCEL_OPERATOR = 2 };

/* Where the outputs are. */
enum row_outputs { ROW_OUTPUTS_NONE = 0, ROW_OUTPUTS_INLINE = 1, ROW_OUTPUTS_FILE = 2 };

struct row_usage {
	int64_t cpu_ns; /* user and system time */
	int64_t max_rss_bytes;
};

/* One durable step. Packed as 8 bytes, little endian: state (1), 0 (1), run (2), milliseconds since
 * acceptance (4, saturating). */
#define ROW_STEP_SIZE 8
struct row_step {
	uint8_t state;
	uint16_t run;
	uint32_t after_ms;
};

struct store_row {
	uint64_t id;
	enum exec_state state;

	/* What was asked; never changes. */
	bool has_key;
	uint8_t key[STORE_KEY_SIZE];
	uint64_t incarnation; /* of the process that accepted it */
	uint32_t flags;
	int32_t priority; /* 0 to 9, 9 first */
	struct str plugin, type, name, tenant, node, output_prefix;
	int32_t type_version;
	struct str spec;  /* the request as it came; empty when not read */
	size_t spec_size; /* its length, also when it was not read */
	uint32_t max_runs;
	int64_t queue_ttl_ns, soft_ns, hard_ns; /* 0: none */
	uint64_t retry_of;                      /* the dead execution this one repeats; 0: none */
	int64_t accepted_at;

	/* How far it got. */
	uint32_t run;      /* number of the last run; 0: none yet */
	uint32_t failures; /* runs that count against max_runs */
	uint32_t crashes, losses;
	int64_t due_at, started_at;
	struct str cause; /* of the last step, for people */
	enum row_cancel cancel;
	struct str cancel_reason;
	struct str history; /* the last STORE_HISTORY_MAX steps, packed; see row_step */

	/* How it ended; `digest` is set from COMMITTING on. */
	int64_t finished_at;
	struct str code, message;
	bool recoverable, system_origin;
	enum row_outputs outputs_kind;
	struct str outputs;
	uint8_t digest[STORE_DIGEST_SIZE];
	bool has_digest, has_deck;
	struct row_usage usage;
	uint64_t retried_as; /* 0: not retried by hand */
};

static inline size_t row_steps(const struct store_row *row)
{
	return row->history.len / ROW_STEP_SIZE;
}

/* i < row_steps(row) */
struct row_step row_step(const struct store_row *row, size_t i);
void row_step_pack(struct row_step step, uint8_t out[ROW_STEP_SIZE]);

/* A copy in one allocation; NULL when out of memory. */
struct store_row *store_row_copy(const struct store_row *row);
void store_row_free(struct store_row *row);
