#include "serve_kit.h"

#include "base/clock.h"

#include <sys/socket.h>
#include <unistd.h>

static void check(const char *path, int status, const char *words)
{
	kit_get(path);
	CHECK_INT(k.status, status);
	kit_has(words);
}

static void all_well(void)
{
	k.facts = (struct serve_http_facts){.name = "w1",
					    .grpc = "127.0.0.1:8000",
					    .socket = "/run/w.sock",
					    .started_ns = INT64_C(1700000000) * 1000000000,
					    .recovered = true,
					    .scanned = true};
}

/* ---- health -------------------------------------------------------------------------------------- */

TEST(probes_say_what_is_missing)
{
	kit_open(2);
	check("/livez", 200, "ok");
	check("/startupz", 503, "taken up");
	check("/readyz", 503, "taken up");
	check("/api/worker", 200, "\"state\":\"starting\"");
	k.facts.recovered = true;
	check("/startupz", 503, "plugins are being loaded");
	k.facts.scanned = true;
	check("/startupz", 200, "ok");
	check("/readyz", 200, "ok");
	kit_counts = (struct catalog_counts){.plugins = 0};
	check("/readyz", 503, "none is in the plugin directories");
	kit_counts = (struct catalog_counts){.plugins = 2, .refused = 2};
	check("/readyz", 503, "2 refused");
	check("/startupz", 200, "ok");
	kit_counts = (struct catalog_counts){.plugins = 1, .quarantined = 1};
	check("/readyz", 200, "ok");
	kit_counts = (struct catalog_counts){.plugins = 1, .disabled = 1};
	check("/readyz", 200, "ok");
	k.facts.not_ready = "the certificate cannot be read";
	check("/readyz", 503, "the certificate cannot be read");
	check("/startupz", 200, "ok");
	check("/api/worker", 200, "\"state\":\"not ready\"");
	kit_has("\"reason\":\"the certificate cannot be read\"");
	k.facts.not_ready = NULL;
	dispatch_drain(k.dispatch);
	check("/readyz", 503, "stopping");
	check("/livez", 200, "ok");
	check("/api/worker", 200, "\"state\":\"draining\"");
	kit_close();
}

static struct store_stats bad_stats;

static void give_stats(struct store *s, struct store_stats *ret)
{
	(void)s;
	*ret = bad_stats;
}

static const struct store_ops bad_ops = {.stats = give_stats};

static void beat_on(uint64_t beats)
{
	uint64_t end = serve_metrics_beats(k.metrics) + beats;

	while (serve_metrics_beats(k.metrics) < end)
		kit_turn();
}

TEST(live_until_writes_wait_without_a_commit)
{
	static struct store bad = {&bad_ops};

	kit_open(2);
	all_well();
	bad_stats = (struct store_stats){.condition = STORE_FULL, .waiting = 3, .commits = 5};
	k.sources.store = &bad;
	serve_metrics_watch(k.metrics, &k.sources);
	serve_metrics_start(k.metrics, MS);
	beat_on(STUCK_BEATS + 5);
	check("/livez", 200, "ok"); /* a full disk is no reason for a restart */
	bad_stats.condition = STORE_WELL;
	beat_on(STUCK_BEATS + 5);
	check("/livez", 503, "writes have waited for ");
	bad_stats.commits++;
	beat_on(2);
	check("/livez", 200, "ok");
	kit_close();
}

TEST(live_until_reads_are_not_answered)
{
	int waiting;

	kit_open(2);
	all_well();
	serve_metrics_start(k.metrics, MS);
	k.deaf = true;
	waiting = kit_ask("/api/executions");
	beat_on(STUCK_BEATS + 20);
	check("/livez", 503, "not answered a read");
	k.deaf = false;
	kit_answer(waiting);
	CHECK_INT(k.status, 200);
	check("/livez", 200, "ok");
	kit_close();
}

static enum store_condition condition;
static struct store *real;

static void give_condition(struct store *s, struct store_stats *ret)
{
	(void)s;
	store_stats(real, ret);
	ret->condition = condition;
	snprintf(ret->why, sizeof(ret->why), "no room on /var");
}

TEST(not_ready_while_the_store_takes_nothing)
{
	static const struct store_ops ops = {.stats = give_condition};
	static struct store full = {&ops};

	kit_open(2);
	all_well();
	real = k.store;
	k.http->params.store = &full;
	condition = STORE_FULL;
	check("/readyz", 503, "store: disk full: no room on /var");
	check("/api/worker", 200, "\"store\":\"disk full\"");
	condition = STORE_WELL;
	check("/readyz", 200, "ok");
	kit_close();
}

/* ---- the worker ---------------------------------------------------------------------------------- */

TEST(worker_and_its_numbers)
{
	char id[IDENT_TEXT + 1];
	uint64_t first;

	kit_open(1);
	all_well();
	first = kit_create("t", id);
	kit_start(first);
	kit_create("t", id);
	kit_create("t", id);
	check("/api/worker", 200, "\"version\":\"" TASKHOST_VERSION "\"");
	kit_has("\"name\":\"w1\"");
	kit_has("\"state\":\"ready\"");
	kit_has("\"grpc\":\"127.0.0.1:8000\"");
	kit_has("\"socket\":\"/run/w.sock\"");
	kit_has("\"store\":\"well\"");
	kit_has("\"started_ms\":1700000000000");
	kit_has("\"slots\":1,");
	kit_has("\"slots_used\":1,");
	kit_has("\"queued\":2,");
	kit_has("\"running\":1,");
	kit_has_not("reason");
	kit_close();
}

static unsigned count(const char *words)
{
	unsigned n = 0;

	for (const char *p = k.body; (p = strstr(p, words)); p++)
		n++;
	return n;
}

TEST(series_has_what_ended)
{
	const struct run_result bad = {.outcome = RUN_ERROR, .code = STR("Bad")};
	char id[IDENT_TEXT + 1], path[64];
	int64_t before = clock_realtime_ns() / 1000000000 - 1, now;

	kit_open(4);
	kit_succeed(kit_create("t", id));
	kit_succeed(kit_create("t", id));
	kit_end(kit_create("t", id), &bad);
	snprintf(path, sizeof(path), "/api/series?since=%lld", (long long)before);
	kit_get(path);
	CHECK_INT(k.status, 200);
	CHECK(count("\"second\":") <= 60);
	kit_has("\"p99_ms\":");
	now = clock_realtime_ns() / 1000000000;
	CHECK_INT(series_over(serve_metrics_series(k.metrics), now, 60).done, 2);
	CHECK_INT(series_over(serve_metrics_series(k.metrics), now, 60).failed, 1);
	CHECK(strstr(k.body, "\"failed\":1,") != NULL);
	check("/api/series", 200, "{\"points\":[{\"second\":");
	CHECK_INT(count("\"second\":"), SERIES_SECONDS);
	check("/api/series?since=9223372036854775807", 200, "{\"points\":[]");
	kit_close();
}

/* ---- executions ---------------------------------------------------------------------------------- */

TEST(list_newest_first_and_page_by_page)
{
	char ids[5][IDENT_TEXT + 1], path[100];
	const char *at = NULL;

	kit_open(8);
	for (size_t i = 0; i < ARRAY_LEN(ids); i++)
		kit_succeed(kit_create(i == 2 ? "other" : "t", ids[i]));
	kit_get("/api/executions");
	CHECK_INT(k.status, 200);
	kit_has("\"more\":false");
	at = k.body;
	for (size_t i = ARRAY_LEN(ids); i-- > 0;) {
		at = strstr(at, ids[i]);
		CHECK(at != NULL);
	}
	kit_get("/api/executions?limit=2");
	CHECK_INT(count("\"id\":"), 2);
	kit_has(ids[4]);
	kit_has(ids[3]);
	kit_has("\"more\":true");
	snprintf(path, sizeof(path), "/api/executions?limit=2&before=%s", ids[2]);
	kit_get(path);
	CHECK_INT(count("\"id\":"), 2);
	kit_has(ids[1]);
	kit_has("\"more\":false");
	check("/api/executions?type=other", 200, ids[2]);
	CHECK_INT(count("\"id\":"), 1);
	check("/api/executions?plugin=nobody", 200, "{\"executions\":[]");
	check("/api/executions?plugin=p&type=t", 200, ids[0]);
	CHECK_INT(count("\"id\":"), 4);
	kit_close();
}

TEST(list_by_state_as_it_is_now)
{
	const struct run_result bad = {.outcome = RUN_ERROR, .code = STR("Bad")};
	const struct run_result again = {
		.outcome = RUN_ERROR, .code = STR("B"), .recoverable = true};
	char running[IDENT_TEXT + 1], waiting[IDENT_TEXT + 1], done[IDENT_TEXT + 1],
		failed[IDENT_TEXT + 1], retryable[IDENT_TEXT + 1];

	kit_open(1);
	kit_succeed(kit_create("t", done));
	kit_end(kit_create("t", failed), &bad);
	kit_end(kit_create("t", retryable), &again);
	kit_start(kit_create("t", running));
	kit_create("t", waiting);
	check("/api/executions?state=RUNNING", 200, running);
	CHECK_INT(count("\"id\":"), 1);
	kit_has("\"state\":\"RUNNING\"");
	check("/api/executions?state=queued", 200, waiting);
	CHECK_INT(count("\"id\":"), 1);
	kit_has("\"cause\":\"position 1 of 1");
	check("/api/executions?state=SUCCEEDED", 200, done);
	CHECK_INT(count("\"id\":"), 1);
	check("/api/executions?state=failed", 200, failed);
	kit_has(retryable);
	CHECK_INT(count("\"id\":"), 2);
	check("/api/executions?state=retryable-failed", 200, retryable);
	CHECK_INT(count("\"id\":"), 1);
	check("/api/executions?state=cancelling", 200, "{\"executions\":[],\"more\":false}");
	kit_close();
}

/* Rows that memory knows better are looked through until there are enough. */
TEST(list_of_the_running_goes_through_all_that_wait)
{
	char running[IDENT_TEXT + 1], id[IDENT_TEXT + 1];

	kit_open(1);
	kit_start(kit_create("t", running));
	kit_create_many("t", 1100, id);
	check("/api/executions?state=RUNNING&limit=5", 200, running);
	CHECK_INT(count("\"id\":"), 1);
	kit_has("\"more\":false");
	check("/api/executions?state=QUEUED&limit=200", 200, id);
	CHECK_INT(count("\"id\":"), 200);
	kit_has("\"more\":true");
	kit_close();
}

TEST(list_refuses_what_makes_no_sense)
{
	char path[700] = "/api/executions?plugin=";

	kit_open(1);
	check("/api/executions?state=nonsense", 400, "there is no such state");
	check("/api/executions?before=abc", 400, "no execution's id");
	memset(path + strlen(path), 'x', 300);
	check(path, 400, "no plugin has so long a name");
	kit_close();
}

TEST(one_execution_with_its_timeline)
{
	const struct run_result bad = {.outcome = RUN_ERROR,
				       .code = STR("Bad"),
				       .message = STR("it went wrong"),
				       .usage = {12000000, 23 << 20}};
	char id[IDENT_TEXT + 1], path[64];
	uint64_t number;

	kit_open(1);
	number = kit_create("t", id);
	kit_start(number);
	snprintf(path, sizeof(path), "/api/executions/%s", id);
	check(path, 200, "\"state\":\"RUNNING\"");
	kit_has("\"finished\":false");
	kit_has("\"steps\":[{");
	kit_has("{\"state\":\"RUNNING\",\"run\":1,\"at_ms\":");
	kit_end(number, &bad);
	check(path, 200, "\"state\":\"FAILED\"");
	kit_has("\"task\":\"p.task\"");
	kit_has("\"type\":\"t\"");
	kit_has("\"plugin\":\"p\"");
	kit_has("\"finished\":true");
	kit_has("\"code\":\"Bad\"");
	kit_has("it went wrong");
	kit_has("\"cpu_ms\":12");
	kit_has("\"max_rss\":24117248");
	kit_has("{\"state\":\"FAILED\",\"run\":1,\"at_ms\":");
	CHECK_INT(count("\"state\":\"FAILED\""), 2); /* of the execution, and one step */
	kit_close();
}

TEST(unknown_execution_is_404)
{
	char id[IDENT_TEXT + 1], path[64];
	uint64_t number;

	kit_open(1);
	number = kit_create("t", id);
	ident_format(number - 1, id);
	snprintf(path, sizeof(path), "/api/executions/%s", id);
	check(path, 404, "no execution with that id");
	ident_format(number + 1, id); /* the newest below it is another one */
	snprintf(path, sizeof(path), "/api/executions/%s", id);
	check(path, 404, "no execution with that id");
	check("/api/executions/nonsense", 404, "no execution with that id");
	check("/api/executions/0000000000000", 404, "no execution with that id");
	kit_close();
}

/* ---- logs ---------------------------------------------------------------------------------------- */

TEST(logs_from_an_offset_and_from_the_end)
{
	char id[IDENT_TEXT + 1], path[100];
	struct log *log;

	kit_open(1);
	kit_create("t", id);
	snprintf(path, sizeof(path), "/api/executions/%s/logs", id);
	check(path, 404, "nothing is kept");
	CHECK_OK(log_open(k.logs, id, &log, &k.err), k.err);
	log_append(log, "first line\nlast line\n", 21);
	check(path, 200, "\"text\":\"first line\\nlast line\\n\"");
	kit_has("\"offset\":0,\"next\":21,\"gone\":0,\"lost\":0,\"end\":false");
	snprintf(path, sizeof(path), "/api/executions/%s/logs?offset=11", id);
	check(path, 200, "\"text\":\"last line\\n\"");
	kit_has("\"offset\":11,\"next\":21");
	snprintf(path, sizeof(path), "/api/executions/%s/logs?tail=5", id);
	check(path, 200, "\"text\":\"line\\n\"");
	kit_has("\"offset\":16,\"next\":21");
	log_close(log);
	check(path, 200, "\"end\":true");
	check("/api/executions/nonsense/logs", 404, "no execution with that id");
	k.http->params.logs = NULL;
	check(path, 404, "keeps no logs");
	kit_close();
}

/* ---- plugins ------------------------------------------------------------------------------------- */

TEST(plugins_with_verdicts_and_numbers)
{
	struct note_offer tasks[] = {{.name = STR("add")}, {.name = STR("mean")}};
	struct note_option_type types[] = {{.type = STR("sum")}};
	struct note_offer executors[] = {
		{.name = STR("Sum"), .task_types = types, .n_task_types = 1}};
	const struct note_plugin note = {.id = STR("arith"),
					 .version = STR("1.2.0"),
					 .tasks = tasks,
					 .n_tasks = 2,
					 .executors = executors,
					 .n_executors = 1};
	const struct catalog_generation_view generations[] = {
		{.digest = "sha256:new",
		 .status = {.runners = 3,
			    .busy = 1,
			    .queued = 2,
			    .running = 1,
			    .runs = 10,
			    .limits = {.limits = {.open_files = 256}}}},
		{.digest = "sha256:old",
		 .retiring = true,
		 .status = {.runners = 1, .busy = 1, .running = 1, .runs = 90, .crashes = 2}},
	};
	char lost[] = "type x is taken by b", *claims[] = {lost};

	kit_open(1);
	kit_views[0] = (struct catalog_view){.id = "arith",
					     .file = "/p/arith.so",
					     .reason = "",
					     .state = CATALOG_ACTIVE,
					     .note = &note,
					     .lost_claims = claims,
					     .n_lost_claims = 1,
					     .generations = generations,
					     .n_generations = 2};
	kit_views[1] = (struct catalog_view){
		.id = "old.so", .file = "/p/old.so", .state = CATALOG_REFUSED, .reason = "ABI 2.0"};
	kit_views[2] = (struct catalog_view){.id = "q",
					     .file = "/p/q.so",
					     .state = CATALOG_QUARANTINED,
					     .reason = "5 crashes",
					     .quarantined_until = INT64_C(1700000000) * 1000000000};
	kit_n_views = 3;
	check("/api/plugins", 200, "\"id\":\"arith\",\"version\":\"1.2.0\"");
	kit_has("\"file\":\"/p/arith.so\",\"digest\":\"sha256:new\",\"state\":\"active\"");
	kit_has("\"reason\":\"type x is taken by b\"");
	kit_has("\"isolation\":\"process\",\"limits\":\"open files 256\"");
	kit_has("\"offers\":[\"arith.add\",\"arith.mean\",\"sum\"]");
	kit_has("\"runners\":4,\"busy\":2,\"queued\":2,\"running\":2,\"runs\":100,\"crashes\":2");
	kit_has("\"state\":\"refused\",\"reason\":\"ABI 2.0\",\"offers\":[]");
	kit_has("\"state\":\"quarantined\"");
	kit_has("\"quarantined_until_ms\":1700000000000");
	kit_close();
}

/* ---- closing ------------------------------------------------------------------------------------- */

static int ask_in_vain(void)
{
	char id[IDENT_TEXT + 1];
	int waiting;

	kit_create("t", id);
	k.deaf = true;
	waiting = kit_ask("/api/executions");
	while (list_empty(&k.http->asks))
		kit_turn();
	return waiting;
}

TEST(questions_are_ended_when_the_source_goes_first)
{
	int waiting;

	kit_open(1);
	waiting = ask_in_vain();
	asks_end(k.http);
	kit_answer(waiting);
	CHECK_INT(k.status, 503);
	kit_has("the worker is stopping");
	k.deaf = false;
	kit_close(); /* the store's answer, which comes now, has nobody to go to */
}

TEST(questions_are_ended_when_the_server_closes)
{
	int waiting;
	char byte;

	kit_open(1);
	waiting = ask_in_vain();
	kit_close(); /* fails when a handle is left, and in ASan's eyes when an answer is */
	CHECK(recv(waiting, &byte, 1, MSG_DONTWAIT) <= 0);
	close(waiting);
}

TEST(questions_just_answered_are_freed)
{
	int waiting;

	kit_open(1);
	waiting = ask_in_vain();
	while (store_complete(k.store) == 0)
		;
	CHECK(!list_empty(&k.http->asks)); /* it is freed at the end of a turn that never comes */
	kit_close();
	close(waiting);
}
