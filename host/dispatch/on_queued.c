/* QUEUED, and WAITING, which is the same seen from outside while a limit or a hold keeps the whole
 * lane back: it stands in its lane until its turn or until it has waited too long. */
#include "dispatch/private.h"

static void enter(struct dispatch *d, struct execution *x)
{
	int64_t now = now_of(d);

	x->queued_ns = now;
	queue_add(&d->queue, &x->item, now);
	if (x->is_sync)
		exec_set_timer(x, x->deadline_ns);
	else if (x->row.queue_ttl_ns > 0)
		exec_set_timer(x, clock_after(x->created_ns, x->row.queue_ttl_ns));
}

static void timer(struct dispatch *d, struct execution *x)
{
	char why[256];
	bool held = queue_why(&x->item, why, sizeof(why));

	queue_remove(&d->queue, &x->item);
	exec_end(x, EXEC_FAILED, "QueueTimeout", "not started within %.3g s%s%s",
		 (double)(now_of(d) - x->created_ns) / (double)NS_S, held ? ": " : "",
		 held ? why : "");
	exec_move(x, EXEC_COMMITTING, "waited too long");
}

static void cancel(struct dispatch *d, struct execution *x)
{
	queue_remove(&d->queue, &x->item);
	exec_move(x, EXEC_CANCELLING, "%s", "");
}

const struct state_work on_queued = {.enter = enter, .timer = timer, .cancel = cancel};
