/* Calls into plugins. What comes back is checked, for a plugin may return anything. */
#include "resolve/lookup.h"

int lookup_load(const struct lookup *l,
		struct registry_entry *entry,
		struct plugin **ret,
		struct error *err)
{
	int r;

	lookup_say_place(l, entry);
	r = l->env->load(l->env->ctx, entry, ret, err);
	if (r < 0)
		lookup_say(l, "it cannot be loaded");
	else
		lookup_say(l, "loaded version " STR_FMT ", digest %.12s",
			   STR_ARG((*ret)->inspection.note.version), (*ret)->digest);
	return r;
}

int sink_one(struct sink *sink, th_status st, const char *what, struct str *ret, struct error *err)
{
	if (st != TH_OK)
		return host_status_error(st, NULL, what, err);
	if (sink->failed)
		return err_nomem(err, what);
	if (sink->n > 1)
		return err_set(err, ERR_INVALID, "%s: the plugin pushed %zu strings instead of one",
			       what, sink->n);
	*ret = sink->n ? (struct str){sink->items[0].ptr, sink->items[0].len} : STR_NULL;
	return 0;
}

int call_task_name(const th_resolver *r,
		   const th_task *task,
		   struct arena *arena,
		   struct str *ret,
		   struct error *err)
{
	_cleanup_(sink_done) struct sink sink = {.arena = arena};
	th_status st = r->task_name ? r->task_name(r->data, task, sink_handle(&sink)) : TH_OK;

	return sink_one(&sink, st, "task_name", ret, err);
}

int call_task_at(const th_resolver *r, uint32_t index, const th_task **ret, struct error *err)
{
	const th_task *task = NULL;
	th_status st = r->get_all_tasks ? r->get_all_tasks(r->data, index, &task) : TH_E_NOT_FOUND;

	if (st == TH_E_NOT_FOUND) {
		*ret = NULL;
		return 0;
	}
	if (st != TH_OK)
		return host_status_error(st, NULL, "get_all_tasks", err);
	if (!task)
		return err_set(err, ERR_INVALID,
			       "get_all_tasks: the plugin returned TH_OK but no task (index %u)",
			       index);
	*ret = task;
	return 0;
}

int resolve_resolver_location(struct plugin *p,
			      const th_resolver *r,
			      struct arena *arena,
			      struct str *ret_location,
			      struct str *ret_name,
			      struct error *err)
{
	_cleanup_(sink_done) struct sink sink = {.arena = arena};
	struct str location = STR_NULL, head, tail;
	size_t i = (size_t)(r - p->resolvers);
	const char *text;
	int code = 0;

	if (r->location)
		code = sink_one(&sink, r->location(r->data, sink_handle(&sink)), "location",
				&location, err);
	if (code < 0)
		return code;
	if (location.len == 0) {
		text = arena_printf(arena, STR_FMT ".%s", STR_ARG(p->inspection.note.id),
				    plugin_resolver_symbol(p, i));
		if (!text)
			return err_nomem(err, "a resolver's location");
		location = str_of(text);
	}
	*ret_location = location;
	if (r->name)
		*ret_name = str_of(r->name);
	else
		*ret_name = str_split_last_dot(location, &head, &tail) ? tail : location;
	return 0;
}
