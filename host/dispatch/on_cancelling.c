/* CANCELLING: whatever still goes on for it is ended, rung by rung, each with its time, so that
 * there is an upper bound; then the row says ABORTED. What the run says from now on changes
 * nothing. */
#include "dispatch/private.h"

static void finish_if_idle(struct execution *x)
{
	bool flyte = x->row.cancel == ROW_CANCEL_FLYTE;

	if (x->has_runner || x->writing)
		return;
	exec_end(x, EXEC_ABORTED, "Cancelled", "cancelled by %s%s" STR_FMT,
		 flyte ? "Flyte" : "an operator", x->row.cancel_reason.len > 0 ? ": " : "",
		 STR_ARG(x->row.cancel_reason));
	x->files = false;
	if (x->is_sync) {
		exec_move(x, EXEC_ABORTED, "%s", "");
		exec_finished(x);
		return;
	}
	exec_write_finish(x);
}

static void enter(struct dispatch *d, struct execution *x)
{
	if (x->has_runner) {
		run_stop(x, STOP_ASK);
		exec_set_timer(x, now_of(d) + d->config.ask_ns);
		return;
	}
	finish_if_idle(x);
}

static void let_go(struct execution *x)
{
	x->has_runner = false;
	exec_give_back(x);
	exec_set_timer(x, INT64_MAX);
	finish_if_idle(x);
}

static void timer(struct dispatch *d, struct execution *x)
{
	int64_t now = now_of(d);

	if (!x->has_runner) { /* the end is to be written again */
		finish_if_idle(x);
		return;
	}
	switch (x->rung) {
	case STOP_ASK:
		run_stop(x, x->is_sync ? STOP_KILL : STOP_TERM);
		exec_set_timer(x, now + (x->is_sync ? d->config.kill_ns : d->config.term_ns));
		return;
	case STOP_TERM:
		run_stop(x, STOP_KILL);
		exec_set_timer(x, now + d->config.kill_ns);
		return;
	default:
		d->stats.given_up_runs++;
		dispatch_log(d, LOG_ERROR, x->row.id, "its runner was killed and is still there");
		let_go(x);
	}
}

static void wrote(struct dispatch *d, struct execution *x, const struct store_op *op)
{
	(void)d;
	if (op->kind == STORE_FINISH) {
		exec_move(x, EXEC_ABORTED, "%s", "");
		exec_finished(x);
		return;
	}
	finish_if_idle(x);
}

static void run_ended(struct dispatch *d, struct execution *x, const struct run_result *r)
{
	(void)d;
	x->ending.usage = r->usage;
	let_go(x);
}

const struct state_work on_cancelling = {
	.enter = enter, .timer = timer, .wrote = wrote, .run_ended = run_ended};
