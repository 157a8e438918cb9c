#include "base/digest.h"
#include "dispatch/key.h"
#include "lib/test.h"

static const struct key_parts base = {
	.node = STR("p:d:exec/n0"),
	.retry_attempt = 1,
	.output_prefix = STR("s3://b/o"),
	.type = STR("echo"),
	.type_version = 0,
};

static bool same(struct key_parts a, struct key_parts b)
{
	uint8_t x[STORE_KEY_SIZE], y[STORE_KEY_SIZE];

	CHECK_INT(key_make(&a, x), 0);
	CHECK_INT(key_make(&b, y), 0);
	return memcmp(x, y, sizeof(x)) == 0;
}

TEST(every_part_counts)
{
	struct key_parts p = base;

	CHECK(same(base, p));
	p.node = STR("p:d:exec/n1");
	CHECK(!same(base, p));
	p = base;
	p.retry_attempt = 2;
	CHECK(!same(base, p));
	p = base;
	p.output_prefix = STR("s3://b/o2");
	CHECK(!same(base, p));
	p = base;
	p.type = STR("echo_sync");
	CHECK(!same(base, p));
	p = base;
	p.type_version = 1;
	CHECK(!same(base, p));
}

TEST(parts_do_not_run_into_each_other)
{
	struct key_parts a = base, b = base;

	a.output_prefix = STR("ab");
	a.type = STR("c");
	b.output_prefix = STR("a");
	b.type = STR("bc");
	CHECK(!same(a, b));
}

/* Keys are in rows and in what Flyte holds: they may never change. */
TEST(golden_text)
{
	char hex[2 * STORE_KEY_SIZE + 1];
	uint8_t key[STORE_KEY_SIZE];

	CHECK_INT(key_make(&base, key), 0);
	hex_encode(key, sizeof(key), hex);
	CHECK_STR(hex, "c854382d8f3591d6e25bcc3c7d43a56b");
}
