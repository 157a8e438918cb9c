#include "dispatch/queue.h"

/* ---- gates ------------------------------------------------------------------------------- */

static bool gate_has_room(const struct gate *g)
{
	return g->used < g->most;
}

static uint64_t gate_hash(enum limit_kind kind, struct str name)
{
	return hash_bytes(name.ptr, name.len, kind);
}

static struct gate *find_gate(struct queue *q, enum limit_kind kind, struct str name)
{
	struct hash_node *n = hash_find(&q->gates, gate_hash(kind, name));

	for (; n; n = hash_again(n)) {
		struct gate *g = CONTAINER_OF(n, struct gate, node);

		if (g->kind == kind && str_is(name, g->name))
			return g;
	}
	return NULL;
}

static struct gate *new_gate(struct queue *q, enum limit_kind kind, struct str name, uint32_t most)
{
	struct gate *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->kind = kind;
	g->most = most;
	g->stopped = (struct heap)HEAP_INIT;
	g->name = strndup(name.ptr ? name.ptr : "", name.len);
	if (!g->name || hash_add(&q->gates, &g->node, gate_hash(kind, name)) < 0) {
		free(g->name);
		free(g);
		return NULL;
	}
	list_append(&q->all_gates, &g->all);
	return g;
}

static void free_gate(struct queue *q, struct gate *g)
{
	hash_remove(&q->gates, &g->node);
	list_remove(&g->all);
	list_remove(&g->has_room);
	free(g->name);
	free(g);
}

static uint32_t configured(const struct queue *q, enum limit_kind kind, struct str name)
{
	for (size_t i = 0; i < q->config->n_limits; i++)
		if (q->config->limits[i].kind == kind && str_eq(q->config->limits[i].name, name))
			return q->config->limits[i].most;
	return UINT32_MAX;
}

/* The rest is for other plugins. */
static uint32_t share_of(uint32_t slots)
{
	return slots - slots / 10;
}

static struct gate *get_gate(struct queue *q, enum limit_kind kind, struct str name)
{
	struct gate *g = find_gate(q, kind, name);

	if (g)
		return g;
	return new_gate(q, kind, name,
			kind == LIMIT_SHARE ? share_of(q->pending->most)
					    : configured(q, kind, name));
}

/* Somebody stopped at this gate may pass now. */
static void gate_opens(struct queue *q, struct gate *g)
{
	if (gate_has_room(g) && heap_min(&g->stopped) && !list_linked(&g->has_room))
		list_append(&q->roomy, &g->has_room);
}

static void set_shares(struct queue *q)
{
	list_foreach (&q->all_gates, node) {
		struct gate *g = CONTAINER_OF(node, struct gate, all);

		if (g->kind != LIMIT_SHARE)
			continue;
		g->most = share_of(q->pending->most);
		gate_opens(q, g);
	}
}

int queue_set_limit(struct queue *q, enum limit_kind kind, struct str name, uint32_t most)
{
	struct gate *g = kind == LIMIT_HOST      ? q->host
			 : kind == LIMIT_PENDING ? q->pending
						 : get_gate(q, kind, name);

	if (!g)
		return ERR_NOMEM;
	g->most = most;
	gate_opens(q, g);
	if (g == q->pending)
		set_shares(q);
	return 0;
}

/* ---- lanes ------------------------------------------------------------------------------- */

static struct queue_item *first_of(struct lane *l, int priority)
{
	return list_first(&l->waiting[priority], struct queue_item, link);
}

static struct queue_item *head_of(const struct queue *q, struct lane *l)
{
	struct queue_item *best = NULL;

	for (int p = QUEUE_PRIORITIES - 1; p >= 0; p--) {
		struct queue_item *i = first_of(l, p);

		if (i && (!best || queue_key(q, i) < queue_key(q, best)))
			best = i;
	}
	return best;
}

static void leave_place(struct queue *q, struct lane *l)
{
	switch (l->place) {
	case LANE_OPEN:
		heap_remove(&q->open, &l->turn);
		break;
	case LANE_STOPPED:
		heap_remove(&l->stopped_at->stopped, &l->turn);
		break;
	case LANE_HELD:
		heap_remove(&q->held, &l->turn);
		break;
	case LANE_EMPTY:
		break;
	}
	l->place = LANE_EMPTY;
	l->stopped_at = NULL;
}

/* Puts the lane where it belongs after its head changed. */
static void open_lane(struct queue *q, struct lane *l)
{
	struct queue_item *head = head_of(q, l);

	leave_place(q, l);
	if (!head)
		return;
	l->place = LANE_OPEN;
	heap_insert(&q->open, &l->turn, queue_key(q, head));
}

static void stop_lane(struct queue *q, struct lane *l, struct gate *g, int64_t key)
{
	leave_place(q, l);
	l->place = LANE_STOPPED;
	l->stopped_at = g;
	heap_insert(&g->stopped, &l->turn, key);
}

static void hold_lane(struct queue *q, struct lane *l, const struct dispatch_hold *hold)
{
	leave_place(q, l);
	l->place = LANE_HELD;
	l->hold = *hold;
	heap_insert(&q->held, &l->turn, hold->until_ns);
}

/* It says nothing that would not be known again. */
static bool is_forgettable(const struct gate *g)
{
	return g->kind == LIMIT_SHARE ||
	       (g->most == UINT32_MAX && g->kind != LIMIT_HOST && g->kind != LIMIT_PENDING);
}

static void leave_gates(struct queue *q, struct lane *l)
{
	while (l->n_gates > 0) {
		struct gate *g = l->gates[--l->n_gates];

		g->lanes--;
		if (g->lanes == 0 && is_forgettable(g))
			free_gate(q, g);
	}
}

static uint64_t lane_hash(struct str plugin, struct str type, bool pending)
{
	uint64_t h = hash_bytes(plugin.ptr, plugin.len, pending);

	return hash_bytes(type.ptr, type.len, h);
}

static struct lane *find_lane(struct queue *q, struct str plugin, struct str type, bool pending)
{
	struct hash_node *n = hash_find(&q->lanes, lane_hash(plugin, type, pending));

	for (; n; n = hash_again(n)) {
		struct lane *l = CONTAINER_OF(n, struct lane, node);

		if (str_eq(l->plugin, plugin) && str_eq(l->type, type) && l->pending == pending)
			return l;
	}
	return NULL;
}

static bool add_gate(struct queue *q, struct lane *l, enum limit_kind kind, struct str name)
{
	struct gate *g;

	if (name.len == 0)
		return true;
	g = get_gate(q, kind, name);
	if (!g)
		return false;
	g->lanes++;
	l->gates[l->n_gates++] = g;
	return true;
}

static struct str keep(char **at, struct str s)
{
	char *to = *at;

	if (s.len > 0)
		memcpy(to, s.ptr, s.len);
	*at += s.len;
	return (struct str){to, s.len};
}

static struct lane *new_lane(struct queue *q, struct str plugin, struct str type, bool pending)
{
	struct lane *l = calloc(1, sizeof(*l) + plugin.len + type.len);
	char *text;

	if (!l)
		return NULL;
	text = (char *)(l + 1);
	l->plugin = keep(&text, plugin);
	l->type = keep(&text, type);
	l->pending = pending;
	for (int p = 0; p < QUEUE_PRIORITIES; p++)
		list_init(&l->waiting[p]);
	if (!add_gate(q, l, LIMIT_TYPE, type) || !add_gate(q, l, LIMIT_PLUGIN, plugin) ||
	    (pending && !add_gate(q, l, LIMIT_SHARE, plugin)) ||
	    hash_add(&q->lanes, &l->node, lane_hash(plugin, type, pending)) < 0) {
		leave_gates(q, l);
		free(l);
		return NULL;
	}
	l->gates[l->n_gates] = pending ? q->pending : q->host;
	l->gates[l->n_gates++]->lanes++;
	list_append(&q->all_lanes, &l->all);
	return l;
}

static void free_lane(struct queue *q, struct lane *l)
{
	leave_place(q, l);
	leave_gates(q, l);
	hash_remove(&q->lanes, &l->node);
	list_remove(&l->all);
	free(l);
}

/* ---- items ------------------------------------------------------------------------------- */

int queue_join(
	struct queue *q, struct queue_item *item, struct str plugin, struct str type, bool pending)
{
	struct lane *l = find_lane(q, plugin, type, pending);

	if (!l)
		l = new_lane(q, plugin, type, pending);
	if (!l)
		return ERR_NOMEM;
	l->members++;
	item->lane = l;
	return 0;
}

void queue_leave(struct queue *q, struct queue_item *item)
{
	struct lane *l = TAKE(item->lane);

	if (l && --l->members == 0)
		free_lane(q, l);
}

void queue_add(struct queue *q, struct queue_item *item, int64_t since_ns)
{
	struct lane *l = item->lane;

	item->since_ns = since_ns;
	item->position = 0;
	list_append(&l->waiting[item->priority], &item->link);
	l->n_waiting++;
	q->n_waiting++;
	/* A stopped or held lane stays so, as a newcomer changes nothing about the reason; but it
	 * may be an earlier turn that waits there now. */
	if (l->place == LANE_EMPTY || l->place == LANE_OPEN)
		open_lane(q, l);
	else if (l->place == LANE_STOPPED && queue_key(q, item) < l->turn.key)
		stop_lane(q, l, l->stopped_at, queue_key(q, item));
}

void queue_remove(struct queue *q, struct queue_item *item)
{
	struct lane *l = item->lane;

	list_remove(&item->link);
	l->n_waiting--;
	q->n_waiting--;
	if (l->n_waiting == 0 || l->place == LANE_OPEN)
		open_lane(q, l);
}

static struct gate *full_gate(const struct lane *l)
{
	for (size_t i = 0; i < l->n_gates; i++)
		if (!gate_has_room(l->gates[i]))
			return l->gates[i];
	return NULL;
}

static void take(struct lane *l)
{
	for (size_t i = 0; i < l->n_gates; i++)
		l->gates[i]->used++;
}

bool queue_take_now(struct queue *q, struct queue_item *item)
{
	if (item->lane->n_waiting > 0 || heap_min(&q->open) || !list_empty(&q->roomy) ||
	    full_gate(item->lane))
		return false;
	take(item->lane);
	return true;
}

void queue_give_back(struct queue *q, struct queue_item *item)
{
	struct lane *l = item->lane;

	for (size_t i = 0; i < l->n_gates; i++) {
		l->gates[i]->used--;
		gate_opens(q, l->gates[i]);
	}
}

/* ---- turns ------------------------------------------------------------------------------- */

/* Lets the first lane stopped at each gate with room try again. A gate stays on the list until it
 * is full or nobody stands before it. */
static void open_gates(struct queue *q)
{
	struct list *node = q->roomy.next;

	while (node != &q->roomy) {
		struct gate *g = CONTAINER_OF(node, struct gate, has_room);
		struct heap_node *first = gate_has_room(g) ? heap_min(&g->stopped) : NULL;

		node = node->next;
		if (first)
			open_lane(q, CONTAINER_OF(first, struct lane, turn));
		else
			list_remove(&g->has_room);
	}
}

static void lift_holds(struct queue *q, int64_t now_ns)
{
	struct heap_node *n;

	while ((n = heap_min(&q->held)) && n->key <= now_ns)
		open_lane(q, CONTAINER_OF(n, struct lane, turn));
}

/* The open lane whose turn it is and that passes; others are put where they have to wait. */
static struct lane *
passing_lane(struct queue *q,
	     bool (*ready)(void *user, struct lane *lane, struct dispatch_hold *hold),
	     void *user)
{
	struct heap_node *n;

	while ((n = heap_min(&q->open))) {
		struct dispatch_hold hold = {.until_ns = INT64_MAX};
		struct lane *l = CONTAINER_OF(n, struct lane, turn);
		struct gate *full = full_gate(l);

		if (full)
			stop_lane(q, l, full, l->turn.key);
		else if (!ready(user, l, &hold))
			hold_lane(q, l, &hold);
		else
			return l;
	}
	return NULL;
}

struct queue_item *
queue_next(struct queue *q,
	   int64_t now_ns,
	   bool (*ready)(void *user, struct lane *lane, struct dispatch_hold *hold),
	   void *user)
{
	struct queue_item *item;
	struct lane *l;

	lift_holds(q, now_ns);
	do {
		open_gates(q);
		l = passing_lane(q, ready, user);
	} while (!l && !list_empty(&q->roomy));
	if (!l)
		return NULL;
	item = head_of(q, l);
	take(l);
	queue_remove(q, item);
	return item;
}

void queue_release(struct queue *q, struct str plugin)
{
	list_foreach (&q->all_lanes, node) {
		struct lane *l = CONTAINER_OF(node, struct lane, all);

		if (l->place == LANE_HELD && (plugin.len == 0 || str_eq(l->plugin, plugin)))
			open_lane(q, l);
	}
}

int64_t queue_next_ask(const struct queue *q)
{
	struct heap_node *n = heap_min(&q->held);

	return n ? n->key : INT64_MAX;
}

/* ---- life -------------------------------------------------------------------------------- */

int queue_init(struct queue *q, const struct dispatch_config *config)
{
	*q = (struct queue){.config = config, .open = HEAP_INIT, .held = HEAP_INIT};
	list_init(&q->all_lanes);
	list_init(&q->all_gates);
	list_init(&q->roomy);
	q->host = new_gate(q, LIMIT_HOST, STR_NULL, config->slots);
	q->pending = new_gate(q, LIMIT_PENDING, STR_NULL, config->pending_slots);
	if (q->host && q->pending)
		return 0;
	queue_done(q);
	return ERR_NOMEM;
}

void queue_done(struct queue *q)
{
	struct lane *l;
	struct gate *g;

	while (q->all_lanes.next && (l = list_first(&q->all_lanes, struct lane, all))) {
		list_remove(&l->all);
		free(l);
	}
	while (q->all_gates.next && (g = list_first(&q->all_gates, struct gate, all)))
		free_gate(q, g);
	hash_done(&q->lanes);
	hash_done(&q->gates);
}
