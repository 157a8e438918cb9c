/* Generations in the pool: one for each content and each set of limits that runs ask for. */
#include "cli/catalog_private.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>
#include <sys/stat.h>

#define IDLE_NS      (60 * SECOND) /* then limits that nobody asks for any more are let go */
#define INFLIGHT_MAX 10000u
#define COMMON_KEPT  256u /* plugins that get the least number which is configured for all */
#define ASYNC_ROOM   64u  /* runners of asynchronous executors, whose runs hold no slots */

/* ---- asynchronous executors ------------------------------------------------------------------- */

static uint32_t inflight_of(const struct verdict *v, struct str name)
{
	for (size_t i = 0; i < v->n_executors; i++)
		if (str_is(name, v->executors[i].name))
			return v->executors[i].max_inflight;
	return 0;
}

bool executor_pending(const struct verdict *v, struct str name)
{
	return inflight_of(v, name) > 1;
}

/* A runner runs one thing after the other, unless all that is in it returns TH_PENDING: then what
 * begins does not hold up what waits. Executors say so by the number they take at once; one that
 * does not say it makes the others wait for an idle runner too. */
uint32_t content_inflight(const struct plugin_content *content)
{
	const struct verdict *v = content->verdict;
	uint32_t least = v->n_executors ? INFLIGHT_MAX : 1;

	for (size_t i = 0; i < v->n_executors; i++)
		least = MIN(least, MAX(v->executors[i].max_inflight, 1));
	return least;
}

/* ---- life ------------------------------------------------------------------------------------- */

void content_free(struct plugin_content *content)
{
	while (content->runners) {
		struct plugin_runners *r = content->runners;

		content->runners = r->next;
		free(r);
	}
	verdict_unref(content->verdict);
	free(content->copy);
	free(content);
}

bool content_check_gone(struct plugin_content *content)
{
	struct plugin_content **at = &content->owner->contents;

	if (!content->retiring || content->runners)
		return false;
	while (*at && *at != content)
		at = &(*at)->next;
	if (*at)
		*at = content->next;
	content_free(content);
	return true;
}

static void on_retired(void *user)
{
	struct plugin_runners *r = user, **at = &r->content->runners;
	struct plugin_content *content = r->content;

	while (*at && *at != r)
		at = &(*at)->next;
	if (*at)
		*at = r->next;
	free(r);
	content_check_gone(content);
}

static void retire(struct plugin_runners *r)
{
	if (r->retiring)
		return;
	r->retiring = true;
	runner_generation_retire(r->pool, on_retired, r);
}

void content_let_go(struct plugin_content *content)
{
	for (struct plugin_runners *r = content->runners; r; r = r->next)
		retire(r);
}

void content_retire(struct plugin_content *content)
{
	content->retiring = true;
	content_let_go(content);
	content_check_gone(content);
}

/* ---- new ones --------------------------------------------------------------------------------- */

static bool no_limits(const struct runner_limits *l)
{
	return !l->memory && !l->cpu_milli && !l->cpu_seconds && !l->open_files && !l->processes;
}

static bool same_limits(const struct runner_limits *a, const struct runner_limits *b)
{
	return a->memory == b->memory && a->cpu_milli == b->cpu_milli &&
	       a->cpu_seconds == b->cpu_seconds && a->open_files == b->open_files &&
	       a->processes == b->processes;
}

/* 0 when the configured one is at least as strict: a task may ask for less, not for more. */
static uint64_t beyond(uint64_t asked, uint64_t configured)
{
	return configured && asked >= configured ? 0 : asked;
}

static uint64_t cpu_seconds(const struct config_runners *config)
{
	return (uint64_t)((config->cpu_time_ns + SECOND - 1) / SECOND);
}

static struct runner_limits beyond_configured(const struct runner_limits *l,
					      const struct config_runners *config)
{
	return (struct runner_limits){
		.memory = beyond(l->memory, (uint64_t)config->memory),
		.cpu_milli = l->cpu_milli,
		.cpu_seconds = beyond(l->cpu_seconds, cpu_seconds(config)),
		.open_files = beyond(l->open_files, (uint64_t)config->open_files),
		.processes = beyond(l->processes, (uint64_t)config->processes),
	};
}

static struct runner_limits with_configured(const struct runner_limits *l,
					    const struct config_runners *config)
{
	return (struct runner_limits){
		.memory = l->memory ? l->memory : (uint64_t)config->memory,
		.cpu_milli = l->cpu_milli,
		.cpu_seconds = l->cpu_seconds ? l->cpu_seconds : cpu_seconds(config),
		.open_files = l->open_files ? l->open_files : (uint64_t)config->open_files,
		.processes = l->processes ? l->processes : (uint64_t)config->processes,
	};
}

/* Runners that are kept though they are idle: nobody can have their places. */
static unsigned kept_most(const struct worker_config *config)
{
	uint64_t n = (uint64_t)config->runners.min * COMMON_KEPT;

	for (size_t i = 0; i < config->per_plugin.n; i++)
		n += (uint64_t)config->per_plugin.items[i].runners.min;
	return (unsigned)MIN(n, (uint64_t)INT32_MAX / 2);
}

/* A run that waits in the pool must find a place that is empty or idle, or it waits for the end of
 * somebody else's: so there is room for all that can run and all that is kept, and as much again as
 * can run for those that stay warm. */
unsigned catalog_processes_most(const struct worker_config *config)
{
	return kept_most(config) + 2 * (unsigned)config->slots + ASYNC_ROOM;
}

/* How many may be kept for one more generation. */
static unsigned least(struct catalog *c, const struct config_runners *config, const char *id)
{
	unsigned left = kept_most(c->params.config), wanted = (unsigned)config->min;

	map_foreach (&c->plugins, e)
		for (const struct plugin_content *x =
			     ((const struct known_plugin *)e->value)->contents;
		     x; x = x->next)
			for (const struct plugin_runners *r = x->runners; r; r = r->next)
				left -= r->retiring ? 0 : MIN(left, r->min);
	if (wanted > left)
		log_warn(
			"%u runners of plugin %s are kept ready, not %u: other plugins keep theirs",
			left, id, wanted);
	return MIN(wanted, left);
}

static unsigned most(const struct catalog *c, const struct config_runners *config)
{
	int64_t n = config->max     ? config->max
		    : config->slots ? config->slots
				    : c->params.config->slots;

	return n < 1 ? 1 : n > 10000 ? 10000 : (unsigned)n;
}

void content_configured(const struct plugin_content *content, struct catalog_generation_view *ret)
{
	const struct catalog *c = content->owner->catalog;
	const struct config_runners *config =
		config_runners_of(c->params.config, str_of(content->owner->id));

	ret->min = (unsigned)config->min;
	ret->max = most(c, config);
	ret->status.in_process = config->isolation == ISOLATION_IN_PROCESS;
}

/* Somebody may have cleared the store. Then the copy is made again from the file. */
static int check_copy(const struct plugin_content *content, struct error *err)
{
	struct catalog *c = content->owner->catalog;
	struct stat st;
	char **more;

	if (stat(content->copy, &st) == 0 && st.st_size > 0)
		return 0;
	more = realloc(c->forgotten, (c->n_forgotten + 1) * sizeof(*more));
	if (more) {
		c->forgotten = more;
		more[c->n_forgotten] = strdup(content->verdict->digest);
		c->n_forgotten += more[c->n_forgotten] != NULL;
	}
	c->again = true;
	catalog_look_at(c, loop_now_ns());
	return err_set(err, ERR_STATE,
		       "the private copy of plugin %s (%s) is gone; it is made again from %s",
		       content->owner->id, content->copy, content->owner->file);
}

static void note_status(struct plugin_runners *r)
{
	struct runner_generation_status now;

	runner_generation_status(r->pool, &now);
	r->quarantined = now.quarantined;
	r->until_ns = now.quarantined_until_ns;
}

static int add_runners(struct plugin_content *content,
		       const struct runner_limits *limits,
		       struct plugin_runners **ret,
		       struct error *err)
{
	struct catalog *c = content->owner->catalog;
	const struct config_runners *config =
		config_runners_of(c->params.config, str_of(content->owner->id));
	struct runner_generation_params params = {
		.name = content->owner->id,
		.path = content->copy,
		.digest = content->verdict->digest,
		.in_process = config->isolation == ISOLATION_IN_PROCESS,
		.min = no_limits(limits) ? least(c, config, content->owner->id) : 0,
		.max = most(c, config),
		.max_inflight = content_inflight(content),
		.idle_ns = config->idle_ns,
		.max_runs = (uint64_t)config->max_runs,
		.max_growth = (uint64_t)config->max_growth,
		.grace_ns = c->params.config->cancel_ns,
		.limits = with_configured(limits, config),
		.asked = *limits,
	};
	struct plugin_runners *r;
	int rc = check_copy(content, err);

	if (rc < 0)
		return rc;
	r = calloc(1, sizeof(*r));
	if (!r)
		return err_nomem(err, content->owner->id);
	rc = runner_generation_add(c->params.pool, &params, &r->pool, err);
	if (rc < 0) {
		free(r);
		return rc;
	}
	r->content = content;
	r->limits = *limits;
	r->min = params.min;
	r->max = params.max;
	r->next = content->runners;
	content->runners = r;
	note_status(r); /* it may have begun badly at once */
	*ret = r;
	return 0;
}

static struct plugin_runners *runners_with(const struct plugin_content *content,
					   const struct runner_limits *limits)
{
	for (struct plugin_runners *r = content->runners; r; r = r->next)
		if (!r->retiring && same_limits(&r->limits, limits))
			return r;
	return NULL;
}

void content_activate(struct plugin_content *content)
{
	struct catalog *c = content->owner->catalog;
	const struct runner_limits none = {.memory = 0};
	struct error err = ERROR_INIT;
	struct plugin_runners *r;

	if (config_runners_of(c->params.config, str_of(content->owner->id))->min <= 0 ||
	    runners_with(content, &none))
		return;
	if (add_runners(content, &none, &r, &err) < 0)
		log_warn("no runners of plugin %s are kept ready: %s", content->owner->id,
			 err.message);
}

/* ---- holding ---------------------------------------------------------------------------------- */

bool content_quarantined(const struct plugin_content *content, int64_t *ret_until_ns)
{
	bool held = false;
	int64_t now = 0;

	for (const struct plugin_runners *r = content->runners; r; r = r->next) {
		if (!r->quarantined || r->retiring)
			continue;
		now = now ? now : loop_now_ns();
		if (r->until_ns <= now)
			continue;
		*ret_until_ns = held ? MAX(*ret_until_ns, r->until_ns) : r->until_ns;
		held = true;
	}
	return held;
}

static const char *quarantine_reason(const struct plugin_content *content)
{
	struct runner_generation_status now;

	for (const struct plugin_runners *r = content->runners; r; r = r->next) {
		if (!r->quarantined || r->retiring)
			continue;
		runner_generation_status(r->pool, &now);
		if (*now.reason)
			return now.reason;
	}
	return "its runners kept crashing";
}

static void hold_set(struct dispatch_hold *hold, int64_t until_ns, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void hold_set(struct dispatch_hold *hold, int64_t until_ns, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(hold->why, sizeof(hold->why), fmt, ap);
	va_end(ap);
	hold->until_ns = until_ns;
}

static void
hold_quarantined(struct dispatch_hold *hold, const struct known_plugin *p, int64_t until_ns)
{
	int64_t wall = (clock_realtime_ns() + until_ns - loop_now_ns()) / SECOND;
	char time[40];

	if (time_format(wall, 0, time) < 0)
		snprintf(time, sizeof(time), "later");
	hold_set(hold, until_ns, "plugin '%s' is quarantined until %s: %s", p->id, time,
		 quarantine_reason(p->current));
}

/* The content new runs go to; NULL and *hold when there is none now. */
static struct plugin_content *usable(struct catalog *c, struct str id, struct dispatch_hold *hold)
{
	struct known_plugin *p = catalog_plugin(c, id);
	int64_t until;

	if (!p || !p->current) {
		hold_set(hold, INT64_MAX,
			 c->loaded ? "there is no plugin '" STR_FMT "' now"
				   : "plugin '" STR_FMT "' is not loaded yet",
			 STR_ARG(id));
		return NULL;
	}
	if (c->off.len > 0 && catalog_is_off(c, p->id)) {
		hold_set(hold, INT64_MAX, "plugin '%s' is disabled", p->id);
		return NULL;
	}
	if (content_quarantined(p->current, &until)) {
		hold_quarantined(hold, p, until);
		return NULL;
	}
	return p->current;
}

bool catalog_ready(struct catalog *c, struct str plugin, struct dispatch_hold *hold)
{
	return usable(c, plugin, hold) != NULL;
}

struct runner_generation *catalog_generation(struct catalog *c,
					     struct str plugin,
					     const struct runner_limits *limits,
					     struct dispatch_hold *hold)
{
	const struct config_runners *config = config_runners_of(c->params.config, plugin);
	struct plugin_content *content = usable(c, plugin, hold);
	struct runner_limits asked = {.memory = 0};
	struct error err = ERROR_INIT;
	struct plugin_runners *r;

	if (!content)
		return NULL;
	if (limits && config->isolation != ISOLATION_IN_PROCESS)
		asked = beyond_configured(limits, config);
	r = runners_with(content, &asked);
	if (!r && add_runners(content, &asked, &r, &err) < 0) {
		hold_set(hold, loop_now_ns() + SECOND, "%s", err.message);
		return NULL;
	}
	r->used_ns = loop_now_ns();
	return r->pool;
}

/* ---- news from the pool ----------------------------------------------------------------------- */

static struct plugin_runners *runners_of(const struct known_plugin *p,
					 const struct runner_generation *g)
{
	for (const struct plugin_content *x = p->contents; x; x = x->next)
		for (struct plugin_runners *r = x->runners; r; r = r->next)
			if (r->pool == g)
				return r;
	return NULL;
}

void catalog_generation_changed(struct catalog *c, struct runner_generation *g)
{
	map_foreach (&c->plugins, e) {
		struct known_plugin *p = e->value;
		struct plugin_runners *r = runners_of(p, g);

		if (!r)
			continue;
		note_status(r);
		catalog_tell(c, p->id);
		return;
	}
}

static bool idle(struct plugin_runners *r, int64_t now_ns)
{
	struct runner_generation_status now;

	runner_generation_status(r->pool, &now);
	if (now.queued > 0 || now.running > 0 || now.quarantined)
		r->used_ns = now_ns;
	return now_ns - r->used_ns > IDLE_NS;
}

void catalog_tidy(struct catalog *c)
{
	int64_t now_ns = loop_now_ns();

	map_foreach (&c->plugins, e) {
		const struct known_plugin *p = e->value;

		if (!p->current)
			continue;
		for (struct plugin_runners *r = p->current->runners; r; r = r->next)
			if (!r->retiring && !no_limits(&r->limits) && idle(r, now_ns))
				retire(r);
	}
}
