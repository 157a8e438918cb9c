/* Dispatch on the real store: what was told before a restart is told after it, and every history in
 * the database is a path in the table. */
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "dispatch/dispatch.h"
#include "lib/idle_runners.h"
#include "lib/test.h"
#include "store/state_dir.h"
#include "store/store_sqlite.h"

#include <semaphore.h>
#include <stdio.h>
#include <unistd.h>

#define RUNS 64

static struct state_dir dir = STATE_DIR_INIT;
static struct store *store;
static struct dispatch *d;
static sem_t woken;
static struct idle_runners runners;
static int64_t keep_ns;

static void wake(void *user)
{
	(void)user;
	sem_post(&woken);
}

static size_t n_swept;

static void swept(void *user)
{
	(void)user;
	n_swept++;
}

static void begin(const char *name)
{
	struct dispatch_options o = {.config = dispatch_defaults(),
				     .clock = idle_clock(&runners),
				     .runners = idle_runners(&runners),
				     .hooks = {.swept = swept},
				     .meta_key = {.bytes = {1}}};
	struct store_sqlite_options so = {.wake = wake};
	struct error err = ERROR_INIT;
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", test_tmpdir(), name);
	sem_init(&woken, 0, 0);
	runners.n = runners.n_started = 0;
	CHECK_OK(state_dir_open(&dir, path, &err), err);
	so.dir = dir.path;
	CHECK_OK(store_sqlite_open(&so, &store, &err), err);
	o.store = store;
	o.incarnation = o.clock.random(o.clock.user);
	o.config.slots = RUNS;
	o.config.ended_most = 3;
	o.config.keep_ns = o.config.keep_dead_ns = keep_ns;
	CHECK_OK(dispatch_new(&o, &d, &err), err);
	CHECK_OK(dispatch_recover(d, &err), err);
}

static void end(void)
{
	store_close(TAKE(store));
	dispatch_free(TAKE(d));
	state_dir_close(&dir);
	sem_destroy(&woken);
}

static void turn(void)
{
	static const struct run_result good = {.outcome = RUN_DONE, .outputs = {"outputs", 7}};
	struct store_stats s;

	store_stats(store, &s);
	if (s.waiting > 0)
		sem_wait(&woken);
	store_complete(store);
	idle_runners_end(&runners, d, &good);
	dispatch_tick(d);
}

/* Repeats wait for their back-off, in real time. */
static void finish_all(void)
{
	const int64_t until = clock_monotonic_ns() + 20 * NS_S;
	struct store_stats s;

	while (dispatch_stats(d).live > 0 && clock_monotonic_ns() < until) {
		turn();
		store_stats(store, &s);
		if (s.waiting == 0 && runners.n == 0)
			usleep(1000);
	}
	CHECK_INT(dispatch_stats(d).live, 0);
}

static bool answered;

static void on_created(struct dispatch_created *c)
{
	(void)c;
	answered = true;
}

static void on_got(struct dispatch_get *g)
{
	(void)g;
	answered = true;
}

static int create(size_t n, struct str spec, struct dispatch_created *c)
{
	struct dispatch_request r = {.plugin = STR("arith"),
				     .type = STR("add"),
				     .spec = spec,
				     .output_prefix = STR("s3://b/o"),
				     .has_key = true,
				     .owned = true};

	r.key[0] = (uint8_t)n;
	*c = (struct dispatch_created){.done = on_created};
	answered = dispatch_create(d, &r, c) != 0;
	while (!answered)
		turn();
	return c->status;
}

static enum task_phase phase_of(const struct dispatch_created *c)
{
	struct dispatch_get g = {.done = on_got};

	answered = dispatch_get(d, (struct str){c->meta, c->meta_len}, &g) != 0;
	while (!answered) {
		sem_wait(&woken);
		store_complete(store);
	}
	CHECK_INT(g.status, 0);
	return g.answer.phase;
}

static void problem(void *user, const char *text)
{
	(void)user;
	test_fail(__FILE__, __LINE__, "%s", text);
}

static void check_database(const char *name)
{
	struct error err = ERROR_INIT;
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", test_tmpdir(), name);
	CHECK_INT(store_sqlite_check(path, machine_allows_durable, problem, NULL, &err), 0);
}

TEST(answers_survive_a_restart)
{
	struct dispatch_created first[20], again;

	runners.hang = false;
	keep_ns = 0;
	begin("restart");
	for (size_t i = 0; i < ARRAY_LEN(first); i++)
		CHECK_INT(create(i, STR("request"), &first[i]), 0);
	finish_all();
	end();
	begin("restart");
	for (size_t i = 0; i < ARRAY_LEN(first); i++) {
		CHECK_INT(phase_of(&first[i]), PHASE_SUCCEEDED);
		CHECK_INT(create(i, STR("request"), &again), 0);
		CHECK(again.existed);
		CHECK_STR(again.meta, first[i].meta);
		CHECK_INT(create(i, STR("another"), &again), ERR_INVALID);
	}
	CHECK_INT(runners.n_started, 0);
	end();
	check_database("restart");
}

TEST(lost_runs_are_repeated)
{
	static char long_request[5000];
	struct dispatch_created c[10];

	keep_ns = 0;
	runners.hang = true;
	begin("lost");
	for (size_t i = 0; i < ARRAY_LEN(c); i++)
		CHECK_INT(create(i, (struct str){long_request, 100 + i * 490}, &c[i]), 0);
	CHECK_INT(runners.n_started, 10);
	for (size_t i = 0; i < ARRAY_LEN(c); i++)
		CHECK_INT(phase_of(&c[i]), PHASE_INITIALIZING);
	end();
	runners.hang = false;
	begin("lost");
	for (size_t i = 0; i < ARRAY_LEN(c); i++)
		CHECK_INT(phase_of(&c[i]), PHASE_RUNNING);
	finish_all();
	CHECK_INT(runners.n_started, 10);
	CHECK_INT(dispatch_stats(d).losses, 10);
	for (size_t i = 0; i < ARRAY_LEN(c); i++)
		CHECK_INT(phase_of(&c[i]), PHASE_SUCCEEDED);
	end();
	check_database("lost");
}

static uint64_t listed[32];
static size_t n_listed;
static enum exec_state listed_state;

static void on_list(struct dispatch_list *l)
{
	CHECK_INT(l->status, 0);
	n_listed = l->n;
	for (size_t i = 0; i < l->n; i++)
		listed[i] = l->answers[i].id;
	if (l->n > 0)
		listed_state = l->answers[0].state;
	answered = true;
}

TEST(list_shows_what_memory_knows_better)
{
	struct store_filter all = {.plugin = STR("arith")};
	struct dispatch_list l = {.done = on_list};
	struct dispatch_created c;

	keep_ns = 0;
	runners.hang = true;
	begin("list");
	for (size_t i = 0; i < 5; i++)
		CHECK_INT(create(i, STR("request"), &c), 0);
	dispatch_run_started(d, c.id, 1);
	answered = dispatch_list(d, &all, 3, &l) != 0;
	while (!answered) {
		sem_wait(&woken);
		store_complete(store);
	}
	CHECK_INT(n_listed, 3);
	CHECK(l.more);
	CHECK(listed[0] == c.id && listed[0] > listed[1]);
	CHECK_INT(listed_state, EXEC_RUNNING); /* the row says STARTING */
	end();
}

TEST(retention_removes_what_is_old)
{
	struct dispatch_created c;

	runners.hang = false;
	keep_ns = 3600 * NS_S;
	begin("keep");
	for (size_t i = 0; i < 10; i++)
		CHECK_INT(create(i, STR("request"), &c), 0);
	finish_all();
	end();
	begin("keep"); /* nothing in memory */
	CHECK_INT(phase_of(&c), PHASE_SUCCEEDED);
	runners.skew_ns = 7200 * NS_S;
	dispatch_tick(d);
	for (int i = 0; i < 100; i++)
		turn();
	CHECK_INT(phase_of(&c), PHASE_RETRYABLE_FAILED); /* StateLost: it is gone */
	CHECK_INT(n_swept, 1);
	runners.skew_ns = 0;
	end();
}

#define HOUR (3600 * NS_S)
#define YEAR (365 * 24 * HOUR)

/* What stands in the store alone is answered after a sweep at that time. */
static enum task_phase phase_after(const struct dispatch_created *c, int64_t hours)
{
	size_t before = n_swept;

	runners.skew_ns = hours * HOUR + 61 * NS_S;
	dispatch_tick(d);
	while (n_swept == before)
		turn();
	return phase_of(c);
}

static void keep_one_for_two_days(const char *name, struct dispatch_created *c)
{
	runners.hang = false;
	runners.jump_ns = runners.skew_ns = 0;
	keep_ns = 48 * HOUR;
	begin(name);
	CHECK_INT(create(0, STR("request"), c), 0);
	finish_all();
	end();
	begin(name); /* nothing in memory */
}

TEST(retention_doubts_a_clock_that_jumped)
{
	struct dispatch_created c;

	keep_one_for_two_days("jump", &c);
	runners.jump_ns = YEAR;
	CHECK_INT(phase_after(&c, 0), PHASE_SUCCEEDED);
	CHECK_INT(phase_after(&c, 23), PHASE_SUCCEEDED);
	CHECK_INT(phase_after(&c, 25), PHASE_RETRYABLE_FAILED); /* StateLost: it is gone */
	end();
	keep_one_for_two_days("back", &c);
	runners.jump_ns = -YEAR;
	CHECK_INT(phase_after(&c, 0), PHASE_SUCCEEDED);
	runners.jump_ns = 0; /* it was right before */
	CHECK_INT(phase_after(&c, 1), PHASE_SUCCEEDED);
	CHECK_INT(phase_after(&c, 49), PHASE_RETRYABLE_FAILED);
	end();
}

TEST(every_further_jump_is_doubted_anew)
{
	struct dispatch_created c;

	keep_one_for_two_days("further", &c);
	runners.jump_ns = 2 * HOUR;
	CHECK_INT(phase_after(&c, 0), PHASE_SUCCEEDED);
	runners.jump_ns = YEAR;
	CHECK_INT(phase_after(&c, 23), PHASE_SUCCEEDED);
	CHECK_INT(phase_after(&c, 25), PHASE_SUCCEEDED);
	CHECK_INT(phase_after(&c, 48), PHASE_RETRYABLE_FAILED);
	end();
}

TEST(retention_doubts_a_clock_that_was_set_between_two_workers)
{
	struct dispatch_created c;

	keep_one_for_two_days("between", &c);
	end();
	runners.jump_ns = YEAR;
	begin("between");
	CHECK_INT(phase_after(&c, 0), PHASE_SUCCEEDED);
	CHECK_INT(phase_after(&c, 25), PHASE_RETRYABLE_FAILED);
	end();
}

/* What is accepted under a wrong clock does not vouch for it. */
TEST(a_start_goes_by_what_the_last_sweep_believed)
{
	struct dispatch_created c, under;

	keep_one_for_two_days("vouch", &c);
	CHECK_INT(phase_after(&c, 0), PHASE_SUCCEEDED);
	runners.jump_ns = YEAR;
	CHECK_INT(create(1, STR("request"), &under), 0);
	finish_all();
	end();
	begin("vouch");
	CHECK_INT(phase_after(&c, 1), PHASE_SUCCEEDED);
	end();
}
