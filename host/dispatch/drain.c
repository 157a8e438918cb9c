/* Stopping politely, stage by stage, each with its time; `hurry` skips the rest of one. */
#include "dispatch/private.h"

enum drain_stage dispatch_drain_stage(const struct dispatch *d)
{
	return d->drain;
}

bool drain_starts(const struct dispatch *d)
{
	return d->drain < DRAIN_GRACE && !d->recovering;
}

bool drain_takes(const struct dispatch *d)
{
	return d->drain < DRAIN_GRACE;
}

int64_t dispatch_drain_left_ns(const struct dispatch *d)
{
	if (d->drain == DRAIN_NONE || d->drain == DRAIN_DONE || d->drain_ns == INT64_MAX)
		return INT64_MAX;
	return MAX(d->drain_ns - d->clock.now(d->clock.user), 0);
}

/* How long a stage lasts at most; INT64_MAX: it has no end. */
static int64_t span_of(const struct dispatch *d, enum drain_stage stage)
{
	switch (stage) {
	case DRAIN_LAMEDUCK:
		return d->config.lameduck_ns;
	case DRAIN_GRACE:
		return d->config.grace_ns;
	case DRAIN_ASK:
		return d->config.soft_stop_ns;
	case DRAIN_KILL:
		return d->config.commit_reserve_ns;
	default:
		return INT64_MAX;
	}
}

int64_t dispatch_drain_most_ns(const struct dispatch *d)
{
	bool on_its_way = d->drain != DRAIN_NONE && d->drain != DRAIN_DONE;
	int64_t most = on_its_way ? dispatch_drain_left_ns(d) : 0;

	for (int stage = (int)d->drain + 1; stage < DRAIN_DONE; stage++)
		most += MIN(span_of(d, (enum drain_stage)stage), INT64_MAX - most);
	return most;
}

void dispatch_drain_grace(struct dispatch *d, int64_t grace_ns)
{
	if (d->drain < DRAIN_GRACE)
		d->config.grace_ns = MAX(grace_ns, 0);
}

static void stop_all(struct dispatch *d, enum stop_how how)
{
	list_foreach (&d->live, node) {
		struct execution *x = CONTAINER_OF(node, struct execution, all);

		if (!x->has_runner || x->state == EXEC_CANCELLING || x->rung >= (int)how)
			continue;
		d->stats.interrupted += !x->drained;
		x->drained = true;
		run_stop(x, how);
	}
}

/* Sync tasks that wait cannot wait for the next start. */
static void end_waiting_syncs(struct dispatch *d)
{
	struct list *node = d->live.next;

	while (node != &d->live) {
		struct execution *x = CONTAINER_OF(node, struct execution, all);

		node = node->next;
		if (!x->is_sync || x->state != EXEC_QUEUED)
			continue;
		queue_remove(&d->queue, &x->item);
		exec_end(x, EXEC_RETRYABLE_FAILED, "Drained", "the worker is stopping");
		exec_move(x, EXEC_COMMITTING, "drained");
		node = d->live.next; /* its caller may have ended others */
	}
}

static void enter_stage(struct dispatch *d, enum drain_stage stage)
{
	int64_t span = span_of(d, stage), now = now_of(d);

	d->drain = stage;
	d->drain_ns = span < INT64_MAX - now ? now + span : INT64_MAX;
	if (d->hooks.drain)
		d->hooks.drain(d->hooks.user, stage);
	if (stage == DRAIN_GRACE)
		end_waiting_syncs(d);
	else if (stage == DRAIN_ASK)
		stop_all(d, STOP_ASK);
	else if (stage == DRAIN_KILL)
		stop_all(d, STOP_KILL);
}

/* Nothing runs and nothing is on its way to the disk or to a file. */
static bool is_quiet(const struct dispatch *d)
{
	if (!list_empty(&d->pending))
		return false;
	list_foreach (&d->live, node) {
		const struct execution *x = CONTAINER_OF(node, struct execution, all);

		if (x->has_runner || x->writing || x->loading || x->state == EXEC_COMMITTING ||
		    x->state == EXEC_STARTING || x->state == EXEC_NEW)
			return false;
	}
	return true;
}

void drain_look(struct dispatch *d)
{
	if (d->drain >= DRAIN_GRACE && d->drain < DRAIN_DONE && is_quiet(d))
		enter_stage(d, DRAIN_DONE);
}

void drain_tick(struct dispatch *d, int64_t now)
{
	if (d->drain != DRAIN_NONE && d->drain != DRAIN_DONE && now >= d->drain_ns)
		enter_stage(d, d->drain + 1);
}

void dispatch_drain(struct dispatch *d)
{
	dispatch_enter(d);
	if (d->drain == DRAIN_NONE)
		enter_stage(d, DRAIN_LAMEDUCK);
	dispatch_leave(d);
}

void dispatch_drain_hurry(struct dispatch *d)
{
	dispatch_enter(d);
	if (d->drain < DRAIN_DONE)
		enter_stage(d, d->drain + 1);
	dispatch_leave(d);
}
