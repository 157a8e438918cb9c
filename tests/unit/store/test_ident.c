#include "lib/test.h"
#include "store/ident.h"

#define SECOND INT64_C(1000000000)

TEST(numbers_grow_also_when_the_clock_goes_back)
{
	struct ident_source source = {.last = 0};
	uint64_t last = 0, random = 1;

	for (int i = 0; i < 10000; i++) {
		int64_t wall = 1700000000 * SECOND + (i % 7 - 3) * SECOND;
		uint64_t id;

		random = random * 6364136223846793005u + 1;
		id = ident_next(&source, wall, random >> 20);
		CHECK(id > last);
		CHECK(id <= INT64_MAX);
		last = id;
	}
}

TEST(number_tells_its_time)
{
	struct ident_source source = {.last = 0};
	int64_t wall = 1700000000 * SECOND + 123456789;
	uint64_t id = ident_next(&source, wall, 0xffffffffu);

	CHECK(ident_time(id) <= wall && wall - ident_time(id) < SECOND / 1000);
	CHECK(ident_from_time(wall) <= id);
	CHECK(ident_from_time(wall + SECOND / 1000) > id);
}

TEST(text_reads_back)
{
	const uint64_t ids[] = {0, 1, 31, 32, 1782579200000123456u, INT64_MAX};
	char text[IDENT_TEXT + 1];
	uint64_t back;

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		ident_format(ids[i], text);
		CHECK_INT(strlen(text), IDENT_TEXT);
		CHECK(ident_parse(str_of(text), &back));
		CHECK(back == ids[i]);
	}
}

TEST(prefix_selects_by_its_digits)
{
	uint64_t bits, mask;
	char text[IDENT_TEXT + 1];

	ident_format(0x123456789abcdef, text);
	for (size_t n = 1; n <= IDENT_TEXT; n++) {
		CHECK(ident_parse_prefix((struct str){text, n}, &bits, &mask));
		CHECK((0x123456789abcdef & mask) == bits);
	}
	CHECK(ident_parse_prefix(STR("Z"), &bits, &mask));
	CHECK_INT(bits, 31);
	CHECK_INT(mask, 31);
}

TEST(bad_texts_are_refused)
{
	const char *const bad[] = {"", "i", "l", "o", "u", "-", "0000000000000z", "zzzzzzzzzzzzz",
				   "é"};
	uint64_t bits, mask;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (ident_parse_prefix(str_of(bad[i]), &bits, &mask))
			test_fail(__FILE__, __LINE__, "\"%s\" was taken", bad[i]);
	CHECK(!ident_parse(STR("000"), &bits));
	CHECK(!ident_parse((struct str){"00\0", 3}, &bits));
	CHECK(!ident_parse_prefix((struct str){"\0", 1}, &bits, &mask));
}
