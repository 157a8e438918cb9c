#include "literal_help.h"

#include "flyte/msgpack.h"

static LiteralType *outer_type(void)
{
	LiteralType *t;
	void *m;

	CHECK_OK(message_decode(MESSAGE_DESC(flyteidl__core__literal_type),
				golden_read("flytekit/types/dataclass.pb"), NULL, &help_arena, &m,
				&help_err),
		 help_err);
	t = m;
	return t;
}

/* A Binary literal made from JSON, without guidance by a type. */
static Literal *packed(const char *json)
{
	struct buf b = BUF_INIT;
	json_t *j;
	Literal *lit;

	CHECK_OK(json_parse(str_of(json), "test", &j, &help_err), help_err);
	CHECK_OK(msgpack_from_json(j, NULL, &b, &help_err), help_err);
	json_decref(j);
	lit = literal_new_binary(&help_arena, (struct str){b.data, b.len}, STR("msgpack"));
	buf_done(&b);
	return lit;
}

static void
refuses(const char *json, const LiteralType *t, enum literal_direction d, const char *words)
{
	Literal *got;

	CHECK_ERR(literal_convert(packed(json), t, d, &help_arena, &got, &help_err), ERR_MISMATCH,
		  help_err, words);
}

static void both_refuse(const char *json, const LiteralType *t, const char *words)
{
	refuses(json, t, LITERAL_READ, words);
	refuses(json, t, LITERAL_WRITE, words);
}

static void accepts(const char *json, const LiteralType *t, enum literal_direction d)
{
	Literal *from = packed(json), *got;

	CHECK_OK(literal_convert(from, t, d, &help_arena, &got, &help_err), help_err);
	CHECK(got == from);
}

static void both_accept(const char *json, const LiteralType *t)
{
	accepts(json, t, LITERAL_READ);
	accepts(json, t, LITERAL_WRITE);
}

#define OUTER(count, ratio, inner, more)                                                           \
	"{\"count\":" count ",\"ratio\":" ratio                                                    \
	",\"label\":\"l\",\"flag\":true,\"inner\":" inner more "}"
#define INNER "{\"name\":\"n\",\"weights\":[1.5]}"

TEST(dataclass_fields)
{
	LiteralType *t = outer_type();

	both_accept(OUTER("1", "0.5", INNER, ""), t);
	both_accept(OUTER("1", "0.5", INNER, ",\"note\":null,\"tags\":{\"a\":\"b\"}"), t);
	both_accept(OUTER("1", "0.5", INNER, ",\"note\":\"x\""), t);
	both_accept(OUTER("1", "2", INNER, ""), t);
	both_refuse(OUTER("\"x\"", "0.5", INNER, ""), t,
		    "count: expected integer, got string \"x\"");
	both_refuse(OUTER("1.5", "0.5", INNER, ""), t, "count: expected integer, got float 1.5");
	both_refuse(OUTER("true", "0.5", INNER, ""), t, "count: expected integer, got boolean");
	both_refuse(OUTER("1", "0.5", "{\"name\":\"n\",\"weights\":[1,\"w\"]}", ""), t,
		    "inner.weights[1]: expected float, got string \"w\"");
	both_refuse(OUTER("1", "0.5", INNER, ",\"note\":3"), t,
		    "note: expected string or none, got integer 3");
	both_refuse(OUTER("1", "0.5", INNER, ",\"tags\":{\"a b\":1}"), t,
		    "tags[\"a b\"]: expected string, got integer 1");
}

TEST(required_fields)
{
	LiteralType *t = outer_type();

	both_refuse("{}", t, "the field \"");
	both_refuse(OUTER("1", "0.5", "{\"name\":\"n\"}", ""), t,
		    "inner: the field \"weights\" is missing");
	both_refuse("[]", t, "expected struct Outer, got list of 0");
}

TEST(unknown_fields_are_read_over_and_never_written)
{
	LiteralType *t = outer_type();

	accepts(OUTER("1", "0.5", INNER, ",\"lable\":1"), t, LITERAL_READ);
	refuses(OUTER("1", "0.5", INNER, ",\"lable\":1"), t, LITERAL_WRITE,
		"lable: no such field in the declared type; did you mean \"label\"?");
}

TEST(dataclass_known_only_by_its_schema)
{
	LiteralType *t = outer_type();

	t->structure = NULL;
	both_accept(OUTER("1", "0.5", INNER, ",\"note\":null"), t);
	both_refuse(OUTER("\"x\"", "0.5", INNER, ""), t,
		    "count: expected integer, got string \"x\"");
	both_refuse(OUTER("1", "0.5", "{\"name\":\"n\",\"weights\":[\"w\"]}", ""), t,
		    "inner.weights[0]: expected float, got string \"w\"");
	both_refuse(OUTER("1", "0.5", INNER, ",\"note\":3"), t, "note: expected one of the types");
	both_refuse(OUTER("1", "0.5", "{\"weights\":[]}", ""), t,
		    "inner: the field \"name\" is missing");
	refuses(OUTER("1", "0.5", INNER, ",\"more\":1"), t, LITERAL_WRITE, "more: no such field");
	both_refuse("3", t, "expected map, got integer 3");
}

TEST(schemas_with_references)
{
	LiteralType *t = type_json(
		"{\"simple\":\"STRUCT\",\"metadata\":{\"$ref\":\"#/definitions/"
		"Foo\",\"definitions\":{"
		"\"Foo\":{\"type\":\"object\",\"required\":[\"a\"],\"properties\":{\"a\":{\"type\":"
		"\"integer\"},\"next\":{\"anyOf\":[{\"$ref\":\"#/definitions/Foo\"},{\"type\":"
		"\"null\"}]},\"color\":{\"enum\":[\"red\",\"blue\"]}}}}}}");

	both_accept("{\"a\":1,\"next\":{\"a\":2,\"next\":null}}", t);
	both_refuse("{\"a\":1,\"next\":{\"next\":null}}", t, "next: expected one of the types");
	both_refuse("{\"a\":1,\"color\":\"green\"}", t, "color: expected one of the values");
	both_refuse("{\"a\":\"1\"}", t, "a: expected integer");
}

TEST(schemas_that_lead_in_circles)
{
	LiteralType *t = type_json("{\"simple\":\"STRUCT\",\"metadata\":{\"$ref\":\"#\"}}");
	LiteralType *loop = type_json("{\"simple\":\"STRUCT\",\"metadata\":{\"anyOf\":[{\"type\":"
				      "\"string\"},{\"$ref\":\"#\"}"
				      ",{\"$ref\":\"#\"}]}}");
	Literal *got;

	both_accept("{\"a\":1}", t);
	CHECK_ERR(literal_convert(packed("{\"a\":1}"), loop, LITERAL_READ, &help_arena, &got,
				  &help_err),
		  ERR_LIMIT, help_err, "too many ways");
}

TEST(types_without_a_description)
{
	LiteralType *t = type_json("{\"simple\":\"STRUCT\"}");

	both_accept("{\"a\":[1,2.5,null,true,\"x\"]}", t);
	both_accept("{}", t);
	both_accept("{\"a\":1}",
		    type_json("{\"simple\":\"STRUCT\",\"metadata\":{\"pb_type\":\"a.b.C\"}}"));
}

TEST(fields_without_a_schema_must_all_be_there)
{
	LiteralType *t = type_json(
		"{\"simple\":\"STRUCT\",\"structure\":{\"dataclassType\":{\"a\":{\"simple\":"
		"\"INTEGER\"},\"b\":{\"unionType\":{\"variants\":[{\"simple\":\"STRING\"},{"
		"\"simple\":"
		"\"NONE\"}]}}}}}");

	both_accept("{\"a\":1}", t);
	both_refuse("{\"b\":null}", t, "the field \"a\" is missing");
}

TEST(times_in_dataclasses)
{
	LiteralType *t = type_json(
		"{\"simple\":\"STRUCT\",\"structure\":{\"dataclassType\":{\"d\":{\"simple\":"
		"\"DATETIME\"},\"t\":{\"simple\":\"DURATION\"},\"e\":{\"enumType\":{\"values\":["
		"\"red\"]}}}}}");

	both_accept("{\"d\":\"2024-01-02T03:04:05+00:00\",\"t\":90.5,\"e\":\"red\"}", t);
	both_refuse("{\"d\":\"soon\",\"t\":90.5,\"e\":\"red\"}", t, "d: expected datetime");
	both_refuse("{\"d\":\"2024-01-02\",\"t\":\"90s\",\"e\":\"red\"}", t,
		    "t: expected duration");
	both_refuse("{\"d\":\"2024-01-02\",\"t\":1,\"e\":\"x\"}", t, "e: expected enum(red)");
}

TEST(generic_structs_are_checked_too)
{
	LiteralType *t = outer_type();
	Literal *good =
		literal_json("{\"scalar\":{\"generic\":" OUTER("5.0", "0.5", INNER, "") "}}");
	Literal *bad =
		literal_json("{\"scalar\":{\"generic\":" OUTER("5.5", "0.5", INNER, "") "}}");
	Literal *got;

	CHECK_OK(literal_convert(good, t, LITERAL_READ, &help_arena, &got, &help_err), help_err);
	CHECK(got == good);
	CHECK_OK(literal_convert(good, t, LITERAL_WRITE, &help_arena, &got, &help_err), help_err);
	CHECK_ERR(literal_convert(bad, t, LITERAL_WRITE, &help_arena, &got, &help_err),
		  ERR_MISMATCH, help_err, "count: expected integer, got float 5.5");
}

TEST(lists_of_protobuf)
{
	Literal *list = literal_json("{\"collection\":{}}"), *got;

	CHECK_OK(literal_convert(list,
				 type_json("{\"simple\":\"STRUCT\",\"metadata\":{\"pb_type\":"
					   "\"google.protobuf.struct_pb2.ListValue\"}}"),
				 LITERAL_READ, &help_arena, &got, &help_err),
		 help_err);
	CHECK(got == list);
	CHECK_ERR(literal_convert(list, type_json("{\"simple\":\"STRUCT\"}"), LITERAL_READ,
				  &help_arena, &got, &help_err),
		  ERR_MISMATCH, help_err, "expected struct, got list of 0");
}
