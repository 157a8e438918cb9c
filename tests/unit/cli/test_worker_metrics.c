#include "cli/worker_metrics.h"

#include "base/mem.h"
#include "lib/test.h"

#include <stdlib.h>

static struct worker_metrics w;
static struct error err;

static void check_has(const char *line)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	char with_breaks[300];

	metrics_print(w.metrics, &out);
	snprintf(with_breaks, sizeof(with_breaks), "\n%s\n", line);
	if (!strstr(out.data, with_breaks))
		test_fail(__FILE__, __LINE__, "no line \"%s\"", line);
}

TEST(every_family_is_there_and_described)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	static const char *const names[] = {"taskhost_queue_depth",
					    "taskhost_queue_oldest_seconds",
					    "taskhost_slots",
					    "taskhost_slots_used",
					    "taskhost_runner_starts_total",
					    "taskhost_runner_recycles_total",
					    "taskhost_runner_crashes_total",
					    "taskhost_runner_memory_bytes",
					    "taskhost_store_commit_seconds",
					    "taskhost_loop_lag_seconds",
					    "taskhost_plugin_reloads_total"};
	size_t helps = 0, types = 0;

	CHECK_OK(worker_metrics_init(&w, &err), err);
	metrics_print(w.metrics, &out);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char type[100];

		snprintf(type, sizeof(type), "\n# TYPE %s ", names[i]);
		CHECK(strstr(out.data, type));
	}
	for (const char *p = out.data; (p = strstr(p, "# HELP ")); p++)
		helps++;
	for (const char *p = out.data; (p = strstr(p, "# TYPE ")); p++)
		types++;
	CHECK_INT(helps, types);
	CHECK(types >= 28);
	worker_metrics_done(&w);
}

static double value_of(const char *name)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	char start[100];
	const char *p;

	metrics_print(w.metrics, &out);
	snprintf(start, sizeof(start), "\n%s ", name);
	p = strstr(out.data, start);
	CHECK(p != NULL);
	return strtod(p + strlen(start), NULL);
}

TEST(process_is_measured)
{
	CHECK_OK(worker_metrics_init(&w, &err), err);
	CHECK(value_of("process_resident_memory_bytes") > 100000);
	CHECK(value_of("process_cpu_seconds_total") > 0);
	CHECK(value_of("process_open_fds") >= 3);
	check_has("taskhost_build_info{version=\"" TASKHOST_VERSION "\"} 1");
	worker_metrics_done(&w);
}
