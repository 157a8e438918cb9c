#include "flyte/literal_convert.h"

#include "base/whole.h"
#include "flyte/shape.h"

#include <stdio.h>

#define DEPTH_MAX 256 /* a document's levels and the schema's choices between them */

/* Choices inside choices may meet the same value again and again: they spend the budget faster. */
#define STEP_COST 15

struct check {
	struct conversion *c;
	unsigned depth;
};

static int
check(struct check *k, const struct place *at, struct value v, const struct shape *shape);

static int mismatch(struct check *k, const struct place *at, const char *expected, struct value got)
{
	_cleanup_(buf_done) struct buf have = BUF_INIT;

	if (!k->c->err)
		return ERR_MISMATCH;
	value_describe(got, &have);
	if (have.failed)
		return convert_nomem(k->c);
	return convert_mismatch(k->c, at, "expected %s, got %s", expected, have.data);
}

static bool is_number(enum value_kind kind)
{
	return kind == VALUE_INTEGER || kind == VALUE_FLOAT;
}

/* Python's True is an integer, and decoders make it a number. */
static bool is_true_or_false(const struct check *k, struct value v)
{
	return !k->c->by_hand && value_kind(v) == VALUE_BOOLEAN;
}

/* Whole floats count: a Struct knows no integers, and decoders take them. */
static bool is_integer(struct value v)
{
	double d;

	return value_kind(v) == VALUE_INTEGER || (value_f64(v, &d) && is_whole(d));
}

/* ---- members --------------------------------------------------------------------------------- */

static const char *closest(const struct shape *shape, const char *typed)
{
	const char *names[64];
	size_t n = 0;

	if (shape->type && shape->type->structure) {
		const Flyteidl__Core__TypeStructure *f = shape->type->structure;

		for (size_t i = 0; i < f->n_dataclass_type && n < ARRAY_LEN(names); i++)
			names[n++] = f->dataclass_type[i]->key;
	} else {
		const Struct *p = schema_object(shape->schema, "properties");

		for (size_t i = 0; p && i < p->n_fields && n < ARRAY_LEN(names); i++)
			names[n++] = p->fields[i]->key;
	}
	return suggest(typed, names, n);
}

static int
tell_unknown(struct check *k, const struct place *at, struct str key, const struct shape *shape)
{
	char name[64];
	const char *meant;

	if (!k->c->err)
		return ERR_MISMATCH;
	snprintf(name, sizeof(name), STR_FMT, (int)MIN(key.len, sizeof(name) - 1),
		 key.ptr ? key.ptr : "");
	meant = closest(shape, name);
	return convert_mismatch(k->c, at, "no such field in the declared type%s%s%s",
				meant ? "; did you mean \"" : "", meant ? meant : "",
				meant ? "\"?" : "");
}

static int
check_members(struct check *k, const struct place *at, struct value v, const struct shape *shape)
{
	size_t n = 0;
	int r = 0;

	value_len(v, &n);
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct str key = STR_NULL;
		struct value member = value_entry(v, i, &key);
		struct place here = place_key(at, key);
		struct shape field;

		if (!shape_field(shape, key, &field) && k->c->write && !k->c->renewal &&
		    shape_is_closed(shape))
			return tell_unknown(k, &here, key, shape);
		r = check(k, &here, member, &field);
	}
	return r;
}

static bool takes_none(const LiteralType *t)
{
	if (t->type_case == TYPE_(UNION_TYPE))
		for (size_t i = 0; i < t->union_type->n_variants; i++)
			if (takes_none(t->union_type->variants[i]))
				return true;
	return type_is_simple(t, SIMPLE_(NONE));
}

static int tell_missing(struct check *k, const struct place *at, const char *name)
{
	return convert_mismatch(k->c, at, "the field \"%s\" is missing", shown(str_of(name)).text);
}

static bool has_typed_field(const Flyteidl__Core__TypeStructure *f, const char *name)
{
	for (size_t i = 0; i < f->n_dataclass_type; i++)
		if (streq(f->dataclass_type[i]->key, name))
			return true;
	return false;
}

/* A model that gives its fields other names in JSON requires those, and may yet be written with its
 * own. Where only the schema is known, members that it does not name may be such. */
static size_t other_names(struct check *k, struct value v, const struct shape *shape)
{
	size_t n = 0, found = 0;

	if (shape->type || k->c->particular || shape_is_closed(shape))
		return 0;
	value_len(v, &n);
	for (size_t i = 0; i < n; i++) {
		struct str key = STR_NULL;
		struct shape field;

		value_entry(v, i, &key);
		found += !shape_field(shape, key, &field);
	}
	return found;
}

static int check_required(struct check *k,
			  const struct place *at,
			  struct value v,
			  const struct shape *shape,
			  const Google__Protobuf__ListValue *required)
{
	const Flyteidl__Core__TypeStructure *f = shape->type ? shape->type->structure : NULL;
	size_t missing = 0;

	for (size_t i = 0; i < required->n_values; i++) {
		const StructValue *name = required->values[i];

		if (name->kind_case != STRUCT_(STRING_VALUE) ||
		    (f && !has_typed_field(f, name->string_value)) ||
		    value_get(v, str_of(name->string_value)).source != VALUE_OF_NOTHING)
			continue;
		if (++missing > other_names(k, v, shape))
			return tell_missing(k, at, name->string_value);
	}
	return 0;
}

/* Without a schema nobody knows which fields have a default; a person had better give them all. */
static int
check_all_there(struct check *k, const struct place *at, struct value v, const struct shape *shape)
{
	const Flyteidl__Core__TypeStructure *f = shape->type->structure;

	for (size_t i = 0; f && i < f->n_dataclass_type; i++)
		if (!takes_none(f->dataclass_type[i]->value) &&
		    value_get(v, str_of(f->dataclass_type[i]->key)).source == VALUE_OF_NOTHING)
			return tell_missing(k, at, f->dataclass_type[i]->key);
	return 0;
}

static int
check_object(struct check *k, const struct place *at, struct value v, const struct shape *shape)
{
	const Google__Protobuf__ListValue *required = schema_list(shape->schema, "required");
	int r = 0;

	if (required)
		r = check_required(k, at, v, shape, required);
	else if (!shape->schema && k->c->by_hand)
		r = check_all_there(k, at, v, shape);
	return r < 0 ? r : check_members(k, at, v, shape);
}

static int
check_items(struct check *k, const struct place *at, struct value v, const struct shape *shape)
{
	struct shape item = shape_item(shape);
	size_t n = 0;
	int r = 0;

	value_len(v, &n);
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct place here = place_index(at, i);

		r = check(k, &here, value_item(v, i), &item);
	}
	return r;
}

/* ---- by literal type ------------------------------------------------------------------------- */

/* Times are ISO text, and numbers when the dataclass says itself how to write them. */
static bool fits_datetime(const struct check *k, struct value v, const struct shape *shape)
{
	int64_t seconds;
	int32_t nanos;
	struct str s;

	if (is_number(value_kind(v)))
		return !k->c->by_hand && shape_may_be(shape, "number");
	return value_str(v, &s) && iso_time_parse(s, &seconds, &nanos);
}

/* Durations are seconds, or ISO text where a schema does not say that they are numbers. */
static bool fits_duration(struct value v, const struct shape *shape)
{
	int64_t seconds;
	int32_t nanos;
	struct str s;
	double d;

	if (value_f64(v, &d))
		return seconds_to_duration(d, &seconds, &nanos);
	return value_str(v, &s) && shape_may_be(shape, "string") &&
	       iso_duration_parse(s, &seconds, &nanos);
}

/* Inside documents; files are {"path": …}. */
static bool fits_simple(struct check *k, struct value v, const struct shape *shape)
{
	enum value_kind kind = value_kind(v);

	switch (shape->type->simple) {
	case SIMPLE_(NONE):
		return kind == VALUE_NONE;
	case SIMPLE_(INTEGER):
		return is_integer(v) || is_true_or_false(k, v);
	case SIMPLE_(FLOAT):
		return is_number(kind) || is_true_or_false(k, v);
	case SIMPLE_(STRING):
		return kind == VALUE_STRING;
	case SIMPLE_(BOOLEAN):
		return kind == VALUE_BOOLEAN;
	case SIMPLE_(DATETIME):
		return fits_datetime(k, v, shape);
	case SIMPLE_(DURATION):
		return fits_duration(v, shape);
	default: /* binary and error have no form of their own here */
		return true;
	}
}

static int
check_union(struct check *k, const struct place *at, struct value v, const struct shape *shape)
{
	const UnionType *u = shape->type->union_type;
	struct error *err = k->c->err;
	int r = ERR_MISMATCH;

	k->c->err = NULL;
	k->c->trying++;
	for (size_t i = 0; r == ERR_MISMATCH && i < u->n_variants; i++) {
		struct shape variant = shape_variant(shape, u->variants[i]);

		r = check(k, at, v, &variant);
	}
	k->c->trying--;
	k->c->err = err;
	return r == ERR_MISMATCH ? convert_expected(k->c, at, shape->type, v) : r;
}

static int
check_typed(struct check *k, const struct place *at, struct value v, const struct shape *shape)
{
	const LiteralType *t = shape->type;
	enum value_kind kind = value_kind(v);
	struct str s;
	bool fits;

	switch (t->type_case) {
	case TYPE_(UNION_TYPE):
		return check_union(k, at, v, shape);
	case TYPE_(COLLECTION_TYPE):
		if (kind == VALUE_COLLECTION)
			return check_items(k, at, v, shape);
		fits = false;
		break;
	case TYPE_(MAP_VALUE_TYPE):
		if (kind == VALUE_MAP)
			return check_members(k, at, v, shape);
		fits = false;
		break;
	case TYPE_(ENUM_TYPE):
		fits = value_str(v, &s) && enum_has(t->enum_type, s);
		break;
	case TYPE_(SIMPLE):
		if (t->simple == SIMPLE_(STRUCT) && kind == VALUE_MAP)
			return check_object(k, at, v, shape);
		fits = t->simple != SIMPLE_(STRUCT) && fits_simple(k, v, shape);
		break;
	default: /* files, tables: objects that each kind of value writes its own way */
		fits = true;
	}
	return fits ? 0 : convert_expected(k->c, at, t, v);
}

/* ---- by JSON schema -------------------------------------------------------------------------- */

static bool schema_takes_number(const Struct *schema)
{
	return schema_allows(schema, "number") || schema_allows(schema, "integer");
}

static bool schema_type_fits(const struct check *k, const Struct *schema, struct value v)
{
	switch (value_kind(v)) {
	case VALUE_NONE:
		return schema_allows(schema, "null");
	case VALUE_BOOLEAN:
		return schema_allows(schema, "boolean") ||
		       (is_true_or_false(k, v) && schema_takes_number(schema));
	case VALUE_INTEGER:
	case VALUE_FLOAT:
		return schema_allows(schema, "number") ||
		       (schema_allows(schema, "integer") && is_integer(v));
	case VALUE_STRING:
	case VALUE_BINARY: /* a schema has no bytes; their JSON is text */
		return schema_allows(schema, "string");
	case VALUE_COLLECTION:
		return schema_allows(schema, "array");
	case VALUE_MAP:
		return schema_allows(schema, "object");
	default:
		return false;
	}
}

static const char *schema_type_name(const Struct *schema)
{
	const char *name = schema_string(schema, "type");

	if (!name)
		return "another type, as the schema says";
	if (streq(name, "number"))
		return "float";
	if (streq(name, "array"))
		return "list";
	if (streq(name, "object"))
		return "map";
	return streq(name, "null") ? "none" : name;
}

/* `enum` of texts; other members are not compared. */
static bool schema_enum_fits(const Struct *schema, struct value v)
{
	const Google__Protobuf__ListValue *values = schema_list(schema, "enum");
	struct str s;

	if (!values || !value_str(v, &s))
		return true;
	for (size_t i = 0; i < values->n_values; i++)
		if (values->values[i]->kind_case != STRUCT_(STRING_VALUE) ||
		    str_is(s, values->values[i]->string_value))
			return true;
	return false;
}

static int check_all(struct check *k,
		     const struct place *at,
		     struct value v,
		     const struct shape *shape,
		     const Google__Protobuf__ListValue *choices)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < choices->n_values; i++) {
		struct shape other = shape_other(shape, choices->values[i]);

		r = check(k, at, v, &other);
	}
	return r;
}

static int check_any(struct check *k,
		     const struct place *at,
		     struct value v,
		     const struct shape *shape,
		     const Google__Protobuf__ListValue *choices)
{
	struct error *err = k->c->err;
	int r = ERR_MISMATCH;

	k->c->err = NULL;
	k->c->trying++;
	for (size_t i = 0; r == ERR_MISMATCH && i < choices->n_values; i++) {
		struct shape other = shape_other(shape, choices->values[i]);

		r = check(k, at, v, &other);
	}
	k->c->trying--;
	k->c->err = err;
	return r == ERR_MISMATCH ? mismatch(k, at, "one of the types that the schema names", v) : r;
}

static int
check_schema(struct check *k, const struct place *at, struct value v, const struct shape *shape)
{
	bool all;
	const Google__Protobuf__ListValue *choices = schema_choices(shape->schema, &all);
	int r = 0;

	if (!schema_type_fits(k, shape->schema, v))
		return mismatch(k, at, schema_type_name(shape->schema), v);
	if (!schema_enum_fits(shape->schema, v))
		return mismatch(k, at, "one of the values that the schema names", v);
	if (choices)
		r = all ? check_all(k, at, v, shape, choices) : check_any(k, at, v, shape, choices);
	if (r == 0 && value_kind(v) == VALUE_MAP)
		r = check_object(k, at, v, shape);
	if (r == 0 && value_kind(v) == VALUE_COLLECTION)
		r = check_items(k, at, v, shape);
	return r;
}

/* ---- both ------------------------------------------------------------------------------------ */

static int check(struct check *k, const struct place *at, struct value v, const struct shape *shape)
{
	int r = convert_step(k->c);

	if (k->c->trying > 0)
		k->c->steps += STEP_COST;
	if (r < 0)
		return r;
	if (!shape->type && !shape->schema)
		return 0;
	if (++k->depth > DEPTH_MAX)
		r = ERR_LIMIT;
	else if (shape->type)
		r = check_typed(k, at, v, shape);
	else
		r = check_schema(k, at, v, shape);
	k->depth--;
	return r;
}

int check_structured(struct conversion *c,
		     const struct place *at,
		     struct value v,
		     const LiteralType *type)
{
	struct check k = {.c = c};
	struct shape shape = shape_of(type);

	return check(&k, at, v, &shape);
}

int check_document(struct conversion *c,
		   const struct place *at,
		   struct value v,
		   const LiteralType *type)
{
	struct shape shape = shape_of(type);
	bool described = shape.type || (shape.root && shape.root->n_fields > 0);

	if (!described && value_kind(v) != VALUE_MAP)
		return convert_expected(c, at, type, v);
	return check_structured(c, at, v, type);
}
