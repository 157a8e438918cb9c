/* What the files of this folder share. The only header that sees libuv. */
#pragma once

#include "base/mem.h"
#include "loop/loop.h"

#include <uv.h>

struct loop {
	uv_loop_t uv;
	struct heap timers;
	uv_timer_t clock; /* armed for the earliest timer */
	int64_t clock_ns; /* what it is armed for; INT64_MAX when it is not */
	uv_prepare_t prepare;
	uv_check_t check;
	uv_idle_t idle; /* active while `later` is not empty, so that the loop does not wait */
	struct loop_later *later, **later_end;
	struct loop_later mark;      /* ends what run_later runs */
	struct loop_handle *handles; /* open ones */
	size_t open;
	size_t works; /* in threads */
};

/* Starts every handle. The libuv handle in it points back with its data field. */
struct loop_handle {
	struct loop *loop;
	const char *kind;
	struct loop_handle *next, **link;
};

/* Counts it as open. */
void loop_handle_add(struct loop *l, struct loop_handle *h, const char *kind);
/* No longer open: its closing has begun. */
void loop_handle_remove(struct loop_handle *h);

/* Error for a negative libuv code; returns its code. */
int loop_error(struct error *err, int uv_code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
