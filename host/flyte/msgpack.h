/* msgpack, the form in which flytekit sends dataclasses and untyped containers (Binary literals
 * with the tag "msgpack"). msgpack-c packs and unpacks; this adds limits and the JSON side. */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"

#include "flyte/literal.h"

#include <jansson.h>

/* One document as JSON text on one line. Integers and floats stay what they are (1 and 1.0),
 * bytes become base64 text, integer keys their decimal text; ext types are an error. */
int msgpack_to_json(struct str bytes, struct buf *out, struct error *err);

/* A JSON value as msgpack with flytekit's choices: smallest integer form, float64, str for text,
 * objects in document order. Whole numbers are integers unless `type`, when given, says that a
 * float stands there (dataclass fields and list elements are followed). */
int msgpack_from_json(const json_t *j, const LiteralType *type, struct buf *out, struct error *err);

/* google.protobuf.Struct values: numbers are doubles. From JSON they have what msgpack_from_json
 * would write for `type`, NULL or not. */
int struct_from_json(const json_t *j,
		     const LiteralType *type,
		     struct arena *arena,
		     Google__Protobuf__Struct **ret,
		     struct error *err);
/* One document that is a map, all copied; bytes are ERR_MISMATCH. */
int struct_from_msgpack(struct str bytes,
			struct arena *arena,
			Google__Protobuf__Struct **ret,
			struct error *err);
int struct_to_json(const Google__Protobuf__Struct *s, struct buf *out, struct error *err);
