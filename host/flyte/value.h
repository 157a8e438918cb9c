/* One view over everything that can hold a value: a literal, a google.protobuf.Struct value, or a
 * msgpack object inside a Binary literal. Views are small and by value; what they point to lives in
 * the arena of the decoded message. Reading never fails half-way: msgpack is checked once, when a
 * view of it is made. */
#pragma once

#include "flyte/literal.h"

#include "google/protobuf/struct.pb-c.h"

enum value_kind {
	VALUE_UNSET,
	VALUE_INTEGER,
	VALUE_FLOAT,
	VALUE_STRING,
	VALUE_BOOLEAN,
	VALUE_DATETIME,
	VALUE_DURATION,
	VALUE_NONE,
	VALUE_BINARY,
	VALUE_BLOB,
	VALUE_SCHEMA,
	VALUE_DATASET,
	VALUE_GENERIC,
	VALUE_UNION,
	VALUE_ERROR,
	VALUE_COLLECTION, /* also a list inside a struct or msgpack */
	VALUE_MAP,        /* also an object inside a struct or msgpack */
	VALUE_OFFLOADED,
};

/* A checked msgpack document, parsed into a tree in an arena. */
struct msgpack_value;

struct value {
	enum { VALUE_OF_NOTHING, VALUE_OF_LITERAL, VALUE_OF_STRUCT, VALUE_OF_MSGPACK } source;
	union {
		const Literal *literal;
		const Google__Protobuf__Value *structure;
		const struct msgpack_value *msgpack;
	};
};

struct value value_of_literal(const Literal *lit);
/* An object view over a whole Struct (a template's custom). The arena holds the wrapping Value. */
struct value value_of_struct(const Google__Protobuf__Struct *s, struct arena *arena);
/* VALUE_OF_NOTHING when malformed (truncated, trailing bytes, over 100 deep) with the reason. */
struct value value_of_msgpack(struct str bytes, struct arena *arena, struct error *err);

/* Numbers of a Struct are VALUE_FLOAT, bin inside msgpack is VALUE_BINARY. */
enum value_kind value_kind(struct value v);

/* False when of another kind. They look through unions; value_f64 takes integers too, value_i64
 * takes whole doubles of a Struct (which knows no integers). */
bool value_i64(struct value v, int64_t *ret);
bool value_f64(struct value v, double *ret);
bool value_bool(struct value v, bool *ret);
bool value_str(struct value v, struct str *ret);
bool value_bytes(struct value v, struct str *ret); /* of a Binary literal, bin inside msgpack */

/* What a container holds, looking through unions, and into a Binary of tag msgpack and a Generic
 * literal: `v` becomes the view of its content. Other values are returned as they are. Entries of a
 * literal map are in key order then. Uses the arena; VALUE_OF_NOTHING and the reason when msgpack
 * is malformed or memory is out. */
struct value value_open(struct value v, struct arena *arena, struct error *err);

bool value_len(struct value opened, size_t *ret);       /* false: no container */
struct value value_item(struct value opened, size_t i); /* of a collection */
struct value value_entry(struct value opened, size_t i, struct str *ret_key); /* of a map */
struct value value_get(struct value opened, struct str key);                  /* of a map */
