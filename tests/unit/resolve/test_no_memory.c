/* Every allocation of each way to a task fails once: the answer is ERR_NOMEM, nothing leaks, and the
 * next try works. */
#include "resolve_help.h"

#include "lib/fail_alloc.h"

#define TRIES_MAX 5000

/* Calls `step` until no allocation failed. `code` is what it gives then. A search that finds nothing
 * may say so without the memory to explain it or to suggest something. */
static void
again_and_again(int (*step)(struct arena *a, struct error *err), int code, const char *words)
{
	struct error err = ERROR_INIT;
	int r = ERR_NOMEM;
	long n;

	for (n = 0; n < TRIES_MAX; n++) {
		struct arena a = ARENA_INIT;

		alloc_fail_after(n);
		r = step(&a, &err);
		arena_done(&a);
		if (!alloc_stop_failing())
			break;
		CHECK(r == ERR_NOMEM || (code < 0 && r == code));
	}
	if (code == 0)
		CHECK_OK(r, err);
	else
		CHECK_ERR(r, code, err, words);
	CHECK(n > 0);
}

/* The plugin is loaded beforehand: what loading does without memory is a matter of that layer. */
static void start_loaded(void)
{
	struct error err = ERROR_INIT;
	struct resolution r;

	CHECK_OK(find_name("own.add", &r, &err), err);
	CHECK_OK(registry_scan(&registry, &err), err);
}

static int explained(const char *location,
		     const struct str *args,
		     size_t n_args,
		     struct arena *a,
		     struct error *err)
{
	struct explanation x = {.text = BUF_INIT};
	struct resolution r;
	int code = resolve_task(&env, str_of(location), args, n_args, a, &x, &r, err);

	buf_done(&x.text);
	return code;
}

static int by_default(struct arena *a, struct error *err)
{
	return explained(FLYTEKIT_DEFAULT, ARGS(STR("m"), STR("own"), STR("n"), STR("add")), a,
			 err);
}

static int by_template(struct arena *a, struct error *err)
{
	return explained(TEMPLATE, ARGS(STR("/t.pb"), STR("own.Run")), a, err);
}

static int by_map(struct arena *a, struct error *err)
{
	return explained(
		MAP, ARGS(STR("vars"), STR("a,b"), STR("resolver"), STR("own.plain"), STR("add")),
		a, err);
}

static int by_own(struct arena *a, struct error *err)
{
	return explained("own.finder", ARGS(STR("json")), a, err);
}

static int by_name(struct arena *a, struct error *err)
{
	struct resolution r;

	return resolve_task_name(&env, STR("legacy.add"), a, &r, err);
}

TEST(finding)
{
	start_loaded();
	again_and_again(by_default, 0, NULL);
	again_and_again(by_template, 0, NULL);
	again_and_again(by_map, 0, NULL);
	again_and_again(by_own, 0, NULL);
	again_and_again(by_name, 0, NULL);
}

static int no_task(struct arena *a, struct error *err)
{
	return explained(DEFAULT, ARGS(STR("m"), STR("own"), STR("n"), STR("ad")), a, err);
}

static int no_location(struct arena *a, struct error *err)
{
	return explained("taskhost.default_task_resolvr", NULL, 0, a, err);
}

static int no_symbol(struct arena *a, struct error *err)
{
	return explained("own.findr", NULL, 0, a, err);
}

static int no_name(struct arena *a, struct error *err)
{
	struct resolution r;

	return resolve_task_name(&env, STR("add"), a, &r, err);
}

TEST(finding_nothing)
{
	start_loaded();
	again_and_again(no_task, ERR_NOT_FOUND, "did you mean 'add'?");
	again_and_again(no_location, ERR_NOT_FOUND, "did you mean");
	again_and_again(no_symbol, ERR_NOT_FOUND, "it has: own.tasks, own.finder, own.plain");
	again_and_again(no_name, ERR_NOT_FOUND, "did you mean 'own.add'?");
}

static struct resolution found;

static int arguments(struct arena *a, struct error *err)
{
	struct str *args;
	size_t n;
	int r = resolve_loader_args(&found, STR(DEFAULT), a, &args, &n, err);

	return r < 0 ? r : resolve_loader_args(&found, STR("own.tasks"), a, &args, &n, err);
}

static int all_tasks(struct arena *a, struct error *err)
{
	struct str *names;
	size_t n;

	return resolve_all_tasks(found.plugin, a, &names, &n, err);
}

TEST(listing)
{
	struct error err = ERROR_INIT;

	start_loaded();
	CHECK_OK(find_default("own", "add", &found, &err), err);
	again_and_again(arguments, 0, NULL);
	again_and_again(all_tasks, 0, NULL);
}
