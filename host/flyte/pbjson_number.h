/* Single numbers of protobuf's JSON, both ways, and the text before it is parsed. */
#pragma once

#include "base/buf.h"
#include "base/json.h"
#include "flyte/message_path.h"

static inline struct str pbjson_text(const json_t *string)
{
	return (struct str){json_string_value(string), json_string_length(string)};
}

/* The error that `v` is not what was wanted; returns ERR_INVALID. */
int pbjson_unexpected(const struct path_frame *f,
		      const char *wanted,
		      const json_t *v,
		      struct error *err);

/* The value of f->field, a number, boolean or enum: the bits as the wire carries them. */
int pbjson_number(const struct path_frame *f, const json_t *v, uint64_t *ret, struct error *err);

/* jansson's integers have 63 bits and no -0. Appends the text to `out` with each token that it
 * would refuse or change made a real number, which fields of type double read as they should;
 * appends nothing when there is none. */
void pbjson_rewrite_numbers(struct str text, struct buf *out);

/* A 64-bit integer; JSON has it as a string. */
void pbjson_put_wide(struct jw *w, uint64_t bits, bool is_signed);
void pbjson_put_float(struct jw *w, uint32_t bits);
void pbjson_put_double(struct jw *w, uint64_t bits);
