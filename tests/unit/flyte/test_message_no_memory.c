/* Each allocation of decoding, encoding and JSON fails once: a clean error, nothing leaked. */
#include "desc_table.h"
#include "lib/fail_alloc.h"
#include "lib/test.h"

#include "base/mem.h"
#include "flyte/message.h"
#include "flyte/pbjson.h"

#define LITERAL_MAP MESSAGE_DESC(flyteidl__core__literal_map)

static const char text[] =
	"{\"literals\":{\"a\":{\"collection\":{\"literals\":[{\"scalar\":{\"primitive\":{"
	"\"integer\":"
	"\"1\"}}},{\"scalar\":{\"primitive\":{\"datetime\":\"2024-01-01T00:00:00Z\"}}}]}},\"b\":{"
	"\"scalar\":{\"binary\":{\"value\":\"AAEC\",\"tag\":\"msgpack\"}},\"metadata\":{\"k\":"
	"\"v\"}},"
	"\"c\":{\"scalar\":{\"generic\":{\"x\":[1,12345678901234567890,null,{\"y\":\"z\"}]}}}}}";

static struct str whole(const struct buf *b)
{
	return (struct str){b->data, b->len};
}

/* Runs `step` with the first allocation failing, then the second, until it runs untouched. */
static void everywhere(int (*step)(void *), void *arg, long at_least)
{
	for (long n = 0;; n++) {
		int r;

		alloc_fail_after(n);
		r = step(arg);
		if (!alloc_stop_failing()) {
			CHECK_INT(r, 0);
			CHECK(n >= at_least);
			return;
		}
		CHECK_INT(r, ERR_NOMEM);
	}
}

static int step_parse(void *arg)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	struct error err = ERROR_INIT;

	(void)arg;
	return pbjson_parse(LITERAL_MAP, str_of(text), "test", &out, &err);
}

static int step_print(void *wire)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	struct error err = ERROR_INIT;

	return pbjson_print(LITERAL_MAP, whole(wire), 2, &out, &err);
}

static int step_recode(void *wire)
{
	_cleanup_(arena_done) struct arena arena = ARENA_INIT;
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	struct error err = ERROR_INIT;
	void *m;
	int r = message_decode(LITERAL_MAP, whole(wire), NULL, &arena, &m, &err);

	return r < 0 ? r : message_encode(m, &out, &err);
}

/* A message that has all there is to repair: split, keys out of order, values missing. */
static void put_odd(struct buf *out)
{
	struct error err = ERROR_INIT;

	CHECK_OK(pbjson_parse(LITERAL_MAP, str_of(text), "test", out, &err), err);
	wire_put_bytes(out, 1, ((struct str){"\x0a\x01z\x12\x02\x0a\x00\x12\x02\x0a\x00", 11}));
	wire_put_bytes(out, 1, ((struct str){"\x0a\x01\x61", 3}));
	for (int i = 0; i < 2000; i++)
		wire_put_bytes(out, 1, STR_NULL);
}

TEST(parsing_json)
{
	everywhere(step_parse, NULL, 30);
}

TEST(printing_json)
{
	_cleanup_(buf_done) struct buf wire = BUF_INIT;

	put_odd(&wire);
	everywhere(step_print, &wire, 10);
}

TEST(decoding_and_encoding)
{
	_cleanup_(buf_done) struct buf wire = BUF_INIT;

	put_odd(&wire);
	everywhere(step_recode, &wire, 10);
}

/* The error has its path with memory, and still says what is wrong without. */
TEST(telling_of_a_fault)
{
	struct str bad = {"\x0a\x08\x0a\x01k\x12\x03\x22\x01\xff", 10};

	for (long n = 0;; n++) {
		struct error err = ERROR_INIT;
		int r;

		alloc_fail_after(n);
		r = wire_check(LITERAL_MAP, bad, NULL, NULL, &err);
		CHECK_INT(r, ERR_INVALID);
		CHECK(strstr(err.message, "not UTF-8"));
		if (!alloc_stop_failing())
			break;
	}
}

TEST(suggesting_a_name)
{
	for (long n = 0;; n++) {
		alloc_fail_after(n);
		message_desc_suggest(STR("LiteralMpa"));
		if (!alloc_stop_failing())
			break;
	}
	CHECK_STR(message_desc_suggest(STR("LiteralMpa")), "flyteidl.core.LiteralMap");
}
