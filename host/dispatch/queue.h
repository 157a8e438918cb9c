/* What waits for a slot. Executions of one plugin and type stand in one lane: one queue per
 * priority, first in first out. A lane belongs to gates: limits on how many may run at once, on the
 * host, of a plugin, of a type. Pending runs may last for ever, so one plugin never gets all of their
 * slots. The queue gives out whose turn it is: among the lanes that pass all
 * their gates the one whose first execution has waited longest, a step of priority counting as
 * `aging_ns` of waiting.
 *
 * A lane that a gate stops waits at that gate and costs nothing until the gate has room. Pure: time
 * is passed in. */
#pragma once

#include "dispatch/config.h"
#include "dispatch/env.h"
#include "dispatch/hash.h"
#include "dispatch/list.h"
#include "loop/heap.h"

#define QUEUE_PRIORITIES 10
#define LANE_GATES       4

struct gate {
	struct hash_node node;
	struct list all;
	enum limit_kind kind;
	char *name;
	uint32_t most, used;
	uint32_t lanes;       /* that pass through it; the last one takes an unlimited gate along */
	struct heap stopped;  /* lanes */
	struct list has_room; /* in queue.roomy when something stopped here may pass */
};

struct queue_item {
	struct lane *lane; /* from queue_join to queue_leave */
	struct list link;  /* in the lane's queue; unlinked otherwise */
	int priority;
	int64_t since_ns;  /* monotonic: when it began to wait */
	uint32_t position; /* as last counted, from 1 */
};

enum lane_place { LANE_EMPTY, LANE_OPEN, LANE_STOPPED, LANE_HELD };

struct lane {
	struct hash_node node;
	struct list all;
	struct str plugin, type; /* in the lane's memory */
	bool pending;
	struct gate *gates[LANE_GATES];
	size_t n_gates, members; /* items that have joined */
	struct list waiting[QUEUE_PRIORITIES];
	uint32_t n_waiting;
	enum lane_place place;
	struct heap_node turn;     /* in queue.open, gate.stopped or queue.held */
	struct gate *stopped_at;   /* with LANE_STOPPED */
	struct dispatch_hold hold; /* with LANE_HELD */
	int64_t counted_ns;        /* when positions were last counted */
};

struct queue {
	const struct dispatch_config *config;
	struct hash lanes, gates;
	struct list all_lanes, all_gates;
	struct gate *host, *pending;
	struct heap open, held; /* lanes; held by the time to ask again */
	struct list roomy;      /* gates */
	size_t n_waiting;
};

int queue_init(struct queue *q, const struct dispatch_config *config);
void queue_done(struct queue *q);

/* Binds an item to its lane; ERR_NOMEM. It waits only after queue_add. */
int queue_join(
	struct queue *q, struct queue_item *item, struct str plugin, struct str type, bool pending);
void queue_leave(struct queue *q, struct queue_item *item); /* neither waiting nor holding slots */

void queue_add(struct queue *q, struct queue_item *item, int64_t since_ns);
void queue_remove(struct queue *q, struct queue_item *item);

/* Takes slots when all gates have room and nobody of the lane is waiting. */
bool queue_take_now(struct queue *q, struct queue_item *item);
void queue_give_back(struct queue *q, struct queue_item *item);

/* Whose turn it is: removed from its lane, with its slots taken. NULL when nothing can start.
 * `ready` may hold a lane. */
struct queue_item *
queue_next(struct queue *q,
	   int64_t now_ns,
	   bool (*ready)(void *user, struct lane *lane, struct dispatch_hold *hold),
	   void *user);

/* Holds were lifted: of one plugin, or (empty) of all. */
void queue_release(struct queue *q, struct str plugin);
int64_t queue_next_ask(const struct queue *q); /* INT64_MAX: nothing is held for a time */

int queue_set_limit(struct queue *q, enum limit_kind kind, struct str name, uint32_t most);

/* Its place in its lane, from 1; counted at most once a second per lane. */
uint32_t queue_position(struct queue *q, struct queue_item *item, int64_t now_ns);

/* "type add: 8 of 8 running", or the runner's reason; false when nothing but its turn is missing.
 */
bool queue_why(const struct queue_item *item, char *out, size_t size);

/* When it would have begun to wait if it had no priority: the smaller, the earlier its turn. */
static inline int64_t queue_key(const struct queue *q, const struct queue_item *item)
{
	return item->since_ns - item->priority * q->config->aging_ns;
}

static inline bool queue_is_waiting(const struct queue_item *item)
{
	return list_linked(&item->link);
}
