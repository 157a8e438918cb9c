/* One event loop on one thread.
 *
 * Everything here belongs to the thread that runs the loop, [loop], except where a comment says
 * [any-thread]. Callbacks come from loop_run only, never from inside a call that starts something.
 *
 * What is made with `_new` or comes from an accept callback is a handle. It is ended once with its
 * `_close`; after that call no callback of it comes and its pointer is not used again, but the loop
 * still has to turn to release it. loop_close tells of handles that nobody has closed. Timers and
 * later-callbacks are memory of the caller and need only be cancelled. */
#pragma once

#include "base/error.h"
#include "loop/heap.h"

struct loop;

/* Also ignores SIGPIPE unless the program has set it: a connection that is gone must be an error of
 * one write, not the end of the process. */
int loop_new(struct loop **ret, struct error *err);

/* Turns until loop_stop, or until nothing is left to wait for. */
void loop_run(struct loop *l);

/* One turn: waits at most `wait_ns` (0: not at all) for something to happen. For tests and for
 * those who have a loop of their own. */
void loop_run_once(struct loop *l, int64_t wait_ns);

/* loop_run returns after the current turn; called before loop_run, it returns at once. */
void loop_stop(struct loop *l);

/* Handles neither closed nor being closed. */
size_t loop_open(const struct loop *l);

/* Finishes closing and frees the loop. ERR_STATE, naming the kinds, while handles are open: nothing
 * is freed then. NULL is fine. */
int loop_close(struct loop *l, struct error *err);

/* CLOCK_MONOTONIC now, in nanoseconds; a fresh reading. */
int64_t loop_now_ns(void);

/* ---- timers ------------------------------------------------------------------------------ */

struct loop_timer {
	void (*fire)(struct loop_timer *t); /* set by the owner; t is unset when it is called */
	struct heap_node node;              /* private */
};

/* Fires once, at `deadline_ns` or up to a little more than a millisecond after it, never before.
 * A timer that is set already is moved. Equal deadlines fire in the order they were set. */
void loop_timer_set(struct loop *l, struct loop_timer *t, int64_t deadline_ns);

/* Does nothing to a timer that is not set. */
void loop_timer_cancel(struct loop *l, struct loop_timer *t);

static inline bool loop_timer_is_set(const struct loop_timer *t)
{
	return heap_linked(&t->node);
}

/* ---- later ------------------------------------------------------------------------------- */

/* Something to be done once at the end of the current turn, after its callbacks and before the loop
 * waits again: what many events of one turn ask for, such as a flush, is done once. */
struct loop_later {
	void (*run)(struct loop_later *later); /* set by the owner; unqueued when it is called */
	struct loop_later *next, **link;       /* private; link is NULL when not queued */
};

void loop_later_queue(struct loop *l, struct loop_later *later); /* again: stays queued once */
void loop_later_cancel(struct loop *l, struct loop_later *later);
