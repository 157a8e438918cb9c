/* Text and byte spans: pointer and length, not owned. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
	const char *ptr; /* may be NULL only when len is 0 */
	size_t len;
};

#define STR_NULL     ((struct str){NULL, 0})
#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
#define STR_FMT      "%.*s"
#define STR_ARG(s)   (int)(s).len, (s).ptr ? (s).ptr : ""

static inline struct str str_of(const char *s)
{
	return (struct str){s, s ? strlen(s) : 0};
}

static inline bool str_eq(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool str_is(struct str a, const char *b)
{
	return str_eq(a, str_of(b));
}

static inline bool streq(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

bool str_starts(struct str s, const char *prefix);
bool str_ends(struct str s, const char *suffix);
int str_cmp(struct str a, struct str b); /* bytewise, shorter first */

/* Steps over `c` when `s` begins with it. */
static inline bool str_take(struct str *s, char c)
{
	if (s->len == 0 || s->ptr[0] != c)
		return false;
	s->ptr++;
	s->len--;
	return true;
}

/* Splits at the last dot: "a.b.c" -> "a.b" and "c". False when there is none or a part is empty. */
bool str_split_last_dot(struct str s, struct str *ret_head, struct str *ret_tail);

/* Well-formed UTF-8 (no surrogates, no overlong forms, at most U+10FFFF). *ret_bad, when given,
 * is the offset of the first bad byte. */
bool utf8_valid(const void *data, size_t len, size_t *ret_bad);

/* Length (1 to 4) of the well-formed character at the start; 0 when there is none. */
size_t utf8_char(const void *data, size_t len);

/* The name among `names` closest to `typed` when it is close enough to be a slip of the finger,
 * else NULL. Counts insertions, deletions, replacements and swaps. */
const char *suggest(const char *typed, const char *const *names, size_t n);

/* Strict decimal: optional sign, digits, nothing else. False on overflow too. */
bool parse_i64(struct str s, int64_t *ret);
bool parse_u64(struct str s, uint64_t *ret);

/* Strict floating point as JSON writes it, also "NaN", "Infinity", "-Infinity". False when it is
 * too big for a double, or longer than 1023 characters. */
bool parse_double(struct str s, double *ret);

/* "90.5s", "1m30s", "2h", "150ms", "10us", "5ns", "-1.5s" -> nanoseconds; a bare number is
 * refused. Exact, false on overflow. */
bool parse_duration(struct str s, int64_t *ret_ns);

/* Shortest decimal text that reads back as the same double; "NaN", "Infinity", "-Infinity".
 * Returns the length written (< 32), NUL-terminated. Integral values print without ".0". */
size_t format_double(double v, char out[32]);

/* Kubernetes quantity text ("500m", "64Mi", "1.5G", "1e3") in thousandths of a unit, rounded up.
 * False when it is not a quantity or overflows. */
bool parse_quantity_milli(struct str s, int64_t *ret_milli);
