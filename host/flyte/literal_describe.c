#include "flyte/literal_convert.h"

#include "base/clock.h"
#include "flyte/value.h"

#include <inttypes.h>

/* Descriptions stand in sentences: long ones lose their rest. */
#define NAMES_SHOWN  12
#define DEPTH_SHOWN  8
#define LENGTH_SHOWN 1024

/* ---- types ----------------------------------------------------------------------------------- */

static void put_type(const LiteralType *t, unsigned depth, bool nested, struct buf *out);

static const char *simple_name(Flyteidl__Core__SimpleType simple)
{
	static const char *const names[] = {
		[SIMPLE_(NONE)] = "none",         [SIMPLE_(INTEGER)] = "integer",
		[SIMPLE_(FLOAT)] = "float",       [SIMPLE_(STRING)] = "string",
		[SIMPLE_(BOOLEAN)] = "boolean",   [SIMPLE_(DATETIME)] = "datetime",
		[SIMPLE_(DURATION)] = "duration", [SIMPLE_(BINARY)] = "binary",
		[SIMPLE_(ERROR)] = "error",       [SIMPLE_(STRUCT)] = "struct",
	};

	return (size_t)simple < ARRAY_LEN(names) ? names[simple] : "unknown type";
}

/* The title of a struct's JSON schema, the name of its class; "" when it has none. */
static const char *struct_title(const LiteralType *t)
{
	const Struct *s = t->metadata;

	for (size_t i = 0; s && i < s->n_fields; i++) {
		const StructValue *v = s->fields[i]->value;

		if (streq(s->fields[i]->key, "title") && v->kind_case == STRUCT_(STRING_VALUE))
			return v->string_value;
	}
	return "";
}

static void put_simple(const LiteralType *t, struct buf *out)
{
	const char *title = t->simple == SIMPLE_(STRUCT) ? struct_title(t) : "";

	buf_puts(out, simple_name(t->simple));
	if (*title) {
		buf_putc(out, ' ');
		buf_puts(out, shown(str_of(title)).text);
	}
}

static void put_enum(const EnumType *e, struct buf *out)
{
	buf_puts(out, "enum(");
	for (size_t i = 0; i < e->n_values; i++) {
		if (i > 0)
			buf_puts(out, ", ");
		if (i == NAMES_SHOWN) {
			buf_puts(out, "…");
			break;
		}
		buf_puts(out, shown(str_of(e->values[i])).text);
	}
	buf_putc(out, ')');
}

static void put_format(const char *format, struct buf *out)
{
	if (!format || !*format)
		return;
	buf_puts(out, " (");
	buf_puts(out, shown(str_of(format)).text);
	buf_putc(out, ')');
}

static void put_union(const UnionType *u, unsigned depth, bool nested, struct buf *out)
{
	if (u->n_variants == 0)
		buf_puts(out, "union of nothing");
	if (nested && u->n_variants > 1)
		buf_putc(out, '(');
	for (size_t i = 0; i < u->n_variants; i++) {
		if (i > 0)
			buf_puts(out, " or ");
		if (i == NAMES_SHOWN) {
			buf_puts(out, "…");
			break;
		}
		put_type(u->variants[i], depth + 1, true, out);
	}
	if (nested && u->n_variants > 1)
		buf_putc(out, ')');
}

static void put_type(const LiteralType *t, unsigned depth, bool nested, struct buf *out)
{
	if (depth > DEPTH_SHOWN || out->len > LENGTH_SHOWN) {
		buf_puts(out, "…");
		return;
	}
	switch (t ? t->type_case : TYPE_(_NOT_SET)) {
	case TYPE_(SIMPLE):
		put_simple(t, out);
		break;
	case TYPE_(COLLECTION_TYPE):
		buf_puts(out, "list of ");
		put_type(t->collection_type, depth + 1, true, out);
		break;
	case TYPE_(MAP_VALUE_TYPE):
		buf_puts(out, "map of ");
		put_type(t->map_value_type, depth + 1, true, out);
		break;
	case TYPE_(BLOB):
		buf_puts(out, t->blob->dimensionality == MULTIPART ? "directory" : "file");
		put_format(t->blob->format, out);
		break;
	case TYPE_(SCHEMA):
		buf_puts(out, "schema");
		break;
	case TYPE_(STRUCTURED_DATASET_TYPE):
		buf_puts(out, "structured dataset");
		put_format(t->structured_dataset_type->format, out);
		break;
	case TYPE_(ENUM_TYPE):
		put_enum(t->enum_type, out);
		break;
	case TYPE_(UNION_TYPE):
		put_union(t->union_type, depth, nested, out);
		break;
	default:
		buf_puts(out, "no type");
	}
}

void type_describe(const LiteralType *type, struct buf *out)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;

	put_type(type, 0, false, &text);
	if (text.failed)
		out->failed = out->failed ? out->failed : text.failed;
	else
		buf_append(out, text.data, text.len);
}

/* ---- literals -------------------------------------------------------------------------------- */

static void put_quoted(struct str s, const char *what, struct buf *out)
{
	buf_printf(out, "%s \"", what);
	buf_puts(out, shown(s).text);
	buf_putc(out, '"');
}

static void put_time(const Primitive *p, struct buf *out)
{
	char text[40];
	bool is_time = p->value_case == PRIMITIVE_(DATETIME);
	int r = is_time ? time_format(p->datetime->seconds, p->datetime->nanos, text)
			: duration_format(p->duration->seconds, p->duration->nanos, text);

	buf_printf(out, "%s %s", is_time ? "datetime" : "duration", r == 0 ? text : "out of range");
}

static void put_blob(const Blob *b, struct buf *out)
{
	const BlobType *t = b->metadata ? b->metadata->type : NULL;

	put_quoted(str_of(b->uri), t && t->dimensionality == MULTIPART ? "directory" : "file", out);
	if (t)
		put_format(t->format, out);
}

static void put_number(const Primitive *p, struct buf *out)
{
	char number[32];

	if (p->value_case == PRIMITIVE_(INTEGER)) {
		buf_printf(out, "integer %" PRId64, p->integer);
		return;
	}
	format_double(p->float_value, number);
	buf_printf(out, "float %s", number);
}

static void put_binary(const Flyteidl__Core__Binary *b, struct buf *out)
{
	buf_puts(out, "binary");
	put_format(b->tag, out);
}

static void put_literal(const Literal *lit, struct buf *out)
{
	const Scalar *s = literal_scalar(lit);

	if (!lit) {
		buf_puts(out, "no value");
		return;
	}
	switch (value_kind(value_of_literal(lit))) {
	case VALUE_INTEGER:
	case VALUE_FLOAT:
		put_number(s->primitive, out);
		break;
	case VALUE_STRING:
		put_quoted(str_of(s->primitive->string_value), "string", out);
		break;
	case VALUE_BOOLEAN:
		buf_puts(out, s->primitive->boolean ? "boolean true" : "boolean false");
		break;
	case VALUE_DATETIME:
	case VALUE_DURATION:
		put_time(s->primitive, out);
		break;
	case VALUE_NONE:
		buf_puts(out, "none");
		break;
	case VALUE_BINARY:
		put_binary(s->binary, out);
		break;
	case VALUE_BLOB:
		put_blob(s->blob, out);
		break;
	case VALUE_SCHEMA:
		put_quoted(str_of(s->schema->uri), "schema", out);
		break;
	case VALUE_DATASET:
		put_quoted(str_of(s->structured_dataset->uri), "structured dataset", out);
		break;
	case VALUE_GENERIC:
		buf_puts(out, "struct");
		break;
	case VALUE_UNION:
		buf_puts(out, "union");
		break;
	case VALUE_ERROR:
		put_quoted(str_of(s->error->message), "error", out);
		break;
	case VALUE_COLLECTION:
		buf_printf(out, "list of %zu", lit->collection->n_literals);
		break;
	case VALUE_MAP:
		buf_printf(out, "map of %zu", lit->map->n_literals);
		break;
	case VALUE_OFFLOADED:
		put_quoted(str_of(lit->offloaded_metadata->uri), "offloaded value", out);
		break;
	case VALUE_UNSET:
		buf_puts(out, "no value");
		break;
	}
}

void literal_describe(const Literal *lit, struct buf *out)
{
	if (literal_union(lit))
		buf_puts(out, "union with ");
	while (literal_union(lit))
		lit = literal_union(lit)->value;
	put_literal(lit, out);
}

/* Of a value inside a document. */
static void put_inner(struct value v, struct buf *out)
{
	char number[32];
	struct str s;
	size_t n = 0;
	int64_t i;
	double d = 0;

	switch (value_kind(v)) {
	case VALUE_INTEGER:
		if (value_i64(v, &i))
			buf_printf(out, "integer %" PRId64, i);
		else
			buf_puts(out, "an integer above 9223372036854775807");
		break;
	case VALUE_FLOAT:
		value_f64(v, &d);
		format_double(d, number);
		buf_printf(out, "float %s", number);
		break;
	case VALUE_STRING:
		value_str(v, &s);
		put_quoted(s, "string", out);
		break;
	case VALUE_BOOLEAN:
		buf_puts(out, "boolean");
		break;
	case VALUE_NONE:
		buf_puts(out, "none");
		break;
	case VALUE_BINARY:
		buf_puts(out, "bytes");
		break;
	case VALUE_COLLECTION:
	case VALUE_MAP:
		value_len(v, &n);
		buf_printf(out, "%s of %zu", value_kind(v) == VALUE_MAP ? "map" : "list", n);
		break;
	default:
		buf_puts(out, "no value");
	}
}

void value_describe(struct value v, struct buf *out)
{
	if (v.source == VALUE_OF_STRUCT || v.source == VALUE_OF_MSGPACK)
		put_inner(v, out);
	else
		literal_describe(v.source == VALUE_OF_LITERAL ? v.literal : NULL, out);
}
