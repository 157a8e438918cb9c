/* Reading the fields at the top of a serialized message without decoding it. Every read is bounds
 * checked, so the bytes need not have been through wire_check. Any thread. */
#pragma once

#include "base/error.h"
#include "base/str.h"

enum wire_type {
	WIRE_VARINT = 0,
	WIRE_I64 = 1,
	WIRE_LEN = 2,
	WIRE_GROUP = 3,
	WIRE_GROUP_END = 4,
	WIRE_I32 = 5,
};

struct view {
	const uint8_t *at, *end;
};

struct view_field {
	uint32_t number;
	uint8_t wire_type;
	uint64_t value;   /* WIRE_VARINT, WIRE_I64, WIRE_I32: the bits */
	struct str bytes; /* WIRE_LEN: the payload; points into the message */
	struct str raw;   /* the whole field with its tag */
};

static inline struct view view_of(struct str wire)
{
	const uint8_t *at = (const uint8_t *)wire.ptr;

	return (struct view){at, at ? at + wire.len : at};
}

/* The next field, in wire order. 1 and *ret; 0 at the end; ERR_INVALID for bytes that are not a
 * message (truncated, overlong, number 0, a group). */
int view_next(struct view *v, struct view_field *ret);

/* The last field with this number; false when there is none or the bytes are bad. For a singular
 * field that is its value, as long as the writer did not split a message over several. */
bool view_find(struct str wire, uint32_t number, struct view_field *ret);

/* A varint of at most `max` bytes. Moves *at behind it; false when it does not end in time. */
static inline bool wire_varint(const uint8_t **at, const uint8_t *end, unsigned max, uint64_t *ret)
{
	const uint8_t *p = *at;
	uint64_t v = 0;

	for (unsigned i = 0; i < max && p < end; i++) {
		uint8_t b = *p++;

		v |= (uint64_t)(b & 0x7f) << (7 * i);
		if (b < 0x80) {
			*at = p;
			*ret = v;
			return true;
		}
	}
	return false;
}

/* Tags and lengths are 32-bit varints of at most 5 bytes. */
static inline bool wire_varint32(const uint8_t **at, const uint8_t *end, uint32_t *ret)
{
	uint64_t v;

	if (*at < end && **at < 0x80) {
		*ret = *(*at)++;
		return true;
	}
	if (!wire_varint(at, end, 5, &v) || v > UINT32_MAX)
		return false;
	*ret = (uint32_t)v;
	return true;
}

#define WIRE_LEN_MAX 0x7fffffffu /* longest payload, and longest message */
