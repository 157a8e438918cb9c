/* th.literal/1, writing: one value at a time. Containers and whole literals are in api_build.c. */
#include "task/api.h"

#include "task/names.h"

/* Text and bytes of one value: what protobuf can carry in one message. */
#define VALUE_MAX ((size_t)0x7fffffff)

/* Flyte's clocks: year 1 to 9999, and spans of as many years. */
#define SECONDS_MIN (-62135596800)
#define SECONDS_MAX 253402300799
#define SPAN_MAX    315576000000

struct th_val *val_new(struct exec *exec, unsigned depth)
{
	struct th_val *v = lit_home_alloc(&exec->home, sizeof(*v), 0);

	if (!v)
		return NULL;
	memset(v, 0, sizeof(*v));
	v->exec = exec;
	v->depth = depth;
	return v;
}

th_status val_begin(th_val *v, enum val_kind kind)
{
	if (!v)
		return TH_E_INVALID;
	v->kind = kind;
	v->in_place = false;
	v->passed_on = false;
	memset(&v->children, 0, sizeof(v->children));
	return TH_OK;
}

th_status val_text(th_val *v, th_str text, th_str *ret)
{
	if (!v || (text.len && !text.ptr))
		return TH_E_INVALID;
	if (text.len > VALUE_MAX)
		return TH_E_LIMIT;
	if (text.len && (memchr(text.ptr, 0, text.len) || !utf8_valid(text.ptr, text.len, NULL)))
		return TH_E_INVALID;
	*ret = lit_home_text(&v->exec->home, str_of_th(text));
	return ret->ptr ? TH_OK : TH_E_NOMEM;
}

th_status write_output(th_exec *handle, th_str name, th_val **ret_slot)
{
	struct exec *e = exec_of(handle);
	struct output *o;
	th_status st;

	if (!e || !ret_slot)
		return TH_E_INVALID;
	o = exec_output(e, str_of_th(name));
	if (o) {
		*ret_slot = o->val;
		return TH_OK;
	}
	o = lit_home_alloc(&e->home, sizeof(*o), 0);
	if (!o)
		return TH_E_NOMEM;
	*o = (struct output){.val = val_new(e, 0)};
	if (!o->val)
		return TH_E_NOMEM;
	st = val_text(o->val, name, &o->name);
	if (st != TH_OK)
		return st;
	if (e->last_output)
		e->last_output->next = o;
	else
		e->outputs = o;
	e->last_output = o;
	*ret_slot = o->val;
	return TH_OK;
}

/* ---- plain values ---------------------------------------------------------------------------- */

th_status write_i64(th_val *v, int64_t value)
{
	th_status st = val_begin(v, VAL_INTEGER);

	if (st == TH_OK)
		v->integer = value;
	return st;
}

th_status write_f64(th_val *v, double value)
{
	th_status st = val_begin(v, VAL_FLOAT);

	if (st == TH_OK)
		v->number = value;
	return st;
}

th_status write_bool(th_val *v, uint32_t value)
{
	th_status st = val_begin(v, VAL_BOOLEAN);

	if (st == TH_OK)
		v->boolean = value != 0;
	return st;
}

th_status write_str(th_val *v, th_str value)
{
	th_str text;
	th_status st = val_text(v, value, &text);

	if (st != TH_OK)
		return st;
	val_begin(v, VAL_STRING);
	v->text = text;
	return TH_OK;
}

th_status write_datetime(th_val *v, th_datetime value)
{
	if (!v || value.reserved || value.nanos < 0 || value.nanos > 999999999 ||
	    value.seconds < SECONDS_MIN || value.seconds > SECONDS_MAX)
		return TH_E_INVALID;
	val_begin(v, VAL_DATETIME);
	v->datetime = value;
	return TH_OK;
}

th_status write_duration(th_val *v, th_duration value)
{
	if (!v || value.reserved || value.nanos < -999999999 || value.nanos > 999999999 ||
	    value.seconds < -SPAN_MAX || value.seconds > SPAN_MAX ||
	    (value.seconds > 0 && value.nanos < 0) || (value.seconds < 0 && value.nanos > 0))
		return TH_E_INVALID;
	val_begin(v, VAL_DURATION);
	v->duration = value;
	return TH_OK;
}

th_status write_none(th_val *v)
{
	return val_begin(v, VAL_NONE);
}

th_status write_binary(th_val *v, th_bytes value, th_str tag)
{
	th_str tag_copy, copy;
	th_status st = val_text(v, tag, &tag_copy);

	if (st != TH_OK)
		return st;
	if (value.len && !value.ptr)
		return TH_E_INVALID;
	if (value.len > VALUE_MAX)
		return TH_E_LIMIT;
	copy = lit_home_text(&v->exec->home, (struct str){(const char *)value.ptr, value.len});
	if (!copy.ptr)
		return TH_E_NOMEM;
	val_begin(v, VAL_BINARY);
	v->binary.value = (struct str){copy.ptr, copy.len};
	v->binary.tag = str_of_th(tag_copy);
	return TH_OK;
}

th_status write_blob(th_val *v, const th_blob *blob)
{
	th_str uri, format;
	th_status st;

	if (!v || !blob || blob->reserved || blob->uri.len == 0 || blob->multipart > 1)
		return TH_E_INVALID;
	st = val_text(v, blob->uri, &uri);
	if (st == TH_OK)
		st = val_text(v, blob->format, &format);
	if (st != TH_OK)
		return st;
	val_begin(v, VAL_BLOB);
	v->blob = (th_blob){.uri = uri, .format = format, .multipart = blob->multipart};
	return TH_OK;
}

th_status write_dataset(th_val *v, const th_dataset *dataset)
{
	th_str uri, format;
	th_status st;

	if (!v || !dataset || dataset->uri.len == 0)
		return TH_E_INVALID;
	st = val_text(v, dataset->uri, &uri);
	if (st == TH_OK)
		st = val_text(v, dataset->format, &format);
	if (st != TH_OK)
		return st;
	val_begin(v, VAL_DATASET);
	v->dataset = (th_dataset){uri, format};
	return TH_OK;
}

th_status write_error(th_val *v, th_str node_id, th_str message)
{
	th_str id, text;
	th_status st = val_text(v, node_id, &id);

	if (st == TH_OK)
		st = val_text(v, message, &text);
	if (st != TH_OK)
		return st;
	val_begin(v, VAL_ERROR);
	v->error.node_id = id;
	v->error.message = text;
	return TH_OK;
}

/* ---- filled in by the plugin ----------------------------------------------------------------- */

/* n zero bytes and a NUL behind them. */
static char *room(struct th_val *v, size_t n)
{
	char *p = lit_home_alloc(&v->exec->home, n + 1, 0);

	if (p)
		memset(p, 0, n + 1);
	return p;
}

th_status write_reserve_str(th_val *v, size_t n, char **ret)
{
	char *p;

	if (!v || !ret)
		return TH_E_INVALID;
	if (n > VALUE_MAX)
		return TH_E_LIMIT;
	p = room(v, n);
	if (!p)
		return TH_E_NOMEM;
	val_begin(v, VAL_STRING);
	v->in_place = true;
	v->text = (th_str){p, n};
	*ret = p;
	return TH_OK;
}

th_status write_reserve_binary(th_val *v, size_t n, th_str tag, uint8_t **ret)
{
	th_str tag_copy;
	th_status st;
	char *p;

	if (!v || !ret)
		return TH_E_INVALID;
	if (n > VALUE_MAX)
		return TH_E_LIMIT;
	st = val_text(v, tag, &tag_copy);
	if (st != TH_OK)
		return st;
	p = room(v, n);
	if (!p)
		return TH_E_NOMEM;
	val_begin(v, VAL_BINARY);
	v->binary.value = (struct str){p, n};
	v->binary.tag = str_of_th(tag_copy);
	*ret = (uint8_t *)p;
	return TH_OK;
}

/* ---- what lies around a value ---------------------------------------------------------------- */

th_status write_hash(th_val *v, th_str hash)
{
	th_str copy;
	th_status st = val_text(v, hash, &copy);

	if (st == TH_OK)
		v->hash = copy;
	return st;
}

th_status write_metadata(th_val *v, th_str key, th_str value)
{
	struct val_metadata *m, **end;
	th_str key_copy, value_copy;
	th_status st = val_text(v, key, &key_copy);

	if (st == TH_OK)
		st = val_text(v, value, &value_copy);
	if (st != TH_OK)
		return st;
	for (end = &v->metadata; *end; end = &(*end)->next) {
		if (th_str_eq((*end)->key, key)) {
			(*end)->value = value_copy;
			return TH_OK;
		}
	}
	m = lit_home_alloc(&v->exec->home, sizeof(*m), 0);
	if (!m)
		return TH_E_NOMEM;
	*m = (struct val_metadata){NULL, key_copy, value_copy};
	*end = m;
	return TH_OK;
}
