/* deck.html: what a plugin opens, and which of flytekit's tabs a page has when. */
#include "harness.h"

static struct fixture f;

static const th_deck_api *deck_api(void)
{
	for (const struct host_extension *e = task_extensions; e->id; e++)
		if (streq(e->id, TH_EXT_DECK))
			return e->table;
	return NULL;
}

#define BODY(name, ...)                                                                            \
	static th_status name(th_exec *exec, const th_model *model, th_errout *error)              \
	{                                                                                          \
		(void)exec;                                                                        \
		(void)model;                                                                       \
		(void)error;                                                                       \
		__VA_ARGS__                                                                        \
		return TH_OK;                                                                      \
	}

BODY(opens_decks, const th_deck_api *d = deck_api(); th_deck * a; th_deck * b; th_deck * c;
     CHECK_INT(d->open(exec, th_s("custom"), &a), TH_OK);
     CHECK_INT(d->open(exec, th_s("<x>"), &b), TH_OK);
     CHECK_INT(d->append_html(a, th_s("<h1>old</h1>")), TH_OK);
     CHECK_INT(d->append_text(b, th_s("<i>&amp;")), TH_OK);
     CHECK_INT(d->open(exec, th_s("custom"), &c), TH_OK);
     CHECK_INT(d->append_html(c, th_s("<h1>caf\xc3\xa9</h1>")), TH_OK);
     CHECK_INT(d->append_html(c, th_s("\xff")), TH_E_INVALID);
     CHECK_INT(d->open(exec, th_s(""), &c), TH_E_INVALID);
     CHECK_INT(d->append_text(NULL, th_s("x")), TH_E_INVALID);
     CHECK_INT(d->publish(exec, error), TH_OK);
     LIT->set_str(slot(exec, "o0"), th_s("<out>"));)

static const char *store_deck_of(body_fn body)
{
	struct error err = ERROR_INIT;

	fixture_run(&f, body);
	CHECK_OK(task_store_result(&f.result, &f.params, &f.ctx,
				   (struct str){f.inputs.len ? f.inputs.data : "", f.inputs.len},
				   &err),
		 err);
	return fixture_file(&f, "out/deck.html");
}

static void check_order(const char *page, const char *const *parts, size_t n)
{
	const char *at = page;

	for (size_t i = 0; i < n; i++) {
		at = strstr(at, parts[i]);
		if (!at)
			test_fail(__FILE__, __LINE__, "%s is missing or in another place",
				  parts[i]);
	}
}

TEST(deck_has_flytekits_tabs_in_order)
{
	static const char *const tabs[] = {"<nav id=\"flyte-frame-nav\">",
					   "<li onclick=\"handleLinkClick(this)\">Timeline</li>",
					   ">custom</li>",
					   ">&lt;x&gt;</li>",
					   ">Source Code</li>",
					   ">Dependencies</li>",
					   ">Input</li>",
					   ">Output</li>",
					   "<div id=\"flyte-frame-container\">",
					   "<th>Wall Time(s)</th>",
					   "Execute user level code",
					   "dispatch execute",
					   "Upload data to ",
					   "<h1>caf\xc3\xa9</h1>",
					   "&lt;i&gt;&amp;amp;",
					   "/plugins/fake.so",
					   ("taskhost " TASKHOST_VERSION),
					   "<td>a</td><td><pre>7</pre>",
					   "&lt;out&gt;",
					   "link_index"};
	const char *page;

	fixture_init(&f, INTERFACE(VAR("a", T_INTEGER), VAR("o0", T_STRING)));
	fixture_inputs(&f, "{\"a\":" INTEGER(7) "}");
	page = store_deck_of(opens_decks);
	check_order(page, tabs, ARRAY_LEN(tabs));
	CHECK(!strstr(page, "<h1>old</h1>"));
	CHECK(!strstr(page, "http")); /* needs nothing from elsewhere */
	fixture_done(&f);
}

BODY(fails, return TH_E_USER;)
BODY(nothing, (void)0;)
BODY(opens_and_fails, const th_deck_api *d = deck_api(); th_deck * a;
     d->open(exec, th_s("mine"), &a);
     return TH_E_USER;)
BODY(opens_and_ignores, const th_deck_api *d = deck_api(); th_deck * a;
     d->open(exec, th_s("mine"), &a);
     return TH_IGNORE_OUTPUTS;)

#define TEMPLATE_WITH_DECK "{\"type\":\"x\",\"metadata\":{\"generatesDeck\":true}}"

TEST(deck_is_written_when_wanted_also_after_an_error)
{
	fixture_init(&f, "");
	CHECK_STR(store_deck_of(nothing), "");
	CHECK_STR(store_deck_of(fails), "");
	CHECK(strstr(store_deck_of(opens_and_fails), ">mine</li>"));
	CHECK(fixture_has_file(&f, "out/error.pb"));
	fixture_done(&f);
	fixture_template(&f, TEMPLATE_WITH_DECK);
	CHECK(strstr(store_deck_of(fails), ">Timeline</li>"));
	fixture_done(&f);
	fixture_template(&f, TEMPLATE_WITH_DECK);
	CHECK_STR(store_deck_of(opens_and_ignores), "");
	CHECK(!fixture_has_file(&f, "out"));
	fixture_done(&f);
}

BODY(publishes_nothing, const th_deck_api *d = deck_api();
     CHECK_INT(d->publish(exec, error), TH_OK);)

TEST(publish_without_a_deck_writes_nothing)
{
	fixture_init(&f, "");
	CHECK_STR(store_deck_of(publishes_nothing), "");
	fixture_done(&f);
	fixture_template(&f, TEMPLATE_WITH_DECK);
	CHECK(strstr(store_deck_of(publishes_nothing), ">Timeline</li>"));
	fixture_done(&f);
}

static char seen[4096];

/* The names of a page's tabs, each in brackets. */
static const char *tabs_of(const char *page)
{
	const char *at = page, *end = strstr(page, "</nav>");

	seen[0] = '\0';
	while (end && (at = strstr(at, "(this)\">")) && at < end) {
		const char *name = at + strlen("(this)\">"), *stop = strstr(name, "</li>");
		size_t n = strlen(seen);

		CHECK(stop);
		snprintf(seen + n, sizeof(seen) - n, "[%.*s]", (int)(stop - name), name);
		at = stop;
	}
	return end ? seen : "no page";
}

BODY(publishes, const th_deck_api *d = deck_api(); th_deck * a; d->open(exec, th_s("early"), &a);
     d->append_html(a, th_s("now"));
     CHECK_INT(d->publish(exec, error), TH_OK);
     tabs_of(fixture_file(&f, "out/deck.html"));)

TEST(publish_writes_the_decks_that_exist_then)
{
	fixture_init(&f, INTERFACE(VAR("a", T_INTEGER), ""));
	fixture_inputs(&f, "{\"a\":" INTEGER(7) "}");
	fixture_run(&f, publishes);
	CHECK_INT(f.result.outcome, TASK_OUTPUTS);
	CHECK_STR(seen, "[Timeline][early]");
	fixture_done(&f);
}

/* ---- after a failure ------------------------------------------------------------------------- */

#define WITH_DECK                                                                                  \
	"{\"type\":\"x\",\"id\":{\"name\":\"t\"},\"metadata\":{\"generatesDeck\":true},"           \
	"\"interface\":" INTERFACE(VAR("a", T_INTEGER), "") "}"

TEST(a_failed_task_has_its_own_decks_only)
{
	fixture_template(&f, WITH_DECK);
	fixture_inputs(&f, "{\"a\":" INTEGER(7) "}");
	CHECK_STR(tabs_of(store_deck_of(opens_and_fails)), "[Timeline][mine]");
	fixture_done(&f);
}

TEST(inputs_that_do_not_fit_leave_a_timeline)
{
	fixture_template(&f, WITH_DECK);
	fixture_inputs(&f, "{\"a\":" STRING("s") "}");
	CHECK_STR(tabs_of(store_deck_of(nothing)), "[Timeline]");
	CHECK(fixture_has_file(&f, "out/error.pb"));
	fixture_done(&f);
}

TEST(inputs_that_cannot_be_read_leave_no_tabs)
{
	fixture_template(&f, WITH_DECK);
	buf_append(&f.inputs, "\xff\xff", 2);
	CHECK_STR(tabs_of(store_deck_of(nothing)), "");
	fixture_done(&f);
	fixture_template(&f, WITH_DECK);
	CHECK(task_read_inputs("/nowhere/inputs.pb", &f.ctx, &f.timeline, &f.inputs, &f.result) <
	      0);
	CHECK(f.result.early);
	task_result_done(&f.result);
	fixture_done(&f);
}

static th_status fails_before(void *self, th_exec *exec, th_errout *error)
{
	(void)self;
	(void)exec;
	(void)error;
	return TH_E_SYSTEM;
}

TEST(a_failed_pre_execute_leaves_no_tabs)
{
	fixture_template(&f, WITH_DECK);
	fixture_inputs(&f, "{\"a\":" INTEGER(7) "}");
	f.executor.pre_execute = fails_before;
	CHECK_STR(tabs_of(store_deck_of(nothing)), "");
	fixture_done(&f);
}

TEST(map_tasks_have_no_deck)
{
	struct task_map map = {.index = 1};

	fixture_template(&f, WITH_DECK);
	fixture_inputs(&f,
		       "{\"a\":{\"collection\":{\"literals\":[" INTEGER(1) "," INTEGER(2) "]}}}");
	f.params.map = &map;
	CHECK_STR(store_deck_of(publishes), "");
	CHECK(fixture_has_file(&f, "out/outputs.pb"));
	CHECK(!fixture_has_file(&f, "out/deck.html"));
	CHECK_STR(store_deck_of(opens_and_fails), "");
	CHECK(!fixture_has_file(&f, "out/deck.html"));
	fixture_done(&f);
}
