/* Task types and offers by name. */
#include "cli/catalog_private.h"

/* ---- types ------------------------------------------------------------------------------------ */

static struct offered_type *of_version(struct offered_type *t, int32_t version)
{
	while (t && t->type.version != version)
		t = t->next;
	return t;
}

static int64_t or_none(int64_t ns)
{
	return ns > 0 ? ns : -1;
}

static int add_type(struct catalog *c,
		    struct known_plugin *p,
		    const struct note_offer *offer,
		    const struct note_option_type *type,
		    struct error *err)
{
	const struct config_task_type *times = config_type_of(c->params.config, type->type);
	struct offered_type *t = arena_zalloc(&c->arena, sizeof(*t));
	const char *name = arena_strndup(&c->arena, type->type.ptr, type->type.len);
	const char *executor = arena_printf(&c->arena, "%s." STR_FMT, p->id, STR_ARG(offer->name));

	if (!t || !name || !executor)
		return err_nomem(err, "the task types");
	t->plugin = p;
	t->type = (struct agent_type){
		.type = {name, type->type.len},
		.version = type->version,
		.plugin = str_of(p->id),
		.executor = str_of(executor),
		.sync = type->sync,
		.pending = executor_pending(p->current->verdict, offer->name),
		.priority = (int)times->priority,
		.sync_ns = times->timeout_ns,
		.queue_ttl_ns = or_none(times->queue_ns),
		.hard_ns = or_none(times->timeout_ns),
	};
	t->next = map_get(&c->types, t->type.type);
	return map_put(&c->types, t->type.type, t, NULL) < 0 ? err_nomem(err, "the task types") : 0;
}

static int add_offers(struct catalog *c,
		      struct known_plugin *p,
		      const struct registry_entry *entry,
		      const struct note_offer *offers,
		      size_t n,
		      struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; r == 0 && k < offers[i].n_task_types; k++) {
			const struct note_option_type *type = &offers[i].task_types[k];

			if (map_get(&c->lineup.by_task_type, type->type) == entry &&
			    !of_version(map_get(&c->types, type->type), type->version))
				r = add_type(c, p, &offers[i], type, err);
		}
	return r;
}

int catalog_types_make(struct catalog *c, struct error *err)
{
	int r = 0;

	map_done(&c->types, NULL);
	c->types = (struct map)MAP_INIT;
	arena_done(&c->arena);
	c->arena = (struct arena)ARENA_INIT;
	for (size_t i = 0; r == 0 && i < c->n_slots; i++) {
		const struct registry_entry *e = c->slots[i].entry;
		struct known_plugin *p = NULL;

		if (e && e->state == PLUGIN_ACTIVE)
			p = catalog_plugin(c, e->inspection.note.id);
		if (!p || !p->current)
			continue;
		r = add_offers(c, p, e, e->inspection.note.executors,
			       e->inspection.note.n_executors, err);
		if (r == 0)
			r = add_offers(c, p, e, e->inspection.note.tasks,
				       e->inspection.note.n_tasks, err);
	}
	return r;
}

static bool offers_type(const struct note_offer *offers, size_t n, struct str type)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < offers[i].n_task_types; k++)
			if (str_eq(offers[i].task_types[k].type, type))
				return true;
	return false;
}

/* Does a plugin that is being checked offer it? */
static bool to_come(const struct catalog *c, struct str type)
{
	for (size_t i = 0; c->probes && i < c->n_slots; i++) {
		const struct verdict *v = c->slots[i].file.verdict;

		if (v && v->is_plugin && v->state == PLUGIN_ACTIVE && !v->probed &&
		    (offers_type(v->note.executors, v->note.n_executors, type) ||
		     offers_type(v->note.tasks, v->note.n_tasks, type)))
			return true;
	}
	return false;
}

static int
find(void *user, struct str type, int32_t version, struct agent_type *ret, struct error *err)
{
	struct catalog *c = user;
	struct offered_type *t = of_version(map_get(&c->types, type), version);

	if (!t && (!c->loaded || to_come(c, type)))
		return err_set(err, ERR_STATE, "plugins are being loaded; try again in a moment");
	if (!t)
		return err_set(err, ERR_NOT_FOUND,
			       "no plugin takes version %d of task type '" STR_FMT "'", version,
			       STR_ARG(type));
	if (!config_type_allowed(c->params.config, type))
		return err_set(err, ERR_DENIED,
			       "task type '" STR_FMT "' is not allowed by the configuration",
			       STR_ARG(type));
	if (c->off.len > 0 && catalog_is_off(c, t->plugin->id))
		return err_set(err, ERR_STATE, "plugin '%s' is disabled", t->plugin->id);
	*ret = t->type;
	return 0;
}

static void
list(void *user, void (*each)(void *context, const struct agent_type *type), void *context)
{
	struct catalog *c = user;

	map_foreach (&c->types, e)
		for (const struct offered_type *t = e->value; t; t = t->next)
			if (config_type_allowed(c->params.config, t->type.type) &&
			    !catalog_is_off(c, t->plugin->id))
				each(context, &t->type);
}

struct agent_catalog catalog_agent(struct catalog *c)
{
	return (struct agent_catalog){.find = find, .list = list, .user = c};
}

/* ---- offers ----------------------------------------------------------------------------------- */

static const struct note_offer *by_name(const struct note_offer *offers, size_t n, struct str name)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(offers[i].name, name))
			return &offers[i];
	return NULL;
}

int catalog_find_offer(struct catalog *c,
		       struct str name,
		       struct catalog_offer *ret,
		       struct error *err)
{
	const struct note_plugin *note;
	struct registry_entry *e;
	const struct note_offer *offer;
	struct str inside;
	struct known_plugin *p;
	int r;

	if (!c->loaded && !map_get(&c->lineup.by_task, name) &&
	    !map_get(&c->lineup.by_executor, name) && !map_get(&c->lineup.by_alias, name))
		return err_set(err, ERR_STATE, "plugins are being loaded; try again in a moment");
	r = registry_find_executor(&c->lineup, name, &e, &inside, err);
	if (r < 0)
		return r;
	note = &e->inspection.note;
	p = catalog_plugin(c, note->id);
	if (!p || !p->current)
		return err_set(err, ERR_STATE, "plugin '" STR_FMT "' is gone", STR_ARG(note->id));
	if (catalog_is_off(c, p->id))
		return err_set(err, ERR_STATE, "plugin '%s' is disabled", p->id);
	/* Of the content that runs, which the lineup is made from. */
	note = &p->current->verdict->note;
	offer = by_name(note->tasks, note->n_tasks, inside);
	*ret = (struct catalog_offer){.plugin = str_of(p->id),
				      .task = offer != NULL,
				      .about = note,
				      .digest = p->current->verdict->digest};
	if (!offer)
		offer = by_name(note->executors, note->n_executors, inside);
	if (!offer)
		return err_set(err, ERR_STATE, "plugin '%s' is being replaced", p->id);
	ret->note = offer;
	ret->name = offer->name;
	ret->pending = executor_pending(p->current->verdict, offer->name);
	return 0;
}
