/* Why a runner ended: told from its status, from what it left in shared memory, and from what the
 * host did to it. */
#pragma once

#include "runners/channel.h"
#include "runners/process.h"

enum death_how {
	DEATH_EXITED,        /* exit() or _exit() by the plugin; `code` */
	DEATH_SIGNALLED,     /* `signal` */
	DEATH_OUT_OF_MEMORY, /* died of its memory limit, or was killed by the kernel for memory */
	DEATH_CPU_TIME,      /* used up its CPU time */
	DEATH_KILLED,        /* by the host, to stop a run that did not stop by itself */
	DEATH_MISBEHAVED,    /* by the host, because it wrote nonsense; `message` */
	DEATH_STOPPED,       /* by the host, in good order */
	DEATH_THREAD,        /* a thread of the host, not a process, came back */
};

/* Shared by all the runs that were on the runner. */
struct death {
	enum death_how how;
	int code, signal;
	char step[ONCE_STEP_MAX]; /* where it was */
	char detail[80];          /* "stack overflow", "at address 0x10"; or empty */
	char message[200];        /* of DEATH_MISBEHAVED */
	uint64_t memory_limit;    /* bytes; 0: none */
	uint64_t cpu_seconds;     /* limit; 0: none */
	struct rusage usage;      /* of the runner's whole life */
	pid_t pid;
	bool shared; /* more than one run had begun in it: whose doing it was, nobody can tell */
	struct once_frame *frames; /* of the crash, named; innermost first */
	size_t n_frames;
	char trace_note[160];
	unsigned refs; /* private */
};

/* What the host did, and knows. */
struct death_facts {
	bool stopped;           /* it was told to end */
	bool killed;            /* the host killed it for a run's sake */
	bool cpu_used_up;       /* it went on after that, and was killed */
	const char *misbehaved; /* it was killed for this; else NULL */
	bool oom_killed;        /* its control group counts a kill for memory */
	const struct runner_limits *limits;
};

struct death *death_new(const struct process_end *end,
			pid_t pid,
			const struct channel *channel,
			const struct death_facts *facts);
struct death *death_ref(struct death *d);
void death_unref(struct death *d); /* NULL is fine */

/* Does it count against the plugin? */
bool death_is_crash(const struct death *d);

/* "Segmentation fault (SIGSEGV) in execute arith.add, at address 0x0", for people. */
void death_describe(const struct death *d, struct buf *out);
