#include "lib/test.h"

#include "base/mem.h"

TEST(comparing)
{
	CHECK(str_eq(STR("ab"), STR("ab")));
	CHECK(!str_eq(STR("ab"), STR("abc")));
	CHECK(str_eq(STR_NULL, STR("")));
	CHECK(str_is(STR("ab"), "ab"));
	CHECK(str_starts(STR("abc"), "ab") && str_starts(STR("abc"), "") &&
	      str_starts(STR_NULL, ""));
	CHECK(!str_starts(STR("a"), "ab"));
	CHECK(str_ends(STR("abc"), "bc") && !str_ends(STR("c"), "bc") && str_ends(STR_NULL, ""));
	CHECK(str_cmp(STR("a"), STR("b")) < 0);
	CHECK(str_cmp(STR("ab"), STR("a")) > 0);
	CHECK(str_cmp(STR("a"), STR("ab")) < 0);
	CHECK(str_cmp(STR("\xff"), STR("a")) > 0);
	CHECK_INT(str_cmp(STR_NULL, STR("")), 0);
}

TEST(split_at_the_last_dot)
{
	struct str head, tail;

	CHECK(str_split_last_dot(STR("a.b.c"), &head, &tail));
	CHECK(str_is(head, "a.b") && str_is(tail, "c"));
	CHECK(!str_split_last_dot(STR("abc"), &head, &tail));
	CHECK(!str_split_last_dot(STR(".c"), &head, &tail));
	CHECK(!str_split_last_dot(STR("a."), &head, &tail));
	CHECK(!str_split_last_dot(STR("."), &head, &tail));
	CHECK(!str_split_last_dot(STR_NULL, &head, &tail));
}

TEST(utf8_good)
{
	static const char *const good[] = {
		"",
		"plain",
		"é",
		"€",
		"\xf0\x9f\x98\x80",
		"\xed\x9f\xbf",
		"\xee\x80\x80",
		"\xf4\x8f\xbf\xbf",
		"\xc2\x80",
		"\xe0\xa0\x80",
		"\xf0\x90\x80\x80",
	};

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		CHECK(utf8_valid(good[i], strlen(good[i]), NULL));
	CHECK(utf8_valid("a\0b", 3, NULL));
	CHECK(utf8_valid(NULL, 0, NULL));
}

TEST(utf8_bad)
{
	static const char *const bad[] = {
		"\x80",             /* a tail alone */
		"\xc0\x80",         /* overlong */
		"\xc1\xbf",         /* overlong */
		"\xe0\x9f\xbf",     /* overlong */
		"\xf0\x8f\xbf\xbf", /* overlong */
		"\xed\xa0\x80",     /* surrogate */
		"\xed\xbf\xbf",     /* surrogate */
		"\xf4\x90\x80\x80", /* above U+10FFFF */
		"\xf5\x80\x80\x80",
		"\xff",
		"\xc3",
		"\xe2\x82",
		"\xf0\x9f\x98",
		"\xc3(",
		"\xe2(\xa1",
		"\xf0\x9f(\x80",
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char text[80];
		size_t at = 99;

		for (size_t before = 0; before < 70; before++) {
			memset(text, 'a', before);
			strcpy(text + before, bad[i]);
			CHECK(!utf8_valid(text, strlen(text), &at));
			CHECK_INT(at, before);
		}
	}
}

/* Every code point, encoded here by its definition, and every pair of bytes. */
TEST(utf8_exhaustive)
{
	for (uint32_t c = 0; c < 0x120000; c++) {
		unsigned char p[4];
		size_t n;

		if (c < 0x80) {
			n = 1;
			p[0] = (unsigned char)c;
		} else if (c < 0x800) {
			n = 2;
			p[0] = (unsigned char)(0xc0 | c >> 6);
		} else if (c < 0x10000) {
			n = 3;
			p[0] = (unsigned char)(0xe0 | c >> 12);
		} else {
			n = 4;
			p[0] = (unsigned char)(0xf0 | c >> 18);
		}
		for (size_t i = 1; i < n; i++)
			p[i] = (unsigned char)(0x80 | (c >> 6 * (n - 1 - i) & 0x3f));
		CHECK_INT(utf8_char(p, n), c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? 0 : n);
		CHECK_INT(utf8_char(p, n - 1), 0);
	}
	for (unsigned pair = 0; pair < 0x10000; pair++) {
		unsigned char p[2] = {(unsigned char)(pair >> 8), (unsigned char)pair};
		bool two = p[0] >= 0xc2 && p[0] < 0xe0 && p[1] >= 0x80 && p[1] < 0xc0;

		CHECK_INT(utf8_valid(p, 2, NULL), two || (p[0] < 0x80 && p[1] < 0x80));
	}
}

TEST(suggestions)
{
	static const char *const names[] = {"--inputs", "--output-prefix",
					    "--raw-output-data-prefix", "run", "resolve"};
	const size_t n = ARRAY_LEN(names);

	CHECK_STR(suggest("--inptus", names, n), "--inputs");
	CHECK_STR(suggest("--input", names, n), "--inputs");
	CHECK_STR(suggest("--output-perfix", names, n), "--output-prefix");
	CHECK_STR(suggest("rum", names, n), "run");
	CHECK_STR(suggest("resovle", names, n), "resolve");
	CHECK(!suggest("--verbose", names, n));
	CHECK(!suggest("x", names, n));
	CHECK(!suggest("", names, n));
	CHECK(!suggest("anything", NULL, 0));
}

TEST(suggestion_for_a_very_long_word_is_none)
{
	static const char *const names[] = {"run"};
	char word[5000];

	memset(word, 'r', sizeof(word));
	word[sizeof(word) - 1] = '\0';
	CHECK(!suggest(word, names, 1));
}
