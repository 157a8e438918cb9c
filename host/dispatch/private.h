/* What the files of dispatch share. Inside host/dispatch. */
#pragma once

#include "base/clock.h"
#include "base/log.h"
#include "dispatch/dispatch.h"
#include "dispatch/hash.h"
#include "dispatch/queue.h"
#include "dispatch/retry.h"
#include "loop/heap.h"
#include "store/ident.h"

#define MESSAGE_MAX 8192u
#define TRACE_MAX   256

/* How it ends, from the moment that is known. */
struct ending {
	enum exec_state to;                       /* NEW: not known yet */
	struct str code, message;                 /* in `text`, or literals when that is NULL */
	struct str outputs, deck, error_document; /* in `payload` */
	const char *file_name; /* of the outputs, in `payload`; NULL: the usual one */
	bool recoverable, system_origin;
	struct row_usage usage;
	char *text, *payload;
};

/* Files on their way; outlives the execution when that is cancelled meanwhile. */
struct upload {
	struct dispatch_file file;
	struct execution *x; /* NULL: nobody cares any more */
	char *uri, *bytes;
};

/* What COMMITTING does, in this order; outputs in the row skip to the end. */
enum upload_step {
	STEP_DIGEST, /* of outputs that go to a file */
	STEP_WRITE,  /* COMMITTING with the digest, so that a lost host can tell its own file */
	STEP_DECK,
	STEP_OUTPUTS,
	STEP_ERROR, /* the error document of a failure */
	STEP_FINISH,
};

struct execution {
	struct dispatch *d;
	struct hash_node by_id, by_key;
	struct list all; /* in dispatch.live, or .ended (oldest first) */

	/* As in the store, and ahead of it by the write in flight. Spans are in `text`, the request
	 * in `spec`. row.state is the state as written. */
	struct store_row row;
	char *text, *spec;
	char *meta; /* the text clients have for it; NULL for a sync task */
	uint16_t meta_len;

	enum exec_state state;
	struct queue_item item;
	bool has_slots, has_runner;
	bool ran;           /* a run began once: Flyte is not told of queues any more */
	bool start_written; /* the row says that this run starts */
	int64_t created_ns, queued_ns, start_ns, run_ns, ended_ns; /* monotonic: since when */
	int64_t finished_ns;
	int64_t due_ns; /* monotonic: end of RETRY_WAIT */

	union { /* one write at a time */
		struct store_accept accept;
		struct store_update update;
		struct store_finish finish;
	} write;
	struct store_get load; /* of the request, when it was not kept in memory */
	bool writing, end_written, loading;
	struct ending ending;
	bool files;                        /* outputs and deck go to files first */
	bool found_files, found_deck;      /* they were written before the host was lost */
	uint8_t digest[STORE_DIGEST_SIZE]; /* of outputs in a file */
	struct upload *upload;
	enum upload_step step; /* of COMMITTING */
	uint32_t upload_tries;
	int64_t upload_until_ns;

	uint32_t not_started;
	bool timed_out, soft_told, drained, cancel_wanted, disowned;
	enum row_cancel cancel_by; /* with cancel_wanted */
	char cause[160], cancel_text[160];
	int rung; /* stop_how sent last; -1: none */
	double progress;
	char progress_text[160];

	struct heap_node timer;
	int64_t deadline_ns; /* of a sync task; INT64_MAX: none */

	struct list creators; /* dispatch_created, while NEW */
	struct list watchers; /* dispatch_watch */
	struct list changed;  /* in dispatch.changed while watchers are to be told */
	struct dispatch_sync *sync;
	bool is_sync;
};

/* What one state does. Each may be NULL. */
struct state_work {
	void (*enter)(struct dispatch *d, struct execution *x);
	void (*timer)(struct dispatch *d, struct execution *x);
	void (*wrote)(struct dispatch *d, struct execution *x, const struct store_op *op);
	void (*cancel)(struct dispatch *d, struct execution *x);
	void (*run_ended)(struct dispatch *d, struct execution *x, const struct run_result *r);
};

extern const struct state_work on_new, on_queued, on_starting, on_running, on_committing,
	on_retry_wait, on_cancelling;

/* A request to the store on behalf of somebody outside, who may forget it: the first member of an
 * allocation. */
struct pending {
	struct dispatch *d;
	struct list link;   /* in dispatch.pending */
	struct list caller; /* a ring with the `link` of the caller's struct, or alone */
	bool at_files;      /* a file operation is on its way: freed by its end */
};

struct dispatch {
	struct dispatch_config config;
	struct dispatch_clock clock;
	struct dispatch_runners runners;
	struct dispatch_data data;
	struct dispatch_hooks hooks;
	struct store *store;
	struct meta_key meta_key;
	uint64_t incarnation;

	struct ident_source ids;
	struct hash by_id, by_key;
	struct list live, ended, changed;
	struct list pending;  /* struct pending */
	struct list rechecks; /* of recover.c */
	bool recovering, starting_sync;
	struct list sync_ended; /* executions whose callers are told with the next tick */
	size_t n_live, n_ended, ended_bytes, spec_bytes;
	int64_t ended_since_ns; /* those that ended before that need not be in memory any more */
	uint64_t in_state[EXEC_STATES];
	struct queue queue;
	struct heap timers;
	int64_t started_ns, asked_wake_ns;
	int depth;                  /* of calls from outside that are being worked on */
	bool now_known, wall_known; /* read since the outermost of them began: */
	int64_t now_ns, wall_ns;

	enum drain_stage drain;
	int64_t drain_ns; /* the next stage is due */

	struct believed { /* of retention.c: the wall clock, as far as it is trusted */
		int64_t wall_ns, at_ns;
		int64_t ahead_since_ns; /* 0: not ahead */
		int64_t ahead_by_ns;
	} believed;
	struct store_sweep sweep;
	bool sweeping;
	int64_t sweep_ns; /* the next one */

	struct dispatch_stats stats;
	char scratch[MESSAGE_MAX + 1];
};

/* ---- dispatch.c: every call from outside is between these two ----------------------------------
 */

void dispatch_enter(struct dispatch *d);
void dispatch_leave(struct dispatch *d); /* starts what can start, tells watchers, asks for time */

/* Inside a call (dispatch_enter) all is done at one time, and the clock is read once. */
static inline int64_t now_of(struct dispatch *d)
{
	if (d->depth == 0)
		return d->clock.now(d->clock.user);
	if (!d->now_known)
		d->now_ns = d->clock.now(d->clock.user);
	d->now_known = true;
	return d->now_ns;
}

static inline int64_t wall_of(struct dispatch *d)
{
	if (d->depth == 0)
		return d->clock.wall(d->clock.user);
	if (!d->wall_known)
		d->wall_ns = d->clock.wall(d->clock.user);
	d->wall_known = true;
	return d->wall_ns;
}

static inline uint64_t random_of(struct dispatch *d)
{
	return d->clock.random(d->clock.user);
}

uint64_t dispatch_next_id(struct dispatch *d);
__attribute__((format(printf, 4, 5))) void
dispatch_log(struct dispatch *d, int level, uint64_t id, const char *fmt, ...);
/* Zeroed; NULL without memory. */
void *pending_new(struct dispatch *d, size_t size, struct list *caller);
/* The caller's `link`, taken out, or NULL when it has forgotten. Frees nothing. */
struct list *pending_end(struct pending *p);
void dispatch_took(struct dispatch *d,
		   enum dispatch_time what,
		   const struct execution *x,
		   int64_t ns);

/* ---- exec.c ------------------------------------------------------------------------------ */

/* Copies what `row` points to. NULL when out of memory. It is in no table yet. */
struct execution *execution_new(struct dispatch *d, const struct store_row *row);
void execution_free(
	struct execution *x);         /* leaves every table; a write in flight goes on by itself */
int exec_insert(struct execution *x); /* into the tables of the living */
void exec_claim_key(struct execution *x); /* it has its key for itself after all */
/* With a new id, run once, without limits of time. */
int request_check(const struct dispatch_request *r, struct error *err); /* ERR_INVALID */
struct store_row row_of_request(struct dispatch *d, const struct dispatch_request *r);

struct execution *exec_find(struct dispatch *d, uint64_t id);
/* The one that a resource_meta was given out for; not another worker's with the same number. */
struct execution *exec_find_meant(struct dispatch *d, const struct meta *m);
struct execution *exec_find_key(struct dispatch *d, const uint8_t key[STORE_KEY_SIZE]);
bool exec_same_key(const struct execution *x, const uint8_t key[STORE_KEY_SIZE]);

/* Moves along the table, traces, and calls the state's `enter`. */
__attribute__((format(printf, 3, 4))) void
exec_move(struct execution *x, enum exec_state to, const char *fmt, ...);
const struct state_work *exec_work(const struct execution *x);

void exec_set_timer(struct execution *x, int64_t when_ns); /* INT64_MAX: none */
/* Instead of a copy: `memory` is malloc'ed and holds `spec`. */
void exec_take_spec(struct execution *x, char *memory, struct str spec);
void exec_drop_spec(struct execution *x);
void exec_give_back(struct execution *x); /* its slots */
void exec_changed(struct execution *x);   /* something to be seen has changed */
struct machine_facts exec_facts(const struct execution *x);

/* ---- write.c: the writes of an execution -------------------------------------------------------
 */

/* Each submits one write; the state's `wrote` is called at its end. */
void exec_write_accept(struct execution *x, enum exec_state state);
void exec_write_update(struct execution *x, enum exec_state state, int64_t due_at);
void exec_write_finish(struct execution *x);

/* Reads the request again; on_starting continues. */
void exec_load_spec(struct execution *x);

/* Forgets an execution that the store does not let us write any more. */
void exec_disown(struct execution *x, const char *why);

/* ---- ending.c ------------------------------------------------------------------------------ */

/* Sets how it ends; spans are copied. Without memory for that it ends saying so. */
void exec_set_ending(struct execution *x, const struct ending *e);

/* As exec_set_ending and on to COMMITTING: without a run's result. */
__attribute__((format(printf, 4, 5))) void
exec_end(struct execution *x, enum exec_state to, const char *code, const char *fmt, ...);
void ending_done(struct ending *e);

void exec_finished(struct execution *x); /* written, now for good: to the cache */
void sync_tell(struct dispatch *d);
void ended_trim(struct dispatch *d);

/* ---- runs -------------------------------------------------------------------------------- */

/* runs.c: what follows the end of a run. The execution may be gone after it. */
void run_over(struct execution *x, const struct run_result *r);
void run_stop(struct execution *x, enum stop_how how);
void run_forget(
	struct execution *x); /* it was killed and nothing was heard of it: as if it ended */
bool run_may_start(struct dispatch *d,
		   struct str plugin,
		   struct str type,
		   struct dispatch_hold *hold);

/* ---- others ------------------------------------------------------------------------------ */

/* cancel.c: in memory only; the mark in the store is the caller's. May free a sync execution. */
void cancel_exec(struct execution *x, enum row_cancel by, struct str why);
void commit_next(struct execution *x); /* on_committing.c */
void drain_tick(struct dispatch *d, int64_t now);
void drain_look(struct dispatch *d);
bool drain_starts(const struct dispatch *d); /* runs may start */
bool drain_takes(const struct dispatch *d);  /* executions are accepted */
void answer_of(struct execution *x, struct dispatch_answer *a);
void answer_of_row(struct dispatch *d, const struct store_row *row, struct dispatch_answer *a);
void creators_answer(struct execution *x, int status, const char *why);
void watch_tell(struct dispatch *d);
void rechecks_detach(struct dispatch *d);
void sweep_tick(struct dispatch *d, int64_t now); /* retention.c */
void retention_start(struct dispatch *d);
