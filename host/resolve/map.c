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

/* flytekit's words. What is bound need not be an input: it is passed over. */
static int check_outputs(const struct resolution *inner, struct error *err)
{
	const Flyteidl__Core__TypedInterface *i = inner->template->interface;

	if (!i || !i->outputs || i->outputs->n_variables <= 1)
		return 0;
	return err_set(err, ERR_MISMATCH,
		       "Only tasks with a single output are supported in map tasks; '" STR_FMT
		       "' has %zu",
		       STR_ARG(inner->name), i->outputs->n_variables);
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
		r = check_outputs(&inner, err);
	if (r < 0)
		return r;
	inner.map = true;
	inner.bound = bound;
	inner.n_bound = n_bound;
	*ret = inner;
	return 0;
}
