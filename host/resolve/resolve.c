#include "resolve/lookup.h"

static void say_location(const struct lookup *l, struct str location, const struct builtin *b)
{
	if (b && !str_is(location, b->name))
		lookup_say(l, "location '" STR_FMT "' is flytekit's name of %s", STR_ARG(location),
			   b->name);
	else
		lookup_say(l, "location '" STR_FMT "' is %s", STR_ARG(location),
			   b ? "built in" : "a resolver that a plugin exports");
}

/* flytekit reads positions 1 and 3, checks no label and ignores what follows. */
static int resolve_default_args(struct lookup *l,
				const struct str *args,
				size_t n_args,
				struct resolution *ret,
				struct error *err)
{
	int r = builtin_check_args(builtin_of(RESOLVER_DEFAULT), n_args, 4, err);

	if (r < 0)
		return r;
	lookup_say(l, "argument 2 is the plugin, '" STR_FMT "', argument 4 the task, '" STR_FMT "'",
		   STR_ARG(args[1]), STR_ARG(args[3]));
	if (n_args > 4)
		lookup_say(l, "what follows is ignored (%zu more)", n_args - 4);
	return find_task(l, args[1], args[3], ret, err);
}

int resolve_inside(struct lookup *l,
		   struct str location,
		   const struct str *args,
		   size_t n_args,
		   bool inner,
		   struct resolution *ret,
		   struct error *err)
{
	struct registry_entry *entry = NULL;
	enum resolver_kind kind;
	int r = resolve_location(l->env->registry, location, &kind, &entry, err);

	if (r < 0) {
		lookup_say(l, "location '" STR_FMT "' is not there", STR_ARG(location));
		return r;
	}
	say_location(l, location, builtin_find(location));
	switch (kind) {
	case RESOLVER_DEFAULT:
		return resolve_default_args(l, args, n_args, ret, err);
	case RESOLVER_TEMPLATE:
		return resolve_template_args(l, args, n_args, ret, err);
	case RESOLVER_PLUGIN:
		return resolve_own(l, entry, location, args, n_args, ret, err);
	case RESOLVER_MAP:
		if (inner)
			return err_set(err, ERR_UNSUPPORTED,
				       "a map task cannot hold another map task");
		return resolve_map_args(l, args, n_args, ret, err);
	}
	return err_set(err, ERR_STATE, "unknown kind of resolver: %d", (int)kind);
}

int resolve_task(const struct resolve_env *env,
		 struct str location,
		 const struct str *args,
		 size_t n_args,
		 struct arena *arena,
		 struct explanation *explain,
		 struct resolution *ret,
		 struct error *err)
{
	struct lookup l = {.env = env, .arena = arena, .explain = explain};
	int r = resolve_inside(&l, location, args, n_args, false, ret, err);

	if (r == 0 && explain)
		r = buf_check(&explain->text, "the explanation", err);
	return r;
}
