/* Brings a message into the form that decoders without merging read right. */
#include "flyte/wire.h"

#include "base/mem.h"

/* Where in the message each field occurs last, and behind which point members of a oneof count: a
 * member clears the others when it occurs. */
struct last {
	const uint8_t *of[64];
	const uint8_t *cleared[64];
};

static void find_last(const struct message_desc *type, struct str wire, struct last *l)
{
	struct view v = view_of(wire);
	struct view_field f;

	while (view_next(&v, &f) > 0) {
		const struct field_desc *field = message_field(type, f.number);

		if (!field)
			continue;
		l->of[field - type->fields] = (const uint8_t *)f.raw.ptr;
		for (size_t i = 0; field->oneof >= 0 && i < type->n_fields; i++)
			if (type->fields[i].oneof == field->oneof && &type->fields[i] != field)
				l->cleared[i] = (const uint8_t *)f.raw.ptr;
	}
}

static int
merge(const struct message_desc *type, struct str wire, struct buf *out, struct error *err);

/* All payloads of a singular message field that count, joined: that is how protobuf merges. */
static int merge_field(const struct message_desc *type,
		       const struct field_desc *field,
		       struct str wire,
		       const uint8_t *cleared,
		       struct buf *out,
		       struct error *err)
{
	_cleanup_(buf_done) struct buf joined = BUF_INIT;
	struct view v = view_of(wire);
	struct view_field f;
	size_t mark;
	int r;

	while (view_next(&v, &f) > 0)
		if (f.number == field->number && (const uint8_t *)f.raw.ptr > cleared)
			buf_append(&joined, f.bytes.ptr, f.bytes.len);
	r = buf_check(&joined, type->name, err);
	if (r < 0)
		return r;
	mark = wire_begin(out, field->number);
	r = merge(field->message, (struct str){joined.data, joined.len}, out, err);
	wire_end(out, mark);
	return r;
}

static int
merge(const struct message_desc *type, struct str wire, struct buf *out, struct error *err)
{
	struct last l = {0};
	struct view v = view_of(wire);
	struct view_field f;
	int r = 0;

	find_last(type, wire, &l);
	while (r == 0 && view_next(&v, &f) > 0) {
		const struct field_desc *field = message_field(type, f.number);
		const uint8_t *at = (const uint8_t *)f.raw.ptr;
		size_t i = field ? (size_t)(field - type->fields) : 0, mark;

		if (!field) {
			buf_append(out, f.raw.ptr, f.raw.len);
		} else if (at < l.cleared[i]) {
			continue;
		} else if (field->type != FIELD_MESSAGE) {
			buf_append(out, f.raw.ptr, f.raw.len);
		} else if (field->label != LABEL_SINGULAR) {
			mark = wire_begin(out, field->number);
			r = merge(field->message, f.bytes, out, err);
			wire_end(out, mark);
		} else if (at == l.of[i]) {
			r = merge_field(type, field, wire, l.cleared[i], out, err);
		}
	}
	return r;
}

int wire_merge(const struct message_desc *type, struct str wire, struct buf *out, struct error *err)
{
	int r = merge(type, wire, out, err);

	return r < 0 ? r : buf_check(out, type->name, err);
}
