/* Resolver locations: the built-in ones under both their names, and a plugin's own. */
#include "resolve/lookup.h"

/* The resolver that the authoring macros make; it has no note of its own. */
#define MACRO_RESOLVER "tasks"

static const struct builtin builtins[] = {
	{"taskhost.default_task_resolver",
	 "flytekit.core.python_auto_container.default_task_resolver", RESOLVER_DEFAULT,
	 "task-module PLUGIN task-name TASK"},
	{"taskhost.task_template_resolver",
	 "flytekit.core.python_customized_container_task.default_task_template_resolver",
	 RESOLVER_TEMPLATE, "TEMPLATE_PATH EXECUTOR"},
	{"taskhost.array_node_map_task_resolver",
	 "flytekit.core.array_node_map_task.ArrayNodeMapTaskResolver", RESOLVER_MAP,
	 "vars BOUND resolver LOCATION ARGS..."},
};

const struct builtin *builtin_find(struct str location)
{
	for (size_t i = 0; i < ARRAY_LEN(builtins); i++)
		if (str_is(location, builtins[i].name) || str_is(location, builtins[i].alias))
			return &builtins[i];
	return NULL;
}

const struct builtin *builtin_of(enum resolver_kind kind)
{
	for (size_t i = 0; i < ARRAY_LEN(builtins); i++)
		if (builtins[i].kind == kind)
			return &builtins[i];
	return NULL;
}

int builtin_check_args(const struct builtin *b, size_t n_args, size_t least, struct error *err)
{
	if (n_args >= least)
		return 0;
	return err_set(err, ERR_INVALID, "%s takes the arguments `%s`; there %s %zu", b->name,
		       b->args, n_args == 1 ? "is" : "are", n_args);
}

/* ---- what is not there ----------------------------------------------------------------------- */

/* flytekit's resolvers that only Python can be. */
static const char *why_not(struct str location)
{
	if (str_ends(location, ".default_notebook_task_resolver"))
		return " (it unpickles Python objects, which a native host cannot run)";
	if (str_ends(location, ".eager_failure_task_resolver"))
		return " (it cleans up after eager tasks, which exist in Python only)";
	if (str_ends(location, ".MapTaskResolver"))
		return " (the legacy map task; serialize the workflow with a current flytekit)";
	return "";
}

static int no_builtin(struct str location, struct error *err)
{
	_cleanup_(freep) char *typed = strndup(location.ptr ? location.ptr : "", location.len);
	const char *names[2 * ARRAY_LEN(builtins)];
	const char *close;

	if (!typed)
		return err_nomem(err, "a resolver location");
	for (size_t i = 0; i < ARRAY_LEN(builtins); i++) {
		names[2 * i] = builtins[i].name;
		names[2 * i + 1] = builtins[i].alias;
	}
	close = suggest(typed, names, ARRAY_LEN(names));
	return err_set(err, ERR_NOT_FOUND,
		       "no resolver '%s'%s%s%s%s; there are %s, %s, %s (flytekit's names of them "
		       "work as well) and <plugin>.<symbol> for a plugin's own",
		       typed, why_not(location), close ? "; did you mean '" : "",
		       close ? close : "", close ? "'?" : "", builtins[0].name, builtins[1].name,
		       builtins[2].name);
}

static int no_symbol(const struct registry_entry *e, struct str symbol, struct error *err)
{
	const struct note_plugin *n = &e->inspection.note;
	_cleanup_(buf_done) struct buf list = BUF_INIT;
	int r;

	if (n->n_tasks)
		buf_printf(&list, STR_FMT "." MACRO_RESOLVER, STR_ARG(n->id));
	for (size_t i = 0; i < n->n_resolvers; i++)
		buf_printf(&list, "%s" STR_FMT "." STR_FMT, list.len ? ", " : "", STR_ARG(n->id),
			   STR_ARG(n->resolvers[i].name));
	r = buf_check(&list, "a failed search", err);
	if (r < 0)
		return r;
	return err_set(err, ERR_NOT_FOUND,
		       "plugin '" STR_FMT "' (%s) has no resolver '" STR_FMT "'; it has: %s",
		       STR_ARG(n->id), e->path, STR_ARG(symbol), list.len ? list.data : "none");
}

static bool has_resolver(const struct note_plugin *n, struct str symbol)
{
	if (n->n_tasks && str_is(symbol, MACRO_RESOLVER))
		return true;
	for (size_t i = 0; i < n->n_resolvers; i++)
		if (str_eq(n->resolvers[i].name, symbol))
			return true;
	return false;
}

int resolve_location(struct registry *r,
		     struct str location,
		     enum resolver_kind *ret_kind,
		     struct registry_entry **ret_entry,
		     struct error *err)
{
	const struct builtin *b = builtin_find(location);
	struct registry_entry *entry;
	struct str id, symbol;
	int code;

	if (b) {
		*ret_kind = b->kind;
		return 0;
	}
	if (!str_split_last_dot(location, &id, &symbol) || str_starts(location, "taskhost.") ||
	    str_starts(location, "flytekit."))
		return no_builtin(location, err);
	code = registry_find_plugin(r, id, &entry, err);
	if (code < 0)
		return err_wrap(err, "resolver '" STR_FMT "'", STR_ARG(location));
	if (!has_resolver(&entry->inspection.note, symbol))
		return no_symbol(entry, symbol, err);
	*ret_kind = RESOLVER_PLUGIN;
	*ret_entry = entry;
	return 0;
}
