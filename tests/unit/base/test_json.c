#include "lib/test.h"

#include "base/json.h"
#include "base/mem.h"

#include <math.h>

static json_t *parse(const char *text)
{
	struct error err = ERROR_INIT;
	json_t *v = NULL;

	CHECK_OK(json_parse(str_of(text), "doc", &v, &err), err);
	return v;
}

static void refuse(const char *text, int code, const char *words)
{
	struct error err = ERROR_INIT;
	json_t *v = NULL;

	CHECK_ERR(json_parse(str_of(text), "doc", &v, &err), code, err, words);
	CHECK(!v);
	CHECK(str_starts(str_of(err.message), "doc: "));
}

TEST(reads_any_value_at_the_top)
{
	static const char *const texts[] = {"null", "true", "3", "-2.5", "\"x\"", "[]", " {} \n"};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		json_decref(parse(texts[i]));
}

TEST(integers_keep_all_64_bits)
{
	json_t *v = parse("[9223372036854775807, -9223372036854775808, 9007199254740993]");

	CHECK_INT(json_integer_value(json_array_get(v, 0)), INT64_MAX);
	CHECK_INT(json_integer_value(json_array_get(v, 1)), INT64_MIN);
	CHECK_INT(json_integer_value(json_array_get(v, 2)), 9007199254740993);
	json_decref(v);
	refuse("9223372036854775808", ERR_INVALID, "integer outside");
	refuse("{\n \"a\": -9223372036854775809}", ERR_INVALID, "line 2, column");
	refuse("1e999", ERR_INVALID, "line 1");
}

TEST(refuses_with_line_and_column)
{
	refuse("", ERR_INVALID, "empty");
	refuse("  ", ERR_INVALID, "line 1");
	refuse("{\n\"a\": 1,\n\"b\": x}", ERR_INVALID, "line 3, column 6");
	refuse("[1, 2", ERR_INVALID, "line 1");
	refuse("[1] 2", ERR_INVALID, "line 1");
	refuse("{\"a\": 1, \"a\": 2}", ERR_INVALID, "duplicate");
	refuse("\"\\u0000\"", ERR_INVALID, "\\u0000 is not supported");
	refuse("{\"a\\u0000\": 1}", ERR_INVALID, "\\u0000");
	refuse("\"\\ud800\"", ERR_INVALID, "line 1");
	refuse("\"\xff\"", ERR_INVALID, "line 1");
	refuse("NaN", ERR_INVALID, "line 1");
	refuse("01", ERR_INVALID, "line 1");
}

TEST(nul_bytes_do_not_end_the_text)
{
	struct error err = ERROR_INIT;
	json_t *v = NULL;

	CHECK_ERR(json_parse((struct str){"1\0", 2}, "doc", &v, &err), ERR_INVALID, err, "line 1");
	CHECK_ERR(json_parse(STR("[1,\n\n2\0]"), "doc", &v, &err), ERR_INVALID, err,
		  "line 3, column 2: NUL");
	CHECK_ERR(json_parse((struct str){"[1]x", 4}, "doc", &v, &err), ERR_INVALID, err, "line 1");
	CHECK_OK(json_parse((struct str){"[1]x", 3}, "doc", &v, &err), err);
	json_decref(v);
}

TEST(depth_is_limited)
{
	char deep[5000];

	memset(deep, '[', 2500);
	memset(deep + 2500, ']', 2499);
	deep[4999] = '\0';
	refuse(deep, ERR_LIMIT, "2048");
}

TEST(writes_compact)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	struct jw w = JW_INIT(&b, 0);

	jw_object_begin(&w);
	jw_kv_int(&w, "a", 1);
	jw_keyz(&w, "b");
	jw_array_begin(&w);
	jw_int(&w, 1);
	jw_null(&w);
	jw_array_begin(&w);
	jw_array_end(&w);
	jw_object_begin(&w);
	jw_object_end(&w);
	jw_array_end(&w);
	jw_kv_strz(&w, "s", "x");
	jw_kv_strz(&w, "n", NULL);
	jw_kv_bool(&w, "t", true);
	jw_kv_str(&w, "u", STR("y"));
	jw_object_end(&w);
	CHECK_STR(b.data, "{\"a\":1,\"b\":[1,null,[],{}],\"s\":\"x\",\"n\":null,\"t\":true,"
			  "\"u\":\"y\"}");
}

TEST(writes_indented)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	struct jw w = JW_INIT(&b, 2);

	jw_object_begin(&w);
	jw_keyz(&w, "a");
	jw_array_begin(&w);
	jw_int(&w, 1);
	jw_int(&w, 2);
	jw_array_end(&w);
	jw_keyz(&w, "e");
	jw_object_begin(&w);
	jw_object_end(&w);
	jw_object_end(&w);
	CHECK_STR(b.data, "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"e\": {}\n}");
}

TEST(writes_numbers_exactly)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	struct jw w = JW_INIT(&b, 0);

	jw_array_begin(&w);
	jw_int(&w, INT64_MIN);
	jw_int(&w, INT64_MAX);
	jw_int(&w, 0);
	jw_uint(&w, UINT64_MAX);
	jw_double(&w, 3);
	jw_float(&w, 3);
	jw_float(&w, 0.1);
	jw_float(&w, 1e22);
	jw_float(&w, -0.0);
	jw_double(&w, (double)NAN);
	jw_float(&w, -HUGE_VAL);
	jw_array_end(&w);
	CHECK_STR(b.data, "[-9223372036854775808,9223372036854775807,0,18446744073709551615,3,3.0,"
			  "0.1,1e+22,-0.0,\"NaN\",\"-Infinity\"]");
}

TEST(escapes_strings)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	struct jw w = JW_INIT(&b, 0);

	jw_str(&w, STR("q\"b\\n\nt\tr\rf\fb\b\x01\0é/\x7f"));
	CHECK_STR(b.data, "\"q\\\"b\\\\n\\nt\\tr\\rf\\fb\\b\\u0001\\u0000é/\x7f\"");
	buf_clear(&b);
	jw_str(&w, STR("a\xff\xc3(\xed\xa0\x80z"));
	CHECK_STR(b.data, "\"a\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\"");
	buf_clear(&b);
	jw_str(&w, STR_NULL);
	CHECK_STR(b.data, "\"\"");
}

TEST(every_character_comes_back)
{
	for (int c = 1; c < 0x80; c++) {
		_cleanup_(buf_done) struct buf b = BUF_INIT;
		struct jw w = JW_INIT(&b, 0);
		char text[] = {'<', (char)c, '>', '\0'};
		json_t *v;

		jw_strz(&w, text);
		v = parse(b.data);
		CHECK_STR(json_string_value(v), text);
		json_decref(v);
	}
}

TEST(copies_a_parsed_value)
{
	static const char text[] =
		"{\"z\":[1,2.0,1e+30,-0.5,\"é\\n\"],\"a\":{\"k\":null},\"m\":true,"
		"\"b\":false}";
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	struct jw w = JW_INIT(&b, 0);
	json_t *v = parse(text);

	jw_json(&w, v);
	json_decref(v);
	CHECK_STR(b.data, text);
}

TEST(failure_of_the_buffer_is_sticky)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	struct jw w = JW_INIT(&b, 1000000000);
	struct error err = ERROR_INIT;

	b.limit = 1000;
	jw_array_begin(&w);
	jw_int(&w, 1);
	jw_array_end(&w);
	CHECK_INT(buf_check(&b, "doc", &err), ERR_LIMIT);
	CHECK(b.len <= 1000);
}
