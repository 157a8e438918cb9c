/* The generations of runners that a catalog gives for a plugin. */
#include "catalog_bench.h"

#include "base/clock.h"

static struct error err;

static struct told {
	struct run run;
	bool done;
	enum run_how how;
} told;

static void on_done(struct run *run, const struct run_end *end)
{
	told.done = true;
	told.how = end->how;
	run_release(run);
}

static bool is_done(void)
{
	return told.done;
}

static bool is_gone(void)
{
	return bench_view("good").n_generations == 1;
}

static bool has_begun(void)
{
	struct runner_generation_status now;

	runner_generation_status(told.run.generation, &now);
	return now.running > 0;
}

static struct runner_generation *generation(const char *id, const struct runner_limits *limits)
{
	struct dispatch_hold hold = {.until_ns = 0};
	struct runner_generation *g = catalog_generation(bench.catalog, str_of(id), limits, &hold);

	if (!g)
		test_fail(__FILE__, __LINE__, "%s: %s", id, hold.why);
	return g;
}

static void start(struct runner_generation *g, const char *inputs)
{
	static const struct run_ops ops = {.done = on_done};
	struct run_request request = {.inputs = str_of(inputs)};

	told = (struct told){.done = false};
	CHECK_OK(run_start(g, &request, &ops, &told.run, &err), err);
}

/* The new content takes new runs at once; what the old one has begun is finished there. */
TEST(old_runs_finish_on_the_old_generation)
{
	struct runner_generation *old;
	struct bench_view before;

	bench_init();
	bench_put(bench.a, "good", "good.so");
	bench_open();
	before = bench_view("good");
	old = generation("good", NULL);
	CHECK(generation("good", NULL) == old);
	start(old, "sleep 1500");
	bench_until(has_begun, "the run to begin");
	bench_put_other(bench.a, "good", "good.so");
	bench_await_other("good", &before);
	CHECK(!told.done);
	CHECK(generation("good", NULL) != old);
	CHECK_INT(bench_view("good").n_generations, 2);
	CHECK_INT(bench_view("good").n_retiring, 1);
	bench_until(is_done, "the run");
	CHECK_INT(told.how, RUN_COMPLETED);
	bench_until(is_gone, "the old generation to end");
	bench_end();
}

TEST(removed_plugin_finishes_its_runs)
{
	struct dispatch_hold hold;

	bench_init();
	bench_put(bench.a, "good", "good.so");
	bench_open();
	start(generation("good", NULL), "sleep 800");
	bench_until(has_begun, "the run to begin");
	bench_shell("rm %s/good.so", bench.a);
	bench_await("good", CATALOG_REMOVED, "its file is gone");
	CHECK(!catalog_generation(bench.catalog, STR("good"), NULL, &hold));
	CHECK(strstr(hold.why, "no plugin 'good'"));
	bench_until(is_done, "the run");
	CHECK_INT(told.how, RUN_COMPLETED);
	bench_await("good", CATALOG_NOT_A_PLUGIN, "none");
	bench_end();
}

/* Limits of a template get runners of their own, with the configured ones for what it leaves out. */
TEST(limits_have_generations)
{
	const struct runner_limits small = {.memory = 64 << 20}, same = {.memory = 64 << 20};
	struct runner_generation_status now;
	struct runner_generation *g;

	bench_init();
	bench.settings[0][0] = "limits.open_files";
	bench.settings[0][1] = "256";
	bench_put(bench.a, "good", "good.so");
	bench_open();
	g = generation("good", NULL);
	CHECK(generation("good", &small) != g);
	CHECK(generation("good", &same) == generation("good", &small));
	runner_generation_status(generation("good", &small), &now);
	CHECK_INT(now.limits.limits.memory, 64 << 20);
	CHECK_INT(now.limits.limits.open_files, 256);
	runner_generation_status(g, &now);
	CHECK_INT(now.limits.limits.memory, 0);
	CHECK_INT(bench_view("good").n_generations, 2);
	/* Not asked for any more, they are let go; the plain ones stay. */
	for (struct plugin_runners *r =
		     catalog_plugin(bench.catalog, STR("good"))->current->runners;
	     r; r = r->next)
		r->used_ns -= 61 * SECOND;
	catalog_tidy(bench.catalog);
	bench_until(is_gone, "the idle limits to go");
	CHECK(generation("good", NULL) == g);
	bench_end();
}

/* A template asks for less than the operator allows, never for more. */
TEST(looser_limits_change_nothing)
{
	const struct runner_limits loose = {.memory = UINT64_C(1) << 40,
					    .cpu_seconds = 100,
					    .open_files = 4096,
					    .processes = 50};
	const struct runner_limits strict = {.memory = 64 << 20, .open_files = 4096};
	const struct runner_limits cpu = {.memory = UINT64_C(1) << 40, .cpu_milli = 500};
	struct runner_generation_status now;

	bench_init();
	memcpy(bench.settings,
	       (const char *const[4][2]){{"limits.memory", "512Mi"},
					 {"limits.cpu_time", "20s"},
					 {"limits.open_files", "256"},
					 {"limits.processes", "50"}},
	       sizeof(bench.settings));
	bench_put(bench.a, "good", "good.so");
	bench_open();
	CHECK(generation("good", &loose) == generation("good", NULL));
	runner_generation_status(generation("good", &loose), &now);
	CHECK_INT(now.limits.limits.memory, 512 << 20);
	CHECK_INT(now.limits.limits.cpu_seconds, 20);
	CHECK_INT(now.limits.limits.open_files, 256);
	runner_generation_status(generation("good", &strict), &now);
	CHECK_INT(now.limits.limits.memory, 64 << 20);
	CHECK_INT(now.limits.limits.open_files, 256);
	CHECK(generation("good", &cpu) != generation("good", NULL));
	runner_generation_status(generation("good", &cpu), &now);
	CHECK_INT(now.limits.limits.memory, 512 << 20);
	CHECK_INT(bench_view("good").n_generations, 3);
	bench_end();
}

static unsigned kept(const char *id)
{
	generation(id, NULL);
	return catalog_plugin(bench.catalog, str_of(id))->current->runners->min;
}

/* All that runs and all that is kept has its place among the most that there are. */
TEST(minimums_fit_into_the_most)
{
	struct bench_view before;

	bench_init();
	memcpy(bench.settings,
	       (const char *const[4][2]){{"slots", "7"},
					 {"runners.min", "1"},
					 {"per_plugin.good.min", "2"},
					 {"per_plugin.kit.min", "3"}},
	       sizeof(bench.settings));
	bench_put(bench.a, "good", "good.so");
	bench_open();
	CHECK_INT(catalog_processes_most(&bench.config), 256 + 2 + 3 + 2 * 7 + 64);
	CHECK_INT(kept("good"), 2);
	before = bench_view("good");
	bench_put_other(bench.a, "good", "good.so");
	bench_await_other("good", &before);
	CHECK_INT(kept("good"), 2);
	/* When others have nearly all that can be kept, it is only what is left. */
	catalog_plugin(bench.catalog, STR("good"))->current->runners->min = 260;
	bench_put(bench.a, "kit", "kit.so");
	bench_await("kit", CATALOG_ACTIVE, "");
	CHECK_INT(kept("kit"), 1);
	bench_end();
}

static bool is_held(void)
{
	struct dispatch_hold hold;

	return !catalog_ready(bench.catalog, STR("good"), &hold);
}

TEST(quarantine_holds_until_it_is_cleared)
{
	struct dispatch_hold hold;
	bool changed;

	bench_init();
	bench_put(bench.a, "good", "good.so");
	bench_open();
	for (int i = 0; i < 5; i++) {
		start(generation("good", NULL), "crash");
		bench_until(is_done, "the crash");
	}
	bench_until(is_held, "the quarantine");
	CHECK_INT(bench_view("good").state, CATALOG_QUARANTINED);
	CHECK(*bench_view("good").reason);
	CHECK(!catalog_generation(bench.catalog, STR("good"), NULL, &hold));
	CHECK(strstr(hold.why, "quarantined") && hold.until_ns > loop_now_ns() + 20 * SECOND);
	CHECK_OK(catalog_unquarantine(bench.catalog, STR("good"), &changed, &err), err);
	CHECK(changed && catalog_ready(bench.catalog, STR("good"), &hold));
	CHECK_OK(catalog_unquarantine(bench.catalog, STR("good"), &changed, &err), err);
	CHECK(!changed);
	CHECK_INT(catalog_unquarantine(bench.catalog, STR("nope"), &changed, &err), ERR_NOT_FOUND);
	bench_end();
}

TEST(lost_copy_is_made_again)
{
	struct dispatch_hold hold;
	int64_t end;

	bench_init();
	bench_put(bench.a, "good", "good.so");
	bench_open();
	bench_shell("rm %s/plugins/*", bench.state);
	CHECK(!catalog_generation(bench.catalog, STR("good"), NULL, &hold));
	CHECK(strstr(hold.why, "copy") && hold.until_ns < INT64_MAX);
	end = clock_monotonic_ns() + BENCH_WAIT_NS;
	while (!catalog_generation(bench.catalog, STR("good"), NULL, &hold)) {
		CHECK(clock_monotonic_ns() < end);
		loop_run_once(bench.loop, SECOND / 50);
	}
	bench_end();
}
