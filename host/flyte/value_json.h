/* Values inside documents as JSON. */
#pragma once

#include "base/json.h"
#include "flyte/shape.h"
#include "flyte/value.h"

/* Floats are recognisable as such (1.0), NaN and infinities are strings, bytes become base64 text.
 * `shape`, when given, tells which numbers of a Struct are integers. Failures show in the buffer.
 */
void value_print_json(struct value v, const struct shape *shape, struct jw *out);
