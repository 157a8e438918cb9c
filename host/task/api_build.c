/* th.literal/1, writing: JSON, containers, whole literals, and everything at once. */
#include "task/api.h"

#include "base/json.h"
#include "base/log.h"
#include "desc_table.h"
#include "flyte/document.h"
#include "task/names.h"

/* ---- JSON ------------------------------------------------------------------------------------ */

static th_status set_json(th_val *v, th_str json, enum val_kind kind)
{
	struct error err = ERROR_INIT;
	json_t *parsed = NULL;
	th_str copy;
	int r;

	if (!v || (json.len && !json.ptr))
		return TH_E_INVALID;
	r = json_parse(str_of_th(json), "JSON of an output", &parsed, &err);
	if (r == 0 && kind == VAL_GENERIC && !json_is_object(parsed))
		r = err_set(&err, ERR_INVALID, "JSON of an output: a struct has to be an object");
	json_decref(parsed);
	if (r < 0) {
		log_warn("%s", err.message);
		return r == ERR_NOMEM ? TH_E_NOMEM : TH_E_INVALID;
	}
	copy = lit_home_text(&v->exec->home, str_of_th(json));
	if (!copy.ptr)
		return TH_E_NOMEM;
	val_begin(v, kind);
	v->text = copy;
	return TH_OK;
}

th_status write_json(th_val *v, th_str json)
{
	return set_json(v, json, VAL_JSON);
}

th_status write_generic(th_val *v, th_str json)
{
	return set_json(v, json, VAL_GENERIC);
}

/* ---- containers ------------------------------------------------------------------------------ */

static th_status new_child(th_val *parent, th_str key, th_val **ret)
{
	struct th_val *child;

	if (parent->depth + 1 > VAL_DEPTH_MAX)
		return TH_E_LIMIT;
	child = val_new(parent->exec, parent->depth + 1);
	if (!child)
		return TH_E_NOMEM;
	child->key = key;
	if (parent->children.last)
		parent->children.last->next = child;
	else
		parent->children.first = child;
	parent->children.last = child;
	parent->children.n++;
	*ret = child;
	return TH_OK;
}

th_status write_collection(th_val *v)
{
	return val_begin(v, VAL_COLLECTION);
}

th_status write_append(th_val *v, th_val **ret_slot)
{
	if (!v || !ret_slot || v->kind != VAL_COLLECTION)
		return TH_E_INVALID;
	return new_child(v, th_s(""), ret_slot);
}

th_status write_map(th_val *v)
{
	return val_begin(v, VAL_MAP);
}

th_status write_put(th_val *v, th_str key, th_val **ret_slot)
{
	th_str copy;
	th_status st;

	if (!v || !ret_slot || v->kind != VAL_MAP)
		return TH_E_INVALID;
	st = val_text(v, key, &copy);
	return st == TH_OK ? new_child(v, copy, ret_slot) : st;
}

th_status write_union(th_val *v, th_str tag, th_val **ret_slot)
{
	th_str copy;
	th_status st;

	if (!v || !ret_slot)
		return TH_E_INVALID;
	st = val_text(v, tag, &copy);
	if (st != TH_OK)
		return st;
	val_begin(v, VAL_UNION);
	st = new_child(v, th_s(""), ret_slot);
	v->children.tag = copy;
	return st;
}

static th_status set_list(th_val *v, enum val_kind kind, const void *values, size_t n, size_t size)
{
	void *copy;

	if (!v || (n && !values))
		return TH_E_INVALID;
	if (n > SIZE_MAX / size)
		return TH_E_LIMIT;
	copy = lit_home_alloc(&v->exec->home, n * size, 0);
	if (!copy)
		return TH_E_NOMEM;
	if (n)
		memcpy(copy, values, n * size);
	val_begin(v, kind);
	v->list.values = copy;
	v->list.n = n;
	return TH_OK;
}

th_status write_i64_list(th_val *v, const int64_t *values, size_t n)
{
	return set_list(v, VAL_INTEGERS, values, n, sizeof(*values));
}

th_status write_f64_list(th_val *v, const double *values, size_t n)
{
	return set_list(v, VAL_FLOATS, values, n, sizeof(*values));
}

/* ---- whole literals -------------------------------------------------------------------------- */

th_status write_literal(th_val *v, const th_lit *lit)
{
	const Literal *literal;
	th_status st;

	if (!v)
		return TH_E_INVALID;
	st = lit_to_literal(lit, &literal);
	if (st != TH_OK)
		return st;
	val_begin(v, VAL_LITERAL);
	v->literal = literal;
	v->passed_on = true;
	return TH_OK;
}

/* Decodes into the execution's arena, under its lock. */
static int decode(struct exec *e,
		  const struct message_desc *type,
		  th_bytes wire,
		  const char *what,
		  void **ret,
		  struct error *err)
{
	struct str bytes = {wire.len ? (const char *)wire.ptr : "", wire.len};
	int r;

	pthread_mutex_lock(&e->home.lock);
	r = message_decode(type, bytes, NULL, &e->home.arena, ret, err);
	pthread_mutex_unlock(&e->home.lock);
	return r < 0 ? err_wrap(err, "%s", what) : 0;
}

th_status write_raw(th_val *v, th_bytes literal)
{
	struct error err = ERROR_INIT;
	void *decoded;
	int r;

	if (!v || (literal.len && !literal.ptr))
		return TH_E_INVALID;
	r = decode(v->exec, MESSAGE_DESC(flyteidl__core__literal), literal, "literal of an output",
		   &decoded, &err);
	if (r < 0) {
		log_warn("%s", err.message);
		return status_of_err(r);
	}
	val_begin(v, VAL_LITERAL);
	v->literal = decoded;
	return TH_OK;
}

/* ---- everything at once ---------------------------------------------------------------------- */

th_status write_outputs_raw(th_exec *handle, th_bytes literal_map, th_errout *error)
{
	struct exec *e = exec_of(handle);
	struct error err = ERROR_INIT;
	struct output *first, *last;
	const LiteralMap *map;
	void *decoded;
	th_status st = TH_OK;

	if (!e || (literal_map.len && !literal_map.ptr))
		return TH_E_INVALID;
	if (decode(e, MESSAGE_DESC(flyteidl__core__literal_map), literal_map, "outputs", &decoded,
		   &err) < 0)
		return errout_err(error, &err);
	map = decoded;
	first = e->outputs;
	last = e->last_output;
	e->outputs = e->last_output = NULL;
	for (size_t i = 0; i < map->n_literals && st == TH_OK; i++) {
		th_val *v;

		st = write_output(handle, th_z(map->literals[i]->key), &v);
		if (st != TH_OK)
			break;
		val_begin(v, VAL_LITERAL);
		v->literal = map->literals[i]->value;
	}
	if (st != TH_OK) { /* what was there before stays */
		e->outputs = first;
		e->last_output = last;
		return errout_fail(error, st, "outputs: out of memory");
	}
	return TH_OK;
}

th_status write_dynamic_job_raw(th_exec *handle, th_bytes spec, th_errout *error)
{
	struct exec *e = exec_of(handle);
	struct error err = ERROR_INIT;
	void *decoded;

	if (!e || (spec.len && !spec.ptr))
		return TH_E_INVALID;
	if (decode(e, MESSAGE_DESC(flyteidl__core__dynamic_job_spec), spec, "dynamic job", &decoded,
		   &err) < 0)
		return errout_err(error, &err);
	buf_clear(&e->dynamic_job);
	buf_append(&e->dynamic_job, spec.ptr, spec.len);
	if (buf_check(&e->dynamic_job, "the dynamic job", &err) < 0)
		return errout_err(error, &err);
	e->has_dynamic_job = true;
	return TH_OK;
}
