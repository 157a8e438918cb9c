/* STARTING: a slot is taken. The row says so before the runner hears of it, so that a lost host
 * knows of every run; the request is read again when it was not kept. Then the runner gets it, and
 * tells when the run has begun. A runner that does not begin in time is killed. */
#include "dispatch/private.h"

static void not_started(struct execution *x, const char *why)
{
	struct run_result r = {.outcome = RUN_NOT_STARTED, .message = str_of(why)};

	run_over(x, &r);
}

static void not_handed_over(struct execution *x, const struct error *why)
{
	struct run_result r = {.outcome = RUN_ERROR,
			       .code = STR("InvalidRequest"),
			       .message = str_of(why->message)};

	x->has_runner = false;
	if (why->code == ERR_INVALID)
		run_over(x, &r);
	else
		not_started(x, why->message);
}

static void hand_over(struct dispatch *d, struct execution *x)
{
	struct error err = ERROR_INIT;
	struct dispatch_run run = {
		.id = x->row.id,
		.run = x->row.run,
		.plugin = x->row.plugin,
		.type = x->row.type,
		.name = x->row.name,
		.node = x->row.node,
		.output_prefix = x->row.output_prefix,
		.spec = x->row.spec,
		.spec_memory = x->is_sync ? &x->spec : NULL, /* it is run once */
		.type_version = x->row.type_version,
		.attempt_of = x->row.failures + 1,
		.attempts = x->row.max_runs,
		.pending = x->row.flags & ROW_PENDING,
		.sync = x->is_sync,
		.deadline_ns = x->deadline_ns,
	};
	int64_t now = now_of(d);
	int rc;

	if (!x->is_sync && x->row.hard_ns > 0)
		run.deadline_ns = clock_after(now, x->row.hard_ns);
	x->has_runner = true;
	x->start_ns = now;
	d->stats.runs++;
	rc = d->runners.start(d->runners.user, &run, &err);
	if (x->is_sync)
		exec_drop_spec(x);
	if (rc < 0) {
		not_handed_over(x, &err);
		return;
	}
	exec_set_timer(x, MIN(now + d->config.start_ns, x->deadline_ns));
}

/* As soon as nothing is on its way to or from the store. */
static void go_on(struct dispatch *d, struct execution *x)
{
	if (x->writing || x->loading || x->has_runner)
		return;
	if (!x->start_written) {
		exec_write_update(x, EXEC_STARTING, 0);
	} else if (d->drain >= DRAIN_ASK) {
		x->drained = true;
		run_over(x, &(struct run_result){.outcome = RUN_STOPPED});
	} else if (x->row.spec.len != x->row.spec_size) {
		not_started(x, "its request could not be read from the store");
	} else {
		hand_over(d, x);
	}
}

static void enter(struct dispatch *d, struct execution *x)
{
	x->timed_out = x->soft_told = x->drained = false;
	x->rung = -1;
	x->progress = -1;
	x->progress_text[0] = '\0';
	if (!x->start_written) {
		x->row.run++;
		x->row.started_at = wall_of(d);
		x->row.cause = STR_NULL;
		x->start_written = x->is_sync;
	}
	dispatch_took(d, TIME_QUEUED, x, now_of(d) - x->queued_ns);
	if (x->row.spec.len != x->row.spec_size)
		exec_load_spec(x);
	if (!x->start_written)
		exec_write_update(x, EXEC_STARTING, 0);
	go_on(d, x);
}

static void wrote(struct dispatch *d, struct execution *x, const struct store_op *op)
{
	if (op->kind == STORE_UPDATE)
		x->start_written = true;
	go_on(d, x);
}

static void timer(struct dispatch *d, struct execution *x)
{
	if (!x->has_runner) { /* a write is to be tried again */
		go_on(d, x);
		return;
	}
	if (x->rung == STOP_KILL) {
		run_forget(x);
		return;
	}
	x->timed_out = x->is_sync && now_of(d) >= x->deadline_ns;
	run_stop(x, STOP_KILL);
	exec_set_timer(x, now_of(d) + d->config.kill_ns);
}

static void cancel(struct dispatch *d, struct execution *x)
{
	(void)d;
	if (!x->has_runner)
		exec_give_back(x);
	exec_move(x, EXEC_CANCELLING, "%s", "");
}

/* One that was killed because it did not begin has not run; another that ends so early has. */
static void run_ended(struct dispatch *d, struct execution *x, const struct run_result *r)
{
	(void)d;
	if (x->rung == STOP_KILL && !x->timed_out && !x->drained && r->outcome == RUN_STOPPED)
		not_started(x, "it did not begin in time");
	else
		run_over(x, r);
}

const struct state_work on_starting = {
	.enter = enter, .timer = timer, .wrote = wrote, .cancel = cancel, .run_ended = run_ended};
