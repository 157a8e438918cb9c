#include "lib/test.h"

#include "base/clock.h"
#include "base/mem.h"

#include <time.h>

#define FIRST INT64_C(-62135596800)
#define LAST  INT64_C(253402300799)

static const char *show(int64_t seconds, int32_t nanos)
{
	static char out[40];

	CHECK_INT(time_format(seconds, nanos, out), 0);
	return out;
}

TEST(clocks_run)
{
	int64_t a = clock_monotonic_ns(), cpu = clock_cpu_ns();
	volatile unsigned spin = 0;

	while (clock_cpu_ns() == cpu)
		spin++;
	CHECK(clock_monotonic_ns() > a);
	CHECK(clock_realtime_ns() / 1000000000 - (int64_t)time(NULL) <= 1);
	CHECK((int64_t)time(NULL) - clock_realtime_ns() / 1000000000 <= 1);
}

TEST(time_prints_0_3_6_or_9_digits)
{
	CHECK_STR(show(0, 0), "1970-01-01T00:00:00Z");
	CHECK_STR(show(1704164645, 678901000), "2024-01-02T03:04:05.678901Z");
	CHECK_STR(show(0, 500000000), "1970-01-01T00:00:00.500Z");
	CHECK_STR(show(0, 1000), "1970-01-01T00:00:00.000001Z");
	CHECK_STR(show(0, 1), "1970-01-01T00:00:00.000000001Z");
	CHECK_STR(show(-1, 999999999), "1969-12-31T23:59:59.999999999Z");
	CHECK_STR(show(FIRST, 0), "0001-01-01T00:00:00Z");
	CHECK_STR(show(LAST, 999999999), "9999-12-31T23:59:59.999999999Z");
}

TEST(time_out_of_range_is_not_printed)
{
	char out[40];

	CHECK_INT(time_format(FIRST - 1, 0, out), ERR_INVALID);
	CHECK_INT(time_format(LAST + 1, 0, out), ERR_INVALID);
	CHECK_INT(time_format(0, -1, out), ERR_INVALID);
	CHECK_INT(time_format(0, 1000000000, out), ERR_INVALID);
	CHECK_INT(time_format(INT64_MAX, 0, out), ERR_INVALID);
}

/* Every day of the range against libc's calendar, and back. */
TEST(time_every_day_agrees_with_libc)
{
	for (int64_t t = FIRST; t <= LAST; t += 86400) {
		char expected[80];
		time_t when = (time_t)t;
		struct tm tm;
		int64_t seconds = 1;
		int32_t nanos = 1;

		CHECK(gmtime_r(&when, &tm));
		snprintf(expected, sizeof(expected), "%04d-%02d-%02dT00:00:00Z", tm.tm_year + 1900,
			 tm.tm_mon + 1, tm.tm_mday);
		CHECK_STR(show(t, 0), expected);
		CHECK(time_parse(str_of(expected), &seconds, &nanos));
		CHECK_INT(seconds, t);
		CHECK_INT(nanos, 0);
	}
}

static int64_t at(const char *text)
{
	int64_t seconds;
	int32_t nanos;

	if (!time_parse(str_of(text), &seconds, &nanos))
		test_fail(__FILE__, __LINE__, "\"%s\" is refused", text);
	return seconds;
}

TEST(time_reads_offsets_and_fractions)
{
	int64_t seconds;
	int32_t nanos;

	CHECK_INT(at("1970-01-01T00:00:00Z"), 0);
	CHECK_INT(at("1970-01-01t00:00:01z"), 1);
	CHECK_INT(at("1970-01-01 00:00:01Z"), 1);
	CHECK_INT(at("1970-01-01T02:00:00+02:00"), 0);
	CHECK_INT(at("1969-12-31T18:30:00-05:30"), 0);
	CHECK_INT(at("2024-02-29T00:00:00Z"), 1709164800);
	CHECK_INT(at("2000-02-29T00:00:00Z"), 951782400);
	CHECK(time_parse(STR("2024-01-02T03:04:05.678901Z"), &seconds, &nanos));
	CHECK_INT(seconds, 1704164645);
	CHECK_INT(nanos, 678901000);
	CHECK(time_parse(STR("1970-01-01T00:00:00.5+00:00"), &seconds, &nanos));
	CHECK_INT(nanos, 500000000);
	CHECK(time_parse(STR("1970-01-01T00:00:00.123456789Z"), &seconds, &nanos));
	CHECK_INT(nanos, 123456789);
}

TEST(time_refuses_what_is_no_time)
{
	static const char *const bad[] = {
		"",
		"2024",
		"2024-01-02",
		"2024-01-02T03:04:05",
		"2024-01-02T03:04Z",
		"2023-02-29T00:00:00Z",
		"1900-02-29T00:00:00Z",
		"2024-02-30T00:00:00Z",
		"2024-13-01T00:00:00Z",
		"2024-00-01T00:00:00Z",
		"2024-01-00T00:00:00Z",
		"2024-04-31T00:00:00Z",
		"0000-01-01T00:00:00Z",
		"10000-01-01T00:00:00Z",
		"2024-01-01T24:00:00Z",
		"2024-01-01T00:60:00Z",
		"2024-01-01T00:00:60Z",
		"2016-12-31T23:59:60Z",
		"2024-01-01T00:00:00.Z",
		"2024-01-01T00:00:00.1234567890Z",
		"2024-01-01T00:00:00+24:00",
		"2024-01-01T00:00:00+00:60",
		"2024-01-01T00:00:00+0000",
		"2024-01-01T00:00:00+1:00",
		"2024-01-01T00:00:00ZZ",
		" 2024-01-01T00:00:00Z",
		"2024-1-01T00:00:00Z",
		"+024-01-01T00:00:00Z",
		"2024-01-01_00:00:00Z",
		"2024-01-01T00:00:00,5Z",
		"0001-01-01T00:00:00+00:01",
		"9999-12-31T23:59:59-00:01",
	};
	int64_t seconds = 77;
	int32_t nanos = 77;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (time_parse(str_of(bad[i]), &seconds, &nanos))
			test_fail(__FILE__, __LINE__, "\"%s\" is accepted", bad[i]);
	CHECK(!time_parse((struct str){"2024-01-01\0"
				       "00:00:00Z",
				       20},
			  &seconds, &nanos));
	CHECK_INT(seconds, 77);
	CHECK_INT(nanos, 77);
}

static const char *show_duration(int64_t seconds, int32_t nanos)
{
	static char out[40];

	CHECK_INT(duration_format(seconds, nanos, out), 0);
	return out;
}

TEST(duration_prints_as_protobuf)
{
	char out[40];

	CHECK_STR(show_duration(0, 0), "0s");
	CHECK_STR(show_duration(1, 500000000), "1.500s");
	CHECK_STR(show_duration(0, -1000), "-0.000001s");
	CHECK_STR(show_duration(-1, -1), "-1.000000001s");
	CHECK_STR(show_duration(315576000000, 0), "315576000000s");
	CHECK_INT(duration_format(1, -1, out), ERR_INVALID);
	CHECK_INT(duration_format(-1, 1, out), ERR_INVALID);
	CHECK_INT(duration_format(0, 1000000000, out), ERR_INVALID);
	CHECK_INT(duration_format(0, INT32_MIN, out), ERR_INVALID);
	CHECK_INT(duration_format(315576000001, 0, out), ERR_INVALID);
	CHECK_INT(duration_format(INT64_MIN, 0, out), ERR_INVALID);
}

TEST(duration_reads_as_protobuf)
{
	static const char *const bad[] = {"",
					  "s",
					  "1",
					  "1.s",
					  ".5s",
					  "+1s",
					  "1.0000000001s",
					  "1ms",
					  "1 s",
					  "--1s",
					  "1s ",
					  "315576000001s",
					  "99999999999999999999s",
					  "-315576000001.5s"};
	int64_t seconds = 77;
	int32_t nanos = 77;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (duration_parse_proto(str_of(bad[i]), &seconds, &nanos))
			test_fail(__FILE__, __LINE__, "\"%s\" is accepted", bad[i]);
	CHECK_INT(seconds, 77);
	CHECK(duration_parse_proto(STR("1.5s"), &seconds, &nanos));
	CHECK_INT(seconds, 1);
	CHECK_INT(nanos, 500000000);
	CHECK(duration_parse_proto(STR("-0.000001s"), &seconds, &nanos));
	CHECK_INT(seconds, 0);
	CHECK_INT(nanos, -1000);
	CHECK(duration_parse_proto(STR("-315576000000s"), &seconds, &nanos));
	CHECK_INT(seconds, -315576000000);
}

TEST(longest_duration_comes_back)
{
	int64_t seconds = 0;
	int32_t nanos = 0;

	CHECK_STR(show_duration(315576000000, 100000000), "315576000000.100s");
	CHECK(duration_parse_proto(STR("315576000000.100s"), &seconds, &nanos));
	CHECK_INT(seconds, 315576000000);
	CHECK_INT(nanos, 100000000);
	CHECK_STR(show_duration(-315576000000, -1), "-315576000000.000000001s");
	CHECK(duration_parse_proto(STR("-315576000000.000000001s"), &seconds, &nanos));
	CHECK_INT(seconds, -315576000000);
	CHECK_INT(nanos, -1);
}
