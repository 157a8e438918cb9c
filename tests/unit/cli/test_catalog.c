/* Plugins that come, change and go, and the names they share. */
#include "catalog_bench.h"

#include "../abi/fixtures.h"

#include "base/clock.h"

static struct error err;

/* ---- coming, changing, going ------------------------------------------------------------------ */

/* Nobody asks for a look: the directory is watched. */
TEST(added_replaced_by_cp_and_removed)
{
	struct agent_type type;
	struct bench_view before;

	bench_init();
	bench_open();
	CHECK_INT(bench_find_type("good_type", 0, &type), ERR_NOT_FOUND);
	bench_put(bench.a, "good", "good.so");
	bench_await("good", CATALOG_ACTIVE, "");
	CHECK_OK(bench_find_type("good_type", 0, &type), err);
	CHECK(str_is(type.plugin, "good") && !type.sync && !type.pending);
	CHECK(str_starts(type.executor, "good."));
	CHECK_OK(bench_find_type("good_sync", 0, &type), err);
	CHECK(type.sync);
	before = bench_view("good");
	bench_shell("cp %s %s/x && echo more >> %s/x && cp %s/x %s/good.so", fixture_path("good"),
		    bench.state, bench.state, bench.state, bench.a);
	bench_await_other("good", &before);
	CHECK_OK(bench_find_type("good_type", 0, &type), err);
	bench_shell("rm %s/good.so", bench.a);
	bench_await("good", CATALOG_NOT_A_PLUGIN, "none");
	CHECK_INT(bench_find_type("good_type", 0, &type), ERR_NOT_FOUND);
	CHECK(bench.told >= 4);
	bench_end();
}

TEST(replaced_by_rename)
{
	struct bench_view before;

	bench_init();
	bench_put(bench.a, "good", "good.so");
	bench_open();
	before = bench_view("good");
	CHECK_INT(before.state, CATALOG_ACTIVE);
	bench_put_other(bench.a, "good", "good.so");
	bench_await_other("good", &before);
	bench_end();
}

/* As the kubelet does it: files are links into ..data, which is a link to a directory of the day. */
TEST(replaced_by_a_configmaps_symlink_swap)
{
	struct bench_view before;

	bench_init();
	bench_shell("cd %s && mkdir ..1 ..2 && cp %s ..1/good.so && cp ..1/good.so ..2/good.so && "
		    "echo more >> ..2/good.so && ln -s ..1 ..data && ln -s ..data/good.so good.so",
		    bench.a, fixture_path("good"));
	bench_open();
	before = bench_view("good");
	CHECK_INT(before.state, CATALOG_ACTIVE);
	bench_shell("cd %s && ln -s ..2 ..tmp && mv -T ..tmp ..data && rm -r ..1", bench.a);
	bench_await_other("good", &before);
	bench_end();
}

/* The directory may come later, and be a link that changes. */
TEST(directory_comes_later_and_is_a_link)
{
	struct bench_view before;
	char *place;

	bench_init();
	place = bench.a;
	bench.a = path_join(place, "current");
	bench_open();
	bench_shell("cd %s && mkdir v1 v2 && cp %s v1/good.so && cp v1/good.so v2/good.so && "
		    "echo more >> v2/good.so && ln -s v1 current",
		    place, fixture_path("good"));
	bench_await("good", CATALOG_ACTIVE, "");
	before = bench_view("good");
	bench_shell("cd %s && ln -s v2 next && mv -T next current", place);
	bench_await_other("good", &before);
	free(place);
	bench_end();
}

TEST(bad_file_changes_nothing_but_a_reason)
{
	struct agent_type type;
	struct bench_view before, after;

	bench_init();
	bench.probe = true;
	bench_put(bench.a, "good", "good.so");
	bench_open();
	before = bench_view("good");
	bench_shell("cp %s %s/.x && mv %s/.x %s/good.so", fixture_path("newer_abi"), bench.a,
		    bench.a, bench.a);
	bench_await("good", CATALOG_ACTIVE, "ABI 2.0");
	after = bench_view("good");
	CHECK_STR(after.digest, before.digest);
	CHECK_OK(bench_find_type("good_type", 0, &type), err);
	/* One that shows only when it runs. */
	bench_shell("cp %s %s/.x && mv %s/.x %s/good.so", fixture_path("init_crashes"), bench.a,
		    bench.a, bench.a);
	bench_await("good", CATALOG_ACTIVE, "failed its check at \"init\"");
	CHECK_STR(bench_view("good").digest, before.digest);
	/* And one that is mended. */
	bench_put_other(bench.a, "good", "good.so");
	bench_await_other("good", &before);
	CHECK_STR(bench_view("good").reason, "");
	bench_end();
}

TEST(half_written_file_waits)
{
	_cleanup_(buf_done) struct buf bytes = BUF_INIT;
	_cleanup_(closep) int fd = -1;
	char path[4200];
	int64_t end;

	bench_init();
	bench_open();
	fixture_read(fixture_path("good"), &bytes);
	snprintf(path, sizeof(path), "%s/good.so", bench.a);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	CHECK_OK(fd_write_all(fd, bytes.data, bytes.len / 3, path, &err), err);
	bench_await("good", CATALOG_LOADING, "");
	for (end = clock_monotonic_ns() + SECOND / 2; clock_monotonic_ns() < end;) {
		loop_run_once(bench.loop, SECOND / 50);
		CHECK_INT(bench_view("good").state, CATALOG_LOADING);
	}
	CHECK_OK(
		fd_write_all(fd, bytes.data + bytes.len / 3, bytes.len - bytes.len / 3, path, &err),
		err);
	closep(&fd);
	fd = -1;
	bench_await("good", CATALOG_ACTIVE, "");
	bench_end();
}

TEST(reload_tells_what_changed)
{
	bench_init();
	bench_put(bench.a, "good", "good.so");
	bench_put(bench.a, "kit", "kit.so");
	bench_put(bench.a, "claim_a", "claim_a.so");
	bench_open();
	bench_reload();
	CHECK_STR(bench.changes, "");
	CHECK_INT(bench.unchanged, 3);
	bench_shell("cd %s && rm kit.so && cp %s exec_stack.so", bench.a,
		    fixture_path("exec_stack"));
	bench_put(bench.a, "claim_b", "claim_b.so");
	bench_put_other(bench.a, "good", "good.so");
	bench_reload();
	CHECK(strstr(bench.changes, "added claim_b;"));
	CHECK(strstr(bench.changes, "replaced good;"));
	CHECK(strstr(bench.changes, "removed kit;"));
	CHECK(strstr(bench.changes, "refused exec_stack;"));
	CHECK_INT(bench.unchanged, 1);
	CHECK_INT(bench_view("exec_stack").state, CATALOG_REFUSED);
	CHECK(strstr(bench_view("exec_stack").reason, "executable stack"));
	CHECK_INT(catalog_counts(bench.catalog).active, 3);
	CHECK_INT(catalog_counts(bench.catalog).refused, 1);
	bench_reload();
	CHECK_STR(bench.changes, "");
	bench_end();
}

/* ---- names ------------------------------------------------------------------------------------ */

TEST(first_in_search_order_wins)
{
	struct catalog_offer offer;
	struct agent_type type;

	bench_init();
	bench.b = bench_dir();
	bench_put(bench.b, "claim_a", "claim_a.so");
	bench_put(bench.a, "claim_b", "claim_b.so");
	bench_put(bench.a, "good", "good.so");
	bench_put(bench.b, "good", "good.so");
	bench_open();
	CHECK_OK(bench_find_type("claimed", 0, &type), err);
	CHECK(str_is(type.plugin, "claim_b"));
	CHECK_INT(bench_view("claim_a").state, CATALOG_ACTIVE);
	CHECK_INT(bench_view("claim_a").n_lost, 2);
	CHECK(strstr(bench_view("claim_a").reason, "active without"));
	CHECK(str_starts(str_of(bench_view("good").file), bench.a));
	CHECK_INT(catalog_counts(bench.catalog).refused, 1);
	CHECK_OK(catalog_find_offer(bench.catalog, STR("flytekit.claimed.Claimed"), &offer, &err),
		 err);
	CHECK(str_is(offer.plugin, "claim_b") && str_is(offer.name, "Run") && !offer.task);
	/* It goes, and the next in order has its claims. */
	bench_shell("rm %s/claim_b.so %s/good.so", bench.a, bench.a);
	bench_reload();
	CHECK_OK(bench_find_type("claimed", 0, &type), err);
	CHECK(str_is(type.plugin, "claim_a"));
	CHECK_INT(bench_view("claim_a").n_lost, 0);
	CHECK(str_starts(str_of(bench_view("good").file), bench.b));
	CHECK_INT(bench_find_type("b_only", 0, &type), ERR_NOT_FOUND);
	bench_end();
}

static void count_type(void *context, const struct agent_type *type)
{
	(void)type;
	++*(unsigned *)context;
}

TEST(types_and_offers_as_configured)
{
	struct catalog_offer offer;
	struct agent_catalog a;
	struct agent_type type;
	unsigned n = 0;

	bench_init();
	bench.settings[0][0] = "task_types.deny";
	bench.settings[0][1] = "claimed";
	bench.settings[1][0] = "per_task_type.good_type.timeout";
	bench.settings[1][1] = "90s";
	bench_put(bench.a, "good", "good.so");
	bench_put(bench.a, "claim_b", "claim_b.so");
	bench_open();
	CHECK_INT(bench_find_type("claimed", 0, &type), ERR_DENIED);
	CHECK_INT(bench_find_type("nobodys", 0, &type), ERR_NOT_FOUND);
	CHECK_INT(bench_find_type("good_type", 1, &type), ERR_NOT_FOUND); /* versions are exact */
	CHECK_OK(bench_find_type("good_type", 0, &type), err);
	CHECK_INT(type.hard_ns, 90 * SECOND);
	CHECK_OK(bench_find_type("good_sync", 0, &type), err);
	CHECK(type.hard_ns < 0 && type.sync_ns == 0);
	a = catalog_agent(bench.catalog);
	a.list(a.user, count_type, &n);
	CHECK_INT(n, 3); /* good's two and b_only */
	CHECK_OK(catalog_find_offer(bench.catalog, STR("good.add"), &offer, &err), err);
	CHECK(offer.task && str_is(offer.name, "add") && offer.note->n_variables > 0);
	CHECK(str_is(offer.about->id, "good") && strlen(offer.digest) == 64);
	CHECK_ERR(catalog_find_offer(bench.catalog, STR("god.add"), &offer, &err), ERR_NOT_FOUND,
		  err, "did you mean");
	bench_end();
}

TEST(nothing_is_known_while_loading)
{
	struct dispatch_hold hold;
	struct catalog_offer offer;
	struct agent_type type;

	bench_init();
	bench_put(bench.a, "good", "good.so");
	bench_begin_open();
	CHECK_INT(bench_find_type("good_type", 0, &type), ERR_STATE);
	CHECK_INT(catalog_find_offer(bench.catalog, STR("good.add"), &offer, &err), ERR_STATE);
	CHECK(!catalog_ready(bench.catalog, STR("good"), &hold));
	CHECK(strstr(hold.why, "not loaded yet") && hold.until_ns == INT64_MAX);
	bench_until(bench_is_loaded, "the first look");
	CHECK_INT(bench.loaded, 1);
	CHECK_OK(bench_find_type("good_type", 0, &type), err);
	CHECK(catalog_ready(bench.catalog, STR("good"), &hold));
	bench_end();
}
