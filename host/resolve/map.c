/* Map tasks: another task, once per element of its list inputs. */
#include "resolve/lookup.h"

/* The names between commas; empty ones are left out (flytekit writes "" for none). */
static int split_names(
	struct arena *arena, struct str text, struct str **ret, size_t *ret_n, struct error *err)
{
	struct str *names = arena_array(arena, text.len / 2 + 1, sizeof(*names));
	size_t n = 0;

	if (!names)
		return err_nomem(err, "the bound inputs of a map task");
	while (text.len > 0) {
		const char *comma = memchr(text.ptr, ',', text.len);
		size_t len = comma ? (size_t)(comma - text.ptr) : text.len;

		if (len)
			names[n++] = (struct str){text.ptr, len};
		text.ptr += len + (comma != NULL);
		text.len -= len + (comma != NULL);
	}
	*ret = names;
	*ret_n = n;
	return 0;
}

static int
check_bound(const struct resolution *inner, const struct str *names, size_t n, struct error *err)
{
	const Flyteidl__Core__TypedInterface *i = inner->template->interface;

	for (size_t k = 0; k < n; k++)
		if (!i || !i->inputs || !interface_find(i->inputs, names[k]))
			return err_set(err, ERR_MISMATCH,
				       "the map task binds '" STR_FMT "', but task '" STR_FMT
				       "' has no such input",
				       STR_ARG(names[k]), STR_ARG(inner->name));
	return 0;
}

int resolve_map_args(struct lookup *l,
		     const struct str *args,
		     size_t n_args,
		     struct resolution *ret,
		     struct error *err)
{
	struct resolution inner;
	struct str *bound = NULL;
	size_t n_bound = 0;
	int r = builtin_check_args(builtin_of(RESOLVER_MAP), n_args, 4, err);

	if (r == 0)
		r = split_names(l->arena, args[1], &bound, &n_bound, err);
	if (r < 0)
		return r;
	lookup_say(l,
		   "argument 2 lists %zu bound inputs, argument 4 is the resolver of the task "
		   "that is mapped",
		   n_bound);
	l->depth++;
	r = resolve_inside(l, args[3], args + 4, n_args - 4, true, &inner, err);
	l->depth--;
	if (r == 0)
		r = check_bound(&inner, bound, n_bound, err);
	if (r < 0)
		return r;
	inner.map = true;
	inner.bound = bound;
	inner.n_bound = n_bound;
	*ret = inner;
	return 0;
}
