/* JSON. jansson reads; a small writer prints, as jansson can neither print the shortest double
 * nor 64-bit integers as strings, and cannot stream. */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

#include <jansson.h>

/* Parses exactly one document: any value at the top, duplicate keys refused, U+0000 in strings
 * refused by name, depth at most 2048 (jansson's). *ret must be released with json_decref. Errors
 * say line and column. Locals can use _cleanup_(json_decrefp), which jansson defines. */
int json_parse(struct str text, const char *name, json_t **ret, struct error *err);

/* A streaming writer. Commas, indentation and escaping are its business; pairing begin and end,
 * and writing a key before each member, is the caller's. */
struct jw {
	struct buf *out;
	int indent; /* spaces per level; 0 prints on one line as {"a":1,"b":[1,2]} */
	int depth;
	bool first; /* nothing written yet at this level */
	bool after_key;
};

#define JW_INIT(buf, spaces)                                                                       \
	{                                                                                          \
		.out = (buf), .indent = (spaces), .depth = 0, .first = true, .after_key = false    \
	}

void jw_object_begin(struct jw *w);
void jw_object_end(struct jw *w);
void jw_array_begin(struct jw *w);
void jw_array_end(struct jw *w);
void jw_key(struct jw *w, struct str key);
void jw_keyz(struct jw *w, const char *key);
void jw_str(struct jw *w, struct str s);   /* must be UTF-8; bad bytes become U+FFFD */
void jw_strz(struct jw *w, const char *s); /* NULL prints null */
void jw_int(struct jw *w, int64_t v);
void jw_uint(struct jw *w, uint64_t v);
void jw_double(struct jw *w, double v); /* NaN and infinities as strings; whole values as "1.0"
					   only with jw_float */
void jw_float(struct jw *w, double v);  /* as jw_double, but always recognisable as a float */
void jw_bool(struct jw *w, bool v);
void jw_null(struct jw *w);
void jw_json(struct jw *w, const json_t *v); /* a parsed value, keys in document order */

/* Key and value at once. */
void jw_kv_str(struct jw *w, const char *key, struct str v);
void jw_kv_strz(struct jw *w, const char *key, const char *v);
void jw_kv_int(struct jw *w, const char *key, int64_t v);
void jw_kv_bool(struct jw *w, const char *key, bool v);
