#include "flyte/pbjson.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/mem.h"
#include "flyte/message_path.h"
#include "flyte/pbjson_number.h"
#include "flyte/wire.h"

struct parser {
	struct buf *out;
	struct error *err;
};

static int
parse_message(const struct parser *p, struct path_frame *f, const json_t *v, unsigned depth);

static int
unexpected(const struct parser *p, const struct path_frame *f, const char *wanted, const json_t *v)
{
	return pbjson_unexpected(f, wanted, v, p->err);
}

/* ---- scalars --------------------------------------------------------------------------------- */

static void put_number(const struct parser *p, uint8_t type, uint64_t bits)
{
	if (type == FIELD_DOUBLE)
		wire_put_fixed(p->out, bits, 8);
	else if (type == FIELD_FLOAT)
		wire_put_fixed(p->out, bits, 4);
	else
		wire_put_varint(p->out, bits);
}

static int
parse_bytes(const struct parser *p, const struct path_frame *f, const json_t *v, bool always)
{
	_cleanup_(buf_done) struct buf bytes = BUF_INIT;
	int r;

	if (!json_is_string(v))
		return unexpected(p, f, "base64 text", v);
	if (!base64_decode(pbjson_text(v), &bytes)) {
		r = buf_check(&bytes, f->field->name, p->err);
		return r < 0 ? r : unexpected(p, f, "base64 text", v);
	}
	if (always || bytes.len > 0)
		wire_put_bytes(p->out, f->field->number, (struct str){bytes.data, bytes.len});
	return 0;
}

static int
parse_sub(const struct parser *p, const struct path_frame *f, const json_t *v, unsigned depth)
{
	struct path_frame below = {.up = f, .type = f->field->message};
	size_t mark;
	int r;

	if (depth >= WIRE_DEPTH)
		return path_err(f, p->err, ERR_LIMIT, "messages are nested more than %u deep",
				WIRE_DEPTH);
	mark = wire_begin(p->out, f->field->number);
	r = parse_message(p, &below, v, depth + 1);
	wire_end(p->out, mark);
	return r;
}

/* One value with its tag. `always`: zero values are written too. */
static int parse_value(const struct parser *p,
		       const struct path_frame *f,
		       const json_t *v,
		       bool always,
		       unsigned depth)
{
	const struct field_desc *field = f->field;
	uint64_t bits;
	int r;

	switch (field->type) {
	case FIELD_MESSAGE:
		return parse_sub(p, f, v, depth);
	case FIELD_STRING:
		if (!json_is_string(v))
			return unexpected(p, f, "a string", v);
		if (always || json_string_length(v) > 0)
			wire_put_bytes(p->out, field->number, pbjson_text(v));
		return 0;
	case FIELD_BYTES:
		return parse_bytes(p, f, v, always);
	default:
		r = pbjson_number(f, v, &bits, p->err);
		if (r < 0 || (!always && bits == 0))
			return r;
		wire_put_tag(p->out, field->number, field_wire_type(field->type));
		put_number(p, field->type, bits);
		return 0;
	}
}

/* ---- repeated fields and maps ---------------------------------------------------------------- */

/* null means absent, except where it is a value. */
static bool takes_null(const struct field_desc *field)
{
	const struct message_desc *m =
		field->label == LABEL_MAP ? field->message->fields[1].message : field->message;

	if (field->type == FIELD_ENUM)
		return streq(field->enumeration->name, "google.protobuf.NullValue");
	return m && m->form == FORM_VALUE;
}

static int
parse_repeated(const struct parser *p, struct path_frame *f, const json_t *v, unsigned depth)
{
	const struct field_desc *field = f->field;
	size_t mark = 0;
	uint64_t bits;
	int r = 0;

	if (!json_is_array(v))
		return unexpected(p, f, "an array", v);
	if (json_array_size(v) == 0)
		return 0;
	f->has_index = true;
	if (field->packed)
		mark = wire_begin(p->out, field->number);
	for (f->index = 0; r == 0 && f->index < json_array_size(v); f->index++) {
		const json_t *item = json_array_get(v, f->index);

		if (json_is_null(item) && !takes_null(field)) {
			r = path_err(f, p->err, ERR_INVALID, "null is not an element");
		} else if (field->packed) {
			r = pbjson_number(f, item, &bits, p->err);
			if (r == 0)
				put_number(p, field->type, bits);
		} else {
			r = parse_value(p, f, item, true, depth);
		}
	}
	if (field->packed)
		wire_end(p->out, mark);
	f->has_index = false;
	return r;
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int
parse_entry(const struct parser *p, const struct path_frame *f, const json_t *v, unsigned depth)
{
	struct path_frame entry = {.up = f, .type = f->field->message};
	size_t mark;
	int r;

	entry.field = &entry.type->fields[1];
	if (json_is_null(v) && !takes_null(f->field))
		return path_err(&entry, p->err, ERR_INVALID, "null is not a value of a map");
	if (depth >= WIRE_DEPTH)
		return path_err(f, p->err, ERR_LIMIT, "messages are nested more than %u deep",
				WIRE_DEPTH);
	mark = wire_begin(p->out, f->field->number);
	wire_put_bytes(p->out, 1, f->key);
	r = parse_value(p, &entry, v, true, depth + 1);
	wire_end(p->out, mark);
	return r;
}

static int parse_map(const struct parser *p, struct path_frame *f, const json_t *v, unsigned depth)
{
	_cleanup_(freep) const char **keys = NULL;
	json_t *object = (json_t *)(uintptr_t)v; /* jansson iterates through a plain pointer */
	size_t n = 0;
	int r = 0;

	if (!json_is_object(v))
		return unexpected(p, f, "an object", v);
	keys = calloc(json_object_size(v) + 1, sizeof(*keys));
	if (!keys)
		return err_nomem(p->err, f->field->name);
	for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at))
		keys[n++] = json_object_iter_key(at);
	qsort(keys, n, sizeof(*keys), compare_keys);
	f->has_key = true;
	for (size_t i = 0; r == 0 && i < n; i++) {
		f->key = str_of(keys[i]);
		r = parse_entry(p, f, json_object_get(v, keys[i]), depth);
	}
	f->has_key = false;
	return r;
}

/* ---- messages -------------------------------------------------------------------------------- */

static int unknown_name(const struct parser *p, const struct path_frame *f, const char *key)
{
	struct str shown = path_cut(str_of(key), 100);
	const char *names[64], *close;

	for (size_t i = 0; i < f->type->n_fields; i++)
		names[i] = f->type->fields[i].json_name;
	close = suggest(key, names, f->type->n_fields);
	return path_err(f, p->err, ERR_INVALID, "%s has no field \"" STR_FMT "\"%s%s%s",
			f->type->name, STR_ARG(shown), close ? "; did you mean \"" : "",
			close ? close : "", close ? "\"?" : "");
}

/* Puts each member of the object beside its field. */
static int assign(const struct parser *p,
		  struct path_frame *f,
		  const json_t *v,
		  bool skip_type,
		  const json_t *ret_values[64])
{
	const struct message_desc *type = f->type;
	json_t *object = (json_t *)(uintptr_t)v;
	const struct field_desc *set[64] = {NULL}; /* by oneof */

	for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
		const char *key = json_object_iter_key(at);
		const struct field_desc *field = message_field_named(type, str_of(key));
		const json_t *item = json_object_iter_value(at);

		if (skip_type && streq(key, "@type"))
			continue;
		if (!field)
			return unknown_name(p, f, key);
		if (ret_values[field - type->fields])
			return path_err(f, p->err, ERR_INVALID,
					"\"%s\" is given twice, also as \"%s\"", field->json_name,
					field->name);
		if (json_is_null(item) && (field->label != LABEL_SINGULAR || !takes_null(field)))
			continue;
		if (field->oneof >= 0 && set[field->oneof])
			return path_err(f, p->err, ERR_INVALID,
					"\"%s\" and \"%s\" exclude each other (oneof %s)",
					set[field->oneof]->json_name, field->json_name,
					type->oneofs[field->oneof]);
		if (field->oneof >= 0)
			set[field->oneof] = field;
		ret_values[field - type->fields] = item;
	}
	return 0;
}

static int
parse_field(const struct parser *p, struct path_frame *f, const json_t *v, unsigned depth)
{
	if (f->field->label == LABEL_MAP)
		return parse_map(p, f, v, depth);
	if (f->field->label == LABEL_REPEATED)
		return parse_repeated(p, f, v, depth);
	return parse_value(p, f, v, f->field->oneof >= 0, depth);
}

static int parse_fields(const struct parser *p,
			struct path_frame *f,
			const json_t *v,
			bool skip_type,
			unsigned depth)
{
	const json_t *values[64] = {NULL};
	int r;

	if (!json_is_object(v))
		return unexpected(p, f, "an object", v);
	r = assign(p, f, v, skip_type, values);
	for (size_t i = 0; r == 0 && i < f->type->n_fields; i++) {
		f->field = &f->type->fields[i];
		if (values[i])
			r = parse_field(p, f, values[i], depth);
	}
	return r;
}

/* ---- forms of their own ---------------------------------------------------------------------- */

static int parse_time(const struct parser *p, struct path_frame *f, const json_t *v)
{
	bool duration = f->type->form == FORM_DURATION;
	int64_t seconds = 0;
	int32_t nanos = 0;

	if (!json_is_string(v) ||
	    !(duration ? duration_parse_proto : time_parse)(pbjson_text(v), &seconds, &nanos))
		return unexpected(p, f,
				  duration ? "a duration in seconds like \"1.5s\", at most 10000 "
					     "years"
					   : "a time like \"2024-01-31T10:20:30.5Z\", years 1 to "
					     "9999",
				  v);
	if (seconds != 0) {
		wire_put_tag(p->out, 1, WIRE_VARINT);
		wire_put_varint(p->out, (uint64_t)seconds);
	}
	if (nanos != 0) {
		wire_put_tag(p->out, 2, WIRE_VARINT);
		wire_put_varint(p->out, (uint64_t)(int64_t)nanos);
	}
	return 0;
}

/* The member of google.protobuf.Value for a JSON value. */
static uint32_t value_member(const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_NULL:
		return 1;
	case JSON_INTEGER:
	case JSON_REAL:
		return 2;
	case JSON_STRING:
		return 3;
	case JSON_TRUE:
	case JSON_FALSE:
		return 4;
	case JSON_OBJECT:
		return 5;
	default:
		return 6;
	}
}

static int parse_any(const struct parser *p, struct path_frame *f, const json_t *v, unsigned depth)
{
	const json_t *url = json_object_get(v, "@type"), *value;
	struct path_frame below = {.up = f};
	const char *name, *slash;
	size_t mark;
	int r;

	if (!json_is_object(v))
		return unexpected(p, f, "an object", v);
	if (json_object_size(v) == 0)
		return 0;
	if (!json_is_string(url))
		return path_err(f, p->err, ERR_INVALID, "an Any needs the string \"@type\"");
	name = json_string_value(url);
	slash = strrchr(name, '/');
	below.type = message_desc_find(str_of(slash ? slash + 1 : name));
	if (!below.type)
		return path_err(f, p->err, ERR_UNSUPPORTED, "\"" STR_FMT "\" is not a known type",
				STR_ARG(path_cut(pbjson_text(url), 200)));
	if (depth >= WIRE_DEPTH)
		return path_err(f, p->err, ERR_LIMIT, "messages are nested more than %u deep",
				WIRE_DEPTH);
	wire_put_bytes(p->out, 1, pbjson_text(url));
	f->field = &f->type->fields[1];
	mark = wire_begin(p->out, 2);
	value = json_object_get(v, "value");
	if (below.type->form == FORM_PLAIN)
		r = parse_fields(p, &below, v, true, depth + 1);
	else if (value && json_object_size(v) == 2)
		r = parse_message(p, &below, value, depth + 1);
	else
		r = path_err(f, p->err, ERR_INVALID,
			     "an Any of %s needs \"@type\" and \"value\", nothing else",
			     below.type->name);
	wire_end(p->out, mark);
	return r;
}

static int
parse_message(const struct parser *p, struct path_frame *f, const json_t *v, unsigned depth)
{
	switch (f->type->form) {
	case FORM_TIMESTAMP:
	case FORM_DURATION:
		return parse_time(p, f, v);
	case FORM_STRUCT:
	case FORM_LIST_VALUE:
	case FORM_WRAPPER:
		f->field = &f->type->fields[0];
		return parse_field(p, f, v, depth);
	case FORM_VALUE:
		f->field = message_field(f->type, value_member(v));
		return parse_value(p, f, v, true, depth);
	case FORM_ANY:
		return parse_any(p, f, v, depth);
	default:
		return parse_fields(p, f, v, false, depth);
	}
}

/* ---- the text -------------------------------------------------------------------------------- */

static int parse_text(const struct message_desc *type,
		      struct str text,
		      const char *name,
		      struct buf *out,
		      struct error *err)
{
	_cleanup_(buf_done) struct buf changed = BUF_INIT;
	_cleanup_(json_decrefp) json_t *json = NULL;
	const struct parser p = {out, err};
	struct path_frame root = {.type = type};
	int r;

	pbjson_rewrite_numbers(text, &changed);
	r = buf_check(&changed, name, err);
	if (r == 0 && changed.len > 0)
		text = (struct str){changed.data, changed.len};
	if (r == 0)
		r = json_parse(text, name, &json, err);
	if (r != 0)
		return r;
	if (json_is_null(json) && type->form != FORM_VALUE)
		return err_set(err, ERR_INVALID, "%s: null is not a %s", name, type->name);
	r = parse_message(&p, &root, json, 0);
	if (r < 0)
		err_wrap(err, "%s", name);
	return r;
}

int pbjson_parse(const struct message_desc *type,
		 struct str text,
		 const char *name,
		 struct buf *out,
		 struct error *err)
{
	size_t before = out->len;
	int r = parse_text(type, text, name, out, err);

	if (r == 0)
		r = buf_check(out, name, err);
	if (r == 0 && out->len - before > WIRE_LEN_MAX)
		r = err_set(err, ERR_LIMIT, "%s: becomes %zu bytes; a message is at most 2 GiB - 1",
			    name, out->len - before);
	if (r < 0 && out->data)
		out->data[out->len = before] = '\0';
	return r;
}
