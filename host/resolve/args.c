/* loader_args: from a task back to what stands on the command line. */
#include "resolve/lookup.h"

static int take_args(const struct sink *sink,
		     struct arena *arena,
		     struct str **ret,
		     size_t *ret_n,
		     struct error *err)
{
	struct str *args = arena_array(arena, sink->n, sizeof(*args));

	if (!args || sink->failed)
		return err_nomem(err, "a resolver's arguments");
	for (size_t i = 0; i < sink->n; i++)
		args[i] = (struct str){sink->items[i].ptr, sink->items[i].len};
	*ret = args;
	*ret_n = sink->n;
	return 0;
}

/* The plugin's resolver of that location has to be the one that has the task. */
static int own_args(const struct resolution *res,
		    struct str location,
		    struct arena *arena,
		    struct str **ret_args,
		    size_t *ret_n,
		    struct error *err)
{
	_cleanup_(sink_done) struct sink sink = {.arena = arena};
	struct th_errout_h slot = {.set = false};
	struct str own = STR_NULL, name;
	th_status st;
	int r = 0;

	if (res->resolver)
		r = resolve_resolver_location(res->plugin, res->resolver, arena, &own, &name, err);
	if (r < 0)
		return r;
	if (!res->resolver || !res->task || !str_eq(own, location))
		return err_set(err, ERR_NOT_FOUND,
			       "task '" STR_FMT "' does not come from resolver '" STR_FMT
			       "'%s" STR_FMT,
			       STR_ARG(res->name), STR_ARG(location), own.len ? " but from " : "",
			       STR_ARG(own));
	st = res->resolver->loader_args(res->resolver->data, res->task, sink_handle(&sink),
					errout_handle(&slot));
	if (st != TH_OK)
		return host_status_error(st, &slot, "loader_args", err);
	return take_args(&sink, arena, ret_args, ret_n, err);
}

static int default_args(const struct resolution *res,
			struct arena *arena,
			struct str **ret_args,
			size_t *ret_n,
			struct error *err)
{
	struct str id = res->plugin->inspection.note.id, head, task;
	struct str *args = arena_array(arena, 4, sizeof(*args));
	const struct note_offer *note = NULL;
	int r = 0;

	if (!args)
		return err_nomem(err, "a resolver's arguments");
	if (str_split_last_dot(res->name, &head, &task) && str_eq(head, id))
		r = plugin_task_note(res->plugin, task, &note, err);
	if (r < 0)
		return r;
	if (!note)
		return err_set(err, ERR_UNSUPPORTED,
			       "task '" STR_FMT "' of plugin '" STR_FMT
			       "' has no name that the default resolver could find; use the "
			       "plugin's own resolver",
			       STR_ARG(res->name), STR_ARG(id));
	args[0] = STR("task-module");
	args[1] = id;
	args[2] = STR("task-name");
	args[3] = task;
	*ret_args = args;
	*ret_n = 4;
	return 0;
}

int resolve_loader_args(const struct resolution *res,
			struct str location,
			struct arena *arena,
			struct str **ret_args,
			size_t *ret_n,
			struct error *err)
{
	const struct builtin *b = builtin_find(location);

	if (res->shim)
		return err_set(err, ERR_UNSUPPORTED,
			       "task '" STR_FMT "' comes from a template: its loader arguments are "
			       "the template's path and the executor",
			       STR_ARG(res->name));
	if (!b)
		return own_args(res, location, arena, ret_args, ret_n, err);
	if (b->kind != RESOLVER_DEFAULT)
		return err_set(err, ERR_UNSUPPORTED, "%s does not load tasks of plugins; use %s",
			       b->name, builtin_of(RESOLVER_DEFAULT)->name);
	return default_args(res, arena, ret_args, ret_n, err);
}
