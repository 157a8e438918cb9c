/* Plugins in the real runner program, and in this process: outputs, errors, size. */
#include "runner_driver.h"

#include "base/file.h"
#include "flyte/document.h"

#include <taskhost/plugin-api.h>

#include <sys/wait.h>
#include <unistd.h>

/* ---- outputs ----------------------------------------------------------------------------------- */

static void check_add(bool in_process)
{
	struct runner_generation *g;
	struct told t;

	open_pool();
	g = add("arith", ARITH, 1, in_process);
	for (int i = 0; i < 20; i++) {
		run_task(g, &t, "add", A_AND_B);
		check_o0(&t, 42);
		CHECK_INT(t.d.deck.len, 0);
		CHECK(t.d.cpu_ns > 0);
		told_done(&t);
	}
	close_pool();
}

TEST(a_task_of_the_plugin)
{
	check_add(false);
}

TEST(in_process_a_task_of_the_plugin)
{
	check_add(true);
}

TEST(a_template_from_outside)
{
	static const char template[] =
		"{\"id\":{\"resourceType\":\"TASK\",\"name\":\"t\"},\"type\":\"echo\","
		"\"interface\":{"
		"\"inputs\":{\"variables\":{\"x\":{\"type\":{\"simple\":\"INTEGER\"}}}},"
		"\"outputs\":{\"variables\":{\"o0\":{\"type\":{\"simple\":\"INTEGER\"}}}}}}";
	const struct run_context c = {.run = 1, .runs = 1, .executor = STR("Echo")};
	struct runner_generation *g;
	struct told t;

	open_pool();
	g = add("echo", ECHO, 1, false);
	for (int i = 0; i < 3; i++) { /* the template is decoded once, and again the same */
		begin(g, &t, &c, "{\"x\":{\"scalar\":{\"primitive\":{\"integer\":\"7\"}}}}",
		      template);
		end(&t);
		check_o0(&t, 7);
		told_done(&t);
	}
	begin(g, &t, &c, "{}", NULL);
	end(&t);
	check_error(&t, "USER:RuntimeError", "needs a task template");
	told_done(&t);
	close_pool();
}

TEST(a_deck_comes_with_the_outputs)
{
	struct runner_generation *g;
	struct told t;

	open_pool();
	g = add("arith", ARITH, 1, false);
	run_task(g, &t, "report",
		 "{\"title\":{\"scalar\":{\"primitive\":{\"stringValue\":\"Heights\"}}},"
		 "\"xs\":{\"collection\":{\"literals\":[{\"scalar\":{\"primitive\":{\"floatValue\":"
		 "1}}}]}}}");
	check_o0(&t, 1);
	CHECK(memmem(t.d.deck.ptr, t.d.deck.len, "Heights", 7));
	CHECK(memmem(t.d.deck.ptr, t.d.deck.len, ">Timeline</li>", 14));
	told_done(&t);
	close_pool();
}

TEST(who_runs_what)
{
	static const char json[] =
		"{\"taskExecutionId\":{\"taskId\":{\"name\":\"my.task\"},\"nodeExecutionId\":{"
		"\"nodeId\":\"n0\",\"executionId\":{\"name\":\"f00\"}},\"retryAttempt\":3},"
		"\"environmentVariables\":{\"FLYTE_INTERNAL_EXECUTION_ID\":\"from_env\"}}";
	struct run_context c = {
		.execution = STR("7k2m"), .run = 2, .runs = 4, .task = STR("whoami")};
	struct buf metadata = BUF_INIT;
	struct runner_generation *g;
	struct told t;

	open_pool();
	g = add("arith", ARITH, 1, false);
	begin(g, &t, &c, "{}", NULL);
	end(&t);
	check_outputs(&t,
		      "{\"literals\":{\"attempt\":{\"scalar\":{\"primitive\":{\"integer\":\"1\"}}},"
		      "\"execution\":{\"scalar\":{\"primitive\":{\"stringValue\":\"7k2m\"}}},"
		      "\"task\":{\"scalar\":{\"primitive\":{\"stringValue\":\"arith.whoami\"}}}}}");
	told_done(&t);
	to_wire(MESSAGE_DESC(flyteidl__admin__task_execution_metadata), json, &metadata);
	c.metadata = str_of_buf(&metadata);
	begin(g, &t, &c, "{}", NULL);
	end(&t);
	check_outputs(&t,
		      "{\"literals\":{\"attempt\":{\"scalar\":{\"primitive\":{\"integer\":\"3\"}}},"
		      "\"execution\":{\"scalar\":{\"primitive\":{\"stringValue\":\"f00\"}}},"
		      "\"task\":{\"scalar\":{\"primitive\":{\"stringValue\":\"my.task\"}}}}}");
	told_done(&t);
	c.metadata = STR("\xff\xff");
	begin(g, &t, &c, "{}", NULL);
	end(&t);
	check_error(&t, "SYSTEM", "task_execution_metadata");
	told_done(&t);
	buf_done(&metadata);
	close_pool();
}

TEST(files_go_where_there_is_a_place_for_them)
{
	struct run_context c = {.run = 1, .runs = 1, .task = STR("upper")};
	struct runner_generation *g;
	struct error err = ERROR_INIT;
	char from[400], raw[400], work[400], inputs[1000];
	struct told t;

	open_pool();
	g = add("arith", ARITH, 1, false);
	snprintf(from, sizeof(from), "%s/from.txt", store);
	snprintf(raw, sizeof(raw), "%s/raw", store);
	snprintf(work, sizeof(work), "%s/work", store);
	CHECK_OK(file_write_atomic(from, "abc", 3, 0600, false, &err), err);
	snprintf(inputs, sizeof(inputs),
		 "{\"text\":{\"scalar\":{\"blob\":{\"uri\":\"%s\",\"metadata\":{\"type\":{}}}}}}",
		 from);
	c.work = str_of(work);
	c.raw_prefix = str_of(raw);
	begin(g, &t, &c, inputs, NULL);
	end(&t);
	CHECK_INT(t.d.kind, RUN_DOCUMENT_OUTPUTS);
	CHECK(memmem(t.d.outputs.ptr, t.d.outputs.len, raw, strlen(raw)));
	CHECK(access(work, F_OK) < 0);
	told_done(&t);
	c.raw_prefix = STR("s3://bucket/raw");
	begin(g, &t, &c, inputs, NULL);
	end(&t);
	CHECK_INT(t.d.kind, RUN_DOCUMENT_ERROR);
	CHECK(memmem(t.d.message.ptr, t.d.message.len, "s3", 2));
	told_done(&t);
	close_pool();
}

/* ---- errors ------------------------------------------------------------------------------------ */

TEST(errors_have_a_code)
{
	Flyteidl__Core__ErrorDocument *doc;
	struct arena arena = ARENA_INIT;
	struct runner_generation *g;
	struct error err = ERROR_INIT;
	void *decoded;
	struct told t;

	open_pool();
	g = add("later", LATER, 1, false);
	run_task(g, &t, "fail", "{\"text\":{\"scalar\":{\"primitive\":{\"stringValue\":\"no\"}}}}");
	check_error(&t, "USER:LaterError", "it says: no");
	CHECK(!t.d.recoverable && !t.d.system_origin);
	CHECK_OK(message_decode(MESSAGE_DESC(flyteidl__core__error_document), t.d.error_document,
				NULL, &arena, &decoded, &err),
		 err);
	doc = decoded;
	CHECK_STR(doc->error->code, "USER:LaterError");
	CHECK(strstr(doc->error->message, "Plugin \"later\" 1.0.0"));
	told_done(&t);
	run_task(g, &t, "garble", "{}");
	check_error(&t, "USER:\xef\xbf\xbd", "bad \xef\xbf\xbd( bytes");
	told_done(&t);
	run_task(g, &t, "fail_at_length", "{}");
	check_error(&t, "USER:LaterError", "äää"); /* cut, but not inside a letter */
	told_done(&t);
	run_task(g, &t, "crush", "{}");
	check_error(&t, "USER:RuntimeError", "did you mean 'crash'");
	told_done(&t);
	run_task(g, &t, "fail", "{}");
	check_error(&t, "USER:RuntimeError", "missing 1 required input");
	told_done(&t);
	arena_done(&arena);
	close_pool();
}

TEST(a_crash_names_the_plugin)
{
	struct runner_generation *g;
	struct told t;

	open_pool();
	g = add("later", LATER, 1, false);
	run_task(g, &t, "crash", "{}");
	CHECK_INT(t.how, RUN_DIED);
	CHECK(strstr(t.why, "SIGSEGV"));
	CHECK(strstr(t.why, "execute later.crash"));
	if (!strstr(t.trace, "later.so") || !strstr(t.trace, "fall_over") ||
	    !strstr(t.trace, "later.c:"))
		test_fail(__FILE__, __LINE__, "trace: %s", t.trace);
	told_done(&t);
	run_task(g, &t, "fail",
		 "{\"text\":{\"scalar\":{\"primitive\":{\"stringValue\":\"again\"}}}}");
	check_error(&t, "USER:LaterError", "again");
	told_done(&t);
	close_pool();
}

TEST(a_file_that_changed_is_not_loaded)
{
	struct runner_generation *g;
	struct error err = ERROR_INIT;
	char path[4096];
	struct told t;

	open_pool();
	snprintf(path, sizeof(path), "%s/%s", getenv("TASKHOST_TEST_BUILD"), ARITH);
	CHECK_OK(runner_generation_add(
			 pool,
			 &(struct runner_generation_params){
				 .name = "arith", .path = path, .digest = "0123", .max = 1},
			 &g, &err),
		 err);
	begin(g, &t, &(struct run_context){.run = 1, .task = STR("add")}, A_AND_B, NULL);
	for (int i = 0; i < 100; i++) {
		struct runner_generation_status status;

		loop_run_once(loop, 50000000);
		runner_generation_status(g, &status);
		if (strstr(status.reason, "has changed"))
			break;
		if (i == 99)
			test_fail(__FILE__, __LINE__, "the reason is '%s'", status.reason);
	}
	run_kill(&t.run, TH_CANCEL_ASKED);
	end(&t);
	told_done(&t);
	close_pool();
}

TEST(started_by_hand_it_says_who_starts_it)
{
	char command[4200], line[300] = "";
	FILE *out;
	int status;

	snprintf(command, sizeof(command), "%s/host/cli/taskhost-runner 2>&1 3<&-",
		 getenv("TASKHOST_TEST_BUILD"));
	out = popen(command, "r");
	CHECK(out && fgets(line, sizeof(line), out));
	CHECK(strstr(line, "started by taskhostd"));
	CHECK(!fgets(line, sizeof(line), out));
	status = pclose(out);
	CHECK(WIFEXITED(status));
	CHECK_INT(WEXITSTATUS(status), 2);
}

/* ---- size -------------------------------------------------------------------------------------- */

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
/* Clean pages are those of the program and the plugin, which all runners share. */
static long private_kib(int pid)
{
	char path[64], line[300];
	long sum = 0, kib;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Private_Dirty: %ld", &kib) == 1)
			sum += kib;
	if (f)
		fclose(f);
	return sum;
}

TEST(an_idle_runner_is_small)
{
	struct runner_generation *g;
	char path[64];
	FILE *children;
	long most = 0;
	struct told t;
	int pid;

	open_pool();
	g = add("arith", ARITH, 1, false);
	run_task(g, &t, "add", A_AND_B);
	check_o0(&t, 42);
	told_done(&t);
	snprintf(path, sizeof(path), "/proc/self/task/%d/children", gettid());
	children = fopen(path, "r");
	CHECK(children);
	while (fscanf(children, "%d", &pid) == 1)
		most = most > private_kib(pid) ? most : private_kib(pid);
	fclose(children);
	printf("# the largest runner has %ld KiB of its own\n", most);
	CHECK(most > 0);
	CHECK(most <= 2048);
	close_pool();
}
#endif
