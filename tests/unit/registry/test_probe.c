#include "../abi/fixtures.h"

#include "base/clock.h"
#include "registry/registry.h"

#include <signal.h>
#include <sys/wait.h>

#define SECOND INT64_C(1000000000)

static void run_probe(const char *name, int64_t timeout, struct probe_result *ret)
{
	_cleanup_(registry_done) struct registry r;
	const char *trusted[] = {"/"};
	struct error err = ERROR_INIT;

	CHECK_OK(registry_init(&r, NULL, 0, trusted, 1, &err), err);
	CHECK_OK(registry_probe(&r, fixture_path(name), timeout, NULL, ret, &err), err);
	/* Nothing is left to wait for. */
	CHECK(waitpid(-1, NULL, WNOHANG) == -1);
}

static void expect(const char *name, const char *step, const char *words)
{
	_cleanup_(probe_result_done) struct probe_result p = {.ok = true};

	run_probe(name, 10 * SECOND, &p);
	if (p.ok || !p.failed_step || strcmp(p.failed_step, step) || !strstr(p.reason, words))
		test_fail(__FILE__, __LINE__, "%s: step %s, \"%s\"; expected %s, \"%s\"", name,
			  p.failed_step ? p.failed_step : "(none)", p.reason ? p.reason : "", step,
			  words);
}

/* Does a process have the memory copy of that plugin mapped? */
static bool alive(const char *name)
{
	_cleanup_(closep) int file = open(fixture_path(name), O_RDONLY | O_CLOEXEC);
	char command[200], hex[SHA256_HEX_SIZE];
	uint8_t digest[SHA256_SIZE];

	CHECK_OK(sha256_fd(file, digest, NULL), (struct error)ERROR_INIT);
	hex_encode(digest, sizeof(digest), hex);
	snprintf(command, sizeof(command), "grep -qs 'memfd:taskhost-%.16s' /proc/[0-9]*/maps",
		 hex);
	return system(command) == 0;
}

TEST(good_plugin)
{
	_cleanup_(probe_result_done) struct probe_result p = {.ok = false};

	run_probe("good", 10 * SECOND, &p);
	if (!p.ok)
		test_fail(__FILE__, __LINE__, "%s: %s", p.failed_step, p.reason);
	CHECK(!p.failed_step && !p.reason && p.signal == 0 && p.elapsed_ns > 0);
	CHECK_INT(p.n_tasks, 2);
	CHECK_STR(p.tasks[0], "add");
	CHECK_STR(p.tasks[1], "greet");
}

TEST(more_good_ones)
{
	static const char *const names[] = {"kit", "kit_lto", "resolver_good", "own_malloc",
					    "double_free"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		_cleanup_(probe_result_done) struct probe_result p = {.ok = false};

		run_probe(names[i], 10 * SECOND, &p);
		if (!p.ok)
			test_fail(__FILE__, __LINE__, "%s: %s: %s", names[i], p.failed_step,
				  p.reason);
	}
}

TEST(cpp_plugin)
{
	_cleanup_(probe_result_done) struct probe_result p = {.ok = false};

	if (access(fixture_path("kitcpp"), F_OK) < 0)
		test_skip("no C++ compiler");
	run_probe("kitcpp", 10 * SECOND, &p);
	CHECK(p.ok && p.n_tasks == 1);
}

TEST(constructor_aborts)
{
	_cleanup_(probe_result_done) struct probe_result p = {.ok = true};

	run_probe("ctor_abort", 10 * SECOND, &p);
	CHECK(!p.ok && p.signal == SIGABRT);
	CHECK_STR(p.failed_step, "load");
	CHECK(strstr(p.reason, "crashed during load: SIGABRT (Aborted)"));
}

TEST(init_crashes)
{
	expect("init_crashes", "init", "crashed during init: SIGSEGV (Segmentation fault)");
}

TEST(init_hangs)
{
	_cleanup_(probe_result_done) struct probe_result p = {.ok = true};
	int64_t start = clock_monotonic_ns();

	run_probe("init_hangs", SECOND / 2, &p);
	CHECK(!p.ok && clock_monotonic_ns() - start < 5 * SECOND);
	CHECK_STR(p.failed_step, "init");
	CHECK(strstr(p.reason, "no answer within 0.5 s during init; it was killed"));
}

TEST(init_exits)
{
	expect("init_exits", "init", "ended the process during init (exit code 7)");
}

TEST(init_fails)
{
	expect("init_fails", "init", "the licence server does not answer");
}

TEST(init_returns_garbage)
{
	expect("init_garbage", "init", "an unknown status");
}

TEST(init_leaves_a_process)
{
	expect("init_forks", "leave", "1 process it started did not end with it");
	CHECK(!alive("init_forks"));
}

TEST(init_returns_in_two_processes)
{
	_cleanup_(probe_result_done) struct probe_result p = {.ok = true};

	/* The second one must not speak for the plugin; whether it is still there at the end is a
	 * race. */
	run_probe("init_returns_twice", 10 * SECOND, &p);
	CHECK(p.ok || streq(p.failed_step, "leave"));
}

TEST(noise_on_the_pipe)
{
	_cleanup_(probe_result_done) struct probe_result p = {.ok = false};

	run_probe("init_scribbles", 10 * SECOND, &p);
	CHECK(p.ok || p.reason);
}

TEST(threads_left_behind)
{
	expect("thread_stays", "leave", "1 threads still run");
}

TEST(busy)
{
	expect("busy", "quiesce", "two uploads are running");
}

TEST(resolver_that_lies)
{
	expect("resolver_lies", "list tasks",
	       "load_task finds task 'other' with the arguments that loader_args gave for 'real'");
}

TEST(list_without_end)
{
	expect("resolver_endless", "list tasks", "get_all_tasks does not end");
}

TEST(list_disagrees_with_the_notes)
{
	expect("resolver_lists_none", "compare",
	       "a note has task 'real', but no resolver lists it");
	expect("resolver_lists_more", "compare", "task 'other' is listed, but no note has it");
}

TEST(load_refused)
{
	expect("other_id", "load", "the note disagrees with the code");
	expect("missing_symbol", "load", "nowhere_one");
}
