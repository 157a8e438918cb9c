/* A msgpack document as a tree in an arena. The parser is msgpack-c's; the tree is ours because
 * msgpack-c's own stops at 32 levels and allocates whatever a header claims. */
#pragma once

#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"

#define MSGPACK_DEPTH 100 /* containers inside each other */

enum msgpack_kind {
	MSGPACK_NIL,
	MSGPACK_BOOLEAN,
	MSGPACK_INTEGER,
	MSGPACK_UNSIGNED, /* above INT64_MAX */
	MSGPACK_FLOAT,
	MSGPACK_TEXT, /* UTF-8; may hold U+0000 */
	MSGPACK_BYTES,
	MSGPACK_ARRAY,
	MSGPACK_MAP,
};

struct msgpack_value {
	enum msgpack_kind kind;
	uint32_t n; /* bytes of text, items, entries */
	union {
		bool boolean;
		int64_t integer;
		uint64_t unsigned_integer;
		double number;
		const char *text; /* points into the document */
		struct msgpack_value *items;
		struct msgpack_entry
			*entries; /* in document order, keys unique: the last one stays */
	};
};

struct msgpack_entry {
	struct str key; /* a key that is no text as JSON writes it: 1, 2.5, true, null */
	struct msgpack_value original_key;
	struct msgpack_value value;
};

/* One whole document. Refuses what is truncated, has bytes behind it, nests deeper than
 * MSGPACK_DEPTH, holds bad UTF-8 or an ext value, and containers as map keys: ERR_INVALID or
 * ERR_LIMIT. The tree takes at most 24 bytes of arena for each byte of the document. */
int msgpack_parse(struct str bytes,
		  struct arena *arena,
		  struct msgpack_value *ret,
		  struct error *err);
