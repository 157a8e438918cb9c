/* A document that a task passes on, as flytekit writes it after it has read it: in the form wanted
 * now, with the numbers that are declared, the fields that are declared and their defaults. */
#include "flyte/literal_convert.h"

#include "base/whole.h"
#include "flyte/msgpack.h"
#include "flyte/msgpack_value.h"
#include "flyte/msgpack_write.h"
#include "flyte/shape.h"

#define DEFAULTS_MAX ((size_t)64 << 20) /* what they may add to a document */

struct writing {
	struct conversion *c;
	const struct place *at; /* of the whole document */
	msgpack_packer packer;
	struct buf *out;
	size_t defaults;
	bool in_default; /* those are whole */
};

static int put(struct writing *w, struct value v, const struct shape *declared);

static int put_as_is(struct writing *w, struct value v)
{
	return msgpack_pack_value(v, w->out, NULL) < 0 ? convert_nomem(w->c) : 0;
}

/* ---- files ----------------------------------------------------------------------------------- */

int renew_place(struct conversion *c, const struct place *at, const char *uri, struct str *ret)
{
	struct error err = ERROR_INIT;
	int r;

	*ret = str_of(uri);
	if (!c->renewal || !c->renewal->place)
		return 0;
	r = c->renewal->place(c->renewal->data, uri, ret, &err);
	if (r == ERR_NOMEM)
		return convert_nomem(c);
	return r < 0 ? convert_mismatch(c, at, "%s", err.message) : 0;
}

static bool is_file(const struct shape *s)
{
	return s->type && s->type->type_case == TYPE_(BLOB) &&
	       s->type->blob->dimensionality != MULTIPART;
}

/* {"path": uri} */
static int put_path(struct writing *w, struct value v)
{
	struct str text = STR_NULL, place = STR_NULL;
	const char *uri;
	int r;

	if (!value_str(v, &text) || (text.len > 0 && memchr(text.ptr, '\0', text.len)))
		return put_as_is(w, v);
	uri = arena_strndup(w->c->arena, text.len ? text.ptr : "", text.len);
	if (!uri)
		return convert_nomem(w->c);
	r = renew_place(w->c, w->at, uri, &place);
	if (r == 0)
		msgpack_put_text(&w->packer, place);
	return r;
}

/* ---- members --------------------------------------------------------------------------------- */

static bool has_member(const void *object, const char *name)
{
	return value_get(*(const struct value *)object, str_of(name)).source != VALUE_OF_NOTHING;
}

/* Decoders read over what they do not know, where it is certain that nothing else is declared. */
static bool is_kept(const struct shape *s, struct str key)
{
	struct shape field;

	return shape_field(s, key, &field) || !s->schema ||
	       (!shape_is_closed(s) && (!s->type || schema_get(s->schema, "additionalProperties")));
}

static bool is_typed_field(const LiteralType *t, const char *name)
{
	const Flyteidl__Core__TypeStructure *f = t->structure;

	for (size_t i = 0; f && i < f->n_dataclass_type; i++)
		if (streq(f->dataclass_type[i]->key, name))
			return true;
	return false;
}

/* The default of a field that is not there; NULL when there is none. A field that goes by another
 * name in JSON may be there by its own. */
static const StructValue *
missing_default(const struct shape *s, struct value v, const Struct *properties, size_t i)
{
	const char *name = properties->fields[i]->key;
	const StructValue *p = properties->fields[i]->value;
	bool is_field = s->type ? is_typed_field(s->type, name) : shape_is_closed(s);

	if (!is_field || has_member(&v, name) || !p || p->kind_case != STRUCT_(STRUCT_VALUE))
		return NULL;
	return schema_get(p->struct_value, "default");
}

static int put_default(struct writing *w, const StructValue *value, const struct shape *field)
{
	size_t before = w->out->len;
	int r;

	w->in_default = true;
	r = put(w, (struct value){.source = VALUE_OF_STRUCT, .structure = value}, field);
	w->in_default = false;
	w->defaults += w->out->len - before;
	if (r == 0 && w->defaults > DEFAULTS_MAX)
		return convert_mismatch(w->c, w->at, "the defaults of its fields are too much");
	return r;
}

static int
put_defaults(struct writing *w, struct value v, const struct shape *s, const Struct *properties)
{
	int r = 0;

	for (size_t i = 0; r == 0 && properties && i < properties->n_fields; i++) {
		const StructValue *value = missing_default(s, v, properties, i);
		struct str key = str_of(properties->fields[i]->key);
		struct shape field;

		if (!value)
			continue;
		shape_field(s, key, &field);
		msgpack_put_text(&w->packer, key);
		r = put_default(w, value, &field);
	}
	return r;
}

static int put_key(struct writing *w, struct value v, size_t i, struct str key)
{
	if (v.source != VALUE_OF_MSGPACK) {
		msgpack_put_text(&w->packer, key);
		return 0;
	}
	return put_as_is(w, (struct value){.source = VALUE_OF_MSGPACK,
					   .msgpack = &v.msgpack->entries[i].original_key});
}

static int put_map(struct writing *w, struct value v, const struct shape *s)
{
	const Struct *properties = w->in_default ? NULL : schema_object(s->schema, "properties");
	size_t n = 0, written = 0;
	struct str key = STR_NULL;
	int r = 0;

	value_len(v, &n);
	for (size_t i = 0; i < n; i++) {
		value_entry(v, i, &key);
		written += is_kept(s, key);
	}
	for (size_t i = 0; properties && i < properties->n_fields; i++)
		written += missing_default(s, v, properties, i) != NULL;
	msgpack_pack_map(&w->packer, written);
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct value member = value_entry(v, i, &key);
		struct shape field;

		if (!is_kept(s, key))
			continue;
		shape_field(s, key, &field);
		r = put_key(w, v, i, key);
		if (r == 0 && is_file(s) && str_is(key, "path"))
			r = put_path(w, member);
		else if (r == 0)
			r = put(w, member, &field);
	}
	return r < 0 ? r : put_defaults(w, v, s, properties);
}

/* ---- values ---------------------------------------------------------------------------------- */

static int put_list(struct writing *w, struct value v, const struct shape *s)
{
	struct shape item = shape_item(s);
	size_t n = 0;
	int r = 0;

	value_len(v, &n);
	msgpack_pack_array(&w->packer, n);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = put(w, value_item(v, i), &item);
	return r;
}

/* True when it is written, as the number that is declared. */
static bool put_number(struct writing *w, struct value v, const struct shape *s)
{
	bool is_bool = value_kind(v) == VALUE_BOOLEAN, b = false;
	double d = 0;
	int64_t i;

	if (is_bool)
		value_bool(v, &b);
	else if (!value_f64(v, &d))
		return false;
	if (is_bool)
		d = b;
	if (shape_wants_integer(s)) {
		if ((!is_bool && value_kind(v) != VALUE_FLOAT) || !whole_to_i64(d, &i))
			return false;
		msgpack_pack_int64(&w->packer, i);
		return true;
	}
	if (!shape_wants_float(s) && (is_bool || !shape_wants(s, SIMPLE_(DURATION), NULL)))
		return false;
	msgpack_pack_double(&w->packer, d);
	return true;
}

static struct shape choose(const struct shape *declared, struct value v)
{
	struct candidate candidate = {.kind = value_kind(v), .has = has_member, .of = &v};
	int64_t i;

	value_str(v, &candidate.text);
	if (v.source == VALUE_OF_STRUCT && value_i64(v, &i))
		candidate.kind = VALUE_INTEGER; /* a Struct knows no integers */
	return shape_choose(declared, &candidate);
}

/* Recursion is as deep as the document, or a default, which their parsers have bounded. */
static int put(struct writing *w, struct value v, const struct shape *declared)
{
	struct shape s = choose(declared, v);

	if (!s.type && !s.schema)
		return put_as_is(w, v);
	if (value_kind(v) == VALUE_MAP)
		return put_map(w, v, &s);
	if (value_kind(v) == VALUE_COLLECTION)
		return put_list(w, v, &s);
	return put_number(w, v, &s) ? 0 : put_as_is(w, v);
}

/* ---- the literal ----------------------------------------------------------------------------- */

static bool is_untyped(const LiteralType *t)
{
	return !t->metadata && !(t->structure && t->structure->n_dataclass_type > 0);
}

/* What has no place in a Struct stays as it came. */
static int as_struct(struct conversion *c,
		     const Literal *lit,
		     const LiteralType *type,
		     struct str packed,
		     Literal **ret)
{
	struct error err = ERROR_INIT;
	Struct *s = NULL;
	int r = struct_from_msgpack(packed, c->arena, &s, &err);

	*ret = (Literal *)lit;
	if (r < 0)
		return r == ERR_NOMEM ? convert_nomem(c) : 0;
	*ret = literal_new_generic(c->arena, s);
	if (!*ret || (is_untyped(type) && !literal_mark_json(c->arena, *ret)))
		return convert_nomem(c);
	(*ret)->hash = lit->hash;
	return 0;
}

static int as_msgpack(struct conversion *c, const Literal *lit, struct str packed, Literal **ret)
{
	const Flyteidl__Core__Binary *b = literal_msgpack(lit);

	*ret = (Literal *)lit;
	if (b && b->value.len == packed.len && memcmp(b->value.data, packed.ptr, packed.len) == 0)
		return 0;
	*ret = literal_new_binary(c->arena, packed, STR(MSGPACK_TAG));
	if (!*ret)
		return convert_nomem(c);
	(*ret)->hash = lit->hash;
	return 0;
}

int renew_document(struct conversion *c,
		   const struct place *at,
		   const Literal *lit,
		   struct value v,
		   const LiteralType *type,
		   Literal **ret)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	struct writing w = {.c = c, .at = at, .out = &out};
	struct shape shape = shape_of(type);
	struct str packed;
	int r;

	*ret = (Literal *)lit;
	if (schema_get(type->metadata, "pb_type"))
		return 0; /* its form is JSON's, in a Struct */
	msgpack_packer_for(&w.packer, &out);
	r = put(&w, v, &shape);
	if (r < 0)
		return r;
	if (out.failed)
		return convert_nomem(c);
	packed = (struct str){out.data, out.len};
	if (c->renewal->old_form && value_kind(v) == VALUE_MAP)
		return as_struct(c, lit, type, packed, ret);
	return as_msgpack(c, lit, packed, ret);
}
