/* RETRY_WAIT: the run is to be repeated when it is due. The row knows the time, by the wall clock;
 * here it counts by the monotonic one, so that a clock that jumps moves no retry of a living host.
 */
#include "dispatch/private.h"

static void enter(struct dispatch *d, struct execution *x)
{
	int64_t now = now_of(d);

	if (x->row.state == EXEC_RETRY_WAIT && x->row.due_at != 0) /* recovered */
		exec_set_timer(x, x->due_ns);
	else
		exec_write_update(x, EXEC_RETRY_WAIT, wall_of(d) + (x->due_ns - now));
}

static void wrote(struct dispatch *d, struct execution *x, const struct store_op *op)
{
	(void)d;
	(void)op;
	exec_set_timer(x, x->due_ns);
}

static void timer(struct dispatch *d, struct execution *x)
{
	if (x->row.state != EXEC_RETRY_WAIT) { /* not written yet: try again */
		exec_write_update(x, EXEC_RETRY_WAIT, wall_of(d) + (x->due_ns - now_of(d)));
		return;
	}
	exec_move(x, EXEC_QUEUED, "due");
}

static void cancel(struct dispatch *d, struct execution *x)
{
	(void)d;
	exec_move(x, EXEC_CANCELLING, "%s", "");
}

const struct state_work on_retry_wait = {
	.enter = enter, .timer = timer, .wrote = wrote, .cancel = cancel};
