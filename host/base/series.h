/* How much was done lately and how long it took, second by second. Pure: time is a value, and the
 * memory is the caller's, zeroed before. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define SERIES_SECONDS 180
#define SERIES_BUCKETS 128 /* four per octave of nanoseconds */

struct series {
	struct series_second {
		int64_t second;
		uint32_t done, failed;
		uint32_t buckets[SERIES_BUCKETS];
	} seconds[SERIES_SECONDS]; /* a ring, indexed by the second */
};

/* Something ended at `now_ns` after `took_ns`, well or not. Times before those that the ring holds
 * are ignored. */
void series_add(struct series *s, int64_t now_ns, int64_t took_ns, bool well);

struct series_point {
	int64_t second;
	uint32_t done, failed;
	int64_t p50_ns, p99_ns; /* of all that ended then, within 13 %; 0 when nothing did */
};

/* Of one second; empty for those not held any more and those to come. */
struct series_point series_at(const struct series *s, int64_t second);

/* Of `n` seconds up to `last`, taken together; n at most SERIES_SECONDS. */
struct series_point series_over(const struct series *s, int64_t last, int64_t n);
