/* The life of an execution: accept, queue, run, retry, cancel, finish, recover. machine.h draws it.
 *
 * One thread, [loop]. Requests are structs of the caller with a `done`: a call returns a negative
 * code (nothing will follow), 1 (answered: the result stands in the struct), or 0: `done` comes
 * once, later, unless it is forgotten before. The spans of a result are good until `done` returns,
 * or, after 1, until the next call. */
#pragma once

#include "dispatch/config.h"
#include "dispatch/env.h"
#include "dispatch/list.h"
#include "dispatch/machine.h"
#include "dispatch/meta.h"

struct dispatch;

struct dispatch_options {
	struct dispatch_config config;
	struct dispatch_clock clock;
	struct dispatch_runners runners;
	struct dispatch_data data;
	struct dispatch_hooks hooks;
	struct store *store; /* stays the caller's; closed before dispatch_free */
	struct meta_key meta_key;
	uint64_t incarnation; /* random, of this process */
};

int dispatch_new(const struct dispatch_options *options, struct dispatch **ret, struct error *err);

/* Drops everything at once, as a crash would: no callback comes any more. */
void dispatch_free(struct dispatch *d);

/* Once, before anything else: takes up what is not finished. Blocks. */
int dispatch_recover(struct dispatch *d, struct error *err);

/* At the time clock.wake_at was told. */
void dispatch_tick(struct dispatch *d);

/* ---- create ------------------------------------------------------------------------------ */

/* A request as the RPC layer sees it; read during the call only. */
struct dispatch_request {
	struct str plugin, type; /* the plugin that claims the type */
	int32_t type_version;
	struct str name;   /* of the task, for people */
	struct str tenant; /* "project/domain"; empty: none */
	struct str node;   /* the node execution as text; empty: submitted directly */
	struct str output_prefix;
	struct str spec; /* the request as it came */
	/* dispatch_run_sync only: the malloc'ed memory that `spec` lies in. Taken and set to NULL,
	 * unless the call fails. NULL: the request is copied. */
	char **spec_memory;
	bool has_key;
	uint8_t key[STORE_KEY_SIZE];            /* key.h */
	bool owned;                             /* Flyte retries, not we */
	bool pending;                           /* its executor is asynchronous */
	int priority;                           /* 0 to 9; 9 first */
	uint32_t retries;                       /* of the template; not used when owned */
	int64_t queue_ttl_ns, soft_ns, hard_ns; /* 0: the configured ones; negative: none */
};

struct dispatch_created {
	void (*done)(struct dispatch_created *c);
	int status; /* 0 or a negative code: LIMIT and IO and DENIED are UNAVAILABLE, INVALID
		       another request under the same key */
	char why[240];
	bool existed;
	uint64_t id;
	char meta[META_MAX + 1];
	size_t meta_len;
	struct list link; /* private */
};

/* Accepts durably. ERR_INVALID for what can never be accepted, ERR_STATE while draining, ERR_LIMIT
 * when the queue is full, with `why` set; of these two, and of the store's troubles, nothing is told
 * to a call under a key that was accepted before. */
int dispatch_create(struct dispatch *d,
		    const struct dispatch_request *r,
		    struct dispatch_created *c);

/* Of a request that nobody takes any more, for the reason in c->status and c->why: as
 * dispatch_create when its key was accepted before, else refused with that. */
int dispatch_create_known(struct dispatch *d,
			  const struct dispatch_request *r,
			  struct dispatch_created *c);
void dispatch_create_forget(struct dispatch_created *c); /* the caller is gone; the work stays */

/* Repeats a dead execution as a new one; asked again, it is the same new one. ERR_STATE (with done)
 * for one that is not dead. */
int dispatch_retry(struct dispatch *d, uint64_t id, struct dispatch_created *c);

/* ---- get --------------------------------------------------------------------------------- */

struct dispatch_answer {
	uint64_t id;
	enum exec_state state; /* WAITING also appears here */
	enum task_phase phase;
	struct str message; /* <= 8 KiB: what it waits for, or how it ended */
	struct str code;    /* empty: no failure */
	bool recoverable, system_origin;
	enum row_outputs outputs_kind;
	struct str outputs; /* with ROW_OUTPUTS_INLINE */
	bool has_deck;
	struct str plugin, type, name, tenant, node, output_prefix;
	uint32_t run, max_runs, crashes;
	double progress;                              /* 0 to 1; negative: none told */
	int64_t accepted_at, started_at, finished_at; /* wall, ns */
	struct row_usage usage;
	uint64_t retry_of, retried_as;
	struct str history; /* packed steps, for the timeline; empty for what was not read from a
			       row */
	uint32_t queue_position; /* 1 is next of its kind; 0: not in a queue, or not counted */
	/* As last written, for what is not told above; of its texts only the cause of RETRY_WAIT and
	 * the reason of a cancel. NULL for what is ours and lost. */
	const struct store_row *row;
};

struct dispatch_get {
	void (*done)(struct dispatch_get *g);
	int status; /* 0; NOT_FOUND (by id only); IO */
	char why[240];
	struct dispatch_answer answer;
	struct list link; /* private */
};

/* By what Flyte holds. ERR_INVALID (nothing follows) for a text that is not ours or was changed;
 * any other trouble is an answer. */
int dispatch_get(struct dispatch *d, struct str meta, struct dispatch_get *g);
int dispatch_get_id(struct dispatch *d, uint64_t id, struct dispatch_get *g);
void dispatch_get_forget(struct dispatch_get *g);

/* The resource_meta of an execution that is in memory; false when it is not. */
bool dispatch_meta(struct dispatch *d, uint64_t id, char out[META_MAX + 1], size_t *ret_len);

/* ---- delete ------------------------------------------------------------------------------ */

struct dispatch_delete {
	void (*done)(struct dispatch_delete *del);
	int status; /* 0: the cancel is durable, or there is nothing to cancel */
	char why[240];
	bool known;       /* there was such an execution */
	bool finished;    /* it had ended before */
	struct list link; /* private */
};

/* Flyte's: unknown and finished executions are fine. ERR_INVALID as for dispatch_get. */
int dispatch_delete(struct dispatch *d, struct str meta, struct dispatch_delete *del);
/* An operator's; `why` is told to whoever asks. */
int dispatch_cancel(struct dispatch *d, uint64_t id, struct str why, struct dispatch_delete *del);
/* Under a key, also one that is not known yet. */
int dispatch_cancel_key(struct dispatch *d,
			const uint8_t key[STORE_KEY_SIZE],
			struct dispatch_delete *del);
void dispatch_delete_forget(struct dispatch_delete *del);
/* After one of these: what still runs for it is killed at once, without the gentle rungs. */
void dispatch_kill(struct dispatch *d, uint64_t id);

/* ---- list and watch ------------------------------------------------------------------------ */

struct dispatch_list {
	void (*done)(struct dispatch_list *l);
	int status;
	char why[240];
	struct dispatch_answer *answers; /* newest first; good until done returns. The struct
					    itself may be freed, or used again, in done */
	size_t n;
	bool more;
	struct list link; /* private */
};

/* From the store, with what memory knows better. `done` always comes later. */
int dispatch_list(struct dispatch *d,
		  const struct store_filter *filter,
		  uint32_t limit,
		  struct dispatch_list *l);
void dispatch_list_forget(struct dispatch_list *l);

/* Called on every change that can be seen, the last time when it is finished; not during
 * dispatch_watch itself. */
struct dispatch_watch {
	void (*changed)(struct dispatch_watch *w, const struct dispatch_answer *a);
	struct list link; /* private */
};

/* ERR_NOT_FOUND when it is not live: dispatch_get_id tells how it ended. */
int dispatch_watch(struct dispatch *d, uint64_t id, struct dispatch_watch *w);
void dispatch_unwatch(struct dispatch_watch *w);

/* ---- sync tasks -------------------------------------------------------------------------- */

/* One call: through the same queue and slots, never stored. */
struct dispatch_sync {
	void (*done)(struct dispatch_sync *s, const struct dispatch_answer *a);
	struct execution *execution; /* private */
};

/* `deadline_ns` (monotonic, INT64_MAX: none) covers waiting and running. */
int dispatch_run_sync(struct dispatch *d,
		      const struct dispatch_request *r,
		      int64_t deadline_ns,
		      struct dispatch_sync *s,
		      struct error *err);
/* The caller is gone: `done` will not come, the run is stopped. */
void dispatch_sync_forget(struct dispatch_sync *s);

/* ---- news from the runners ------------------------------------------------------------------ */

/* News of a run that is over, or was given up, is counted and dropped. */
void dispatch_run_started(struct dispatch *d, uint64_t id, uint32_t run);
void dispatch_run_progress(
	struct dispatch *d, uint64_t id, uint32_t run, double fraction, struct str text);
void dispatch_run_ended(struct dispatch *d, uint64_t id, uint32_t run, const struct run_result *r);

/* A plugin became usable, or its limits changed: what was held is looked at again. */
void dispatch_plugin_changed(struct dispatch *d, struct str plugin);

void dispatch_set_limit(struct dispatch *d, enum limit_kind kind, struct str name, uint32_t most);

/* ---- drain ------------------------------------------------------------------------------- */

void dispatch_drain(struct dispatch *d);       /* again: no effect */
void dispatch_drain_hurry(struct dispatch *d); /* on to the next stage */
enum drain_stage dispatch_drain_stage(const struct dispatch *d);
/* How long this stage may last from now; INT64_MAX: it has no end. */
int64_t dispatch_drain_left_ns(const struct dispatch *d);
/* The same for this stage and all that follow. */
int64_t dispatch_drain_most_ns(const struct dispatch *d);
/* In place of the configured time for what runs; before DRAIN_GRACE begins. */
void dispatch_drain_grace(struct dispatch *d, int64_t grace_ns);

/* ---- numbers ----------------------------------------------------------------------------- */

struct dispatch_stats {
	uint64_t live, queued, waiting, starting, running, committing, retry_wait, cancelling;
	int64_t oldest_queued_ns; /* age */
	uint32_t slots, slots_used, pending_used;
	/* since the start */
	uint64_t created, repeated, mismatched, refused, runs, retries, crashes, losses, syncs;
	uint64_t succeeded, failed, retryable_failed, aborted, dead;
	uint64_t interrupted;   /* runs stopped because the worker stops */
	uint64_t stale_news;    /* of runs that were over */
	uint64_t given_up_runs; /* killed, and never heard of again */
	uint64_t large_outputs; /* above propeller's limit */
	uint64_t state_lost;    /* asked for, ours, and gone */
	uint64_t broken;        /* moves or invariants violated: a mistake of ours */
};

struct dispatch_stats dispatch_stats(const struct dispatch *d);

/* Goes through every execution in memory and checks machine_broken and the counts; the number of
 * violations, each told to hooks.log. For tests, and `worker status --check`. */
size_t dispatch_check(struct dispatch *d);
