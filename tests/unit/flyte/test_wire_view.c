/* Reading fields without decoding. */
#include "lib/test.h"

#include "base/mem.h"
#include "flyte/wire_view.h"

#define BYTES(literal) ((struct str){literal, sizeof(literal) - 1})

TEST(view_reads_fields)
{
	struct view v = view_of(BYTES("\x08\x96\x01\x11\1\0\0\0\0\0\0\0\x1d\2\0\0\0\x22\x02hi"));
	struct view_field f;

	CHECK_INT(view_next(&v, &f), 1);
	CHECK(f.number == 1 && f.wire_type == WIRE_VARINT && f.value == 150 && f.raw.len == 3);
	CHECK_INT(view_next(&v, &f), 1);
	CHECK(f.number == 2 && f.wire_type == WIRE_I64 && f.value == 1);
	CHECK_INT(view_next(&v, &f), 1);
	CHECK(f.number == 3 && f.wire_type == WIRE_I32 && f.value == 2);
	CHECK_INT(view_next(&v, &f), 1);
	CHECK(f.number == 4 && str_is(f.bytes, "hi") && f.raw.len == 4);
	CHECK_INT(view_next(&v, &f), 0);
	CHECK_INT(view_next(&v, &f), 0);
}

TEST(view_refuses_bad_bytes)
{
	static const struct str bad[] = {{"\x08", 1},     {"\x00\x00", 2}, {"\x0a\x05xx", 4},
					 {"\x0b", 1},     {"\x0c", 1},     {"\x0e", 1},
					 {"\x09\0\0", 3}, {"\x0d\0", 2},   {"\xff", 1}};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct view v = view_of(bad[i]);
		struct view_field f;

		CHECK_INT(view_next(&v, &f), ERR_INVALID);
		CHECK(!view_find(bad[i], 1, &f));
	}
}

TEST(view_finds_last)
{
	struct view_field f;

	CHECK(view_find(BYTES("\x08\x01\x10\x02\x08\x03"), 1, &f));
	CHECK_INT(f.value, 3);
	CHECK(!view_find(BYTES("\x08\x01\x10\x02\x08\x03"), 3, &f));
	CHECK(!view_find(STR_NULL, 1, &f));
}
