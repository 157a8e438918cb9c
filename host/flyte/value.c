#include "flyte/value.h"

#include "flyte/literal_parts.h"
#include "flyte/msgpack_value.h"

static struct value of_struct_value(const StructValue *v)
{
	return v ? (struct value){.source = VALUE_OF_STRUCT, .structure = v}
		 : (struct value){.source = VALUE_OF_NOTHING};
}

static struct value of_msgpack(const struct msgpack_value *v)
{
	return (struct value){.source = VALUE_OF_MSGPACK, .msgpack = v};
}

struct value value_of_literal(const Literal *lit)
{
	return lit ? (struct value){.source = VALUE_OF_LITERAL, .literal = lit}
		   : (struct value){.source = VALUE_OF_NOTHING};
}

struct value value_of_struct(const Struct *s, struct arena *arena)
{
	StructValue *v = s ? NEW_MESSAGE(arena, google__protobuf__value) : NULL;

	if (v) {
		v->kind_case = STRUCT_(STRUCT_VALUE);
		v->struct_value = (Struct *)s;
	}
	return of_struct_value(v);
}

struct value value_of_msgpack(struct str bytes, struct arena *arena, struct error *err)
{
	struct msgpack_value *v = arena_alloc(arena, sizeof(*v));

	if (!v)
		err_nomem(err, "msgpack");
	else if (msgpack_parse(bytes, arena, v, err) == 0)
		return of_msgpack(v);
	return (struct value){.source = VALUE_OF_NOTHING};
}

/* ---- kinds ----------------------------------------------------------------------------------- */

static enum value_kind kind_of_primitive(const Primitive *p)
{
	switch (p ? p->value_case : PRIMITIVE_(_NOT_SET)) {
	case PRIMITIVE_(INTEGER):
		return VALUE_INTEGER;
	case PRIMITIVE_(FLOAT_VALUE):
		return VALUE_FLOAT;
	case PRIMITIVE_(STRING_VALUE):
		return VALUE_STRING;
	case PRIMITIVE_(BOOLEAN):
		return VALUE_BOOLEAN;
	case PRIMITIVE_(DATETIME):
		return VALUE_DATETIME;
	case PRIMITIVE_(DURATION):
		return VALUE_DURATION;
	default:
		return VALUE_UNSET;
	}
}

static enum value_kind kind_of_scalar(const Scalar *s)
{
	switch (s ? s->value_case : SCALAR_(_NOT_SET)) {
	case SCALAR_(PRIMITIVE):
		return kind_of_primitive(s->primitive);
	case SCALAR_(BLOB):
		return VALUE_BLOB;
	case SCALAR_(BINARY):
		return VALUE_BINARY;
	case SCALAR_(SCHEMA):
		return VALUE_SCHEMA;
	case SCALAR_(NONE_TYPE):
		return VALUE_NONE;
	case SCALAR_(ERROR):
		return VALUE_ERROR;
	case SCALAR_(GENERIC):
		return VALUE_GENERIC;
	case SCALAR_(STRUCTURED_DATASET):
		return VALUE_DATASET;
	case SCALAR_(UNION):
		return VALUE_UNION;
	default:
		return VALUE_UNSET;
	}
}

static enum value_kind kind_of_literal(const Literal *lit)
{
	switch (lit->value_case) {
	case LITERAL_(SCALAR):
		return kind_of_scalar(lit->scalar);
	case LITERAL_(COLLECTION):
		return VALUE_COLLECTION;
	case LITERAL_(MAP):
		return VALUE_MAP;
	case LITERAL_(OFFLOADED_METADATA):
		return VALUE_OFFLOADED;
	default:
		return VALUE_UNSET;
	}
}

static enum value_kind kind_of_struct(const StructValue *v)
{
	switch (v->kind_case) {
	case STRUCT_(NULL_VALUE):
		return VALUE_NONE;
	case STRUCT_(NUMBER_VALUE):
		return VALUE_FLOAT;
	case STRUCT_(STRING_VALUE):
		return VALUE_STRING;
	case STRUCT_(BOOL_VALUE):
		return VALUE_BOOLEAN;
	case STRUCT_(STRUCT_VALUE):
		return VALUE_MAP;
	case STRUCT_(LIST_VALUE):
		return VALUE_COLLECTION;
	default:
		return VALUE_UNSET;
	}
}

static enum value_kind kind_of_msgpack(const struct msgpack_value *v)
{
	switch (v->kind) {
	case MSGPACK_NIL:
		return VALUE_NONE;
	case MSGPACK_BOOLEAN:
		return VALUE_BOOLEAN;
	case MSGPACK_INTEGER:
	case MSGPACK_UNSIGNED:
		return VALUE_INTEGER;
	case MSGPACK_FLOAT:
		return VALUE_FLOAT;
	case MSGPACK_TEXT:
		return VALUE_STRING;
	case MSGPACK_BYTES:
		return VALUE_BINARY;
	case MSGPACK_ARRAY:
		return VALUE_COLLECTION;
	case MSGPACK_MAP:
		return VALUE_MAP;
	}
	return VALUE_UNSET;
}

enum value_kind value_kind(struct value v)
{
	switch (v.source) {
	case VALUE_OF_LITERAL:
		return kind_of_literal(v.literal);
	case VALUE_OF_STRUCT:
		return kind_of_struct(v.structure);
	case VALUE_OF_MSGPACK:
		return kind_of_msgpack(v.msgpack);
	case VALUE_OF_NOTHING:
		break;
	}
	return VALUE_UNSET;
}

/* ---- scalars --------------------------------------------------------------------------------- */

static struct value through_unions(struct value v)
{
	while (v.source == VALUE_OF_LITERAL && literal_union(v.literal))
		v = value_of_literal(literal_union(v.literal)->value);
	return v;
}

/* The primitive of a literal that is of this kind. */
static const Primitive *primitive_of(struct value v, enum value_kind kind)
{
	return v.source == VALUE_OF_LITERAL && value_kind(v) == kind ? v.literal->scalar->primitive
								     : NULL;
}

bool value_i64(struct value v, int64_t *ret)
{
	const Primitive *p;

	v = through_unions(v);
	p = primitive_of(v, VALUE_INTEGER);
	if (p)
		*ret = p->integer;
	else if (v.source == VALUE_OF_MSGPACK && v.msgpack->kind == MSGPACK_INTEGER)
		*ret = v.msgpack->integer;
	else
		return v.source == VALUE_OF_STRUCT && value_kind(v) == VALUE_FLOAT &&
		       whole_to_i64(v.structure->number_value, ret);
	return true;
}

static bool f64_of_msgpack(const struct msgpack_value *m, double *ret)
{
	if (m->kind == MSGPACK_FLOAT)
		*ret = m->number;
	else if (m->kind == MSGPACK_INTEGER)
		*ret = (double)m->integer;
	else if (m->kind == MSGPACK_UNSIGNED)
		*ret = (double)m->unsigned_integer;
	else
		return false;
	return true;
}

bool value_f64(struct value v, double *ret)
{
	v = through_unions(v);
	if (v.source == VALUE_OF_MSGPACK)
		return f64_of_msgpack(v.msgpack, ret);
	if (primitive_of(v, VALUE_FLOAT))
		*ret = v.literal->scalar->primitive->float_value;
	else if (primitive_of(v, VALUE_INTEGER))
		*ret = (double)v.literal->scalar->primitive->integer;
	else if (v.source == VALUE_OF_STRUCT && value_kind(v) == VALUE_FLOAT)
		*ret = v.structure->number_value;
	else
		return false;
	return true;
}

bool value_bool(struct value v, bool *ret)
{
	v = through_unions(v);
	if (value_kind(v) != VALUE_BOOLEAN)
		return false;
	if (v.source == VALUE_OF_LITERAL)
		*ret = v.literal->scalar->primitive->boolean != 0;
	else if (v.source == VALUE_OF_STRUCT)
		*ret = v.structure->bool_value != 0;
	else
		*ret = v.msgpack->boolean;
	return true;
}

bool value_str(struct value v, struct str *ret)
{
	v = through_unions(v);
	if (value_kind(v) != VALUE_STRING)
		return false;
	if (v.source == VALUE_OF_LITERAL)
		*ret = str_of(v.literal->scalar->primitive->string_value);
	else if (v.source == VALUE_OF_STRUCT)
		*ret = str_of(v.structure->string_value);
	else
		*ret = (struct str){v.msgpack->text, v.msgpack->n};
	return true;
}

bool value_bytes(struct value v, struct str *ret)
{
	v = through_unions(v);
	if (value_kind(v) != VALUE_BINARY)
		return false;
	if (v.source == VALUE_OF_MSGPACK) {
		*ret = (struct str){v.msgpack->text, v.msgpack->n};
	} else {
		const ProtobufCBinaryData *b = &v.literal->scalar->binary->value;

		*ret = (struct str){(const char *)b->data, b->len};
	}
	return true;
}

/* ---- containers ------------------------------------------------------------------------------ */

static int compare_entries(const void *a, const void *b)
{
	const LiteralEntry *const *x = a, *const *y = b;

	return strcmp((*x)->key ? (*x)->key : "", (*y)->key ? (*y)->key : "");
}

/* The same literal map with its entries in key order. */
static struct value sorted(const Literal *lit, struct arena *arena, struct error *err)
{
	size_t n = lit->map->n_literals;
	LiteralEntry **from = lit->map->literals;
	bool rising = true;
	Literal *copy;

	for (size_t i = 1; rising && i < n; i++)
		rising = compare_entries(&from[i - 1], &from[i]) <= 0;
	if (rising)
		return value_of_literal(lit);
	copy = arena_memdup(arena, lit, sizeof(*lit));
	if (copy)
		copy->map = arena_memdup(arena, lit->map, sizeof(*lit->map));
	if (copy && copy->map)
		copy->map->literals = arena_memdup(arena, from, n * sizeof(LiteralEntry *));
	if (!copy || !copy->map || !copy->map->literals) {
		err_nomem(err, "map");
		return (struct value){.source = VALUE_OF_NOTHING};
	}
	qsort(copy->map->literals, n, sizeof(LiteralEntry *), compare_entries);
	return value_of_literal(copy);
}

struct value value_open(struct value v, struct arena *arena, struct error *err)
{
	const Flyteidl__Core__Binary *b;
	struct value opened;

	v = through_unions(v);
	if (v.source != VALUE_OF_LITERAL)
		return v;
	b = literal_msgpack(v.literal);
	if (b)
		return value_of_msgpack((struct str){(const char *)b->value.data, b->value.len},
					arena, err);
	switch (value_kind(v)) {
	case VALUE_GENERIC:
		opened = value_of_struct(v.literal->scalar->generic, arena);
		if (opened.source == VALUE_OF_NOTHING)
			err_nomem(err, "struct");
		return opened;
	case VALUE_MAP:
		return sorted(v.literal, arena, err);
	default:
		return v;
	}
}

bool value_len(struct value v, size_t *ret)
{
	enum value_kind kind = value_kind(v);

	if (kind != VALUE_COLLECTION && kind != VALUE_MAP)
		return false;
	if (v.source == VALUE_OF_MSGPACK)
		*ret = v.msgpack->n;
	else if (v.source == VALUE_OF_STRUCT)
		*ret = kind == VALUE_MAP ? v.structure->struct_value->n_fields
					 : v.structure->list_value->n_values;
	else
		*ret = kind == VALUE_MAP ? v.literal->map->n_literals
					 : v.literal->collection->n_literals;
	return true;
}

struct value value_item(struct value v, size_t i)
{
	size_t n;

	if (value_kind(v) != VALUE_COLLECTION || !value_len(v, &n) || i >= n)
		return (struct value){.source = VALUE_OF_NOTHING};
	if (v.source == VALUE_OF_MSGPACK)
		return of_msgpack(&v.msgpack->items[i]);
	if (v.source == VALUE_OF_STRUCT)
		return of_struct_value(v.structure->list_value->values[i]);
	return value_of_literal(v.literal->collection->literals[i]);
}

struct value value_entry(struct value v, size_t i, struct str *ret_key)
{
	size_t n;

	if (value_kind(v) != VALUE_MAP || !value_len(v, &n) || i >= n)
		return (struct value){.source = VALUE_OF_NOTHING};
	if (v.source == VALUE_OF_MSGPACK) {
		*ret_key = v.msgpack->entries[i].key;
		return of_msgpack(&v.msgpack->entries[i].value);
	}
	if (v.source == VALUE_OF_STRUCT) {
		const Google__Protobuf__Struct__FieldsEntry *e =
			v.structure->struct_value->fields[i];

		*ret_key = str_of(e->key);
		return of_struct_value(e->value);
	}
	*ret_key = str_of(v.literal->map->literals[i]->key);
	return value_of_literal(v.literal->map->literals[i]->value);
}

struct value value_get(struct value v, struct str key)
{
	size_t n = 0;
	struct str k = STR_NULL;

	if (value_kind(v) == VALUE_MAP)
		value_len(v, &n);
	for (size_t i = 0; i < n; i++) {
		struct value item = value_entry(v, i, &k);

		if (str_eq(k, key))
			return item;
	}
	return (struct value){.source = VALUE_OF_NOTHING};
}
