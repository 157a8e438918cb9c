/* What the files of the runner's side share. */
#pragma once

#include "runners/channel.h"
#include "runners/hello.h"
#include "runners/record.h"
#include "runners/runner_main.h"

#include <pthread.h>

#define TEMPLATE_SLOTS 64u /* the host keeps the same table of what we have */

struct runner;

/* A run with what is behind it. Never freed before the runner ends, so that a late completion finds
 * memory to be refused by. */
struct held_run {
	struct runner_run run; /* first: the same address */
	struct runner *runner;
	struct held_run *next, **link; /* among the active or the free ones */
	bool active;                   /* not completed */
	bool cancel_told;
	uint32_t refs; /* 1 while active, 1 while the cancel callback has it */
	uint32_t slot;
	int block; /* slab that holds the inputs; -1: `copy` does */
	int64_t started_ns;
	unsigned char *copy;
	size_t copy_size;
};

struct runner {
	const struct runner_ops *ops;
	void *ops_ctx;
	void *state;
	struct runner_start start;
	char *texts;
	struct channel channel;
	uint64_t cpu_seconds; /* for each run; 0: no limit */
	bool copies;          /* runs outlive the call: do not keep slabs for them */

	/* [runner] */
	pthread_t thread;
	int64_t now_ns; /* read just now; 0: not */
	struct ring_reader in;
	struct runner_template *templates[TEMPLATE_SLOTS];
	int poll; /* epoll on channel.wake */

	/* any thread, under the lock */
	pthread_mutex_t lock;
	struct ring_writer out;
	struct held_run *active, *idle;
	struct runner_template *unused; /* templates, to be freed by the runner's thread */
	uint32_t lost_notes;
	bool kick_owed; /* the host sleeps and has completions to see */
	int64_t owed_since_ns;

	pthread_t canceller;
	bool has_canceller;
	_Atomic bool cancel_stop;
};

/* ---- runs: runner_run.c ------------------------------------------------------------------ */

/* Takes the submitted run if the host has not taken it back, and calls ops->run. */
int runner_take(struct runner *r, const struct ring_record *record, struct error *err);
void runner_runs_done(struct runner *r);

/* The innermost function of ours under every run, for back-traces. */
void (*runner_boundary(void))(void);

/* Wakes the host if that is owed. */
void runner_pay_kick(struct runner *r);

/* Lets go of a run; the last one to do so makes it free. With the lock. */
void held_run_unref(struct runner *r, struct held_run *h);

/* ---- templates: runner_template.c ---------------------------------------------------------- */

/* The template of a submission: what is in the slot, or `bytes`, which take its place. NULL on an
 * error. [runner] */
struct runner_template *runner_template_keep(
	struct runner *r, uint32_t slot, uint64_t id, struct str bytes, struct error *err);
void runner_template_unref(struct runner *r, struct runner_template *t); /* with the lock */
void runner_templates_sweep(struct runner *r);                           /* [runner] */
void runner_templates_done(struct runner *r);                            /* [runner] */

/* ---- cancel: runner_cancel.c --------------------------------------------------------------- */

int runner_cancel_start(struct runner *r, struct error *err);
void runner_cancel_stop(struct runner *r);

/* ---- confine.c ------------------------------------------------------------------------------ */

/* What makes the process a runner: dies with the host, gains no rights, is named, keeps within its
 * limits. */
int confine(const struct hello_serve *serve, const char *name, struct error *err);

/* ---- the frames of a crash: namer.c ---------------------------------------------------------- */

/* Names what is in `memory` and writes it there; see naming.h. */
int namer_serve(int control, int memory, struct error *err);
