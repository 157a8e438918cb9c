/* One run in a process of its own, forked and awaited: the isolation of `execute` and `run`. A
 * crash, exit() or kill of the child is a result like any other; the parent never runs plugin code.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

#define ONCE_FRAMES_MAX  64
#define ONCE_STEP_MAX    256
#define ONCE_MODULES_MAX 8
#define ONCE_PATH_MAX    512
#define ONCE_NAME_MAX    64
#define ONCE_MARKS_MAX   2

/* Why the child is asked to stop: the numbers of the plugin API's TH_CANCEL_…. */
enum { ONCE_CANCEL_ASKED = 1, ONCE_CANCEL_DEADLINE = 2, ONCE_CANCEL_SHUTDOWN = 3 };

/* The child's side. Lives in memory shared with the parent. */
struct once_child {
	_Atomic uint32_t cancel;        /* an ONCE_CANCEL_… reason; the child polls it */
	_Atomic uint32_t done;          /* 1 once run() came back */
	_Atomic uint32_t out_of_memory; /* the child sets it when it refused the plugin memory */
	int32_t status;                 /* what run() returned */
	_Atomic int32_t marks[ONCE_MARKS_MAX]; /* run()'s own; see once_result */
	char step[ONCE_STEP_MAX]; /* what it was doing: "load arith.so", "execute arith.add" */
	/* Files it loaded under other names, as people know them; see once_module. */
	_Atomic uint32_t n_modules;
	char modules[ONCE_MODULES_MAX][ONCE_PATH_MAX];
	char module_names[ONCE_MODULES_MAX][ONCE_NAME_MAX]; /* empty: the file's name */
};

/* So that all ends within 5 s. */
#define ONCE_GRACE_NS INT64_C(4500000000)

struct once_params {
	/* Runs in the child. The number is handed to the parent as the result; the child then
	 * writes what stdout and stderr hold and ends at once by _exit, without destructors. */
	int (*run)(void *ctx, struct once_child *shared);
	void *ctx;
	int64_t timeout_ns;    /* 0: none; then cancel, and SIGKILL after grace */
	int64_t grace_ns;      /* after cancel; 0: ONCE_GRACE_NS */
	uint64_t memory_limit; /* RLIMIT_DATA in bytes; 0: none */
	bool debugger;         /* start gdb on the child before it runs; no timeout then */
};

struct once_frame {
	char text[512]; /* "arith.so [build-id 1f2e3d4c5b6a] add_task+0x1c (arith.c:12)" */
};

enum once_how {
	ONCE_RETURNED,      /* run() came back; `status` is its result */
	ONCE_EXITED,        /* exit() or _exit() by the plugin; `code` */
	ONCE_SIGNALLED,     /* `signal` */
	ONCE_TIMED_OUT,     /* killed by us after timeout and grace */
	ONCE_OUT_OF_MEMORY, /* died after an allocation hit memory_limit, or killed by the kernel
			       for lack of memory; `signal` or `code` as it died */
	ONCE_STOPPED, /* the parent got SIGTERM or SIGINT; `signal`: which; the child is gone */
};

struct once_result {
	enum once_how how;
	int status, code, signal;
	int32_t marks[ONCE_MARKS_MAX]; /* as run() left them, however it ended; 0 at first */
	char step[ONCE_STEP_MAX];      /* where it was */
	struct once_frame *frames;     /* of the crash, named; innermost first */
	size_t n_frames;
	char trace_note[160]; /* "stripped: no names in arith.so", "no frames: …"; or empty */
	char detail[80];      /* "stack overflow", "at address 0x10"; or empty */
	int64_t timeout_ns;
	uint64_t memory_limit;
	struct rusage usage;
};

/* Forks, runs, waits. SIGTERM, SIGINT to the parent: cancel in the child, SIGKILL after the grace
 * time (at once when the signal comes again), result ONCE_STOPPED. Signals that the caller ignores
 * stay ignored. SIGUSR1 is passed on (stack dump to stderr). The child is in its own process group,
 * dies with its parent, and whatever it leaves running in its group is killed.
 *
 * Out of memory is told from a crash by evidence: errno was ENOMEM in the thread that crashed, the
 * process held all that memory_limit allows, `out_of_memory` was set, or SIGKILL came from
 * elsewhere in a cgroup where the kernel has killed for memory.
 *
 * Only from the main thread of a process that has no others. ERR_IO when no process could be made,
 * ERR_NOT_FOUND when a debugger is wanted and there is none. */
int once_run(const struct once_params *params, struct once_result *ret, struct error *err);
void once_result_done(struct once_result *r);

/* "Segmentation fault (SIGSEGV) in execute arith.add, at address 0x0", for people. */
void once_describe(const struct once_result *r, struct buf *out);

/* In the child: says what comes next, for the report of a crash. */
void once_step(struct once_child *shared, const char *what);

/* In the child, at most once: from now on `call` is called when the parent asks to stop, even while
 * the run is busy or blocked, so on a thread of its own. Without it the child has no second thread,
 * and whoever wants to know polls `cancel`. When no thread can be made, that is logged. */
void once_on_cancel(struct once_child *shared, void (*call)(void *ctx, uint32_t reason), void *ctx);

/* In the child, before a copy of the file at `path` is loaded: back-traces then name the copy by
 * `path`, and read names from it, when the copy's own name (a file's or a memfd's) holds the first
 * 16 hexadecimal digits of the SHA-256 of what `path` has then. At most ONCE_MODULES_MAX; more are
 * ignored. */
void once_module(struct once_child *shared, const char *path);

/* The same for a file whose own name says nothing: `name` ("arith.so") stands for it. */
void once_module_named(struct once_child *shared, const char *path, const char *name);
