/* Things a loop watches besides streams: file descriptors, signals, child processes, and calls from
 * other threads. */
#pragma once

#include "loop/loop.h"

#include <sys/resource.h>
#include <sys/types.h>

/* ---- descriptors ------------------------------------------------------------------------- */

enum { FD_READABLE = 1, FD_WRITABLE = 2, FD_HANGUP = 4 };

struct fd_watch;

/* Calls `ready` in every turn in which one of `events` holds (level-triggered), with those that do.
 * An error on the descriptor is told as all that was asked for. One watch per descriptor; the
 * descriptor stays the caller's, is made non-blocking, and must stay open until fd_watch_close. */
int fd_watch_new(struct loop *l,
		 int fd,
		 int events,
		 void (*ready)(void *user, int events),
		 void *user,
		 struct fd_watch **ret,
		 struct error *err);
int fd_watch_set(struct fd_watch *w, int events, struct error *err); /* 0 pauses it */
void fd_watch_close(struct fd_watch *w);

/* ---- signals ----------------------------------------------------------------------------- */

struct signal_watch;

/* Calls `caught` from the loop after the signal came; several may count as one. The former
 * disposition returns when the last watch of a signal is closed. */
int signal_watch_new(struct loop *l,
		     int signo,
		     void (*caught)(void *user, int signo),
		     void *user,
		     struct signal_watch **ret,
		     struct error *err);
void signal_watch_close(struct signal_watch *w);

/* ---- calls from other threads ------------------------------------------------------------ */

struct wake;

/* Calls `woken` from the loop after one or more wake_send. */
int wake_new(struct loop *l,
	     void (*woken)(void *user),
	     void *user,
	     struct wake **ret,
	     struct error *err);
void wake_send(struct wake *w); /* [any-thread], also in a signal handler; not after wake_close */
void wake_close(struct wake *w);

/* ---- children ---------------------------------------------------------------------------- */

struct child_watch;

struct child_end {
	int status; /* as waitpid gives it */
	struct rusage usage;
};

/* Calls `ended` once when the child has ended, having reaped it; the watch is closed then. Nobody
 * else may wait for that pid. */
int child_watch_new(struct loop *l,
		    pid_t pid,
		    void (*ended)(void *user, const struct child_end *end),
		    void *user,
		    struct child_watch **ret,
		    struct error *err);
/* Stops watching before the end; the child is then the caller's to reap. */
void child_watch_close(struct child_watch *w);
/* Signals the process that is watched, never one that got its number later. */
int child_watch_kill(struct child_watch *w, int signo, struct error *err);

/* ---- work in threads --------------------------------------------------------------------- */

struct loop_work {
	void (*run)(
		struct loop_work *work); /* [worker]: its results belong into the struct around */
	void (*done)(struct loop_work *work); /* [loop]: once, after run; also when cancelled */
	bool cancelled;                       /* run has not been called */
	void *request;                        /* private */
};

/* Runs in one of a few threads. After success `done` comes exactly once; the memory is the caller's
 * again then. Not for what happens per request: a hop costs tens of microseconds. */
int loop_work_start(struct loop *l, struct loop_work *work, struct error *err);
void loop_work_cancel(struct loop_work *work); /* no effect on work that has begun */
/* Started, and `done` has not come: what it uses must stay until none is left. */
size_t loop_works(const struct loop *l);
