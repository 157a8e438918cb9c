/* A msgpack document that is read prints as JSON, packs to a document that prints the same, and is
 * read as literals of any type without harm. */
#include "fuzz.h"

#include "base/mem.h"
#include "flyte/document.h"
#include "flyte/human.h"
#include "flyte/msgpack.h"
#include "flyte/msgpack_write.h"
#include "flyte/value.h"

#define OPTIONAL_INT                                                                               \
	"{\"unionType\":{\"variants\":[{\"simple\":\"INTEGER\"},{\"simple\":\"NONE\"}]}}"

static const char *const types[] = {
	"{\"simple\":\"INTEGER\"}",
	"{\"simple\":\"STRING\"}",
	"{\"simple\":\"DATETIME\"}",
	"{\"simple\":\"DURATION\"}",
	"{\"simple\":\"STRUCT\",\"structure\":{\"dataclassType\":{\"x\":{\"simple\":\"INTEGER\"},"
	"\"y\":{\"simple\":\"FLOAT\"},\"name\":{\"simple\":\"STRING\"},\"opt\":" OPTIONAL_INT "}}}",
	"{\"simple\":\"STRUCT\",\"metadata\":{\"properties\":{\"a\":{\"anyOf\":[{\"$ref\":\"#\"},{"
	"\"type\":\"integer\"}]}}}}",
	"{\"collectionType\":" OPTIONAL_INT "}",
	"{\"mapValueType\":{\"collectionType\":{\"simple\":\"FLOAT\"}}}",
	"{\"mapValueType\":{\"simple\":\"STRUCT\"}}",
	"{\"collectionType\":{\"blob\":{}}}",
	"{\"mapValueType\":{\"unionType\":{\"variants\":[{\"simple\":\"INTEGER\"},{\"simple\":"
	"\"FLOAT\"},{\"simple\":\"STRING\"},{\"collectionType\":{\"simple\":\"STRUCT\"}}]}}}",
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

static void check_packing(struct value v, const struct buf *json)
{
	_cleanup_(buf_done) struct buf packed = BUF_INIT;
	_cleanup_(buf_done) struct buf again = BUF_INIT;
	struct error err = ERROR_INIT;

	FUZZ_OK(msgpack_pack_value(v, &packed, &err), err);
	FUZZ_OK(msgpack_to_json((struct str){packed.data, packed.len}, &again, &err), err);
	FUZZ_CHECK(json->len == again.len && memcmp(json->data, again.data, again.len) == 0);
}

static void check_literal(const Literal *packed, const LiteralType *type, struct arena *arena)
{
	_cleanup_(buf_done) struct buf wire = BUF_INIT;
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	struct jw w = JW_INIT(&text, 0);
	struct error err = ERROR_INIT;
	Literal *lit, *again;

	if (literal_convert(packed, type, LITERAL_READ, arena, &lit, &err) < 0) {
		FUZZ_TOLD(err);
		return;
	}
	FUZZ_OK(message_encode(&lit->base, &wire, &err), err);
	if (human_print(lit, type, &w, &err) < 0)
		FUZZ_TOLD(err);
	FUZZ_OK(literal_convert(lit, type, LITERAL_READ, arena, &again, &err), err);
	FUZZ_CHECK(literal_equal(lit, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(buf_done) struct buf json = BUF_INIT;
	struct str bytes = {(const char *)data, size};
	struct error err = ERROR_INIT;
	struct arena arena;
	Literal *packed;
	struct value v;

	arena_init(&arena, ((size_t)64 << 20) + size * 1024);
	v = value_of_msgpack(bytes, &arena, &err);
	if (v.source == VALUE_OF_NOTHING) {
		FUZZ_TOLD(err);
		FUZZ_CHECK(msgpack_to_json(bytes, &json, &err) < 0);
	} else {
		FUZZ_OK(msgpack_to_json(bytes, &json, &err), err);
		FUZZ_CHECK(utf8_valid(json.data, json.len, NULL));
		check_packing(v, &json);
	}
	packed = literal_new_binary(&arena, bytes, STR("msgpack"));
	FUZZ_CHECK(packed != NULL);
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		check_literal(packed, type_at(i), &arena);
	arena_done(&arena);
	return 0;
}
