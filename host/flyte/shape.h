/* What is declared about a place inside a structured value: a literal type where the declaration
 * has one (fields of a dataclass), else a JSON schema (the metadata of a struct type), else
 * nothing. */
#pragma once

#include "flyte/literal_parts.h"
#include "flyte/value.h"

struct shape {
	const LiteralType *type; /* wins over the schema */
	const Struct *schema;
	const Struct *root; /* what $ref in the schema points into */
	const Struct
		*beside; /* of a typed field: what the schema around it says about it, or NULL */
};

/* For NULL nothing is declared. */
struct shape shape_of(const LiteralType *type);

/* Of the items of a list. */
struct shape shape_item(const struct shape *s);

/* Of a variant of a union type. */
struct shape shape_variant(const struct shape *s, const LiteralType *variant);

/* Of an object's member. False for members that are not declared; they have the shape that
 * additionalProperties gives them, if any. Members that a dataclass writes by another name, or in
 * a form of their own, are declared without a shape. */
bool shape_field(const struct shape *s, struct str key, struct shape *ret);

/* Another schema for the same place (a member of anyOf), with its $ref followed. */
struct shape shape_other(const struct shape *s, const StructValue *schema);

/* May the JSON of a typed field be of this type? Yes, when no schema says what it is. */
bool shape_may_be(const struct shape *s, const char *json_type);

/* Are members that are not declared forbidden? */
bool shape_is_closed(const struct shape *s);

/* Is it this type, or by a schema that names one type, this JSON type (NULL: none)? */
bool shape_wants(const struct shape *s, Flyteidl__Core__SimpleType simple, const char *json_type);
bool shape_wants_float(const struct shape *s);
bool shape_wants_integer(const struct shape *s);

/* A value as far as it takes part in the choice of its shape. */
struct candidate {
	enum value_kind kind;
	struct str text;                                   /* of a string */
	bool (*has)(const void *object, const char *name); /* of a map: is that a member? */
	const void *of;
};

/* Of a union, or of a schema with choices, the variant that suits the value best; without a shape
 * when none does. What is no choice is itself. */
struct shape shape_choose(const struct shape *s, const struct candidate *v);

/* NULL when absent or of another kind. */
const StructValue *schema_get(const Struct *schema, const char *name);
const Struct *schema_object(const Struct *schema, const char *name);
const Google__Protobuf__ListValue *schema_list(const Struct *schema, const char *name);
const char *schema_string(const Struct *schema, const char *name);

/* Does `type` of the schema name this JSON type, or does it name none at all? */
bool schema_allows(const Struct *schema, const char *json_type);

/* anyOf, oneOf or allOf; NULL when there is none of them. */
const Google__Protobuf__ListValue *schema_choices(const Struct *schema, bool *ret_all);
