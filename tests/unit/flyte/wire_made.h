/* Messages on the wire for the tests of wire.c, made by hand. */
#pragma once

#include "base/buf.h"
#include "flyte/wire.h"

#define LITERAL     MESSAGE_DESC(flyteidl__core__literal)
#define LITERAL_MAP MESSAGE_DESC(flyteidl__core__literal_map)
#define VARIABLE    MESSAGE_DESC(flyteidl__core__variable)

#define BYTES(literal) ((struct str){literal, sizeof(literal) - 1})

static inline struct str whole(const struct buf *b)
{
	return (struct str){b->data, b->len};
}

/* {"<key>": string "<text>"} */
static inline void put_string_input(struct buf *b, const char *key, struct str text)
{
	size_t entry = wire_begin(b, 1), literal, scalar, primitive;

	wire_put_bytes(b, 1, str_of(key));
	literal = wire_begin(b, 2);
	scalar = wire_begin(b, 1);
	primitive = wire_begin(b, 1);
	wire_put_bytes(b, 3, text);
	wire_end(b, primitive);
	wire_end(b, scalar);
	wire_end(b, literal);
	wire_end(b, entry);
}
