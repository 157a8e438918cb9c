#include "flyte/wire.h"

#include "base/mem.h"
#include "flyte/message_path.h"

#include <stdio.h>

const struct wire_limits wire_limits_default = {.depth = WIRE_DEPTH, .decoded = WIRE_DECODED};

/* What decoding allocates besides the messages themselves; see message.c for the allocator and
 * protobuf-c for the rest. */
#define ALLOC_ALIGN    16
#define ALLOC_HEADER   16   /* of blocks from SLAB_FIRST bytes on */
#define MEMBER_SIZE    32   /* protobuf-c's note of one field while it scans a message */
#define MEMBERS_INLINE 16   /* so many notes need no memory */
#define SLAB_FIRST     1024 /* the first block of notes; each next one is twice as large */
#define UNKNOWN_SIZE   32   /* note of an unknown field, 24 bytes, and its array's rounding */

/* One message being walked. Repeated fields' indices and maps' keys are found again from the bytes
 * when there is a fault, so that good input does not pay for them. */
struct frame {
	const struct frame *up;
	const struct message_desc *type;
	const struct field_desc *field;
	const uint8_t *start, *at, *end; /* at: the tag of the current field */
};

struct walk {
	const uint8_t *root;
	size_t used, limit;
	unsigned depth_limit, flags;
	bool text_checked;
	struct wire_known *known;
	size_t scan[WIRE_DEPTH + 1]; /* memory for notes, the most at each depth */
	struct str key;              /* of the map entry walked last */
	uint64_t entry_seen;
	struct error *err;
};

static size_t alloc_size(size_t n)
{
	size_t size = (n + ALLOC_ALIGN - 1) & ~(size_t)(ALLOC_ALIGN - 1);

	return n >= SLAB_FIRST ? size + ALLOC_HEADER : size;
}

/* ---- telling of a fault ---------------------------------------------------------------------- */

static void locate(const struct frame *f, struct path_frame *ret)
{
	struct view v = {f->start, f->end};
	struct view_field field;
	struct view_field key;

	if (!f->field || f->field->label == LABEL_SINGULAR)
		return;
	ret->has_index = true;
	while (v.at < f->at && view_next(&v, &field) > 0)
		ret->index += field.number == f->field->number;
	if (f->field->label != LABEL_MAP || view_next(&v, &field) <= 0 ||
	    field.wire_type != WIRE_LEN || !view_find(field.bytes, 1, &key) ||
	    key.wire_type != WIRE_LEN || !utf8_valid(key.bytes.ptr, key.bytes.len, NULL))
		return;
	ret->has_key = true;
	ret->key = key.bytes;
}

static int fault(struct walk *w, const struct frame *f, int code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static int fault(struct walk *w, const struct frame *f, int code, const char *fmt, ...)
{
	struct path_frame path[WIRE_DEPTH + 1];
	size_t offset = (size_t)(f->at - w->root), n = 0;
	char what[256];
	va_list ap;

	for (const struct frame *at = f; at && n < ARRAY_LEN(path); at = at->up, n++) {
		path[n] = (struct path_frame){.type = at->type, .field = at->field};
		path[n].up = at->up && n + 1 < ARRAY_LEN(path) ? &path[n + 1] : NULL;
		locate(at, &path[n]);
	}
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return path_err(path, w->err, code, "%s (byte %zu)", what, offset);
}

static int over_budget(struct walk *w, const struct frame *f)
{
	return fault(w, f, ERR_LIMIT,
		     "decoding would take more than %zu bytes of memory; send less, or raise the "
		     "limit",
		     w->limit);
}

static int truncated(struct walk *w, const struct frame *f)
{
	return fault(w, f, ERR_INVALID, "the bytes end inside a field");
}

/* ---- the walk -------------------------------------------------------------------------------- */

static inline bool charge(struct walk *w, size_t n)
{
	if (n > w->limit - w->used)
		return false;
	w->used += n;
	return true;
}

/* Notes of a message with so many fields. Blocks of equal size are used again once their message is
 * done, so what counts is the most at each depth. */
static bool charge_scan(struct walk *w, unsigned depth, size_t members)
{
	size_t room = MEMBERS_INLINE, need = 0, block = SLAB_FIRST, more;

	while (members > room) {
		need += block + ALLOC_HEADER;
		room += block / MEMBER_SIZE;
		block *= 2;
	}
	if (need <= w->scan[depth])
		return true;
	more = need - w->scan[depth];
	w->scan[depth] = need;
	return charge(w, more);
}

#define TEXT_STRIDE 64 /* bytes of a long text looked at together */

/* Whether all of it is ASCII without U+0000. */
static bool plain_text(const uint8_t *p, size_t len)
{
	uint64_t bad = 0, word;

	/* A byte below 0x80 gets its high bit from subtracting 1 only when it is 0. */
	for (; len >= TEXT_STRIDE; p += TEXT_STRIDE, len -= TEXT_STRIDE) {
		for (size_t i = 0; i < TEXT_STRIDE; i += 8) {
			memcpy(&word, p + i, 8);
			bad |= word | (word - 0x0101010101010101u);
		}
		if (bad & 0x8080808080808080u)
			return false;
	}
	for (; len >= 8; p += 8, len -= 8) {
		memcpy(&word, p, 8);
		bad |= word | (word - 0x0101010101010101u);
		if (bad & 0x8080808080808080u)
			return false;
	}
	while (len-- > 0) {
		if (*p == 0 || *p >= 0x80)
			return false;
		p++;
	}
	return true;
}

static int check_text(struct walk *w, const struct frame *f, const uint8_t *p, size_t len)
{
	const uint8_t *zero;
	size_t bad;

	if (w->text_checked || plain_text(p, len))
		return 0;
	zero = memchr(p, 0, len);
	if (zero)
		w->flags |= WIRE_ZERO;
	if (zero)
		return fault(w, f, ERR_INVALID,
			     "U+0000 at byte %zu of the string; strings must not hold it",
			     (size_t)(zero - p));
	if (!utf8_valid(p, len, &bad))
		return fault(w, f, ERR_INVALID, "not UTF-8: byte 0x%02x at %zu of the string",
			     p[bad], bad);
	return 0;
}

static int check_packed(struct walk *w, const struct frame *f, const uint8_t *p, const uint8_t *end)
{
	enum wire_type each = field_wire_type(f->field->type);
	size_t n = 0, size = each == WIRE_I64 ? 8 : 4;
	uint64_t v;

	if (each == WIRE_VARINT) {
		for (; p < end; n++)
			if (!wire_varint(&p, end, 10, &v))
				return fault(w, f, ERR_INVALID, "a packed number does not end");
	} else {
		n = (size_t)(end - p) / size;
		if ((size_t)(end - p) % size != 0)
			return fault(w, f, ERR_INVALID,
				     "the length of packed numbers is not a multiple of %zu", size);
	}
	if (n > 0 && !charge(w, n * field_value_size(f->field->type)))
		return over_budget(w, f);
	return 0;
}

static int walk_message(struct walk *w,
			const struct frame *up,
			const struct message_desc *type,
			const uint8_t *p,
			const uint8_t *end,
			unsigned depth);

/* A part that may be known. It is walked as if it stood alone, so that what it takes does not depend
 * on what came before it. */
static int
walk_recurring(struct walk *w, const struct frame *f, const uint8_t *p, size_t len, unsigned depth)
{
	const struct str wire = {(const char *)p, len};
	const struct wire_part *known = wire_known_find(w->known, wire, depth);
	struct walk alone = {.root = w->root, .used = w->used, .limit = w->limit, .err = w->err};
	struct wire_part part = {.depth = depth};
	int r;

	if (known) {
		w->flags |= known->flags;
		return charge(w, known->decoded) ? 0 : over_budget(w, f);
	}
	alone.depth_limit = w->depth_limit;
	r = walk_message(&alone, f, f->field->message, p, p + len, depth);
	w->flags |= alone.flags;
	if (r < 0)
		return r;
	part.decoded = alone.used - w->used;
	part.flags = alone.flags;
	w->used = alone.used;
	wire_known_add(w->known, wire, &part);
	return 0;
}

/* Keys in rising order cannot repeat; otherwise the decoded map has to be looked through. */
static void
check_entry(struct walk *w, const struct field_desc *field, struct str *last_key, bool first)
{
	bool needs_value = field->message->fields[1].type == FIELD_MESSAGE;

	if (!(w->entry_seen & 1) || (needs_value && !(w->entry_seen & 2)))
		w->flags |= WIRE_MAPS;
	else if (!first && str_cmp(*last_key, w->key) >= 0)
		w->flags |= WIRE_MAPS;
	*last_key = w->key;
}

static int
walk_length_prefixed(struct walk *w, struct frame *f, const uint8_t *p, size_t len, unsigned depth)
{
	const struct field_desc *field = f->field;

	switch (field->type) {
	case FIELD_STRING:
		if (!charge(w, alloc_size(len + 1)))
			return over_budget(w, f);
		return check_text(w, f, p, len);
	case FIELD_BYTES:
		return charge(w, alloc_size(len)) ? 0 : over_budget(w, f);
	case FIELD_MESSAGE:
		if (depth >= w->depth_limit)
			return fault(w, f, ERR_LIMIT, "messages are nested more than %u deep",
				     w->depth_limit);
		if (w->known && w->known->type == field->message)
			return walk_recurring(w, f, p, len, depth + 1);
		return walk_message(w, f, field->message, p, p + len, depth + 1);
	default:
		return check_packed(w, f, p, p + len);
	}
}

/* What the wire type says about the size of the value, not looking inside. *at is moved behind the
 * value, *ret_len is its payload's length. */
static int skip_value(struct walk *w,
		      const struct frame *f,
		      uint32_t wire_type,
		      const uint8_t **at,
		      size_t *ret_len)
{
	size_t left = (size_t)(f->end - *at), size;
	uint64_t value;
	uint32_t len;

	*ret_len = 0;
	switch (wire_type) {
	case WIRE_VARINT:
		if (wire_varint(at, f->end, 10, &value))
			return 0;
		if (left >= 10)
			return fault(w, f, ERR_INVALID, "a number longer than 10 bytes");
		return truncated(w, f);
	case WIRE_I64:
	case WIRE_I32:
		size = wire_type == WIRE_I64 ? 8 : 4;
		if (left < size)
			return truncated(w, f);
		*at += size;
		return 0;
	case WIRE_LEN:
		if (!wire_varint32(at, f->end, &len))
			return left >= 5 ? fault(w, f, ERR_INVALID, "a length above 4 GiB")
					 : truncated(w, f);
		if (len > WIRE_LEN_MAX)
			return fault(w, f, ERR_INVALID, "a length of 2 GiB or more");
		if (len > (size_t)(f->end - *at))
			return truncated(w, f);
		*ret_len = len;
		*at += len;
		return 0;
	case WIRE_GROUP:
	case WIRE_GROUP_END:
		return fault(w, f, ERR_INVALID, "groups (wire type %u) are not supported",
			     wire_type);
	default:
		return fault(w, f, ERR_INVALID, "wire type %u does not exist", wire_type);
	}
}

static const char *wire_name(uint32_t wire_type)
{
	static const char *const names[] = {
		"varint", "64-bit", "length-delimited", "group", "group end", "32-bit", "6", "7"};

	return names[wire_type & 7];
}

/* A field that the message has, its value already skipped: p..p+len is the payload, seen has a bit
 * for each field met before in this message. */
static int walk_known(struct walk *w,
		      struct frame *f,
		      uint32_t wire_type,
		      const uint8_t *p,
		      size_t len,
		      uint64_t *seen,
		      unsigned depth)
{
	const struct field_desc *field = f->field;
	enum wire_type expected = field_wire_type(field->type);
	uint64_t bit = 1ull << (field - f->type->fields);
	bool many = field->label != LABEL_SINGULAR;
	bool packed = field->packed && wire_type == WIRE_LEN;

	if (wire_type != expected && !packed)
		return fault(w, f, ERR_INVALID, "wire type %s where %s is expected",
			     wire_name(wire_type), wire_name(expected));
	if (many && !packed && !charge(w, field_value_size(field->type)))
		return over_budget(w, f);
	if (many && !(*seen & bit) && !charge(w, 2 * ALLOC_ALIGN)) /* the array's own rounding */
		return over_budget(w, f);
	if (!many && field->type == FIELD_MESSAGE && *seen & bit)
		w->flags |= WIRE_SPLIT | WIRE_MAPS; /* joined maps may share keys */
	*seen |= bit;
	return wire_type == WIRE_LEN ? walk_length_prefixed(w, f, p, len, depth) : 0;
}

/* An entry without value gets an empty one, which counts like one that was written. */
static int check_entry_end(struct walk *w, const struct frame *f, uint64_t seen, unsigned depth)
{
	const struct field_desc *value = &f->type->fields[1];

	if (value->type != FIELD_MESSAGE || seen & 2)
		return 0;
	if (depth >= w->depth_limit)
		return fault(w, f, ERR_LIMIT,
			     "messages are nested more than %u deep (an empty map value counts)",
			     w->depth_limit);
	if (!charge(w, alloc_size(value->message->c->sizeof_message)))
		return over_budget(w, f);
	return 0;
}

static int
walk_fields(struct walk *w, struct frame *f, const uint8_t *p, unsigned depth, size_t *ret_members)
{
	struct str last_key = STR_NULL, key = STR_NULL;
	const struct field_desc *last_map = NULL;
	uint64_t seen = 0;
	size_t members = 0;
	int r = 0;

	while (p < f->end) {
		const uint8_t *end = f->end;
		uint32_t tag;
		size_t len;

		f->at = p;
		f->field = NULL;
		if (!wire_varint32(&p, end, &tag))
			return (size_t)(end - f->at) >= 5
				       ? fault(w, f, ERR_INVALID, "a field number above 2^29-1")
				       : truncated(w, f);
		if (tag >> 3 == 0)
			return fault(w, f, ERR_INVALID, "field number 0");
		f->field = message_field(f->type, tag >> 3);
		r = skip_value(w, f, tag & 7, &p, &len);
		if (r < 0)
			return r;
		members++;
		if (!f->field) {
			size_t value = (size_t)(p - f->at);

			if (!charge(w, UNKNOWN_SIZE + alloc_size(value)))
				return over_budget(w, f);
			continue;
		}
		r = walk_known(w, f, tag & 7, p - len, len, &seen, depth);
		if (r < 0)
			return r;
		if (f->field->label == LABEL_MAP) {
			check_entry(w, f->field, &last_key, last_map == NULL);
			if (last_map && last_map != f->field)
				w->flags |= WIRE_MAPS; /* interleaved: order says nothing */
			last_map = f->field;
		}
		if (f->type->map_entry && f->field->number == 1)
			key = (struct str){(const char *)(p - len), len};
	}
	f->field = NULL;
	r = f->type->map_entry ? check_entry_end(w, f, seen, depth) : 0;
	w->key = key;
	w->entry_seen = seen;
	*ret_members = members;
	return r;
}

static int walk_message(struct walk *w,
			const struct frame *up,
			const struct message_desc *type,
			const uint8_t *p,
			const uint8_t *end,
			unsigned depth)
{
	struct frame f = {.up = up, .type = type, .start = p, .at = p, .end = end};
	size_t members = 0;
	int r;

	if (!charge(w, alloc_size(type->c->sizeof_message)))
		return over_budget(w, &f);
	r = walk_fields(w, &f, p, depth, &members);
	if (r < 0)
		return r;
	if (members > MEMBERS_INLINE && !charge_scan(w, depth, members)) {
		f.field = NULL;
		return over_budget(w, &f);
	}
	return 0;
}

int wire_check(const struct message_desc *type,
	       struct str wire,
	       const struct wire_limits *limits,
	       struct wire_info *ret_info,
	       struct error *err)
{
	static const uint8_t nothing[1];
	const uint8_t *p = wire.len > 0 ? (const uint8_t *)wire.ptr : nothing;
	struct walk w = {.root = p, .err = err};
	int r;

	if (!limits)
		limits = &wire_limits_default;
	if (wire.len > WIRE_LEN_MAX)
		return err_set(err, ERR_LIMIT, "%s: %zu bytes; a message is at most 2 GiB - 1",
			       type->name, wire.len);
	w.limit = limits->decoded;
	w.text_checked = limits->text_checked;
	w.known = limits->text_checked ? NULL : limits->known;
	w.depth_limit = MIN(limits->depth, (unsigned)WIRE_DEPTH);
	r = walk_message(&w, NULL, type, p, p + wire.len, 0);
	if (ret_info)
		*ret_info = (struct wire_info){.decoded = r < 0 ? 0 : w.used, .flags = w.flags};
	return r;
}
