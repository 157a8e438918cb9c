/* What the queue says about those who wait. */
#include "dispatch/queue.h"

#include <stdio.h>

#define COUNT_EVERY_NS NS_S

static const char *const kind_names[LIMIT_KINDS] = {
	[LIMIT_HOST] = "slots of this worker",
	[LIMIT_PENDING] = "pending runs of this worker",
	[LIMIT_SHARE] = "pending runs of plugin",
	[LIMIT_PLUGIN] = "plugin",
	[LIMIT_TYPE] = "type",
};

/* Walks the ten queues as they will be served. */
static void count_positions(const struct queue *q, struct lane *l)
{
	struct list *at[QUEUE_PRIORITIES];
	uint32_t n = 0;

	for (int p = 0; p < QUEUE_PRIORITIES; p++)
		at[p] = l->waiting[p].next;
	for (;;) {
		struct queue_item *best = NULL;

		for (int p = QUEUE_PRIORITIES - 1; p >= 0; p--) {
			struct queue_item *i;

			if (at[p] == &l->waiting[p])
				continue;
			i = CONTAINER_OF(at[p], struct queue_item, link);
			if (!best || queue_key(q, i) < queue_key(q, best))
				best = i;
		}
		if (!best)
			return;
		best->position = ++n;
		at[best->priority] = best->link.next;
	}
}

uint32_t queue_position(struct queue *q, struct queue_item *item, int64_t now_ns)
{
	struct lane *l = item->lane;

	if (!queue_is_waiting(item))
		return 0;
	if (item->position == 0 || now_ns - l->counted_ns > COUNT_EVERY_NS) {
		count_positions(q, l);
		l->counted_ns = now_ns;
	}
	return item->position;
}

bool queue_why(const struct queue_item *item, char *out, size_t size)
{
	const struct lane *l = item->lane;
	const struct gate *g = l ? l->stopped_at : NULL;

	if (l && l->place == LANE_HELD) {
		snprintf(out, size, "%s", l->hold.why);
		return true;
	}
	if (!l || l->place != LANE_STOPPED)
		return false;
	snprintf(out, size, "%s%s%s: %u of %u in use", kind_names[g->kind], g->name[0] ? " " : "",
		 g->name, g->used, g->most);
	/* Host slots are what everybody queues for; the others are limits. */
	return g->kind != LIMIT_HOST;
}
