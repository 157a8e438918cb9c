/* Phases of an execution with wall and CPU time, in order of completion; the deck's Timeline. */
#pragma once

#include "base/buf.h"
#include "base/clock.h"

#define TIMELINE_MAX 64

struct timeline {
	struct timeline_phase {
		char name[160];
		int64_t wall_ns, cpu_ns;
	} phases[TIMELINE_MAX];
	size_t n;       /* further phases are dropped */
	bool wall_only; /* CPU time is not measured: the clock is a system call, and not a cheap one */
};

struct timeline_mark {
	int64_t wall_ns, cpu_ns;
};

/* Now. `t` may be NULL: nothing is measured then. */
struct timeline_mark timeline_start(const struct timeline *t);
/* Adds the phase that began with `mark`. Now, to begin the next phase with, or `mark` without `t`. */
struct timeline_mark
timeline_end(struct timeline *t, struct timeline_mark mark, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void timeline_html(const struct timeline *t, struct buf *out);
