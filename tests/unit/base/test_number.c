#include "lib/test.h"

#include "base/mem.h"

#include <math.h>

static int64_t i64(const char *s)
{
	int64_t v = 0;

	CHECK(parse_i64(str_of(s), &v));
	return v;
}

TEST(signed_integers)
{
	static const char *const bad[] = {"",
					  "-",
					  "+",
					  " 1",
					  "1 ",
					  "1.0",
					  "0x10",
					  "--1",
					  "+-1",
					  "9223372036854775808",
					  "1e3",
					  "-9223372036854775809",
					  "99999999999999999999999"};
	int64_t v = 77;

	CHECK_INT(i64("0"), 0);
	CHECK_INT(i64("-0"), 0);
	CHECK_INT(i64("+12"), 12);
	CHECK_INT(i64("007"), 7);
	CHECK_INT(i64("9223372036854775807"), INT64_MAX);
	CHECK_INT(i64("-9223372036854775808"), INT64_MIN);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK(!parse_i64(str_of(bad[i]), &v));
	CHECK(!parse_i64((struct str){"1\0", 2}, &v));
	CHECK_INT(v, 77);
}

TEST(unsigned_integers)
{
	uint64_t v = 77;

	CHECK(!parse_u64(STR("18446744073709551616"), &v));
	CHECK(!parse_u64(STR("-1"), &v));
	CHECK(!parse_u64(STR(""), &v));
	CHECK(v == 77);
	CHECK(parse_u64(STR("18446744073709551615"), &v));
	CHECK(v == UINT64_MAX);
	CHECK(parse_u64(STR("+5"), &v));
	CHECK(v == 5);
}

TEST(doubles_are_read_as_json_writes_them)
{
	static const char *const bad[] = {"",      "-",     ".5",        "5.",  "01",       "1e",
					  "1e+",   "+1",    "nan",       "inf", "0x1",      "1 ",
					  " 1",    "1,5",   "Infinity ", "--1", "1.e5",     "-.5",
					  "1e5.5", "1e400", "-1e400",    "NAN", "+Infinity"};
	char longest[1100];
	double v = 77;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK(!parse_double(str_of(bad[i]), &v));
	CHECK(v == 77);
	CHECK(parse_double(STR("-1.5e-3"), &v) && v == -0.0015);
	CHECK(parse_double(STR("0"), &v) && v == 0 && !signbit(v));
	CHECK(parse_double(STR("-0"), &v) && v == 0 && signbit(v));
	CHECK(parse_double(STR("1E+2"), &v) && v == 100);
	CHECK(parse_double(STR("1e-400"), &v) && v == 0);
	CHECK(parse_double(STR("NaN"), &v) && isnan(v));
	CHECK(parse_double(STR("Infinity"), &v) && v > 0 && isinf(v));
	CHECK(parse_double(STR("-Infinity"), &v) && v < 0 && isinf(v));

	memset(longest, '3', sizeof(longest));
	longest[1] = '.';
	CHECK(parse_double((struct str){longest, 1023}, &v) && v == 10.0 / 3);
	CHECK(!parse_double((struct str){longest, 1024}, &v));
}

static const char *show(double v)
{
	static char out[32];

	CHECK_INT(format_double(v, out), strlen(out));
	return out;
}

TEST(doubles_print_shortest)
{
	CHECK_STR(show(3), "3");
	CHECK_STR(show(-0.0), "-0");
	CHECK_STR(show(0.1), "0.1");
	CHECK_STR(show(0.1 + 0.2), "0.30000000000000004");
	CHECK_STR(show(-2.5), "-2.5");
	CHECK_STR(show(100), "100");
	CHECK_STR(show(1e15), "1000000000000000");
	CHECK_STR(show(9007199254740993.0), "9007199254740992");
	CHECK_STR(show(1e16), "1e+16");
	CHECK_STR(show(1e22), "1e+22");
	CHECK_STR(show(1.5e300), "1.5e+300");
	CHECK_STR(show(0.0001), "0.0001");
	CHECK_STR(show(0.00001), "1e-05");
	CHECK_STR(show(123456.789), "123456.789");
	CHECK_STR(show(5e-324), "5e-324");
	CHECK_STR(show(1.7976931348623157e308), "1.7976931348623157e+308");
	CHECK_STR(show((double)NAN), "NaN");
	CHECK_STR(show(-HUGE_VAL), "-Infinity");
}

/* The nearest 16 digits do not read back, the next 16 do: below a power of two doubles lie closer
 * together than above. */
TEST(doubles_print_shortest_at_powers_of_two)
{
	CHECK_STR(show(0x1p-44), "5.684341886080802e-14");
	CHECK_STR(show(-0x1p89), "-6.189700196426902e+26");
	CHECK_STR(show(0x1p-1017), "7.120236347223045e-307");
	for (int e = -1074; e < 1024; e++) {
		double back;

		CHECK(parse_double(str_of(show(ldexp(1, e))), &back));
		CHECK(back == ldexp(1, e));
	}
}

TEST(doubles_read_back_as_they_were)
{
	uint64_t state = 42;

	for (int i = 0; i < 50000; i++) {
		double v, back;
		uint64_t bits;

		state = state * 6364136223846793005u + 1442695040888963407u;
		bits = state ^ state >> 29;
		memcpy(&v, &bits, sizeof(v));
		if (!isfinite(v))
			continue;
		CHECK(parse_double(str_of(show(v)), &back));
		CHECK(memcmp(&v, &back, sizeof(v)) == 0);
	}
}

static int64_t duration(const char *s)
{
	int64_t ns = 0;

	if (!parse_duration(str_of(s), &ns))
		test_fail(__FILE__, __LINE__, "\"%s\" is refused", s);
	return ns;
}

TEST(durations)
{
	CHECK_INT(duration("90.5s"), 90500000000);
	CHECK_INT(duration("1m30s"), 90000000000);
	CHECK_INT(duration("2h"), 7200000000000);
	CHECK_INT(duration("150ms"), 150000000);
	CHECK_INT(duration("10us"), 10000);
	CHECK_INT(duration("5ns"), 5);
	CHECK_INT(duration("-1.5s"), -1500000000);
	CHECK_INT(duration("+1h2m3.5s4ms"), 3723504000000);
	CHECK_INT(duration("0s"), 0);
	CHECK_INT(duration("0.1h"), 360000000000);
	CHECK_INT(duration("0.000000001s"), 1);
	CHECK_INT(duration("1.0000000000000000000000000s"), 1000000000);
	CHECK_INT(duration("9223372036.854775807s"), INT64_MAX);
	CHECK_INT(duration("-9223372036.854775808s"), INT64_MIN);
	/* Exact where a double is not. */
	CHECK_INT(duration("9007199254740993ns"), 9007199254740993);
}

TEST(durations_refused)
{
	static const char *const bad[] = {
		"",
		"5",
		"s",
		"-",
		"1.s",
		".5s",
		"1 s",
		" 1s",
		"1s ",
		"1d",
		"1S",
		"1s1s",
		"30s1m",
		"0.5ns",
		"1e3s",
		"1s-1s",
		"1sm",
		"0.0000000001s",
		"--1s",
		"1h30",
		"1.2.3s",
		"9223372036.854775808s",
		"99999999999999999999s",
		"9223372036854775807h",
	};
	int64_t ns = 77;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (parse_duration(str_of(bad[i]), &ns))
			test_fail(__FILE__, __LINE__, "\"%s\" is accepted", bad[i]);
	CHECK_INT(ns, 77);
}

static int64_t quantity(const char *s)
{
	int64_t milli = 0;

	if (!parse_quantity_milli(str_of(s), &milli))
		test_fail(__FILE__, __LINE__, "\"%s\" is refused", s);
	return milli;
}

TEST(quantities)
{
	CHECK_INT(quantity("500m"), 500);
	CHECK_INT(quantity("2"), 2000);
	CHECK_INT(quantity("64Mi"), INT64_C(64) * 1024 * 1024 * 1000);
	CHECK_INT(quantity("1.5G"), 1500000000000);
	CHECK_INT(quantity("1e3"), 1000000);
	CHECK_INT(quantity("1E3"), 1000000);
	CHECK_INT(quantity("12e-1"), 1200);
	CHECK_INT(quantity("0.1"), 100);
	CHECK_INT(quantity(".5"), 500);
	CHECK_INT(quantity("5."), 5000);
	CHECK_INT(quantity("+1k"), 1000000);
	CHECK_INT(quantity("-1.5"), -1500);
	CHECK_INT(quantity("1Ki"), 1024000);
	CHECK_INT(quantity("0.5Gi"), INT64_C(512) * 1024 * 1024 * 1000);
	CHECK_INT(quantity("8Pi"), INT64_C(8) * 1125899906842624 * 1000);
	CHECK_INT(quantity("0"), 0);
	CHECK_INT(quantity("0E"), 0);
	CHECK_INT(quantity("0e100"), 0);
	CHECK_INT(quantity("9223372036854775.807"), INT64_MAX);
	CHECK_INT(quantity("-9223372036854775.808"), INT64_MIN);
}

TEST(quantities_round_up)
{
	CHECK_INT(quantity("1n"), 1);
	CHECK_INT(quantity("1u"), 1);
	CHECK_INT(quantity("1001u"), 2);
	CHECK_INT(quantity("0.0001"), 1);
	CHECK_INT(quantity("1.0001"), 1001);
	CHECK_INT(quantity("-1.0001"), -1000);
	CHECK_INT(quantity("1e-100"), 1);
	/* 1024 * 1.0000000000000000001 is a hair above 1024. */
	CHECK_INT(quantity("1.0000000000000000001Ki"), 1024001);
}

TEST(quantities_refused)
{
	static const char *const bad[] = {
		"",
		"m",
		".",
		"-",
		"1 Gi",
		" 1",
		"1mi",
		"1ki",
		"1KI",
		"1K",
		"1Gib",
		"1e",
		"1e1.",
		"1e+",
		"1.2.3",
		"1x",
		"1i",
		"1e3m",
		"--1",
		"10E",
		"1Ei",
		"1e200",
		"9223372036854775.808",
		"1e99999999999999999999",
		"NaN",
	};
	int64_t milli = 77;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (parse_quantity_milli(str_of(bad[i]), &milli))
			test_fail(__FILE__, __LINE__, "\"%s\" is accepted", bad[i]);
	CHECK(!parse_quantity_milli((struct str){"1\0i", 3}, &milli));
	CHECK(!parse_quantity_milli((struct str){"1\0", 2}, &milli));
	CHECK_INT(milli, 77);
}
