/* A no-op execution from create to done, durable at both ends: dispatch on the real store, with a
 * runner that finishes at once. What is measured is everything but RPC and process isolation.
 *
 *   dispatch [outstanding...]     default 1 16 64 256
 *
 * Per line: executions per second, microseconds of CPU per execution (both threads), and the median
 * latency of create to durable and of create to done. */
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "dispatch/dispatch.h"
#include "lib/idle_runners.h"
#include "store/state_dir.h"
#include "store/store_sqlite.h"

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

#define RUN_NS  INT64_C(2000000000)
#define MOST    IDLE_RUNS
#define SAMPLES 200000

static struct dispatch *d;
static struct store *store;
static sem_t woken;
static int64_t until_ns;
static size_t in_flight, n_done;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "bench dispatch: %s\n", what);
	exit(1);
}

/* ---- runners ----------------------------------------------------------------------------- */

static struct idle_runners runners;

static void finish_started(void)
{
	struct run_result r = {.outcome = RUN_DONE, .outputs = STR("\n\x06\n\x01o\x12\x01\x00")};

	idle_runners_end(&runners, d, &r);
}

/* ---- clients ----------------------------------------------------------------------------- */

static struct client {
	struct dispatch_created created;
	struct dispatch_watch watch;
	int64_t began;
} clients[MOST];

static double accept_us[SAMPLES], done_us[SAMPLES];
static size_t n_accept, n_whole;

static void begin(struct client *c);

static void on_change(struct dispatch_watch *w, const struct dispatch_answer *a)
{
	struct client *c = CONTAINER_OF(w, struct client, watch);

	if (a->state < EXEC_FINISHED)
		return;
	if (a->state != EXEC_SUCCEEDED)
		die("an execution failed");
	if (n_whole < SAMPLES)
		done_us[n_whole++] = (double)(clock_monotonic_ns() - c->began) / 1000;
	n_done++;
	in_flight--;
	if (clock_monotonic_ns() < until_ns)
		begin(c);
}

static void on_created(struct dispatch_created *created)
{
	struct client *c = CONTAINER_OF(created, struct client, created);

	if (created->status < 0)
		die(created->why);
	if (n_accept < SAMPLES)
		accept_us[n_accept++] = (double)(clock_monotonic_ns() - c->began) / 1000;
	c->watch = (struct dispatch_watch){.changed = on_change};
	if (dispatch_watch(d, created->id, &c->watch) < 0)
		die("an execution is gone");
}

static void begin(struct client *c)
{
	static char spec[271];
	struct dispatch_request r = {
		.plugin = STR("arith"),
		.type = STR("add"),
		.name = STR("arith.add"),
		.spec = {spec, sizeof(spec)},
		.output_prefix = STR("s3://bucket/prefix"),
		.owned = true,
		.priority = 5,
	};

	c->began = clock_monotonic_ns();
	c->created = (struct dispatch_created){.done = on_created};
	if (dispatch_create(d, &r, &c->created) != 0)
		die(c->created.why);
	in_flight++;
}

/* ---- measuring --------------------------------------------------------------------------- */

static void wake(void *user)
{
	(void)user;
	sem_post(&woken);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), by_value);
	return n ? v[n / 2] : 0;
}

static void measure(size_t outstanding)
{
	int64_t began = clock_monotonic_ns(), cpu = clock_cpu_ns(), took;

	n_done = n_accept = n_whole = 0;
	until_ns = began + RUN_NS;
	for (size_t i = 0; i < outstanding; i++)
		begin(&clients[i]);
	while (in_flight > 0) {
		if (runners.n == 0)
			sem_wait(&woken);
		store_hold(store);
		store_complete(store);
		finish_started();
		store_unhold(store);
	}
	took = clock_monotonic_ns() - began;
	printf("%5zu outstanding: %8.0f/s  cpu %6.2f us  accepted %8.1f us  done %8.1f us\n",
	       outstanding, (double)n_done * 1e9 / (double)took,
	       (double)(clock_cpu_ns() - cpu) / 1000 / (double)n_done, median(accept_us, n_accept),
	       median(done_us, n_whole));
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct dispatch_options o = {.config = dispatch_defaults(),
				     .clock = idle_clock(&runners),
				     .runners = idle_runners(&runners)};
	struct state_dir dir = STATE_DIR_INIT;
	struct store_sqlite_options so = {.wake = wake};
	struct error err = ERROR_INIT;
	char *path = NULL;

	sem_init(&woken, 0, 0);
	if (dir_make_temp(getenv("TASKHOST_BENCH_DIR"), "taskhost-bench-", &path, &err) < 0 ||
	    state_dir_open(&dir, path, &err) < 0)
		die(err.message);
	so.dir = dir.path;
	if (store_sqlite_open(&so, &store, &err) < 0)
		die(err.message);
	o.store = store;
	o.config.slots = MOST;
	if (dispatch_new(&o, &d, &err) < 0 || dispatch_recover(d, &err) < 0)
		die(err.message);
	if (argc > 1)
		for (int i = 1; i < argc; i++)
			measure(MIN((size_t)strtoul(argv[i], NULL, 10), (size_t)MOST));
	else
		for (size_t n = 1; n <= 256; n *= n == 1 ? 16 : 4)
			measure(n);
	store_close(store);
	dispatch_free(d);
	state_dir_close(&dir);
	dir_remove(path, NULL);
	free(path);
	return 0;
}
