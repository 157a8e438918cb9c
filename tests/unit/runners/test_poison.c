#include "lib/test.h"

#include "runners/poison.h"

#define S INT64_C(1000000000)

TEST(five_crashes_in_a_minute)
{
	struct poison p = {.n_crashes = 0};

	for (int i = 0; i < 4; i++)
		CHECK(!poison_crashed(&p, i * 15 * S));
	CHECK(poison_crashed(&p, 60 * S));
	CHECK(poison_active(&p, 60 * S));
	CHECK(poison_active(&p, 90 * S - 1));
	CHECK(!poison_active(&p, 90 * S));
}

TEST(five_crashes_in_more_than_a_minute)
{
	struct poison p = {.n_crashes = 0};

	for (int i = 0; i < 100; i++)
		CHECK(!poison_crashed(&p, i * 16 * S));
	CHECK(!poison_active(&p, 1600 * S));
}

TEST(three_failed_starts_in_a_row)
{
	struct poison p = {.n_crashes = 0};

	for (int i = 0; i < 10; i++) {
		CHECK(!poison_start_failed(&p, i * S));
		CHECK(!poison_start_failed(&p, i * S));
		poison_started(&p);
	}
	CHECK(!poison_start_failed(&p, 10 * S));
	CHECK(!poison_start_failed(&p, 10 * S));
	CHECK(poison_start_failed(&p, 10 * S));
}

TEST(the_time_doubles_up_to_ten_minutes)
{
	static const int64_t spans[] = {30, 60, 120, 240, 480, 600, 600};
	struct poison p = {.n_crashes = 0};
	int64_t now = 0;

	for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
		poison_start_failed(&p, now);
		poison_start_failed(&p, now);
		CHECK(poison_start_failed(&p, now));
		CHECK_INT(p.until_ns - now, spans[i] * S);
		now = p.until_ns;
	}
	now += 601 * S;
	poison_start_failed(&p, now);
	poison_start_failed(&p, now);
	CHECK(poison_start_failed(&p, now));
	CHECK_INT(p.until_ns - now, 30 * S);
}

TEST(clearing)
{
	struct poison p = {.n_crashes = 0};

	for (int i = 0; i < 5; i++)
		poison_crashed(&p, S);
	CHECK(poison_active(&p, S));
	poison_clear(&p);
	CHECK(!poison_active(&p, S));
}
