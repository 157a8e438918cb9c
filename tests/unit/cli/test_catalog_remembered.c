/* What a catalog remembers: what its checks have shown, and what is switched off. */
#include "catalog_bench.h"

static struct error err;

TEST(disabled_is_remembered)
{
	struct dispatch_hold hold;
	struct agent_type type;
	bool changed;

	bench_init();
	bench_put(bench.a, "good", "good.so");
	bench_open();
	CHECK_ERR(catalog_set_enabled(bench.catalog, STR("gone"), false, STR(""), &changed, &err),
		  ERR_NOT_FOUND, err, "no plugin 'gone'");
	CHECK_OK(catalog_set_enabled(bench.catalog, STR("good"), false, STR("too hot"), &changed,
				     &err),
		 err);
	CHECK(changed);
	CHECK_OK(catalog_set_enabled(bench.catalog, STR("good"), false, STR("again"), &changed,
				     &err),
		 err);
	CHECK(!changed);
	bench_close();
	bench_open();
	CHECK_INT(bench_view("good").state, CATALOG_DISABLED);
	CHECK_STR(bench_view("good").reason, "too hot");
	CHECK_INT(bench_find_type("good_type", 0, &type), ERR_STATE);
	CHECK(!catalog_ready(bench.catalog, STR("good"), &hold) && strstr(hold.why, "disabled"));
	CHECK_INT(catalog_counts(bench.catalog).disabled, 1);
	CHECK_OK(catalog_set_enabled(bench.catalog, STR("good"), true, STR(""), &changed, &err),
		 err);
	CHECK(changed && catalog_ready(bench.catalog, STR("good"), &hold));
	bench_close();
	bench_open();
	CHECK_INT(bench_view("good").state, CATALOG_ACTIVE);
	bench_end();
}

TEST(known_plugins_are_neither_read_nor_probed)
{
	bench_init();
	bench.probe = true;
	bench_put(bench.a, "good", "good.so");
	bench_put(bench.a, "kit", "kit.so");
	bench_put(bench.a, "init_fails", "init_fails.so");
	bench_put(bench.a, "newer_abi", "newer_abi.so");
	bench_open();
	CHECK_INT(bench_probes(), 3);
	CHECK_INT(scanner_files_read(bench.catalog->scanner), 4);
	CHECK_INT(bench_view("init_fails").state, CATALOG_QUARANTINED);
	CHECK(strstr(bench_view("init_fails").reason, "failed its check at \"init\""));
	bench_close();
	bench_open();
	CHECK_INT(bench_probes(), 3);
	CHECK_INT(scanner_files_read(bench.catalog->scanner), 0);
	CHECK_INT(bench_view("good").state, CATALOG_ACTIVE);
	CHECK_INT(bench_view("kit").state, CATALOG_ACTIVE);
	CHECK_INT(bench_view("init_fails").state, CATALOG_QUARANTINED);
	CHECK_INT(bench_view("newer_abi").state, CATALOG_REFUSED);
	/* New code alone is run. */
	bench_put_other(bench.a, "kit", "kit.so");
	bench_reload();
	CHECK_STR(bench.changes, "replaced kit;");
	CHECK_INT(bench_probes(), 4);
	bench_end();
}

TEST(thousand_known_plugins_are_not_read)
{
	struct bench_view one;

	bench_init();
	bench_put(bench.a, "good", "good.so");
	bench_shell("cd %s && for i in $(seq 1 999); do cp good.so p$i.so; echo $i >> p$i.so; done",
		    bench.a);
	bench_open();
	CHECK_INT(bench.catalog->n_slots, 1000);
	CHECK_INT(scanner_files_read(bench.catalog->scanner), 1000);
	bench_close();
	bench_open();
	CHECK_INT(bench.catalog->n_slots, 1000);
	CHECK_INT(scanner_files_read(bench.catalog->scanner), 0);
	one = bench_view("good");
	CHECK(one.state == CATALOG_ACTIVE && strstr(one.file, "/good.so"));
	CHECK_INT(catalog_counts(bench.catalog).refused, 999); /* all have one id */
	bench_end();
}

TEST(broken_tables_cost_a_look)
{
	bench_init();
	bench.probe = true;
	bench_put(bench.a, "good", "good.so");
	bench_open();
	bench_close();
	bench_shell("echo nonsense > %s/verdicts && echo nonsense > %s/disabled.json", bench.state,
		    bench.state);
	bench_open();
	CHECK_INT(bench_view("good").state, CATALOG_ACTIVE);
	CHECK_INT(bench_probes(), 2);
	bench_end();
}

/* What its check showed of its executors decides how many runs one runner may begin. */
TEST(asynchronous_executors_share_a_runner)
{
	struct catalog_offer offer;
	struct agent_type type;

	bench_init();
	bench.probe = true;
	bench_put(bench.a, "takes_many", "takes_many.so");
	bench_put(bench.a, "good", "good.so");
	bench_open();
	for (int i = 0; i < 2; i++) {
		CHECK_OK(bench_find_type("many", 0, &type), err);
		CHECK(type.pending);
		CHECK_OK(catalog_find_offer(bench.catalog, STR("takes_many.Run"), &offer, &err),
			 err);
		CHECK(offer.pending);
		CHECK_INT(
			content_inflight(catalog_plugin(bench.catalog, STR("takes_many"))->current),
			1000);
		CHECK_INT(content_inflight(catalog_plugin(bench.catalog, STR("good"))->current), 1);
		CHECK_OK(bench_find_type("good_type", 0, &type), err);
		CHECK(!type.pending);
		bench_close(); /* and so it is remembered */
		bench_open();
	}
	CHECK_INT(bench_probes(), 2);
	bench_end();
}

/* One that failed its check is checked again when somebody says so. */
TEST(failed_check_is_repeated_on_demand)
{
	bool changed;

	bench_init();
	bench.probe = true;
	bench_put(bench.a, "init_crashes", "init_crashes.so");
	bench_open();
	CHECK_INT(bench_view("init_crashes").state, CATALOG_QUARANTINED);
	CHECK_INT(bench_probes(), 1);
	bench_reload();
	CHECK_INT(bench_probes(), 1);
	CHECK_OK(catalog_unquarantine(bench.catalog, STR("init_crashes"), &changed, &err), err);
	CHECK(changed);
	bench_await("init_crashes", CATALOG_LOADING, "being checked");
	bench_await("init_crashes", CATALOG_QUARANTINED, "SIGSEGV");
	CHECK_INT(bench_probes(), 2);
	bench_end();
}
