/* Brings a message into the form that decoders without merging read right. */
#include "flyte/wire.h"

#include "base/mem.h"

/* A message may be spread over several payloads of its field, and each of its fields again. They
 * are read where they lie: joining them would take a copy at every level. */
struct part {
	uint32_t at, len; /* within the whole; a message is at most 2 GiB - 1 */
};

struct parts {
	const char *whole;
	const struct part *items;
	size_t n;
};

struct reader {
	const struct parts *parts;
	size_t next;
	struct view v;
};

static struct reader reader_of(const struct parts *p)
{
	return (struct reader){.parts = p, .v = {NULL, NULL}};
}

static bool next_field(struct reader *r, struct view_field *ret)
{
	while (view_next(&r->v, ret) <= 0) {
		const struct part *p;

		if (r->next == r->parts->n)
			return false;
		p = &r->parts->items[r->next++];
		r->v = view_of((struct str){r->parts->whole + p->at, p->len});
	}
	return true;
}

static struct part part_of(const struct parts *in, struct str bytes)
{
	return (struct part){(uint32_t)(bytes.ptr - in->whole), (uint32_t)bytes.len};
}

/* Where in the message each field occurs last, and behind which point members of a oneof count: a
 * member clears the others when it occurs. */
struct last {
	const uint8_t *of[64];
	const uint8_t *cleared[64];
};

static void find_last(const struct message_desc *type, const struct parts *in, struct last *l)
{
	struct reader r = reader_of(in);
	struct view_field f;

	while (next_field(&r, &f)) {
		const struct field_desc *field = message_field(type, f.number);

		if (!field)
			continue;
		l->of[field - type->fields] = (const uint8_t *)f.raw.ptr;
		for (size_t i = 0; field->oneof >= 0 && i < type->n_fields; i++)
			if (type->fields[i].oneof == field->oneof && &type->fields[i] != field)
				l->cleared[i] = (const uint8_t *)f.raw.ptr;
	}
}

/* The payloads of a field that count and hold something; the first `room` of them are kept. */
static size_t find_parts(const struct parts *in,
			 uint32_t number,
			 const uint8_t *cleared,
			 struct part *items,
			 size_t room)
{
	struct reader r = reader_of(in);
	struct view_field f;
	size_t n = 0;

	while (next_field(&r, &f)) {
		if (f.number != number || (const uint8_t *)f.raw.ptr <= cleared || !f.bytes.len)
			continue;
		if (n < room)
			items[n] = part_of(in, f.bytes);
		n++;
	}
	return n;
}

static int
merge(const struct message_desc *type, const struct parts *in, struct buf *out, struct error *err);

static int merge_parts(const struct field_desc *field,
		       const struct parts *in,
		       struct buf *out,
		       struct error *err)
{
	size_t mark = wire_begin(out, field->number);
	int r = merge(field->message, in, out, err);

	wire_end(out, mark);
	return r;
}

/* All payloads of a singular message field that count, one after the other: that is how protobuf
 * merges. */
static int merge_field(const struct field_desc *field,
		       const struct parts *in,
		       const uint8_t *cleared,
		       struct buf *out,
		       struct error *err)
{
	_cleanup_(freep) struct part *many = NULL;
	struct part one = {0, 0};
	struct parts found = {in->whole, &one, 0};

	found.n = find_parts(in, field->number, cleared, &one, 1);
	if (found.n > 1) {
		many = calloc(found.n, sizeof(*many));
		if (!many)
			return err_nomem(err, field->message->name);
		find_parts(in, field->number, cleared, many, found.n);
		found.items = many;
	}
	return merge_parts(field, &found, out, err);
}

static int
merge(const struct message_desc *type, const struct parts *in, struct buf *out, struct error *err)
{
	struct last l = {0};
	struct reader reader = reader_of(in);
	struct view_field f;
	int r = 0;

	find_last(type, in, &l);
	while (r == 0 && next_field(&reader, &f)) {
		const struct field_desc *field = message_field(type, f.number);
		const uint8_t *at = (const uint8_t *)f.raw.ptr;
		size_t i = field ? (size_t)(field - type->fields) : 0;

		if (!field) {
			buf_append(out, f.raw.ptr, f.raw.len);
		} else if (at < l.cleared[i]) {
			continue;
		} else if (field->type != FIELD_MESSAGE) {
			buf_append(out, f.raw.ptr, f.raw.len);
		} else if (field->label != LABEL_SINGULAR) {
			const struct part one = part_of(in, f.bytes);

			r = merge_parts(field, &(struct parts){in->whole, &one, 1}, out, err);
		} else if (at == l.of[i]) {
			r = merge_field(field, in, l.cleared[i], out, err);
		}
	}
	return r;
}

int wire_merge(const struct message_desc *type, struct str wire, struct buf *out, struct error *err)
{
	const struct part all = {0, (uint32_t)wire.len};
	int r = merge(type, &(struct parts){wire.ptr, &all, 1}, out, err);

	return r < 0 ? r : buf_check(out, type->name, err);
}
