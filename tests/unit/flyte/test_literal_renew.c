/* Documents that a task passes on: as flytekit writes them after it has read them. */
#include "literal_help.h"

#include "flyte/msgpack.h"

#define FIELDS                                                                                     \
	"\"name\":{\"simple\":\"STRING\"},\"n\":{\"simple\":\"INTEGER\"},"                         \
	"\"x\":{\"simple\":\"FLOAT\"},\"xs\":{\"collectionType\":{\"simple\":\"FLOAT\"}},"         \
	"\"u\":{\"unionType\":{\"variants\":[{\"simple\":\"FLOAT\"},{\"simple\":\"NONE\"}]}}"
#define RECORD(more)                                                                               \
	"{\"simple\":\"STRUCT\",\"metadata\":{\"type\":\"object\",\"required\":[\"name\"],"        \
	"\"properties\":{\"name\":{\"type\":\"string\"},"                                          \
	"\"n\":{\"type\":\"integer\",\"default\":7},\"x\":{\"type\":\"number\"},"                  \
	"\"xs\":{\"type\":\"array\",\"items\":{\"type\":\"number\"}},"                             \
	"\"u\":{\"anyOf\":[{\"type\":\"number\"},{\"type\":\"null\"}],\"default\":null}}" more "}"
#define CLOSED ",\"additionalProperties\":false"
#define TYPED  RECORD(CLOSED) ",\"structure\":{\"dataclassType\":{" FIELDS "}}}"
#define SCHEMA RECORD(CLOSED) "}"
#define DICT   "{\"simple\":\"STRUCT\"}"

static Literal *renewed(const Literal *lit, const char *type, bool old_form)
{
	struct literal_renewal how = {.old_form = old_form};
	Literal *got = NULL;

	CHECK_OK(literal_renew(lit, type_json(type), &how, &help_arena, &got, &help_err), help_err);
	return got;
}

/* From JSON as msgpack, without a type. */
static Literal *packed(const char *json)
{
	struct buf out = BUF_INIT;
	json_t *j = NULL;
	Literal *lit;

	CHECK_OK(json_parse(str_of(json), "test", &j, &help_err), help_err);
	CHECK_OK(msgpack_from_json(j, NULL, &out, &help_err), help_err);
	lit = literal_new_binary(&help_arena, (struct str){out.data, out.len}, STR("msgpack"));
	json_decref(j);
	buf_done(&out);
	return lit;
}

static Literal *structured(const char *json)
{
	char text[1024];

	snprintf(text, sizeof(text), "{\"scalar\":{\"generic\":%s}}", json);
	return literal_json(text);
}

/* The result is msgpack and says `want`. */
static void gives(const Literal *lit, const char *type, const char *want)
{
	const Literal *got = renewed(lit, type, false);
	struct buf text = BUF_INIT;
	const ProtobufCBinaryData *b;

	CHECK_INT(got->scalar->value_case, FLYTEIDL__CORE__SCALAR__VALUE_BINARY);
	b = &got->scalar->binary->value;
	CHECK_OK(msgpack_to_json((struct str){(char *)b->data, b->len}, &text, &help_err),
		 help_err);
	CHECK_STR(text.data, want);
	buf_done(&text);
}

static void gives_struct(const Literal *lit, const char *type, const char *want)
{
	const Literal *got = renewed(lit, type, true);

	CHECK_STR(hex_of(&got->base), hex_of(&literal_json(want)->base));
}

static void keeps(const Literal *lit, const char *type, bool old_form)
{
	CHECK(renewed(lit, type, old_form) == lit);
}

TEST(a_struct_becomes_msgpack)
{
	gives(structured("{\"name\":\"a\",\"n\":3,\"x\":2,\"xs\":[1],\"u\":4}"), TYPED,
	      "{\"n\":3,\"name\":\"a\",\"u\":4.0,\"x\":2.0,\"xs\":[1.0]}");
	gives(structured("{\"name\":\"a\",\"n\":3,\"u\":null}"), SCHEMA,
	      "{\"n\":3,\"name\":\"a\",\"u\":null}");
	gives(structured("{\"a\":1,\"b\":[null,true,\"x\"]}"), DICT,
	      "{\"a\":1.0,\"b\":[null,true,\"x\"]}");
}

TEST(msgpack_becomes_a_struct_in_the_old_form)
{
	gives_struct(packed("{\"name\":\"a\",\"n\":3,\"u\":null}"), TYPED,
		     "{\"scalar\":{\"generic\":{\"name\":\"a\",\"n\":3,\"u\":null}}}");
	gives_struct(
		packed("{\"a\":[1,2.5]}"), DICT,
		"{\"scalar\":{\"generic\":{\"a\":[1,2.5]}},\"metadata\":{\"format\":\"json\"}}");
	keeps(literal_new_binary(&help_arena, unhex("81a161c40178"), STR("msgpack")), DICT, true);
}

TEST(numbers_are_of_the_declared_kind)
{
	gives(packed("{\"name\":\"a\",\"n\":3.0,\"x\":2,\"xs\":[1,true],\"u\":5}"), TYPED,
	      "{\"name\":\"a\",\"n\":3,\"x\":2.0,\"xs\":[1.0,1.0],\"u\":5.0}");
	gives(packed("{\"name\":\"a\",\"n\":3.0,\"x\":2,\"xs\":[1],\"u\":5}"), SCHEMA,
	      "{\"name\":\"a\",\"n\":3,\"x\":2.0,\"xs\":[1.0],\"u\":5.0}");
}

TEST(missing_fields_have_their_defaults)
{
	gives(packed("{\"name\":\"a\"}"), TYPED, "{\"name\":\"a\",\"n\":7,\"u\":null}");
	gives(packed("{\"name\":\"a\"}"), SCHEMA, "{\"name\":\"a\",\"n\":7,\"u\":null}");
	gives(packed("{\"name\":\"a\"}"), RECORD("") "}", "{\"name\":\"a\"}");
}

TEST(fields_that_are_not_declared_are_left_out)
{
	static const char more[] = "{\"name\":\"a\",\"n\":1,\"u\":1.5,\"more\":{\"z\":1}}";

	gives(packed(more), TYPED, "{\"name\":\"a\",\"n\":1,\"u\":1.5}");
	gives(structured(more), SCHEMA, "{\"n\":1,\"name\":\"a\",\"u\":1.5}");
	gives(packed(more), RECORD(",\"additionalProperties\":true") "}",
	      "{\"name\":\"a\",\"n\":1,\"u\":1.5,\"more\":{\"z\":1}}");
}

TEST(what_is_as_wanted_stays)
{
	keeps(packed("{\"name\":\"a\",\"n\":3,\"u\":1.5}"), TYPED, false);
	keeps(packed("{\"a\":1,\"b\":[2.5]}"), DICT, false);
	/* integers as keys, bytes, what JSON cannot say */
	keeps(literal_new_binary(&help_arena, unhex("8201c401ffa161cfffffffffffffffff"),
				 STR("msgpack")),
	      DICT, false);
	keeps(structured("{\"seconds\":1}"),
	      "{\"simple\":\"STRUCT\",\"metadata\":{\"pb_type\":\"a.b.C\"}}", false);
}

TEST(documents_in_containers_and_unions)
{
	static const char type[] = "{\"collectionType\":{\"unionType\":{\"variants\":[" TYPED
				   ",{\"simple\":\"NONE\",\"structure\":{\"tag\":\"none\"}}]}}}";
	Literal *list = literal_new_collection(&help_arena, 1), *got;

	list->collection->literals[0] = structured("{\"name\":\"a\"}");
	got = renewed(list, type, false);
	got = got->collection->literals[0]->scalar->union_->value;
	gives(got, TYPED, "{\"name\":\"a\",\"n\":7,\"u\":null}");
}

TEST(what_does_not_fit_is_an_error)
{
	struct literal_renewal how = {0};
	Literal *got;

	CHECK_ERR(literal_renew(packed("{\"name\":1}"), type_json(TYPED), &how, &help_arena, &got,
				&help_err),
		  ERR_MISMATCH, help_err, "name: expected string, got integer 1");
}

/* A list of many that each miss a long field. */
TEST(defaults_may_not_make_much_of_little)
{
	enum { LONG = 1 << 20, MANY = 80 };
	struct buf type = BUF_INIT, text = BUF_INIT;
	struct literal_renewal how = {0};
	Literal *got;

	buf_puts(&type, "{\"simple\":\"STRUCT\",\"metadata\":{\"type\":\"object\",\"properties\":{"
			"\"all\":{\"type\":\"array\",\"items\":{\"type\":\"object\","
			"\"additionalProperties\":false,\"properties\":{\"s\":{\"type\":\"string\","
			"\"default\":\"");
	for (int i = 0; i < LONG; i++)
		buf_putc(&type, 'x');
	buf_puts(&type, "\"}}}}}}}");
	buf_puts(&text, "{\"all\":[{}");
	for (int i = 1; i < MANY; i++)
		buf_puts(&text, ",{}");
	buf_puts(&text, "]}");
	CHECK_ERR(literal_renew(packed(text.data), type_json(type.data), &how, &help_arena, &got,
				&help_err),
		  ERR_MISMATCH, help_err, "defaults");
	buf_done(&type);
	buf_done(&text);
}
