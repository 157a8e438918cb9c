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

static bool has_member(const void *object, const char *name)
{
	return json_object_get(object, name) != NULL;
}

/* Of a union, or of a schema with choices, the variant that suits the value. */
static struct shape choose(const struct shape *s, const json_t *j)
{
	static const enum value_kind kinds[] = {
		[JSON_OBJECT] = VALUE_MAP,    [JSON_ARRAY] = VALUE_COLLECTION,
		[JSON_STRING] = VALUE_STRING, [JSON_INTEGER] = VALUE_INTEGER,
		[JSON_REAL] = VALUE_FLOAT,    [JSON_TRUE] = VALUE_BOOLEAN,
		[JSON_FALSE] = VALUE_BOOLEAN, [JSON_NULL] = VALUE_NONE,
	};
	struct candidate v = {.kind = kinds[json_typeof(j)], .has = has_member, .of = j};

	if (json_is_string(j))
		v.text = (struct str){json_string_value(j), json_string_length(j)};
	return shape_choose(s, &v);
}

/* ---- scalars --------------------------------------------------------------------------------- */

static void pack_number(struct packing *p, const json_t *j, const struct shape *shape)
{
	bool integer = shape_wants_integer(shape);
	bool real = shape_wants_float(shape) || shape_wants(shape, SIMPLE_(DURATION), NULL);
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

	if (shape_wants(shape, SIMPLE_(DATETIME), NULL) && iso_time_parse(s, &seconds, &nanos)) {
		pack_time(p, seconds, nanos);
	} else if (shape_wants(shape, SIMPLE_(DURATION), NULL) && parse_duration(s, &ns)) {
		msgpack_pack_double(&p->packer, (double)ns / SECOND_NS);
	} else if (shape_wants(shape, SIMPLE_(DURATION), NULL) && !shape_may_be(shape, "string") &&
		   iso_duration_parse(s, &seconds, &nanos)) {
		msgpack_pack_double(&p->packer, (double)seconds + nanos / SECOND_NS);
	} else if (shape_wants(shape, SIMPLE_(FLOAT), NULL) && parse_double(s, &d) &&
		   !isfinite(d)) {
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
