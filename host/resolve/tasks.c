/* Tasks of a plugin by name. */
#include "resolve/lookup.h"

/* ---- names that are not there ---------------------------------------------------------------- */

static int no_task(const struct lookup *l,
		   const struct note_plugin *n,
		   const char *path,
		   struct str task,
		   struct error *err)
{
	_cleanup_(freep) const char **names = calloc(n->n_tasks + 1, sizeof(*names));
	_cleanup_(freep) char *typed = strndup(task.ptr ? task.ptr : "", task.len);
	const char *close;

	if (!names || !typed)
		return err_nomem(err, "a failed search");
	lookup_say_tasks(l, n);
	for (size_t i = 0; i < n->n_executors; i++)
		if (str_is(n->executors[i].name, typed))
			return err_set(err, ERR_NOT_FOUND,
				       "'%s' is no task of plugin '" STR_FMT
				       "' but an executor: it needs a task template from outside",
				       typed, STR_ARG(n->id));
	for (size_t i = 0; i < n->n_tasks; i++)
		names[i] = n->tasks[i].name.ptr;
	close = suggest(typed, names, n->n_tasks);
	return err_set(err, ERR_NOT_FOUND, "plugin '" STR_FMT "' (%s) has no task '%s'%s%s%s",
		       STR_ARG(n->id), path, typed, close ? "; did you mean '" : "",
		       close ? close : "", close ? "'?" : "");
}

static const struct note_offer *task_offer(const struct note_plugin *n, struct str task)
{
	for (size_t i = 0; i < n->n_tasks; i++)
		if (str_eq(n->tasks[i].name, task))
			return &n->tasks[i];
	return NULL;
}

/* ---- in a plugin ----------------------------------------------------------------------------- */

static int too_many(struct error *err)
{
	return err_set(err, ERR_LIMIT,
		       "get_all_tasks does not end: no TH_E_NOT_FOUND within %d tasks",
		       PLUGIN_TASKS_MAX);
}

/* The task of that name that a resolver lists; *ret stays NULL when it lists none. */
static int search_resolver(const th_resolver *r,
			   struct str name,
			   struct arena *arena,
			   const th_task **ret,
			   struct error *err)
{
	for (uint32_t i = 0; i <= PLUGIN_TASKS_MAX; i++) {
		const th_task *task;
		struct str found;
		int code = call_task_at(r, i, &task, err);

		if (code == 0 && task)
			code = call_task_name(r, task, arena, &found, err);
		if (code != 0 || !task)
			return code;
		if (str_eq(found, name)) {
			*ret = task;
			return 0;
		}
	}
	return too_many(err);
}

static int find_in_plugin(const struct lookup *l,
			  struct plugin *p,
			  struct str task,
			  struct resolution *ret,
			  struct error *err)
{
	for (uint32_t i = 0; i < p->table.n_resolvers; i++) {
		const th_resolver *r = &p->resolvers[i];
		const th_task *found = NULL;
		int code = search_resolver(r, task, l->arena, &found, err);

		if (code < 0)
			return err_wrap(err, "resolver '" STR_FMT ".%s'",
					STR_ARG(p->inspection.note.id),
					plugin_resolver_symbol(p, i));
		if (!found)
			continue;
		lookup_say(l, "task '" STR_FMT "' is listed by its resolver '%s'", STR_ARG(task),
			   plugin_resolver_symbol(p, i));
		return native_finish(l, p, r, found, task, ret, err);
	}
	lookup_say(l, "no resolver of it lists task '" STR_FMT "'; its note does", STR_ARG(task));
	return native_finish(l, p, NULL, NULL, task, ret, err);
}

int find_task(struct lookup *l,
	      struct str plugin,
	      struct str task,
	      struct resolution *ret,
	      struct error *err)
{
	struct registry_entry *entry;
	struct plugin *p;
	int r = registry_find_plugin(l->env->registry, plugin, &entry, err);

	if (r < 0) {
		lookup_say(l, "plugin '" STR_FMT "' is not there", STR_ARG(plugin));
		return r;
	}
	/* What the note does not have is not there: no need to run code to find out. */
	if (!task_offer(&entry->inspection.note, task)) {
		lookup_say_place(l, entry);
		return no_task(l, &entry->inspection.note, entry->path, task, err);
	}
	r = lookup_load(l, entry, &p, err);
	return r < 0 ? r : find_in_plugin(l, p, task, ret, err);
}

int resolve_plugin_task(struct plugin *p,
			struct str task,
			struct arena *arena,
			struct resolution *ret,
			struct error *err)
{
	const struct lookup l = {.arena = arena};

	if (!task_offer(&p->inspection.note, task))
		return no_task(&l, &p->inspection.note, p->path, task, err);
	return find_in_plugin(&l, p, task, ret, err);
}

/* ---- as people type it ----------------------------------------------------------------------- */

/* The task whose note has the alias; needs a scan. */
static const struct note_offer *
task_by_alias(struct registry *r, struct str name, struct registry_entry **ret_entry)
{
	struct registry_entry *e = r->scanned ? map_get(&r->by_alias, name) : NULL;

	if (!e)
		return NULL;
	for (size_t i = 0; i < e->inspection.note.n_tasks; i++) {
		const struct note_offer *o = &e->inspection.note.tasks[i];

		for (size_t k = 0; k < o->n_aliases; k++)
			if (str_eq(o->aliases[k], name)) {
				*ret_entry = e;
				return o;
			}
	}
	return NULL;
}

/* "did you mean 'arith.add'?" for "add", and for slips in the whole name. */
static int not_a_name(struct registry *r, struct str name, struct error *err)
{
	_cleanup_(freep) const char **names = NULL;
	_cleanup_(freep) char *typed = strndup(name.ptr ? name.ptr : "", name.len);
	const char *close = NULL;
	size_t n = 0;

	if (!r->scanned && registry_scan(r, err) < 0)
		return err_wrap(err, "task '" STR_FMT "'", STR_ARG(name));
	names = calloc(r->by_task.len + 1, sizeof(*names));
	if (!names || !typed)
		return err_nomem(err, "a failed search");
	map_foreach (&r->by_task, e) {
		const char *dot = strrchr(e->key, '.');

		names[n++] = e->key;
		if (dot && streq(dot + 1, typed))
			close = e->key;
	}
	if (!close)
		close = suggest(typed, names, n);
	return err_set(err, ERR_NOT_FOUND, "'%s' is no task: a task is named <plugin>.<task>%s%s%s",
		       typed, close ? "; did you mean '" : "", close ? close : "",
		       close ? "'?" : "");
}

int resolve_task_name(const struct resolve_env *env,
		      struct str name,
		      struct arena *arena,
		      struct resolution *ret,
		      struct error *err)
{
	struct lookup l = {.env = env, .arena = arena};
	const struct note_offer *offer;
	struct registry_entry *entry;
	struct error why = ERROR_INIT;
	struct str id, task;
	int r = ERR_NOT_FOUND;

	if (!str_split_last_dot(name, &id, &task))
		return not_a_name(env->registry, name, err);
	r = find_task(&l, id, task, ret, &why);
	if (r == ERR_NOT_FOUND) {
		offer = task_by_alias(env->registry, name, &entry);
		if (offer)
			return find_task(&l, entry->inspection.note.id, offer->name, ret, err);
	}
	return r < 0 ? err_set(err, r, "%s", why.message) : 0;
}

/* ---- all of them ----------------------------------------------------------------------------- */

struct listing {
	struct arena *arena;
	struct str *names;
	size_t n;
	struct map seen; /* two resolvers may list the same task */
};

static void listing_done(struct listing *l)
{
	map_done(&l->seen, NULL);
	free(l->names);
}

static int list_one(struct listing *l,
		    const struct plugin *p,
		    const th_resolver *r,
		    const th_task *task,
		    struct error *err)
{
	struct str name, *more;
	int code = call_task_name(r, task, l->arena, &name, err);

	if (code < 0)
		return code;
	if (name.len == 0 && r->task_executor) {
		const th_executor *x = plugin_executor_of(p, r->task_executor(r->data, task));

		name = str_of(x ? x->name : NULL);
	}
	if (name.len == 0 || map_get(&l->seen, name))
		return 0;
	more = reallocarray(l->names, l->n + 1, sizeof(*more));
	if (!more)
		return err_nomem(err, "the tasks of a plugin");
	l->names = more;
	l->names[l->n++] = name;
	return map_put(&l->seen, name, l, NULL) < 0 ? err_nomem(err, "the tasks of a plugin") : 0;
}

static int
list_resolver(struct listing *l, const struct plugin *p, const th_resolver *r, struct error *err)
{
	for (uint32_t i = 0;; i++) {
		const th_task *task;
		int code = call_task_at(r, i, &task, err);

		if (code < 0 || !task)
			return code;
		if (i >= PLUGIN_TASKS_MAX || l->n >= PLUGIN_TASKS_MAX)
			return too_many(err);
		code = list_one(l, p, r, task, err);
		if (code < 0)
			return code;
	}
}

int resolve_all_tasks(struct plugin *p,
		      struct arena *arena,
		      struct str **ret_names,
		      size_t *ret_n,
		      struct error *err)
{
	_cleanup_(listing_done) struct listing l = {.arena = arena, .seen = MAP_INIT};
	struct str *names;

	for (uint32_t i = 0; i < p->table.n_resolvers; i++) {
		int code = list_resolver(&l, p, &p->resolvers[i], err);

		if (code < 0)
			return err_wrap(err, "resolver '" STR_FMT ".%s'",
					STR_ARG(p->inspection.note.id),
					plugin_resolver_symbol(p, i));
	}
	names = arena_array(arena, l.n, sizeof(*names));
	if (!names)
		return err_nomem(err, "the tasks of a plugin");
	if (l.n)
		memcpy(names, l.names, l.n * sizeof(*names));
	*ret_names = names;
	*ret_n = l.n;
	return 0;
}
