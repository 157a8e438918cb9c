#include "flyte/literal_convert.h"

#include "base/clock.h"
#include "flyte/msgpack_write.h"

static int made_or_nomem(struct conversion *c, Literal *made, Literal **ret)
{
	if (!made)
		return convert_nomem(c);
	*ret = made;
	return 0;
}

/* ---- scalars --------------------------------------------------------------------------------- */

/* A number where an integer is declared; `exact` takes floats only from a Struct, which knows
 * nothing else. */
static int make_integer(struct conversion *c,
			const struct place *at,
			struct value v,
			const LiteralType *type,
			bool exact,
			Literal **ret)
{
	int64_t i;
	double d;

	if (!value_i64(v, &i) &&
	    (exact || value_kind(v) != VALUE_FLOAT || !value_f64(v, &d) || !whole_to_i64(d, &i)))
		return convert_expected(c, at, type, v);
	return made_or_nomem(c, literal_new_integer(c->arena, i), ret);
}

static int make_float(struct conversion *c,
		      const struct place *at,
		      struct value v,
		      const LiteralType *type,
		      bool exact,
		      Literal **ret)
{
	double d;

	if (!value_f64(v, &d) || (exact && value_kind(v) != VALUE_FLOAT))
		return convert_expected(c, at, type, v);
	return made_or_nomem(c, literal_new_float(c->arena, d), ret);
}

static int make_string(struct conversion *c,
		       const struct place *at,
		       struct value v,
		       const LiteralType *type,
		       Literal **ret)
{
	struct str s;

	if (!value_str(v, &s) ||
	    (type->type_case == TYPE_(ENUM_TYPE) && !enum_has(type->enum_type, s)))
		return convert_expected(c, at, type, v);
	if (s.len > 0 && memchr(s.ptr, '\0', s.len))
		return convert_mismatch(c, at, "the string holds U+0000, which is not supported");
	return made_or_nomem(c, literal_new_string(c->arena, s), ret);
}

static int make_datetime(struct conversion *c,
			 const struct place *at,
			 struct value v,
			 const LiteralType *type,
			 Literal **ret)
{
	struct str s;
	int64_t seconds;
	int32_t nanos;

	if (!value_str(v, &s) || !iso_time_parse(s, &seconds, &nanos))
		return convert_expected(c, at, type, v);
	return made_or_nomem(c, literal_new_datetime(c->arena, seconds, nanos), ret);
}

static int make_duration(struct conversion *c,
			 const struct place *at,
			 struct value v,
			 const LiteralType *type,
			 Literal **ret)
{
	int64_t seconds;
	int32_t nanos;
	struct str s;
	char text[40];
	double d;
	bool read = value_str(v, &s) ? iso_duration_parse(s, &seconds, &nanos)
				     : value_f64(v, &d) && seconds_to_duration(d, &seconds, &nanos);

	if (!read || duration_format(seconds, nanos, text) < 0)
		return convert_expected(c, at, type, v);
	return made_or_nomem(c, literal_new_duration(c->arena, seconds, nanos), ret);
}

static int make_binary(struct conversion *c,
		       const struct place *at,
		       struct value v,
		       const LiteralType *type,
		       Literal **ret)
{
	struct str bytes;

	if (!value_bytes(v, &bytes))
		return convert_expected(c, at, type, v);
	return made_or_nomem(c, literal_new_binary(c->arena, bytes, STR("")), ret);
}

/* ---- structs, files, tables ------------------------------------------------------------------ */

static int make_struct(struct conversion *c,
		       const struct place *at,
		       struct value v,
		       const LiteralType *type,
		       Literal **ret)
{
	_cleanup_(buf_done) struct buf packed = BUF_INIT;
	int r = check_document(c, at, v, type);

	if (r < 0)
		return r;
	if (v.source == VALUE_OF_STRUCT && value_kind(v) == VALUE_MAP) {
		Struct *s = v.structure->struct_value;

		return made_or_nomem(c, literal_new_generic(c->arena, s), ret);
	}
	if (msgpack_pack_value(v, &packed, NULL) < 0)
		return convert_nomem(c);
	return made_or_nomem(c,
			     literal_new_binary(c->arena, (struct str){packed.data, packed.len},
						STR(MSGPACK_TAG)),
			     ret);
}

/* Inside documents a file is {"path": uri}, a table {"uri": …} or {"remote_path": …}. */
static bool member_text(struct value v, const char *name, struct str *ret)
{
	return value_str(value_get(v, str_of(name)), ret) &&
	       !(ret->len > 0 && memchr(ret->ptr, '\0', ret->len));
}

static int make_blob(struct conversion *c,
		     const struct place *at,
		     struct value v,
		     const LiteralType *type,
		     Literal **ret)
{
	struct str uri;

	if (!member_text(v, "path", &uri))
		return convert_expected(c, at, type, v);
	return made_or_nomem(c,
			     literal_new_blob(c->arena, uri, str_of(type->blob->format),
					      type->blob->dimensionality == MULTIPART),
			     ret);
}

static int make_schema(struct conversion *c,
		       const struct place *at,
		       struct value v,
		       const LiteralType *type,
		       Literal **ret)
{
	struct str uri;

	if (!member_text(v, "remote_path", &uri))
		return convert_expected(c, at, type, v);
	return made_or_nomem(c, literal_new_schema(c->arena, uri, type->schema), ret);
}

/* The document says all that is known: the declared format and columns are not added. */
static int make_dataset(struct conversion *c,
			const struct place *at,
			struct value v,
			const LiteralType *type,
			Literal **ret)
{
	DatasetType *t;
	struct str uri, format;

	if (!member_text(v, "uri", &uri))
		return convert_expected(c, at, type, v);
	t = NEW_MESSAGE(c->arena, flyteidl__core__structured_dataset_type);
	if (!t)
		return convert_nomem(c);
	if (member_text(v, "file_format", &format))
		t->format = arena_strndup(c->arena, format.ptr, format.len);
	if (!t->format)
		return convert_nomem(c);
	return made_or_nomem(c, literal_new_dataset(c->arena, uri, t), ret);
}

/* ---- containers ------------------------------------------------------------------------------ */

static int make_collection(struct conversion *c,
			   const struct place *at,
			   struct value v,
			   const LiteralType *type,
			   Literal **ret)
{
	Literal *made;
	size_t n;
	int r = 0;

	if (value_kind(v) != VALUE_COLLECTION || !value_len(v, &n))
		return convert_expected(c, at, type, v);
	made = literal_new_collection(c->arena, n);
	if (!made)
		return convert_nomem(c);
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct place here = place_index(at, i);

		r = convert_value(c, &here, value_item(v, i), type->collection_type, c->exact,
				  &made->collection->literals[i]);
	}
	if (r == 0)
		*ret = made;
	return r;
}

static int make_entry(struct conversion *c,
		      const struct place *at,
		      struct str key,
		      struct value v,
		      const LiteralType *type,
		      LiteralEntry *ret)
{
	struct place here = place_key(at, key);

	if (key.len > 0 && memchr(key.ptr, '\0', key.len))
		return convert_mismatch(c, at, "a key holds U+0000, which is not supported");
	ret->key = arena_strndup(c->arena, key.ptr, key.len);
	if (!ret->key)
		return convert_nomem(c);
	return convert_value(c, &here, v, type->map_value_type, c->exact, &ret->value);
}

static int make_map(struct conversion *c,
		    const struct place *at,
		    struct value v,
		    const LiteralType *type,
		    Literal **ret)
{
	Literal *made;
	size_t n;
	int r = 0;

	if (value_kind(v) != VALUE_MAP || !value_len(v, &n))
		return convert_expected(c, at, type, v);
	made = literal_new_map(c->arena, n);
	if (!made)
		return convert_nomem(c);
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct str key = STR_NULL;
		struct value item = value_entry(v, i, &key);

		r = make_entry(c, at, key, item, type, made->map->literals[i]);
	}
	if (r == 0)
		*ret = made;
	return r;
}

/* ---- dispatch -------------------------------------------------------------------------------- */

static int make_simple(struct conversion *c,
		       const struct place *at,
		       struct value v,
		       const LiteralType *type,
		       bool exact,
		       Literal **ret)
{
	switch (type->simple) {
	case SIMPLE_(NONE):
		if (value_kind(v) == VALUE_NONE)
			return made_or_nomem(c, literal_new_none(c->arena), ret);
		break;
	case SIMPLE_(INTEGER):
		return make_integer(c, at, v, type, exact, ret);
	case SIMPLE_(FLOAT):
		return make_float(c, at, v, type, exact, ret);
	case SIMPLE_(STRING):
		return make_string(c, at, v, type, ret);
	case SIMPLE_(BOOLEAN): {
		bool b;

		if (value_bool(v, &b))
			return made_or_nomem(c, literal_new_boolean(c->arena, b), ret);
		break;
	}
	case SIMPLE_(DATETIME):
		return make_datetime(c, at, v, type, ret);
	case SIMPLE_(DURATION):
		return make_duration(c, at, v, type, ret);
	case SIMPLE_(BINARY):
		return make_binary(c, at, v, type, ret);
	case SIMPLE_(STRUCT):
		return make_struct(c, at, v, type, ret);
	default:
		break;
	}
	return convert_expected(c, at, type, v);
}

int convert_value(struct conversion *c,
		  const struct place *at,
		  struct value v,
		  const LiteralType *type,
		  bool exact,
		  Literal **ret)
{
	int r = convert_step(c);

	if (r < 0)
		return r;
	switch (type ? type->type_case : TYPE_(_NOT_SET)) {
	case TYPE_(SIMPLE):
		return make_simple(c, at, v, type, exact, ret);
	case TYPE_(ENUM_TYPE):
		return make_string(c, at, v, type, ret);
	case TYPE_(COLLECTION_TYPE):
		return make_collection(c, at, v, type, ret);
	case TYPE_(MAP_VALUE_TYPE):
		return make_map(c, at, v, type, ret);
	case TYPE_(UNION_TYPE):
		return convert_value_to_union(c, at, v, type, ret);
	case TYPE_(BLOB):
		return make_blob(c, at, v, type, ret);
	case TYPE_(SCHEMA):
		return make_schema(c, at, v, type, ret);
	case TYPE_(STRUCTURED_DATASET_TYPE):
		return make_dataset(c, at, v, type, ret);
	default:
		return convert_mismatch(c, at, "the interface declares no type for this value");
	}
}
