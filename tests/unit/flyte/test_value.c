#include "literal_help.h"

#include "flyte/value.h"

#include <math.h>

static Literal *packed(const char *hex)
{
	return literal_new_binary(&help_arena, unhex(hex), STR("msgpack"));
}

static struct value open(Literal *lit)
{
	struct value v = value_open(value_of_literal(lit), &help_arena, &help_err);

	CHECK(v.source != VALUE_OF_NOTHING);
	return v;
}

TEST(kinds)
{
	struct arena *a = &help_arena;

	CHECK(value_kind(value_of_literal(NULL)) == VALUE_UNSET);
	CHECK(value_kind(value_of_literal(literal_json("{}"))) == VALUE_UNSET);
	CHECK(value_kind(value_of_literal(literal_new_integer(a, 1))) == VALUE_INTEGER);
	CHECK(value_kind(value_of_literal(literal_new_none(a))) == VALUE_NONE);
	CHECK(value_kind(value_of_literal(literal_new_blob(a, STR(""), STR(""), false))) ==
	      VALUE_BLOB);
	CHECK(value_kind(value_of_literal(literal_new_schema(a, STR(""), NULL))) == VALUE_SCHEMA);
	CHECK(value_kind(value_of_literal(literal_new_dataset(a, STR(""), NULL))) == VALUE_DATASET);
	CHECK(value_kind(value_of_literal(literal_new_error(a, STR(""), STR("")))) == VALUE_ERROR);
	CHECK(value_kind(value_of_literal(literal_new_offloaded(a, STR("u"), 1, NULL))) ==
	      VALUE_OFFLOADED);
	CHECK(value_kind(value_of_literal(literal_new_union(a, NULL, NULL))) == VALUE_UNION);
	CHECK(value_kind(value_of_literal(packed("c0"))) == VALUE_BINARY);
	CHECK(value_kind(open(packed("c0"))) == VALUE_NONE);
	CHECK(value_kind(open(packed("c403616263"))) == VALUE_BINARY);
}

TEST(scalars_of_literals)
{
	struct arena *a = &help_arena;
	struct value i = value_of_literal(literal_new_integer(a, -7));
	struct value s = value_of_literal(literal_new_string(a, STR("x")));
	struct str text;
	int64_t n = 0;
	double d = 0;
	bool b = false;

	CHECK(value_i64(i, &n) && n == -7);
	CHECK(value_f64(i, &d) && d == -7);
	CHECK(!value_bool(i, &b) && !value_str(i, &text));
	CHECK(value_str(s, &text) && str_is(text, "x"));
	CHECK(!value_i64(s, &n) && !value_f64(s, &d));
	CHECK(value_bool(value_of_literal(literal_new_boolean(a, true)), &b) && b);
	CHECK(!value_i64(value_of_literal(literal_new_float(a, 3)), &n));
	CHECK(value_bytes(value_of_literal(literal_new_binary(a, STR("ab"), STR("t"))), &text) &&
	      str_is(text, "ab"));
}

TEST(unions_are_looked_through)
{
	struct arena *a = &help_arena;
	Literal *inner = literal_new_union(a, literal_new_integer(a, 4), NULL);
	struct value v = value_of_literal(literal_new_union(a, inner, NULL));
	int64_t n = 0;

	CHECK(value_i64(v, &n) && n == 4);
	CHECK(value_kind(value_open(v, a, NULL)) == VALUE_INTEGER);
}

TEST(numbers_of_a_struct)
{
	Literal *lit = literal_json("{\"scalar\":{\"generic\":{\"a\":5,\"b\":5.5,\"c\":1e300,"
				    "\"d\":true,\"e\":\"x\",\"f\":null,\"g\":[1,2]}}}");
	struct value v = open(lit);
	struct str text;
	int64_t n = 0;
	double d = 0;
	bool b = false;
	size_t len = 0;

	CHECK(value_kind(v) == VALUE_MAP && value_len(v, &len) && len == 7);
	CHECK(value_i64(value_get(v, STR("a")), &n) && n == 5);
	CHECK(value_kind(value_get(v, STR("a"))) == VALUE_FLOAT);
	CHECK(!value_i64(value_get(v, STR("b")), &n) && value_f64(value_get(v, STR("b")), &d));
	CHECK(d == 5.5 && !value_i64(value_get(v, STR("c")), &n));
	CHECK(value_bool(value_get(v, STR("d")), &b) && b);
	CHECK(value_str(value_get(v, STR("e")), &text) && str_is(text, "x"));
	CHECK(value_kind(value_get(v, STR("f"))) == VALUE_NONE);
	CHECK(value_len(value_get(v, STR("g")), &len) && len == 2);
	CHECK(value_i64(value_item(value_get(v, STR("g")), 1), &n) && n == 2);
	CHECK(value_get(v, STR("z")).source == VALUE_OF_NOTHING);
}

TEST(whole_structs)
{
	Literal *lit = literal_json("{\"scalar\":{\"generic\":{\"a\":\"b\"}}}");
	struct value v = value_of_struct(lit->scalar->generic, &help_arena);
	struct str text;

	CHECK(value_str(value_get(v, STR("a")), &text) && str_is(text, "b"));
	CHECK(value_of_struct(NULL, &help_arena).source == VALUE_OF_NOTHING);
}

TEST(literal_maps_open_in_key_order)
{
	Literal *m = literal_new_map(&help_arena, 3);
	const char *keys[] = {"c", "a", "b"};
	struct str key;
	struct value v;

	for (int i = 0; i < 3; i++) {
		m->map->literals[i]->key = arena_strdup(&help_arena, keys[i]);
		m->map->literals[i]->value = literal_new_integer(&help_arena, i);
	}
	v = open(m);
	for (size_t i = 0; i < 3; i++) {
		int64_t n = -1;

		CHECK(value_i64(value_entry(v, i, &key), &n));
		CHECK(key.len == 1 && key.ptr[0] == "abc"[i] && n == (int64_t)(i + 1) % 3);
	}
	CHECK_STR(m->map->literals[0]->key, "c");
	CHECK(value_entry(v, 3, &key).source == VALUE_OF_NOTHING);
}

TEST(msgpack_maps_open_in_document_order)
{
	struct value v = open(packed("83a16301a16102a16103"));
	struct str key;
	size_t n = 0;
	int64_t i = 0;

	CHECK(value_len(v, &n) && n == 2); /* of equal keys the last one counts */
	CHECK(value_i64(value_entry(v, 0, &key), &i) && i == 1 && str_is(key, "c"));
	CHECK(value_i64(value_get(v, STR("a")), &i) && i == 3);
}

TEST(scalars_are_no_containers)
{
	size_t n;
	struct str key;
	struct value v = value_of_literal(literal_new_integer(&help_arena, 1));

	CHECK(!value_len(v, &n));
	CHECK(value_item(v, 0).source == VALUE_OF_NOTHING);
	CHECK(value_entry(v, 0, &key).source == VALUE_OF_NOTHING);
	CHECK(value_get(v, STR("a")).source == VALUE_OF_NOTHING);
	v = value_of_literal(literal_new_collection(&help_arena, 2));
	CHECK(value_len(v, &n) && n == 2 && value_item(v, 1).source == VALUE_OF_NOTHING);
	CHECK(value_item(v, 2).source == VALUE_OF_NOTHING);
}

TEST(malformed_msgpack_does_not_open)
{
	CHECK(value_open(value_of_literal(packed("9201")), &help_arena, &help_err).source ==
	      VALUE_OF_NOTHING);
	CHECK_STR(help_err.message, "msgpack: truncated");
}
