#include "flyte/shape.h"

#define REFS_MAX 32 /* references that lead to references */

/* ---- schemas --------------------------------------------------------------------------------- */

static const StructValue *struct_get(const Struct *s, struct str key)
{
	for (size_t i = 0; s && i < s->n_fields; i++)
		if (str_is(key, s->fields[i]->key))
			return s->fields[i]->value;
	return NULL;
}

static const Struct *as_object(const StructValue *v)
{
	return v && v->kind_case == STRUCT_(STRUCT_VALUE) ? v->struct_value : NULL;
}

const StructValue *schema_get(const Struct *schema, const char *name)
{
	return struct_get(schema, str_of(name));
}

const Struct *schema_object(const Struct *schema, const char *name)
{
	return as_object(schema_get(schema, name));
}

const Google__Protobuf__ListValue *schema_list(const Struct *schema, const char *name)
{
	const StructValue *v = schema_get(schema, name);

	return v && v->kind_case == STRUCT_(LIST_VALUE) ? v->list_value : NULL;
}

const char *schema_string(const Struct *schema, const char *name)
{
	const StructValue *v = schema_get(schema, name);

	return v && v->kind_case == STRUCT_(STRING_VALUE) ? v->string_value : NULL;
}

bool schema_allows(const Struct *schema, const char *json_type)
{
	const char *one = schema_string(schema, "type");
	const Google__Protobuf__ListValue *several = schema_list(schema, "type");

	if (one)
		return streq(one, json_type);
	for (size_t i = 0; several && i < several->n_values; i++)
		if (several->values[i]->kind_case == STRUCT_(STRING_VALUE) &&
		    streq(several->values[i]->string_value, json_type))
			return true;
	return !several;
}

const Google__Protobuf__ListValue *schema_choices(const Struct *schema, bool *ret_all)
{
	const Google__Protobuf__ListValue *list = schema_list(schema, "anyOf");

	*ret_all = false;
	if (!list)
		list = schema_list(schema, "oneOf");
	if (!list) {
		list = schema_list(schema, "allOf");
		*ret_all = list != NULL;
	}
	return list;
}

/* "#/definitions/Inner" inside the root; NULL when it leads nowhere. */
static const Struct *resolve(const Struct *root, const char *ref)
{
	const Struct *in = root;

	if (streq(ref, "#"))
		return root;
	if (strncmp(ref, "#/", 2) != 0)
		return NULL;
	for (const char *at = ref + 2, *end; in && *at; at = *end ? end + 1 : end) {
		end = strchrnul(at, '/');
		in = as_object(struct_get(in, (struct str){at, (size_t)(end - at)}));
	}
	return in;
}

/* A reference that leads nowhere, or round in circles, declares nothing. */
static const Struct *follow_refs(const Struct *root, const Struct *schema)
{
	const char *ref;

	for (int i = 0; i < REFS_MAX; i++) {
		ref = schema_string(schema, "$ref");
		if (!ref)
			return schema;
		schema = resolve(root, ref);
	}
	return NULL;
}

/* ---- shapes ---------------------------------------------------------------------------------- */

struct shape shape_other(const struct shape *s, const StructValue *schema)
{
	return (struct shape){.schema = follow_refs(s->root, as_object(schema)), .root = s->root};
}

static bool has_fields(const LiteralType *t)
{
	return t->structure && t->structure->n_dataclass_type > 0;
}

/* pydantic's RootModel: its document is the field itself, which only the schema tells. */
static bool is_only_root(const LiteralType *t, const Struct *schema)
{
	return schema && t->structure->n_dataclass_type == 1 &&
	       streq(t->structure->dataclass_type[0]->key, "root") &&
	       !schema_get(schema_object(schema, "properties"), "root");
}

struct shape shape_of(const LiteralType *type)
{
	struct shape s = {.type = type};

	if (!type_is_simple(type, SIMPLE_(STRUCT)))
		return s;
	s.root = type->metadata;
	s.schema = follow_refs(s.root, type->metadata);
	if (!has_fields(type) || is_only_root(type, s.schema))
		s.type = NULL;
	return s;
}

static struct shape shape_beside(const LiteralType *type, const Struct *root, const StructValue *v)
{
	struct shape s = shape_of(type);

	if (s.schema)
		return s; /* a type with a schema of its own */
	s.root = root;
	s.beside = follow_refs(root, as_object(v));
	return s;
}

struct shape shape_variant(const struct shape *s, const LiteralType *variant)
{
	struct shape v = shape_of(variant);

	if (v.schema)
		return v;
	v.root = s->root;
	v.beside = s->beside;
	return v;
}

struct shape shape_item(const struct shape *s)
{
	if (!s->type)
		return shape_other(s, schema_get(s->schema, "items"));
	if (s->type->type_case != TYPE_(COLLECTION_TYPE))
		return (struct shape){.type = NULL};
	return shape_beside(s->type->collection_type, s->root, schema_get(s->beside, "items"));
}

/* mashumaro describes a field that has its own way to be written by {}. */
static bool says_nothing(const StructValue *v)
{
	static const char *const words[] = {"type",  "$ref",  "enum", "const",
					    "anyOf", "oneOf", "allOf"};
	const Struct *s = as_object(v);

	for (size_t i = 0; s && i < ARRAY_LEN(words); i++)
		if (schema_get(s, words[i]))
			return false;
	return s != NULL;
}

static bool dataclass_field(const struct shape *s, struct str key, struct shape *ret)
{
	const Flyteidl__Core__TypeStructure *f = s->type->structure;
	const StructValue *v = struct_get(schema_object(s->schema, "properties"), key);

	for (size_t i = 0; f && i < f->n_dataclass_type; i++) {
		if (str_is(key, f->dataclass_type[i]->key)) {
			if (!says_nothing(v))
				*ret = shape_beside(f->dataclass_type[i]->value, s->root, v);
			return true;
		}
	}
	return v != NULL;
}

static bool typed_field(const struct shape *s, struct str key, struct shape *ret)
{
	*ret = (struct shape){.type = NULL};
	if (s->type->type_case == TYPE_(MAP_VALUE_TYPE)) {
		*ret = shape_beside(s->type->map_value_type, s->root,
				    schema_get(s->beside, "additionalProperties"));
		return true;
	}
	return dataclass_field(s, key, ret);
}

bool shape_may_be(const struct shape *s, const char *json_type)
{
	bool all;
	const Google__Protobuf__ListValue *choices = schema_choices(s->beside, &all);

	if (!choices)
		return schema_allows(s->beside, json_type);
	for (size_t i = 0; i < choices->n_values; i++)
		if (schema_allows(as_object(choices->values[i]), json_type))
			return true;
	return false;
}

bool shape_field(const struct shape *s, struct str key, struct shape *ret)
{
	const StructValue *v;

	if (s->type)
		return typed_field(s, key, ret);
	v = struct_get(schema_object(s->schema, "properties"), key);
	*ret = shape_other(s, v ? v : schema_get(s->schema, "additionalProperties"));
	return v != NULL;
}

bool shape_is_closed(const struct shape *s)
{
	const StructValue *v = schema_get(s->schema, "additionalProperties");

	return v && v->kind_case == STRUCT_(BOOL_VALUE) && !v->bool_value;
}

bool shape_wants(const struct shape *s, Flyteidl__Core__SimpleType simple, const char *json_type)
{
	if (s->type)
		return type_is_simple(s->type, simple);
	return json_type && s->schema && schema_string(s->schema, "type") &&
	       schema_allows(s->schema, json_type);
}

bool shape_wants_float(const struct shape *s)
{
	return shape_wants(s, SIMPLE_(FLOAT), "number");
}

bool shape_wants_integer(const struct shape *s)
{
	return shape_wants(s, SIMPLE_(INTEGER), "integer");
}
