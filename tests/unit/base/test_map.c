#include "lib/test.h"

#include "base/map.h"
#include "base/mem.h"

static void map_donep(struct map *m)
{
	map_done(m, NULL);
}

TEST(empty_map_has_nothing)
{
	_cleanup_(map_donep) struct map m = MAP_INIT;

	CHECK(!map_get(&m, STR("a")));
	map_foreach (&m, e)
		test_fail(__FILE__, __LINE__, "an entry %s", e->key);
}

TEST(put_replaces_and_tells_the_old_value)
{
	_cleanup_(map_donep) struct map m = MAP_INIT;
	int one = 1, two = 2;
	void *old = &one;

	CHECK_INT(map_put(&m, STR("k"), &one, &old), 0);
	CHECK(!old);
	CHECK_INT(map_put(&m, STR("k"), &two, &old), 0);
	CHECK(old == &one);
	CHECK(map_get(&m, STR("k")) == &two);
	CHECK_INT(m.len, 1);
}

TEST(order_of_insertion_is_kept)
{
	_cleanup_(map_donep) struct map m = MAP_INIT;
	static const char *const keys[] = {"zeta", "alpha", "mid", "beta"};
	size_t i = 0;

	for (size_t k = 0; k < ARRAY_LEN(keys); k++)
		CHECK_INT(map_put(&m, str_of(keys[k]), (void *)keys[k], NULL), 0);
	CHECK_INT(map_put(&m, STR("alpha"), (void *)keys[1], NULL), 0);
	map_foreach (&m, e) {
		CHECK_STR(e->key, keys[i]);
		i++;
	}
	CHECK_INT(i, 4);
}

TEST(keys_are_copied_and_may_hold_any_byte)
{
	_cleanup_(map_donep) struct map m = MAP_INIT;
	char key[] = "key";
	int a = 1, b = 2, c = 3, d = 4;

	CHECK_INT(map_put(&m, str_of(key), &a, NULL), 0);
	memset(key, 'x', 3);
	CHECK(map_get(&m, STR("key")) == &a);
	CHECK_INT(map_put(&m, STR("a"), &b, NULL), 0);
	CHECK_INT(map_put(&m, (struct str){"a\0", 2}, &c, NULL), 0);
	CHECK_INT(map_put(&m, STR_NULL, &d, NULL), 0);
	CHECK(map_get(&m, STR("a")) == &b);
	CHECK(map_get(&m, (struct str){"a\0", 2}) == &c);
	CHECK(map_get(&m, STR("")) == &d);
}

TEST(many_keys)
{
	_cleanup_(map_donep) struct map m = MAP_INIT;
	static int values[100000];
	char key[64];

	for (int i = 0; i < 100000; i++) {
		snprintf(key, sizeof(key), "package.module.task_%d", i);
		CHECK_INT(map_put(&m, str_of(key), &values[i], NULL), 0);
	}
	CHECK_INT(m.len, 100000);
	for (int i = 0; i < 100000; i++) {
		snprintf(key, sizeof(key), "package.module.task_%d", i);
		CHECK(map_get(&m, str_of(key)) == &values[i]);
	}
	CHECK(!map_get(&m, STR("package.module.task_100000")));
}

/* Keys alike in all but a few bytes must not fall on a few slots: the longest run of taken slots
 * stays short. */
TEST(similar_keys_spread)
{
	_cleanup_(map_donep) struct map m = MAP_INIT;
	size_t run = 0, longest = 0;
	int value;

	for (unsigned i = 0; i < 20000; i++) {
		char key[16] = "................";

		memcpy(key + i % 12, &i, sizeof(i));
		CHECK_INT(map_put(&m, (struct str){key, sizeof(key)}, &value, NULL), 0);
	}
	for (size_t i = 0; i < m.n_slots; i++) {
		run = m.slots[i] ? run + 1 : 0;
		longest = MAX(longest, run);
	}
	CHECK(longest < 100);
}

static int freed;

static void count_free(void *p)
{
	freed++;
	free(p);
}

TEST(done_frees_the_values)
{
	struct map m = MAP_INIT;

	CHECK_INT(map_put(&m, STR("a"), malloc(1), NULL), 0);
	CHECK_INT(map_put(&m, STR("b"), malloc(1), NULL), 0);
	map_done(&m, count_free);
	CHECK_INT(freed, 2);
	CHECK_INT(m.len, 0);
	CHECK(!map_get(&m, STR("a")));
}
