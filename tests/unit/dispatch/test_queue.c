#include "base/mem.h"
#include "dispatch/queue.h"
#include "lib/test.h"

static struct dispatch_config config;
static struct queue q;
static struct queue_item items[200];
static const char *held;

static bool ready(void *user, struct lane *lane, struct dispatch_hold *hold)
{
	(void)user;
	if (!held || !str_is(lane->plugin, held))
		return true;
	snprintf(hold->why, sizeof(hold->why), "plugin %s is quarantined", held);
	hold->until_ns = 50;
	return false;
}

static void begin(uint32_t slots, const struct dispatch_limit *limits, size_t n)
{
	config = dispatch_defaults();
	config.slots = slots;
	config.limits = limits;
	config.n_limits = n;
	held = NULL;
	memset(items, 0, sizeof(items));
	CHECK_INT(queue_init(&q, &config), 0);
}

static void add(size_t i, const char *plugin, const char *type, int priority, int64_t since)
{
	items[i].priority = priority;
	CHECK_INT(queue_join(&q, &items[i], str_of(plugin), str_of(type), false), 0);
	queue_add(&q, &items[i], since);
}

/* Index of whose turn it is, or -1. */
static int next(int64_t now)
{
	struct queue_item *i = queue_next(&q, now, ready, NULL);

	return i ? (int)(i - items) : -1;
}

TEST(first_in_first_out)
{
	begin(2, NULL, 0);
	add(0, "a", "t", 5, 1);
	add(1, "b", "t", 5, 2);
	add(2, "a", "t", 5, 3);
	CHECK_INT(next(3), 0);
	CHECK_INT(next(3), 1);
	CHECK_INT(next(3), -1); /* both slots are taken */
	queue_give_back(&q, &items[0]);
	CHECK_INT(next(3), 2);
	queue_done(&q);
}

TEST(priority_goes_first_and_age_counts)
{
	begin(10, NULL, 0);
	add(0, "a", "t", 0, 0);
	add(1, "a", "t", 9, 1);
	add(2, "b", "t", 9,
	    9 * config.aging_ns + 1); /* younger than nine steps of waiting are worth */
	CHECK_INT(next(2), 1);
	CHECK_INT(next(2), 0);
	CHECK_INT(next(2), 2);
	queue_done(&q);
}

TEST(limits_of_plugin_and_type)
{
	static const struct dispatch_limit limits[] = {{LIMIT_TYPE, {"slow", 4}, 1},
						       {LIMIT_PLUGIN, {"a", 1}, 2}};
	char why[200];

	begin(100, limits, ARRAY_LEN(limits));
	add(0, "a", "slow", 5, 0);
	add(1, "a", "slow", 5, 0);
	add(2, "a", "fast", 5, 0);
	add(3, "a", "fast", 5, 0);
	add(4, "b", "fast", 5, 1);
	CHECK_INT(next(1), 0);
	CHECK_INT(next(1), 2);
	CHECK_INT(next(1), 4);
	CHECK_INT(next(1), -1);
	CHECK(queue_why(&items[1], why, sizeof(why)));
	CHECK_STR(why, "type slow: 1 of 1 in use");
	CHECK(queue_why(&items[3], why, sizeof(why)));
	CHECK_STR(why, "plugin a: 2 of 2 in use");
	queue_give_back(&q, &items[0]);
	CHECK_INT(next(1), 1);
	CHECK_INT(next(1), -1);
	queue_give_back(&q, &items[2]);
	CHECK_INT(next(1), 3);
	queue_done(&q);
}

TEST(a_full_limit_does_not_keep_others_back)
{
	static const struct dispatch_limit limits[] = {{LIMIT_TYPE, {"slow", 4}, 0}};

	begin(1, limits, 1);
	for (size_t i = 0; i < 50; i++)
		add(i, "a", "slow", 9, 0);
	add(50, "a", "fast", 0, 5);
	CHECK_INT(next(5), 50);
	CHECK_INT(queue_set_limit(&q, LIMIT_TYPE, STR("slow"), 1), 0);
	queue_give_back(&q, &items[50]);
	CHECK_INT(next(5), 0);
	CHECK_INT(next(5), -1);
	queue_done(&q);
}

TEST(pending_runs_need_no_host_slot)
{
	begin(1, NULL, 0);
	add(0, "a", "t", 5, 0);
	CHECK_INT(next(0), 0);
	CHECK_INT(queue_join(&q, &items[1], STR("a"), STR("t"), true), 0);
	queue_add(&q, &items[1], 0);
	CHECK_INT(next(0), 1);
	CHECK_INT(q.host->used, 1);
	CHECK_INT(q.pending->used, 1);
	queue_done(&q);
}

static void add_pending(size_t i, const char *plugin, const char *type, int64_t since)
{
	CHECK_INT(queue_join(&q, &items[i], str_of(plugin), str_of(type), true), 0);
	queue_add(&q, &items[i], since);
}

TEST(one_plugin_never_has_all_slots_of_pending_runs)
{
	char why[200];

	begin(1, NULL, 0);
	CHECK_INT(queue_set_limit(&q, LIMIT_PENDING, STR_NULL, 20), 0);
	for (size_t i = 0; i < 30; i++) /* of two types */
		add_pending(i, "a", i % 2 ? "t" : "u", (int64_t)i);
	for (int i = 0; i < 18; i++)
		CHECK_INT(next(100), i);
	CHECK_INT(next(100), -1);
	CHECK(queue_why(&items[18], why, sizeof(why)));
	CHECK_STR(why, "pending runs of plugin a: 18 of 18 in use");
	for (size_t i = 30; i < 33; i++)
		add_pending(i, "b", "t", 200);
	CHECK_INT(next(200), 30);
	CHECK_INT(next(200), 31);
	CHECK_INT(next(200), -1); /* the last of all 20 */
	CHECK(queue_why(&items[32], why, sizeof(why)));
	CHECK_STR(why, "pending runs of this worker: 20 of 20 in use");
	queue_give_back(&q, &items[31]);
	CHECK_INT(next(200), 32); /* not the older one of a */
	queue_give_back(&q, &items[3]);
	CHECK_INT(next(200), 18);
	CHECK_INT(queue_set_limit(&q, LIMIT_PENDING, STR_NULL, 30), 0);
	for (int i = 19; i < 28; i++)
		CHECK_INT(next(200), i);
	CHECK_INT(next(200), -1); /* 27 of a, 2 of b */
	queue_done(&q);
}

TEST(held_lanes_are_asked_again_when_it_is_time)
{
	char why[200];

	begin(10, NULL, 0);
	held = "a";
	add(0, "a", "t", 9, 0);
	add(1, "b", "t", 0, 0);
	CHECK_INT(next(0), 1);
	CHECK_INT(next(0), -1);
	CHECK(queue_why(&items[0], why, sizeof(why)));
	CHECK_STR(why, "plugin a is quarantined");
	CHECK_INT(queue_next_ask(&q), 50);
	held = NULL;
	CHECK_INT(next(49), -1);
	CHECK_INT(next(50), 0);
	held = "a";
	add(2, "a", "t", 9, 60);
	CHECK_INT(next(60), -1);
	held = NULL;
	queue_release(&q, STR("other"));
	CHECK_INT(next(10), -1);
	queue_release(&q, STR("a"));
	CHECK_INT(next(10), 2);
	CHECK_INT(queue_next_ask(&q), INT64_MAX);
	queue_done(&q);
}

TEST(removed_items_are_not_served)
{
	begin(1, NULL, 0);
	add(0, "a", "t", 5, 0);
	add(1, "a", "t", 5, 0);
	add(2, "b", "t", 5, 0);
	CHECK_INT(next(0), 0);
	CHECK_INT(next(0), -1);
	queue_remove(&q, &items[1]); /* while its lane is stopped */
	queue_leave(&q, &items[1]);
	queue_give_back(&q, &items[0]);
	CHECK_INT(next(0), 2);
	queue_done(&q);
}

TEST(a_newcomer_with_priority_is_first_at_the_gate)
{
	begin(1, NULL, 0);
	add(0, "a", "t", 5, 0);
	CHECK_INT(next(0), 0);
	add(1, "b", "t", 0, 1);
	add(2, "c", "t", 0, 2);
	CHECK_INT(next(2), -1);
	add(3, "c", "t", 9, 3); /* its lane already stands stopped */
	queue_give_back(&q, &items[0]);
	CHECK_INT(next(3), 3);
	queue_done(&q);
}

TEST(positions_follow_the_order_of_service)
{
	begin(0, NULL, 0);
	add(0, "a", "t", 0, 0);
	add(1, "a", "t", 9, 1);
	add(2, "a", "t", 0, 2);
	CHECK_INT(queue_position(&q, &items[1], 3), 1);
	CHECK_INT(queue_position(&q, &items[0], 3), 2);
	CHECK_INT(queue_position(&q, &items[2], 3), 3);
	queue_done(&q);
}

TEST(slot_at_once_only_when_nobody_waits)
{
	begin(1, NULL, 0);
	CHECK_INT(queue_join(&q, &items[0], STR("a"), STR("t"), false), 0);
	CHECK(queue_take_now(&q, &items[0]));
	CHECK_INT(queue_join(&q, &items[1], STR("a"), STR("t"), false), 0);
	CHECK(!queue_take_now(&q, &items[1]));
	add(2, "b", "t", 5, 0);
	CHECK_INT(next(0), -1);
	queue_give_back(&q, &items[0]);
	CHECK(!queue_take_now(&q, &items[1])); /* it is the other one's turn */
	CHECK_INT(next(0), 2);
	queue_done(&q);
}
