/* Where accepted executions live. One table of functions; SQLite stands behind it
 * (store_sqlite.h), another database or a test's memory can.
 *
 * Requests are structs of the caller. It fills in one, sets `op.done` and submits it; the memory is
 * the store's until `done` is called, exactly once, from store_complete, with `op.status` and
 * `op.message` set. Writes take effect in the order they were submitted, and `done` of a write that
 * succeeded means it is on the disk.
 *
 * Writes are grouped: what gathers while one commit runs goes into the next, without a timer. An
 * accept fails at once when the disk is full, read-only or broken (ERR_LIMIT, ERR_DENIED, ERR_IO:
 * nothing happened). All other writes are tried again until they succeed or the store is closed
 * (ERR_CANCELLED): what was accepted must be able to end.
 *
 * All functions and callbacks belong to one thread, [loop]; only `wake` comes from another. */
#pragma once

#include "base/error.h"
#include "store/row.h"

struct store;

enum store_kind {
	STORE_ACCEPT,
	STORE_UPDATE,
	STORE_FINISH,
	STORE_CANCEL,
	STORE_SWEEP,
	STORE_GET, /* from here on: reads */
	STORE_LIST,
	STORE_COUNT,
};

struct store_op {
	enum store_kind kind;
	void (*done)(struct store_op *op);
	int status;            /* 0 or a negative code */
	char message[200];     /* why; empty when status is 0 */
	struct store_op *next; /* private */
};

/* A new row. row->state says how it starts: QUEUED, or STARTING with run 1 when it starts at once.
 * `row` and what it points to stay with the caller. */
enum store_accepted {
	STORE_ACCEPTED,  /* the row is there */
	STORE_EXISTS,    /* another row has the key; see `found` */
	STORE_CANCELLED, /* its key was cancelled before: the row is there, and ABORTED */
};

struct store_accept {
	struct store_op op;
	const struct store_row *row;
	enum store_accepted outcome;
	enum row_cancel cancelled_by; /* with STORE_CANCELLED */
	struct store_row *found;      /* with its spec; the caller's: store_row_free */
};

/* The next durable step of a live row: everything here replaces what the row held. ERR_STATE when
 * there is no such live row. */
struct store_update {
	struct store_op op;
	uint64_t id;
	enum exec_state state; /* STARTING, COMMITTING or RETRY_WAIT */
	uint32_t run, failures, crashes, losses;
	int64_t at, due_at, started_at;
	bool has_digest;
	uint8_t digest[STORE_DIGEST_SIZE];
	struct str cause;
	uint32_t after_ms; /* of the history's step */
};

/* The end of a live row, written once. ERR_STATE when there is no such live row. */
struct store_finish {
	struct store_op op;
	uint64_t id;
	enum exec_state state; /* finished */
	uint32_t run, failures, crashes, losses;
	int64_t at;
	struct str code, message;
	bool recoverable, system_origin, has_deck, has_digest;
	enum row_outputs outputs_kind;
	struct str outputs;
	uint8_t digest[STORE_DIGEST_SIZE];
	struct row_usage usage;
	uint32_t after_ms;
};

/* Marks a live row as to be cancelled. Without such a row the key, when there is one, is kept, and
 * a later accept under it is born ABORTED. The id wins over the key. */
enum store_cancelled {
	STORE_MARKED,       /* the row is live, and marked */
	STORE_TOO_LATE,     /* the row is finished */
	STORE_KEY_KEPT,     /* no row; the key is marked */
	STORE_NOTHING_KNOWN /* no row and no key */
};

struct store_cancel {
	struct store_op op;
	uint64_t id;          /* 0: only the key */
	uint64_t incarnation; /* with the id: who accepted it; 0: whoever */
	bool has_key;
	uint8_t key[STORE_KEY_SIZE];
	int64_t at;
	enum row_cancel by;
	struct str reason;
	enum store_cancelled outcome;
	uint64_t found_id; /* with STORE_MARKED and STORE_TOO_LATE */
};

/* Deletes finished rows older than the limits, with the files that were made for them inside the
 * state directory, and old marks of keys: at most `batch` of them.
 * Repeat with the same struct until `more` is false. */
struct store_sweep {
	struct store_op op;
	int64_t finished_before, dead_before, marks_before;
	int64_t believed; /* the time it goes by; kept for the next start, see store_stats */
	uint32_t batch;
	uint64_t after_id; /* 0 at first; moves on by itself */
	uint64_t removed;  /* so far */
	bool more;
	void *user; /* the caller's */
};

/* One row by id, or when id is 0 by key. ERR_NOT_FOUND. */
struct store_get {
	struct store_op op;
	uint64_t id;
	uint8_t key[STORE_KEY_SIZE];
	bool want_spec, want_outputs;
	struct store_row *found; /* the caller's */
};

/* Newest first, without specs and outputs. */
struct store_filter {
	uint32_t states;     /* bit set of 1 << state; 0: all */
	struct str plugin;   /* empty: all */
	struct str type;     /* empty: all */
	uint64_t bits, mask; /* of the id; mask 0: all */
	uint64_t before;     /* only ids below; 0: from the newest */
};

struct store_list {
	struct store_op op;
	struct store_filter filter;
	uint32_t limit;          /* at most 1000 */
	struct store_row **rows; /* the caller's: store_rows_free */
	size_t n;
	bool more;
};

/* How many rows there are in each state. Reads the whole table. */
struct store_count {
	struct store_op op;
	uint64_t count[EXEC_STATES];
};

enum store_condition {
	STORE_WELL,
	STORE_LOW,       /* little room left: accepts are refused */
	STORE_FULL,      /* writes fail for want of room */
	STORE_READ_ONLY, /* writes are not allowed */
	STORE_BROKEN,    /* the disk or the database gives errors */
};

struct store_stats {
	enum store_condition condition;
	char why[200];            /* empty when well */
	uint64_t commits, writes; /* done */
	uint64_t waiting;         /* writes submitted and not done */
	int64_t commit_last_ns, commit_max_ns;
	uint64_t commit_us[24]; /* commits that took less than 2^i microseconds */
	uint64_t checkpoints, wal_pages;
	uint64_t free_bytes; /* of the file system, as last seen */
	int64_t believed;    /* of the last sweep before this start; 0: there was none */
};

struct store_ops {
	void (*submit)(struct store *s, struct store_op *op);
	void (*hold)(struct store *s, bool on);
	size_t (*complete)(struct store *s);
	int (*recover)(struct store *s,
		       int (*row)(void *user, const struct store_row *row),
		       void *user,
		       uint64_t *ret_last_id,
		       struct error *err);
	void (*stats)(struct store *s, struct store_stats *ret);
	void (*close)(struct store *s);
};

/* The first member of every store. */
struct store {
	const struct store_ops *ops;
};

static inline void store_submit(struct store *s, struct store_op *op, enum store_kind kind)
{
	op->kind = kind;
	op->status = 0;
	op->message[0] = '\0';
	op->next = NULL;
	s->ops->submit(s, op);
}

/* Between the two, writes are gathered instead of being handed over one by one, so that they share
 * a commit from the first one on: for a turn of the loop that may bring many. May be nested. What
 * callbacks submit from within store_complete is gathered by itself. */
static inline void store_hold(struct store *s)
{
	s->ops->hold(s, true);
}

static inline void store_unhold(struct store *s)
{
	s->ops->hold(s, false);
}

/* Calls `done` of everything that has ended; returns how many. To be called after `wake`. */
static inline size_t store_complete(struct store *s)
{
	return s->ops->complete(s);
}

/* Before the first request: calls `row` for every row that is not finished, oldest first, with the
 * spec only when it is short, and tells the highest id ever given. Stops when `row` fails. Blocks.
 */
static inline int store_recover(struct store *s,
				int (*row)(void *user, const struct store_row *row),
				void *user,
				uint64_t *ret_last_id,
				struct error *err)
{
	return s->ops->recover(s, row, user, ret_last_id, err);
}

static inline void store_stats(struct store *s, struct store_stats *ret) /* [any-thread] */
{
	s->ops->stats(s, ret);
}

/* Ends what was submitted (writes that cannot succeed get ERR_CANCELLED, and so does what a
 * callback submits meanwhile), calls every `done` that is outstanding, and frees the store. NULL is
 * fine. */
static inline void store_close(struct store *s)
{
	if (s)
		s->ops->close(s);
}

void store_rows_free(struct store_row **rows, size_t n);
const char *store_condition_text(enum store_condition c); /* "disk full" */

/* Sets status and message of a request; for those who implement a store. */
void store_op_fail(struct store_op *op, int status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
