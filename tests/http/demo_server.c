/* The admin port over made-up data: a worker with executions in every state, plugins with every
 * verdict, and names that try to be markup. For tests of the page and of the port; prints
 * "admin ADDRESS" and runs until SIGTERM.
 *
 *   demo_server [--host H] [--port N] [--connections N] [--patience MS] [--request-max BYTES]
 *               [--delay MS] [--never] [--dead] [--not-ready REASON]
 *
 * --delay answers what can be answered later only after so long; --never does not at all. */
#include "demo.h"

#include "base/clock.h"
#include "base/mem.h"
#include "loop/watch.h"

#include <signal.h>
#include <stdio.h>

/* ---- the worker and its plugins ------------------------------------------------------------ */

static bool on_live(void *user, struct buf *why)
{
	const struct demo *d = user;

	if (d->dead)
		buf_puts(why, "the store's thread has not answered for 10 s");
	return !d->dead;
}

static bool on_ready_ask(void *user, struct buf *why)
{
	const struct demo *d = user;

	if (d->not_ready)
		buf_puts(why, d->not_ready);
	return !d->not_ready;
}

static bool on_started(void *user, struct buf *why)
{
	(void)user, (void)why;
	return true;
}

static void on_metrics(void *user, struct buf *out)
{
	struct demo *d = user;

	metrics_print(d->metrics, out);
}

static void on_worker(void *user, struct http_answer *a)
{
	struct demo *d = user;
	const struct http_worker w = {.version = STR(TASKHOST_VERSION),
				      .name = STR("demo"),
				      .state = d->not_ready ? STR("draining") : STR("ready"),
				      .reason = str_of(d->not_ready),
				      .grpc = STR("127.0.0.1:8000"),
				      .socket = STR("/run/taskhost/worker.sock"),
				      .started_ns = d->began_ns - 3700 * S,
				      .slots = 8,
				      .slots_used = 3,
				      .queued = 15,
				      .running = 3,
				      .oldest_ns = 4200 * MS,
				      .store = STR("well")};

	http_answer_worker(a, &w);
	http_answer_end(a, false);
}

static void on_series(void *user, int64_t since, struct http_answer *a)
{
	const struct demo *d = user;
	int64_t now = clock_realtime_ns() / S;

	for (int64_t s = MAX(since + 1, now - SERIES_SECONDS + 1); s <= now; s++) {
		struct series_point p = series_at(&d->series, s);
		const struct http_point out = {.second = s,
					       .done = p.done,
					       .failed = p.failed,
					       .p50_ns = p.p50_ns,
					       .p99_ns = p.p99_ns};

		http_answer_point(a, &out);
	}
	http_answer_end(a, false);
}

static void on_plugins(void *user, struct http_answer *a)
{
	const struct demo *d = user;
	const struct str offers[] = {STR("arith.add"), STR("arith.mean"), STR(DEMO_MARKUP)};
	const struct http_plugin list[] = {
		{.id = STR("arith"),
		 .version = STR("1.2.0"),
		 .file = STR("/usr/lib/taskhost/plugins/arith.so"),
		 .digest = STR("sha256:3f2a"),
		 .state = STR("active"),
		 .isolation = STR("process"),
		 .limits = STR("memory 512 MiB (cgroup)"),
		 .offers = offers,
		 .n_offers = ARRAY_LEN(offers),
		 .runners = 4,
		 .busy = 3,
		 .queued = 2,
		 .running = 3,
		 .runs = 128934},
		{.id = STR("echo"),
		 .version = STR("0.9"),
		 .state = STR("quarantined"),
		 .reason = STR("5 crashes in 60 s, the last one by signal 11 (SIGSEGV)"),
		 .quarantined_until_ns = clock_realtime_ns() + 25 * S,
		 .isolation = STR("process"),
		 .offers = offers,
		 .n_offers = 1,
		 .crashes = 5},
		{.id = STR("fast"),
		 .version = STR("2.0"),
		 .state = STR("active"),
		 .isolation = STR("in-process: crashes and hard cancels are not contained"),
		 .runs = 5},
		{.id = STR(DEMO_MARKUP),
		 .state = STR("refused"),
		 .reason = STR("wants plugin ABI 2.0, this host offers 1.0: rebuild it")},
	};

	(void)d;
	for (size_t i = 0; i < ARRAY_LEN(list); i++)
		http_answer_plugin(a, &list[i]);
	http_answer_end(a, false);
}

/* ---- work -------------------------------------------------------------------------------- */

/* Ten times a second something ends. */
static void on_work(struct loop_timer *t)
{
	struct demo *d = CONTAINER_OF(t, struct demo, work);
	int64_t now = clock_realtime_ns();

	for (unsigned i = 0; i < 3 + d->ended % 7; i++, d->ended++) {
		series_add(&d->series, now, (2 + d->ended % 40) * MS, d->ended % 19 != 0);
		metric_inc(d->done, 1);
	}
	loop_timer_set(d->loop, t, loop_now_ns() + 100 * MS);
}

static void past(struct demo *d)
{
	for (int64_t s = d->began_ns / S - 110; s < d->began_ns / S; s++)
		for (int64_t i = 0; i < 20 + s % 23 + (s / 30 % 2) * 25; i++)
			series_add(&d->series, s * S, (1 + i * i % 60) * MS, i % 21 != 0);
	d->log_len = (size_t)snprintf(d->log, DEMO_LOG_SIZE, "the first line\n");
	while (d->log_lines < 10)
		demo_log_line(d);
}

/* ---- the program ------------------------------------------------------------------------- */

static void on_stop(void *user, int signo)
{
	(void)signo;
	loop_stop(user);
}

static int parse(int argc, char **argv, struct demo *d, struct http_params *p)
{
	for (int i = 1; i < argc; i++) {
		const char *option = argv[i], *value = i + 1 < argc ? argv[i + 1] : "";

		if (streq(option, "--never"))
			d->never = true;
		else if (streq(option, "--dead"))
			d->dead = true;
		else if (i++ + 1 >= argc)
			return -1;
		else if (streq(option, "--host"))
			p->host = value;
		else if (streq(option, "--port"))
			p->port = atoi(value);
		else if (streq(option, "--connections"))
			p->connections_max = (unsigned)atoi(value);
		else if (streq(option, "--patience"))
			p->patience_ns = atoi(value) * MS;
		else if (streq(option, "--request-max"))
			p->request_max = (size_t)atoi(value);
		else if (streq(option, "--delay"))
			d->delay_ns = atoi(value) * MS;
		else if (streq(option, "--not-ready"))
			d->not_ready = value;
		else
			return -1;
	}
	return 0;
}

static int serve(struct demo *d, const struct http_params *params, struct error *err)
{
	const struct metric_desc done = {
		.name = "demo_done_total", .help = "What ended.", .kind = METRIC_COUNTER};
	struct metric_family *family;
	struct http_server *server;
	struct signal_watch *term;
	int r = metrics_new(&d->metrics, err);

	if (r == 0)
		r = metrics_register(d->metrics, &done, &family, err);
	if (r == 0)
		r = loop_new(&d->loop, err);
	if (r == 0)
		r = signal_watch_new(d->loop, SIGTERM, on_stop, d->loop, &term, err);
	if (r == 0)
		r = http_server_new(d->loop, params, &d->source, &server, err);
	if (r < 0)
		return r;
	d->done = metric_with(family, NULL);
	past(d);
	on_work(&d->work);
	printf("admin %s\n", http_server_address(server));
	fflush(stdout);
	loop_run(d->loop);
	http_server_close(server);
	demo_answer_all(d);
	signal_watch_close(term);
	loop_timer_cancel(d->loop, &d->work);
	metrics_free(d->metrics);
	return loop_close(d->loop, err);
}

int main(int argc, char **argv)
{
	struct http_params params = {.host = "127.0.0.1"};
	struct error err = ERROR_INIT;
	struct demo *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return 1;
	d->began_ns = clock_realtime_ns();
	d->work.fire = on_work;
	d->source = (struct http_source){.live = on_live,
					 .ready = on_ready_ask,
					 .started = on_started,
					 .metrics = on_metrics,
					 .worker = on_worker,
					 .series = on_series,
					 .executions = demo_executions,
					 .execution = demo_execution,
					 .logs = demo_logs,
					 .plugins = on_plugins,
					 .user = d};
	if (parse(argc, argv, d, &params) < 0) {
		fprintf(stderr, "demo_server: unknown option, or one without its value\n");
		free(d);
		return 2;
	}
	r = serve(d, &params, &err);
	if (r < 0)
		fprintf(stderr, "demo_server: %s\n", err.message);
	free(d);
	return r < 0;
}
