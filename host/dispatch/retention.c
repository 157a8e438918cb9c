/* What is old and finished is removed now and then.
 *
 * How old it is can only be told by the wall clock. One that jumps ahead would have outcomes removed
 * that nobody has fetched yet, so a jump is believed only after a day. One that goes back is
 * believed at once: nothing is removed too early by it. */
#include "dispatch/private.h"

#define JUMP_NS  (60 * NS_S)
#define DOUBT_NS (86400 * NS_S)

/* The time up to which the wall clock is believed. */
static int64_t believed(struct dispatch *d, int64_t wall, int64_t now)
{
	struct believed *b = &d->believed;
	int64_t expected = b->wall_ns + (now - b->at_ns);
	bool jumped = wall > expected + JUMP_NS;

	b->at_ns = now;
	if (jumped && (b->ahead_since_ns == 0 || wall - expected > b->ahead_by_ns + JUMP_NS)) {
		b->ahead_since_ns = now;
		b->ahead_by_ns = wall - expected;
		dispatch_log(d, LOG_INFO, 0,
			     "the wall clock is %lld s ahead of what was expected; retention "
			     "believes it in a day",
			     (long long)((wall - expected) / NS_S));
	}
	if (jumped && now - b->ahead_since_ns < DOUBT_NS) {
		b->wall_ns = expected;
		return expected;
	}
	b->ahead_since_ns = 0;
	b->wall_ns = wall;
	return wall;
}

/* The clock may have been set while no worker ran. What was believed before is the last sweep's; a
 * store that has seen none yet was made not long before its newest execution. */
void retention_start(struct dispatch *d)
{
	int64_t wall = wall_of(d), before = wall;
	struct store_stats s;

	store_stats(d->store, &s);
	if (s.believed != 0)
		before = s.believed;
	else if (d->ids.last != 0)
		before = ident_time(d->ids.last);
	d->believed = (struct believed){.wall_ns = MIN(wall, before), .at_ns = now_of(d)};
}

static int64_t before(int64_t wall, int64_t keep)
{
	return keep > 0 ? wall - keep : 0;
}

static void on_swept(struct store_op *op)
{
	struct store_sweep *s = CONTAINER_OF(op, struct store_sweep, op);
	struct dispatch *d = s->user;

	if (op->status == 0 && s->more) {
		store_submit(d->store, &s->op, STORE_SWEEP);
		return;
	}
	dispatch_enter(d);
	d->sweeping = false;
	if (op->status < 0 && op->status != ERR_CANCELLED)
		dispatch_log(d, LOG_WARN, 0, "old executions cannot be removed: %s", op->message);
	d->sweep_ns = now_of(d) + d->config.sweep_ns;
	if (op->status == 0 && d->hooks.swept)
		d->hooks.swept(d->hooks.user);
	dispatch_leave(d);
}

void sweep_tick(struct dispatch *d, int64_t now)
{
	int64_t wall;

	if (now < d->sweep_ns || d->sweeping)
		return;
	wall = believed(d, wall_of(d), now);
	d->ended_since_ns = now - d->config.sweep_ns;
	d->sweep_ns = INT64_MAX;
	d->sweeping = true;
	d->sweep = (struct store_sweep){
		.op.done = on_swept,
		.user = d,
		.finished_before = before(wall, d->config.keep_ns),
		.dead_before = before(wall, d->config.keep_dead_ns),
		.marks_before = before(wall, d->config.keep_ns),
		.believed = wall,
		.batch = 200,
	};
	store_submit(d->store, &d->sweep.op, STORE_SWEEP);
}
