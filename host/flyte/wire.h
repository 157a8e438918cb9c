/* The walk over the wire form. It runs before any generated decoder, because protobuf-c cannot be
 * fed bytes from outside: nesting overflows its stack, small messages decode to huge ones, U+0000
 * cuts strings short, bad UTF-8 passes.
 *
 * What the walk accepts, protobuf-c and every other protobuf decode alike. What it refuses and
 * protobuf would read:
 * - a known field with the wrong wire type (protobuf keeps it as unknown, protobuf-c fails);
 * - groups, balanced or not (long deprecated; protobuf-c fails);
 * - U+0000 inside a string (C strings end there);
 * - field number 0 (some decoders take it for the end of the message) or above 2^29-1;
 * - a message or payload of 2 GiB or more;
 * - a map entry without value so deep that its empty value would be too deep;
 * - what would take more memory than the budget. */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "flyte/desc.h"
#include "flyte/wire_known.h"
#include "flyte/wire_view.h"

/* Levels of messages below the outermost one, map entries included: what protobuf's own decoders
 * read. */
#define WIRE_DEPTH   100
#define WIRE_DECODED ((size_t)512 << 20)

struct wire_limits {
	unsigned depth;    /* at most WIRE_DEPTH; more counts as WIRE_DEPTH */
	size_t decoded;    /* most bytes that decoding may allocate */
	bool text_checked; /* these bytes were checked before: strings are not looked at again */
	struct wire_known *known; /* parts that recur; or NULL */
};

extern const struct wire_limits wire_limits_default;

enum wire_flag {
	WIRE_SPLIT = 1, /* a singular message is spread over several fields: wire_merge first */
	WIRE_MAPS = 2,  /* a map entry lacks its key or value, or map keys may repeat */
	WIRE_ZERO = 4,  /* refused, for U+0000 in a string: protobuf would read it */
};

struct wire_info {
	size_t decoded; /* bytes that decoding allocates, never less, unless WIRE_SPLIT is set */
	unsigned flags; /* enum wire_flag */
};

/* Checks all of `wire` as a message of `type`. limits NULL means the default; ret_info may be NULL
 * and has but flags after a refusal.
 * ERR_INVALID, or ERR_LIMIT for depth, size and budget; the error names the path of the first
 * fault. Allocates only to tell of a fault. */
int wire_check(const struct message_desc *type,
	       struct str wire,
	       const struct wire_limits *limits,
	       struct wire_info *ret_info,
	       struct error *err);

/* The same message with each singular message in one field and each oneof with one member, as
 * protobuf merges them. `wire` has passed wire_check. Appends to `out`. */
int wire_merge(const struct message_desc *type,
	       struct str wire,
	       struct buf *out,
	       struct error *err);

/* How one value of this type is written when it is not packed. */
static inline enum wire_type field_wire_type(uint8_t type)
{
	switch (type) {
	case FIELD_DOUBLE:
		return WIRE_I64;
	case FIELD_FLOAT:
		return WIRE_I32;
	case FIELD_STRING:
	case FIELD_BYTES:
	case FIELD_MESSAGE:
		return WIRE_LEN;
	default:
		return WIRE_VARINT;
	}
}

/* Tag, varint and length-prefixed payload, for those who write the wire form. */
void wire_put_varint(struct buf *out, uint64_t v);
void wire_put_tag(struct buf *out, uint32_t number, enum wire_type type);
void wire_put_fixed(struct buf *out, uint64_t bits, size_t size);
void wire_put_bytes(struct buf *out, uint32_t number, struct str payload);

/* A payload whose length is known only when it is written: begin, append it, end. */
size_t wire_begin(struct buf *out, uint32_t number);
void wire_end(struct buf *out, size_t mark);
