/* Where in a message something is: `literals["a"].scalar.primitive.string_value`. Frames live on
 * the stack of whatever walks the message and are only put into words when there is a fault. */
#pragma once

#include "base/buf.h"
#include "base/str.h"
#include "flyte/desc.h"

struct path_frame {
	const struct path_frame *up;     /* the message this one lies in; NULL at the root */
	const struct message_desc *type; /* never NULL */
	const struct field_desc *field;  /* the field being looked at; NULL before any */
	size_t index;                    /* of a repeated field or of a map entry without key */
	struct str key;                  /* of a map entry */
	bool has_index, has_key;
};

/* Appends the full type name of the root and, when there is one, ", field <path>". The `value` of
 * a map entry is not named, its `key` is. Long paths lose their middle, long keys their end. */
void path_print(const struct path_frame *f, struct buf *out);

/* The first `max` bytes of UTF-8 text at most, ending between characters: for showing text of
 * others in an error. */
struct str path_cut(struct str s, size_t max);

/* As err_set, with path_print's text and ": " before the message. Returns code. */
int path_err(const struct path_frame *f, struct error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
