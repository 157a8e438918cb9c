#include "flyte/msgpack.h"

#include "base/clock.h"
#include "base/whole.h"
#include "flyte/literal_convert.h"
#include "flyte/msgpack_value.h"
#include "flyte/msgpack_write.h"
#include "flyte/shape.h"

#include <math.h>
#include <stdio.h>

#define SECOND_NS 1e9

struct packing {
	msgpack_packer packer;
	struct buf *out;
	struct error *err;
};

static int pack(struct packing *p, const json_t *j, const struct shape *shape, unsigned depth);

/* ---- what is declared ------------------------------------------------------------------------ */

static bool wants(const struct shape *s, Flyteidl__Core__SimpleType simple, const char *json_type)
{
	if (s->type)
		return type_is_simple(s->type, simple);
	return json_type && s->schema && schema_string(s->schema, "type") &&
	       schema_allows(s->schema, json_type);
}

static bool wants_float(const struct shape *s)
{
	return wants(s, SIMPLE_(FLOAT), "number");
}

static bool wants_integer(const struct shape *s)
{
	return wants(s, SIMPLE_(INTEGER), "integer");
}

static bool has_required(const struct shape *s, const json_t *object)
{
	const Google__Protobuf__ListValue *names = schema_list(s->schema, "required");

	for (size_t i = 0; names && i < names->n_values; i++)
		if (names->values[i]->kind_case == STRUCT_(STRING_VALUE) &&
		    !json_object_get(object, names->values[i]->string_value))
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
static int fitness_typed(const struct shape *s, const json_t *j)
{
	const LiteralType *t = s->type;

	switch (json_typeof(j)) {
	case JSON_INTEGER:
		return wants_integer(s) ? 2 : wants_float(s);
	case JSON_REAL:
		return wants_float(s) ? 2 : wants_integer(s);
	case JSON_STRING:
		return type_is_simple(t, SIMPLE_(STRING))
			       ? 1
			       : 2 * takes_text(t, (struct str){json_string_value(j),
								json_string_length(j)});
	case JSON_TRUE:
	case JSON_FALSE:
		return 2 * type_is_simple(t, SIMPLE_(BOOLEAN));
	case JSON_NULL:
		return 2 * type_is_simple(t, SIMPLE_(NONE));
	case JSON_ARRAY:
		return 2 * (t->type_case == TYPE_(COLLECTION_TYPE));
	case JSON_OBJECT:
		if (type_is_simple(t, SIMPLE_(STRUCT)))
			return has_required(s, j) ? 2 : 0;
		return t->type_case == TYPE_(MAP_VALUE_TYPE);
	}
	return 0;
}

static int fitness_schema(const struct shape *s, const json_t *j)
{
	static const char *const names[] = {
		[JSON_OBJECT] = "object",   [JSON_ARRAY] = "array", [JSON_STRING] = "string",
		[JSON_INTEGER] = "integer", [JSON_REAL] = "number", [JSON_TRUE] = "boolean",
		[JSON_FALSE] = "boolean",   [JSON_NULL] = "null",
	};

	if (json_is_object(j) && !has_required(s, j))
		return 0;
	if (schema_allows(s->schema, names[json_typeof(j)]))
		return 2;
	return json_is_number(j) && (wants_float(s) || wants_integer(s));
}

static int fitness(const struct shape *s, const json_t *j)
{
	if (s->type)
		return fitness_typed(s, j);
	return s->schema ? fitness_schema(s, j) : 1;
}

static void consider(struct shape candidate, const json_t *j, int *best, struct shape *ret)
{
	int fit = fitness(&candidate, j);

	if (fit > *best) {
		*best = fit;
		*ret = candidate;
	}
}

/* Of a union, or of a schema with choices, the variant that suits the value. */
static struct shape choose(const struct shape *s, const json_t *j)
{
	struct shape chosen = {.type = NULL};
	const Google__Protobuf__ListValue *choices;
	int best = 0;
	bool all;

	if (s->type && s->type->type_case == TYPE_(UNION_TYPE)) {
		for (size_t i = 0; i < s->type->union_type->n_variants; i++)
			consider(shape_of(s->type->union_type->variants[i]), j, &best, &chosen);
		return chosen;
	}
	choices = s->type ? NULL : schema_choices(s->schema, &all);
	if (!choices || schema_get(s->schema, "properties"))
		return *s;
	for (size_t i = 0; i < choices->n_values; i++)
		consider(shape_other(s, choices->values[i]), j, &best, &chosen);
	return chosen;
}

/* ---- scalars --------------------------------------------------------------------------------- */

static void pack_number(struct packing *p, const json_t *j, const struct shape *shape)
{
	bool integer = wants_integer(shape);
	bool real = wants_float(shape) || wants(shape, SIMPLE_(DURATION), NULL);
	double d = json_number_value(j);

	if (json_is_integer(j) && (integer || !real))
		msgpack_pack_int64(&p->packer, json_integer_value(j));
	else if (integer && !real && is_whole(d) && fabs(d) <= 0x1p53)
		msgpack_pack_int64(&p->packer, (int64_t)d);
	else
		msgpack_pack_double(&p->packer, d);
}

/* As Python's isoformat writes it, in UTC. */
static void pack_time(struct packing *p, int64_t seconds, int32_t nanos)
{
	static const size_t date_and_time = sizeof("2024-01-02T03:04:05") - 1;
	char text[40], fraction[16] = "";
	_cleanup_(buf_done) struct buf iso = BUF_INIT;

	if (nanos / 1000 > 0)
		snprintf(fraction, sizeof(fraction), ".%06d", nanos / 1000);
	if (time_format(seconds, 0, text) == 0)
		buf_append(&iso, text, date_and_time);
	buf_puts(&iso, fraction);
	buf_puts(&iso, "+00:00");
	if (iso.failed)
		p->out->failed = iso.failed;
	msgpack_put_text(&p->packer, (struct str){iso.data, iso.len});
}

static void pack_text(struct packing *p, struct str s, const struct shape *shape)
{
	int64_t seconds, ns;
	int32_t nanos;
	double d;

	if (wants(shape, SIMPLE_(DATETIME), NULL) && iso_time_parse(s, &seconds, &nanos)) {
		pack_time(p, seconds, nanos);
	} else if (wants(shape, SIMPLE_(DURATION), NULL) && parse_duration(s, &ns)) {
		msgpack_pack_double(&p->packer, (double)ns / SECOND_NS);
	} else if (wants(shape, SIMPLE_(DURATION), NULL) && !shape_may_be(shape, "string") &&
		   iso_duration_parse(s, &seconds, &nanos)) {
		msgpack_pack_double(&p->packer, (double)seconds + nanos / SECOND_NS);
	} else if (wants(shape, SIMPLE_(FLOAT), NULL) && parse_double(s, &d) && !isfinite(d)) {
		msgpack_pack_double(&p->packer, d);
	} else if (shape->type && shape->type->type_case == TYPE_(BLOB)) {
		msgpack_pack_map(&p->packer, 1);
		msgpack_put_text(&p->packer, STR("path"));
		msgpack_put_text(&p->packer, s);
	} else {
		msgpack_put_text(&p->packer, s);
	}
}

/* ---- containers ------------------------------------------------------------------------------ */

static int pack_list(struct packing *p, const json_t *j, const struct shape *shape, unsigned depth)
{
	struct shape item = shape_item(shape);
	int r = 0;

	msgpack_pack_array(&p->packer, json_array_size(j));
	for (size_t i = 0; r == 0 && i < json_array_size(j); i++)
		r = pack(p, json_array_get(j, i), &item, depth + 1);
	return r;
}

static int
pack_object(struct packing *p, const json_t *j, const struct shape *shape, unsigned depth)
{
	json_t *object = (json_t *)j; /* iterating changes nothing */
	int r = 0;

	msgpack_pack_map(&p->packer, json_object_size(j));
	for (void *i = json_object_iter(object); r == 0 && i;
	     i = json_object_iter_next(object, i)) {
		struct str key = {json_object_iter_key(i), json_object_iter_key_len(i)};
		struct shape field;

		shape_field(shape, key, &field);
		msgpack_put_text(&p->packer, key);
		r = pack(p, json_object_iter_value(i), &field, depth + 1);
	}
	return r;
}

static int pack(struct packing *p, const json_t *j, const struct shape *declared, unsigned depth)
{
	struct shape shape = choose(declared, j);

	switch (json_typeof(j)) {
	case JSON_OBJECT:
	case JSON_ARRAY:
		if (depth >= MSGPACK_DEPTH)
			return err_set(p->err, ERR_LIMIT, "nested more than %d levels deep",
				       MSGPACK_DEPTH);
		return json_is_object(j) ? pack_object(p, j, &shape, depth)
					 : pack_list(p, j, &shape, depth);
	case JSON_STRING:
		pack_text(p, (struct str){json_string_value(j), json_string_length(j)}, &shape);
		break;
	case JSON_INTEGER:
	case JSON_REAL:
		pack_number(p, j, &shape);
		break;
	case JSON_TRUE:
		msgpack_pack_true(&p->packer);
		break;
	case JSON_FALSE:
		msgpack_pack_false(&p->packer);
		break;
	case JSON_NULL:
		msgpack_pack_nil(&p->packer);
		break;
	}
	return 0;
}

int msgpack_from_json(const json_t *j, const LiteralType *type, struct buf *out, struct error *err)
{
	struct packing p = {.out = out, .err = err};
	struct shape shape = shape_of(type);
	int r;

	msgpack_packer_for(&p.packer, out);
	r = pack(&p, j, &shape, 0);
	return r < 0 ? r : buf_check(out, "msgpack", err);
}
