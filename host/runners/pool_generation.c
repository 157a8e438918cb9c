/* Generations: who gets which run, how many runners there are. */
#include "runners/pool_internal.h"

#include "base/log.h"
#include "base/mem.h"
#include "runners/cgroup.h"
#include "runners/logs.h"

#include <stdio.h>

#define DEPTH_MAX     64u
#define DEPTH_SPAN_NS (2 * SECOND / 1000)      /* what may wait in a runner is about this long */
#define SHORT_NS      (100 * SECOND / 1000000) /* runs that may wait in a runner at all */
#define LEARN_RUNS    16u                      /* the first ones go one by one */

static const struct runner_generation_params defaults = {
	.max = 1,
	.max_inflight = 1,
	.idle_ns = 60 * SECOND,
	.start_ns = 10 * SECOND,
	.grace_ns = 5 * SECOND,
	.term_ns = 5 * SECOND,
};

/* ---- life --------------------------------------------------------------------------------- */

static char *put_text(char **to, struct str s)
{
	char *start = *to;

	if (s.len > 0)
		memcpy(start, s.ptr, s.len);
	start[s.len] = '\0';
	*to += s.len + 1;
	return start;
}

static int copy_params(struct runner_generation *g,
		       const struct runner_generation_params *params,
		       struct error *err)
{
	struct str name = str_of(params->name), path = str_of(params->path);
	struct str digest = str_of(params->digest);
	struct runner_generation_params *p = &g->params;
	char *to;

	g->texts = to = malloc(name.len + path.len + digest.len + params->config.len + 4);
	if (!to)
		return err_nomem(err, "a plugin generation");
	*p = *params;
	p->name = put_text(&to, name);
	p->path = put_text(&to, path);
	p->digest = put_text(&to, digest);
	p->config.ptr = put_text(&to, params->config);
	p->max = p->max ? p->max : defaults.max;
	p->min = MIN(p->min, p->max);
	p->max_inflight = p->max_inflight ? p->max_inflight : defaults.max_inflight;
	p->idle_ns = p->idle_ns ? p->idle_ns : defaults.idle_ns;
	p->start_ns = p->start_ns ? p->start_ns : defaults.start_ns;
	p->grace_ns = p->grace_ns ? p->grace_ns : defaults.grace_ns;
	p->term_ns = p->term_ns ? p->term_ns : defaults.term_ns;
	return 0;
}

static int check_params(const struct runner_pool *p,
			const struct runner_generation_params *params,
			struct error *err)
{
	if (params->max_inflight > CHANNEL_SLOTS_MAX)
		return err_set(err, ERR_INVALID,
			       "%s: at most %u runs at a time in a runner, not %u", params->name,
			       CHANNEL_SLOTS_MAX, params->max_inflight);
	if (params->in_process && !p->params.ops)
		return err_set(err, ERR_UNSUPPORTED, "%s: this host runs no plugins in-process",
			       params->name);
	if (!params->in_process && !p->params.program)
		return err_set(err, ERR_UNSUPPORTED, "%s: there is no runner program",
			       params->name);
	if (p->closing)
		return err_set(err, ERR_STATE, "the worker is shutting down");
	return 0;
}

static void on_timer(struct loop_timer *t)
{
	struct runner_generation *g = CONTAINER_OF(t, struct runner_generation, timer);

	generation_pump(g);
	if (g->pool->params.changed)
		g->pool->params.changed(g->pool->params.user, g);
}

int runner_generation_add(struct runner_pool *p,
			  const struct runner_generation_params *params,
			  struct runner_generation **ret,
			  struct error *err)
{
	struct runner_generation *g;
	int r = check_params(p, params, err);

	if (r < 0)
		return r;
	g = calloc(1, sizeof(*g));
	if (!g)
		return err_nomem(err, "a plugin generation");
	g->pool = p;
	g->timer.fire = on_timer;
	run_list_init(&g->queue);
	r = copy_params(g, params, err);
	if (r < 0) {
		free(g);
		return r;
	}
	if (!params->in_process)
		g->cgroup = cgroup_usable(p->params.cgroup, g->cgroup_why, sizeof(g->cgroup_why));
	g->next = p->generations;
	g->link = &p->generations;
	if (g->next)
		g->next->link = &g->next;
	p->generations = g;
	generation_pump(g);
	*ret = g;
	return 0;
}

void generation_free(struct runner_generation *g)
{
	*g->link = g->next;
	if (g->next)
		g->next->link = g->link;
	loop_timer_cancel(g->pool->loop, &g->timer);
	for (size_t i = 0; i < TEMPLATE_SLOTS; i++)
		free(g->templates[i].bytes);
	log_close(g->log);
	free(g->texts);
	free(g);
}

/* ---- retiring ----------------------------------------------------------------------------- */

void runner_generation_retire(struct runner_generation *g, void (*retired)(void *user), void *user)
{
	struct runner_pool *p = g->pool;

	g->retiring = true;
	g->retired = retired;
	g->retired_user = user;
	loop_later_queue(p->loop, &p->deliver);
}

void generation_check_retired(struct runner_generation *g)
{
	void (*retired)(void *user) = g->retired;
	void *user = g->retired_user;

	if (!g->retiring || g->queue.n > 0)
		return;
	for (struct pool_runner *r = g->runners; r; r = r->next)
		runner_drain(r);
	if (g->n_runners > 0 || g->n_naming > 0)
		return;
	generation_free(g);
	if (retired)
		retired(user);
}

/* ---- handing out -------------------------------------------------------------------------- */

unsigned generation_depth(const struct runner_generation *g)
{
	int64_t depth;

	if (g->params.max_inflight > 1)
		return g->params.max_inflight;
	if (g->chatty > 0 || g->n_runs < LEARN_RUNS || g->typical_ns > SHORT_NS)
		return 1;
	depth = DEPTH_SPAN_NS / MAX(g->typical_ns, 1);
	return depth > DEPTH_MAX ? DEPTH_MAX : (unsigned)depth;
}

/* An idle one, else the one with the least to do that may get more. */
static struct pool_runner *pick(struct runner_generation *g, unsigned depth)
{
	struct pool_runner *best = NULL;

	for (struct pool_runner *r = g->runners; r; r = r->next) {
		if (r->state != RUNNER_READY || r->stalled || r->n_free == 0 || r->runs.n >= depth)
			continue;
		if (!best || r->runs.n < best->runs.n)
			best = r;
		if (best->runs.n == 0)
			break;
	}
	return best;
}

static bool allowed(struct runner_generation *g)
{
	return !g->pool->closing &&
	       (g->poison.until_ns == 0 || !poison_active(&g->poison, loop_now_ns()));
}

/* Takes an idle runner away from another generation. */
static void make_place(struct runner_generation *g)
{
	for (struct runner_generation *other = g->pool->generations; other; other = other->next) {
		if (other == g || other->queue.n > 0 || other->n_runners <= other->params.min)
			continue;
		for (struct pool_runner *r = other->runners; r; r = r->next)
			if (r->state == RUNNER_READY && r->runs.n == 0) {
				runner_stop(r);
				return;
			}
	}
}

/* False when no more should be tried now. */
static bool start_one(struct runner_generation *g)
{
	struct runner_pool *p = g->pool;
	struct error err = ERROR_INIT;

	if (p->params.max && p->n_runners >= p->params.max) {
		make_place(g);
		return false;
	}
	if (runner_new(g, &err) == 0)
		return true;
	p->stats.failed_starts++;
	generation_set_reason(g, "%s", err.message);
	log_warn("no runner for %s: %s", g->params.name, err.message);
	if (poison_start_failed(&g->poison, loop_now_ns()))
		generation_quarantined(g);
	else
		pool_want_tick(p);
	return false;
}

static unsigned usable_runners(const struct runner_generation *g)
{
	unsigned n = 0;

	for (const struct pool_runner *r = g->runners; r; r = r->next)
		n += r->state <= RUNNER_READY;
	return n;
}

static void start_runners(struct runner_generation *g, unsigned depth)
{
	size_t waiting = (g->queue.n + depth - 1) / depth;

	while (allowed(g) && g->n_runners < g->params.max &&
	       (g->n_starting < waiting || (!g->retiring && usable_runners(g) < g->params.min)))
		if (!start_one(g))
			return;
}

void generation_pump(struct runner_generation *g)
{
	unsigned depth = generation_depth(g);
	bool may = g->queue.n == 0 || allowed(g);

	while (may && g->queue.first) {
		struct pool_runner *r = pick(g, depth);
		struct run *run = g->queue.first;

		if (!r)
			break;
		runner_submit(r, run); /* a runner without room is not picked again */
	}
	if (g->queue.n > 0 || g->n_runners < g->params.min)
		start_runners(g, depth);
}

void pool_pump_all(struct runner_pool *p)
{
	for (struct runner_generation *g = p->generations; g; g = g->next)
		if (g->queue.n > 0 || g->n_runners < g->params.min)
			generation_pump(g);
}

/* ---- what is known about it --------------------------------------------------------------- */

void generation_count_run(struct runner_generation *g, int64_t took_ns)
{
	g->typical_ns += (took_ns - g->typical_ns) / 8;
	if (g->n_runs++ == 0)
		g->typical_ns = took_ns;
	if (g->chatty > 0)
		g->chatty--;
	g->pool->stats.runs++;
}

void generation_set_reason(struct runner_generation *g, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(g->reason, sizeof(g->reason), fmt, ap);
	va_end(ap);
}

void generation_quarantined(struct runner_generation *g)
{
	struct runner_pool *p = g->pool;

	log_warn("%s is quarantined for %lld s: %s", g->params.name,
		 (long long)((g->poison.until_ns - loop_now_ns()) / 1000000000), g->reason);
	loop_timer_set(p->loop, &g->timer, g->poison.until_ns);
	if (p->params.changed)
		p->params.changed(p->params.user, g);
}

void runner_generation_unquarantine(struct runner_generation *g)
{
	poison_clear(&g->poison);
	g->reason[0] = '\0';
	loop_timer_cancel(g->pool->loop, &g->timer);
	generation_pump(g);
}

static void in_force(const struct runner_generation *g, struct limits_in_force *ret)
{
	const struct runner_limits *wanted = &g->params.limits;

	*ret = (struct limits_in_force){.memory_by = LIMIT_NONE};
	snprintf(ret->why, sizeof(ret->why), "%s",
		 g->params.in_process ? "it runs inside the host" : g->cgroup_why);
	if (g->params.in_process)
		return;
	ret->limits = *wanted;
	ret->memory_by = wanted->memory ? g->cgroup ? LIMIT_CGROUP : LIMIT_RLIMIT : LIMIT_NONE;
	ret->cpu_by = wanted->cpu_milli && g->cgroup ? LIMIT_CGROUP : LIMIT_NONE;
	if (!g->cgroup)
		ret->limits.cpu_milli = ret->limits.processes = 0;
}

void runner_generation_status(const struct runner_generation *g,
			      struct runner_generation_status *ret)
{
	*ret = (struct runner_generation_status){
		.name = g->params.name,
		.digest = g->params.digest,
		.runners = g->n_runners,
		.starting = g->n_starting,
		.queued = (unsigned)g->queue.n,
		.runs = g->n_runs,
		.crashes = g->n_crashes,
		.in_process = g->params.in_process,
		.quarantined = poison_active(&g->poison, loop_now_ns()),
		.quarantined_until_ns = g->poison.until_ns,
		.reason = g->reason,
		.typical_ns = g->typical_ns,
	};
	in_force(g, &ret->limits);
	for (const struct pool_runner *r = g->runners; r; r = r->next) {
		ret->busy += r->runs.n > 0;
		ret->running += (unsigned)r->runs.n;
	}
}
