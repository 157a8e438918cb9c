#include "desc_table.h"
#include "lib/test.h"
#include "wire_made.h"

#include "base/file.h"
#include "base/mem.h"
#include "flyte/message.h"
#include "flyte/wire.h"

#include <malloc.h>
#include <stdlib.h>

/* A literal that is a collection of a collection of … */
static void put_nested(struct buf *b, unsigned levels)
{
	size_t marks[256];

	for (unsigned i = 0; i < levels; i++)
		marks[i] = wire_begin(b, i % 2 ? 1 : 2);
	while (levels-- > 0)
		wire_end(b, marks[levels]);
}

static int check(const struct message_desc *type, struct str wire, struct error *err)
{
	/* A copy of just the size, so that reading past the end is seen. */
	_cleanup_(freep) char *copy = malloc(wire.len);

	if (wire.len > 0)
		memcpy(copy, wire.ptr, wire.len);
	return wire_check(type, (struct str){copy, wire.len}, NULL, NULL, err);
}

#define REFUSED(type, bytes, code, words)                                                          \
	do {                                                                                       \
		struct error err_ = ERROR_INIT;                                                    \
		CHECK_ERR(check(type, bytes, &err_), code, err_, words);                           \
	} while (0)

#define ACCEPTED(type, bytes)                                                                      \
	do {                                                                                       \
		struct error err_ = ERROR_INIT;                                                    \
		CHECK_OK(check(type, bytes, &err_), err_);                                         \
	} while (0)

TEST(empty_is_a_message)
{
	for (size_t i = 0; i < message_table_len; i++) {
		struct error err = ERROR_INIT;

		CHECK_OK(wire_check(message_table[i], STR_NULL, NULL, NULL, &err), err);
	}
}

TEST(names_path_of_bad_utf8)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT;

	put_string_input(&b, "good", STR("fine"));
	put_string_input(&b, "a", BYTES("abc\xff"));
	REFUSED(LITERAL_MAP, whole(&b), ERR_INVALID,
		"flyteidl.core.LiteralMap, field literals[\"a\"].scalar.primitive.string_value: "
		"not UTF-8: byte 0xff at 3 of the string");
}

TEST(names_path_of_zero_in_string)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT;

	put_string_input(&b, "a b\"c", BYTES("12345678\0x"));
	REFUSED(LITERAL_MAP, whole(&b), ERR_INVALID,
		"field literals[\"a b\\\"c\"].scalar.primitive.string_value: U+0000 at byte 8 of "
		"the string");
}

TEST(zero_anywhere_in_string)
{
	for (size_t len = 1; len < 40; len++)
		for (size_t at = 0; at < len; at++) {
			_cleanup_(buf_done) struct buf b = BUF_INIT;
			char text[40], words[40];

			memset(text, '\x01', len); /* nearest to zero */
			text[at] = '\0';
			snprintf(words, sizeof(words), "U+0000 at byte %zu of", at);
			put_string_input(&b, "k", (struct str){text, len});
			REFUSED(LITERAL_MAP, whole(&b), ERR_INVALID, words);
		}
}

TEST(bad_utf8_kinds)
{
	static const struct str bad[] = {
		{"\x80", 1},
		{"\xc0\xaf", 2},
		{"\xc3", 1},
		{"\xe2\x82", 2},
		{"\xed\xa0\x80", 3},
		{"\xf4\x90\x80\x80", 4},
		{"\xf8\x88\x80\x80", 4},
		{"12345678\xfe", 9},
		{"\xe0\x80\x80", 3},
	};
	static const struct str good[] = {
		{"", 0},
		{"\x7f", 1},
		{"\xc2\x80", 2},
		{"\xdf\xbf", 2},
		{"\xe0\xa0\x80", 3},
		{"\xef\xbf\xbf", 3},
		{"\xf0\x90\x80\x80", 4},
		{"\xf4\x8f\xbf\xbf", 4},
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		_cleanup_(buf_done) struct buf b = BUF_INIT;

		put_string_input(&b, "k", bad[i]);
		REFUSED(LITERAL_MAP, whole(&b), ERR_INVALID, "not UTF-8");
	}
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		_cleanup_(buf_done) struct buf b = BUF_INIT;

		put_string_input(&b, "k", good[i]);
		ACCEPTED(LITERAL_MAP, whole(&b));
	}
}

TEST(bad_key_is_told_by_index)
{
	REFUSED(LITERAL_MAP, BYTES("\x0a\x03\x0a\x01z\x0a\x03\x0a\x01\xff"), ERR_INVALID,
		"field literals[1].key: not UTF-8");
}

TEST(index_of_repeated_field)
{
	/* EnumType.values: "a", "b", bad */
	REFUSED(MESSAGE_DESC(flyteidl__core__enum_type),
		BYTES("\x0a\x01"
		      "a\x0a\x01"
		      "b\x0a\x01\x80"),
		ERR_INVALID, "field values[2]: not UTF-8");
}

TEST(wrong_wire_type)
{
	REFUSED(LITERAL, BYTES("\x08\x01"), ERR_INVALID,
		"flyteidl.core.Literal, field scalar: wire type varint where length-delimited is "
		"expected (byte 0)");
	REFUSED(MESSAGE_DESC(flyteidl__core__primitive), BYTES("\x0a\x00"), ERR_INVALID,
		"field integer: wire type length-delimited where varint");
	REFUSED(MESSAGE_DESC(flyteidl__core__primitive), BYTES("\x15\0\0\0\0"), ERR_INVALID,
		"field float_value: wire type 32-bit where 64-bit");
	REFUSED(MESSAGE_DESC(flyteidl__core__array_node), BYTES("\x21\0\0\0\0\0\0\0\0"),
		ERR_INVALID, "field min_success_ratio: wire type 64-bit where 32-bit");
	/* not a repeated field: packed is not a form of it */
	REFUSED(MESSAGE_DESC(flyteidl__core__retry_strategy), BYTES("\x2a\x01\x01"), ERR_INVALID,
		"field retries: wire type length-delimited where varint");
}

TEST(groups_are_refused)
{
	REFUSED(LITERAL, BYTES("\x7b\x7c"), ERR_INVALID, "groups (wire type 3) are not supported");
	REFUSED(LITERAL, BYTES("\x0c"), ERR_INVALID,
		"field scalar: groups (wire type 4) are not supported");
	REFUSED(LITERAL, BYTES("\x7e"), ERR_INVALID, "wire type 6 does not exist");
	REFUSED(LITERAL, BYTES("\x7f"), ERR_INVALID, "wire type 7 does not exist");
}

TEST(field_numbers)
{
	REFUSED(LITERAL, BYTES("\x00\x01"), ERR_INVALID, "field number 0");
	REFUSED(LITERAL, BYTES("\x05\x01"), ERR_INVALID, "field number 0");
	ACCEPTED(LITERAL, BYTES("\xf8\xff\xff\xff\x0f\x01"));
	REFUSED(LITERAL, BYTES("\xf8\xff\xff\xff\x1f\x01"), ERR_INVALID, "above 2^29-1");
	REFUSED(LITERAL, BYTES("\x88\x80\x80\x80\x80\x00\x01"), ERR_INVALID, "above 2^29-1");
}

TEST(varint_length)
{
	const struct message_desc *m = MESSAGE_DESC(flyteidl__core__primitive);

	ACCEPTED(m, BYTES("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
	ACCEPTED(m, BYTES("\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"));
	REFUSED(m, BYTES("\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"), ERR_INVALID,
		"field integer: a number longer than 10 bytes");
	REFUSED(m, BYTES("\x08\x80"), ERR_INVALID, "field integer: the bytes end inside a field");
	REFUSED(m, BYTES("\x11\0\0\0\0\0\0\0"), ERR_INVALID, "the bytes end inside a field");
	REFUSED(m, BYTES("\x80"), ERR_INVALID, "the bytes end inside a field");
}

TEST(lengths)
{
	REFUSED(LITERAL,
		BYTES("\x22\x05"
		      "1234"),
		ERR_INVALID, "field hash: the bytes end inside a field (byte 0)");
	REFUSED(LITERAL, BYTES("\x22\xff\xff\xff\xff\x07"), ERR_INVALID, "bytes end inside");
	REFUSED(LITERAL, BYTES("\x22\x80\x80\x80\x80\x08"), ERR_INVALID, "2 GiB or more");
	REFUSED(LITERAL, BYTES("\x22\xff\xff\xff\xff\x7f"), ERR_INVALID, "above 4 GiB");
	REFUSED(LITERAL, BYTES("\x22\x80\x80\x80\x80\x80\x00"), ERR_INVALID, "above 4 GiB");
	/* a child that reaches beyond its parent */
	REFUSED(LITERAL, BYTES("\x0a\x02\x0a\x02\x00\x00"), ERR_INVALID,
		"field scalar.primitive: the bytes end inside a field");
}

TEST(packed_numbers)
{
	const struct message_desc *m = MESSAGE_DESC(flyteidl__admin__notification);

	ACCEPTED(m, BYTES("\x0a\x03\x01\x80\x01"));
	ACCEPTED(m, BYTES("\x0a\x00"));
	ACCEPTED(m, BYTES("\x08\x01\x0a\x01\x02\x08\x03"));
	REFUSED(m, BYTES("\x0a\x02\x01\x80"), ERR_INVALID,
		"field phases[0]: a packed number does not end");
}

TEST(depth_limit)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	struct wire_limits limits = {.depth = 3, .decoded = WIRE_DECODED};
	struct error err = ERROR_INIT;

	put_nested(&b, 100);
	ACCEPTED(LITERAL, whole(&b));
	buf_clear(&b);
	put_nested(&b, 101);
	REFUSED(LITERAL, whole(&b), ERR_LIMIT, "messages are nested more than 100 deep");
	buf_clear(&b);
	put_nested(&b, 3);
	CHECK_OK(wire_check(LITERAL, whole(&b), &limits, NULL, &err), err);
	buf_clear(&b);
	put_nested(&b, 4);
	CHECK_ERR(wire_check(LITERAL, whole(&b), &limits, NULL, &err), ERR_LIMIT, err,
		  "field collection.literals[0].collection.literals[0]: messages are nested more "
		  "than 3 deep");
}

/* An entry at the last level has a value one level deeper, written or not. */
TEST(depth_of_empty_map_values)
{
	struct wire_limits limits = {.depth = 1, .decoded = WIRE_DECODED};
	struct error err = ERROR_INIT;

	CHECK_ERR(wire_check(LITERAL_MAP, BYTES("\x0a\x03\x0a\x01z"), &limits, NULL, &err),
		  ERR_LIMIT, err, "an empty map value counts");
	CHECK_ERR(wire_check(LITERAL_MAP, BYTES("\x0a\x05\x0a\x01z\x12\x00"), &limits, NULL, &err),
		  ERR_LIMIT, err, "field literals[\"z\"]: messages are nested more than 1 deep");
	limits.depth = 2;
	CHECK_OK(wire_check(LITERAL_MAP, BYTES("\x0a\x03\x0a\x01z"), &limits, NULL, &err), err);
}

TEST(nesting_bomb)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	size_t size = 30 * 1024;

	/* From the inside out, by writing it backwards. */
	CHECK(buf_reserve(&b, size));
	b.len = size;
	size_t at = size;
	for (int level = 0; at >= 6; level++) {
		size_t len = size - at;
		char head[6];
		size_t n = 1;

		head[0] = level % 2 ? 0x0a : 0x12;
		for (; len >= 0x80; len >>= 7)
			head[n++] = (char)(len | 0x80);
		head[n++] = (char)len;
		at -= n;
		memcpy(b.data + at, head, n);
	}
	const struct message_desc *type =
		b.data[at] == 0x0a ? MESSAGE_DESC(flyteidl__core__literal_collection) : LITERAL;

	REFUSED(type, ((struct str){b.data + at, size - at}), ERR_LIMIT, "nested more than 100");
}

TEST(empty_messages_bomb)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	size_t size = 20 << 20;

	CHECK(buf_reserve(&b, size));
	for (size_t i = 0; i < size; i += 2)
		memcpy(b.data + i, "\x0a\x00", 2);
	b.len = size;
	REFUSED(MESSAGE_DESC(flyteidl__core__literal_collection), whole(&b), ERR_LIMIT,
		"decoding would take more than 536870912 bytes of memory");
	/* Scalars given again and again take memory only while they are read: notes of them. */
	size = 36 << 20;
	CHECK(buf_reserve(&b, size - b.len));
	b.len = size;
	for (size_t i = 0; i < size; i += 2)
		memcpy(b.data + i, "\x28\x01", 2);
	REFUSED(MESSAGE_DESC(flyteidl__core__retry_strategy), whole(&b), ERR_LIMIT,
		"decoding would take more than");
	b.len = 1 << 20;
	ACCEPTED(MESSAGE_DESC(flyteidl__core__retry_strategy), whole(&b));
}

TEST(budget_is_configurable)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	struct wire_limits limits = {.depth = WIRE_DEPTH, .decoded = 4096};
	struct wire_info info;
	struct error err = ERROR_INIT;

	for (int i = 0; i < 100; i++)
		put_string_input(&b, "key", STR("value"));
	CHECK_ERR(wire_check(LITERAL_MAP, whole(&b), &limits, NULL, &err), ERR_LIMIT, err,
		  "more than 4096 bytes");
	CHECK(strstr(err.message, "literals[\"key\"]"));
	CHECK_OK(wire_check(LITERAL_MAP, whole(&b), NULL, &info, &err), err);
	limits.decoded = info.decoded;
	CHECK_OK(wire_check(LITERAL_MAP, whole(&b), &limits, NULL, &err), err);
	limits.decoded--;
	CHECK_ERR(wire_check(LITERAL_MAP, whole(&b), &limits, NULL, &err), ERR_LIMIT, err, "more");
}

/* What wire_check says decoding takes is never less than what it takes. */
static void check_budget(const struct message_desc *type, struct str wire)
{
	_cleanup_(arena_done) struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct wire_info info;
	void *m;

	CHECK_OK(wire_check(type, wire, NULL, &info, &err), err);
	CHECK_OK(message_decode(type, wire, NULL, &arena, &m, &err), err);
	if (arena.used > info.decoded)
		test_fail(__FILE__, __LINE__, "%s: %zu bytes used, %zu announced", type->name,
			  arena.used, info.decoded);
}

TEST(budget_covers_the_arena)
{
	static const size_t counts[] = {0, 1, 2, 15, 16, 17, 47, 48, 49, 112, 1000, 5000, 100000};

	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		_cleanup_(buf_done) struct buf map = BUF_INIT;
		_cleanup_(buf_done) struct buf list = BUF_INIT;
		_cleanup_(buf_done) struct buf strings = BUF_INIT;
		_cleanup_(buf_done) struct buf unknown = BUF_INIT;
		_cleanup_(buf_done) struct buf packed = BUF_INIT;
		size_t mark = wire_begin(&packed, 1);

		for (size_t k = 0; k < counts[i]; k++) {
			char key[32];

			snprintf(key, sizeof(key), "k%zu", k);
			put_string_input(&map, key, STR("v"));
			wire_put_bytes(&list, 1, STR(""));
			wire_put_bytes(&strings, 1, str_of(key));
			wire_put_bytes(&unknown, 1000, STR(""));
			wire_put_varint(&packed, k % 8);
		}
		wire_end(&packed, mark);
		check_budget(LITERAL_MAP, whole(&map));
		check_budget(MESSAGE_DESC(flyteidl__core__literal_collection), whole(&list));
		check_budget(MESSAGE_DESC(flyteidl__core__enum_type), whole(&strings));
		check_budget(MESSAGE_DESC(flyteidl__core__void), whole(&unknown));
		check_budget(MESSAGE_DESC(flyteidl__admin__notification), whole(&packed));
	}
}

TEST(budget_covers_long_strings)
{
	_cleanup_(freep) char *text = malloc(70000);

	memset(text, 'x', 70000);
	for (size_t len = 1; len < 70000; len = len * 2 + 1)
		for (size_t off = 0; off < 3; off++) {
			_cleanup_(buf_done) struct buf b = BUF_INIT;

			put_string_input(&b, "k", (struct str){text, len + off});
			check_budget(LITERAL_MAP, whole(&b));
		}
}

TEST(long_paths_are_cut)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	_cleanup_(freep) char *key = malloc(100001);
	struct error err = ERROR_INIT;

	memset(key, 'k', 100000);
	key[100000] = '\0';
	put_string_input(&b, key, BYTES("\xff"));
	CHECK_ERR(wire_check(LITERAL_MAP, whole(&b), NULL, NULL, &err), ERR_INVALID, err,
		  "kkkk\"…].scalar.primitive.string_value");
	CHECK(strlen(err.message) < 300);
	buf_clear(&b);
	put_nested(&b, 101);
	CHECK_ERR(wire_check(LITERAL, whole(&b), NULL, NULL, &err), ERR_LIMIT, err, " … ");
	CHECK(strlen(err.message) < 1200);
}

TEST(flags)
{
	struct wire_info info = {0};
	struct error err = ERROR_INIT;

#define FLAGS(type, bytes, want)                                                                   \
	do {                                                                                       \
		CHECK_OK(wire_check(type, bytes, NULL, &info, &err), err);                         \
		CHECK_INT(info.flags, want);                                                       \
	} while (0)
	FLAGS(LITERAL_MAP,
	      BYTES("\x0a\x05\x0a\x01"
		    "a\x12\x00\x0a\x05\x0a\x01"
		    "b\x12\x00"),
	      0);
	FLAGS(LITERAL_MAP,
	      BYTES("\x0a\x05\x0a\x01"
		    "b\x12\x00\x0a\x05\x0a\x01"
		    "a\x12\x00"),
	      WIRE_MAPS);
	FLAGS(LITERAL_MAP,
	      BYTES("\x0a\x03\x0a\x01"
		    "a"),
	      WIRE_MAPS);
	FLAGS(LITERAL_MAP, BYTES("\x0a\x02\x12\x00"), WIRE_MAPS);
	FLAGS(LITERAL, BYTES("\x0a\x00\x0a\x00"), WIRE_SPLIT | WIRE_MAPS);
	FLAGS(LITERAL, BYTES("\x0a\x00\x12\x00"), 0);
#undef FLAGS
}

TEST(merge_joins_split_messages)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	struct error err = ERROR_INIT;

	/* Variable{type{simple: 1}, description "d", type{annotation{}}} */
	CHECK_OK(wire_merge(VARIABLE,
			    BYTES("\x0a\x02\x08\x01\x12\x01"
				  "d\x0a\x02\x4a\x00"),
			    &out, &err),
		 err);
	CHECK(str_eq(whole(&out), BYTES("\x12\x01"
					"d\x0a\x04\x08\x01\x4a\x00")));
	/* Literal: a scalar, then a collection, then a scalar again: only the last counts */
	buf_clear(&out);
	CHECK_OK(wire_merge(LITERAL, BYTES("\x0a\x02\x2a\x00\x12\x00\x0a\x00\x0a\x02\x32\x00"),
			    &out, &err),
		 err);
	CHECK(str_eq(whole(&out), BYTES("\x0a\x02\x32\x00")));
}
