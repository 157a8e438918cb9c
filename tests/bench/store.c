/* Durable acceptance: the store beside a bare grouped log of the same bytes, in one run.
 *
 *   store [--spec=BYTES] [outstanding...]     default 271 bytes; 1 16 64 256
 *
 * Per line: microseconds per accepted execution (median of the rounds, both sides interleaved), and
 * the ratio. The log writes what a row holds into a preallocated file and calls fdatasync once per
 * group: no durable accept can cost less. The last line is accept and finish, each durable. */
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "store/state_dir.h"
#include "store/store_sqlite.h"

#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ROUNDS   7
#define ROUND_NS INT64_C(400000000)
#define BESIDE   89 /* bytes of a row without its request */
#define SPEC_MAX 1024
#define LOG_SIZE (64 << 20)
#define MOST     4096

static size_t spec_size = 271;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "bench store: %s\n", what);
	exit(1);
}

/* ---- the log ----------------------------------------------------------------------------- */

static int log_fd;

static void log_open(const char *dir)
{
	static char zero[1 << 20];
	char *path = path_join(dir, "log");

	log_fd = path ? open(path, O_RDWR | O_CREAT | O_TRUNC, 0600) : -1;
	if (log_fd < 0)
		die("cannot make the log");
	for (int i = 0; i < LOG_SIZE >> 20; i++)
		if (write(log_fd, zero, sizeof(zero)) != sizeof(zero))
			die("cannot fill the log");
	fsync(log_fd);
	free(path);
}

static double log_round(size_t group)
{
	static char bytes[MOST * (SPEC_MAX + BESIDE)];
	int64_t began = clock_monotonic_ns(), now;
	size_t n = 0, size = group * (spec_size + BESIDE);
	off_t at = 0;

	do {
		memset(bytes, (int)n, size);
		if (pwrite(log_fd, bytes, size, at) < 0 || fdatasync(log_fd) < 0)
			die("the log failed");
		at = at + 2 * (off_t)size > LOG_SIZE ? 0 : at + (off_t)size;
		n += group;
		now = clock_monotonic_ns();
	} while (now - began < ROUND_NS);
	return (double)(now - began) / 1000.0 / (double)n;
}

/* ---- the store --------------------------------------------------------------------------- */

static struct store *store;
static sem_t woken;
static uint64_t next_id = 1;
static size_t done_jobs;
static bool to_the_end, running;
static int64_t until_ns;

static struct job {
	struct store_row row;
	struct store_accept accept;
	struct store_finish finish;
} jobs[MOST];

static void accept_next(struct job *j)
{
	static char spec[SPEC_MAX];

	j->row = (struct store_row){.id = next_id++,
				    .state = to_the_end ? EXEC_STARTING : EXEC_QUEUED,
				    .run = to_the_end,
				    .incarnation = 1,
				    .plugin = STR("arith"),
				    .type = STR("add"),
				    .name = STR("arith.add"),
				    .output_prefix = STR("s3://bucket/prefix"),
				    .spec = {spec, spec_size},
				    .max_runs = 1,
				    .accepted_at = clock_realtime_ns()};
	j->accept.row = &j->row;
	store_submit(store, &j->accept.op, STORE_ACCEPT);
}

static void on_end(struct job *j)
{
	done_jobs++;
	if (clock_monotonic_ns() < until_ns)
		accept_next(j);
	else
		running = false;
}

static void on_finish(struct store_op *op)
{
	if (op->status < 0)
		die(op->message);
	on_end(CONTAINER_OF(op, struct job, finish.op));
}

static void on_accept(struct store_op *op)
{
	struct job *j = CONTAINER_OF(op, struct job, accept.op);

	if (op->status < 0)
		die(op->message);
	if (!to_the_end) {
		on_end(j);
		return;
	}
	j->finish = (struct store_finish){.id = j->row.id,
					  .state = EXEC_SUCCEEDED,
					  .run = 1,
					  .at = j->row.accepted_at,
					  .outputs_kind = ROW_OUTPUTS_INLINE,
					  .outputs = STR("\n\x06\n\x01o\x12\x01\x00"),
					  .op.done = on_finish};
	store_submit(store, &j->finish.op, STORE_FINISH);
}

static void wake(void *user)
{
	(void)user;
	sem_post(&woken);
}

static double store_round(size_t outstanding, bool finish)
{
	int64_t began = clock_monotonic_ns();
	struct store_stats s;

	to_the_end = finish;
	until_ns = began + ROUND_NS;
	running = true;
	done_jobs = 0;
	store_hold(store);
	for (size_t i = 0; i < outstanding; i++) {
		jobs[i].accept = (struct store_accept){.op.done = on_accept};
		accept_next(&jobs[i]);
	}
	store_unhold(store);
	do {
		sem_wait(&woken);
		store_complete(store);
		store_stats(store, &s);
	} while (running || s.waiting > 0);
	store_complete(store);
	return (double)(clock_monotonic_ns() - began) / 1000.0 / (double)done_jobs;
}

/* ---- both -------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v)
{
	qsort(v, ROUNDS, sizeof(*v), by_value);
	return v[ROUNDS / 2];
}

static void compare(size_t outstanding)
{
	double log[ROUNDS], accept[ROUNDS], whole[ROUNDS];
	struct store_stats before, after;

	store_stats(store, &before);
	for (int i = 0; i < ROUNDS; i++) {
		log[i] = log_round(outstanding);
		accept[i] = store_round(outstanding, false);
		whole[i] = store_round(outstanding, true);
	}
	store_stats(store, &after);
	printf("%5zu outstanding: log %8.2f us  accept %8.2f us  ratio %5.2f  accept+finish %8.2f "
	       "us"
	       "  writes per commit %.1f\n",
	       outstanding, median(log), median(accept), median(accept) / median(log),
	       median(whole),
	       (double)(after.writes - before.writes) / (double)(after.commits - before.commits));
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct state_dir dir = STATE_DIR_INIT;
	struct store_sqlite_options o = {.wake = wake, .low_water_bytes = 0, .ballast_bytes = 0};
	struct error err = ERROR_INIT;
	char *path = NULL;

	sem_init(&woken, 0, 0);
	if (argc > 1 && strncmp(argv[1], "--spec=", 7) == 0) {
		spec_size = MIN((size_t)strtoul(argv[1] + 7, NULL, 10), (size_t)SPEC_MAX);
		argc--;
		argv++;
	}
	if (dir_make_temp(getenv("TASKHOST_BENCH_DIR"), "taskhost-bench-", &path, &err) < 0 ||
	    state_dir_open(&dir, path, &err) < 0)
		die(err.message);
	o.dir = dir.path;
	if (store_sqlite_open(&o, &store, &err) < 0)
		die(err.message);
	log_open(path);
	store_round(64, true);
	if (argc > 1)
		for (int i = 1; i < argc; i++)
			compare((size_t)strtoul(argv[i], NULL, 10));
	else
		for (size_t n = 1; n <= 256; n *= n == 1 ? 16 : 4)
			compare(n);
	store_close(store);
	state_dir_close(&dir);
	dir_remove(path, NULL);
	free(path);
	return 0;
}
