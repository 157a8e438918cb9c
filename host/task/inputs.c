#include "task/inputs.h"

#include "desc_table.h"
#include "flyte/message.h"
#include "task/names.h"
#include "task/offload.h"

/* ---- errors ---------------------------------------------------------------------------------- */

/* What does not fit never will. */
static enum error_kind lasting(const struct exec *e)
{
	return (e->params->entrypoint && e->params->shim) ? ERROR_RECOVERABLE
							  : ERROR_NON_RECOVERABLE;
}

static int not_converted(const struct exec *e,
			 struct task_result *ret,
			 const char *class,
			 const struct error *err)
{
	task_result_fail(ret, "SYSTEM", err->code == ERR_NOMEM ? ERROR_RECOVERABLE : lasting(e),
			 ORIGIN_SYSTEM, "%s: %s", class, err->message);
	return err->code;
}

static int recoverable(struct task_result *ret, const char *class, const struct error *err)
{
	task_result_fail(ret, "SYSTEM", ERROR_RECOVERABLE, ORIGIN_SYSTEM, "%s: %s", class,
			 err->message);
	return err->code;
}

/* ---- decoding -------------------------------------------------------------------------------- */

/* Bytes that are no message may be whole next time; text that other decoders read and no C string
 * can hold never will be better. */
static bool holds_zero(struct str wire, const struct wire_limits *limits)
{
	struct wire_info info = {0};

	return wire_check(MESSAGE_DESC(flyteidl__core__literal_map), wire, limits, &info, NULL) <
		       0 &&
	       info.flags & WIRE_ZERO;
}

static int decode(struct exec *e, struct str wire, void **ret, struct task_result *result)
{
	struct wire_limits limits = wire_limits_default;
	struct error err = ERROR_INIT;
	int r;

	if (e->ctx->wire_budget)
		limits.decoded = e->ctx->wire_budget;
	limits.text_checked = e->ctx->inputs_checked;
	r = message_decode(MESSAGE_DESC(flyteidl__core__literal_map), wire, &limits, &e->home.arena,
			   ret, &err);
	if (r < 0) {
		err_wrap(&err, "inputs");
		if (holds_zero(wire, &limits))
			not_converted(e, result, "DecodeError", &err);
		else
			recoverable(result, "DecodeError", &err);
		result->early = true;
	}
	return r;
}

/* What cannot be reached may be there next time; what is not there, or is no literal, is as a value
 * of the wrong type. */
static int fetch(struct exec *e, LiteralMap *map, struct task_result *ret)
{
	struct error err = ERROR_INIT;
	int r = offload_fetch(map, &e->home.arena, &err);

	if (r == ERR_INVALID)
		return not_converted(e, ret, "DecodeError", &err);
	if (r == ERR_NOT_FOUND)
		return not_converted(e, ret, "FlyteDataNotFoundException", &err);
	return r < 0 ? recoverable(ret, "DownloadDataError", &err) : 0;
}

/* ---- map tasks ------------------------------------------------------------------------------- */

static bool is_bound(const struct task_map *map, struct str name)
{
	for (size_t i = 0; i < map->n_bound; i++)
		if (str_eq(map->bound[i], name))
			return true;
	return false;
}

static int pick_element(LiteralEntry *entry, int64_t index, struct error *err)
{
	const Literal *lit = entry->value;
	uint64_t at;
	size_t n;

	if (!lit || lit->value_case != LIT_(COLLECTION) || !lit->collection)
		return err_set(err, ERR_MISMATCH, "input '%s' of a map task has to be a list",
			       entry->key);
	n = lit->collection->n_literals;
	at = index < 0 ? (uint64_t)index + n : (uint64_t)index; /* from the end, as in Python */
	if (at >= n)
		return err_set(err, ERR_MISMATCH,
			       "input '%s' has %zu elements; there is none at index %lld",
			       entry->key, n, (long long)index);
	entry->value = lit->collection->literals[at];
	return 0;
}

static LiteralEntry *find_entry(const LiteralMap *map, const char *name)
{
	for (size_t i = 0; i < map->n_literals; i++)
		if (streq(map->literals[i]->key, name))
			return map->literals[i];
	return NULL;
}

/* A map task takes what its interface names, all of it, and passes over what else there is. */
static int
pick_elements(struct exec *e, LiteralMap *inputs, const VariableMap *vars, struct task_result *ret)
{
	const struct task_map *map = e->params->map;
	size_t n = variables_len(vars);
	LiteralEntry **picked = arena_array(&e->home.arena, n, sizeof(*picked));
	struct error err = ERROR_INIT;

	if (!picked) {
		err_nomem(&err, "inputs");
		return recoverable(ret, "MemoryError", &err);
	}
	for (size_t i = 0; i < n; i++) {
		const char *name = vars->variables[i]->key;

		picked[i] = find_entry(inputs, name);
		if (!picked[i]) {
			err_set(&err, ERR_NOT_FOUND, "input '%s' of a map task is missing", name);
			return not_converted(e, ret, "KeyError", &err);
		}
		if (!is_bound(map, str_of(name)) && pick_element(picked[i], map->index, &err) < 0)
			return not_converted(e, ret, "ValueError", &err);
	}
	inputs->literals = picked;
	inputs->n_literals = n;
	return 0;
}

/* ---- against the interface ------------------------------------------------------------------- */

static void list_names(const VariableMap *vars, struct buf *out)
{
	for (size_t i = 0; i < variables_len(vars); i++)
		buf_printf(out, "%s'%s'", i ? ", " : "", vars->variables[i]->key);
}

static int check_known(const struct exec *e,
		       const LiteralMap *inputs,
		       const VariableMap *vars,
		       struct task_result *ret)
{
	_cleanup_(buf_done) struct buf names = BUF_INIT;

	if (inputs->n_literals > variables_len(vars)) {
		task_result_fail(ret, "SYSTEM", lasting(e), ORIGIN_SYSTEM,
				 "ValueError: Received more input values %zu than allowed by the "
				 "input spec %zu",
				 inputs->n_literals, variables_len(vars));
		return ERR_MISMATCH;
	}
	for (size_t i = 0; i < inputs->n_literals; i++) {
		if (interface_find(vars, str_of(inputs->literals[i]->key)))
			continue;
		list_names(vars, &names);
		task_result_fail(ret, "SYSTEM", lasting(e), ORIGIN_SYSTEM,
				 "ValueError: Received the input '%s', which the input spec does "
				 "not have; it has %s",
				 inputs->literals[i]->key, names.data ? names.data : "none");
		return ERR_MISMATCH;
	}
	return 0;
}

static int convert(struct exec *e,
		   const LiteralEntry *entry,
		   const VariableMap *vars,
		   Literal **ret_literal,
		   struct task_result *ret)
{
	const Variable *v = interface_find(vars, str_of(entry->key));
	struct error err = ERROR_INIT;

	if (!v || !v->type || v->type->type_case == LTYPE_(_NOT_SET)) {
		*ret_literal = entry->value;
		return 0;
	}
	if (literal_convert(entry->value, v->type, LITERAL_READ, &e->home.arena, ret_literal,
			    &err) == 0 &&
	    (!e->params->entrypoint || input_files_check(*ret_literal, &err) == 0))
		return 0;
	/* A path inside the value comes first in the message and goes on from the name. */
	if (err.code == ERR_MISMATCH) {
		task_result_fail(ret, "SYSTEM", lasting(e), ORIGIN_SYSTEM,
				 "TypeTransformerFailedError: Error converting input '%s'%s%s",
				 entry->key, strchr("[.", err.message[0]) ? "" : ": ", err.message);
		return err.code;
	}
	return not_converted(e, ret, "TypeTransformerFailedError", &err);
}

static bool is_optional(const struct task_params *p, const char *name)
{
	for (size_t i = 0; i < p->n_optional_inputs; i++)
		if (str_is(p->optional_inputs[i], name))
			return true;
	return false;
}

static const char *last_word(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && dot[1] ? dot + 1 : name;
}

/* As Python tells of it, naming all of them. A shim task passes on what is there. */
static int check_missing(struct exec *e, const VariableMap *vars, struct task_result *ret)
{
	const struct task_params *p = e->params;
	_cleanup_(buf_done) struct buf names = BUF_INIT;
	size_t n = 0;

	for (size_t i = 0; !p->shim && i < variables_len(vars); i++) {
		const char *name = vars->variables[i]->key;

		if (is_optional(p, name) || literal_map_find(&e->input_map, str_of(name)))
			continue;
		buf_printf(&names, "%s'%s'", n++ ? ", " : "", name);
	}
	if (n == 0)
		return 0;
	task_result_fail(ret, "USER:RuntimeError", ERROR_NON_RECOVERABLE, ORIGIN_USER,
			 "TypeError: %s() missing %zu required input%s: %s",
			 last_word(p->template->id->name), n, n == 1 ? "" : "s",
			 names.data ? names.data : "?");
	return ERR_NOT_FOUND;
}

/* ---- handles --------------------------------------------------------------------------------- */

static int compare_inputs(const void *a, const void *b)
{
	const struct input *x = a, *y = b;

	return str_cmp((struct str){x->name.ptr, x->name.len},
		       (struct str){y->name.ptr, y->name.len});
}

static int make_handles(struct exec *e, struct error *err)
{
	size_t n = e->input_map.n_literals;

	e->inputs = arena_array(&e->home.arena, n, sizeof(*e->inputs));
	if (!e->inputs)
		return err_nomem(err, "inputs");
	for (size_t i = 0; i < n; i++) {
		e->inputs[i].name = th_z(e->input_map.literals[i]->key);
		lit_init(&e->inputs[i].lit, &e->home,
			 value_of_literal(e->input_map.literals[i]->value));
	}
	qsort(e->inputs, n, sizeof(*e->inputs), compare_inputs);
	e->n_inputs = n;
	return 0;
}

int inputs_prepare(struct exec *e, struct str wire, struct task_result *ret)
{
	const TypedInterface *interface = e->params->template->interface;
	const VariableMap *vars = interface ? interface->inputs : NULL;
	struct error err = ERROR_INIT;
	LiteralMap *map;
	void *decoded;
	int r = decode(e, wire, &decoded, ret);

	if (r < 0)
		return r;
	map = decoded;
	if (variables_len(vars) == 0) /* flytekit ignores whatever comes */
		return make_handles(e, &err) < 0 ? recoverable(ret, "MemoryError", &err) : 0;
	r = fetch(e, map, ret);
	if (r == 0)
		r = e->params->map ? pick_elements(e, map, vars, ret)
				   : check_known(e, map, vars, ret);
	for (size_t i = 0; i < map->n_literals && r == 0; i++)
		r = convert(e, map->literals[i], vars, &map->literals[i]->value, ret);
	if (r < 0)
		return r;
	e->input_map.n_literals = map->n_literals;
	e->input_map.literals = map->literals;
	r = check_missing(e, vars, ret);
	if (r < 0)
		return r;
	return make_handles(e, &err) < 0 ? recoverable(ret, "MemoryError", &err) : 0;
}
