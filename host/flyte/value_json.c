#include "flyte/value_json.h"

#include "base/digest.h"
#include "base/whole.h"
#include "flyte/msgpack_value.h"

#include <math.h>

static const struct shape anything = {.type = NULL};

static bool wants_integer(const struct shape *s)
{
	if (s->type)
		return type_is_simple(s->type, SIMPLE_(INTEGER));
	return s->schema && schema_string(s->schema, "type") && schema_allows(s->schema, "integer");
}

/* A Struct stores integers as doubles; one beyond 2^53 may have been another integer. */
static void put_float(struct value v, const struct shape *shape, struct jw *out)
{
	double d = 0;

	value_f64(v, &d);
	if (v.source == VALUE_OF_STRUCT && wants_integer(shape) && is_whole(d) && fabs(d) <= 0x1p53)
		jw_int(out, (int64_t)d);
	else
		jw_float(out, d);
}

static void put_integer(struct value v, struct jw *out)
{
	int64_t i;

	if (value_i64(v, &i))
		jw_int(out, i);
	else
		jw_uint(out, v.msgpack->unsigned_integer);
}

static void put_bytes(struct value v, struct jw *out)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	struct str bytes = STR_NULL;

	value_bytes(v, &bytes);
	base64_encode(bytes.ptr, bytes.len, &text);
	if (text.failed)
		out->out->failed = text.failed;
	else
		jw_str(out, (struct str){text.data, text.len});
}

static void put_list(struct value v, const struct shape *shape, struct jw *out)
{
	struct shape item = shape_item(shape);
	size_t n = 0;

	value_len(v, &n);
	jw_array_begin(out);
	for (size_t i = 0; i < n; i++)
		value_print_json(value_item(v, i), &item, out);
	jw_array_end(out);
}

static void put_map(struct value v, const struct shape *shape, struct jw *out)
{
	size_t n = 0;

	value_len(v, &n);
	jw_object_begin(out);
	for (size_t i = 0; i < n; i++) {
		struct str key = STR_NULL;
		struct value member = value_entry(v, i, &key);
		struct shape field;

		shape_field(shape, key, &field);
		jw_key(out, key);
		value_print_json(member, &field, out);
	}
	jw_object_end(out);
}

/* Recursion is bounded: msgpack and Struct have been decoded with a limit on depth. */
void value_print_json(struct value v, const struct shape *shape, struct jw *out)
{
	struct str s = STR_NULL;
	bool b = false;

	if (!shape)
		shape = &anything;
	switch (value_kind(v)) {
	case VALUE_INTEGER:
		put_integer(v, out);
		break;
	case VALUE_FLOAT:
		put_float(v, shape, out);
		break;
	case VALUE_STRING:
		value_str(v, &s);
		jw_str(out, s);
		break;
	case VALUE_BOOLEAN:
		value_bool(v, &b);
		jw_bool(out, b);
		break;
	case VALUE_BINARY:
		put_bytes(v, out);
		break;
	case VALUE_COLLECTION:
		put_list(v, shape, out);
		break;
	case VALUE_MAP:
		put_map(v, shape, out);
		break;
	default:
		jw_null(out);
	}
}
