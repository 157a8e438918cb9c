/* Every way in which an execution fails, and what Flyte is told: tests/golden/errors.txt. */
#include "harness.h"

#include "base/file.h"

static struct fixture f;
static struct buf table;

#define TAKES_A VAR("a", T_INTEGER)
#define GIVES   VAR("o0", T_INTEGER)

/* ---- what plugins do ------------------------------------------------------------------------- */

static void set_error(th_errout *error, th_status cls, bool recoverable, const char *code)
{
	f.host.table.error_set(error, cls, recoverable, th_s(code), th_s("bad value 13"));
}

#define BODY(name, ...)                                                                            \
	static th_status name(th_exec *exec, const th_model *model, th_errout *error)              \
	{                                                                                          \
		(void)exec;                                                                        \
		(void)model;                                                                       \
		(void)error;                                                                       \
		__VA_ARGS__                                                                        \
	}

BODY(fine, return LIT->set_i64(slot(exec, "o0"), 1);)
BODY(fails_user, return TH_E_USER;)
BODY(fails_system, return TH_E_SYSTEM;)
BODY(fails_unknown, return -1000;)
BODY(error_with_code, set_error(error, TH_E_USER, false, "USER:ValueError"); return TH_E_USER;)
BODY(error_own_code, set_error(error, TH_E_USER, false, "13"); return TH_E_USER;)
BODY(error_no_code, set_error(error, TH_E_USER, false, ""); return TH_E_USER;)
BODY(error_recoverable, set_error(error, TH_E_USER, true, ""); return TH_E_USER;)
BODY(error_system, set_error(error, TH_E_SYSTEM, true, ""); return TH_E_SYSTEM;)
BODY(error_system_code, set_error(error, TH_E_SYSTEM, false, "SYSTEM:Unavailable");
     return TH_E_SYSTEM;)
BODY(error_but_fine, set_error(error, TH_E_USER, false, ""); return fine(exec, model, error);)
BODY(gives_text, return LIT->set_str(slot(exec, "o0"), th_s("not an int"));)
BODY(gives_none, return LIT->set_none(slot(exec, "o0"));)
BODY(gives_nothing, return TH_OK;)
BODY(gives_unset, slot(exec, "o0"); return TH_OK;)
BODY(gives_more, LIT->set_i64(slot(exec, "o1"), 2); return fine(exec, model, error);)
BODY(returns_busy, return TH_BUSY;)
BODY(returns_garbage, return 77;)
BODY(ignores, LIT->set_i64(slot(exec, "o0"), 1); return TH_IGNORE_OUTPUTS;)

static th_status hook_fails(void *instance, th_exec *exec, th_errout *error)
{
	(void)instance;
	(void)exec;
	(void)error;
	return TH_E_USER;
}

static th_status hook_explains(void *instance, th_exec *exec, th_errout *error)
{
	(void)instance;
	(void)exec;
	set_error(error, TH_E_USER, false, "USER:ValidationError");
	return TH_E_USER;
}

static th_status post_fails(void *instance, th_exec *exec, th_status status, th_errout *error)
{
	(void)status;
	return hook_fails(instance, exec, error);
}

static th_status open_fails(void *data, const th_model *model, void **ret, th_errout *error)
{
	(void)data;
	(void)model;
	(void)ret;
	(void)error;
	return TH_E_NOT_FOUND;
}

/* ---- the table ------------------------------------------------------------------------------- */

static void row(const char *what)
{
	const struct failure *e = &f.result.failure;

	if (f.result.outcome != TASK_ERROR) {
		buf_printf(&table, "%-34s | %-6s | %s\n", what, f.params.shim ? "shim" : "native",
			   f.result.outcome == TASK_IGNORED ? "no files" : "outputs");
		return;
	}
	buf_printf(&table, "%-34s | %-6s | " STR_FMT " %s %s | " STR_FMT "\n", what,
		   f.params.shim ? "shim" : "native", STR_ARG(e->code),
		   e->kind == ERROR_RECOVERABLE ? "RECOVERABLE" : "NON_RECOVERABLE",
		   e->origin == ORIGIN_USER ? "USER" : "SYSTEM", STR_ARG(e->text));
}

struct failing {
	const char *what;
	body_fn body;
	const char *inputs; /* NULL: the right ones */
	const char *wire;   /* instead of inputs */
	bool no_inputs, no_outputs;
	bool pre_fails, pre_explains, post_fails, open_fails;
};

static void begin(const struct failing *c, bool shim)
{
	fixture_init(&f, c->no_inputs    ? INTERFACE("", GIVES)
			 : c->no_outputs ? INTERFACE(TAKES_A "," VAR("b", T_INTEGER), "")
					 : INTERFACE(TAKES_A "," VAR("b", T_INTEGER), GIVES));
	f.params.shim = shim;
	f.params.entrypoint = true;
	if (c->wire)
		buf_puts(&f.inputs, c->wire);
	else
		fixture_inputs(&f, c->inputs ? c->inputs
					     : "{\"a\":" INTEGER(1) ",\"b\":" INTEGER(2) "}");
	if (c->pre_fails)
		f.executor.pre_execute = hook_fails;
	if (c->pre_explains)
		f.executor.pre_execute = hook_explains;
	if (c->post_fails)
		f.executor.post_execute = post_fails;
	if (c->open_fails)
		f.executor.open = open_fails;
}

static const struct failing cases[] = {
	{.what = "nothing", .body = fine},
	{.what = "error_set, code", .body = error_with_code},
	{.what = "error_set, a code of its own", .body = error_own_code},
	{.what = "error_set, no code", .body = error_no_code},
	{.what = "error_set, recoverable", .body = error_recoverable},
	{.what = "error_set, class SYSTEM", .body = error_system},
	{.what = "error_set, class SYSTEM, code", .body = error_system_code},
	{.what = "error_set, then TH_OK", .body = error_but_fine},
	{.what = "TH_E_USER", .body = fails_user},
	{.what = "TH_E_SYSTEM", .body = fails_system},
	{.what = "unknown failing status", .body = fails_unknown},
	{.what = "TH_IGNORE_OUTPUTS", .body = ignores},
	{.what = "TH_BUSY", .body = returns_busy},
	{.what = "unknown status", .body = returns_garbage},
	{.what = "pre_execute fails", .body = fine, .pre_fails = true},
	{.what = "pre_execute fails, error_set", .body = fine, .pre_explains = true},
	{.what = "post_execute fails", .body = fine, .post_fails = true},
	{.what = "open fails", .body = fine, .open_fails = true},
	{.what = "input missing", .body = fine, .inputs = "{\"a\":" INTEGER(1) "}"},
	{.what = "all inputs missing", .body = fine, .inputs = "{}"},
	{.what = "input of wrong type",
	 .body = fine,
	 .inputs = "{\"a\":" STRING("1") ",\"b\":" INTEGER(2) "}"},
	{.what = "input with a fraction",
	 .body = fine,
	 .inputs = "{\"a\":" FLOAT(1.5) ",\"b\":" INTEGER(2) "}"},
	{.what = "whole float for an integer",
	 .body = fine,
	 .inputs = "{\"a\":" FLOAT(3.0) ",\"b\":" INTEGER(2) "}"},
	{.what = "extra input",
	 .body = fine,
	 .inputs = "{\"a\":" INTEGER(1) ",\"b\":" INTEGER(2) ",\"c\":" INTEGER(3) "}"},
	{.what = "unknown input",
	 .body = fine,
	 .inputs = "{\"a\":" INTEGER(1) ",\"c\":" INTEGER(2) "}"},
	{.what = "input without value", .body = fine, .inputs = "{\"a\":{},\"b\":{}}"},
	{.what = "inputs for a task without any", .body = fine, .no_inputs = true},
	{.what = "inputs undecodable", .body = fine, .wire = "\x0a\x7f garbage"},
	{.what = "output of wrong type", .body = gives_text},
	{.what = "none for an integer", .body = gives_none},
	{.what = "output not set", .body = gives_nothing},
	{.what = "output without value", .body = gives_unset},
	{.what = "output not declared", .body = gives_more},
	{.what = "value of a task without outputs", .body = fine, .no_outputs = true},
};

TEST(golden_table)
{
	_cleanup_(buf_done) struct buf want = BUF_INIT;
	struct error err = ERROR_INIT;

	buf_clear(&table);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (int shim = 0; shim < 2; shim++) {
			begin(&cases[i], shim);
			fixture_run(&f, cases[i].body);
			row(cases[i].what);
			fixture_done(&f);
		}
	}
	if (getenv("TASKHOST_TEST_UPDATE"))
		CHECK_OK(file_write_atomic(test_golden("errors.txt"), table.data, table.len, 0644,
					   false, &err),
			 err);
	CHECK_OK(file_read(test_golden("errors.txt"), 1 << 20, &want, &err), err);
	for (char *a = table.data, *b = want.data; *a || *b;) {
		size_t n = strcspn(a, "\n"), m = strcspn(b, "\n");

		if (n != m || memcmp(a, b, n) != 0)
			test_fail(__FILE__, __LINE__, "got\n%.*s\nnot\n%.*s", (int)n, a, (int)m, b);
		a += n + (a[n] != 0);
		b += m + (b[m] != 0);
	}
	buf_done(&table);
}

TEST(message_has_flytekits_layout)
{
	_cleanup_(buf_done) struct buf message = BUF_INIT;

	fixture_init(&f, INTERFACE("", GIVES));
	fixture_run(&f, error_with_code);
	failure_message(&f.result.failure, &message);
	CHECK(strncmp(message.data, "Trace:\n\n    Traceback (most recent call last):\n",
		      strlen("Trace:\n\n    Traceback (most recent call last):\n")) == 0);
	CHECK(strstr(message.data,
		     "\n    ValueError: bad value 13\n\nMessage:\n\n    ValueError: bad value 13"));
	CHECK(strstr(message.data,
		     "Plugin \"fake\" 1.0.0, file \"/plugins/fake.so\", sha256 0123456789ab, in "
		     "execute_from_model of executor Body"));
	CHECK(str_ends((struct str){message.data, message.len}, "bad value 13"));
	CHECK(f.result.failure.timestamp_ns > 0);
	fixture_done(&f);
}

TEST(optional_inputs_may_be_missing)
{
	static const struct str optional[] = {{"b", 1}};

	fixture_init(&f, INTERFACE(TAKES_A "," VAR("b", T_INTEGER), GIVES));
	f.params.optional_inputs = optional;
	f.params.n_optional_inputs = 1;
	fixture_inputs(&f, "{\"a\":" INTEGER(1) "}");
	fixture_run(&f, fine);
	CHECK_STR(fixture_outputs(&f), "{\"o0\":" INTEGER(1) "}");
	fixture_inputs(&f, "{\"b\":" INTEGER(1) "}");
	fixture_run(&f, fine);
	check_failure(&f, "USER:RuntimeError", "NON_RECOVERABLE USER",
		      "TypeError: add() missing 1 required input: 'a'");
	fixture_done(&f);
}

static bool body_ran;

BODY(notes_that_it_ran, body_ran = true; return fine(exec, model, error);)

TEST(the_plugin_does_not_run_on_bad_inputs)
{
	body_ran = false;
	fixture_init(&f, INTERFACE(TAKES_A, GIVES));
	f.executor.pre_execute = hook_explains;
	fixture_inputs(&f, "{}");
	fixture_run(&f, notes_that_it_ran);
	check_failure(&f, "USER:RuntimeError", "NON_RECOVERABLE USER", "missing");
	CHECK(!body_ran);
	fixture_done(&f);
}

TEST(inputs_that_no_retry_will_decode)
{
	static const char zero[] = "\x0a\x10\x0a\x01\x61\x12\x0b\x0a\x09\x0a\x07\x1a\x05x\0yzw";

	fixture_init(&f, INTERFACE(VAR("a", T_STRING), GIVES));
	buf_append(&f.inputs, zero, sizeof(zero) - 1);
	fixture_run(&f, fine);
	check_failure(&f, "SYSTEM", "NON_RECOVERABLE SYSTEM", "U+0000");
	f.inputs.len -= 4; /* a part of a file: flytekit cannot read it either */
	fixture_run(&f, fine);
	check_failure(&f, "SYSTEM", "RECOVERABLE SYSTEM", "DecodeError");
	fixture_done(&f);
}

/* ---- map tasks ------------------------------------------------------------------------------- */

BODY(adds, int64_t a = 0; int64_t b = 0; LIT->as_i64(LIT->input(exec, th_s("a")), &a);
     LIT->as_i64(LIT->input(exec, th_s("b")), &b);
     return LIT->set_i64(slot(exec, "o0"), a + b);)

static const struct str bound[] = {{"b", 1}};
static struct task_map map = {.bound = bound, .n_bound = 1};

static void run_element(int64_t index, const char *inputs)
{
	fixture_init(&f, INTERFACE(TAKES_A "," VAR("b", T_INTEGER), GIVES));
	map.index = index;
	f.params.map = &map;
	fixture_inputs(&f, inputs);
	fixture_run(&f, adds);
}

#define ELEMENTS                                                                                   \
	"{\"a\":{\"collection\":{\"literals\":[" INTEGER(1) "," INTEGER(2) "]}},\"b\":" INTEGER(   \
		10) "}"

TEST(map_tasks_take_one_element)
{
	run_element(1, ELEMENTS);
	CHECK_STR(fixture_outputs(&f), "{\"o0\":" INTEGER(12) "}");
	fixture_done(&f);
	run_element(2, ELEMENTS);
	check_failure(&f, "SYSTEM", "NON_RECOVERABLE SYSTEM",
		      "'a' has 2 elements; there is none "
		      "at index 2");
	fixture_done(&f);
	run_element(-1, ELEMENTS); /* Python counts from the end */
	CHECK_STR(fixture_outputs(&f), "{\"o0\":" INTEGER(12) "}");
	fixture_done(&f);
	run_element(-3, ELEMENTS);
	check_failure(&f, "SYSTEM", "NON_RECOVERABLE SYSTEM", "index -3");
	fixture_done(&f);
	run_element(0, "{\"a\":" INTEGER(1) ",\"b\":" INTEGER(2) "}");
	check_failure(&f, "SYSTEM", "NON_RECOVERABLE SYSTEM", "'a' of a map task has to be a list");
	fixture_done(&f);
	run_element(0, "{\"a\":{\"collection\":{\"literals\":[" INTEGER(1) "]}}}");
	check_failure(&f, "SYSTEM", "NON_RECOVERABLE SYSTEM", "input 'b' of a map task is missing");
	fixture_done(&f);
}

TEST(map_tasks_pass_over_what_their_interface_does_not_have)
{
	run_element(0, "{\"a\":{\"collection\":{\"literals\":[" INTEGER(1) "]}},\"b\":" INTEGER(
			       10) ",\"c\":" STRING("no list") "}");
	CHECK_STR(fixture_outputs(&f), "{\"o0\":" INTEGER(11) "}");
	fixture_done(&f);
}

/* ---- shim tasks ------------------------------------------------------------------------------ */

BODY(
	echoes, for (uint32_t i = 0; i < LIT->input_count(exec); i++) {
		th_str name;
		const th_lit *lit = LIT->input_at(exec, i, &name);

		LIT->set_literal(slot(exec, name.ptr), lit);
	} return TH_OK;)

TEST(a_shim_without_declared_outputs_keeps_what_was_set)
{
	fixture_init(&f, INTERFACE(TAKES_A, ""));
	f.params.shim = true;
	fixture_inputs(&f, "{\"a\":" INTEGER(1) "}");
	fixture_run(&f, echoes);
	CHECK_STR(fixture_outputs(&f), "{\"a\":" INTEGER(1) "}");
	fixture_done(&f);
}

TEST(a_shims_looser_values_are_kept)
{
	fixture_init(&f, INTERFACE("", VAR("o0", T_FLOAT)));
	f.params.shim = true;
	fixture_run(&f, fine);
	CHECK_STR(fixture_outputs(&f), "{\"o0\":" INTEGER(1) "}");
	fixture_done(&f);
	fixture_init(&f, INTERFACE("", VAR("o0", T_FLOAT)));
	fixture_run(&f, fine);
	check_failure(&f, "SYSTEM", "NON_RECOVERABLE SYSTEM", "expected float, got integer 1");
	fixture_done(&f);
}
