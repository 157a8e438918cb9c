/* The whole: making, ending, the turn, the clock, the numbers. */
#include "dispatch/private.h"

#include <stdarg.h>
#include <stdio.h>

/* ---- small things shared -----------------------------------------------------------------------
 */

uint64_t dispatch_next_id(struct dispatch *d)
{
	return ident_next(&d->ids, wall_of(d), random_of(d));
}

void dispatch_log(struct dispatch *d, int level, uint64_t id, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (!d->hooks.log)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	d->hooks.log(d->hooks.user, level, id, text);
}

void dispatch_took(struct dispatch *d,
		   enum dispatch_time what,
		   const struct execution *x,
		   int64_t ns)
{
	if (d->hooks.took)
		d->hooks.took(d->hooks.user, what, x->row.type, MAX(ns, 0));
}

void *pending_new(struct dispatch *d, size_t size, struct list *caller)
{
	struct pending *p = calloc(1, size);

	if (!p)
		return NULL;
	p->d = d;
	list_init(&p->caller);
	list_append(&p->caller, caller);
	list_append(&d->pending, &p->link);
	return p;
}

struct list *pending_end(struct pending *p)
{
	struct list *caller = p->caller.next == &p->caller ? NULL : p->caller.next;

	list_remove(&p->link);
	if (caller)
		list_remove(caller);
	return caller;
}

/* Asking the runners again and again at once would be a busy loop. */
#define HOLD_LEAST_NS (10 * NS_MS)

/* ---- the turn ------------------------------------------------------------------------------ */

static bool lane_ready(void *user, struct lane *lane, struct dispatch_hold *hold)
{
	struct dispatch *d = user;

	if (run_may_start(d, lane->plugin, lane->type, hold))
		return true;
	hold->until_ns = MAX(hold->until_ns, now_of(d) + HOLD_LEAST_NS);
	return false;
}

static void start_what_can(struct dispatch *d)
{
	struct queue_item *item;

	while (drain_starts(d) && (item = queue_next(&d->queue, now_of(d), lane_ready, d))) {
		struct execution *x = CONTAINER_OF(item, struct execution, item);

		x->has_slots = true;
		exec_move(x, EXEC_STARTING, "run %u", x->row.run + 1);
	}
}

static void ask_for_time(struct dispatch *d)
{
	struct heap_node *first = heap_min(&d->timers);
	int64_t when = d->sweep_ns;

	if (drain_starts(d)) /* else nobody would ask, and the time would be over and over */
		when = MIN(when, queue_next_ask(&d->queue));
	if (first)
		when = MIN(when, first->key);
	if (d->drain != DRAIN_NONE && d->drain != DRAIN_DONE)
		when = MIN(when, d->drain_ns);
	if (!list_empty(&d->sync_ended))
		when = now_of(d);
	if (when == d->asked_wake_ns)
		return;
	d->asked_wake_ns = when;
	d->clock.wake_at(d->clock.user, when);
}

void dispatch_enter(struct dispatch *d)
{
	if (d->depth++ == 0)
		d->now_known = d->wall_known = false;
}

/* Callbacks call in again; only the outermost call does what is done once per turn. */
void dispatch_leave(struct dispatch *d)
{
	if (d->depth > 1) {
		d->depth--;
		return;
	}
	do {
		start_what_can(d);
		watch_tell(d);
	} while (!list_empty(&d->changed));
	drain_look(d);
	ended_trim(d);
	ask_for_time(d);
	d->depth--;
}

void dispatch_tick(struct dispatch *d)
{
	int64_t now = now_of(d);
	struct heap_node *n;

	dispatch_enter(d);
	d->asked_wake_ns = INT64_MAX;
	while ((n = heap_min(&d->timers)) && n->key <= now) {
		struct execution *x = CONTAINER_OF(n, struct execution, timer);

		exec_set_timer(x, INT64_MAX);
		if (exec_work(x)->timer)
			exec_work(x)->timer(d, x);
	}
	sync_tell(d);
	drain_tick(d, now);
	sweep_tick(d, now);
	dispatch_leave(d);
}

void dispatch_plugin_changed(struct dispatch *d, struct str plugin)
{
	dispatch_enter(d);
	queue_release(&d->queue, plugin);
	dispatch_leave(d);
}

void dispatch_set_limit(struct dispatch *d, enum limit_kind kind, struct str name, uint32_t most)
{
	dispatch_enter(d);
	if (queue_set_limit(&d->queue, kind, name, most) < 0)
		dispatch_log(d, LOG_ERROR, 0, "a limit could not be set: out of memory");
	dispatch_leave(d);
}

/* ---- life -------------------------------------------------------------------------------- */

int dispatch_new(const struct dispatch_options *options, struct dispatch **ret, struct error *err)
{
	struct dispatch *d = calloc(1, sizeof(*d));

	if (!d)
		return err_nomem(err, "dispatch");
	d->config = options->config;
	d->clock = options->clock;
	d->runners = options->runners;
	d->data = options->data;
	d->hooks = options->hooks;
	d->store = options->store;
	d->meta_key = options->meta_key;
	d->incarnation = options->incarnation;
	list_init(&d->live);
	list_init(&d->ended);
	list_init(&d->changed);
	list_init(&d->pending);
	list_init(&d->rechecks);
	list_init(&d->sync_ended);
	if (queue_init(&d->queue, &d->config) < 0) {
		free(d);
		return err_nomem(err, "dispatch");
	}
	d->started_ns = now_of(d);
	d->asked_wake_ns = INT64_MAX;
	d->sweep_ns =
		d->config.sweep_ns > 0 && (d->config.keep_ns > 0 || d->config.keep_dead_ns > 0)
			? d->started_ns + d->config.sweep_ns
			: INT64_MAX;
	*ret = d;
	return 0;
}

static void free_all(struct list *head)
{
	struct execution *x;

	while ((x = list_first(head, struct execution, all)))
		execution_free(x);
}

void dispatch_free(struct dispatch *d)
{
	struct pending *p;

	if (!d)
		return;
	free_all(&d->live);
	free_all(&d->ended);
	free_all(&d->sync_ended);
	rechecks_detach(d);
	while ((p = list_first(&d->pending, struct pending, link))) {
		pending_end(p);
		p->d = NULL;
		if (!p->at_files)
			free(p);
	}
	queue_done(&d->queue);
	hash_done(&d->by_id);
	hash_done(&d->by_key);
	free(d);
}

/* ---- numbers ----------------------------------------------------------------------------- */

/* Waiting ones are counted lane by lane: all of a lane wait for the same reason. */
static void count_queue(const struct dispatch *d, struct dispatch_stats *s)
{
	int64_t oldest = INT64_MAX;

	list_foreach ((struct list *)&d->queue.all_lanes, node) {
		struct lane *l = CONTAINER_OF(node, struct lane, all);
		bool held = l->place == LANE_HELD ||
			    (l->place == LANE_STOPPED && l->stopped_at->kind != LIMIT_HOST);

		*(held ? &s->waiting : &s->queued) += l->n_waiting;
		for (int p = 0; p < QUEUE_PRIORITIES; p++) {
			struct queue_item *i = list_first(&l->waiting[p], struct queue_item, link);

			if (i)
				oldest = MIN(oldest, i->since_ns);
		}
	}
	if (oldest != INT64_MAX)
		s->oldest_queued_ns = d->clock.now(d->clock.user) - oldest;
}

struct dispatch_stats dispatch_stats(const struct dispatch *d)
{
	struct dispatch_stats s = d->stats;

	s.live = d->n_live;
	s.starting = d->in_state[EXEC_STARTING];
	s.running = d->in_state[EXEC_RUNNING];
	s.committing = d->in_state[EXEC_COMMITTING];
	s.retry_wait = d->in_state[EXEC_RETRY_WAIT];
	s.cancelling = d->in_state[EXEC_CANCELLING];
	s.slots = d->queue.host->most;
	s.slots_used = d->queue.host->used;
	s.pending_used = d->queue.pending->used;
	count_queue(d, &s);
	return s;
}

size_t dispatch_check(struct dispatch *d)
{
	uint64_t slots = 0, n = 0;
	size_t bad = 0;

	list_foreach (&d->live, node) {
		struct execution *x = CONTAINER_OF(node, struct execution, all);
		struct machine_facts facts = exec_facts(x);
		const char *what = machine_broken(&facts);

		n++;
		slots += x->has_slots;
		if (!what)
			continue;
		bad++;
		dispatch_log(d, LOG_ERROR, x->row.id, "%s: %s", machine_states[x->state].name,
			     what);
	}
	if (slots != (uint64_t)d->queue.host->used + d->queue.pending->used) {
		bad++;
		dispatch_log(d, LOG_ERROR, 0, "%llu executions hold slots and %u are in use",
			     (unsigned long long)slots,
			     d->queue.host->used + d->queue.pending->used);
	}
	if (n != d->n_live) {
		bad++;
		dispatch_log(d, LOG_ERROR, 0, "%llu executions are alive, not %zu",
			     (unsigned long long)n, d->n_live);
	}
	d->stats.broken += bad;
	return bad;
}
