#include "pool_driver.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdlib.h>
#include <unistd.h>

TEST(a_run_is_answered)
{
	struct runner_generation *g;
	struct told t;

	driver_open(NULL);
	g = GENERATION();
	driver_run(g, &t, "echo hello");
	CHECK_INT(t.how, RUN_COMPLETED);
	CHECK_STR(t.document, "hello");
	CHECK_INT(t.n_started, 1);
	CHECK(t.queued_ns <= t.started_ns && t.started_ns <= t.ended_ns);
	driver_close();
}

TEST(inputs_context_and_template_arrive)
{
	struct runner_generation *g;
	struct told t;
	struct run_request q = {.inputs = STR("context"), .context = STR("{\"a\":1}")};

	driver_open(NULL);
	g = GENERATION();
	driver_start_with(g, &t, &q);
	driver_wait(&t);
	CHECK_STR(t.document, "{\"a\":1}");
	q = (struct run_request){.inputs = STR("template"), .task_template = STR("one")};
	for (int i = 0; i < 3; i++) {
		driver_start_with(g, &t, &q);
		driver_wait(&t);
		CHECK_STR(t.document, "one 1"); /* decoded once */
	}
	q.task_template = STR("two");
	driver_start_with(g, &t, &q);
	driver_wait(&t);
	CHECK_STR(t.document, "two 2");
	driver_close();
}

TEST(templates_survive_runs_that_move)
{
	static struct told t[200];
	struct run_request q = {.inputs = STR("template")};
	struct runner_generation *g;
	char name[200][16], expected[32];

	driver_open(NULL);
	g = GENERATION(.max = 2);
	for (int i = 0; i < 50; i++)
		driver_run(g, &t[0], "echo x"); /* short runs: they may wait in a runner */
	driver_start(g, &t[0], "sleep 20");
	for (int i = 1; i < 200; i++) {
		snprintf(name[i], sizeof(name[i]), "t%d", i % 7);
		q.task_template = str_of(name[i]);
		if (i % 3 == 0)
			driver_start_with(g, &t[i], &q);
		else
			driver_start(g, &t[i], i % 50 == 1 ? "sleep 5" : "echo y");
		if (i % 3 == 0 && i % 2 == 0)
			run_cancel(&t[i].run, 1);
	}
	for (int i = 1; i < 200; i++) {
		driver_wait(&t[i]);
		if (i % 3 != 0 || t[i].how == RUN_CANCELLED)
			continue;
		snprintf(expected, sizeof(expected), "t%d ", i % 7);
		CHECK(strncmp(t[i].document, expected, strlen(expected)) == 0);
	}
	driver_wait(&t[0]);
	driver_close();
}

static void payload_sizes(struct runner_generation *g)
{
	static const size_t sizes[] = {1,       4000,    4096,     4097,
				       65536,   65537,   262144,   3000000,
				       4194304, 4194305, 20000000, (size_t)64 << 20};
	struct told t;

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		char expected[64], word[32];
		char *p = malloc(sizes[i]), *back = malloc(sizes[i]);
		struct run_request q = {.inputs = {p, sizes[i]}};

		CHECK(p && back);
		memset(p, 'z', sizes[i]);
		snprintf(expected, sizeof(expected), "%zu %llu", sizes[i],
			 (unsigned long long)driver_sum(p, sizes[i]));
		driver_start_with(g, &t, &q);
		driver_wait(&t);
		CHECK_STR(t.document, expected);
		snprintf(word, sizeof(word), "big %zu", sizes[i]);
		for (size_t k = 0; k < sizes[i]; k++)
			back[k] = (char)(k * 7);
		driver_run(g, &t, word);
		CHECK_INT(t.how, RUN_COMPLETED);
		CHECK_INT(t.document_len, sizes[i]);
		CHECK(t.document_sum == driver_sum(back, sizes[i]));
		free(p);
		free(back);
	}
}

TEST(payloads_of_all_sizes_go_both_ways)
{
	driver_open(NULL);
	payload_sizes(GENERATION());
	driver_close();
}

TEST(payloads_of_all_sizes_go_both_ways_for_many_at_a_time)
{
	driver_open(NULL);
	payload_sizes(GENERATION(.max_inflight = 10));
	driver_close();
}

TEST(what_is_too_large_is_refused)
{
	struct runner_generation *g;
	struct told t;
	char *p = calloc(1, (size_t)70 << 20);

	CHECK(p);
	driver_open(NULL);
	g = GENERATION();
	driver_start_with(g, &t, &(struct run_request){.inputs = {p, (size_t)70 << 20}});
	driver_wait(&t);
	CHECK_INT(t.how, RUN_REFUSED);
	CHECK(strstr(t.why, "larger than"));
	driver_run(g, &t, "big 73400320");
	CHECK_INT(t.how, RUN_REFUSED);
	CHECK(strstr(t.why, "larger than 64 MiB"));
	driver_run(g, &t, "echo fine");
	CHECK_STR(t.document, "fine");
	free(p);
	driver_close();
}

TEST(more_large_payloads_than_slabs)
{
	static struct told t[40];
	static char p[1500000];
	struct runner_generation *g;

	memset(p, 'q', sizeof(p));
	driver_open(NULL);
	g = GENERATION(.max_inflight = 100);
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		driver_start_with(g, &t[i], &(struct run_request){.inputs = {p, sizeof(p)}});
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		driver_wait(&t[i]);
		CHECK_INT(t[i].how, RUN_COMPLETED);
	}
	driver_close();
}

TEST(ten_thousand_runs_in_order)
{
	enum { N = 10000 };
	struct told *t = calloc(N, sizeof(*t));
	struct runner_generation *g;
	char word[N > 0 ? 32 : 1];

	CHECK(t);
	driver_open(NULL);
	g = GENERATION();
	for (int i = 0; i < N; i++) {
		static char words[N][16];

		snprintf(words[i], sizeof(words[i]), "echo %d", i);
		driver_start(g, &t[i], words[i]);
	}
	for (int i = 0; i < N; i++) {
		driver_wait(&t[i]);
		snprintf(word, sizeof(word), "%d", i);
		CHECK_STR(t[i].document, word);
		CHECK(i == 0 || t[i].started_ns >= t[i - 1].started_ns);
	}
	free(t);
	driver_close();
}

static size_t resident(void)
{
	unsigned long size, pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f && fscanf(f, "%lu %lu", &size, &pages) != 2)
		pages = 0;
	if (f)
		fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void a_mixed_load(struct runner_generation *g, struct runner_generation *many)
{
	static struct told t[300];

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct run_request q = {.inputs = i % 50 == 3 ? STR("big 300000") : STR("echo x"),
					.task_template = STR("a template")};

		if (i == 200)
			q.inputs = STR("exit 1");
		driver_start_with(i % 2 ? g : many, &t[i], &q);
		if (i % 7 == 0)
			run_cancel(&t[i].run, 1);
	}
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		driver_wait(&t[i]);
}

TEST(memory_does_not_grow)
{
	struct runner_generation *g, *many;
	size_t before = 0;

	if (SANITIZED)
		test_skip("a sanitizer keeps what was freed");
	driver_open(NULL);
	g = GENERATION(.max = 2);
	many = GENERATION(.max_inflight = 50);
	for (int i = 0; i < 60; i++) {
		if (i == 20)
			before = resident();
		a_mixed_load(g, many);
		runner_generation_unquarantine(g);
		runner_generation_unquarantine(many);
	}
	if (resident() > before + ((size_t)1 << 20))
		test_fail(__FILE__, __LINE__, "%zu bytes became %zu", before, resident());
	driver_close();
}

TEST(thousands_pending_in_one_runner)
{
	enum { N = 3000 };
	struct told *t = calloc(N, sizeof(*t));
	struct runner_pool_stats stats;
	struct runner_generation_status status;
	struct runner_generation *g;

	CHECK(t);
	driver_open(NULL);
	g = GENERATION(.max_inflight = N);
	for (int i = 0; i < N; i++)
		driver_start(g, &t[i], "never");
	driver_wait_begun(t, N);
	runner_generation_status(g, &status);
	CHECK_INT(status.running, N);
	CHECK_INT(status.runners, 1);
	for (int i = 0; i < N; i++)
		CHECK_INT(t[i].n_started, 1);
	for (int i = 0; i < N; i++)
		run_cancel(&t[i].run, 1);
	for (int i = 0; i < N; i++) {
		driver_wait(&t[i]);
		CHECK_INT(t[i].how, RUN_COMPLETED);
		CHECK_INT(t[i].outcome, 8);
		CHECK_STR(t[i].document, "told");
	}
	runner_pool_stats(driver.pool, &stats);
	CHECK_INT(stats.runs, N);
	free(t);
	driver_close();
}

TEST(completed_later_by_other_threads)
{
	static struct told t[50];
	struct runner_generation *g;

	driver_open(NULL);
	g = GENERATION(.max_inflight = 50);
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		driver_start(g, &t[i], i % 2 ? "later 5" : "later 1");
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		driver_wait(&t[i]);
		CHECK_STR(t[i].document, "later");
	}
	driver_close();
}

TEST(started_is_told_of_runs_that_last)
{
	struct runner_generation *g;
	struct told t;

	driver_open(NULL);
	g = GENERATION();
	driver_start(g, &t, "poll");
	driver_wait_begun(&t, 1);
	CHECK_INT(t.n_started, 1);
	CHECK(!t.done);
	run_cancel(&t.run, 1);
	driver_wait(&t);
	CHECK_INT(t.n_started, 1);
	driver_close();
}

TEST(progress_and_notes)
{
	struct runner_generation *g;
	struct told t;

	driver_open(NULL);
	g = GENERATION();
	driver_run(g, &t, "progress half done");
	CHECK_INT(t.n_progress, 1);
	CHECK(t.fraction > 0.49 && t.fraction < 0.51);
	CHECK_STR(t.text, "half done");
	driver_run(g, &t, "note mind the gap");
	CHECK_INT(t.n_notes, 1);
	CHECK_STR(t.text, "mind the gap");
	driver_close();
}

TEST(a_slow_run_does_not_hold_those_behind_it)
{
	static struct told t[20];
	struct runner_generation *g;
	struct told warm;

	driver_open(NULL);
	g = GENERATION(.max = 2);
	for (int i = 0; i < 40; i++)
		driver_run(g, &warm, "echo x");
	driver_start(g, &t[0], "sleep 2000");
	for (size_t i = 1; i < ARRAY_LEN(t); i++)
		driver_start(g, &t[i], "echo y");
	for (size_t i = 1; i < ARRAY_LEN(t); i++)
		driver_wait(&t[i]);
	CHECK(!t[0].done);
	driver_wait(&t[0]);
	driver_close();
}

TEST(a_runner_is_confined)
{
	struct runner_generation *g;
	struct told t;

	if (SANITIZED)
		test_skip("no memory limit under a sanitizer");
	driver_open(NULL);
	g = GENERATION(.limits = {.memory = 300 << 20, .open_files = 77});
	driver_run(g, &t, "confinement");
	/* stdin, stdout, stderr, control, two eventfds, epoll */
	CHECK_STR(t.document, "core 0 data 314572800 files 77 deathsig 9 nnp 1 leader 1 fds 7");
	driver_close();
}
