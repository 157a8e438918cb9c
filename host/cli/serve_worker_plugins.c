#include "cli/serve_worker.h"

#define W(name) Taskhost__Worker__V1__##name

/* ---- offers ------------------------------------------------------------------------------------ */

static char **texts(struct draft *d, const struct str *items, size_t *n)
{
	char **list = draft_pointers(d, n);

	for (size_t i = 0; i < *n; i++)
		list[i] = draft_text(d, items[i]);
	return list;
}

static char *full_name(struct draft *d, struct str plugin, struct str name)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;

	buf_printf(&text, STR_FMT "." STR_FMT, STR_ARG(plugin), STR_ARG(name));
	if (text.failed)
		d->failed = true;
	return draft_text(d, (struct str){text.data, text.len});
}

static W(Offer) * offer(struct draft *d, struct str plugin, const struct note_offer *o)
{
	W(Offer) *m = DRAFT_NEW(d, W(Offer), TASKHOST__WORKER__V1__OFFER__INIT);
	size_t n = o->n_task_types;

	m->name = full_name(d, plugin, o->name);
	m->n_aliases = o->n_aliases;
	m->aliases = texts(d, o->aliases, &m->n_aliases);
	m->task_types = draft_pointers(d, &n);
	m->n_task_types = n;
	for (size_t i = 0; i < n; i++) {
		W(TaskType) *t = DRAFT_NEW(d, W(TaskType), TASKHOST__WORKER__V1__TASK_TYPE__INIT);

		t->name = draft_text(d, o->task_types[i].type);
		t->version = o->task_types[i].version;
		t->sync = o->task_types[i].sync;
		m->task_types[i] = t;
	}
	return m;
}

static W(Offer) *
	*offers(struct draft *d, struct str plugin, const struct note_offer *items, size_t *n)
{
	W(Offer) **list = draft_pointers(d, n);

	for (size_t i = 0; i < *n; i++)
		list[i] = offer(d, plugin, &items[i]);
	return list;
}

static void put_note(struct draft *d, const struct note_plugin *note, W(Plugin) * m)
{
	size_t n = note->n_resolvers;

	m->version = draft_text(d, note->version);
	m->about = draft_text(d, note->about);
	m->n_tasks = note->n_tasks;
	m->tasks = offers(d, note->id, note->tasks, &m->n_tasks);
	m->n_executors = note->n_executors;
	m->executors = offers(d, note->id, note->executors, &m->n_executors);
	m->resolvers = draft_pointers(d, &n);
	m->n_resolvers = n;
	for (size_t i = 0; i < n; i++)
		m->resolvers[i] = full_name(d, note->id, note->resolvers[i].name);
}

/* ---- generations ------------------------------------------------------------------------------- */

_Static_assert((int)TASKHOST__WORKER__V1__LIMITS__MEANS__RLIMIT == (int)LIMIT_RLIMIT &&
		       (int)TASKHOST__WORKER__V1__LIMITS__MEANS__CGROUP == (int)LIMIT_CGROUP,
	       "means have the runners' numbers");

static W(Limits) * limits(struct draft *d, const struct limits_in_force *l)
{
	W(Limits) *m = DRAFT_NEW(d, W(Limits), TASKHOST__WORKER__V1__LIMITS__INIT);

	m->memory_bytes = l->limits.memory;
	m->memory_by = (W(Limits__Means))l->memory_by;
	m->cpu_milli = l->limits.cpu_milli;
	m->cpu_by = (W(Limits__Means))l->cpu_by;
	m->cpu_seconds = l->limits.cpu_seconds;
	m->open_files = l->limits.open_files;
	m->processes = l->limits.processes;
	m->why_no_cgroup = draft_textz(d, l->why);
	return m;
}

static W(Generation) * generation(struct draft *d, const struct catalog_generation_view *v)
{
	W(Generation) *m = DRAFT_NEW(d, W(Generation), TASKHOST__WORKER__V1__GENERATION__INIT);
	const struct runner_generation_status *s = &v->status;

	m->digest = draft_textz(d, v->digest);
	m->loaded_at = draft_time(d, v->loaded_at);
	m->retiring = v->retiring;
	m->isolation = s->in_process ? TASKHOST__WORKER__V1__GENERATION__ISOLATION__IN_PROCESS
				     : TASKHOST__WORKER__V1__GENERATION__ISOLATION__PROCESS;
	m->runners_min = v->min;
	m->runners_max = v->max;
	m->runners = s->runners;
	m->runners_busy = s->busy;
	m->runners_starting = s->starting;
	m->queued = s->queued;
	m->running = s->running;
	m->runs = s->runs;
	m->crashes = s->crashes;
	m->last_trouble = draft_textz(d, s->reason);
	if (s->typical_ns > 0)
		m->typical = draft_duration(d, s->typical_ns);
	m->limits = limits(d, &s->limits);
	return m;
}

/* ---- plugins ----------------------------------------------------------------------------------- */

static W(Plugin__State) state_of(enum catalog_state state)
{
	switch (state) {
	case CATALOG_ACTIVE:
		return TASKHOST__WORKER__V1__PLUGIN__STATE__ACTIVE;
	case CATALOG_LOADING:
		return TASKHOST__WORKER__V1__PLUGIN__STATE__LOADING;
	case CATALOG_QUARANTINED:
		return TASKHOST__WORKER__V1__PLUGIN__STATE__QUARANTINED;
	case CATALOG_DISABLED:
		return TASKHOST__WORKER__V1__PLUGIN__STATE__DISABLED;
	case CATALOG_REMOVED:
		return TASKHOST__WORKER__V1__PLUGIN__STATE__REMOVED;
	case CATALOG_REFUSED:
	case CATALOG_NOT_A_PLUGIN:
		break;
	}
	return TASKHOST__WORKER__V1__PLUGIN__STATE__REFUSED;
}

W(Plugin) * serve_worker_plugin(struct draft *d, const struct catalog_view *v)
{
	W(Plugin) *m = DRAFT_NEW(d, W(Plugin), TASKHOST__WORKER__V1__PLUGIN__INIT);
	size_t n = v->n_lost_claims;

	m->id = draft_textz(d, v->id);
	m->file = draft_textz(d, v->file);
	m->state = state_of(v->state);
	m->reason = draft_textz(d, v->reason);
	m->quarantined_until = draft_time(d, v->quarantined_until);
	if (v->note)
		put_note(d, v->note, m);
	m->lost_claims = draft_pointers(d, &n);
	m->n_lost_claims = n;
	for (size_t i = 0; i < n; i++)
		m->lost_claims[i] = draft_textz(d, v->lost_claims[i]);
	n = v->n_generations;
	m->generations = draft_pointers(d, &n);
	m->n_generations = n;
	for (size_t i = 0; i < n; i++)
		m->generations[i] = generation(d, &v->generations[i]);
	return m;
}

/* ---- changes ----------------------------------------------------------------------------------- */

W(PluginChange) * serve_worker_change(struct draft *d, const struct catalog_change *c)
{
	static const W(PluginChange__What) what[] = {
		[CHANGE_ADDED] = TASKHOST__WORKER__V1__PLUGIN_CHANGE__WHAT__ADDED,
		[CHANGE_REPLACED] = TASKHOST__WORKER__V1__PLUGIN_CHANGE__WHAT__REPLACED,
		[CHANGE_REMOVED] = TASKHOST__WORKER__V1__PLUGIN_CHANGE__WHAT__REMOVED,
		[CHANGE_REFUSED] = TASKHOST__WORKER__V1__PLUGIN_CHANGE__WHAT__REFUSED,
	};
	W(PluginChange) *m =
		DRAFT_NEW(d, W(PluginChange), TASKHOST__WORKER__V1__PLUGIN_CHANGE__INIT);

	m->what = what[c->what];
	m->id = draft_textz(d, c->id);
	m->file = draft_textz(d, c->file);
	m->old_digest = draft_textz(d, c->old_digest);
	m->new_digest = draft_textz(d, c->new_digest);
	m->reason = draft_textz(d, c->reason);
	return m;
}
