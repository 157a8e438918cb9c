#include "catalog_bench.h"

#include "../abi/fixtures.h"

#include "base/clock.h"

struct bench bench;
static struct error err;

char *bench_dir(void)
{
	char *dir;

	CHECK_OK(dir_make_temp(test_tmpdir(), "c", &dir, &err), err);
	return dir;
}

void bench_shell(const char *fmt, ...)
{
	char command[16384];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	if (system(command) != 0)
		test_fail(__FILE__, __LINE__, "%s", command);
}

static void on_loaded(void *user)
{
	(void)user;
	bench.loaded++;
}

static void on_told(void *user, struct str plugin)
{
	(void)user;
	(void)plugin;
	bench.told++;
}

static void on_pool_changed(void *user, struct runner_generation *g)
{
	(void)user;
	catalog_generation_changed(bench.catalog, g);
}

static const char *counter(void)
{
	static char path[4200];

	snprintf(path, sizeof(path), "%s/count", bench.state);
	return path;
}

/* Notes each start, then is taskhost. */
static const char *check_program(void)
{
	static char path[4200];

	snprintf(path, sizeof(path), "%s/check", bench.state);
	bench_shell("printf '#!/bin/sh\\necho start >> %s\\nexec %s/host/cli/taskhost \"$@\"\\n' > "
		    "%s && "
		    "chmod 755 %s",
		    counter(), getenv("TASKHOST_TEST_BUILD"), path, path);
	return path;
}

size_t bench_probes(void)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;

	if (access(counter(), F_OK) < 0)
		return 0;
	CHECK_OK(file_read(counter(), 1 << 20, &text, &err), err);
	return text.len / strlen("start\n");
}

static void configure(void)
{
	const struct config_place place = {
		.env = (const char *const[]){NULL}, .cpus = 2, .plugin_dir = bench.a};
	const char *dirs[] = {bench.a, bench.b};

	CHECK_OK(config_init(&bench.config, &place, &err), err);
	config_apply(&bench.config, "plugins", dirs, bench.b ? 2 : 1, CONFIG_FLAG, "--plugins");
	config_apply(&bench.config, "state", (const char *const *)&bench.state, 1, CONFIG_FLAG,
		     "--state");
	for (size_t i = 0; i < ARRAY_LEN(bench.settings) && bench.settings[i][0]; i++)
		config_apply(&bench.config, bench.settings[i][0], &bench.settings[i][1], 1,
			     CONFIG_FLAG, "test");
	CHECK_OK(config_finish(&bench.config, &err), err);
}

void bench_until(bool (*is)(void), const char *what)
{
	int64_t end = clock_monotonic_ns() + BENCH_WAIT_NS;

	while (!is()) {
		if (clock_monotonic_ns() > end)
			test_fail(__FILE__, __LINE__, "waited in vain for %s", what);
		loop_run_once(bench.loop, SECOND / 50);
	}
}

bool bench_is_loaded(void)
{
	return bench.loaded > 0;
}

void bench_begin_open(void)
{
	static char program[4096];
	struct runner_pool_params pool = {.program = program, .changed = on_pool_changed};
	struct catalog_params params;

	snprintf(program, sizeof(program), "%s/tests/unit/runners/fake-runner",
		 getenv("TASKHOST_TEST_BUILD"));
	if (!bench.a)
		bench.a = bench_dir();
	if (!bench.state)
		bench.state = bench_dir();
	bench.loaded = bench.told = 0;
	bench.closed = false;
	configure();
	CHECK_OK(loop_new(&bench.loop, &err), err);
	CHECK_OK(runner_pool_new(bench.loop, &pool, &bench.pool, &err), err);
	params = (struct catalog_params){.loop = bench.loop,
					 .config = &bench.config,
					 .pool = bench.pool,
					 .state_dir = bench.state,
					 .check_program = bench.probe ? check_program() : NULL,
					 .changed = on_told};
	CHECK_OK(catalog_new(&params, &bench.catalog, &err), err);
	CHECK_OK(catalog_start(bench.catalog, on_loaded, NULL, &err), err);
}

void bench_open(void)
{
	bench_begin_open();
	bench_until(bench_is_loaded, "the first look");
}

static void on_closed(void *user)
{
	(void)user;
	bench.closed = true;
}

static bool is_closed(void)
{
	return bench.closed;
}

void bench_close(void)
{
	catalog_stop(bench.catalog);
	runner_pool_close(bench.pool, on_closed, NULL);
	bench_until(is_closed, "the pool to close");
	catalog_free(bench.catalog);
	CHECK_OK(loop_close(bench.loop, &err), err);
	config_done(&bench.config);
	bench.loop = NULL;
}

void bench_end(void)
{
	bench_close();
	free(bench.a);
	free(bench.b);
	free(bench.state);
	bench = (struct bench){.a = NULL};
}

void bench_init(void)
{
	bench = (struct bench){.a = bench_dir(), .state = bench_dir()};
}

static void see(void *context, const struct catalog_view *v)
{
	struct bench_view *s = context;

	*s = (struct bench_view){
		.state = v->state, .n_generations = v->n_generations, .n_lost = v->n_lost_claims};
	snprintf(s->file, sizeof(s->file), "%s", v->file);
	snprintf(s->reason, sizeof(s->reason), "%s", v->reason);
	if (v->n_generations)
		snprintf(s->digest, sizeof(s->digest), "%s", v->generations[0].digest);
	for (size_t i = 0; i < v->n_generations; i++)
		s->n_retiring += v->generations[i].retiring;
}

struct bench_view bench_view(const char *id)
{
	struct bench_view s = {.state = CATALOG_NOT_A_PLUGIN};

	if (!catalog_view_of(bench.catalog, str_of(id), see, &s))
		snprintf(s.reason, sizeof(s.reason), "none");
	return s;
}

static const char *awaited_id, *awaited_words;
static enum catalog_state awaited_state;

static bool is_so(void)
{
	struct bench_view s = bench_view(awaited_id);

	return s.state == awaited_state && strstr(s.reason, awaited_words);
}

void bench_await(const char *id, enum catalog_state state, const char *words)
{
	awaited_id = id;
	awaited_state = state;
	awaited_words = words;
	bench_until(is_so, id);
}

static char digest_before[SHA256_HEX_SIZE];

static bool is_other(void)
{
	struct bench_view s = bench_view(awaited_id);

	return s.state == CATALOG_ACTIVE && *s.digest && !streq(s.digest, digest_before);
}

void bench_await_other(const char *id, const struct bench_view *before)
{
	awaited_id = id;
	memcpy(digest_before, before->digest, sizeof(digest_before));
	bench_until(is_other, "another content");
}

int bench_find_type(const char *type, int32_t version, struct agent_type *ret)
{
	struct agent_catalog a = catalog_agent(bench.catalog);

	return a.find(a.user, str_of(type), version, ret, &err);
}

static void add_change(const struct catalog_change *x)
{
	static const char *const words[] = {"added", "replaced", "removed", "refused"};
	size_t n = strlen(bench.changes);

	snprintf(bench.changes + n, sizeof(bench.changes) - n, "%s %s;", words[x->what], x->id);
}

static void on_reloaded(struct catalog_reload *r,
			const struct catalog_change *changes,
			size_t n_changes,
			unsigned unchanged)
{
	(void)r;
	bench.reloaded = true;
	bench.unchanged = unchanged;
	for (size_t i = 0; i < n_changes; i++)
		add_change(&changes[i]);
}

static bool is_reloaded(void)
{
	return bench.reloaded;
}

void bench_reload(void)
{
	static struct catalog_reload r;

	r = (struct catalog_reload){.done = on_reloaded};
	bench.reloaded = false;
	bench.changes[0] = '\0';
	catalog_reload(bench.catalog, &r);
	bench_until(is_reloaded, "the reload");
}

void bench_put(const char *dir, const char *fixture, const char *as)
{
	free(fixture_copy(dir, fixture, as));
}

void bench_put_other(const char *dir, const char *fixture, const char *as)
{
	bench_shell("cat %s > %s/.new && echo more >> %s/.new && mv %s/.new %s/%s",
		    fixture_path(fixture), dir, dir, dir, dir, as);
}
