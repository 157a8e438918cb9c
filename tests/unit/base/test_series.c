#include "base/series.h"

#include "lib/test.h"

#define MS INT64_C(1000000)
#define S  (1000 * MS)

static struct series s;

static void check_about(int64_t got, int64_t expected)
{
	if (got < expected * 87 / 100 || got > expected * 113 / 100)
		test_fail(__FILE__, __LINE__, "%jd is not about %jd", (intmax_t)got,
			  (intmax_t)expected);
}

static void start(void)
{
	memset(&s, 0, sizeof(s));
}

TEST(a_second_counts_and_ranks)
{
	struct series_point p;

	start();
	for (int i = 0; i < 99; i++)
		series_add(&s, 1000 * S + i, 2 * MS, true);
	series_add(&s, 1000 * S + 999 * MS, 3 * S, false);
	p = series_at(&s, 1000);
	CHECK_INT(p.second, 1000);
	CHECK_INT(p.done, 99);
	CHECK_INT(p.failed, 1);
	check_about(p.p50_ns, 2 * MS);
	check_about(p.p99_ns, 2 * MS);
	series_add(&s, 1000 * S, 3 * S, false);
	check_about(series_at(&s, 1000).p99_ns, 3 * S);
}

TEST(empty_seconds_are_zero)
{
	struct series_point p;

	start();
	series_add(&s, 1000 * S, MS, true);
	p = series_at(&s, 999);
	CHECK_INT(p.done + p.failed, 0);
	CHECK_INT(p.p50_ns, 0);
	CHECK_INT(series_at(&s, 1001).done, 0);
	CHECK_INT(series_at(&s, 1000 + SERIES_SECONDS).done, 0);
}

TEST(old_seconds_give_way)
{
	start();
	series_add(&s, 1000 * S, MS, true);
	series_add(&s, (1000 + SERIES_SECONDS) * S, MS, true);
	CHECK_INT(series_at(&s, 1000).done, 0);
	CHECK_INT(series_at(&s, 1000 + SERIES_SECONDS).done, 1);
	/* A clock that went back does not disturb what is there. */
	series_add(&s, 1000 * S, MS, true);
	CHECK_INT(series_at(&s, 1000).done, 0);
	CHECK_INT(series_at(&s, 1000 + SERIES_SECONDS).done, 1);
}

TEST(seconds_add_up)
{
	struct series_point p;

	start();
	for (int i = 0; i < 20; i++)
		series_add(&s, (1000 + i) * S, i < 10 ? MS : 64 * MS, i % 2 == 0);
	p = series_over(&s, 1019, 20);
	CHECK_INT(p.done, 10);
	CHECK_INT(p.failed, 10);
	check_about(p.p50_ns, MS);
	check_about(p.p99_ns, 64 * MS);
	CHECK_INT(series_over(&s, 1019, 5).done, 2);
}

TEST(extreme_times_are_held)
{
	start();
	series_add(&s, 5 * S, 0, true);
	series_add(&s, 5 * S, -1, true);
	CHECK(series_at(&s, 5).p99_ns < 1000);
	series_add(&s, 6 * S, INT64_MAX, true);
	CHECK(series_at(&s, 6).p50_ns > 900 * S);
}

TEST(every_time_is_near_its_bucket)
{
	for (int64_t ns = 256; ns < (int64_t)1 << 40; ns += ns / 7 + 1) {
		start();
		series_add(&s, 7 * S, ns, true);
		check_about(series_at(&s, 7).p50_ns, ns);
	}
}
