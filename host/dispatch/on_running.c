/* RUNNING: nothing is written while it lasts. The soft limit asks, the hard limit kills; a runner
 * that does not even die in time is given up. */
#include "dispatch/private.h"

static int64_t hard_at(const struct execution *x)
{
	if (x->is_sync)
		return x->deadline_ns;
	return x->row.hard_ns > 0 ? clock_after(x->run_ns, x->row.hard_ns) : INT64_MAX;
}

static int64_t soft_at(const struct execution *x)
{
	return x->row.soft_ns > 0 && !x->soft_told ? clock_after(x->run_ns, x->row.soft_ns)
						   : INT64_MAX;
}

static void enter(struct dispatch *d, struct execution *x)
{
	x->run_ns = now_of(d);
	x->ran = true;
	exec_set_timer(x, MIN(soft_at(x), hard_at(x)));
}

static void timer(struct dispatch *d, struct execution *x)
{
	int64_t now = now_of(d);

	if (x->rung == STOP_KILL) {
		run_forget(x);
		return;
	}
	if (now < hard_at(x)) {
		x->soft_told = true;
		dispatch_log(d, LOG_WARN, x->row.id, "runs longer than its soft limit of %.3g s",
			     (double)x->row.soft_ns / (double)NS_S);
		run_stop(x, STOP_ASK);
		exec_set_timer(x, hard_at(x));
		return;
	}
	x->timed_out = true;
	run_stop(x, STOP_KILL);
	exec_set_timer(x, now + d->config.kill_ns);
}

static void cancel(struct dispatch *d, struct execution *x)
{
	(void)d;
	exec_move(x, EXEC_CANCELLING, "%s", "");
}

static void run_ended(struct dispatch *d, struct execution *x, const struct run_result *r)
{
	(void)d;
	run_over(x, r);
}

const struct state_work on_running = {
	.enter = enter, .timer = timer, .cancel = cancel, .run_ended = run_ended};
