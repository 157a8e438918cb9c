/* Resolvers that plugins export. */
#include "resolve/lookup.h"

/* The plugin's resolver of that location; NULL with *ret_code 0 when it has none after all. */
static const th_resolver *find_resolver(const struct lookup *l,
					struct plugin *p,
					struct str location,
					int *ret_code,
					struct error *err)
{
	struct str head, symbol = STR_NULL;

	*ret_code = 0;
	str_split_last_dot(location, &head, &symbol);
	for (uint32_t i = 0; i < p->table.n_resolvers; i++) {
		struct str own, name;

		if (str_is(symbol, plugin_resolver_symbol(p, i)))
			return &p->resolvers[i];
		*ret_code =
			resolve_resolver_location(p, &p->resolvers[i], l->arena, &own, &name, err);
		if (*ret_code < 0)
			return NULL;
		if (str_eq(own, location))
			return &p->resolvers[i];
	}
	return NULL;
}

/* Arguments as a plugin gets them: each ends in a NUL. */
static const th_str *copy_args(struct arena *arena, const struct str *args, size_t n_args)
{
	th_str *copy = arena_array(arena, n_args, sizeof(*copy));

	for (size_t i = 0; copy && i < n_args; i++) {
		copy[i].ptr = arena_strndup(arena, args[i].ptr ? args[i].ptr : "", args[i].len);
		copy[i].len = args[i].len;
		if (!copy[i].ptr)
			return NULL;
	}
	return copy;
}

static int call_load_task(const struct lookup *l,
			  const th_resolver *r,
			  const struct str *args,
			  size_t n_args,
			  const th_task **ret,
			  struct error *err)
{
	const th_str *copy = copy_args(l->arena, args, n_args);
	struct th_errout_h slot = {.set = false};
	const th_task *task = NULL;
	int code;

	if (!copy)
		return err_nomem(err, "a resolver's arguments");
	code = host_status_error(r->load_task(r->data, copy, n_args, &task, errout_handle(&slot)),
				 &slot, "load_task", err);
	if (code < 0)
		return code;
	if (!task)
		return err_set(err, ERR_INVALID,
			       "load_task: the plugin returned TH_OK but no task");
	*ret = task;
	return 0;
}

static int load_with(const struct lookup *l,
		     struct plugin *p,
		     const th_resolver *r,
		     const struct str *args,
		     size_t n_args,
		     struct resolution *ret,
		     struct error *err)
{
	const th_task *task;
	struct str name;
	int code = call_load_task(l, r, args, n_args, &task, err);

	if (code < 0) {
		lookup_say(l, "its load_task finds no task for what it was given (%zu)", n_args);
		return code;
	}
	code = call_task_name(r, task, l->arena, &name, err);
	if (code == 0)
		lookup_say(l, "its load_task gives task '" STR_FMT "'",
			   STR_ARG(name.len ? name : STR("(without a name)")));
	if (code == 0)
		code = native_finish(l, p, r, task, name, ret, err);
	if (code < 0 && r->release_task)
		r->release_task(r->data, task);
	return code;
}

int resolve_own(struct lookup *l,
		struct registry_entry *entry,
		struct str location,
		const struct str *args,
		size_t n_args,
		struct resolution *ret,
		struct error *err)
{
	const th_resolver *r;
	struct plugin *p;
	int code = lookup_load(l, entry, &p, err);

	if (code < 0)
		return code;
	r = find_resolver(l, p, location, &code, err);
	if (!r)
		return code < 0 ? code
				: err_set(err, ERR_NOT_FOUND,
					  "plugin '" STR_FMT "' has no resolver '" STR_FMT "'",
					  STR_ARG(entry->inspection.note.id), STR_ARG(location));
	code = load_with(l, p, r, args, n_args, ret, err);
	return code < 0 ? err_wrap(err, "resolver '" STR_FMT "'", STR_ARG(location)) : 0;
}
