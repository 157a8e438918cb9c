#include "desc_table.h"
#include "lib/test.h"

#include "base/file.h"
#include "base/mem.h"
#include "flyte/message.h"
#include "flyte/pbjson.h"
#include "flyteidl/core/literals.pb-c.h"
#include "flyteidl/core/tasks.pb-c.h"

#include <jansson.h>
#include <stdlib.h>

#define LITERAL     MESSAGE_DESC(flyteidl__core__literal)
#define LITERAL_MAP MESSAGE_DESC(flyteidl__core__literal_map)
#define BYTES(s)    ((struct str){s, sizeof(s) - 1})

static struct str whole(const struct buf *b)
{
	return (struct str){b->data, b->len};
}

/* The wire form of JSON text, which is easier to read than bytes. */
static struct str from_json(const struct message_desc *type, const char *text, struct buf *out)
{
	struct error err = ERROR_INIT;

	CHECK_OK(pbjson_parse(type, str_of(text), "test", out, &err), err);
	return whole(out);
}

static void *decode(const struct message_desc *type, struct str wire, struct arena *arena)
{
	struct error err = ERROR_INIT;
	void *m = NULL;

	CHECK_OK(message_decode(type, wire, NULL, arena, &m, &err), err);
	return m;
}

/* A chain of `n` literals, each the only element of the one before: 2 * (n - 1) levels. */
static Flyteidl__Core__Literal *chain(struct arena *arena, int n)
{
	Flyteidl__Core__Literal *inner = NULL;

	while (n-- > 0) {
		Flyteidl__Core__Literal *l = arena_alloc(arena, sizeof(*l));
		Flyteidl__Core__LiteralCollection *c = arena_alloc(arena, sizeof(*c));

		flyteidl__core__literal__init(l);
		flyteidl__core__literal_collection__init(c);
		if (inner) {
			c->n_literals = 1;
			c->literals = arena_memdup(arena, &inner, sizeof(inner));
			l->value_case = FLYTEIDL__CORE__LITERAL__VALUE_COLLECTION;
			l->collection = c;
		}
		inner = l;
	}
	return inner;
}

TEST(decodes_values)
{
	_cleanup_(arena_done) struct arena arena = ARENA_INIT;
	_cleanup_(buf_done) struct buf wire = BUF_INIT;
	Flyteidl__Core__LiteralMap *m = decode(
		LITERAL_MAP,
		from_json(
			LITERAL_MAP,
			"{\"literals\":{\"a\":{\"scalar\":{\"primitive\":{\"integer\":\"-5\"}}}}}",
			&wire),
		&arena);

	CHECK_INT(m->n_literals, 1);
	CHECK_STR(m->literals[0]->key, "a");
	CHECK_INT(m->literals[0]->value->scalar->primitive->integer, -5);
}

TEST(last_of_equal_keys_counts)
{
	_cleanup_(arena_done) struct arena arena = ARENA_INIT;
	Flyteidl__Core__LiteralMap *m = decode(LITERAL_MAP,
					       BYTES("\x0a\x08\x0a\x01"
						     "a\x12\x03\x22\x01"
						     "1\x0a\x08\x0a\x01"
						     "b\x12\x03\x22\x01"
						     "2\x0a\x08\x0a\x01"
						     "a\x12\x03\x22\x01"
						     "3"),
					       &arena);

	CHECK_INT(m->n_literals, 2);
	CHECK_STR(m->literals[0]->key, "b");
	CHECK_STR(m->literals[1]->key, "a");
	CHECK_STR(m->literals[1]->value->hash, "3");
}

TEST(last_of_many_equal_keys)
{
	_cleanup_(arena_done) struct arena arena = ARENA_INIT;
	_cleanup_(buf_done) struct buf wire = BUF_INIT;
	Flyteidl__Core__LiteralMap *m;

	for (int i = 0; i < 30000; i++) {
		size_t entry = wire_begin(&wire, 1), value;
		char text[16];

		snprintf(text, sizeof(text), "k%d", (i * 7919) % 10000);
		wire_put_bytes(&wire, 1, str_of(text));
		value = wire_begin(&wire, 2);
		snprintf(text, sizeof(text), "%d", i);
		wire_put_bytes(&wire, 4, str_of(text));
		wire_end(&wire, value);
		wire_end(&wire, entry);
	}
	m = decode(LITERAL_MAP, whole(&wire), &arena);
	CHECK_INT(m->n_literals, 10000);
	for (size_t i = 0; i < m->n_literals; i++)
		CHECK(atoi(m->literals[i]->value->hash) >= 20000);
}

TEST(entries_without_key_or_value)
{
	_cleanup_(arena_done) struct arena arena = ARENA_INIT;
	Flyteidl__Core__LiteralMap *m =
		decode(LITERAL_MAP, BYTES("\x0a\x03\x0a\x01z\x0a\x00"), &arena);

	CHECK_INT(m->n_literals, 2);
	CHECK_STR(m->literals[0]->key, "z");
	CHECK(m->literals[0]->value && m->literals[0]->value->value_case == 0);
	CHECK_STR(m->literals[1]->key, "");
	CHECK(m->literals[1]->value);
}

TEST(split_messages_are_merged)
{
	_cleanup_(arena_done) struct arena arena = ARENA_INIT;
	Flyteidl__Core__Literal *l;

	/* scalar{binary{value "v"}} and scalar{binary{tag "t"}} */
	l = decode(LITERAL, BYTES("\x0a\x05\x1a\x03\x0a\x01v\x0a\x05\x1a\x03\x12\x01t"), &arena);
	CHECK_STR(l->scalar->binary->tag, "t");
	CHECK_INT(l->scalar->binary->value.len, 1);
}

TEST(oneof_keeps_the_last_member)
{
	_cleanup_(arena_done) struct arena arena = ARENA_INIT;
	Flyteidl__Core__Literal *l = decode(LITERAL, BYTES("\x0a\x02\x2a\x00\x12\x00"), &arena);

	CHECK_INT(l->value_case, FLYTEIDL__CORE__LITERAL__VALUE_COLLECTION);
}

TEST(unknown_fields_survive)
{
	_cleanup_(arena_done) struct arena arena = ARENA_INIT;
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	struct str wire = BYTES("\x0a\x08\x2a\x00\x9a\x06\x03xyz\xf8\x07\x05\xfd\x07\1\2\3\4");
	struct error err = ERROR_INIT;

	CHECK_OK(message_encode(decode(LITERAL, wire, &arena), &out, &err), err);
	CHECK(str_eq(whole(&out), wire));
}

TEST(encoding_sorts_maps)
{
	_cleanup_(arena_done) struct arena arena = ARENA_INIT;
	_cleanup_(buf_done) struct buf a = BUF_INIT;
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	struct error err = ERROR_INIT;

	CHECK_OK(message_encode(decode(LITERAL_MAP,
				       BYTES("\x0a\x02\x0a\x00\x0a\x03\x0a\x01"
					     "b\x0a\x03\x0a\x01"
					     "a"),
				       &arena),
				&a, &err),
		 err);
	/* key and value are written even when empty, as protobuf's deterministic form does */
	CHECK(str_eq(whole(&a), BYTES("\x0a\x04\x0a\x00\x12\x00\x0a\x05\x0a\x01"
				      "a\x12\x00\x0a\x05\x0a\x01"
				      "b\x12\x00")));
	CHECK_OK(message_encode(decode(LITERAL_MAP, whole(&a), &arena), &b, &err), err);
	CHECK(str_eq(whole(&a), whole(&b)));
}

TEST(encoding_appends)
{
	_cleanup_(arena_done) struct arena arena = ARENA_INIT;
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	struct error err = ERROR_INIT;

	buf_puts(&out, "head");
	CHECK_OK(message_encode(decode(LITERAL, BYTES("\x12\x00"), &arena), &out, &err), err);
	CHECK(str_eq(whole(&out), BYTES("head\x12\x00")));
}

TEST(encoding_checks_depth)
{
	_cleanup_(arena_done) struct arena arena = ARENA_INIT;
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	struct error err = ERROR_INIT;

	CHECK_OK(message_encode(&chain(&arena, 51)->base, &out, &err), err);
	CHECK_OK(wire_check(LITERAL, whole(&out), NULL, NULL, &err), err);
	CHECK_ERR(message_encode(&chain(&arena, 52)->base, &out, &err), ERR_LIMIT, err,
		  "messages are nested more than 100 deep");
	CHECK_ERR(message_encode(&chain(&arena, 20000)->base, &out, &err), ERR_LIMIT, err,
		  "nested");
}

TEST(encoding_checks_text)
{
	_cleanup_(arena_done) struct arena arena = ARENA_INIT;
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	struct error err = ERROR_INIT;
	Flyteidl__Core__LiteralMap *m =
		decode(LITERAL_MAP, BYTES("\x0a\x08\x0a\x01k\x12\x03\x22\x01h"), &arena);
	char bad[] = "\xff";

	m->literals[0]->value->hash = bad;
	CHECK_ERR(message_encode(&m->base, &out, &err), ERR_INVALID, err,
		  "flyteidl.core.LiteralMap, field literals[\"k\"].hash: not UTF-8");
	m->literals[0]->key = bad;
	CHECK_ERR(message_encode(&m->base, &out, &err), ERR_INVALID, err,
		  "field literals[0].key: not UTF-8");
}

TEST(encoding_refuses_no_message)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	struct error err = ERROR_INIT;

	CHECK_ERR(message_encode(NULL, &out, &err), ERR_INVALID, err, "not a message");
}

TEST(null_pointers_are_absent)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	Flyteidl__Core__Literal l = FLYTEIDL__CORE__LITERAL__INIT;
	struct error err = ERROR_INIT;

	l.value_case = FLYTEIDL__CORE__LITERAL__VALUE_SCALAR;
	l.hash = NULL;
	CHECK_OK(message_encode(&l.base, &out, &err), err);
	CHECK_INT(out.len, 0);
}

TEST(equal_ignores_map_order)
{
	_cleanup_(arena_done) struct arena arena = ARENA_INIT;
	void *a = decode(LITERAL_MAP,
			 BYTES("\x0a\x08\x0a\x01"
			       "a\x12\x03\x22\x01"
			       "1\x0a\x08\x0a\x01"
			       "b\x12\x03\x22\x01"
			       "2"),
			 &arena);
	void *b = decode(LITERAL_MAP,
			 BYTES("\x0a\x08\x0a\x01"
			       "b\x12\x03\x22\x01"
			       "2\x0a\x08\x0a\x01"
			       "a\x12\x03\x22\x01"
			       "1"),
			 &arena);
	void *c = decode(LITERAL_MAP,
			 BYTES("\x0a\x08\x0a\x01"
			       "b\x12\x03\x22\x01"
			       "1\x0a\x08\x0a\x01"
			       "a\x12\x03\x22\x01"
			       "2"),
			 &arena);

	CHECK(message_equal(LITERAL_MAP, a, b));
	CHECK(!message_equal(LITERAL_MAP, a, c));
	CHECK(!message_equal(LITERAL_MAP, a, decode(LITERAL_MAP, STR_NULL, &arena)));
}

/* Entries n-1 to 0, or the other way round; `odd` has another value. */
static void *large_map(struct arena *arena, int n, bool backwards, int odd)
{
	_cleanup_(buf_done) struct buf wire = BUF_INIT;
	struct str whole;
	char *copy;

	for (int i = 0; i < n; i++) {
		int k = backwards ? n - 1 - i : i;

		buf_append(&wire, "\x0a\x0f\x0a\x08", 4);
		buf_printf(&wire, "%08d", k);
		buf_append(&wire, k == odd ? "\x12\x03\x22\x01y" : "\x12\x03\x22\x01x", 5);
	}
	CHECK(!wire.failed);
	copy = arena_alloc(arena, wire.len);
	CHECK(copy);
	memcpy(copy, wire.data, wire.len);
	whole = (struct str){copy, wire.len};
	return decode(LITERAL_MAP, whole, arena);
}

/* Comparing each with each would take very long. */
TEST(equal_maps_in_another_order_cost_little)
{
	enum { MANY = 100000 };
	_cleanup_(arena_done) struct arena arena = ARENA_INIT;
	void *a = large_map(&arena, MANY, false, -1);

	CHECK(message_equal(LITERAL_MAP, a, large_map(&arena, MANY, true, -1)));
	CHECK(!message_equal(LITERAL_MAP, a, large_map(&arena, MANY, true, 7)));
}

TEST(equal_tells_values_apart)
{
	static const char *const texts[] = {
		"{}",
		"{\"integer\":\"0\"}",
		"{\"integer\":\"1\"}",
		"{\"floatValue\":0}",
		"{\"floatValue\":-0.0}",
		"{\"floatValue\":\"NaN\"}",
		"{\"stringValue\":\"\"}",
		"{\"stringValue\":\"x\"}",
		"{\"boolean\":false}",
		"{\"boolean\":true}",
		"{\"datetime\":\"1970-01-01T00:00:00Z\"}",
		"{\"datetime\":\"1970-01-01T00:00:00.1Z\"}",
		"{\"duration\":\"0s\"}",
	};
	const struct message_desc *type = MESSAGE_DESC(flyteidl__core__primitive);
	_cleanup_(arena_done) struct arena arena = ARENA_INIT;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		for (size_t k = 0; k < ARRAY_LEN(texts); k++) {
			_cleanup_(buf_done) struct buf x = BUF_INIT;
			_cleanup_(buf_done) struct buf y = BUF_INIT;
			bool same = message_equal(
				type, decode(type, from_json(type, texts[i], &x), &arena),
				decode(type, from_json(type, texts[k], &y), &arena));

			if (same != (i == k))
				test_fail(__FILE__, __LINE__, "%s and %s", texts[i], texts[k]);
		}
}

TEST(equal_compares_unknown_fields)
{
	_cleanup_(arena_done) struct arena arena = ARENA_INIT;
	void *a = decode(LITERAL, BYTES("\xf8\x07\x05"), &arena);
	void *b = decode(LITERAL, BYTES("\xf8\x07\x06"), &arena);

	CHECK(message_equal(LITERAL, a, a));
	CHECK(!message_equal(LITERAL, a, b));
	CHECK(!message_equal(LITERAL, a, decode(LITERAL, STR_NULL, &arena)));
}

TEST(equal_ends_at_the_depth_limit)
{
	_cleanup_(arena_done) struct arena arena = ARENA_INIT;

	CHECK(message_equal(LITERAL, chain(&arena, 51), chain(&arena, 51)));
	CHECK(!message_equal(LITERAL, chain(&arena, 52), chain(&arena, 52)));
}

TEST(arena_limit_is_told)
{
	struct arena arena;
	_cleanup_(buf_done) struct buf wire = BUF_INIT;
	struct error err = ERROR_INIT;
	void *m;
	int r;

	for (int i = 0; i < 1000; i++)
		wire_put_bytes(&wire, 1, STR("some value"));
	arena_init(&arena, 4096);
	r = message_decode(MESSAGE_DESC(flyteidl__core__enum_type), whole(&wire), NULL, &arena, &m,
			   &err);
	arena_done(&arena);
	CHECK_INT(r, ERR_LIMIT);
	CHECK(strstr(err.message, "does not fit"));
}

/* ---- what flytekit wrote --------------------------------------------------------------------- */

static void fixtures(void (*with)(const struct message_desc *type, struct str wire), size_t max)
{
	struct error err = ERROR_INIT;
	json_t *manifest = json_load_file(test_golden("flytekit/manifest.json"), 0, NULL), *file;
	size_t i, n = 0;

	CHECK(manifest);
	json_array_foreach(json_object_get(manifest, "files"), i, file)
	{
		_cleanup_(buf_done) struct buf wire = BUF_INIT;
		const char *type = json_string_value(json_object_get(file, "message"));
		char path[512];

		if (!type)
			continue;
		snprintf(path, sizeof(path), "flytekit/%s",
			 json_string_value(json_object_get(file, "file")));
		CHECK_OK(file_read(test_golden(path), 1 << 26, &wire, &err), err);
		if (wire.len > max)
			continue;
		CHECK(message_desc_find(str_of(type)));
		with(message_desc_find(str_of(type)), whole(&wire));
		n++;
	}
	json_decref(manifest);
	CHECK(n > 300);
}

static void try(const struct message_desc *type, const char *bytes, size_t len)
{
	static struct arena arena;
	_cleanup_(freep) char *copy = malloc(len);
	_cleanup_(buf_done) struct buf again = BUF_INIT;
	struct error err = ERROR_INIT;
	void *m, *n;

	if (len > 0)
		memcpy(copy, bytes, len);
	arena_clear(&arena);
	if (message_decode(type, (struct str){copy, len}, NULL, &arena, &m, &err) < 0) {
		CHECK(err.message[0]);
		return;
	}
	CHECK_OK(message_encode(m, &again, &err), err);
	CHECK_OK(message_decode(type, whole(&again), NULL, &arena, &n, &err), err);
}

static void each_prefix(const struct message_desc *type, struct str wire)
{
	for (size_t len = 0; len <= wire.len; len++)
		try(type, wire.ptr, len);
}

static void each_flip(const struct message_desc *type, struct str wire)
{
	_cleanup_(freep) char *bytes = malloc(wire.len);
	size_t step = wire.len / 200 + 1; /* of large ones, some bits */

	memcpy(bytes, wire.ptr, wire.len);
	for (size_t bit = 0; bit < wire.len * 8; bit += step) {
		bytes[bit / 8] ^= (char)(1 << bit % 8);
		try(type, bytes, wire.len);
		bytes[bit / 8] ^= (char)(1 << bit % 8);
	}
}

static void recode(const struct message_desc *type, struct str wire)
{
	_cleanup_(arena_done) struct arena arena = ARENA_INIT;
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	struct error err = ERROR_INIT;
	void *m = decode(type, wire, &arena);

	CHECK_OK(message_encode(m, &out, &err), err);
	CHECK(message_equal(type, m, decode(type, whole(&out), &arena)));
}

TEST(fixtures_recode_equal)
{
	fixtures(recode, SIZE_MAX);
}

TEST(fixtures_cut_at_every_byte)
{
	fixtures(each_prefix, 4096);
}

TEST(fixtures_with_bits_flipped)
{
	fixtures(each_flip, 4096);
}
