/* A world for dispatch: virtual time, a disk that forgets what was not committed, runners that
 * follow a script, files, and a process that can be killed between any two events and started
 * again.
 *
 * Everything random comes from one seed. Events of the process (timers, answers of the store, news
 * of runners) die with it; what the disk and the files hold stays. */
#pragma once

#include "base/mem.h"
#include "dispatch/dispatch.h"

#include <stdio.h>

#define MS NS_MS
#define S  NS_S

struct world;

/* ---- events ------------------------------------------------------------------------------ */

struct event {
	int64_t at;
	uint64_t order;
	void (*run)(struct world *w, void *arg);
	void *arg;
	uint32_t epoch; /* of the process; 0: of the world */
};

/* ---- runners' scripts ------------------------------------------------------------------------ */

enum script {
	FINISH,       /* outputs after a while */
	FAIL_AGAIN,   /* a recoverable error */
	FAIL_FINAL,   /* a non-recoverable one */
	CRASH,        /* SIGSEGV */
	NO_MEMORY,    /* its limit */
	LOSE,         /* its runner ends for another run */
	HANG,         /* until it is asked */
	HANG_TERM,    /* until it is told */
	HANG_KILL,    /* until it is killed */
	HANG_FOREVER, /* not even then */
	NO_START,     /* start() fails */
	WRONG,        /* start() says that it never works */
	SLOW_START,   /* never says it began, until killed */
	TWICE,        /* finishes twice, with different outputs */
	FAIL_TWICE,   /* fails, and long after says that it finished */
	BIG,          /* outputs that go to a file */
	BIG_FUTURES,  /* the same for a document of futures */
	HUGE_OUTPUTS, /* more than any answer carries */
	SCRIPTS,
};

struct sim_run {
	uint64_t id;
	uint32_t run, epoch;
	enum script script;
	bool active, killed;
};

/* ---- the disk ---------------------------------------------------------------------------- */

struct sim_row {
	struct store_row *row; /* with its history in `steps` */
	uint32_t n_steps, runs_seen;
	bool reported, deleted; /* what clients were told: finished; cancelled */
};

struct sim_mark {
	uint8_t key[STORE_KEY_SIZE];
	enum row_cancel by;
};

struct sim_file {
	char *uri;
	uint8_t digest[STORE_DIGEST_SIZE];
};

struct world {
	uint64_t seed, random;
	int64_t now, wall_offset;
	uint64_t event_order;
	struct event *events; /* a binary heap */
	size_t n_events, events_room;
	size_t n_done; /* events run */

	struct dispatch *d; /* NULL while the process is down */
	uint32_t epoch;
	struct dispatch_config config;
	int64_t wake_at;

	struct sim_store {
		struct store base;
		struct world *w;
		struct store_op *queued, **queued_tail; /* not begun */
		struct store_op *batch;                 /* being committed */
		bool committing;
	} store;
	struct sim_row *rows;
	size_t n_rows, rows_room;
	struct sim_mark *marks;
	size_t n_marks;
	struct sim_file *files;
	size_t n_files;
	struct sim_run *runs;
	size_t n_runs, runs_room;

	/* chances in a thousand; 0 switches a kind of trouble off */
	unsigned accept_fails, commit_slow, put_fails;
	int put_status; /* not 0: every put ends so */
	bool over;      /* the world ends: nothing new is begun */
	bool calm;      /* no trouble any more: everything has to come to an end */
	enum script (*script_for)(struct world *w, const struct dispatch_run *run);
	int64_t (*run_time)(struct world *w, const struct dispatch_run *run);
	bool (*hold)(struct world *w, struct dispatch_hold *hold);
	void (*on_drain)(struct world *w, enum drain_stage stage);

	/* golden traces */
	char *trace;
	size_t trace_len, trace_room;
	bool tracing;
	uint64_t named[64];
	size_t n_named;

	char broken[512]; /* the first law that was broken; empty: none */
};

void world_init(struct world *w, uint64_t seed);
void world_done(struct world *w);

uint64_t world_random(struct world *w);
uint64_t world_pick(struct world *w, uint64_t n); /* 0 .. n-1 */
bool world_chance(struct world *w, unsigned in_thousand);

/* After `delay`; of the process when `epoch`, else of the world. */
void world_after(struct world *w,
		 int64_t delay,
		 bool of_process,
		 void (*run)(struct world *w, void *arg),
		 void *arg);

/* The next event; false when there is none, or only after `until`. */
bool world_step(struct world *w, int64_t until);

void world_start(struct world *w); /* the process, with recovery */
void world_kill(struct world *w);

__attribute__((format(printf, 2, 3))) void world_law(struct world *w, const char *fmt, ...);
struct sim_row *world_row(struct world *w, uint64_t id);
struct sim_file *world_file(struct world *w, struct str prefix, const char *name);

/* "x1" for the first execution traced, and so on. */
unsigned world_name(struct world *w, uint64_t id);
__attribute__((format(printf, 2, 3))) void world_say(struct world *w, const char *fmt, ...);

/* sim_store.c, sim_outside.c */
void sim_store_init(struct world *w);
void sim_store_forget(struct world *w);
void sim_rows_free(struct world *w);
struct dispatch_runners sim_runners(struct world *w);
struct dispatch_data sim_data(struct world *w);
void sim_runs_die(struct world *w);
