/* Each allocation of the type engine fails once: a clean error, nothing leaked. */
#include "lib/fail_alloc.h"
#include "literal_help.h"

#include "flyte/msgpack.h"
#include "flyte/value.h"

#define V(t, g) "{\"simple\":\"" t "\",\"structure\":{\"tag\":\"" g "\"}}"

static const char rich_type[] =
	"{\"mapValueType\":{\"collectionType\":{\"unionType\":{\"variants\":[" V(
		"INTEGER", "int") "," V("DATETIME", "datetime") "," V("NONE", "none") "]}}}}";
static const char rich_json[] = "{\"b\":[1,null,\"2024-01-02T03:04:05Z\"],\"a\":[]}";

static const char struct_type[] =
	"{\"simple\":\"STRUCT\",\"metadata\":{\"required\":[\"f\"],\"properties\":{}},"
	"\"structure\":{"
	"\"dataclassType\":{\"f\":{\"simple\":\"FLOAT\"},\"l\":{\"collectionType\":{\"simple\":"
	"\"STRING\"}}}}}";
static const char struct_json[] = "{\"f\":1,\"l\":[\"a\",\"b\"],\"m\":{\"k\":null}}";

struct step_arg {
	const LiteralType *type;
	const Literal *lit;
	const json_t *json;
	enum literal_direction direction;
};

/* Runs `step` with the first allocation failing, then the second, until it runs untouched. */
static void everywhere(int (*step)(const struct step_arg *, struct arena *, struct error *),
		       const struct step_arg *arg,
		       int want)
{
	for (long n = 0;; n++) {
		struct arena arena;
		struct error err = ERROR_INIT;
		int r;

		arena_init(&arena, 0);
		alloc_fail_after(n);
		r = step(arg, &arena, &err);
		if (!alloc_stop_failing()) {
			arena_done(&arena);
			CHECK_INT(r, want);
			CHECK(n > 0);
			return;
		}
		arena_done(&arena);
		/* A sentence may lose its path for want of memory; the verdict stays. */
		if (want == 0 || r != want)
			CHECK_INT(r, ERR_NOMEM);
	}
}

static json_t *parsed(const char *text)
{
	json_t *j;

	CHECK_OK(json_parse(str_of(text), "test", &j, &help_err), help_err);
	return j;
}

static int step_read(const struct step_arg *a, struct arena *arena, struct error *err)
{
	Literal *lit;

	return human_to_literal(a->json, a->type, "x", NULL, arena, &lit, err);
}

TEST(human_to_literal)
{
	json_t *rich = parsed(rich_json), *st = parsed(struct_json);

	everywhere(step_read, &(struct step_arg){.type = type_json(rich_type), .json = rich}, 0);
	everywhere(step_read, &(struct step_arg){.type = type_json(struct_type), .json = st}, 0);
	everywhere(step_read, &(struct step_arg){.type = type_json(struct_type), .json = rich},
		   ERR_MISMATCH);
	json_decref(rich);
	json_decref(st);
}

static int step_text(const struct step_arg *a, struct arena *arena, struct error *err)
{
	Literal *lit;

	return human_text_to_literal(STR("2.5"), a->type, "x", NULL, arena, &lit, err);
}

TEST(human_text)
{
	everywhere(step_text,
		   &(struct step_arg){.type = type_json("{\"unionType\":{\"variants\":[" V(
					      "STRING", "str") "," V("NONE", "none") "]}}")},
		   0);
	everywhere(step_text, &(struct step_arg){.type = type_json(V("INTEGER", "int"))},
		   ERR_MISMATCH);
}

static int step_print(const struct step_arg *a, struct arena *arena, struct error *err)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	struct jw w = JW_INIT(&out, 2);

	(void)arena;
	return human_print(a->lit, a->type, &w, err);
}

static Literal *made(const char *json, const char *type)
{
	Literal *lit;

	CHECK_OK(human_json(json, type_json(type), "x", &lit), help_err);
	return lit;
}

TEST(human_print)
{
	Literal *rich = made(rich_json, rich_type);
	LiteralMap *m = rich->map;

	everywhere(step_print, &(struct step_arg){.lit = made(struct_json, struct_type)}, 0);
	CHECK_STR(m->literals[0]->key, "b"); /* so that printing has to sort */
	everywhere(step_print, &(struct step_arg){.lit = rich}, 0);
}

static int step_convert(const struct step_arg *a, struct arena *arena, struct error *err)
{
	Literal *lit;

	return literal_convert(a->lit, a->type, a->direction, arena, &lit, err);
}

TEST(literal_convert)
{
	LiteralType *rich = type_json(rich_type), *st = type_json(struct_type);
	Literal *bare = literal_json(
		"{\"map\":{\"literals\":{\"a\":{\"collection\":{\"literals\":[{\"scalar\":{"
		"\"primitive\":{\"integer\":\"1\"}}},{\"scalar\":{\"noneType\":{}}}]}}}}}");
	Literal *packed = literal_new_binary(&help_arena, unhex("81a1619201c0"), STR("msgpack"));

	everywhere(step_convert, &(struct step_arg){rich, bare, NULL, LITERAL_WRITE}, 0);
	everywhere(step_convert, &(struct step_arg){rich, packed, NULL, LITERAL_READ}, 0);
	everywhere(step_convert, &(struct step_arg){rich, packed, NULL, LITERAL_WRITE},
		   ERR_MISMATCH);
	everywhere(step_convert, &(struct step_arg){st, packed, NULL, LITERAL_READ}, ERR_MISMATCH);
	everywhere(step_convert,
		   &(struct step_arg){st, made(struct_json, struct_type), NULL, LITERAL_WRITE}, 0);
}

static int step_renew(const struct step_arg *a, struct arena *arena, struct error *err)
{
	struct literal_renewal how = {.old_form = a->direction == LITERAL_WRITE};
	Literal *got;

	return literal_renew(a->lit, a->type, &how, arena, &got, err);
}

TEST(literal_renew)
{
	LiteralType *st = type_json(struct_type), *dict = type_json("{\"simple\":\"STRUCT\"}");
	Literal *packed = made(struct_json, struct_type);
	Literal *generic = literal_json("{\"scalar\":{\"generic\":{\"f\":1,\"l\":[\"a\"]}}}");

	everywhere(step_renew, &(struct step_arg){st, packed, NULL, LITERAL_READ}, 0);
	everywhere(step_renew, &(struct step_arg){st, packed, NULL, LITERAL_WRITE}, 0);
	everywhere(step_renew, &(struct step_arg){dict, packed, NULL, LITERAL_WRITE}, 0);
	everywhere(step_renew, &(struct step_arg){st, generic, NULL, LITERAL_READ}, 0);
}

static int step_type_of(const struct step_arg *a, struct arena *arena, struct error *err)
{
	(void)err;
	return literal_type_of(a->lit, arena) ? 0 : ERR_NOMEM;
}

TEST(literal_type_of)
{
	everywhere(step_type_of, &(struct step_arg){.lit = made(rich_json, rich_type)}, 0);
}

static int step_msgpack(const struct step_arg *a, struct arena *arena, struct error *err)
{
	_cleanup_(buf_done) struct buf packed = BUF_INIT;
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	int r = msgpack_from_json(a->json, a->type, &packed, err);

	(void)arena;
	return r < 0 ? r : msgpack_to_json((struct str){packed.data, packed.len}, &text, err);
}

static int step_struct(const struct step_arg *a, struct arena *arena, struct error *err)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	Google__Protobuf__Struct *s;
	int r = struct_from_json(a->json, a->type, arena, &s, err);

	return r < 0 ? r : struct_to_json(s, &text, err);
}

TEST(msgpack_and_struct)
{
	json_t *j = parsed(struct_json);

	everywhere(step_msgpack, &(struct step_arg){.json = j, .type = type_json(struct_type)}, 0);
	everywhere(step_struct, &(struct step_arg){.json = j}, 0);
	json_decref(j);
}

static int step_document(const struct step_arg *a, struct arena *arena, struct error *err)
{
	struct failure f = {.code = STR("C"), .text = STR("t"), .trace = STR("a\nb\n")};
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	TaskTemplate *t;
	LiteralType *type;
	int r = failure_encode(&f, &out, err);

	(void)a;
	if (r == 0)
		r = task_template_decode(STR("\x12\x01z"), "t", arena, &t, err);
	return r < 0 ? r : literal_type_from_json(str_of(rich_type), "type", arena, &type, err);
}

TEST(documents)
{
	everywhere(step_document, NULL, 0);
}
