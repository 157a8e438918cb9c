#include "literal_help.h"

#define VARIANT(t, tag) "{" t ",\"structure\":{\"tag\":\"" tag "\"}}"
#define V_INT           VARIANT("\"simple\":\"INTEGER\"", "int")
#define V_FLOAT         VARIANT("\"simple\":\"FLOAT\"", "float")
#define V_STR           VARIANT("\"simple\":\"STRING\"", "str")
#define V_NONE          VARIANT("\"simple\":\"NONE\"", "none")
#define V_LIST(t)       VARIANT("\"collectionType\":{\"simple\":\"" t "\"}", "Typed List")
#define UNION(a, b)     "{\"unionType\":{\"variants\":[" a "," b "]}}"

#define PRIM(m)       "{\"scalar\":{\"primitive\":{" m "}}}"
#define INT(v)        PRIM("\"integer\":\"" #v "\"")
#define FLT(v)        PRIM("\"floatValue\":" #v)
#define TEXT(v)       PRIM("\"stringValue\":\"" v "\"")
#define VOID          "{\"scalar\":{\"noneType\":{}}}"
#define ITEMS(x)      "{\"collection\":{\"literals\":[" x "]}}"
#define WRAPPED(v, t) "{\"scalar\":{\"union\":{\"value\":" v ",\"type\":" t "}}}"
#define BARE(v)       "{\"scalar\":{\"union\":{\"value\":" v "}}}"

#define OPTIONAL_INT UNION(V_INT, V_NONE)

static void gives(const char *lit, const char *type, enum literal_direction d, const char *want)
{
	Literal *got;

	CHECK_OK(literal_convert(literal_json(lit), type_json(type), d, &help_arena, &got,
				 &help_err),
		 help_err);
	CHECK_STR(hex_of(&got->base), hex_of(&literal_json(want)->base));
}

static void both_give(const char *lit, const char *type, const char *want)
{
	gives(lit, type, LITERAL_READ, want);
	gives(lit, type, LITERAL_WRITE, want);
}

static void refuses(const char *lit, const char *type, enum literal_direction d, const char *words)
{
	Literal *got;

	CHECK_ERR(literal_convert(literal_json(lit), type_json(type), d, &help_arena, &got,
				  &help_err),
		  ERR_MISMATCH, help_err, words);
}

static void both_refuse(const char *lit, const char *type, const char *words)
{
	refuses(lit, type, LITERAL_READ, words);
	refuses(lit, type, LITERAL_WRITE, words);
}

TEST(tagged_values_are_kept)
{
	both_give(WRAPPED(INT(3), V_INT), OPTIONAL_INT, WRAPPED(INT(3), V_INT));
	both_give(WRAPPED(VOID, V_NONE), OPTIONAL_INT, WRAPPED(VOID, V_NONE));
	both_give(WRAPPED(INT(3), V_INT), UNION(V_INT, V_FLOAT), WRAPPED(INT(3), V_INT));
	both_give(WRAPPED(ITEMS(TEXT("q")), V_LIST("STRING")),
		  UNION(V_LIST("INTEGER"), V_LIST("STRING")),
		  WRAPPED(ITEMS(TEXT("q")), V_LIST("STRING")));
}

TEST(bare_values_are_wrapped)
{
	both_give(INT(3), OPTIONAL_INT, WRAPPED(INT(3), V_INT));
	both_give(VOID, OPTIONAL_INT, WRAPPED(VOID, V_NONE));
	both_give(TEXT("x"), UNION(V_INT, V_STR), WRAPPED(TEXT("x"), V_STR));
	both_give(ITEMS(INT(1) "," VOID), "{\"collectionType\":" OPTIONAL_INT "}",
		  ITEMS(WRAPPED(INT(1), V_INT) "," WRAPPED(VOID, V_NONE)));
	both_give("{\"map\":{\"literals\":{\"a\":" VOID "}}}",
		  "{\"mapValueType\":" OPTIONAL_INT "}",
		  "{\"map\":{\"literals\":{\"a\":" WRAPPED(VOID, V_NONE) "}}}");
	gives(FLT(2.0), OPTIONAL_INT, LITERAL_READ, WRAPPED(INT(2), V_INT));
	refuses(FLT(2.0), OPTIONAL_INT, LITERAL_WRITE, "expected integer or none, got float 2");
}

TEST(exactly_one_variant_must_take_it)
{
	gives(INT(3), UNION(V_INT, V_FLOAT), LITERAL_WRITE, WRAPPED(INT(3), V_INT));
	refuses(INT(3), UNION(V_INT, V_FLOAT), LITERAL_READ,
		"integer 3 is ambiguous: several variants take it: integer, float");
	gives(FLT(2.5), UNION(V_INT, V_FLOAT), LITERAL_READ, WRAPPED(FLT(2.5), V_FLOAT));
	both_refuse(ITEMS(""), UNION(V_LIST("INTEGER"), V_LIST("STRING")),
		    "ambiguous: several variants take it: list of integer, list of string");
	both_refuse(TEXT("x"), OPTIONAL_INT, "expected integer or none, got string \"x\"");
	both_refuse(ITEMS(TEXT("x")), "{\"collectionType\":" OPTIONAL_INT "}",
		    "[0]: expected integer or none, got string \"x\"");
	both_refuse(ITEMS(INT(1) "," TEXT("x")), UNION(V_LIST("INTEGER"), V_NONE),
		    "[1]: expected integer, got string \"x\"");
	both_refuse(INT(1), "{\"unionType\":{}}", "expected union of nothing, got integer 1");
}

TEST(the_stored_tag_must_be_one_of_the_variants)
{
	both_refuse(
		WRAPPED(INT(3), VARIANT("\"simple\":\"INTEGER\"", "float")), OPTIONAL_INT,
		"expected integer or none, got a union whose variant is integer (tag \"float\")");
	both_refuse(WRAPPED(TEXT("x"), V_STR), OPTIONAL_INT,
		    "whose variant is string (tag \"str\")");
	both_refuse(WRAPPED(TEXT("x"), V_INT), OPTIONAL_INT, "expected integer or none");
	both_refuse("{\"scalar\":{\"union\":{\"type\":" V_INT "}}}", OPTIONAL_INT, "got no value");
}

TEST(a_union_without_a_tag_gets_one)
{
	both_give(WRAPPED(INT(3), "{\"simple\":\"INTEGER\"}"), UNION(V_INT, V_FLOAT),
		  WRAPPED(INT(3), V_INT));
	both_give(BARE(INT(3)), OPTIONAL_INT, WRAPPED(INT(3), V_INT));
	refuses(BARE(INT(3)), UNION(V_INT, V_FLOAT), LITERAL_READ, "ambiguous");
}

TEST(variants_declared_without_a_tag_are_known_by_their_type)
{
	both_give(INT(3), UNION("{\"simple\":\"INTEGER\"}", "{\"simple\":\"NONE\"}"),
		  WRAPPED(INT(3), V_INT));
	both_give(WRAPPED(INT(3), V_INT),
		  UNION("{\"simple\":\"INTEGER\"}", "{\"simple\":\"NONE\"}"),
		  WRAPPED(INT(3), V_INT));
	both_give(ITEMS(INT(1)), UNION("{\"collectionType\":{\"simple\":\"INTEGER\"}}", V_NONE),
		  WRAPPED(ITEMS(INT(1)), V_LIST("INTEGER")));
}

TEST(what_is_inside_is_converted_too)
{
	gives(WRAPPED(ITEMS(INT(1)), V_LIST("FLOAT")), UNION(V_LIST("FLOAT"), V_NONE), LITERAL_READ,
	      WRAPPED(ITEMS(FLT(1.0)), V_LIST("FLOAT")));
	refuses(WRAPPED(ITEMS(INT(1)), V_LIST("FLOAT")), UNION(V_LIST("FLOAT"), V_NONE),
		LITERAL_WRITE, "[0]: expected float, got integer 1");
}

TEST(a_union_where_none_is_declared)
{
	gives(WRAPPED(INT(3), V_INT), "{\"simple\":\"INTEGER\"}", LITERAL_READ, INT(3));
	refuses(WRAPPED(INT(3), V_INT), "{\"simple\":\"INTEGER\"}", LITERAL_WRITE,
		"expected integer, got union with integer 3");
}

TEST(hash_and_metadata_stay_outside)
{
	Literal *got;

	CHECK_OK(literal_convert(literal_json("{\"scalar\":{\"primitive\":{\"integer\":\"7\"}},"
					      "\"hash\":\"H\"}"),
				 type_json(OPTIONAL_INT), LITERAL_WRITE, &help_arena, &got,
				 &help_err),
		 help_err);
	CHECK_STR(got->hash, "H");
	CHECK_STR(got->scalar->union_->value->hash, "");
	CHECK_OK(literal_convert(got, type_json("{\"simple\":\"INTEGER\"}"), LITERAL_READ,
				 &help_arena, &got, &help_err),
		 help_err);
	CHECK_STR(got->hash, "H");
}

static void packed_gives(const char *hex, const char *type, const char *want)
{
	Literal *got;

	CHECK_OK(literal_convert(literal_new_binary(&help_arena, unhex(hex), STR("msgpack")),
				 type_json(type), LITERAL_READ, &help_arena, &got, &help_err),
		 help_err);
	CHECK_STR(hex_of(&got->base), hex_of(&literal_json(want)->base));
}

TEST(msgpack_into_a_union)
{
	packed_gives("03", OPTIONAL_INT, WRAPPED(INT(3), V_INT));
	packed_gives("c0", OPTIONAL_INT, WRAPPED(VOID, V_NONE));
	packed_gives("03", UNION(V_INT, V_FLOAT), WRAPPED(INT(3), V_INT));
	packed_gives("9201c0", "{\"collectionType\":" OPTIONAL_INT "}",
		     ITEMS(WRAPPED(INT(1), V_INT) "," WRAPPED(VOID, V_NONE)));
	packed_gives("9203cb4000000000000000", "{\"collectionType\":" UNION(V_INT, V_FLOAT) "}",
		     ITEMS(WRAPPED(INT(3), V_INT) "," WRAPPED(FLT(2.0), V_FLOAT)));
	packed_gives("9105", "{\"collectionType\":" UNION(V_FLOAT, V_NONE) "}",
		     ITEMS(WRAPPED(FLT(5.0), V_FLOAT)));
}

TEST(nested_unions)
{
	both_give(
		INT(3),
		UNION(VARIANT("\"unionType\":{\"variants\":[" V_INT "," V_STR "]}", "Typed Union"),
		      V_NONE),
		WRAPPED(WRAPPED(INT(3), V_INT),
			VARIANT("\"unionType\":{\"variants\":[" V_INT "," V_STR "]}",
				"Typed Union")));
}

/* Unions of lists of unions … : the work is bounded by the size of type and value. */
TEST(deep_unions_end)
{
	LiteralType *t = type_json(OPTIONAL_INT);
	Literal *lit = literal_json(TEXT("x")), *got;

	for (int i = 0; i < 12; i++) {
		LiteralType *outer =
			type_json(UNION("{\"collectionType\":{}}", "{\"collectionType\":{}}"));
		Literal *list = literal_new_collection(&help_arena, 1);

		outer->union_type->variants[0]->collection_type = t;
		outer->union_type->variants[1]->collection_type = t;
		list->collection->literals[0] = lit;
		t = outer;
		lit = list;
	}
	CHECK_ERR(literal_convert(lit, t, LITERAL_READ, &help_arena, &got, &help_err), ERR_MISMATCH,
		  help_err, "expected ");
}

#define FILE_TYPE(fmt) VARIANT("\"blob\":{\"format\":\"" fmt "\"}", "FlyteFilePath")
#define FILE_VALUE(fmt)                                                                            \
	"{\"scalar\":{\"blob\":{\"uri\":\"u\",\"metadata\":{\"type\":{\"format\":\"" fmt "\"}}}}}"

/* The format tells variants apart; when it fits none of them it does not count. */
TEST(file_formats_choose_the_variant)
{
	static const char *const files = UNION(FILE_TYPE("csv"), FILE_TYPE("txt"));
	static const char *const maybe = UNION(FILE_TYPE("csv"), V_NONE);
	static const char *const list =
		UNION("{\"collectionType\":" UNION(FILE_TYPE("csv"), V_NONE) "}", V_NONE);

	gives(FILE_VALUE("txt"), files, LITERAL_READ, WRAPPED(FILE_VALUE("txt"), FILE_TYPE("txt")));
	gives(FILE_VALUE("txt"), maybe, LITERAL_READ, WRAPPED(FILE_VALUE("txt"), FILE_TYPE("csv")));
	gives(ITEMS(FILE_VALUE("txt")), list, LITERAL_READ,
	      WRAPPED(ITEMS(WRAPPED(FILE_VALUE("txt"), FILE_TYPE("csv"))),
		      VARIANT("\"collectionType\":" UNION(FILE_TYPE("csv"), V_NONE),
			      "Typed List")));
	refuses(FILE_VALUE("json"), files, LITERAL_READ, "ambiguous");
	refuses(ITEMS(INT(1)), list, LITERAL_READ, "[0]: expected file (csv) or none");
	gives(FILE_VALUE("txt"), maybe, LITERAL_WRITE,
	      WRAPPED(FILE_VALUE("csv"), FILE_TYPE("csv")));
	gives(FILE_VALUE("txt"), files, LITERAL_WRITE,
	      WRAPPED(FILE_VALUE("txt"), FILE_TYPE("txt")));
}
