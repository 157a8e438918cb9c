#include "serve_kit.h"

#include "dispatch/key.h"
#include "grpc/server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Of a series, as it is printed now. */
static double value_of(const char *series)
{
	char start[200];
	const char *p;

	kit_get("/metrics");
	snprintf(start, sizeof(start), "\n%s ", series);
	p = strstr(k.body, start);
	if (!p)
		test_fail(__FILE__, __LINE__, "no series \"%s\"", series);
	return strtod(p + strlen(start), NULL);
}

/* ---- dispatch ------------------------------------------------------------------------------------ */

TEST(runs_are_counted_by_type_and_code)
{
	const struct run_result bad = {.outcome = RUN_ERROR, .code = STR("Bad")};
	char id[IDENT_TEXT + 1];

	kit_open(4);
	kit_succeed(kit_create("t", id));
	kit_succeed(kit_create("t", id));
	kit_end(kit_create("t", id), &bad);
	kit_succeed(kit_create("u", id));
	kit_metric("taskhost_accepted_total{task_type=\"t\"} 3");
	kit_metric("taskhost_accepted_total{task_type=\"u\"} 1");
	kit_metric("taskhost_run_outcomes_total{task_type=\"t\",code=\"OK\"} 2");
	kit_metric("taskhost_run_outcomes_total{task_type=\"t\",code=\"Bad\"} 1");
	kit_metric("taskhost_run_outcomes_total{task_type=\"u\",code=\"OK\"} 1");
	kit_metric("taskhost_schedule_to_start_seconds_count{task_type=\"t\"} 3");
	kit_metric("taskhost_run_seconds_count{task_type=\"t\"} 3");
	kit_metric("taskhost_run_seconds_count{task_type=\"u\"} 1");
	CHECK(value_of("taskhost_run_seconds_sum{task_type=\"t\"}") < 20);
	kit_close();
}

static void on_deleted(struct dispatch_delete *d)
{
	d->done = NULL;
}

TEST(what_was_cancelled_is_done_and_did_not_fail)
{
	struct dispatch_delete del = {.done = on_deleted};
	char id[IDENT_TEXT + 1];
	uint64_t number;

	kit_open(1);
	k.hold = "not now";
	number = kit_create("t", id);
	if (dispatch_cancel(k.dispatch, number, STR("enough"), &del) == 0)
		while (del.done)
			kit_turn();
	for (int i = 0; i < 2000; i++) {
		kit_get("/metrics");
		if (strstr(k.body, "taskhost_run_outcomes_total{"))
			break;
	}
	kit_has("taskhost_run_outcomes_total{task_type=\"t\",code=\"Cancelled\"} 1\n");
	CHECK_INT(series_over(serve_metrics_series(k.metrics), time(NULL) + 1, 60).done, 1);
	CHECK_INT(series_over(serve_metrics_series(k.metrics), time(NULL) + 1, 60).failed, 0);
	kit_close();
}

TEST(queue_and_slots_are_those_of_now)
{
	char id[IDENT_TEXT + 1];
	uint64_t first;

	kit_open(1);
	first = kit_create("t", id);
	kit_start(first);
	kit_create("t", id);
	kit_create("t", id);
	kit_metric("taskhost_queue_depth 2");
	kit_metric("taskhost_slots 1");
	kit_metric("taskhost_slots_used 1");
	CHECK(value_of("taskhost_queue_oldest_seconds") > 0);
	k.hold = "the plugin is loading";
	kit_succeed(first);
	kit_metric("taskhost_queue_depth 2"); /* held ones wait, too */
	kit_metric("taskhost_slots_used 0");
	kit_close();
}

static void on_created(struct dispatch_created *c)
{
	c->done = NULL;
}

TEST(conflicts_and_large_outputs_are_counted)
{
	struct dispatch_request r = {.plugin = STR("p"),
				     .type = STR("t"),
				     .name = STR("p.t"),
				     .spec = STR("one"),
				     .has_key = true,
				     .key = {1},
				     .owned = true};
	struct dispatch_created c = {.done = on_created};
	struct run_result result = {.outcome = RUN_DONE};
	char *large = calloc(1, 3 << 20), id[IDENT_TEXT + 1];

	kit_open(4);
	CHECK(large != NULL);
	for (int i = 0; i < 2; i++) {
		c = (struct dispatch_created){.done = on_created};
		if (dispatch_create(k.dispatch, &r, &c) == 0)
			while (c.done)
				kit_turn();
		r.spec = STR("another");
	}
	CHECK_INT(c.status, ERR_INVALID);
	kit_metric("taskhost_key_conflicts_total 1");
	kit_metric("taskhost_large_outputs_total 0");
	result.outputs = (struct str){large, 3 << 20};
	kit_end(kit_create("u", id), &result);
	kit_metric("taskhost_large_outputs_total 1");
	free(large);
	kit_close();
}

/* ---- the store ----------------------------------------------------------------------------------- */

static struct store_stats given;

static void give_stats(struct store *s, struct store_stats *ret)
{
	(void)s;
	*ret = given;
}

TEST(commits_keep_their_number_and_time)
{
	static const struct store_ops ops = {.stats = give_stats};
	static struct store fake = {&ops};
	char id[IDENT_TEXT + 1];

	kit_open(4);
	kit_succeed(kit_create("t", id));
	CHECK(value_of("taskhost_store_commit_seconds_count") >= 1);
	CHECK(value_of("taskhost_store_free_bytes") > 0);
	worker_metrics_done(&k.families); /* afresh, without what the real store did */
	serve_metrics_free(k.metrics);
	CHECK_OK(worker_metrics_init(&k.families, &k.err), k.err);
	CHECK_OK(serve_metrics_new(k.loop, &k.families, &k.metrics, &k.err), k.err);
	k.http->params.metrics = k.metrics;
	k.sources.store = &fake;
	serve_metrics_watch(k.metrics, &k.sources);
	given = (struct store_stats){.commits = 3, .writes = 8, .waiting = 4, .free_bytes = 12345};
	given.commit_us[8] = 2;  /* 128 to 255 us */
	given.commit_us[20] = 1; /* about a second */
	kit_metric("taskhost_store_commit_seconds_count 3");
	kit_metric("taskhost_store_commit_seconds_bucket{le=\"0.0001\"} 0");
	kit_metric("taskhost_store_commit_seconds_bucket{le=\"0.00025\"} 2");
	kit_metric("taskhost_store_commit_seconds_bucket{le=\"0.5\"} 2");
	kit_metric("taskhost_store_commit_seconds_bucket{le=\"1\"} 3");
	kit_metric("taskhost_store_commit_writes_count 3");
	kit_metric("taskhost_store_commit_writes_sum 8");
	kit_metric("taskhost_store_commit_writes_bucket{le=\"2\"} 1");
	kit_metric("taskhost_store_commit_writes_bucket{le=\"4\"} 3");
	kit_metric("taskhost_store_waiting 4");
	kit_metric("taskhost_store_free_bytes 12345");
	given.commits++, given.writes++, given.commit_us[8]++;
	kit_metric("taskhost_store_commit_seconds_count 4");
	kit_metric("taskhost_store_commit_writes_sum 9");
	kit_close();
}

/* ---- runners and plugins ------------------------------------------------------------------------- */

TEST(runners_by_plugin_and_state)
{
	const struct catalog_generation_view generations[] = {
		{.status = {.runners = 4, .busy = 2, .starting = 1}},
		{.status = {.runners = 1, .busy = 1, .in_process = true}},
	};

	kit_open(1);
	kit_views[0] = (struct catalog_view){
		.id = "arith", .generations = generations, .n_generations = 2};
	kit_views[1] = (struct catalog_view){.id = "refused", .state = CATALOG_REFUSED};
	kit_n_views = 2;
	kit_pool = (struct runner_pool_stats){.spares = 2,
					      .started = 7,
					      .failed_starts = 1,
					      .recycled = 3,
					      .crashed = 6,
					      .output_lost = 99};
	kit_pool.crashes_by_signal[SIGSEGV] = 4;
	kit_pool.crashes_by_signal[SIGKILL] = 1;
	kit_metric("taskhost_runners{plugin=\"arith\",state=\"busy\"} 3");
	kit_metric("taskhost_runners{plugin=\"arith\",state=\"starting\"} 1");
	kit_metric("taskhost_runners{plugin=\"arith\",state=\"idle\"} 1");
	kit_metric("taskhost_runners{plugin=\"\",state=\"spare\"} 2");
	kit_has_not("refused\",state");
	kit_metric("taskhost_runner_starts_total{result=\"ok\"} 7");
	kit_metric("taskhost_runner_starts_total{result=\"failed\"} 1");
	kit_metric("taskhost_runner_recycles_total 3");
	kit_metric("taskhost_runner_crashes_total{signal=\"SIGSEGV\"} 4");
	kit_metric("taskhost_runner_crashes_total{signal=\"SIGKILL\"} 1");
	kit_metric("taskhost_runner_crashes_total{signal=\"exit\"} 1");
	kit_metric("taskhost_output_lost_bytes_total 99");
	kit_n_views = 1;
	kit_views[0].id = "sum";
	kit_metric("taskhost_runners{plugin=\"sum\",state=\"busy\"} 3");
	kit_has_not("plugin=\"arith\""); /* what is gone is not shown any more */
	kit_close();
}

TEST(memory_of_the_runners_of_a_plugin)
{
	static const char plugin[] = "a_plugin_of_a_long_name";
	const struct catalog_generation_view generation = {.status = {.runners = 2}};
	double both;
	pid_t pids[2];
	int up[2];

	kit_open(1);
	CHECK(pipe(up) == 0);
	for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
		pids[i] = fork();
		CHECK(pids[i] >= 0);
		if (pids[i] == 0) { /* as a runner names itself */
			prctl(PR_SET_NAME, plugin, 0, 0, 0);
			(void)!write(up[1], "x", 1);
			for (;;)
				pause();
		}
	}
	for (size_t n = 0; n < 2; n++)
		CHECK(read(up[0], &(char){0}, 1) == 1);
	kit_views[0] =
		(struct catalog_view){.id = plugin, .generations = &generation, .n_generations = 1};
	kit_n_views = 1;
	both = value_of("taskhost_runner_memory_bytes{plugin=\"a_plugin_of_a_long_name\"}");
	kill(pids[1], SIGKILL);
	waitpid(pids[1], NULL, 0);
	CHECK(both > 100000);
	CHECK(value_of("taskhost_runner_memory_bytes{plugin=\"a_plugin_of_a_long_name\"}") < both);
	kill(pids[0], SIGKILL);
	waitpid(pids[0], NULL, 0);
	kit_metric("taskhost_runner_memory_bytes{plugin=\"a_plugin_of_a_long_name\"} 0");
	close(up[0]);
	close(up[1]);
	kit_close();
}

TEST(plugins_by_verdict)
{
	kit_open(1);
	kit_counts = (struct catalog_counts){.plugins = 9,
					     .active = 4,
					     .refused = 2,
					     .quarantined = 1,
					     .disabled = 1,
					     .loading = 1};
	kit_metric("taskhost_plugins{state=\"active\"} 4");
	kit_metric("taskhost_plugins{state=\"refused\"} 2");
	kit_metric("taskhost_plugins{state=\"quarantined\"} 1");
	kit_counts.active = 3;
	kit_metric("taskhost_plugins{state=\"active\"} 3");
	kit_close();
}

/* ---- the worker ---------------------------------------------------------------------------------- */

TEST(loop_lag_is_measured)
{
	struct timespec late = {.tv_nsec = 30 * MS};

	kit_open(1);
	serve_metrics_start(k.metrics, 5 * MS);
	kit_metric("taskhost_loop_lag_seconds_bucket{le=\"0.01\"} 0");
	while (serve_metrics_beats(k.metrics) < 3)
		kit_turn();
	CHECK(value_of("taskhost_loop_lag_seconds_count") >= 3);
	nanosleep(&late, NULL);
	kit_turn();
	CHECK(value_of("taskhost_loop_lag_seconds_sum") >= 0.025);
	kit_close();
}

static void on_closed(void *user)
{
	*(bool *)user = true;
}

TEST(connections_are_those_of_the_engine)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	const struct listen_options here = {.host = "127.0.0.1"};
	struct grpc_server *server;
	bool closed = false;
	int fd;

	kit_open(1);
	CHECK_OK(grpc_server_new(k.loop, NULL, &server, &k.err), k.err);
	CHECK_OK(grpc_server_listen(server, &here, NULL, NULL, &k.err), k.err);
	k.sources.engine = grpc_server_engine(server);
	serve_metrics_watch(k.metrics, &k.sources);
	kit_metric("taskhost_connections 0");
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	to.sin_port = htons((uint16_t)grpc_server_port(server, 0));
	CHECK(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
	while (grpc_server_connections(server) == 0)
		kit_turn();
	kit_metric("taskhost_connections 1");
	k.sources.engine = NULL;
	serve_metrics_watch(k.metrics, &k.sources);
	grpc_server_close(server, on_closed, &closed);
	while (!closed)
		kit_turn();
	close(fd);
	kit_close();
}

/* Whatever has a name has a value: nothing is described that nobody sets. `reloads` is the
 * catalog's. */
TEST(every_family_has_a_value)
{
	const struct catalog_generation_view generation = {.status = {.runners = 1}};
	const struct run_result bad = {.outcome = RUN_ERROR, .code = STR("Bad")};
	char id[IDENT_TEXT + 1], name[100], sample[120];

	kit_open(4);
	serve_metrics_start(k.metrics, MS);
	kit_views[0] =
		(struct catalog_view){.id = "p", .generations = &generation, .n_generations = 1};
	kit_n_views = 1;
	kit_pool.crashed = 1;
	kit_succeed(kit_create("t", id));
	kit_end(kit_create("t", id), &bad);
	metric_inc(metric_with(k.families.reloads, (struct str[]){STR("ok")}), 1);
	kit_get("/metrics");
	CHECK_INT(k.status, 200);
	for (const char *p = k.body; (p = strstr(p, "# TYPE ")); p++) {
		CHECK(sscanf(p, "# TYPE %99s", name) == 1);
		snprintf(sample, sizeof(sample), "\n%s", name);
		kit_has(sample);
	}
	kit_has("# TYPE taskhost_run_outcomes_total counter");
	kit_has("# TYPE taskhost_build_info gauge");
	kit_close();
}
