#include "flyte/human.h"

#include "base/clock.h"
#include "base/digest.h"
#include "flyte/literal_parts.h"
#include "flyte/shape.h"
#include "flyte/value.h"
#include "flyte/value_json.h"

#define DEPTH_MAX 128 /* no decoder reads deeper literals */

struct printing {
	struct arena arena; /* for sorted maps and parsed msgpack */
	struct jw *out;
	struct error *err;
	unsigned depth;
};

static int print(struct printing *p, const Literal *lit, const LiteralType *type);

/* ---- scalars --------------------------------------------------------------------------------- */

static int print_datetime(struct printing *p, const Google__Protobuf__Timestamp *t)
{
	char text[40];

	if (time_format(t->seconds, t->nanos, text) < 0)
		return err_set(p->err, ERR_INVALID,
			       "a datetime is outside the years 1 to 9999, or its nanoseconds are "
			       "outside 0 to 999999999");
	jw_strz(p->out, text);
	return 0;
}

/* "90.5s": without the zeros with which protobuf fills thousands. */
static int print_duration(struct printing *p, const Google__Protobuf__Duration *d)
{
	char text[40], *end;

	if (duration_format(d->seconds, d->nanos, text) < 0)
		return err_set(p->err, ERR_INVALID,
			       "a duration is outside 10,000 years, or the signs of its seconds "
			       "and nanoseconds differ");
	end = text + strlen(text) - 1; /* the s */
	if (strchr(text, '.'))
		while (end[-1] == '0')
			end--;
	if (end[-1] == '.')
		end--;
	*end++ = 's';
	jw_str(p->out, (struct str){text, (size_t)(end - text)});
	return 0;
}

static int print_bytes(struct printing *p, const Flyteidl__Core__Binary *b)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;

	base64_encode(b->value.data, b->value.len, &text);
	if (text.failed)
		return err_nomem(p->err, "binary");
	jw_object_begin(p->out);
	jw_kv_strz(p->out, "tag", b->tag);
	jw_kv_str(p->out, "base64", (struct str){text.data, text.len});
	jw_object_end(p->out);
	return 0;
}

/* msgpack as the JSON it stands for; other bytes, and msgpack that is none, as bytes. */
static int print_binary(struct printing *p, const Literal *lit, const LiteralType *type)
{
	const Flyteidl__Core__Binary *b = lit->scalar->binary;
	struct shape shape = shape_of(type);
	struct error e = ERROR_INIT;
	struct value v;

	if (type_is_simple(type, SIMPLE_(BINARY)) || !literal_msgpack(lit))
		return print_bytes(p, b);
	v = value_open(value_of_literal(lit), &p->arena, &e);
	if (v.source == VALUE_OF_NOTHING)
		return e.code == ERR_NOMEM ? err_nomem(p->err, "binary") : print_bytes(p, b);
	value_print_json(v, &shape, p->out);
	return 0;
}

static int print_generic(struct printing *p, const Literal *lit, const LiteralType *type)
{
	struct shape shape = shape_of(type);
	struct value v = value_open(value_of_literal(lit), &p->arena, p->err);

	if (v.source == VALUE_OF_NOTHING)
		return err_nomem(p->err, "struct");
	value_print_json(v, &shape, p->out);
	return 0;
}

static int print_uri(struct printing *p, const char *uri, const char *format)
{
	jw_object_begin(p->out);
	jw_kv_strz(p->out, "uri", uri);
	if (format && *format)
		jw_kv_strz(p->out, "format", format);
	jw_object_end(p->out);
	return 0;
}

static int print_blob(struct printing *p, const Blob *b)
{
	return print_uri(p, b->uri,
			 b->metadata && b->metadata->type ? b->metadata->type->format : "");
}

static int print_dataset(struct printing *p, const Flyteidl__Core__StructuredDataset *d)
{
	const DatasetType *t = d->metadata ? d->metadata->structured_dataset_type : NULL;

	return print_uri(p, d->uri, t ? t->format : "");
}

static int print_error(struct printing *p, const Flyteidl__Core__Error *e)
{
	jw_object_begin(p->out);
	jw_kv_strz(p->out, "message", e->message);
	if (*e->failed_node_id)
		jw_kv_strz(p->out, "failed_node_id", e->failed_node_id);
	jw_object_end(p->out);
	return 0;
}

static int print_offloaded(struct printing *p, const Flyteidl__Core__LiteralOffloadedMetadata *o)
{
	jw_object_begin(p->out);
	jw_keyz(p->out, "offloaded");
	jw_object_begin(p->out);
	jw_kv_strz(p->out, "uri", o->uri);
	jw_keyz(p->out, "size_bytes");
	jw_uint(p->out, o->size_bytes);
	jw_object_end(p->out);
	jw_object_end(p->out);
	return 0;
}

/* ---- containers ------------------------------------------------------------------------------ */

static int print_list(struct printing *p, const Literal *lit, const LiteralType *type)
{
	const LiteralType *item =
		type && type->type_case == TYPE_(COLLECTION_TYPE) ? type->collection_type : NULL;
	int r = 0;

	jw_array_begin(p->out);
	for (size_t i = 0; r == 0 && i < lit->collection->n_literals; i++)
		r = print(p, lit->collection->literals[i], item);
	jw_array_end(p->out);
	return r;
}

static int print_map(struct printing *p, const Literal *lit, const LiteralType *type)
{
	const LiteralType *item =
		type && type->type_case == TYPE_(MAP_VALUE_TYPE) ? type->map_value_type : NULL;
	struct value v = value_open(value_of_literal(lit), &p->arena, p->err);
	struct str key = STR_NULL;
	size_t n = 0;
	int r = 0;

	if (v.source == VALUE_OF_NOTHING)
		return err_nomem(p->err, "map");
	value_len(v, &n);
	jw_object_begin(p->out);
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct value member = value_entry(v, i, &key);

		jw_key(p->out, key);
		r = print(p, member.source == VALUE_OF_LITERAL ? member.literal : NULL, item);
	}
	jw_object_end(p->out);
	return r;
}

/* ---- dispatch -------------------------------------------------------------------------------- */

static int print_primitive(struct printing *p, const Primitive *v)
{
	switch (v->value_case) {
	case PRIMITIVE_(INTEGER):
		jw_int(p->out, v->integer);
		return 0;
	case PRIMITIVE_(FLOAT_VALUE):
		jw_float(p->out, v->float_value);
		return 0;
	case PRIMITIVE_(STRING_VALUE):
		jw_strz(p->out, v->string_value);
		return 0;
	case PRIMITIVE_(BOOLEAN):
		jw_bool(p->out, v->boolean != 0);
		return 0;
	case PRIMITIVE_(DATETIME):
		return print_datetime(p, v->datetime);
	case PRIMITIVE_(DURATION):
		return print_duration(p, v->duration);
	default:
		jw_null(p->out);
		return 0;
	}
}

static int print_scalar(struct printing *p, const Literal *lit, const LiteralType *type)
{
	const Scalar *s = lit->scalar;

	switch (value_kind(value_of_literal(lit))) {
	case VALUE_BINARY:
		return print_binary(p, lit, type);
	case VALUE_BLOB:
		return print_blob(p, s->blob);
	case VALUE_SCHEMA:
		return print_uri(p, s->schema->uri, "");
	case VALUE_DATASET:
		return print_dataset(p, s->structured_dataset);
	case VALUE_GENERIC:
		return print_generic(p, lit, type);
	case VALUE_ERROR:
		return print_error(p, s->error);
	case VALUE_UNION:
		return print(p, s->union_->value, s->union_->type);
	case VALUE_NONE:
	case VALUE_UNSET:
		jw_null(p->out);
		return 0;
	default:
		return print_primitive(p, s->primitive);
	}
}

static int print_kind(struct printing *p, const Literal *lit, const LiteralType *type)
{
	switch (value_kind(value_of_literal(lit))) {
	case VALUE_COLLECTION:
		return print_list(p, lit, type);
	case VALUE_MAP:
		return print_map(p, lit, type);
	case VALUE_OFFLOADED:
		return print_offloaded(p, lit->offloaded_metadata);
	case VALUE_UNSET:
		jw_null(p->out);
		return 0;
	default:
		return print_scalar(p, lit, type);
	}
}

static int print(struct printing *p, const Literal *lit, const LiteralType *type)
{
	int r;

	if (++p->depth > DEPTH_MAX)
		r = err_set(p->err, ERR_LIMIT, "a value nested more than %d levels deep",
			    DEPTH_MAX);
	else
		r = print_kind(p, lit, type);
	p->depth--;
	return r;
}

int human_print(const Literal *lit, const LiteralType *type, struct jw *out, struct error *err)
{
	struct printing p = {.out = out, .err = err};
	int r;

	arena_init(&p.arena, 0);
	r = print(&p, lit, type);
	arena_done(&p.arena);
	return r < 0 ? r : buf_check(out->out, "JSON of a value", err);
}
