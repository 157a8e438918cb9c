#include "base/metrics.h"

#include "base/mem.h"
#include "lib/test.h"

#include <math.h>
#include <pthread.h>

static struct metrics *m;

static void start(void)
{
	struct error err = ERROR_INIT;

	CHECK_OK(metrics_new(&m, &err), err);
}

static struct metric_family *add(const struct metric_desc *d)
{
	struct error err = ERROR_INIT;
	struct metric_family *f;

	CHECK_OK(metrics_register(m, d, &f, &err), err);
	return f;
}

static void check_text(const char *expected)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT;

	metrics_print(m, &out);
	CHECK_STR(out.data, expected);
}

static void finish(void)
{
	metrics_free(m);
	m = NULL;
}

TEST(counter_and_gauge_without_labels_begin_at_zero)
{
	struct metric_family *runs, *level;

	start();
	runs = add(&(struct metric_desc){
		.name = "runs_total", .help = "Runs.", .kind = METRIC_COUNTER});
	level = add(&(struct metric_desc){.name = "level", .help = "Now.", .kind = METRIC_GAUGE});
	check_text("# HELP runs_total Runs.\n# TYPE runs_total counter\nruns_total 0\n"
		   "# HELP level Now.\n# TYPE level gauge\nlevel 0\n");
	metric_inc(metric_with(runs, NULL), 2);
	metric_inc(metric_with(runs, NULL), 1);
	metric_set(metric_with(level, NULL), 2.5);
	metric_add(metric_with(level, NULL), -4);
	check_text("# HELP runs_total Runs.\n# TYPE runs_total counter\nruns_total 3\n"
		   "# HELP level Now.\n# TYPE level gauge\nlevel -1.5\n");
	metric_add(metric_with(runs, NULL), 0.25);
	metric_set(metric_with(level, NULL), INFINITY);
	check_text("# HELP runs_total Runs.\n# TYPE runs_total counter\nruns_total 3.25\n"
		   "# HELP level Now.\n# TYPE level gauge\nlevel +Inf\n");
	finish();
}

TEST(labels_and_help_are_escaped)
{
	struct metric_family *f;

	start();
	f = add(&(struct metric_desc){.name = "a_total",
				      .help = "Back\\slash, \"quote\"\nline.",
				      .kind = METRIC_COUNTER,
				      .labels = {"type", "operation"}});
	metric_inc(metric_with(f, (struct str[]){STR("q\"b\\n\n\xff\xc3\xa9"), STR("")}), 1);
	check_text("# HELP a_total Back\\\\slash, \"quote\"\\nline.\n# TYPE a_total counter\n"
		   "a_total{type=\"q\\\"b\\\\n\\n\xef\xbf\xbd\xc3\xa9\",operation=\"\"} 1\n");
	finish();
}

TEST(same_labels_are_the_same_series)
{
	struct metric_family *f;
	struct metric *a;

	start();
	f = add(&(struct metric_desc){
		.name = "a_total", .kind = METRIC_COUNTER, .help = "", .labels = {"x", "y"}});
	a = metric_with(f, (struct str[]){STR("1"), STR("2")});
	CHECK(a == metric_with(f, (struct str[]){STR("1"), STR("2")}));
	CHECK(a != metric_with(f, (struct str[]){STR("2"), STR("1")}));
	/* A value cannot pretend to be two labels. */
	CHECK(a != metric_with(f, (struct str[]){STR("1\",y=\"2"), STR("")}));
	finish();
}

TEST(histogram_cumulates)
{
	static const double bounds[] = {0.1, 1, 10};
	struct metric_family *f;
	struct metric *a;

	start();
	f = add(&(struct metric_desc){.name = "took_seconds",
				      .kind = METRIC_HISTOGRAM,
				      .help = "T.",
				      .labels = {"plugin"},
				      .buckets = bounds,
				      .n_buckets = 3});
	a = metric_with(f, (struct str[]){STR("echo")});
	metric_observe(a, 0.1); /* a bound belongs to its bucket */
	metric_observe(a, 0.5);
	metric_observe(a, 0.5);
	metric_observe(a, 11);
	check_text("# HELP took_seconds T.\n# TYPE took_seconds histogram\n"
		   "took_seconds_bucket{plugin=\"echo\",le=\"0.1\"} 1\n"
		   "took_seconds_bucket{plugin=\"echo\",le=\"1\"} 3\n"
		   "took_seconds_bucket{plugin=\"echo\",le=\"10\"} 3\n"
		   "took_seconds_bucket{plugin=\"echo\",le=\"+Inf\"} 4\n"
		   "took_seconds_count{plugin=\"echo\"} 4\n"
		   "took_seconds_sum{plugin=\"echo\"} 12.1\n");
	finish();
}

TEST(summary_has_count_and_sum)
{
	struct metric_family *f;

	start();
	f = add(&(struct metric_desc){.name = "flyte_connector_input_literal_bytes",
				      .kind = METRIC_SUMMARY,
				      .help = "Size of input literal",
				      .labels = {"task_type"}});
	metric_observe(metric_with(f, (struct str[]){STR("echo")}), 40);
	metric_observe(metric_with(f, (struct str[]){STR("echo")}), 2);
	check_text("# HELP flyte_connector_input_literal_bytes Size of input literal\n"
		   "# TYPE flyte_connector_input_literal_bytes summary\n"
		   "flyte_connector_input_literal_bytes_count{task_type=\"echo\"} 2\n"
		   "flyte_connector_input_literal_bytes_sum{task_type=\"echo\"} 42\n");
	finish();
}

TEST(too_many_series_become_other)
{
	struct metric_family *f;

	start();
	f = add(&(struct metric_desc){.name = "a_total",
				      .kind = METRIC_COUNTER,
				      .help = "",
				      .labels = {"type"},
				      .max_series = 2});
	for (int i = 0; i < 100; i++) {
		char text[8];

		snprintf(text, sizeof(text), "t%d", i);
		metric_inc(metric_with(f, (struct str[]){str_of(text)}), 1);
	}
	check_text("# HELP a_total \n# TYPE a_total counter\na_total{type=\"t0\"} 1\n"
		   "a_total{type=\"t1\"} 1\na_total{type=\"other\"} 98\n");
	finish();
}

struct queue {
	struct metric_collector collector;
	struct metric_family *f;
	int depth;
};

static void collect_queue(struct metric_collector *c)
{
	struct queue *q = CONTAINER_OF(c, struct queue, collector);
	char name[8];

	metric_clear(q->f);
	snprintf(name, sizeof(name), "q%d", q->depth);
	metric_set(metric_with(q->f, (struct str[]){str_of(name)}), q->depth++);
}

TEST(collectors_run_before_each_print)
{
	struct queue q = {.collector = {.collect = collect_queue}, .depth = 5};

	start();
	q.f = add(&(struct metric_desc){
		.name = "depth", .kind = METRIC_GAUGE, .help = "", .labels = {"queue"}});
	metrics_collect(m, &q.collector);
	check_text("# HELP depth \n# TYPE depth gauge\ndepth{queue=\"q5\"} 5\n");
	check_text("# HELP depth \n# TYPE depth gauge\ndepth{queue=\"q6\"} 6\n");
	finish();
}

TEST(bad_registrations_are_refused)
{
	static const double bounds[] = {1, 1};
	struct metric_desc d = {.name = "ok", .kind = METRIC_COUNTER, .help = ""};
	struct error err = ERROR_INIT;
	struct metric_family *f;

	start();
	add(&d);
	CHECK_ERR(metrics_register(m, &d, &f, &err), ERR_INVALID, err, "ok is registered twice");
	d.name = "9lives";
	CHECK_ERR(metrics_register(m, &d, &f, &err), ERR_INVALID, err, "9lives");
	d.name = "";
	CHECK_ERR(metrics_register(m, &d, &f, &err), ERR_INVALID, err, "metric's name");
	d.name = "a";
	d.labels[0] = "le";
	CHECK_ERR(metrics_register(m, &d, &f, &err), ERR_INVALID, err, "\"le\" cannot be a label");
	d.labels[0] = "a:b";
	CHECK_ERR(metrics_register(m, &d, &f, &err), ERR_INVALID, err, "a:b");
	d.labels[0] = NULL;
	d.kind = METRIC_HISTOGRAM;
	CHECK_ERR(metrics_register(m, &d, &f, &err), ERR_INVALID, err, "1 to 32 buckets");
	d.buckets = bounds;
	d.n_buckets = 2;
	CHECK_ERR(metrics_register(m, &d, &f, &err), ERR_INVALID, err, "bucket 1 does not ascend");
	d.kind = METRIC_GAUGE;
	CHECK_ERR(metrics_register(m, &d, &f, &err), ERR_INVALID, err, "others none");
	finish();
}

static void *update(void *arg)
{
	struct metric **series = arg;

	for (int i = 0; i < 20000; i++) {
		metric_inc(series[0], 1);
		metric_add(series[1], 0.5);
		metric_observe(series[2], 1);
	}
	return NULL;
}

TEST(updates_from_threads_are_not_lost)
{
	struct metric_family *a, *b, *c;
	struct metric *series[3];
	pthread_t threads[4];

	start();
	a = add(&(struct metric_desc){.name = "a", .kind = METRIC_COUNTER, .help = ""});
	b = add(&(struct metric_desc){.name = "b", .kind = METRIC_GAUGE, .help = ""});
	c = add(&(struct metric_desc){.name = "c",
				      .kind = METRIC_HISTOGRAM,
				      .help = "",
				      .buckets = metric_seconds,
				      .n_buckets = METRIC_SECONDS_BUCKETS});
	series[0] = metric_with(a, NULL);
	series[1] = metric_with(b, NULL);
	series[2] = metric_with(c, NULL);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		CHECK(pthread_create(&threads[i], NULL, update, series) == 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
	{
		_cleanup_(buf_done) struct buf out = BUF_INIT;

		metrics_print(m, &out);
		CHECK(strstr(out.data, "\na 80000\n"));
		CHECK(strstr(out.data, "\nb 40000\n"));
		CHECK(strstr(out.data, "\nc_bucket{le=\"0.5\"} 0\nc_bucket{le=\"1\"} 80000\n"));
		CHECK(strstr(out.data, "\nc_count 80000\nc_sum 80000\n"));
	}
	finish();
}
