/* What dispatch needs from around it, as values and tables: time, chance, runners, files, and where
 * its news goes. Nothing in this folder asks a clock, waits, or does input or output by itself.
 *
 * Everything is called, and calls back, on one thread, [loop]. Callbacks into dispatch never come
 * from inside one of these functions. */
#pragma once

#include "base/error.h"
#include "store/store.h"

/* ---- time ---------------------------------------------------------------------------------- */

struct dispatch_clock {
	int64_t (*now)(void *user);  /* monotonic, ns */
	int64_t (*wall)(void *user); /* since 1970, ns */
	uint64_t (*random)(void *user);
	/* dispatch_tick is to be called at `when_ns` (monotonic) or soon after; replaces the time
	 * asked for before. INT64_MAX: not at all. */
	void (*wake_at)(void *user, int64_t when_ns);
	void *user;
};

/* ---- runners ------------------------------------------------------------------------------- */

/* One run. The spans are good until `start` returns. */
struct dispatch_run {
	uint64_t id;
	uint32_t run; /* (id, run) is never used twice */
	struct str plugin, type, name, node, output_prefix, spec;
	/* The malloc'ed memory that `spec` lies in, when nobody needs it after `start`: whoever takes
	 * it sets it to NULL and frees it. Else NULL. */
	char **spec_memory;
	int32_t type_version;
	uint32_t attempt_of, attempts; /* run n of m, for people */
	bool pending, sync;
	int64_t deadline_ns; /* monotonic; INT64_MAX: none */
};

enum run_outcome {
	RUN_DONE,        /* outputs, or nothing, or another document in their place */
	RUN_ERROR,       /* the task says it failed: code, message, recoverable */
	RUN_CRASHED,     /* the plugin took its process down: code and message say how */
	RUN_NO_MEMORY,   /* it hit its memory limit */
	RUN_NO_CPU_TIME, /* it used up its CPU time */
	RUN_NOT_STARTED, /* no run took place: the runner could not be started, or broke before */
	RUN_STOPPED,     /* it ended because it was told to */
	RUN_LOST,        /* its runner was ended for the sake of another run */
};

/* How a run ended. The spans are good until dispatch_run_ended returns. */
struct run_result {
	enum run_outcome outcome;
	struct str outputs;
	const char
		*file_name; /* of the outputs; NULL: "outputs.pb". Another one is always a file */
	struct str deck;    /* empty: none */
	struct str error_document; /* empty: none */
	struct str code, message;
	bool recoverable, system_origin;
	struct row_usage usage;
};

/* Why nothing of this kind can start now. */
struct dispatch_hold {
	char why[200];
	int64_t until_ns; /* monotonic: asked again then; INT64_MAX: after dispatch_plugin_changed
			   */
};

enum stop_how {
	STOP_ASK,  /* cancel word and callback */
	STOP_TERM, /* SIGTERM, or what comes closest */
	STOP_KILL, /* now, whatever it takes */
};

struct dispatch_runners {
	/* True when a run may be handed over; else *hold. NULL: always. */
	bool (*ready)(void *user, struct str plugin, struct str type, struct dispatch_hold *hold);
	/* 0: dispatch_run_started may follow, and dispatch_run_ended follows once. ERR_INVALID: the
	 * request can never run; any other code: it is tried again. */
	int (*start)(void *user, const struct dispatch_run *run, struct error *err);
	/* Asks a run that has not ended to end; it is still told by dispatch_run_ended. */
	void (*stop)(void *user, uint64_t id, uint32_t run, enum stop_how how);
	void *user;
};

/* ---- files --------------------------------------------------------------------------------- */

/* One piece of work on a file; the memory is dispatch's until `done`, which comes once. */
struct dispatch_file {
	struct str uri;                    /* NUL-terminated */
	struct str bytes;                  /* put: what is written */
	bool only_whether;                 /* digest: whether a file is there; no digest */
	uint8_t digest[STORE_DIGEST_SIZE]; /* digest: SHA-256 of what is there */
	void (*done)(struct dispatch_file *f, int status, const char *why);
	struct dispatch_file *next; /* for whoever does it */
};

struct dispatch_data {
	/* Whether there is a back end for the scheme of this URI. */
	bool (*can)(void *user, struct str uri);
	/* Temporary name, sync, rename. ERR_DENIED is final, all else is tried again. */
	void (*put)(void *user, struct dispatch_file *f);
	/* Of the bytes when they are given, else of what is there: ERR_NOT_FOUND when nothing is,
	 * another status when that is no file. */
	void (*digest)(void *user, struct dispatch_file *f);
	void *user;
};

/* ---- news ---------------------------------------------------------------------------------- */

enum drain_stage {
	DRAIN_NONE,     /* at work */
	DRAIN_LAMEDUCK, /* not ready any more; still takes and starts */
	DRAIN_GRACE,    /* takes and starts nothing; what runs may finish */
	DRAIN_ASK,      /* what still runs was asked to end */
	DRAIN_KILL,     /* what still runs was killed */
	DRAIN_DONE,     /* nothing runs, everything is written */
};

enum dispatch_time {
	TIME_ACCEPT, /* create to durable */
	TIME_QUEUED, /* accepted to started (schedule-to-start) */
	TIME_RUN,    /* one run */
	TIME_FINISH, /* end of the run to durable */
	TIME_WHOLE,  /* accepted to finished */
	DISPATCH_TIMES,
};

/* Every one may be NULL. Called with the state as it is after the news. */
struct dispatch_hooks {
	/* "queued > starting run 1": golden in tests, debug log otherwise. */
	void (*trace)(void *user, uint64_t id, const char *line);
	/* What an operator should know; `level` as in base/log.h. */
	void (*log)(void *user, int level, uint64_t id, const char *text);
	void (*took)(void *user, enum dispatch_time what, struct str type, int64_t ns);
	/* Ended: state and code, for counting by code. */
	void (*ended)(void *user, struct str type, enum exec_state state, struct str code);
	void (*drain)(void *user, enum drain_stage stage);
	/* Old executions were removed: what they left behind can go too. */
	void (*swept)(void *user);
	/* Two texts of CreateTask under one key: is it the same request? Compared as messages,
	 * without labels, annotations and environment. NULL: compared as bytes. */
	bool (*same_request)(void *user, struct str a, struct str b);
	void *user;
};
