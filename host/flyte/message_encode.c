#include "flyte/message.h"

#include "flyte/message_path.h"

struct encoder {
	struct buf *out;
	struct error *err;
};

struct entry_order {
	const char *key;
	size_t index;
};

static int
encode_message(const struct encoder *e, struct path_frame *f, const char *m, unsigned depth);

static int encode_text(const struct encoder *e, const struct path_frame *f, const char *s)
{
	size_t len = s ? strlen(s) : 0, bad;

	if (s && !utf8_valid(s, len, &bad))
		return path_err(f, e->err, ERR_INVALID,
				"not UTF-8: byte 0x%02x at %zu of the string",
				(unsigned char)s[bad], bad);
	wire_put_bytes(e->out, f->field->number, (struct str){s, len});
	return 0;
}

static int
encode_sub(const struct encoder *e, const struct path_frame *f, const void *sub, unsigned depth)
{
	struct path_frame below = {.up = f, .type = f->field->message};
	size_t mark;
	int r;

	if (depth >= WIRE_DEPTH)
		return path_err(f, e->err, ERR_LIMIT, "messages are nested more than %u deep",
				WIRE_DEPTH);
	mark = wire_begin(e->out, f->field->number);
	r = sub ? encode_message(e, &below, sub, depth + 1) : 0;
	wire_end(e->out, mark);
	return r;
}

/* The number as a varint carries it: negative ones are sign-extended. */
static uint64_t number_bits(uint8_t type, const char *at)
{
	uint64_t wide;
	uint32_t narrow;

	switch (type) {
	case FIELD_DOUBLE:
	case FIELD_INT64:
	case FIELD_UINT64:
		memcpy(&wide, at, sizeof(wide));
		return wide;
	case FIELD_INT32:
	case FIELD_ENUM:
		memcpy(&narrow, at, sizeof(narrow));
		return (uint64_t)(int64_t)(int32_t)narrow;
	case FIELD_BOOL:
		memcpy(&narrow, at, sizeof(narrow));
		return narrow != 0;
	default:
		memcpy(&narrow, at, sizeof(narrow));
		return narrow;
	}
}

static void put_number(struct buf *out, uint8_t type, uint64_t bits)
{
	if (type == FIELD_DOUBLE)
		wire_put_fixed(out, bits, 8);
	else if (type == FIELD_FLOAT)
		wire_put_fixed(out, bits, 4);
	else
		wire_put_varint(out, bits);
}

/* `always`: zero values are written too (oneof members, map entries). */
static int encode_singular(const struct encoder *e,
			   const struct path_frame *f,
			   const char *at,
			   bool always,
			   unsigned depth)
{
	const struct field_desc *field = f->field;
	const ProtobufCBinaryData *bytes;
	const char *text;
	const void *sub;
	uint64_t bits;

	switch (field->type) {
	case FIELD_MESSAGE:
		sub = *(void *const *)(const void *)at;
		return sub || f->type->map_entry ? encode_sub(e, f, sub, depth) : 0;
	case FIELD_STRING:
		text = *(char *const *)(const void *)at;
		return always || (text && *text) ? encode_text(e, f, text) : 0;
	case FIELD_BYTES:
		bytes = (const void *)at;
		if (always || bytes->len > 0)
			wire_put_bytes(e->out, field->number,
				       (struct str){(const char *)bytes->data, bytes->len});
		return 0;
	default:
		bits = number_bits(field->type, at);
		if (!always && bits == 0)
			return 0;
		wire_put_tag(e->out, field->number, field_wire_type(field->type));
		put_number(e->out, field->type, bits);
		return 0;
	}
}

static int encode_repeated(
	const struct encoder *e, struct path_frame *f, const char *items, size_t n, unsigned depth)
{
	const struct field_desc *field = f->field;
	size_t step = field_value_size(field->type), mark;
	int r = 0;

	if (field->packed) {
		mark = wire_begin(e->out, field->number);
		for (size_t i = 0; i < n; i++)
			put_number(e->out, field->type, number_bits(field->type, items + i * step));
		wire_end(e->out, mark);
		return 0;
	}
	f->has_index = true;
	for (f->index = 0; r == 0 && f->index < n; f->index++) {
		const char *at = items + f->index * step;

		if (field->type == FIELD_MESSAGE)
			r = encode_sub(e, f, *(void *const *)(const void *)at, depth);
		else
			r = encode_singular(e, f, at, true, depth);
	}
	f->has_index = false;
	return r;
}

static int compare_order(const void *a, const void *b)
{
	const struct entry_order *x = a, *y = b;
	int order = strcmp(x->key, y->key);

	return order ? order : (x->index > y->index) - (x->index < y->index);
}

static const char *key_of(const struct message_desc *entry, const void *p)
{
	const char *key = *(char *const *)((const char *)p + entry->c->fields[0].offset);

	return key ? key : "";
}

static int encode_map(const struct encoder *e,
		      struct path_frame *f,
		      void *const *entries,
		      size_t n,
		      unsigned depth)
{
	const struct message_desc *entry = f->field->message;
	_cleanup_(freep) struct entry_order *order = calloc(n, sizeof(*order));
	int r = 0;

	if (!order)
		return err_nomem(e->err, entry->name);
	for (size_t i = 0; i < n; i++)
		order[i] = (struct entry_order){key_of(entry, entries[i]), i};
	qsort(order, n, sizeof(*order), compare_order);
	for (size_t i = 0; r == 0 && i < n; i++) {
		f->index = order[i].index;
		f->has_index = true;
		f->key = str_of(order[i].key);
		f->has_key = utf8_valid(f->key.ptr, f->key.len, NULL);
		r = encode_sub(e, f, entries[order[i].index], depth);
	}
	f->has_index = f->has_key = false;
	return r;
}

static int encode_field(const struct encoder *e,
			struct path_frame *f,
			const ProtobufCFieldDescriptor *c,
			const char *m,
			unsigned depth)
{
	const char *at = m + c->offset;
	const char *quantifier = m + c->quantifier_offset;
	uint32_t member;
	size_t n;

	if (f->field->label == LABEL_SINGULAR) {
		if (f->field->oneof < 0)
			return encode_singular(e, f, at, f->type->map_entry, depth);
		memcpy(&member, quantifier, sizeof(member));
		return member == f->field->number ? encode_singular(e, f, at, true, depth) : 0;
	}
	memcpy(&n, quantifier, sizeof(n));
	if (n == 0)
		return 0;
	at = *(char *const *)(const void *)at;
	if (f->field->label == LABEL_MAP)
		return encode_map(e, f, (void *const *)(const void *)at, n, depth);
	return encode_repeated(e, f, at, n, depth);
}

/* The payload of an unknown field holds its length prefix, as protobuf-c keeps it. */
static void encode_unknown(struct buf *out, const ProtobufCMessage *m)
{
	for (unsigned i = 0; i < m->n_unknown_fields; i++) {
		const ProtobufCMessageUnknownField *u = &m->unknown_fields[i];

		wire_put_tag(out, u->tag, (enum wire_type)u->wire_type);
		buf_append(out, u->data, u->len);
	}
}

static int
encode_message(const struct encoder *e, struct path_frame *f, const char *m, unsigned depth)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < f->type->n_fields; i++) {
		f->field = &f->type->fields[i];
		r = encode_field(e, f, &f->type->c->fields[i], m, depth);
	}
	if (r == 0 && !f->type->map_entry)
		encode_unknown(e->out, (const ProtobufCMessage *)(const void *)m);
	return r;
}

int message_encode(const ProtobufCMessage *m, struct buf *out, struct error *err)
{
	struct path_frame root = {.type = message_desc_of(m)};
	const struct encoder e = {out, err};
	size_t before = out->len;
	int r;

	if (!root.type)
		return err_set(err, ERR_INVALID, "not a message of this program");
	r = encode_message(&e, &root, (const char *)m, 0);
	if (r == 0)
		r = buf_check(out, root.type->name, err);
	if (r == 0 && out->len - before > WIRE_LEN_MAX)
		r = err_set(err, ERR_LIMIT, "%s: %zu bytes; a message is at most 2 GiB - 1",
			    root.type->name, out->len - before);
	return r;
}
