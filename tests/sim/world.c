#include "sim/world.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static void *grow(void *p, size_t n, size_t *room, size_t size)
{
	if (n < *room)
		return p;
	*room = *room ? *room * 2 : 64;
	p = realloc(p, *room * size);
	if (!p)
		abort();
	return p;
}

/* ---- chance ------------------------------------------------------------------------------ */

uint64_t world_random(struct world *w)
{
	uint64_t z = w->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint64_t world_pick(struct world *w, uint64_t n)
{
	return world_random(w) % n;
}

bool world_chance(struct world *w, unsigned in_thousand)
{
	return !w->calm && world_pick(w, 1000) < in_thousand;
}

/* ---- events ------------------------------------------------------------------------------ */

static bool earlier(const struct event *a, const struct event *b)
{
	return a->at < b->at || (a->at == b->at && a->order < b->order);
}

static void swap(struct event *a, struct event *b)
{
	struct event t = *a;

	*a = *b;
	*b = t;
}

static void push(struct world *w, struct event e)
{
	size_t i = w->n_events;

	w->events = grow(w->events, w->n_events, &w->events_room, sizeof(*w->events));
	w->events[w->n_events++] = e;
	for (; i > 0 && earlier(&w->events[i], &w->events[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&w->events[i], &w->events[(i - 1) / 2]);
}

static struct event pop(struct world *w)
{
	struct event first = w->events[0];
	size_t i = 0;

	w->events[0] = w->events[--w->n_events];
	for (;;) {
		size_t least = i, left = 2 * i + 1;

		for (size_t c = left; c < left + 2 && c < w->n_events; c++)
			if (earlier(&w->events[c], &w->events[least]))
				least = c;
		if (least == i)
			return first;
		swap(&w->events[i], &w->events[least]);
		i = least;
	}
}

void world_after(struct world *w,
		 int64_t delay,
		 bool of_process,
		 void (*run)(struct world *w, void *arg),
		 void *arg)
{
	push(w, (struct event){.at = w->now + delay,
			       .order = w->event_order++,
			       .run = run,
			       .arg = arg,
			       .epoch = of_process ? w->epoch : 0});
}

bool world_step(struct world *w, int64_t until)
{
	while (w->n_events > 0 && w->events[0].at <= until) {
		struct event e = pop(w);

		if (e.epoch != 0 && (e.epoch != w->epoch || !w->d))
			continue;
		w->now = MAX(w->now, e.at);
		w->n_done++;
		e.run(w, e.arg);
		return true;
	}
	return false;
}

/* ---- laws and traces ------------------------------------------------------------------------- */

void world_law(struct world *w, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (w->broken[0])
		return;
	n = snprintf(w->broken, sizeof(w->broken), "[%6lld ms] ", (long long)(w->now / MS));
	va_start(ap, fmt);
	vsnprintf(w->broken + n, sizeof(w->broken) - (size_t)n, fmt, ap);
	va_end(ap);
}

unsigned world_name(struct world *w, uint64_t id)
{
	size_t i = 0;

	while (i < w->n_named && w->named[i] != id)
		i++;
	if (i == w->n_named && i < ARRAY_LEN(w->named))
		w->named[w->n_named++] = id;
	return (unsigned)i + 1;
}

void world_say(struct world *w, const char *fmt, ...)
{
	char line[400];
	va_list ap;
	int n;

	if (!w->tracing)
		return;
	n = snprintf(line, sizeof(line), "[%6lld] ", (long long)(w->now / MS));
	va_start(ap, fmt);
	n += vsnprintf(line + n, sizeof(line) - (size_t)n - 1, fmt, ap);
	va_end(ap);
	n = MIN(n, (int)sizeof(line) - 2);
	line[n++] = '\n';
	while (w->trace_len + (size_t)n + 1 > w->trace_room) {
		w->trace_room = w->trace_room ? w->trace_room * 2 : 4096;
		w->trace = realloc(w->trace, w->trace_room);
		if (!w->trace)
			abort();
	}
	memcpy(w->trace + w->trace_len, line, (size_t)n);
	w->trace_len += (size_t)n;
	w->trace[w->trace_len] = '\0';
}

/* ---- what dispatch sees of it -------------------------------------------------------------- */

static int64_t clock_now(void *user)
{
	return ((struct world *)user)->now;
}

static int64_t clock_wall(void *user)
{
	struct world *w = user;

	return 1700000000 * S + w->now + w->wall_offset;
}

static uint64_t clock_random(void *user)
{
	return world_random(user);
}

static void on_wake(struct world *w, void *arg)
{
	(void)arg;
	if (w->now < w->wake_at)
		return; /* asked for another time since */
	w->wake_at = INT64_MAX;
	dispatch_tick(w->d);
}

static void clock_wake_at(void *user, int64_t when)
{
	struct world *w = user;

	w->wake_at = when;
	if (when != INT64_MAX)
		world_after(w, MAX(when - w->now, 0), true, on_wake, NULL);
}

static void hook_trace(void *user, uint64_t id, const char *line)
{
	struct world *w = user;

	if (w->tracing)
		world_say(w, "x%u %s", world_name(w, id), line);
}

static void hook_log(void *user, int level, uint64_t id, const char *text)
{
	struct world *w = user;

	(void)level;
	if (w->tracing)
		world_say(w, "x%u ! %s", world_name(w, id), text);
	if (w->d && dispatch_stats(w->d).broken > 0)
		world_law(w, "x%llu: %s", (unsigned long long)id, text);
}

static void hook_drain(void *user, enum drain_stage stage)
{
	static const char *const names[] = {"none", "lame-duck", "grace", "ask", "kill", "done"};
	struct world *w = user;

	world_say(w, "drain > %s", names[stage]);
	if (w->on_drain)
		w->on_drain(w, stage);
}

static bool same_request(void *user, struct str a, struct str b)
{
	(void)user;
	return str_eq(a, b);
}

void world_start(struct world *w)
{
	struct dispatch_options o = {
		.config = w->config,
		.clock = {clock_now, clock_wall, clock_random, clock_wake_at, w},
		.runners = sim_runners(w),
		.data = sim_data(w),
		.hooks = {.trace = hook_trace,
			  .log = hook_log,
			  .drain = hook_drain,
			  .same_request = same_request,
			  .user = w},
		.store = &w->store.base,
		.meta_key = {.bytes = {1, 2, 3}},
	};
	struct error err = ERROR_INIT;

	w->epoch++;
	w->wake_at = INT64_MAX;
	o.incarnation = w->epoch;
	sim_store_init(w);
	world_say(w, "process > started");
	if (dispatch_new(&o, &w->d, &err) < 0 || dispatch_recover(w->d, &err) < 0)
		world_law(w, "start failed: %s", err.message);
}

void world_kill(struct world *w)
{
	world_say(w, "process > killed");
	dispatch_free(TAKE(w->d));
	sim_store_forget(w);
	sim_runs_die(w);
}

void world_init(struct world *w, uint64_t seed)
{
	*w = (struct world){.seed = seed, .random = seed, .config = dispatch_defaults()};
	w->wake_at = INT64_MAX;
}

void world_done(struct world *w)
{
	dispatch_free(TAKE(w->d));
	w->over = true;
	while (world_step(w, INT64_MAX)) /* what is on its way owns memory */
		;
	sim_rows_free(w);
	free(w->events);
	free(w->marks);
	for (size_t i = 0; i < w->n_files; i++)
		free(w->files[i].uri);
	free(w->files);
	free(w->runs);
	free(w->trace);
}
