/* Inputs against an interface, before anything is accepted. The rules are those of the task layer
 * when it reads them; what fails here would fail there, later. */
#include "grpc/svc_worker_private.h"

#include <stdio.h>

static const VariableMap *declared(const struct worker_inputs *in)
{
	const TypedInterface *i = in->task_template->interface;

	return i ? i->inputs : NULL;
}

static int unknown(const struct worker_inputs *in, const char *name, struct error *err)
{
	const VariableMap *vars = declared(in);
	size_t n = vars ? vars->n_variables : 0;
	_cleanup_(freep) const char **names = calloc(n + 1, sizeof(*names));
	_cleanup_(buf_done) struct buf list = BUF_INIT;
	const char *close;

	if (!names)
		return err_nomem(err, "the inputs");
	for (size_t i = 0; i < n; i++) {
		names[i] = vars->variables[i]->key;
		buf_printf(&list, "%s%s", i ? ", " : "", names[i]);
	}
	close = suggest(name, names, n);
	if (close)
		return err_set(err, ERR_INVALID, "the task has no input '%s'; did you mean '%s'?",
			       name, close);
	return err_set(err, ERR_INVALID, "the task has no input '%s'; it has %s", name,
		       list.len ? list.data : "none");
}

static int check_value(const char *name,
		       const Literal *value,
		       const Variable *v,
		       struct arena *arena,
		       struct error *err)
{
	struct error why = ERROR_INIT;
	Literal *converted;
	int r;

	if (!v->type || v->type->type_case == FLYTEIDL__CORE__LITERAL_TYPE__TYPE__NOT_SET)
		return 0;
	if (!value)
		return err_set(err, ERR_INVALID, "input '%s' has no value", name);
	r = literal_convert(value, v->type, LITERAL_READ, arena, &converted, &why);
	if (r == 0)
		return 0;
	/* A path inside the value comes first in the sentence, and goes on from the name. */
	return err_set(err, r == ERR_NOMEM ? r : ERR_INVALID, "input '%s'%s%s", name,
		       why.message[0] && strchr("[.", why.message[0]) ? "" : ": ", why.message);
}

static bool is_optional(const struct worker_inputs *in, const char *name)
{
	for (size_t i = 0; i < in->n_optional; i++)
		if (str_is(in->optional[i], name))
			return true;
	return false;
}

static int check_missing(const struct worker_inputs *in, struct error *err)
{
	const VariableMap *vars = declared(in);
	_cleanup_(buf_done) struct buf missing = BUF_INIT;
	size_t n = 0;

	for (size_t i = 0; in->strict && vars && i < vars->n_variables; i++) {
		const char *name = vars->variables[i]->key;

		if (is_optional(in, name) || (in->map && literal_map_find(in->map, str_of(name))))
			continue;
		buf_printf(&missing, "%s'%s'", n++ ? ", " : "", name);
	}
	if (n == 0)
		return 0;
	return err_set(err, ERR_INVALID, "missing input%s %s", n > 1 ? "s" : "",
		       missing.data ? missing.data : "");
}

int worker_inputs_check(const struct worker_inputs *in, struct arena *arena, struct error *err)
{
	size_t n = in->map ? in->map->n_literals : 0;
	int r = 0;

	/* A template that tells no interface takes anything. */
	if (!in->task_template->interface)
		return 0;
	for (size_t i = 0; r == 0 && i < n; i++) {
		const Flyteidl__Core__LiteralMap__LiteralsEntry *e = in->map->literals[i];
		const Variable *v =
			declared(in) ? interface_find(declared(in), str_of(e->key)) : NULL;

		r = v ? check_value(e->key, e->value, v, arena, err) : unknown(in, e->key, err);
	}
	return r < 0 ? r : check_missing(in, err);
}
