#include "cli/worker_format.h"
#include "base/mem.h"
#include "lib/test.h"

#include "taskhost/worker/v1/worker.pb-c.h"

#define US  INT64_C(1000)
#define MS  (1000 * US)
#define SEC (1000 * MS)

static const ProtobufCEnumDescriptor *const states =
	&taskhost__worker__v1__execution__state__descriptor;

TEST(spans_have_two_units_at_most)
{
	static const struct {
		int64_t ns;
		const char *text;
	} cases[] = {
		{0, "0s"},
		{999, "0s"},
		{-5 * SEC, "0s"},
		{850 * US, "850us"},
		{1 * MS, "1ms"},
		{1250 * US, "1.2ms"},
		{12 * MS + 999 * US, "12ms"},
		{999 * MS, "999ms"},
		{1 * SEC, "1s"},
		{1250 * MS, "1.25s"},
		{9999 * MS, "9.99s"},
		{12 * SEC + 340 * MS, "12.3s"},
		{59 * SEC + 990 * MS, "59.9s"},
		{60 * SEC, "1m"},
		{200 * SEC, "3m20s"},
		{3599 * SEC, "59m59s"},
		{3600 * SEC, "1h"},
		{7500 * SEC, "2h5m"},
		{7501 * SEC, "2h5m"},
		{86400 * SEC, "1d"},
		{273600 * SEC, "3d4h"},
		{INT64_MAX, "106751d23h"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_(buf_done) struct buf text = BUF_INIT;

		format_span(cases[i].ns, &text);
		CHECK_STR(text.data, cases[i].text);
	}
}

TEST(sizes)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {
		{0, "0"},
		{1, "1 B"},
		{1023, "1023 B"},
		{1024, "1 KiB"},
		{1536, "1.5 KiB"},
		{10 << 20, "10 MiB"},
		{(uint64_t)512 << 20, "512 MiB"},
		{(uint64_t)3 << 40, "3 TiB"},
		{UINT64_MAX, "15 EiB"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_(buf_done) struct buf text = BUF_INIT;

		format_size(cases[i].bytes, &text);
		CHECK_STR(text.data, cases[i].text);
	}
}

TEST(times)
{
	Google__Protobuf__Timestamp t = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	_cleanup_(buf_done) struct buf text = BUF_INIT;

	format_time(NULL, &text);
	CHECK_STR(text.data, "-");
	buf_clear(&text);
	t.seconds = 1704067201;
	t.nanos = 987654321;
	format_time(&t, &text);
	CHECK_STR(text.data, "2024-01-01T00:00:01Z");
	CHECK_INT(timestamp_ns(&t), INT64_C(1704067201987654321));
	CHECK_INT(timestamp_ns(NULL), 0);
	buf_clear(&text);
	t.seconds = INT64_MAX;
	format_time(&t, &text);
	CHECK_STR(text.data, "-");
	CHECK_INT(timestamp_ns(&t), INT64_MAX);
	t.seconds = INT64_MIN;
	CHECK_INT(timestamp_ns(&t), INT64_MIN);
}

TEST(durations_there_and_back)
{
	static const int64_t values[] = {0, 1, SEC - 1, SEC, 90 * SEC + 500 * MS, INT64_MAX};

	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		Google__Protobuf__Duration d;

		duration_set(&d, values[i]);
		CHECK_INT(duration_ns(&d), values[i]);
	}
	CHECK_INT(duration_ns(NULL), 0);
}

TEST(enums_as_words)
{
	static const struct {
		int value;
		const char *text;
	} cases[] = {{1, "queued"},
		     {6, "retry-wait"},
		     {18, "retryable-failed"},
		     {0, "-"},
		     {77, "unknown"}};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_(buf_done) struct buf text = BUF_INIT;

		format_enum(states, cases[i].value, &text);
		CHECK_STR(text.data, cases[i].text);
	}
}

TEST(words_as_enums)
{
	CHECK_INT(enum_find(states, "dead"), 20);
	CHECK_INT(enum_find(states, "DEAD"), 20);
	CHECK_INT(enum_find(states, "retry-wait"), 6);
	CHECK_INT(enum_find(states, "Retry_Wait"), 6);
	CHECK_INT(enum_find(states, "retry"), -1);
	CHECK_INT(enum_find(states, "retry-waits"), -1);
	CHECK_INT(enum_find(states, ""), -1);
	CHECK_INT(enum_find(states, "state-unspecified"), -1);
}

TEST(lines_are_cut)
{
	static const struct {
		const char *text;
		size_t max;
		const char *line;
	} cases[] = {
		{"", 5, ""},
		{"abcde", 5, "abcde"},
		{"abcdef", 5, "abcd…"},
		{"ab\ncd", 5, "ab…"},
		{"abcde\nf", 5, "abcd…"},
		{"ab\n", 5, "ab"},
		{"äöüäö", 5, "äöüäö"},
		{"äöüäöü", 5, "äöüä…"},
		{"a\xff"
		 "b",
		 5, "a?b"},
		{"abc", 1, "…"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_(buf_done) struct buf line = BUF_INIT;

		format_line(cases[i].text, cases[i].max, &line);
		CHECK_STR(line.data ? line.data : "", cases[i].line);
	}
}
