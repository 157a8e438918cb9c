#include "cli/config.h"

#include "base/metrics.h"
#include "cli/worker_metrics.h"
#include "lib/fail_alloc.h"
#include "lib/test.h"

static const char file[] = "{\"plugins\":[\"/a\",\"/"
			   "b\"],\"listen\":[\"*:1\",\"[::1]:2\"],\"drain\":{\"grace\":\"1s\"},"
			   "\"per_plugin\":{\"a\":{\"slots\":1},\"b\":{\"slots\":2}},"
			   "\"per_task_type\":{\"t\":{\"queue\":\"1s\"}}}";

static const char *const env[] = {"HOME=/h", "TASKHOST_SLOTS=3,plugin:c=4,type:u=5",
				  "TASKHOST_PLUGIN_PATH=/c:/d", "TASKHOST_LISTNE=x", NULL};

static int load(struct error *err)
{
	const struct config_place place = {.env = env, .cpus = 2, .plugin_dir = "/p"};
	const char *allow[] = {"x", "y"};
	struct config_item *items;
	struct worker_config c;
	size_t n;
	int r = config_init(&c, &place, err);

	if (r < 0)
		return r;
	config_apply_file(&c, "w.json", str_of(file));
	config_apply_env(&c, &place);
	config_apply(&c, "task_types.allow", allow, 2, CONFIG_FLAG, "--allow");
	config_apply(&c, "per_plugin.a.idle", (const char *[]){"3s"}, 1, CONFIG_FLAG, "--set");
	r = config_finish(&c, err);
	if (r == 0)
		r = config_items(&c, &items, &n, err);
	if (r == 0 && (c.slots != 3 || c.per_plugin.n != 3 || c.allow.n != 2 || c.notes.n != 1))
		r = ERR_MISMATCH; /* a failed allocation that nobody noticed */
	config_done(&c);
	return r;
}

TEST(loading_reports_it)
{
	struct error err = ERROR_INIT;
	long n = 0;

	for (;; n++) {
		int r;

		alloc_fail_after(n);
		r = load(&err);
		if (!alloc_stop_failing()) {
			CHECK_OK(r, err);
			break;
		}
		CHECK_INT(r, ERR_NOMEM);
	}
	CHECK(n > 20);
}

TEST(metrics_report_it_or_count_elsewhere)
{
	struct error err = ERROR_INIT;
	long n = 0;

	for (;; n++) {
		struct worker_metrics w;
		int r;

		alloc_fail_after(n);
		r = worker_metrics_init(&w, &err);
		if (r == 0) { /* counting never fails */
			metric_inc(metric_with(w.accepted, (struct str[]){STR("echo")}), 1);
			metric_observe(metric_with(w.run, (struct str[]){STR("echo")}), 1);
			worker_metrics_done(&w);
		}
		if (!alloc_stop_failing()) {
			CHECK_OK(r, err);
			break;
		}
		CHECK(r == 0 || r == ERR_NOMEM);
	}
	CHECK(n > 40);
}

/* A series that is there is found without memory. */
TEST(counting_allocates_nothing_once_it_has_begun)
{
	struct error err = ERROR_INIT;
	struct worker_metrics w;

	CHECK_OK(worker_metrics_init(&w, &err), err);
	metric_inc(metric_with(w.accepted, (struct str[]){STR("echo")}), 1);
	metric_observe(metric_with(w.run, (struct str[]){STR("echo")}), 1);
	alloc_fail_after(0);
	for (int i = 0; i < 1000; i++) {
		metric_inc(metric_with(w.accepted, (struct str[]){STR("echo")}), 1);
		metric_observe(metric_with(w.run, (struct str[]){STR("echo")}), 1);
	}
	CHECK(!alloc_stop_failing());
	worker_metrics_done(&w);
}
