#include "cli/worker_json.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/mem.h"
#include "cli/output.h"
#include "cli/run_result.h"
#include "cli/worker_format.h"
#include "flyte/desc.h"

#include "desc_table.h"

struct printer {
	const TypedInterface *interface;
	struct jw *w;
	struct error *err;
};

static int print_message(struct printer *p, const ProtobufCMessage *m, const char *field);

/* ---- messages with a form of their own ------------------------------------------------------- */

/* The inputs or outputs of an interface: names and types. */
static void print_variables(const VariableMap *vars, struct jw *w)
{
	jw_object_begin(w);
	for (size_t i = 0; vars && i < vars->n_variables; i++) {
		_cleanup_(buf_done) struct buf type = BUF_INIT;

		type_describe(vars->variables[i]->value->type, &type);
		jw_keyz(w, vars->variables[i]->key);
		jw_str(w, (struct str){type.data, type.len});
	}
	jw_object_end(w);
}

static void print_interface(const TypedInterface *i, struct jw *w)
{
	jw_object_begin(w);
	jw_keyz(w, "inputs");
	print_variables(i->inputs, w);
	jw_keyz(w, "outputs");
	print_variables(i->outputs, w);
	jw_object_end(w);
}

static int print_literals(struct printer *p, const LiteralMap *map, const char *field)
{
	const bool inputs = streq(field, "inputs");
	const VariableMap *vars = !p->interface ? NULL
				  : inputs      ? p->interface->inputs
						: p->interface->outputs;

	return run_result_values(inputs ? "input" : "output", map, vars, p->w, p->err);
}

static void print_time(const Google__Protobuf__Timestamp *t, struct jw *w)
{
	char text[40];

	jw_strz(w, time_format(t->seconds, t->nanos, text) < 0 ? NULL : text);
}

static void print_duration(const Google__Protobuf__Duration *d, struct jw *w)
{
	char text[40];

	jw_strz(w, duration_format(d->seconds, d->nanos, text) < 0 ? NULL : text);
}

/* ---- fields ---------------------------------------------------------------------------------- */

static void
print_enum(const struct field_desc *f, const ProtobufCFieldDescriptor *c, int value, struct jw *w)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;

	(void)f;
	format_enum(c->descriptor, value, &text);
	if (text.len == 0 || streq(text.data, "-"))
		jw_null(w);
	else
		jw_str(w, (struct str){text.data, text.len});
}

static void print_bytes(const ProtobufCBinaryData *b, struct jw *w)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;

	if (utf8_valid(b->data, b->len, NULL)) {
		jw_str(w, (struct str){(const char *)b->data, b->len});
		return;
	}
	base64_encode(b->data, b->len, &text);
	jw_str(w, (struct str){text.data, text.len});
}

static int print_value(struct printer *p,
		       const struct field_desc *f,
		       const ProtobufCFieldDescriptor *c,
		       const void *at)
{
	switch (f->type) {
	case FIELD_MESSAGE:
		if (!*(ProtobufCMessage *const *)at)
			jw_null(p->w);
		else
			return print_message(p, *(ProtobufCMessage *const *)at, f->name);
		break;
	case FIELD_STRING:
		jw_strz(p->w, *(const char *const *)at);
		break;
	case FIELD_BYTES:
		print_bytes(at, p->w);
		break;
	case FIELD_ENUM:
		print_enum(f, c, *(const int *)at, p->w);
		break;
	case FIELD_BOOL:
		jw_bool(p->w, *(const protobuf_c_boolean *)at);
		break;
	case FIELD_DOUBLE:
		jw_double(p->w, *(const double *)at);
		break;
	case FIELD_INT64:
		jw_int(p->w, *(const int64_t *)at);
		break;
	case FIELD_UINT64:
		jw_uint(p->w, *(const uint64_t *)at);
		break;
	case FIELD_UINT32:
		jw_uint(p->w, *(const uint32_t *)at);
		break;
	default:
		jw_int(p->w, *(const int32_t *)at);
	}
	return 0;
}

/* map<string, …>: the entries' fields are key and value. */
static int
print_map(struct printer *p, const struct field_desc *f, ProtobufCMessage *const *entries, size_t n)
{
	const struct message_desc *entry = f->message;
	int rc = 0;

	jw_object_begin(p->w);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		const char *base = (const char *)entries[i];

		jw_keyz(p->w,
			*(const char *const *)(const void *)(base + entry->c->fields[0].offset));
		rc = print_value(p, &entry->fields[1], &entry->c->fields[1],
				 base + entry->c->fields[1].offset);
	}
	jw_object_end(p->w);
	return rc;
}

static int print_repeated(struct printer *p,
			  const struct field_desc *f,
			  const ProtobufCFieldDescriptor *c,
			  const char *base)
{
	const size_t n = *(const size_t *)(const void *)(base + c->quantifier_offset);
	const char *items = *(const char *const *)(const void *)(base + c->offset);
	int rc = 0;

	if (f->label == LABEL_MAP)
		return print_map(p, f, (ProtobufCMessage *const *)(const void *)items, n);
	jw_array_begin(p->w);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = print_value(p, f, c, items + i * field_value_size(f->type));
	jw_array_end(p->w);
	return rc;
}

static bool other_of_oneof(const ProtobufCFieldDescriptor *c, const char *base)
{
	return (c->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 &&
	       *(const uint32_t *)(const void *)(base + c->quantifier_offset) != c->id;
}

static int print_message(struct printer *p, const ProtobufCMessage *m, const char *field)
{
	const struct message_desc *type = message_desc_of(m);
	const char *base = (const char *)m;
	int rc = 0;

	if (type == MESSAGE_DESC(flyteidl__core__literal_map))
		return print_literals(p, (const LiteralMap *)m, field);
	if (type == MESSAGE_DESC(flyteidl__core__typed_interface)) {
		print_interface((const TypedInterface *)m, p->w);
		return 0;
	}
	if (type->form == FORM_TIMESTAMP) {
		print_time((const Google__Protobuf__Timestamp *)m, p->w);
		return 0;
	}
	if (type->form == FORM_DURATION) {
		print_duration((const Google__Protobuf__Duration *)m, p->w);
		return 0;
	}
	jw_object_begin(p->w);
	for (size_t i = 0; rc == 0 && i < type->n_fields; i++) {
		const struct field_desc *f = &type->fields[i];
		const ProtobufCFieldDescriptor *c = &type->c->fields[i];

		if (other_of_oneof(c, base))
			continue;
		jw_keyz(p->w, f->name);
		if (f->label == LABEL_SINGULAR)
			rc = print_value(p, f, c, base + c->offset);
		else
			rc = print_repeated(p, f, c, base);
	}
	jw_object_end(p->w);
	return rc;
}

int worker_json(const ProtobufCMessage *m,
		const TypedInterface *interface,
		struct jw *w,
		struct error *err)
{
	struct printer p = {.interface = interface, .w = w, .err = err};

	return print_message(&p, m, "");
}

int worker_json_output(const char *prog, const ProtobufCMessage *m, const TypedInterface *interface)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	struct jw w = JW_INIT(&text, 2);
	struct error err = ERROR_INIT;

	if (worker_json(m, interface, &w, &err) < 0)
		return output_error(prog, &err);
	buf_putc(&text, '\n');
	return output_text(&text);
}
