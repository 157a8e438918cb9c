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
	both_refuse(OUTER("1", "0.5", "{\"name\":\"n\",\"weights\":[1,\"w\"]}", ""), t,
		    "inner.weights[1]: expected float, got string \"w\"");
	both_refuse(OUTER("1", "0.5", INNER, ",\"note\":3"), t,
		    "note: expected string or none, got integer 3");
	both_refuse(OUTER("1", "0.5", INNER, ",\"tags\":{\"a b\":1}"), t,
		    "tags[\"a b\"]: expected string, got integer 1");
}

/* Python's True is an integer; its decoders make numbers of it. */
TEST(true_stands_for_a_number)
{
	LiteralType *t = outer_type();

	both_accept(OUTER("true", "0.5", INNER, ""), t);
	both_accept(OUTER("1", "false", INNER, ""), t);
	both_refuse(OUTER("null", "0.5", INNER, ""), t, "count: expected integer, got none");
	t->structure = NULL;
	both_accept(OUTER("true", "false", INNER, ""), t);
	both_refuse(OUTER("1", "0.5", INNER, ",\"note\":true"), t, "note: expected one of");
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

/* Without a schema nothing says which fields have a default and may have been left out. */
TEST(fields_without_a_schema_may_be_absent)
{
	LiteralType *t = type_json(
		"{\"simple\":\"STRUCT\",\"structure\":{\"dataclassType\":{\"a\":{\"simple\":"
		"\"INTEGER\"},\"b\":{\"unionType\":{\"variants\":[{\"simple\":\"STRING\"},{"
		"\"simple\":"
		"\"NONE\"}]}}}}}");

	both_accept("{\"a\":1}", t);
	both_accept("{\"b\":null}", t);
	both_accept("{}", t);
	both_refuse("{\"a\":\"x\"}", t, "a: expected integer");
	both_refuse("[]", t, "expected struct");
}

#define MODEL(schema, fields)                                                                      \
	"{\"simple\":\"STRUCT\",\"metadata\":{" schema                                             \
	"},\"structure\":{\"dataclassType\":{" fields "}}}"

/* A schema lists the names in JSON, the structure the fields' own: either may be written. */
TEST(fields_with_another_name_in_json)
{
	LiteralType *t = type_json(
		MODEL("\"type\":\"object\",\"required\":[\"X\",\"y\"],\"additionalProperties\":"
		      "false,\"properties\":{\"X\":{\"type\":\"integer\"},\"y\":{\"type\":"
		      "\"integer\"}}",
		      "\"x\":{\"simple\":\"INTEGER\"},\"y\":{\"simple\":\"INTEGER\"}"));

	both_accept("{\"x\":1,\"y\":2}", t);
	both_accept("{\"X\":1,\"y\":2}", t);
	both_refuse("{\"x\":1}", t, "the field \"y\" is missing");
	both_refuse("{\"x\":\"1\",\"y\":2}", t, "x: expected integer");
	refuses("{\"Z\":1,\"y\":2}", t, LITERAL_WRITE, "Z: no such field");
}

/* Variants of a union come without their fields: what is left over may be those by another name. */
TEST(fields_with_another_name_in_a_union)
{
#define VARIANT(name)                                                                              \
	"{\"simple\":\"STRUCT\",\"metadata\":{\"type\":\"object\",\"required\":[\"" name           \
	"\"],\"properties\":{\"" name "\":{\"type\":\"integer\"}}},\"structure\":{\"tag\":"        \
	"\"Pydantic Transformer\"}}"
	LiteralType *one = type_json(
		"{\"unionType\":{\"variants\":[" VARIANT("X") ",{\"simple\":\"NONE\"}]}}");
	LiteralType *two =
		type_json("{\"unionType\":{\"variants\":[" VARIANT("X") "," VARIANT("y") "]}}");
	LiteralType *field =
		type_json(MODEL("\"type\":\"object\"", "\"o\":{\"unionType\":{"
						       "\"variants\":[" VARIANT("X") "]}}"));
	Literal *got;

	for (int d = LITERAL_READ; d <= LITERAL_WRITE; d++) {
		CHECK_OK(literal_convert(packed("{\"x\":1}"), one, d, &help_arena, &got, &help_err),
			 help_err);
		CHECK_OK(literal_convert(packed("{\"y\":1}"), two, d, &help_arena, &got, &help_err),
			 help_err);
		CHECK_STR(got->scalar->union_->type->metadata->fields[0]->key, "properties");
		CHECK_STR(got->scalar->union_->type->metadata->fields[0]
				  ->value->struct_value->fields[0]
				  ->key,
			  "y");
	}
	both_accept("{\"o\":{\"x\":1}}", field);
	both_refuse("{}", one, "the field \"X\" is missing");
	both_refuse("{\"z\":1}", two, "ambiguous");
#undef VARIANT
}

TEST(a_model_that_is_only_its_root)
{
	LiteralType *list =
		type_json(MODEL("\"type\":\"array\",\"items\":{\"type\":\"integer\"}",
				"\"root\":{\"collectionType\":{\"simple\":\"INTEGER\"}}"));
	LiteralType *maybe = type_json(
		MODEL("\"anyOf\":[{\"$ref\":\"#/$defs/R\"},{\"type\":\"null\"}],\"$defs\":{\"R\":{"
		      "\"type\":\"object\",\"required\":[\"x\"],\"properties\":{\"x\":{\"type\":"
		      "\"integer\"}}}}",
		      "\"root\":{\"unionType\":{\"variants\":[{\"simple\":\"STRUCT\"},{\"simple\":"
		      "\"NONE\"}]}}"));
	LiteralType *text =
		type_json(MODEL("\"type\":\"string\"", "\"root\":{\"simple\":\"STRING\"}"));
	LiteralType *named = type_json(
		MODEL("\"type\":\"object\",\"properties\":{\"root\":{\"type\":\"integer\"}}",
		      "\"root\":{\"simple\":\"INTEGER\"}"));

	both_accept("[1,2]", list);
	both_accept("[]", list);
	both_refuse("[1,\"x\"]", list, "[1]: expected integer, got string \"x\"");
	both_refuse("{\"root\":[1]}", list, "expected list, got map of 1");
	both_accept("null", maybe);
	both_accept("{\"x\":1}", maybe);
	both_refuse("{\"x\":\"1\"}", maybe, "expected one of the types");
	both_accept("\"x\"", text);
	both_refuse("3", text, "expected string, got integer 3");
	both_accept("{\"root\":1}", named);
	both_refuse("[1]", named, "expected struct, got list of 1");
}

/* What mashumaro leaves to the dataclass has the schema {}; a number's says so. */
TEST(fields_with_a_form_of_their_own)
{
	LiteralType *t = type_json(
		MODEL("\"type\":\"object\",\"properties\":{\"any\":{\"default\":1},\"num\":{"
		      "\"type\":\"number\"},\"txt\":{\"type\":\"string\"},\"all\":{\"type\":"
		      "\"array\",\"items\":{\"type\":\"string\"}},\"opt\":{\"anyOf\":[{\"type\":"
		      "\"number\"},{\"type\":\"null\"}]}}",
		      "\"any\":{\"simple\":\"DATETIME\"},\"num\":{\"simple\":\"DATETIME\"},"
		      "\"txt\":{\"simple\":\"DATETIME\"},\"all\":{\"collectionType\":{\"simple\":"
		      "\"DATETIME\"}},\"opt\":{\"unionType\":{\"variants\":[{\"simple\":"
		      "\"DATETIME\"},{\"simple\":\"NONE\"}]}}"));
	LiteralType *bare = type_json("{\"simple\":\"STRUCT\",\"structure\":{\"dataclassType\":{"
				      "\"d\":{\"simple\":\"DATETIME\"}}}}");

	both_accept("{\"any\":1704067200.5,\"num\":1704067200,\"opt\":0.5}", t);
	both_accept("{\"any\":\"soon\",\"num\":\"2024-01-01\",\"opt\":null}", t);
	both_refuse("{\"txt\":1.5}", t, "txt: expected datetime, got float 1.5");
	both_refuse("{\"all\":[1.5]}", t, "all[0]: expected datetime, got float 1.5");
	both_refuse("{\"opt\":\"soon\"}", t, "opt: expected datetime or none");
	both_accept("{\"d\":1704067200}", bare);
	both_refuse("{\"d\":\"soon\"}", bare, "d: expected datetime");
}

/* What model_dump_json writes, by the types flytekit gives such a model. */
TEST(fields_of_pydantic)
{
	LiteralType *t = type_json(
		MODEL("\"type\":\"object\",\"properties\":{\"td\":{\"type\":\"string\",\"format\":"
		      "\"duration\"},\"ot\":{\"anyOf\":[{\"type\":\"string\",\"format\":"
		      "\"duration\"},{\"type\":\"null\"}]},\"dt\":{\"type\":\"string\",\"format\":"
		      "\"date-time\"},\"d\":{\"type\":\"string\",\"format\":\"date\"},\"b\":{"
		      "\"type\":\"string\",\"format\":\"binary\"},\"dec\":{\"anyOf\":[{\"type\":"
		      "\"number\"},{\"type\":\"string\"}]},\"u\":{\"type\":\"string\",\"format\":"
		      "\"uuid\"},\"e\":{\"$ref\":\"#/$defs/C\"},\"i\":{\"$ref\":\"#/$defs/I\"},"
		      "\"sec\":{\"type\":\"number\",\"format\":\"time-delta\"}},\"$defs\":{\"C\":{"
		      "\"type\":\"string\",\"enum\":[\"a\"]},\"I\":{\"type\":\"integer\",\"enum\":["
		      "1]}}",
		      "\"td\":{\"simple\":\"DURATION\"},\"ot\":{\"unionType\":{\"variants\":[{"
		      "\"simple\":\"DURATION\"},{\"simple\":\"NONE\"}]}},\"dt\":{\"simple\":"
		      "\"DATETIME\"},\"d\":{\"simple\":\"DATETIME\"},\"b\":{\"blob\":{\"format\":"
		      "\"PythonPickle\"}},\"dec\":{\"blob\":{\"format\":\"PythonPickle\"}},\"u\":{"
		      "\"blob\":{\"format\":\"PythonPickle\"}},\"e\":{\"enumType\":{\"values\":["
		      "\"a\"]}},\"sec\":{\"simple\":\"DURATION\"}"));

	both_accept("{\"td\":\"PT1M30.5S\",\"ot\":\"-PT0.1S\",\"dt\":\"2024-01-02T03:04:05.678901Z"
		    "\",\"d\":\"2024-01-01\",\"b\":\"x\",\"dec\":\"1.50\",\"u\":\"00000000-0000-"
		    "0000-0000-000000000001\",\"e\":\"a\",\"i\":1}",
		    t);
	both_accept("{\"td\":\"P2739726Y9DT23H59M59.999999S\",\"ot\":null,\"dt\":"
		    "\"2024-01-02T03:04:05+02:30\"}",
		    t);
	both_accept("{\"td\":90.5,\"ot\":\"P1DT2H\",\"dt\":\"2024-01-02T03:04:05\"}", t);
	both_refuse("{\"td\":\"90s\"}", t, "td: expected duration, got string \"90s\"");
	both_refuse("{\"ot\":\"P\"}", t, "ot: expected duration or none");
	both_refuse("{\"sec\":\"PT1S\"}", t, "sec: expected duration");
	both_refuse("{\"e\":\"b\"}", t, "e: expected enum(a)");
}

/* A dict that says nothing about itself is a dict all the same. */
TEST(a_dict_is_a_map)
{
	LiteralType *t = type_json("{\"simple\":\"STRUCT\"}"), *list;
	LiteralType *empty = type_json("{\"simple\":\"STRUCT\",\"metadata\":{}}");
	static const char *const bad[] = {"3", "null", "[]", "[[1,2]]", "\"x\"", "true"};
	Literal *got;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		both_refuse(bad[i], t, "expected struct, got ");
		both_refuse(bad[i], empty, "expected struct, got ");
	}
	list = type_json("{\"collectionType\":{\"simple\":\"STRUCT\"}}");
	CHECK_OK(literal_convert(packed("[{}]"), list, LITERAL_READ, &help_arena, &got, &help_err),
		 help_err);
	refuses("[{},[]]", list, LITERAL_READ, "[1]: expected struct, got list of 0");
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
