#include "flyte/pbjson.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/mem.h"
#include "flyte/message_path.h"
#include "flyte/pbjson_number.h"
#include "flyte/wire.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct printer {
	struct jw w;
	struct error *err;
	bool any_number; /* also where JSON has none */
};

struct map_item {
	struct str key;
	struct str entry;
	size_t index;
};

static int print_message(struct printer *p, struct path_frame *f, struct str wire, unsigned depth);

/* ---- scalars --------------------------------------------------------------------------------- */

static void print_enum(struct printer *p, const struct enum_desc *e, int32_t number)
{
	const struct enum_value *v = enum_value_of(e, number);

	if (streq(e->name, "google.protobuf.NullValue"))
		jw_null(&p->w);
	else if (v)
		jw_strz(&p->w, v->name);
	else
		jw_int(&p->w, number);
}

static int print_bytes(struct printer *p, const struct path_frame *f, struct str bytes)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	int r;

	base64_encode(bytes.ptr, bytes.len, &text);
	r = buf_check(&text, f->field->name, p->err);
	if (r == 0)
		jw_str(&p->w, (struct str){text.data, text.len});
	return r;
}

/* `bits` of a number, `bytes` of the rest. */
static int print_value(struct printer *p,
		       const struct path_frame *f,
		       uint64_t bits,
		       struct str bytes,
		       unsigned depth)
{
	struct path_frame below = {.up = f, .type = f->field->message};

	switch (f->field->type) {
	case FIELD_MESSAGE:
		return print_message(p, &below, bytes, depth + 1);
	case FIELD_STRING:
		jw_str(&p->w, bytes);
		return 0;
	case FIELD_BYTES:
		return print_bytes(p, f, bytes);
	case FIELD_DOUBLE:
		pbjson_put_double(&p->w, bits);
		return 0;
	case FIELD_FLOAT:
		pbjson_put_float(&p->w, (uint32_t)bits);
		return 0;
	case FIELD_INT64:
	case FIELD_UINT64:
		pbjson_put_wide(&p->w, bits, f->field->type == FIELD_INT64);
		return 0;
	case FIELD_INT32:
		jw_int(&p->w, (int32_t)bits);
		return 0;
	case FIELD_UINT32:
		jw_uint(&p->w, (uint32_t)bits);
		return 0;
	case FIELD_BOOL:
		jw_bool(&p->w, bits != 0);
		return 0;
	case FIELD_ENUM:
		print_enum(p, f->field->enumeration, (int32_t)bits);
		return 0;
	default:
		return path_err(f, p->err, ERR_UNSUPPORTED, "type %d has no JSON", f->field->type);
	}
}

/* ---- repeated fields and maps ---------------------------------------------------------------- */

static int print_packed(struct printer *p, struct path_frame *f, struct str bytes, unsigned depth)
{
	enum wire_type each = field_wire_type(f->field->type);
	const uint8_t *at = (const uint8_t *)bytes.ptr, *end = at + bytes.len;
	size_t size = each == WIRE_I64 ? 8 : 4;
	uint64_t bits;
	int r = 0;

	while (r == 0 && at < end) {
		if (each == WIRE_VARINT) {
			if (!wire_varint(&at, end, 10, &bits))
				break;
		} else {
			struct view_field one;
			char tagged[9] = {(char)(1 << 3 | each)};
			struct view v = view_of((struct str){tagged, size + 1});

			memcpy(tagged + 1, at, size);
			if (view_next(&v, &one) <= 0)
				break;
			bits = one.value;
			at += size;
		}
		r = print_value(p, f, bits, STR_NULL, depth);
		f->index++;
	}
	return r;
}

/* From its first occurrence on; other fields may lie between. */
static int print_repeated(struct printer *p, struct path_frame *f, struct view v, unsigned depth)
{
	struct view_field field;
	int r = 0;

	f->has_index = true;
	f->index = 0;
	jw_array_begin(&p->w);
	while (r == 0 && view_next(&v, &field) > 0) {
		if (field.number != f->field->number)
			continue;
		if (f->field->packed && field.wire_type == WIRE_LEN) {
			r = print_packed(p, f, field.bytes, depth);
			continue;
		}
		r = print_value(p, f, field.value, field.bytes, depth);
		f->index++;
	}
	jw_array_end(&p->w);
	f->has_index = false;
	return r;
}

static int compare_items(const void *a, const void *b)
{
	const struct map_item *x = a, *y = b;
	int order = str_cmp(x->key, y->key);

	return order ? order : (x->index > y->index) - (x->index < y->index);
}

/* Sorted by key, the last of equal ones behind the others. The caller frees *ret. */
static int collect_items(const struct path_frame *f,
			 struct view v,
			 struct map_item **ret,
			 size_t *ret_n,
			 struct error *err)
{
	_cleanup_(freep) struct map_item *items = NULL;
	struct view_field field, key;
	struct view counting = v;
	size_t n = 0, i = 0;

	while (view_next(&counting, &field) > 0)
		n += field.number == f->field->number;
	items = calloc(n + 1, sizeof(*items));
	if (!items)
		return err_nomem(err, f->field->name);
	while (view_next(&v, &field) > 0) {
		if (field.number != f->field->number)
			continue;
		items[i] = (struct map_item){STR(""), field.bytes, i};
		if (view_find(field.bytes, 1, &key))
			items[i].key = key.bytes;
		i++;
	}
	qsort(items, n, sizeof(*items), compare_items);
	*ret = TAKE(items);
	*ret_n = n;
	return 0;
}

static int print_map(struct printer *p, struct path_frame *f, struct view v, unsigned depth)
{
	_cleanup_(freep) struct map_item *items = NULL;
	struct path_frame entry = {.up = f, .type = f->field->message};
	size_t n = 0;
	int r = collect_items(f, v, &items, &n, p->err);

	if (r < 0)
		return r;
	entry.field = &entry.type->fields[1];
	f->has_key = true;
	jw_object_begin(&p->w);
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct view_field value = {0};

		if (i + 1 < n && str_eq(items[i].key, items[i + 1].key))
			continue;
		f->key = items[i].key;
		jw_key(&p->w, items[i].key);
		view_find(items[i].entry, 2, &value);
		r = print_value(p, &entry, value.value, value.bytes, depth + 1);
	}
	jw_object_end(&p->w);
	f->has_key = false;
	return r;
}

/* ---- messages -------------------------------------------------------------------------------- */

/* Where each field is: the first occurrence of a repeated one, the last of a singular one, NULL for
 * what is absent, empty or superseded in its oneof. */
static void
locate_fields(const struct message_desc *type, struct str wire, const uint8_t *ret_at[64])
{
	struct view v = view_of(wire);
	struct view_field f;

	memset(ret_at, 0, sizeof(*ret_at) * 64);
	while (view_next(&v, &f) > 0) {
		const struct field_desc *field = message_field(type, f.number);
		size_t i = field ? (size_t)(field - type->fields) : 0;
		const uint8_t *at = (const uint8_t *)f.raw.ptr;

		if (!field)
			continue;
		if (field->label != LABEL_SINGULAR) {
			bool empty = field->packed && f.wire_type == WIRE_LEN && f.bytes.len == 0;

			if (!ret_at[i] && !empty)
				ret_at[i] = at;
			continue;
		}
		for (size_t k = 0; field->oneof >= 0 && k < type->n_fields; k++)
			if (type->fields[k].oneof == field->oneof)
				ret_at[k] = NULL;
		ret_at[i] = at;
	}
}

static int print_field(struct printer *p,
		       struct path_frame *f,
		       const uint8_t *at,
		       const uint8_t *end,
		       unsigned depth)
{
	const struct field_desc *field = f->field;
	struct view v = {at, end}, again = v;
	struct view_field value;

	if (view_next(&v, &value) <= 0)
		return 0;
	if (field->label == LABEL_SINGULAR && field->oneof < 0 && field->type != FIELD_MESSAGE) {
		/* Bits beyond the type's width do not count. */
		bool narrow = field->type == FIELD_INT32 || field->type == FIELD_UINT32 ||
			      field->type == FIELD_ENUM;
		uint64_t bits = narrow ? (uint32_t)value.value : value.value;

		if (bits == 0 && value.bytes.len == 0)
			return 0;
	}
	jw_keyz(&p->w, field->json_name);
	if (field->label == LABEL_MAP)
		return print_map(p, f, again, depth);
	if (field->label == LABEL_REPEATED)
		return print_repeated(p, f, again, depth);
	return print_value(p, f, value.value, value.bytes, depth);
}

static int print_fields(struct printer *p, struct path_frame *f, struct str wire, unsigned depth)
{
	const uint8_t *at[64], *end = view_of(wire).end;
	int r = 0;

	locate_fields(f->type, wire, at);
	for (size_t i = 0; r == 0 && i < f->type->n_fields; i++) {
		f->field = &f->type->fields[i];
		if (at[i])
			r = print_field(p, f, at[i], end, depth);
	}
	return r;
}

/* ---- forms of their own ---------------------------------------------------------------------- */

static int print_time(struct printer *p, const struct path_frame *f, struct str wire)
{
	struct view_field seconds = {0}, nanos = {0};
	bool duration = f->type->form == FORM_DURATION;
	char text[40];
	int r;

	view_find(wire, 1, &seconds);
	view_find(wire, 2, &nanos);
	r = duration ? duration_format((int64_t)seconds.value, (int32_t)nanos.value, text)
		     : time_format((int64_t)seconds.value, (int32_t)nanos.value, text);
	if (r < 0)
		return path_err(f, p->err, ERR_INVALID,
				"%" PRId64 " s and %" PRId32 " ns is not a valid %s",
				(int64_t)seconds.value, (int32_t)nanos.value,
				duration ? "duration (at most 10000 years, both of one sign)"
					 : "time (years 1 to 9999, nanoseconds below 10^9)");
	jw_strz(&p->w, text);
	return 0;
}

static int
print_only_field(struct printer *p, struct path_frame *f, struct str wire, unsigned depth)
{
	struct view_field value = {0};

	f->field = &f->type->fields[0];
	if (f->field->label == LABEL_MAP)
		return print_map(p, f, view_of(wire), depth);
	if (f->field->label == LABEL_REPEATED)
		return print_repeated(p, f, view_of(wire), depth);
	view_find(wire, f->field->number, &value);
	return print_value(p, f, value.value, value.bytes, depth);
}

static int print_any_value(struct printer *p, struct path_frame *f, struct str wire, unsigned depth)
{
	struct view v = view_of(wire);
	struct view_field field, last = {0};
	double number;

	while (view_next(&v, &field) > 0)
		if (message_field(f->type, field.number))
			last = field;
	f->field = message_field(f->type, last.number);
	if (!f->field) {
		jw_null(&p->w);
		return 0;
	}
	memcpy(&number, &last.value, sizeof(number));
	if (!p->any_number && f->field->type == FIELD_DOUBLE && !isfinite(number))
		return path_err(f, p->err, ERR_INVALID,
				"a Value that is NaN or infinite has no JSON");
	return print_value(p, f, last.value, last.bytes, depth);
}

/* The message inside has not been through the walk yet. */
static int
print_any_content(struct printer *p, struct path_frame *below, struct str wire, unsigned depth)
{
	_cleanup_(buf_done) struct buf merged = BUF_INIT;
	struct wire_limits limits = wire_limits_default;
	struct wire_info info;
	int r;

	if (depth >= WIRE_DEPTH)
		return path_err(below->up, p->err, ERR_LIMIT,
				"messages are nested more than %u deep", WIRE_DEPTH);
	limits.depth = WIRE_DEPTH - depth - 1;
	r = wire_check(below->type, wire, &limits, &info, p->err);
	if (r == 0 && info.flags & WIRE_SPLIT) {
		r = wire_merge(below->type, wire, &merged, p->err);
		wire = (struct str){merged.data, merged.len};
	}
	if (r < 0)
		return r;
	if (below->type->form == FORM_PLAIN)
		return print_fields(p, below, wire, depth + 1);
	jw_keyz(&p->w, "value");
	return print_message(p, below, wire, depth + 1);
}

static int print_any(struct printer *p, struct path_frame *f, struct str wire, unsigned depth)
{
	struct view_field url = {0}, value = {0};
	struct path_frame below = {.up = f};
	struct str name;
	const char *slash;
	int r = 0;

	view_find(wire, 1, &url);
	view_find(wire, 2, &value);
	f->field = &f->type->fields[1];
	jw_object_begin(&p->w);
	if (url.bytes.len > 0 || value.bytes.len > 0) {
		name = url.bytes;
		slash = name.len > 0 ? memrchr(name.ptr, '/', name.len) : NULL;
		if (slash)
			name = (struct str){slash + 1, (size_t)(name.ptr + name.len - slash) - 1};
		below.type = message_desc_find(name);
		if (!below.type)
			return path_err(f, p->err, ERR_UNSUPPORTED,
					"holds a message of type \"" STR_FMT
					"\", which is not known",
					STR_ARG(path_cut(url.bytes, 200)));
		jw_keyz(&p->w, "@type");
		jw_str(&p->w, url.bytes);
		r = print_any_content(p, &below, value.bytes, depth);
	}
	jw_object_end(&p->w);
	return r;
}

/* Recursion is bounded: the walk has refused deeper messages. */
static int print_message(struct printer *p, struct path_frame *f, struct str wire, unsigned depth)
{
	int r;

	switch (f->type->form) {
	case FORM_TIMESTAMP:
	case FORM_DURATION:
		return print_time(p, f, wire);
	case FORM_STRUCT:
	case FORM_LIST_VALUE:
	case FORM_WRAPPER:
		return print_only_field(p, f, wire, depth);
	case FORM_VALUE:
		return print_any_value(p, f, wire, depth);
	case FORM_ANY:
		return print_any(p, f, wire, depth);
	default:
		jw_object_begin(&p->w);
		r = print_fields(p, f, wire, depth);
		jw_object_end(&p->w);
		return r;
	}
}

static int print(const struct message_desc *type,
		 struct str wire,
		 struct printer *p,
		 struct buf *out,
		 struct error *err)
{
	_cleanup_(buf_done) struct buf merged = BUF_INIT;
	struct path_frame root = {.type = type};
	size_t before = out->len;
	struct wire_info info;
	int r = wire_check(type, wire, NULL, &info, err);

	if (r == 0 && info.flags & WIRE_SPLIT) {
		r = wire_merge(type, wire, &merged, err);
		wire = (struct str){merged.data, merged.len};
	}
	if (r == 0)
		r = print_message(p, &root, wire, 0);
	if (r == 0)
		r = buf_check(out, "JSON", err);
	if (r < 0 && out->data)
		out->data[out->len = before] = '\0';
	return r;
}

int pbjson_print(const struct message_desc *type,
		 struct str wire,
		 int indent,
		 struct buf *out,
		 struct error *err)
{
	struct printer p = {.w = JW_INIT(out, indent), .err = err};

	return print(type, wire, &p, out, err);
}

int pbjson_print_any_number(const struct message_desc *type,
			    struct str wire,
			    struct buf *out,
			    struct error *err)
{
	struct printer p = {.w = JW_INIT(out, 0), .err = err, .any_number = true};

	return print(type, wire, &p, out, err);
}
