#include "base/series.h"

#include "base/mem.h"

#include <string.h>

#define NS INT64_C(1000000000)

/* Bucket of a time: its highest bit and the two below it. The first octave begins at 2^8 ns, and
 * what is shorter counts there too; the last one ends at 2^40 ns, 18 minutes, and what is longer
 * counts there too. */
#define FIRST_OCTAVE 8

static unsigned bucket_of(int64_t ns)
{
	unsigned octave, index;

	if (ns < INT64_C(1) << FIRST_OCTAVE)
		return 0;
	octave = 63 - (unsigned)__builtin_clzll((uint64_t)ns);
	index = (octave - FIRST_OCTAVE) * 4 + (unsigned)(ns >> (octave - 2) & 3);
	return MIN(index, (unsigned)SERIES_BUCKETS - 1);
}

/* The middle of a bucket. */
static int64_t bucket_time(unsigned index)
{
	unsigned octave = FIRST_OCTAVE + index / 4;
	int64_t quarter = INT64_C(1) << (octave - 2);

	return (4 + index % 4) * quarter + quarter / 2;
}

static size_t slot(int64_t second)
{
	return (size_t)((uint64_t)second % SERIES_SECONDS);
}

void series_add(struct series *s, int64_t now_ns, int64_t took_ns, bool well)
{
	int64_t second = now_ns / NS;
	struct series_second *at = &s->seconds[slot(second)];

	if (second < at->second)
		return;
	if (second > at->second) {
		memset(at, 0, sizeof(*at));
		at->second = second;
	}
	if (well)
		at->done++;
	else
		at->failed++;
	at->buckets[bucket_of(took_ns)]++;
}

static int64_t quantile(const uint32_t *buckets, uint64_t total, unsigned percent)
{
	uint64_t rank = (total * percent + 99) / 100, seen = 0;

	for (unsigned i = 0; i < SERIES_BUCKETS; i++) {
		seen += buckets[i];
		if (seen >= rank)
			return bucket_time(i);
	}
	return 0;
}

struct series_point series_over(const struct series *s, int64_t last, int64_t n)
{
	struct series_point p = {.second = last};
	uint32_t buckets[SERIES_BUCKETS] = {0};
	uint64_t total;

	for (int64_t second = MAX(last - n + 1, 0); second <= last; second++) {
		const struct series_second *at = &s->seconds[slot(second)];

		if (at->second != second)
			continue;
		p.done += at->done;
		p.failed += at->failed;
		for (unsigned i = 0; i < SERIES_BUCKETS; i++)
			buckets[i] += at->buckets[i];
	}
	total = (uint64_t)p.done + p.failed;
	if (total > 0) {
		p.p50_ns = quantile(buckets, total, 50);
		p.p99_ns = quantile(buckets, total, 99);
	}
	return p;
}

struct series_point series_at(const struct series *s, int64_t second)
{
	return series_over(s, second, 1);
}
