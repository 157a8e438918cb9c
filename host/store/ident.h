/* Names of executions: a 63-bit number ordered by time, and the text people type.
 *
 * The number is the time of acceptance in milliseconds (43 bits) and a count within it (20 bits),
 * so that rows are appended and the newest stand together. The text is the number in 13 characters
 * of base 32 (Crockford's, lower case), lowest digit first: two neighbours differ in their first
 * characters, and a few of them name an execution. */
#pragma once

#include "base/str.h"

#define IDENT_TEXT 13

/* Makes numbers that only grow, also when the clock goes back. */
struct ident_source {
	uint64_t last;
};

/* The next number for `wall_ns`; `random` spreads the low digits. */
uint64_t ident_next(struct ident_source *source, int64_t wall_ns, uint64_t random);

/* Wall clock (ns) at which that number was the first possible, and the other way round. */
int64_t ident_time(uint64_t id);
uint64_t ident_from_time(int64_t wall_ns);

void ident_format(uint64_t id, char out[IDENT_TEXT + 1]);

/* Reads all 13 characters; false for anything else. */
bool ident_parse(struct str text, uint64_t *ret);

/* Reads 1 to 13 characters: the ids meant are those with (id & *ret_mask) == *ret_bits. */
bool ident_parse_prefix(struct str text, uint64_t *ret_bits, uint64_t *ret_mask);
