/* Runners kept warm, and the runs they are given.
 *
 * A generation (one exact content of a plugin) has up to `max` runners, each a process that has it
 * loaded, or a thread of the host when the generation is in-process. A run waits in its
 * generation's queue until a runner has room, is handed to it through shared memory, and ends
 * exactly once with `done`, whatever happens to the runner. Only runs that had begun die with a
 * runner; those that waited in it go to another.
 *
 * Everything here belongs to the loop's thread, and callbacks come from the loop, never from inside
 * a call. The thread that calls runner_pool_new must live as long as the process: runners die with
 * it. */
#pragma once

#include "loop/loop.h"
#include "runners/death.h"
#include "runners/runner_limits.h"

struct cgroup;
struct guard;
struct logs;
struct runner_pool;
struct runner_generation;

/* ---- the pool ---------------------------------------------------------------------------- */

struct runner_pool_params {
	const char *program;          /* path of the runner program; NULL: in-process only */
	char *const *env;             /* its environment; NULL: the host's own */
	const struct runner_ops *ops; /* of in-process generations; NULL: there are none */
	void *ops_ctx;
	struct logs *logs;     /* where output goes; NULL: it is thrown away */
	struct cgroup *cgroup; /* where runners get control groups; NULL: nowhere */
	struct guard *guard;   /* kills what is left when the host is killed; NULL: nobody */
	unsigned spares;       /* processes started ahead, for any generation; 0 starts none */
	unsigned max;          /* runners of all generations together; 0: no bound */
	/* Why, and whether, a generation is quarantined has changed. May be NULL. */
	void (*changed)(void *user, struct runner_generation *g);
	void *user;
};

/* The strings, the environment and the ops stay the caller's and must outlive the pool. */
int runner_pool_new(struct loop *l,
		    const struct runner_pool_params *params,
		    struct runner_pool **ret,
		    struct error *err);

/* Kills all runners; every run that has not ended is told to be cancelled, for shutdown. `closed`
 * comes once nothing is left; pool and generations are freed then. The thread of an in-process run
 * that does not stop cannot be killed: it is left behind, and the ops must outlive it. */
void runner_pool_close(struct runner_pool *p, void (*closed)(void *user), void *user);

struct runner_pool_stats {
	unsigned runners, busy, starting, spares; /* now */
	uint64_t runs, started, recycled, crashed, failed_starts, misbehaved;
	uint64_t crashes_by_signal[65];
	uint64_t stray;                     /* completions of runs that had ended */
	uint64_t output_bytes, output_lost; /* printed; not kept */
};
void runner_pool_stats(const struct runner_pool *p, struct runner_pool_stats *ret);

/* ---- generations ------------------------------------------------------------------------- */

struct runner_generation_params {
	const char *name, *path, *digest; /* of the plugin; copied */
	struct str config;                /* for the runner's ops; copied */
	bool in_process;
	unsigned min, max;     /* runners; max 0 means 1 */
	unsigned max_inflight; /* runs a runner may have begun; above 1 for asynchronous plugins */
	int64_t idle_ns;       /* a runner above `min` ends after being idle so long; 0: 60 s */
	uint64_t max_runs;     /* then a runner is replaced; 0: never */
	uint64_t max_growth;   /* so many bytes grown since it began, it is replaced; 0: never */
	int64_t start_ns;      /* most time to start; 0: 10 s */
	int64_t grace_ns;      /* from cancel to SIGTERM; 0: 5 s */
	int64_t term_ns;       /* from SIGTERM to SIGKILL; 0: 5 s */
	struct runner_limits limits; /* an end at one does not count against the plugin */
	/* Which of them are narrower than the plugin's own, as a task asked for. With its memory no
	 * end at all counts against the plugin; with any, nor does a runner that did not start:
	 * what waits for it then ends, as out of memory or as not begun. */
	struct runner_limits asked;
};

/* Starts `min` runners. The generation is the pool's. */
int runner_generation_add(struct runner_pool *p,
			  const struct runner_generation_params *params,
			  struct runner_generation **ret,
			  struct error *err);

/* No new runs. Those it has are finished, then its runners end; `retired` comes when all is gone
 * and the generation freed; not when the pool is closed before that. */
void runner_generation_retire(struct runner_generation *g, void (*retired)(void *user), void *user);

struct runner_generation_status {
	const char *name, *digest;
	unsigned runners, busy, starting, queued, running; /* now */
	uint64_t runs, crashes;
	bool in_process;
	bool quarantined;
	int64_t quarantined_until_ns; /* CLOCK_MONOTONIC */
	const char
		*reason; /* of the quarantine, else of the last crash or failed start; or empty */
	struct limits_in_force limits;
	int64_t typical_ns; /* how long runs have taken lately */
};

/* Strings are good until the generation's next callback. */
void runner_generation_status(const struct runner_generation *g,
			      struct runner_generation_status *ret);
void runner_generation_unquarantine(struct runner_generation *g);

/* ---- runs -------------------------------------------------------------------------------- */

/* All spans stay the caller's and must be good until the run has ended. */
struct run_request {
	struct str task_template; /* empty: none */
	struct str inputs, context;
	int64_t deadline_ns; /* CLOCK_MONOTONIC, then it is cancelled; 0: none */
	const char *log;     /* name of the log its output goes to; NULL: it is not kept by run */
};

enum run_how {
	RUN_COMPLETED, /* the runner said so: outcome and document */
	RUN_DIED,      /* with its runner: death */
	RUN_CANCELLED, /* before it began, or its runner was killed for it, or it was abandoned */
	RUN_REFUSED,   /* it can never run: error */
};

struct run_end {
	enum run_how how;
	int32_t outcome;           /* of RUN_COMPLETED */
	struct str document;       /* of RUN_COMPLETED; good until run_release */
	uint32_t cancelled;        /* why it was asked to stop (TH_CANCEL_…), or 0 */
	bool began;                /* it was handed to the plugin */
	const struct death *death; /* of its runner, if it is dead; good until the return */
	const struct error *error; /* of RUN_REFUSED; good until the return */
	/* CLOCK_MONOTONIC; 0: that did not happen, or is not known (the start of a run that died)
	 */
	int64_t queued_ns, started_ns, ended_ns;
	int64_t asked_ns, term_ns, kill_ns; /* rungs of cancelling that it came to */
};

struct run;

struct run_ops {
	/* It has begun. Comes a little later than that, and for short runs just before `done`. May
	 * be NULL. */
	void (*started)(struct run *run);
	void (*progress)(struct run *run, double fraction, struct str text);      /* may be NULL */
	void (*note)(struct run *run, int level, struct str text, uint32_t lost); /* may be NULL */
	/* It has ended. Nothing more comes; the memory of `run` is the caller's again after
	 * run_release. */
	void (*done)(struct run *run, const struct run_end *end);
};

/* Memory of the caller, zeroed before. All but `user` is private. */
struct run {
	void *user;
	const struct run_ops *ops;
	struct run_request request;
	uint64_t id; /* unique in the pool, never 0 */
	struct runner_pool *pool;
	struct runner_generation *generation;
	struct pool_runner *runner; /* it has been handed to; NULL */
	struct run *next, **link;   /* in the queue, in the runner, or among the ended */
	struct loop_timer timer;    /* deadline, then the rungs of cancelling */
	uint32_t slot;
	uint8_t state, rung;
	bool began_told;
	uint8_t moves; /* between runners */
	uint32_t cancelled;
	int64_t queued_ns;
	void *log;
	unsigned char *document;
	size_t document_size;
	struct run_end end;
	struct death *death;
	struct error *error;
};

/* ERR_STATE when the generation is retired or the pool closed. After success `done` comes. */
int run_start(struct runner_generation *g,
	      const struct run_request *request,
	      const struct run_ops *ops,
	      struct run *run,
	      struct error *err);

/* Asks it to stop. One that has not begun ends at once; else its cancel word is set and the
 * plugin's cancel called, after grace_ns its process gets SIGTERM, after term_ns more SIGKILL. A
 * second call changes nothing. Never fails; `done` comes in bounded time unless it is in-process,
 * where after all that it is abandoned. */
void run_cancel(struct run *run, uint32_t reason);

/* As run_cancel, without waiting on any rung. */
void run_kill(struct run *run, uint32_t reason);

/* After `done`, also inside it, and before the pool is closed: frees what the end holds. */
void run_release(struct run *run);
