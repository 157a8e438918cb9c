/* What a task costs through the ring: to a process, to a thread, and without it.
 *
 *   bench-ring FAKE_RUNNER [load|crash]     all of it; or one load, for a profiler; or crashes only
 *
 * CPU is that of host and runner together. With two CPUs the runner is measured beside the host and
 * on the same one. */
#include "../unit/runners/fake_ops.h"

#include "base/clock.h"
#include "base/mem.h"
#include "runners/logs.h"
#include "runners/pool.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define REQUEST  271
#define RESPONSE 193
#define ROUNDS   7

struct bench {
	struct loop *loop;
	struct runner_pool *pool;
	struct runner_generation *generation;
	const char *program;
	struct run_request request;
	struct slot *slots;
	size_t left, pending; /* tasks to start, and started */
	int64_t *latencies;
	size_t n_latencies;
	bool closed;
};

struct slot {
	struct run run;
	struct bench *bench;
	int64_t begun_ns;
};

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "bench-ring: %s\n", what);
	exit(1);
}

static void check(int r, const struct error *err)
{
	if (r < 0)
		die(err->message);
}

/* ---- runs --------------------------------------------------------------------------------- */

static void start(struct slot *s);

static void on_done(struct run *run, const struct run_end *end)
{
	struct slot *s = run->user;
	struct bench *b = s->bench;

	if (end->how != RUN_COMPLETED)
		die("a run was not completed");
	if (b->latencies)
		b->latencies[b->n_latencies++] = clock_monotonic_ns() - s->begun_ns;
	run_release(run);
	b->pending--;
	if (b->left > 0)
		start(s);
}

static const struct run_ops ops = {.done = on_done};

static void start(struct slot *s)
{
	struct bench *b = s->bench;
	struct error err = ERROR_INIT;

	b->left--;
	b->pending++;
	if (b->latencies)
		s->begun_ns = clock_monotonic_ns();
	check(run_start(b->generation, &b->request, &ops, &s->run, &err), &err);
}

static void run_tasks(struct bench *b, size_t n, size_t at_a_time)
{
	b->left = n;
	for (size_t i = 0; i < at_a_time && b->left > 0; i++) {
		b->slots[i].bench = b;
		b->slots[i].run.user = &b->slots[i];
		start(&b->slots[i]);
	}
	while (b->pending > 0)
		loop_run_once(b->loop, 1000000000);
}

/* ---- pools -------------------------------------------------------------------------------- */

static void on_closed(void *user)
{
	((struct bench *)user)->closed = true;
}

static void open_bench(struct bench *b, bool in_process, unsigned spares)
{
	struct error err = ERROR_INIT;
	struct runner_pool_params pool = {
		.program = b->program, .ops = &fake_ops, .spares = spares};
	struct runner_generation_params g = {.name = "bench",
					     .path = "/bench.so",
					     .digest = "0",
					     .in_process = in_process,
					     .max = 1};

	check(loop_new(&b->loop, &err), &err);
	check(runner_pool_new(b->loop, &pool, &b->pool, &err), &err);
	check(runner_generation_add(b->pool, &g, &b->generation, &err), &err);
}

static void close_bench(struct bench *b)
{
	b->closed = false;
	runner_pool_close(b->pool, on_closed, b);
	while (!b->closed)
		loop_run_once(b->loop, 1000000000);
	check(loop_close(b->loop, NULL), &(struct error){.message = "the loop is not empty"});
}

/* ---- measures ----------------------------------------------------------------------------- */

static int64_t children_ns(void)
{
	struct rusage u;

	getrusage(RUSAGE_CHILDREN, &u);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * INT64_C(1000000000) +
	       (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * INT64_C(1000);
}

static int by_value(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int64_t median(int64_t *v, size_t n)
{
	qsort(v, n, sizeof(*v), by_value);
	return v[n / 2];
}

struct cost {
	int64_t host, runner, wall; /* ns per task */
};

static struct cost measure(struct bench *b, bool in_process, size_t n, size_t at_a_time)
{
	int64_t host, runner, wall;

	open_bench(b, in_process, 0);
	run_tasks(b, 2000, at_a_time);
	runner = children_ns();
	host = clock_cpu_ns();
	wall = clock_monotonic_ns();
	run_tasks(b, n, at_a_time);
	wall = clock_monotonic_ns() - wall;
	host = clock_cpu_ns() - host;
	close_bench(b);
	runner = children_ns() - runner;
	return (struct cost){host / (int64_t)n, runner / (int64_t)n, wall / (int64_t)n};
}

static void report(struct bench *b, const char *what, bool in_process, size_t n, size_t at_a_time)
{
	int64_t host[ROUNDS], runner[ROUNDS], wall[ROUNDS];

	for (size_t i = 0; i < ROUNDS; i++) {
		struct cost c = measure(b, in_process, n, at_a_time);

		host[i] = c.host;
		runner[i] = c.runner;
		wall[i] = c.wall;
	}
	printf("%-28s %3zu at a time: %6lld ns CPU (host %lld, runner %lld), %lld ns wall\n", what,
	       at_a_time, (long long)(median(host, ROUNDS) + median(runner, ROUNDS)),
	       (long long)median(host, ROUNDS), (long long)median(runner, ROUNDS),
	       (long long)median(wall, ROUNDS));
}

static void report_latency(struct bench *b, const char *what, bool in_process)
{
	enum { N = 20000 };
	int64_t *v = calloc(N + 100, sizeof(*v));

	if (!v)
		die("out of memory");
	open_bench(b, in_process, 0);
	run_tasks(b, 1000, 1);
	b->latencies = v;
	b->n_latencies = 0;
	run_tasks(b, N, 1);
	b->latencies = NULL;
	close_bench(b);
	qsort(v, N, sizeof(*v), by_value);
	printf("%-28s   1 at a time: p50 %.1f us, p99 %.1f us\n", what, (double)v[N / 2] / 1e3,
	       (double)v[N * 99 / 100] / 1e3);
	free(v);
}

/* ---- without a ring ----------------------------------------------------------------------- */

static void answer(char *to, const char *request, const char *response)
{
	memcpy(to, request, REQUEST);
	memcpy(to + REQUEST, response, RESPONSE);
}

static void report_inline(const struct bench *b)
{
	void (*volatile call)(char *, const char *, const char *) = answer;
	enum { N = 2000000 };
	char to[REQUEST + RESPONSE];
	int64_t cpu = clock_cpu_ns();

	for (int i = 0; i < N; i++)
		call(to, b->request.inputs.ptr, b->request.context.ptr);
	printf("%-28s %20lld ns CPU\n", "a call that copies as much",
	       (long long)(clock_cpu_ns() - cpu) / N);
}

static void report_large(struct bench *b, const char *what, size_t size, size_t n, size_t at_a_time)
{
	struct run_request small = b->request;
	char *inputs = calloc(1, size);

	if (!inputs)
		die("out of memory");
	memcpy(inputs, "context", 8);
	b->request.inputs = (struct str){inputs, size};
	report(b, what, false, n, at_a_time);
	b->request = small;
	free(inputs);
}

/* ---- crashes ------------------------------------------------------------------------------ */

struct crash {
	struct bench *bench;
	int64_t seen_ns, ready_ns, began_ns;
	unsigned done;
};

static void on_crashed(struct run *run, const struct run_end *end)
{
	struct crash *c = run->user;

	c->seen_ns = end->ended_ns;
	if (end->death)
		c->began_ns = strtoll(end->death->step, NULL, 10);
	c->done++;
	run_release(run);
}

static void on_after(struct run *run, const struct run_end *end)
{
	struct crash *c = run->user;

	c->ready_ns = end->started_ns;
	c->done++;
	run_release(run);
}

static const struct run_ops crashed_ops = {.done = on_crashed}, after_ops = {.done = on_after};

static void report_crashes(struct bench *b, const char *word)
{
	enum { N = 40 };
	int64_t seen[N], ready[N];

	for (size_t i = 0; i < N; i++) {
		struct crash c = {.bench = b};
		struct run first = {.user = &c}, second = {.user = &c};
		struct run_request crash = {.inputs = str_of(word)},
				   after = {.inputs = STR("echo")};

		open_bench(b, false, 1);
		run_tasks(b, 5, 1);
		loop_run_once(b->loop, 20000000);
		loop_run_once(b->loop, 20000000);
		run_start(b->generation, &crash, &crashed_ops, &first, NULL);
		run_start(b->generation, &after, &after_ops, &second, NULL);
		while (c.done < 2)
			loop_run_once(b->loop, 1000000000);
		seen[i] = c.seen_ns - c.began_ns;
		ready[i] = c.ready_ns - c.seen_ns;
		close_bench(b);
	}
	printf("%-28s seen after %lld us, the next run on its replacement %lld us later\n", word,
	       (long long)median(seen, N) / 1000, (long long)median(ready, N) / 1000);
}

/* ---- the whole ---------------------------------------------------------------------------- */

static void on_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void on_all_cpus(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (int i = 0; i < CPU_SETSIZE; i++)
		CPU_SET(i, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

int main(int argc, char **argv)
{
	static char request[REQUEST];
	struct bench b = {.request = {.inputs = {request, sizeof(request)}}};

	bool only_load = argc == 3 && strcmp(argv[2], "load") == 0;
	bool only_crash = argc == 3 && strcmp(argv[2], "crash") == 0;

	if (argc != 2 && !only_load && !only_crash)
		die("usage: bench-ring FAKE_RUNNER [load|crash]");
	signal(SIGPIPE, SIG_IGN);
	b.program = argv[1];
	b.slots = calloc(256, sizeof(*b.slots));
	if (!b.slots)
		die("out of memory");
	memset(request, 'r', sizeof(request));
	memcpy(request, "context ", 8); /* answers with the context */
	b.request.context = (struct str){request, RESPONSE};
	b.request.task_template = (struct str){request, 200};
	if (only_load) { /* for a profiler */
		measure(&b, false, 5000000, 64);
		return 0;
	}
	if (only_crash) {
		report_crashes(&b, "crash_at");
		report_crashes(&b, "exit_at");
		free(b.slots);
		return 0;
	}
	report_inline(&b);
	on_cpu(0);
	report(&b, "process, same CPU", false, 200000, 64);
	report(&b, "thread, same CPU", true, 200000, 64);
	report(&b, "process, same CPU", false, 20000, 1);
	report_latency(&b, "process, same CPU", false);
	on_all_cpus();
	report(&b, "process, two CPUs", false, 200000, 64);
	report(&b, "thread, two CPUs", true, 200000, 64);
	report(&b, "process, two CPUs", false, 20000, 1);
	report_latency(&b, "process, two CPUs", false);
	report_latency(&b, "thread, two CPUs", true);
	report_large(&b, "process, 64 KB requests", (size_t)64 << 10, 20000, 8);
	report_large(&b, "process, 4 MB requests", (size_t)4 << 20, 500, 2);
	report_crashes(&b, "crash_at");
	report_crashes(&b, "exit_at");
	free(b.slots);
	return 0;
}
