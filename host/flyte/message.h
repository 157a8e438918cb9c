/* Decoding and encoding of whole messages. Decoded ones are protobuf-c structs (from the generated
 * headers, "flyteidl/core/literals.pb-c.h") that live in an arena and are never freed one by one.
 * Any thread, one arena per thread. */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "flyte/desc.h"
#include "flyte/wire.h"

/* wire_check, then decodes into `arena`: *ret is a struct of the message's C type. As protobuf
 * reads it: split messages are merged, of equal map keys the last one counts, a map entry without
 * value gets an empty one. Unknown fields are kept. limits NULL means the default.
 * ERR_INVALID, ERR_LIMIT (also the arena's), ERR_NOMEM. */
int message_decode(const struct message_desc *type,
		   struct str wire,
		   const struct wire_limits *limits,
		   struct arena *arena,
		   void **ret,
		   struct error *err);

/* Appends the wire form of `m`: fields by number, map entries sorted by key, unknown fields last,
 * so that equal messages give equal bytes. (Those inside a map entry, beside key and value, are
 * dropped, as everywhere: maps have no place for them.) What others could not read is refused and
 * named: bad UTF-8, nesting deeper than WIRE_DEPTH, 2 GiB or more. */
int message_encode(const ProtobufCMessage *m, struct buf *out, struct error *err);

/* The same message: maps without regard to order, all NaNs equal, 0.0 and -0.0 different. `a` and
 * `b` are of `type`, nested at most WIRE_DEPTH deep; deeper ones are not equal. */
bool message_equal(const struct message_desc *type, const void *a, const void *b);
