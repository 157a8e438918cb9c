#include "serve_kit.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE INT64_C(60000000000)

struct kit k;

/* ---- in place of catalog and pool -------------------------------------------------------------- */

static char a_catalog, a_pool;
struct catalog *const kit_catalog = (struct catalog *)(void *)&a_catalog;
const struct runner_pool *const kit_runner_pool = (const struct runner_pool *)(void *)&a_pool;
struct catalog_view kit_views[8];
size_t kit_n_views;
struct catalog_counts kit_counts;
struct runner_pool_stats kit_pool;

void catalog_list(struct catalog *c,
		  bool all,
		  void (*each)(void *context, const struct catalog_view *v),
		  void *context)
{
	CHECK(c == kit_catalog && !all);
	for (size_t i = 0; i < kit_n_views; i++)
		each(context, &kit_views[i]);
}

struct catalog_counts catalog_counts(const struct catalog *c)
{
	CHECK(c == kit_catalog);
	return kit_counts;
}

void runner_pool_stats(const struct runner_pool *p, struct runner_pool_stats *ret)
{
	CHECK(p == kit_runner_pool);
	*ret = kit_pool;
}

/* ---- what dispatch needs ------------------------------------------------------------------------- */

static int64_t now(void *user)
{
	(void)user;
	return clock_monotonic_ns();
}

static int64_t wall(void *user)
{
	(void)user;
	return clock_realtime_ns();
}

static uint64_t chance(void *user)
{
	(void)user;
	k.random = k.random * 6364136223846793005u + 1442695040888963407u;
	return k.random >> 11;
}

static void wake_at(void *user, int64_t when_ns)
{
	(void)user;
	k.wake_at = when_ns;
}

static bool ready(void *user, struct str plugin, struct str type, struct dispatch_hold *hold)
{
	(void)user, (void)plugin, (void)type;
	hold->until_ns = INT64_MAX;
	if (k.hold)
		snprintf(hold->why, sizeof(hold->why), "%s", k.hold);
	return !k.hold;
}

static int start(void *user, const struct dispatch_run *run, struct error *err)
{
	(void)user;
	if (k.n_runs == KIT_RUNS)
		return err_set(err, ERR_LIMIT, "too many runs for a test");
	k.runs[k.n_runs++] = (struct kit_run){run->id, run->run};
	return 0;
}

static void stop(void *user, uint64_t id, uint32_t run, enum stop_how how)
{
	(void)user, (void)id, (void)run, (void)how;
}

static bool can(void *user, struct str uri)
{
	(void)user, (void)uri;
	return false;
}

static void took(void *user, enum dispatch_time what, struct str type, int64_t ns)
{
	(void)user;
	serve_metrics_took(k.metrics, what, type, ns);
}

static void ended(void *user, struct str type, enum exec_state state, struct str code)
{
	(void)user;
	serve_metrics_ended(k.metrics, type, state, code);
}

/* ---- opening and closing ------------------------------------------------------------------------- */

static void on_wake(void *user)
{
	(void)user; /* every turn looks */
}

static void open_store(int n)
{
	struct store_sqlite_options o = {.wake = on_wake};
	struct logs_params logs;
	char path[4096];

	snprintf(path, sizeof(path), "%s/state%d", test_tmpdir(), n);
	k.dir = (struct state_dir)STATE_DIR_INIT;
	CHECK_OK(state_dir_open(&k.dir, path, &k.err), k.err);
	o.dir = k.dir.path;
	CHECK_OK(store_sqlite_open(&o, &k.store, &k.err), k.err);
	snprintf(path, sizeof(path), "%s/logs%d", test_tmpdir(), n);
	logs = (struct logs_params){.directory = path};
	CHECK_OK(logs_new(k.loop, &logs, &k.logs, &k.err), k.err);
}

static void open_dispatch(unsigned slots)
{
	struct dispatch_options o = {
		.config = dispatch_defaults(),
		.clock = {.now = now, .wall = wall, .random = chance, .wake_at = wake_at},
		.runners = {.ready = ready, .start = start, .stop = stop},
		.data = {.can = can},
		.hooks = {.took = took, .ended = ended},
		.store = k.store,
		.meta_key = {{7}},
		.incarnation = 99,
	};

	o.config.slots = slots;
	CHECK_OK(dispatch_new(&o, &k.dispatch, &k.err), k.err);
	CHECK_OK(dispatch_recover(k.dispatch, &k.err), k.err);
}

static void open_http(void)
{
	const struct http_params params = {.host = "127.0.0.1"};
	struct serve_http_params p = {
		.loop = k.loop,
		.dispatch = k.dispatch,
		.store = k.store,
		.catalog = kit_catalog,
		.logs = k.logs,
		.metrics = k.metrics,
		.facts = &k.facts,
	};

	CHECK_OK(serve_http_new(&p, &k.http, &k.err), k.err);
	CHECK_OK(http_server_new(k.loop, &params, serve_http_source(k.http), &k.server, &k.err),
		 k.err);
}

void kit_open(unsigned slots)
{
	static int n;

	k = (struct kit){.random = 1, .wake_at = INT64_MAX, .reply = BUF_INIT};
	kit_n_views = 0;
	kit_counts = (struct catalog_counts){.plugins = 1, .active = 1};
	kit_pool = (struct runner_pool_stats){.runners = 0};
	CHECK_OK(loop_new(&k.loop, &k.err), k.err);
	open_store(n++);
	CHECK_OK(worker_metrics_init(&k.families, &k.err), k.err);
	CHECK_OK(serve_metrics_new(k.loop, &k.families, &k.metrics, &k.err), k.err);
	open_dispatch(slots);
	k.sources = (struct serve_metrics_sources){.dispatch = k.dispatch,
						   .store = k.store,
						   .pool = kit_runner_pool,
						   .catalog = kit_catalog};
	serve_metrics_watch(k.metrics, &k.sources);
	open_http();
}

static void on_closed(void *user)
{
	*(bool *)user = true;
}

void kit_close(void)
{
	const struct serve_metrics_sources none = {.store = NULL};
	bool logs_closed = false;

	serve_metrics_watch(k.metrics, &none);
	http_server_close(k.server);
	serve_http_free(k.http);
	store_close(k.store);
	dispatch_free(k.dispatch);
	logs_close(k.logs, on_closed, &logs_closed);
	while (!logs_closed)
		loop_run_once(k.loop, MS);
	serve_metrics_free(k.metrics);
	worker_metrics_done(&k.families);
	CHECK_OK(loop_close(k.loop, &k.err), k.err);
	state_dir_close(&k.dir);
	buf_done(&k.reply);
}

/* ---- moving -------------------------------------------------------------------------------------- */

void kit_turn(void)
{
	loop_run_once(k.loop, MS);
	if (!k.deaf)
		store_complete(k.store);
	if (k.wake_at <= clock_monotonic_ns())
		dispatch_tick(k.dispatch);
}

static void turn_until(int64_t since)
{
	if (clock_monotonic_ns() - since > PATIENCE)
		test_fail(__FILE__, __LINE__, "nothing happens");
	kit_turn();
}

/* ---- the client ---------------------------------------------------------------------------------- */

int kit_ask(const char *path)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char request[1024];
	int len = snprintf(request, sizeof(request),
			   "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", path);

	CHECK(fd >= 0);
	to.sin_port = htons((uint16_t)http_server_port(k.server));
	CHECK(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
	CHECK(send(fd, request, (size_t)len, MSG_NOSIGNAL) == len);
	return fd;
}

const char *kit_answer(int fd)
{
	int64_t since = clock_monotonic_ns();
	const char *end;
	char part[4096];
	ssize_t n;

	buf_clear(&k.reply);
	while ((n = recv(fd, part, sizeof(part), MSG_DONTWAIT)) != 0) {
		if (n > 0)
			buf_append(&k.reply, part, (size_t)n);
		else if (errno == EAGAIN)
			turn_until(since);
		else
			break;
	}
	close(fd);
	buf_putc(&k.reply, '\0');
	CHECK(!k.reply.failed);
	end = strstr(k.reply.data, "\r\n\r\n");
	k.status = end ? atoi(k.reply.data + strlen("HTTP/1.1 ")) : 0;
	k.body = end ? end + 4 : k.reply.data;
	return k.body;
}

const char *kit_get(const char *path)
{
	return kit_answer(kit_ask(path));
}

void kit_has(const char *words)
{
	if (!strstr(k.body, words))
		test_fail(__FILE__, __LINE__, "no \"%s\" in: %s", words, k.body);
}

void kit_has_not(const char *words)
{
	if (strstr(k.body, words))
		test_fail(__FILE__, __LINE__, "\"%s\" in: %s", words, k.body);
}

void kit_metric(const char *line)
{
	char with_breaks[300];

	kit_get("/metrics");
	CHECK_INT(k.status, 200);
	snprintf(with_breaks, sizeof(with_breaks), "\n%s\n", line);
	kit_has(with_breaks);
}

/* ---- executions ---------------------------------------------------------------------------------- */

static void on_created(struct dispatch_created *c)
{
	c->done = NULL;
}

static void create(const char *type, struct dispatch_created *c)
{
	const struct dispatch_request r = {.plugin = STR("p"),
					   .type = str_of(type),
					   .name = STR("p.task"),
					   .spec = STR("spec"),
					   .owned = true};

	*c = (struct dispatch_created){.done = on_created};
	if (dispatch_create(k.dispatch, &r, c) != 0)
		c->done = NULL;
}

static uint64_t wait_created(struct dispatch_created *c, char text[IDENT_TEXT + 1])
{
	int64_t since = clock_monotonic_ns();

	while (c->done)
		turn_until(since);
	CHECK_STR(c->why, "");
	CHECK_INT(c->status, 0);
	ident_format(c->id, text);
	return c->id;
}

uint64_t kit_create(const char *type, char text[IDENT_TEXT + 1])
{
	struct dispatch_created c;

	create(type, &c);
	return wait_created(&c, text);
}

void kit_create_many(const char *type, size_t n, char text[IDENT_TEXT + 1])
{
	struct dispatch_created *all = calloc(n, sizeof(*all));

	CHECK(all);
	for (size_t i = 0; i < n; i++)
		create(type, &all[i]);
	for (size_t i = 0; i < n; i++)
		wait_created(&all[i], text);
	free(all);
}

struct kit_run *kit_start(uint64_t id)
{
	int64_t since = clock_monotonic_ns();

	for (;;) {
		for (size_t i = 0; i < k.n_runs; i++) {
			if (k.runs[i].id == id) {
				dispatch_run_started(k.dispatch, id, k.runs[i].run);
				return &k.runs[i];
			}
		}
		turn_until(since);
	}
}

static bool finished(uint64_t id)
{
	struct dispatch_get get = {.status = 0};
	int r = dispatch_get_id(k.dispatch, id, &get);

	if (r == 0)
		dispatch_get_forget(&get);
	return r == 0 || exec_state_finished(get.answer.state);
}

void kit_end(uint64_t id, const struct run_result *result)
{
	const struct kit_run *run = kit_start(id);
	int64_t since = clock_monotonic_ns();

	dispatch_run_ended(k.dispatch, id, run->run, result);
	while (!finished(id))
		turn_until(since);
}

void kit_succeed(uint64_t id)
{
	const struct run_result result = {.outcome = RUN_DONE, .outputs = STR("out")};

	kit_end(id, &result);
}
