/* A value in the human form that is read fits its type, prints, and what is printed reads as the
 * same value; unions apart, whose variant the print does not name. The first byte chooses the type
 * and whether the rest is JSON or the text of a command line. */
#include "fuzz.h"

#include "base/mem.h"
#include "flyte/document.h"
#include "flyte/human.h"

#define V(t, g)  "{\"simple\":\"" t "\",\"structure\":{\"tag\":\"" g "\"}}"
#define LIST(t)  "{\"collectionType\":" t "}"
#define MAP(t)   "{\"mapValueType\":" t "}"
#define UNION(v) "{\"unionType\":{\"variants\":[" v "]}}"
#define FIELDS                                                                                     \
	"\"structure\":{\"dataclassType\":{\"f\":{\"simple\":\"FLOAT\"},\"i\":{\"simple\":"        \
	"\"INTEGER\"},"                                                                            \
	"\"d\":{\"simple\":\"DATETIME\"},\"t\":{\"simple\":\"DURATION\"},\"l\":" LIST(             \
		"{\"simple\":\"STRING\"}") ",\"o\":" UNION(V("INTEGER", "int") "," V("NONE",       \
										     "none")) "}}"
#define SCHEMA                                                                                     \
	"\"metadata\":{\"type\":\"object\",\"required\":[\"i\"],\"additionalProperties\":false,"   \
	"\"properties\":{\"i\":{\"type\":\"integer\"},\"f\":{\"type\":\"number\"},\"n\":{"         \
	"\"anyOf\":["                                                                              \
	"{\"$ref\":\"#\"},{\"type\":\"null\"}]},\"l\":{\"type\":\"array\",\"items\":{\"type\":"    \
	"\"string\"}}}}"

static const char *const types[] = {
	"{\"simple\":\"NONE\"}",
	"{\"simple\":\"INTEGER\"}",
	"{\"simple\":\"FLOAT\"}",
	"{\"simple\":\"STRING\"}",
	"{\"simple\":\"BOOLEAN\"}",
	"{\"simple\":\"DATETIME\"}",
	"{\"simple\":\"DURATION\"}",
	"{\"simple\":\"BINARY\"}",
	"{\"simple\":\"ERROR\"}",
	"{\"simple\":\"STRUCT\"}",
	"{\"simple\":\"STRUCT\"," FIELDS "}",
	"{\"simple\":\"STRUCT\"," SCHEMA "}",
	"{\"simple\":\"STRUCT\"," SCHEMA "," FIELDS "}",
	"{\"enumType\":{\"values\":[\"red\",\"green\",\"blue\"]}}",
	"{\"blob\":{}}",
	"{\"blob\":{\"format\":\"csv\",\"dimensionality\":\"MULTIPART\"}}",
	"{\"schema\":{\"columns\":[{\"name\":\"x\"}]}}",
	"{\"structuredDatasetType\":{}}",
	"{\"structuredDatasetType\":{\"format\":\"csv\"}}",
	LIST("{\"simple\":\"INTEGER\"}"),
	LIST(LIST("{\"simple\":\"FLOAT\"}")),
	MAP("{\"simple\":\"STRING\"}"),
	MAP(LIST("{\"simple\":\"DURATION\"}")),
	LIST("{\"simple\":\"STRUCT\"," FIELDS "}"),
	UNION(V("INTEGER", "int") "," V("NONE", "none")),
	UNION(V("INTEGER", "int") "," V("FLOAT", "float") "," V("STRING", "str")),
	UNION(LIST("{\"simple\":\"INTEGER\"}") "," LIST("{\"simple\":\"STRING\"}")),
	UNION("{\"simple\":\"STRUCT\"," SCHEMA "}"
	      "," MAP("{\"simple\":\"FLOAT\"}")),
	UNION(UNION(V("INTEGER", "int") "," V("STRING", "str")) "," V("NONE", "none")),
	MAP(UNION("{\"enumType\":{\"values\":[\"a\"]}}"
		  "," V("STRING", "str"))),
	"{}",
};

static struct arena type_arena;
static LiteralType *parsed[ARRAY_LEN(types)];

static const LiteralType *type_at(size_t i)
{
	struct error err = ERROR_INIT;

	if (!parsed[i])
		FUZZ_OK(literal_type_from_json(str_of(types[i]), "type", &type_arena, &parsed[i],
					       &err),
			err);
	return parsed[i];
}

static int read_json(struct str text,
		     const LiteralType *type,
		     struct arena *arena,
		     Literal **ret,
		     struct error *err)
{
	json_t *j;
	int r = json_parse(text, "input", &j, err);

	if (r == 0) {
		r = human_to_literal(j, type, "input", NULL, arena, ret, err);
		json_decref(j);
	}
	return r;
}

/* Written, these repeat the declared format or columns. */
static bool declares_anew(const LiteralType *type)
{
	return type->type_case == FLYTEIDL__CORE__LITERAL_TYPE__TYPE_BLOB ||
	       type->type_case == FLYTEIDL__CORE__LITERAL_TYPE__TYPE_SCHEMA;
}

static void
check(const Literal *lit, const LiteralType *type, bool printed_is_whole, struct arena *arena)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	_cleanup_(buf_done) struct buf wire = BUF_INIT;
	struct jw w = JW_INIT(&text, 0);
	struct error err = ERROR_INIT;
	Literal *again;

	FUZZ_OK(literal_convert(lit, type, LITERAL_WRITE, arena, &again, &err), err);
	FUZZ_CHECK(declares_anew(type) || literal_equal(lit, again));
	FUZZ_OK(literal_convert(lit, type, LITERAL_READ, arena, &again, &err), err);
	FUZZ_CHECK(literal_equal(lit, again));
	FUZZ_OK(message_encode(&lit->base, &wire, &err), err);
	FUZZ_OK(human_print(lit, type, &w, &err), err);
	if (!printed_is_whole)
		return;
	FUZZ_OK(read_json((struct str){text.data, text.len}, type, arena, &again, &err), err);
	FUZZ_CHECK(literal_equal(lit, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = ERROR_INIT;
	struct arena arena;
	Literal *lit;
	struct str rest;
	size_t i;
	int r;

	if (size == 0)
		return 0;
	i = (data[0] & 0x7f) % ARRAY_LEN(types);
	rest = (struct str){(const char *)data + 1, size - 1};
	arena_init(&arena, (size_t)256 << 20);
	if (data[0] & 0x80)
		r = human_text_to_literal(rest, type_at(i), "input", NULL, &arena, &lit, &err);
	else
		r = read_json(rest, type_at(i), &arena, &lit, &err);
	if (r < 0)
		FUZZ_TOLD(err);
	else
		check(lit, type_at(i), !strstr(types[i], "unionType"), &arena);
	arena_done(&arena);
	return 0;
}
