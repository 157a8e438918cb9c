/* What the files of the pool share. */
#pragma once

#include "loop/watch.h"
#include "runners/channel.h"
#include "runners/poison.h"
#include "runners/pool.h"
#include "runners/process.h"
#include "runners/record.h"

#define SECOND         INT64_C(1000000000)
#define TEMPLATE_SLOTS 64u

/* The plugin API's TH_CANCEL_…. */
enum { TASK_CANCEL_ASKED = 1, TASK_CANCEL_DEADLINE = 2, TASK_CANCEL_SHUTDOWN = 3 };

/* ---- lists of runs ----------------------------------------------------------------------- */

struct run_list {
	struct run *first, **end;
	size_t n;
};

void run_list_init(struct run_list *l);
void run_list_append(struct run_list *l, struct run *r);
void run_list_prepend(struct run_list *l, struct run *r);
void run_list_remove(struct run_list *l, struct run *r);

/* ---- buffers for documents ---------------------------------------------------------------- */

/* A few of each size are kept, because fresh memory costs more than the copy into it. */
#define BUFFER_CLASSES 5
struct buffers {
	struct buffer {
		struct buffer *next;
	} * free[BUFFER_CLASSES];
	unsigned n[BUFFER_CLASSES];
};

void *buffers_take(struct buffers *b, size_t size, size_t *ret_size); /* NULL: out of memory */
void buffers_give(struct buffers *b, void *buffer, size_t size);
void buffers_done(struct buffers *b);

/* ---- the pool ----------------------------------------------------------------------------- */

enum run_state { RUN_NEW = 0, RUN_QUEUED, RUN_SUBMITTED, RUN_ENDED, RUN_DONE };

/*  STARTING --ready--> READY --recycle, retire--> DRAINING --idle--> STOPPING --> gone
 *      \________________\__________________________\__________________/
 *                              death, or killed: DYING --> gone                     */
enum runner_state { RUNNER_STARTING, RUNNER_READY, RUNNER_DRAINING, RUNNER_STOPPING, RUNNER_DYING };

struct pool_runner {
	struct runner_generation *generation;
	struct pool_runner *next, **link; /* in the generation */
	enum runner_state state;
	struct process *process;
	pid_t pid; /* 0: a thread */
	struct channel channel;
	struct ring_writer out;
	struct ring_reader in;
	struct fd_watch *watch;  /* of channel.completed */
	struct loop_later again; /* more to read */
	struct loop_timer timer; /* start, idle, stop or kill: one at a time, by state */

	uint64_t n_begun;   /* runs that are known to have begun */
	uint64_t cpu_begun; /* so many had when … */
	int64_t cpu_ns;     /* … it had used this much CPU time */
	unsigned cpu_over;  /* looks that found it beyond its limit; two are enough */

	struct run_list runs; /* submitted and not ended, in order */
	struct run **slots;
	uint32_t *free_slots;
	uint32_t n_free;
	uint64_t templates[TEMPLATE_SLOTS]; /* ids of what it has */
	uint64_t front;                     /* id of the first run at the last look */
	bool dirty;                         /* something is put and not published */
	struct pool_runner *next_dirty;
	bool stalled; /* its ring was full: it will tell */

	uint64_t n_runs, empty_wakes;
	uint64_t first_memory; /* bytes, after the first runs */
	bool started;          /* it was ready once */
	bool killed;           /* for a run */
	bool deaf;             /* it closed its control socket */
	char misbehaved[200];
	struct error *failure; /* what it said about its failed start */
	int64_t idle_since_ns;
	int64_t read_ns; /* when the batch that is being read was begun, or later */
};

struct kept_template {
	uint64_t id, hash;
	char *bytes;
	size_t len;
};

struct runner_generation {
	struct runner_pool *pool;
	struct runner_generation *next, **link;
	struct runner_generation_params params;
	char *texts; /* name, path, digest, config */
	struct pool_runner *runners;
	unsigned n_runners, n_starting;
	unsigned n_naming; /* deaths whose frames are being named */
	struct run_list queue;
	struct kept_template templates[TEMPLATE_SLOTS];

	uint64_t n_runs, n_crashes;
	int64_t typical_ns; /* a sliding mean */
	unsigned chatty;    /* so many more runs are run one by one, for their output */
	struct poison poison;
	struct loop_timer timer; /* end of a quarantine */
	char reason[600];
	bool cgroup; /* control groups work for it */
	char cgroup_why[160];

	bool retiring;
	void (*retired)(void *user);
	void *retired_user;
	struct loop_later gone;
	void *log; /* output that belongs to no run */
};

struct runner_pool {
	struct loop *loop;
	struct runner_pool_params params;
	struct processes processes;
	struct runner_generation *generations;
	struct spare *spares;
	unsigned n_spares;
	struct loop_timer spare_timer;
	unsigned n_runners;
	unsigned n_namers;
	pid_t leftover[16]; /* whose control groups could not be removed yet; 0: none */
	uint64_t next_id, next_template;
	struct pool_runner *dirty;
	struct loop_later flush;
	int64_t turn_ns; /* read in this turn; 0: not yet */
	struct run_list ended;
	struct loop_later deliver;
	struct loop_timer tick, cpu_tick;
	struct buffers buffers;
	struct runner_pool_stats stats;
	bool closing;
	void (*closed)(void *user);
	void *closed_user;
};

/* ---- pool.c ------------------------------------------------------------------------------- */

/* Continues a close when the last one is gone. */
void pool_check_closed(struct runner_pool *p);

/* ---- pool_generation.c -------------------------------------------------------------------- */

/* Hands waiting runs to runners, and starts runners for those that are left. */
void generation_pump(struct runner_generation *g);
void pool_pump_all(struct runner_pool *p);
void generation_set_reason(struct runner_generation *g, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void generation_quarantined(struct runner_generation *g);
/* A run of it has ended, having taken so long. */
void generation_count_run(struct runner_generation *g, int64_t took_ns);
/* Goes on with retiring when it is idle. */
void generation_check_retired(struct runner_generation *g);
void generation_free(struct runner_generation *g);
unsigned generation_depth(const struct runner_generation *g);

/* ---- pool_runner.c: from start to end ------------------------------------------------------- */

int runner_new(struct runner_generation *g, struct error *err);
void runner_set_state(struct pool_runner *r, enum runner_state state);
void runner_stop(struct pool_runner *r);  /* it is idle */
void runner_drain(struct pool_runner *r); /* stops once it is idle */
void runner_kill(struct pool_runner *r);
void runner_misbehaved(struct pool_runner *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void runner_idle(struct pool_runner *r);      /* the last run has left it */
void runner_completed(struct pool_runner *r); /* it has done one more */
void runner_free(struct pool_runner *r);      /* its process is gone */

/* ---- pool_spare.c ------------------------------------------------------------------------- */

/* A process that waits for its hello; its ops and user are set by the caller. NULL: none there. */
struct process *spare_take(struct runner_pool *p);
void spares_refill(struct runner_pool *p); /* soon */
void spares_close(struct runner_pool *p);

/* ---- pool_ring.c: what goes through the ring ------------------------------------------------ */

/* False when the ring or the slabs have no room now, or the run can never be submitted (it has
 * ended then). */
bool runner_submit(struct pool_runner *r, struct run *run);
/* Reads what the runner has written. */
void runner_read(struct pool_runner *r);
/* Once it has ended: a batch of what it left; false when that is all. */
bool runner_read_rest(struct pool_runner *r);
void runner_on_completed(void *user, int events);
void runner_on_again(struct loop_later *later);
void pool_on_flush(struct loop_later *later);
/* Gives up the rest of the batch. */
void runner_wake(struct pool_runner *r);

/* ---- pool_run.c ----------------------------------------------------------------------------- */

void run_leave(struct run *run);   /* queue or runner */
void run_requeue(struct run *run); /* from a runner to the head of the queue */
/* Fills in what all ends have in common. */
void run_end_now(struct run *run, enum run_how how);   /* calls done */
void run_end_later(struct run *run, enum run_how how); /* calls done from the loop */
void pool_on_deliver(struct loop_later *later);
void pool_on_tick(struct loop_timer *t);
void pool_want_tick(struct runner_pool *p);
bool run_is_taken(const struct run *run);
/* A submitted run that has not begun comes back; false when it has, or is being cancelled. */
bool run_take_back(struct run *run);

/* ---- pool_cpu.c ----------------------------------------------------------------------------- */

/* The limit on CPU time, held from outside too. */
void pool_watch_cpu(struct runner_pool *p);
void pool_on_cpu_tick(struct loop_timer *t);

/* ---- pool_death.c --------------------------------------------------------------------------- */

/* The process behind a runner has ended: its runs are told or moved, and it is freed. */
void runner_ended(struct pool_runner *r, const struct process_end *end);

/* ---- pool_output.c -------------------------------------------------------------------------- */

void runner_printed(struct pool_runner *r, const char *data, size_t len);
/* Before a run ends: what it printed is read. */
void runner_flush_output(struct pool_runner *r);
void run_log_note(struct run *run, int level, struct str text, uint32_t lost);
void run_log_done(struct run *run);
