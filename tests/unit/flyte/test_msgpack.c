#include "literal_help.h"

#include "flyte/msgpack.h"
#include "flyte/msgpack_write.h"
#include "flyte/value.h"

static void is_json(const char *hex, const char *want)
{
	struct buf out = BUF_INIT;

	CHECK_OK(msgpack_to_json(unhex(hex), &out, &help_err), help_err);
	CHECK_STR(out.data, want);
	buf_done(&out);
}

static void is_refused(struct str bytes, int code, const char *words)
{
	struct buf out = BUF_INIT;

	CHECK_ERR(msgpack_to_json(bytes, &out, &help_err), code, help_err, words);
	buf_done(&out);
}

static void packs(const char *json, const char *type, const char *want)
{
	struct buf out = BUF_INIT;
	char hex[1024];
	json_t *j;

	CHECK_OK(json_parse(str_of(json), "test", &j, &help_err), help_err);
	CHECK_OK(msgpack_from_json(j, type ? type_json(type) : NULL, &out, &help_err), help_err);
	json_decref(j);
	CHECK(out.len < sizeof(hex) / 2);
	hex_encode(out.data, out.len, hex);
	CHECK_STR(hex, want);
	buf_done(&out);
}

TEST(to_json)
{
	is_json("05", "5");
	is_json("d3ffffffffffffffff", "-1");
	is_json("cfffffffffffffffff", "18446744073709551615");
	is_json("cb4000000000000000", "2.0");
	is_json("cb7ff8000000000000", "\"NaN\"");
	is_json("cbfff0000000000000", "\"-Infinity\"");
	is_json("ca3f800000", "1.0");
	is_json("c0", "null");
	is_json("c2", "false");
	is_json("a0", "\"\"");
	is_json("a3610062", "\"a\\u0000b\"");
	is_json("c403000102", "\"AAEC\"");
	is_json("82a16101a1629501cb4004000000000000c0c3a178",
		"{\"a\":1,\"b\":[1,2.5,null,true,\"x\"]}");
	is_json("90", "[]");
	is_json("80", "{}");
	is_json("dd00000001c0", "[null]");
}

TEST(keys_that_are_no_text)
{
	is_json("8101a161", "{\"1\":\"a\"}");
	is_json("84c2ffc0fecb4004000000000000fdc401fffc",
		"{\"false\":-1,\"null\":-2,\"2.5\":-3,\"/w==\":-4}");
	is_json("82cfffffffffffffffff01cb400000000000000002",
		"{\"18446744073709551615\":1,\"2.0\":2}");
}

TEST(dataclass_vector)
{
	is_json("85a17801a179cb4000000000000000a46e616d65a16ea36f7074c0a47461677391a171",
		"{\"x\":1,\"y\":2.0,\"name\":\"n\",\"opt\":null,\"tags\":[\"q\"]}");
	packs("{\"x\":1,\"y\":2.0,\"name\":\"n\",\"opt\":null,\"tags\":[\"q\"]}", NULL,
	      "85a17801a179cb4000000000000000a46e616d65a16ea36f7074c0a47461677391a171");
}

TEST(bad_documents)
{
	is_refused(STR(""), ERR_INVALID, "empty");
	is_refused(unhex("9201"), ERR_INVALID, "truncated");
	is_refused(unhex("a261"), ERR_INVALID, "truncated");
	is_refused(unhex("0100"), ERR_INVALID, "1 bytes behind the value");
	is_refused(unhex("a2c328"), ERR_INVALID, "not valid UTF-8");
	is_refused(unhex("c1"), ERR_INVALID, "malformed");
	is_refused(unhex("d40001"), ERR_UNSUPPORTED, "ext values");
	is_refused(unhex("8190c0"), ERR_UNSUPPORTED, "a map key is a list or a map");
}

TEST(headers_that_claim_too_much)
{
	struct arena arena;
	struct value v;

	arena_init(&arena, 1 << 16); /* nothing big may be allocated */
	v = value_of_msgpack(unhex("ddffffffff0000000000"), &arena, &help_err);
	CHECK(v.source == VALUE_OF_NOTHING);
	CHECK_STR(help_err.message,
		  "msgpack: truncated: a container claims more items than follow");
	v = value_of_msgpack(unhex("dfffffffff0000000000"), &arena, &help_err);
	CHECK(v.source == VALUE_OF_NOTHING);
	v = value_of_msgpack(unhex("dbffffffff6162"), &arena, &help_err);
	CHECK(v.source == VALUE_OF_NOTHING);
	CHECK_STR(help_err.message, "msgpack: truncated");
	arena_done(&arena);
}

/* Each level claims what is left: only the sum is bounded by the length. */
TEST(nested_claims_do_not_add_up)
{
	struct buf doc = BUF_INIT;
	struct arena arena;
	struct value v;

	for (int i = 0; i < 90; i++)
		buf_append(&doc, "\xdc\xff\xff", 3);
	while (doc.len < 66000)
		buf_putc(&doc, 1);
	arena_init(&arena, 4 << 20);
	v = value_of_msgpack((struct str){doc.data, doc.len}, &arena, &help_err);
	CHECK(v.source == VALUE_OF_NOTHING);
	CHECK_STR(help_err.message,
		  "msgpack: truncated: a container claims more items than follow");
	arena_done(&arena);
	buf_done(&doc);
}

static void nested(struct buf *doc, int levels)
{
	buf_clear(doc);
	for (int i = 0; i < levels; i++)
		buf_append(doc, i % 2 ? "\x91" : "\x81\xa1x", i % 2 ? 1 : 3);
	buf_putc(doc, 1);
}

TEST(depth_limit)
{
	struct buf doc = BUF_INIT, out = BUF_INIT;

	nested(&doc, 100);
	CHECK_OK(msgpack_to_json((struct str){doc.data, doc.len}, &out, &help_err), help_err);
	nested(&doc, 101);
	is_refused((struct str){doc.data, doc.len}, ERR_LIMIT, "nested more than 100 levels deep");
	nested(&doc, 100000);
	is_refused((struct str){doc.data, doc.len}, ERR_LIMIT, "nested more than 100 levels deep");
	buf_done(&doc);
	buf_done(&out);
}

TEST(smallest_integer_forms)
{
	packs("127", NULL, "7f");
	packs("128", NULL, "cc80");
	packs("256", NULL, "cd0100");
	packs("65536", NULL, "ce00010000");
	packs("4294967296", NULL, "cf0000000100000000");
	packs("-32", NULL, "e0");
	packs("-33", NULL, "d0df");
	packs("-9223372036854775808", NULL, "d38000000000000000");
	packs("1.0", NULL, "cb3ff0000000000000");
	packs("[true,false,null,\"\xc3\xa9\"]", NULL, "94c3c2c0a2c3a9");
}

#define FIELDS                                                                                     \
	"{\"simple\":\"STRUCT\",\"structure\":{\"dataclassType\":{"                                \
	"\"f\":{\"simple\":\"FLOAT\"},\"i\":{\"simple\":\"INTEGER\"},"                             \
	"\"l\":{\"collectionType\":{\"simple\":\"FLOAT\"}},"                                       \
	"\"m\":{\"mapValueType\":{\"simple\":\"FLOAT\"}},"                                         \
	"\"o\":{\"unionType\":{\"variants\":[{\"simple\":\"FLOAT\"},{\"simple\":\"NONE\"}]}},"     \
	"\"u\":{\"unionType\":{\"variants\":[{\"simple\":\"FLOAT\"},{\"simple\":\"INTEGER\"}]}},"  \
	"\"d\":{\"simple\":\"DATETIME\"},\"t\":{\"simple\":\"DURATION\"},\"b\":{\"blob\":{}}}}}"

TEST(the_type_says_what_is_a_float)
{
	packs("{\"f\":1}", FIELDS, "81a166cb3ff0000000000000");
	packs("{\"i\":1.0}", FIELDS, "81a16901");
	packs("{\"l\":[1]}", FIELDS, "81a16c91cb3ff0000000000000");
	packs("{\"m\":{\"k\":1}}", FIELDS, "81a16d81a16bcb3ff0000000000000");
	packs("{\"o\":1}", FIELDS, "81a16fcb3ff0000000000000");
	packs("{\"o\":null}", FIELDS, "81a16fc0");
	packs("{\"u\":1}", FIELDS, "81a17501");
	packs("{\"f\":\"NaN\"}", FIELDS, "81a166cb7ff8000000000000");
	packs("{\"other\":1}", FIELDS, "81a56f7468657201");
}

TEST(times_and_files_in_flytekits_form)
{
	packs("{\"d\":\"2024-01-02T03:04:05Z\"}", FIELDS,
	      "81a164b9323032342d30312d30325430333a30343a30352b30303a3030");
	packs("{\"t\":\"90.5s\"}", FIELDS, "81a174cb4056a00000000000");
	packs("{\"t\":90}", FIELDS, "81a174cb4056800000000000");
	packs("{\"b\":\"u\"}", FIELDS, "81a16281a470617468a175");
}

TEST(a_schema_says_it_too)
{
	static const char type[] =
		"{\"simple\":\"STRUCT\",\"metadata\":{\"properties\":{\"f\":{\"type\":\"number\"},"
		"\"i\":{\"type\":\"integer\"},\"l\":{\"items\":{\"type\":\"number\"}},\"o\":{"
		"\"anyOf\":"
		"[{\"type\":\"number\"},{\"type\":\"null\"}]}}}}";

	packs("{\"f\":1}", type, "81a166cb3ff0000000000000");
	packs("{\"i\":1.0}", type, "81a16901");
	packs("{\"l\":[1]}", type, "81a16c91cb3ff0000000000000");
	packs("{\"o\":1}", type, "81a16fcb3ff0000000000000");
	packs("{\"o\":null}", type, "81a16fc0");
}

TEST(json_too_deep_for_msgpack)
{
	struct buf text = BUF_INIT, out = BUF_INIT;
	json_t *j;

	for (int i = 0; i < 101; i++)
		buf_putc(&text, '[');
	for (int i = 0; i < 101; i++)
		buf_putc(&text, ']');
	CHECK_OK(json_parse((struct str){text.data, text.len}, "test", &j, &help_err), help_err);
	CHECK_ERR(msgpack_from_json(j, NULL, &out, &help_err), ERR_LIMIT, help_err,
		  "nested more than 100");
	json_decref(j);
	buf_done(&text);
	buf_done(&out);
}

/* Packing a parsed document gives it back, with keys that are no text kept as they were. */
TEST(packing_is_the_inverse_of_parsing)
{
	static const char *const docs[] = {
		"83a16101c2c0cb400400000000000090",
		"8101a161",
		"c403000102",
		"cfffffffffffffffff",
		"81c0c3",
	};

	for (size_t i = 0; i < ARRAY_LEN(docs); i++) {
		struct buf out = BUF_INIT;
		char hex[128];
		struct value v = value_of_msgpack(unhex(docs[i]), &help_arena, &help_err);

		CHECK_OK(msgpack_pack_value(v, &out, &help_err), help_err);
		hex_encode(out.data, out.len, hex);
		CHECK_STR(hex, docs[i]);
		buf_done(&out);
	}
}

TEST(structs_and_json)
{
	static const char text[] = "{\"a\":1,\"b\":[2.5,null,true,{\"c\":\"x\"}]}";
	Google__Protobuf__Struct *s;
	struct buf out = BUF_INIT;
	json_t *j;

	CHECK_OK(json_parse(str_of(text), "test", &j, &help_err), help_err);
	CHECK_OK(struct_from_json(j, NULL, &help_arena, &s, &help_err), help_err);
	json_decref(j);
	CHECK_OK(struct_to_json(s, &out, &help_err), help_err);
	CHECK_STR(out.data, "{\"a\":1.0,\"b\":[2.5,null,true,{\"c\":\"x\"}]}");
	buf_done(&out);
	CHECK_OK(json_parse(STR("[1]"), "test", &j, &help_err), help_err);
	CHECK_ERR(struct_from_json(j, NULL, &help_arena, &s, &help_err), ERR_MISMATCH, help_err,
		  "expected an object");
	json_decref(j);
}
