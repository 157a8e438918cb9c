#include "flyte/shape.h"

#include "flyte/literal_convert.h"

/* The JSON Schema name of what a value is. */
static const char *json_type(enum value_kind kind)
{
	switch (kind) {
	case VALUE_MAP:
		return "object";
	case VALUE_COLLECTION:
		return "array";
	case VALUE_INTEGER:
		return "integer";
	case VALUE_FLOAT:
		return "number";
	case VALUE_BOOLEAN:
		return "boolean";
	case VALUE_NONE:
		return "null";
	default: /* bytes are text in JSON */
		return "string";
	}
}

static bool has_required(const struct shape *s, const struct candidate *v)
{
	const Google__Protobuf__ListValue *names = schema_list(s->schema, "required");

	for (size_t i = 0; names && i < names->n_values; i++)
		if (names->values[i]->kind_case == STRUCT_(STRING_VALUE) &&
		    !v->has(v->of, names->values[i]->string_value))
			return false;
	return true;
}

static bool takes_text(const LiteralType *t, struct str s)
{
	int64_t seconds;
	int32_t nanos;

	if (t->type_case == TYPE_(ENUM_TYPE))
		return enum_has(t->enum_type, s);
	return type_is_simple(t, SIMPLE_(DATETIME)) && iso_time_parse(s, &seconds, &nanos);
}

/* How well a value fits one of several shapes: 0 not at all, 2 exactly. */
static int fitness_typed(const struct shape *s, const struct candidate *v)
{
	const LiteralType *t = s->type;

	switch (v->kind) {
	case VALUE_INTEGER:
		return shape_wants_integer(s) ? 2 : shape_wants_float(s);
	case VALUE_FLOAT:
		return shape_wants_float(s) ? 2 : shape_wants_integer(s);
	case VALUE_STRING:
		return type_is_simple(t, SIMPLE_(STRING)) ? 1 : 2 * takes_text(t, v->text);
	case VALUE_BOOLEAN:
		return 2 * type_is_simple(t, SIMPLE_(BOOLEAN));
	case VALUE_NONE:
		return 2 * type_is_simple(t, SIMPLE_(NONE));
	case VALUE_COLLECTION:
		return 2 * (t->type_case == TYPE_(COLLECTION_TYPE));
	case VALUE_MAP:
		if (type_is_simple(t, SIMPLE_(STRUCT)))
			return has_required(s, v) ? 2 : 0;
		return t->type_case == TYPE_(MAP_VALUE_TYPE);
	default:
		return 0;
	}
}

static int fitness_schema(const struct shape *s, const struct candidate *v)
{
	if (v->kind == VALUE_MAP && !has_required(s, v))
		return 0;
	if (schema_allows(s->schema, json_type(v->kind)))
		return 2;
	return (v->kind == VALUE_INTEGER || v->kind == VALUE_FLOAT) &&
	       (shape_wants_float(s) || shape_wants_integer(s));
}

static int fitness(const struct shape *s, const struct candidate *v)
{
	if (s->type)
		return fitness_typed(s, v);
	return s->schema ? fitness_schema(s, v) : 1;
}

static void
consider(struct shape candidate, const struct candidate *v, int *best, struct shape *ret)
{
	int fit = fitness(&candidate, v);

	if (fit > *best) {
		*best = fit;
		*ret = candidate;
	}
}

struct shape shape_choose(const struct shape *s, const struct candidate *v)
{
	struct shape chosen = {.type = NULL};
	const Google__Protobuf__ListValue *choices;
	int best = 0;
	bool all;

	if (s->type && s->type->type_case == TYPE_(UNION_TYPE)) {
		for (size_t i = 0; i < s->type->union_type->n_variants; i++)
			consider(shape_variant(s, s->type->union_type->variants[i]), v, &best,
				 &chosen);
		return chosen;
	}
	choices = s->type ? NULL : schema_choices(s->schema, &all);
	if (!choices || schema_get(s->schema, "properties"))
		return *s;
	for (size_t i = 0; i < choices->n_values; i++)
		consider(shape_other(s, choices->values[i]), v, &best, &chosen);
	return chosen;
}
