#include "literal_help.h"

#include "flyte/value.h"

#include <math.h>

#define A                                                                                          \
	"0a3d0a3b0a1263616368652d6b65792d6d6574616461746112252a230a210a1473657269616c697a6174696f" \
	"6e"                                                                                       \
	"2d666f726d617412091a076d73677061636b"

static void check_literal(Literal *made, const char *hex)
{
	Literal *read = NULL;

	CHECK(made != NULL);
	CHECK_STR(hex_of(&made->base), hex);
	CHECK_OK(literal_decode(unhex(hex), "vector", &help_arena, &read, &help_err), help_err);
	CHECK(literal_equal(made, read));
}

static Literal *list_of(Literal *a, Literal *b)
{
	Literal *l = literal_new_collection(&help_arena, b ? 2 : a ? 1 : 0);

	if (a)
		l->collection->literals[0] = a;
	if (b)
		l->collection->literals[1] = b;
	return l;
}

TEST(vectors_of_primitives)
{
	struct arena *a = &help_arena;

	check_literal(literal_new_integer(a, 5), "0a040a020805");
	check_literal(literal_new_integer(a, 0), "0a040a020800");
	check_literal(literal_new_integer(a, -1), "0a0d0a0b08ffffffffffffffffff01");
	check_literal(literal_new_float(a, 2.5), "0a0b0a09110000000000000440");
	check_literal(literal_new_string(a, STR("hi")), "0a060a041a026869");
	check_literal(literal_new_string(a, STR("")), "0a040a021a00");
	check_literal(literal_new_boolean(a, true), "0a040a022001");
	check_literal(literal_new_boolean(a, false), "0a040a022000");
	check_literal(literal_new_datetime(a, 1704164645, 678901000),
		      "0a100a0e2a0c08a5facdac061088eadcc302");
	check_literal(literal_new_datetime(a, 1704153600, 0), "0a0a0a082a060880a4cdac06");
	check_literal(literal_new_duration(a, 90, 500000000), "0a0c0a0a3208085a1080cab5ee01");
	check_literal(literal_new_duration(a, -1, -500000000),
		      "0a1a0a18321608ffffffffffffffffff011080b6ca91feffffffff01");
	check_literal(literal_new_none(a), "0a022a00");
}

TEST(vectors_of_containers)
{
	struct arena *a = &help_arena;
	Literal *map = literal_new_map(a, 1);

	check_literal(list_of(literal_new_integer(a, 1), literal_new_integer(a, 2)),
		      "12100a060a040a0208010a060a040a020802");
	check_literal(list_of(NULL, NULL), "1200");
	map->map->literals[0]->key = arena_strdup(a, "a");
	map->map->literals[0]->value = literal_new_integer(a, 1);
	check_literal(map, "1a0d0a0b0a016112060a040a020801");
	check_literal(literal_new_map(a, 0), "1a00");
}

TEST(vectors_of_structured_values)
{
	struct arena *a = &help_arena;
	LiteralType *i = type_json("{\"simple\":\"INTEGER\",\"structure\":{\"tag\":\"int\"}}");
	LiteralType *none = type_json("{\"simple\":\"NONE\",\"structure\":{\"tag\":\"none\"}}");
	LiteralType *s = type_json("{\"simple\":\"STRING\",\"structure\":{\"tag\":\"str\"}}");

	check_literal(literal_new_binary(a, unhex("82a16101a1629501cb4004000000000000c0c3a178"),
					 STR("msgpack")),
		      "0a221a200a1582a16101a1629501cb4004000000000000c0c3a17812076d73677061636b");
	check_literal(literal_new_binary(a, unhex("8101a161"), STR("msgpack")),
		      "0a111a0f0a048101a16112076d73677061636b");
	check_literal(literal_new_union(a, literal_new_integer(a, 3), i),
		      "0a154a130a060a040a020803120908015a050a03696e74");
	check_literal(literal_new_union(a, literal_new_none(a), none),
		      "0a144a120a040a022a00120a08005a060a046e6f6e65");
	check_literal(literal_new_union(a, literal_new_string(a, STR("x")), s),
		      "0a164a140a070a050a031a0178120908035a050a03737472");
	check_literal(literal_new_blob(a, STR("s3://b/f.csv"), STR("csv"), false),
		      "0a1912170a070a050a036373761a0c73333a2f2f622f662e637376");
	check_literal(literal_new_blob(a, STR("s3://b/f"), STR(""), false),
		      "0a10120e0a020a001a0873333a2f2f622f66");
	check_literal(literal_new_blob(a, STR("s3://b/d"), STR(""), true),
		      "0a1212100a040a0210011a0873333a2f2f622f64");
	check_literal(literal_new_dataset(a, STR("s3://b/sd"), NULL),
		      "0a11420f0a0973333a2f2f622f736412020a00");
}

static void check_type(const char *json, const char *hex, const char *words)
{
	LiteralType *t = type_json(json);
	struct buf b = BUF_INIT;

	CHECK_STR(hex_of(&t->base), hex);
	type_describe(t, &b);
	CHECK_STR(b.data, words);
	buf_done(&b);
}

TEST(vectors_and_words_of_types)
{
	check_type("{\"simple\":\"INTEGER\"}", "0801", "integer");
	check_type("{\"simple\":\"FLOAT\"}", "0802", "float");
	check_type("{\"simple\":\"NONE\"}", "0800", "none");
	check_type("{\"simple\":\"DURATION\"}", "0806", "duration");
	check_type("{\"collectionType\":{\"simple\":\"INTEGER\"}}", "1a020801", "list of integer");
	check_type("{\"mapValueType\":{\"simple\":\"INTEGER\"}}", "22020801", "map of integer");
	check_type("{\"enumType\":{\"values\":[\"red\",\"blue\"]}}", "3a0b0a037265640a04626c7565",
		   "enum(red, blue)");
	check_type("{\"unionType\":{\"variants\":[{\"simple\":\"INTEGER\",\"structure\":{\"tag\":"
		   "\"int\"}},{\"simple\":\"NONE\",\"structure\":{\"tag\":\"none\"}}]}}",
		   "52170a0908015a050a03696e740a0a08005a060a046e6f6e65", "integer or none");
	check_type("{\"blob\":{\"format\":\"csv\"}}", "2a050a03637376", "file (csv)");
	check_type("{\"blob\":{}}", "2a00", "file");
	check_type("{\"blob\":{\"dimensionality\":\"MULTIPART\"}}", "2a021001", "directory");
	check_type("{\"structuredDatasetType\":{}}", "4200", "structured dataset");
	check_type(
		"{\"simple\":\"STRUCT\",\"annotation\":{\"annotations\":{\"cache-key-metadata\":{"
		"\"serialization-format\":\"msgpack\"}}}}",
		"08094a3f" A, "struct");
}

TEST(words_for_nested_types)
{
	struct buf b = BUF_INIT;

	type_describe(type_json("{\"collectionType\":{\"unionType\":{\"variants\":[{\"simple\":"
				"\"STRING\"},{\"simple\":\"NONE\"}]}}}"),
		      &b);
	CHECK_STR(b.data, "list of (string or none)");
	buf_clear(&b);
	type_describe(type_json("{\"simple\":\"STRUCT\",\"metadata\":{\"title\":\"Outer\"}}"), &b);
	CHECK_STR(b.data, "struct Outer");
	buf_clear(&b);
	type_describe(type_json("{\"structuredDatasetType\":{\"format\":\"parquet\"}}"), &b);
	CHECK_STR(b.data, "structured dataset (parquet)");
	buf_clear(&b);
	type_describe(NULL, &b);
	CHECK_STR(b.data, "no type");
	buf_done(&b);
}

static void check_words(Literal *lit, const char *words)
{
	struct buf b = BUF_INIT;

	literal_describe(lit, &b);
	CHECK_STR(b.data, words);
	buf_done(&b);
}

TEST(words_for_literals)
{
	struct arena *a = &help_arena;
	char longer[500];
	struct buf b = BUF_INIT;

	check_words(literal_new_integer(a, -3), "integer -3");
	check_words(literal_new_float(a, NAN), "float NaN");
	check_words(literal_new_string(a, STR("a\nb")), "string \"a?b\"");
	check_words(literal_new_none(a), "none");
	check_words(literal_new_binary(a, STR("x"), STR("msgpack")), "binary (msgpack)");
	check_words(literal_new_collection(a, 3), "list of 3");
	check_words(literal_new_union(a, literal_new_boolean(a, true), NULL),
		    "union with boolean true");
	check_words(NULL, "no value");
	memset(longer, 'y', sizeof(longer));
	literal_describe(literal_new_string(a, (struct str){longer, sizeof(longer)}), &b);
	CHECK(b.len < 120 && strstr(b.data, "…"));
	buf_done(&b);
}

TEST(find_by_name)
{
	LiteralMap *m = literal_json("{\"map\":{\"literals\":{\"a\":{\"scalar\":{\"primitive\":{"
				     "\"integer\":\"1\"}}},\"b\":{\"scalar\":{\"noneType\":{}}}}}}")
				->map;
	int64_t i = 0;

	CHECK(value_i64(value_of_literal(literal_map_find(m, STR("a"))), &i) && i == 1);
	CHECK(literal_map_find(m, STR("c")) == NULL);
	CHECK(literal_map_find(NULL, STR("a")) == NULL);
	CHECK(interface_find(NULL, STR("a")) == NULL);
}

TEST(equality_ignores_map_order_and_nan_is_nan)
{
	Literal *x = literal_new_map(&help_arena, 2), *y = literal_new_map(&help_arena, 2);

	for (int i = 0; i < 2; i++) {
		x->map->literals[i]->key = arena_strdup(&help_arena, i ? "b" : "a");
		x->map->literals[i]->value = literal_new_float(&help_arena, NAN);
		y->map->literals[i]->key = arena_strdup(&help_arena, i ? "a" : "b");
		y->map->literals[i]->value = literal_new_float(&help_arena, NAN);
	}
	CHECK(literal_equal(x, y));
	y->map->literals[0]->value = literal_new_float(&help_arena, 1);
	CHECK(!literal_equal(x, y));
	CHECK(!literal_equal(x, NULL) && literal_equal(NULL, NULL));
}

static void check_type_of(const char *literal, const char *type)
{
	LiteralType *t = literal_type_of(literal_json(literal), &help_arena);

	CHECK(t != NULL);
	CHECK_STR(hex_of(&t->base), hex_of(&type_json(type)->base));
}

#define INT_    "{\"scalar\":{\"primitive\":{\"integer\":\"1\"}}}"
#define STR_    "{\"scalar\":{\"primitive\":{\"stringValue\":\"x\"}}}"
#define LIST(x) "{\"collection\":{\"literals\":[" x "]}}"

TEST(type_of_a_literal)
{
	check_type_of(INT_, "{\"simple\":\"INTEGER\"}");
	check_type_of("{\"scalar\":{\"noneType\":{}}}", "{\"simple\":\"NONE\"}");
	check_type_of("{\"scalar\":{\"binary\":{\"tag\":\"msgpack\"}}}", "{\"simple\":\"STRUCT\"}");
	check_type_of("{\"scalar\":{\"binary\":{\"tag\":\"x\"}}}", "{\"simple\":\"BINARY\"}");
	check_type_of("{\"scalar\":{\"generic\":{\"a\":1}}}", "{\"simple\":\"STRUCT\"}");
	check_type_of("{\"scalar\":{\"blob\":{\"uri\":\"u\",\"metadata\":{\"type\":{\"format\":"
		      "\"csv\"}}}}}",
		      "{\"blob\":{\"format\":\"csv\"}}");
	check_type_of(LIST(""), "{\"collectionType\":{\"simple\":\"NONE\"}}");
	check_type_of(LIST(INT_ "," INT_), "{\"collectionType\":{\"simple\":\"INTEGER\"}}");
	check_type_of("{\"map\":{\"literals\":{\"a\":" STR_ "}}}",
		      "{\"mapValueType\":{\"simple\":\"STRING\"}}");
}

TEST(type_of_mixed_lists_is_a_sorted_union)
{
	check_type_of(
		LIST(STR_ "," INT_ "," LIST(INT_) "," STR_),
		"{\"collectionType\":{\"unionType\":{\"variants\":[{\"collectionType\":{"
		"\"simple\":\"INTEGER\"}},{\"simple\":\"INTEGER\"},{\"simple\":\"STRING\"}]}}}");
	check_type_of(LIST(LIST("") "," LIST(INT_)),
		      "{\"collectionType\":{\"collectionType\":{\"simple\":\"INTEGER\"}}}");
	check_type_of(LIST(LIST("")), "{\"collectionType\":{\"collectionType\":{\"simple\":"
				      "\"NONE\"}}}");
	check_type_of(
		"{\"scalar\":{\"union\":{\"value\":" INT_
		",\"type\":{\"simple\":\"INTEGER\",\"structure\":{\"tag\":\"int\"}}}}}",
		"{\"unionType\":{\"variants\":[{\"simple\":\"INTEGER\",\"structure\":{\"tag\":"
		"\"int\"}}]}}");
}

static bool castable(const char *up, const char *down)
{
	return type_castable(type_json(up), type_json(down));
}

#define SIMPLE(x)   "{\"simple\":\"" x "\"}"
#define UNION(a, b) "{\"unionType\":{\"variants\":[" a "," b "]}}"

TEST(castability)
{
	CHECK(castable(SIMPLE("INTEGER"), SIMPLE("INTEGER")));
	CHECK(!castable(SIMPLE("INTEGER"), SIMPLE("FLOAT")));
	CHECK(castable("{\"enumType\":{\"values\":[\"a\"]}}", SIMPLE("STRING")));
	CHECK(!castable(SIMPLE("STRING"), "{\"enumType\":{\"values\":[\"a\"]}}"));
	CHECK(!castable("{\"enumType\":{\"values\":[\"a\"]}}",
			"{\"enumType\":{\"values\":[\"b\"]}}"));
	CHECK(castable(SIMPLE("INTEGER"), UNION(SIMPLE("INTEGER"), SIMPLE("NONE"))));
	CHECK(castable(UNION(SIMPLE("NONE"), SIMPLE("INTEGER")),
		       UNION(SIMPLE("INTEGER"), SIMPLE("NONE"))));
	CHECK(!castable(UNION(SIMPLE("STRING"), SIMPLE("INTEGER")),
			UNION(SIMPLE("INTEGER"), SIMPLE("NONE"))));
	CHECK(castable("{\"collectionType\":{\"enumType\":{\"values\":[\"a\"]}}}",
		       "{\"collectionType\":" SIMPLE("STRING") "}"));
	CHECK(!castable("{\"blob\":{\"format\":\"csv\"}}", "{\"blob\":{}}"));
	CHECK(!castable("{\"blob\":{\"dimensionality\":\"MULTIPART\"}}", "{\"blob\":{}}"));
	CHECK(castable(
		"{\"simple\":\"STRUCT\",\"metadata\":{\"a\":1},\"structure\":{\"tag\":\"x\"}}",
		SIMPLE("STRUCT")));
	CHECK(!castable("{\"structuredDatasetType\":{\"format\":\"csv\"}}",
			"{\"structuredDatasetType\":{}}"));
	CHECK(!type_castable(NULL, type_json(SIMPLE("NONE"))));
}
