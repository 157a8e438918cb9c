/* Packing into a buffer by msgpack-c: smallest integer form, float64, str for text. */
#pragma once

#include "flyte/value.h"

#include <msgpack/pack.h>

/* A packer that appends to `out`, whose sticky failure tells whether it went well. */
void msgpack_packer_for(msgpack_packer *p, struct buf *out);
/* Longer than 4 GiB is ERR_LIMIT in `out`. */
void msgpack_put_text(msgpack_packer *p, struct str s);

/* A value from inside msgpack or a Struct, as it is. */
int msgpack_pack_value(struct value v, struct buf *out, struct error *err);
