/* Scenarios on a virtual clock, compared line by line with tests/golden/sim/<name>.txt. The trace
 * is what `--log-level debug` shows, so these files are also what an operator learns to read.
 *
 *   traces [-u] [name...]     -u writes the files */
#include "sim/world.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>

static struct world w;
static struct dispatch_created created[8];
static struct dispatch_delete deleted;
static size_t n_created;

static enum script scripts[32];
static size_t n_scripts, at_script;
static int64_t takes;

static enum script next_script(struct world *world, const struct dispatch_run *run)
{
	(void)world;
	(void)run;
	return at_script < n_scripts ? scripts[at_script++] : FINISH;
}

static int64_t fixed_time(struct world *world, const struct dispatch_run *run)
{
	(void)world;
	(void)run;
	return takes;
}

static void on_created(struct dispatch_created *c)
{
	world_say(&w, "client > x%u %s", world_name(&w, c->id),
		  c->status < 0 ? "refused"
		  : c->existed  ? "known"
				: "accepted");
}

static void on_deleted(struct dispatch_delete *d)
{
	world_say(&w, "client > cancel %s", d->status < 0 ? "refused" : "confirmed");
}

static struct dispatch_request request(bool owned, uint32_t retries)
{
	return (struct dispatch_request){
		.plugin = STR("arith"),
		.type = STR("add"),
		.spec = STR("request"),
		.output_prefix = STR("s3://bucket/out"),
		.owned = owned,
		.retries = retries,
		.priority = 5,
	};
}

static void create(const struct dispatch_request *r)
{
	struct dispatch_created *c = &created[n_created++];

	*c = (struct dispatch_created){.done = on_created};
	if (dispatch_create(w.d, r, c) != 0)
		on_created(c);
}

static void cancel(size_t which)
{
	deleted = (struct dispatch_delete){.done = on_deleted};
	if (dispatch_cancel(w.d, created[which].id, STR("no longer wanted"), &deleted) != 0)
		on_deleted(&deleted);
}

/* Lets this much time pass. */
static void pass(int64_t ns)
{
	int64_t until = w.now + ns;

	while (world_step(&w, until))
		;
	w.now = until;
}

static void script(enum script s)
{
	scripts[n_scripts++] = s;
}

/* ---- scenarios --------------------------------------------------------------------------- */

static void one_run(void)
{
	struct dispatch_request r = request(true, 0);

	create(&r);
	pass(S);
}

static void retries_until_dead(void)
{
	struct dispatch_request r = request(false, 2);

	script(FAIL_AGAIN);
	script(CRASH);
	script(FAIL_AGAIN);
	create(&r);
	pass(60 * S);
}

static void poison(void)
{
	struct dispatch_request r = request(false, 10);

	for (int i = 0; i < 3; i++)
		script(CRASH);
	create(&r);
	pass(60 * S);
}

static void flyte_retries_itself(void)
{
	struct dispatch_request r = request(true, 0);

	script(CRASH);
	script(NO_MEMORY);
	script(FAIL_AGAIN);
	script(FAIL_FINAL);
	for (int i = 0; i < 4; i++)
		create(&r);
	pass(5 * S);
}

static void host_lost_too_often(void)
{
	struct dispatch_request r = request(true, 0);

	takes = 10 * S;
	create(&r);
	for (int i = 0; i < 4; i++) {
		pass(S);
		world_kill(&w);
		pass(S);
		world_start(&w);
	}
	pass(S);
}

static void cancel_ladder(void)
{
	struct dispatch_request r = request(true, 0);

	script(HANG);
	script(HANG_KILL);
	script(HANG_FOREVER);
	for (int i = 0; i < 3; i++)
		create(&r);
	pass(S);
	for (size_t i = 0; i < 3; i++) {
		cancel(i);
		pass(20 * S);
	}
}

static void cancel_before_create(void)
{
	struct dispatch_request r = request(true, 0);

	r.has_key = true;
	r.key[0] = 1;
	deleted = (struct dispatch_delete){.done = on_deleted};
	dispatch_cancel_key(w.d, r.key, &deleted);
	pass(S);
	create(&r);
	pass(S);
	create(&r);
	pass(S);
}

static void limits(void)
{
	struct dispatch_request r = request(true, 0);

	r.soft_ns = 2 * S;
	r.hard_ns = 5 * S;
	script(HANG_KILL);
	create(&r);
	pass(10 * S);
}

static void queue_and_priorities(void)
{
	struct dispatch_request r = request(true, 0);

	w.config.slots = 1;
	dispatch_set_limit(w.d, LIMIT_HOST, STR_NULL, 1);
	takes = S;
	create(&r);
	pass(100 * MS);
	r.priority = 0;
	create(&r);
	r.priority = 9;
	create(&r);
	r.queue_ttl_ns = 2 * S;
	r.priority = 0;
	create(&r);
	pass(10 * S);
}

static void files_and_lost_host(void)
{
	struct dispatch_request r = request(true, 0);

	w.config.inline_most = 100;
	world_kill(&w);
	world_start(&w);
	script(BIG);
	create(&r);
	/* The file is there, the row does not say SUCCEEDED yet. */
	while (w.n_files < 2 && world_step(&w, 10 * S))
		;
	world_kill(&w);
	pass(S);
	world_start(&w);
	pass(S);
}

static void drain(void)
{
	struct dispatch_request r = request(false, 0);

	w.config.slots = 2;
	dispatch_set_limit(w.d, LIMIT_HOST, STR_NULL, 2);
	script(FINISH);
	script(HANG_KILL);
	takes = 8 * S;
	for (int i = 0; i < 3; i++)
		create(&r);
	pass(S);
	dispatch_drain(w.d);
	pass(60 * S);
	world_kill(&w);
	world_start(&w);
	pass(20 * S);
}

static const struct {
	const char *name;
	void (*run)(void);
} scenarios[] = {
	{"one_run", one_run},
	{"retries_until_dead", retries_until_dead},
	{"poison", poison},
	{"flyte_retries_itself", flyte_retries_itself},
	{"host_lost_too_often", host_lost_too_often},
	{"cancel_ladder", cancel_ladder},
	{"cancel_before_create", cancel_before_create},
	{"limits", limits},
	{"queue_and_priorities", queue_and_priorities},
	{"files_and_lost_host", files_and_lost_host},
	{"drain", drain},
};

/* ---- comparing --------------------------------------------------------------------------- */

static const char *golden_path(const char *name)
{
	static char path[4096];
	const char *root = getenv("TASKHOST_TEST_GOLDEN");

	snprintf(path, sizeof(path), "%s/sim/%s.txt", root ? root : "tests/golden", name);
	return path;
}

static void play(size_t i)
{
	world_init(&w, 42);
	w.tracing = true;
	w.script_for = next_script;
	w.run_time = fixed_time;
	n_created = n_scripts = at_script = 0;
	takes = 100 * MS;
	world_start(&w);
	scenarios[i].run();
}

static const char *compare(const char *name)
{
	static struct buf golden;
	struct error err = ERROR_INIT;
	size_t at = 0;

	buf_clear(&golden);
	if (w.broken[0])
		return w.broken;
	if (file_read(golden_path(name), 1 << 20, &golden, &err) < 0)
		return "there is no golden file";
	while (at < w.trace_len && at < golden.len && w.trace[at] == golden.data[at])
		at++;
	if (at == w.trace_len && at == golden.len)
		return NULL;
	fprintf(stderr, "%s", w.trace);
	return "the trace differs";
}

static bool wanted(const char *name, int argc, char **argv, int from)
{
	for (int i = from; i < argc; i++)
		if (streq(argv[i], name))
			return true;
	return from >= argc;
}

int main(int argc, char **argv)
{
	bool update = argc > 1 && streq(argv[1], "-u");
	struct error err = ERROR_INIT;
	int n = 0, bad = 0;

	for (size_t i = 0; i < ARRAY_LEN(scenarios); i++) {
		const char *name = scenarios[i].name, *why = NULL;

		if (!wanted(name, argc, argv, update ? 2 : 1))
			continue;
		play(i);
		if (update && file_write_atomic(golden_path(name), w.trace, w.trace_len, 0644,
						false, &err) < 0)
			why = err.message;
		else if (!update)
			why = compare(name);
		printf("%s %d - %s\n", why ? "not ok" : "ok", ++n, name);
		if (why)
			printf("# %s\n", why);
		bad += why != NULL;
		world_done(&w);
	}
	printf("1..%d\n", n);
	return bad != 0;
}
