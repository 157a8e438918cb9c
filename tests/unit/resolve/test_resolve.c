/* Locations, arguments, tasks. The plugin is own.c. */
#include "resolve_help.h"

/* ---- locations ------------------------------------------------------------------------------- */

TEST(builtin_locations_and_flytekits_names)
{
	static const struct {
		const char *location;
		enum resolver_kind kind;
	} known[] = {
		{DEFAULT, RESOLVER_DEFAULT},
		{FLYTEKIT_DEFAULT, RESOLVER_DEFAULT},
		{TEMPLATE, RESOLVER_TEMPLATE},
		{"flytekit.core.python_customized_container_task."
		 "default_task_template_resolver",
		 RESOLVER_TEMPLATE},
		{MAP, RESOLVER_MAP},
		{"flytekit.core.array_node_map_task.ArrayNodeMapTaskResolver", RESOLVER_MAP},
	};
	struct error err = ERROR_INIT;

	start();
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		enum resolver_kind kind;
		struct registry_entry *entry;

		CHECK_OK(
			resolve_location(&registry, str_of(known[i].location), &kind, &entry, &err),
			err);
		CHECK_INT(kind, known[i].kind);
	}
}

TEST(locations_of_plugins)
{
	struct registry_entry *entry = NULL;
	enum resolver_kind kind;
	struct error err = ERROR_INIT;
	int loads = n_loads;

	start();
	CHECK_OK(resolve_location(&registry, STR("own.finder"), &kind, &entry, &err), err);
	CHECK_INT(kind, RESOLVER_PLUGIN);
	CHECK(entry && str_is(entry->inspection.note.id, "own"));
	CHECK_OK(resolve_location(&registry, STR("own.tasks"), &kind, &entry, &err), err);
	CHECK_INT(n_loads, loads);
}

TEST(unknown_locations_say_why)
{
	static const struct {
		const char *location, *words;
	} unknown[] = {
		{"taskhost.default_task_resolvr", "did you mean 'taskhost.default_task_resolver'?"},
		{"flytekit.core.python_auto_container.default_task_resolve",
		 "did you mean 'flytekit.core.python_auto_container.default_task_resolver'?"},
		{"flytekit.core.python_auto_container.default_notebook_task_resolver", "unpickles"},
		{"flytekit.core.legacy_map_task.MapTaskResolver", "legacy map task"},
		{"nodots", "<plugin>.<symbol>"},
		{"", "<plugin>.<symbol>"},
		{"own.", "<plugin>.<symbol>"},
		{"own.findr", "it has: own.tasks, own.finder, own.plain"},
		{"onw.finder", "did you mean 'own'?"},
		{"my.module.resolver", "no plugin 'my.module'"},
	};
	struct error err = ERROR_INIT;

	start();
	for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
		enum resolver_kind kind;
		struct registry_entry *entry;

		CHECK_ERR(resolve_location(&registry, str_of(unknown[i].location), &kind, &entry,
					   &err),
			  ERR_NOT_FOUND, err, unknown[i].words);
	}
}

/* ---- the default resolver -------------------------------------------------------------------- */

TEST(default_resolver)
{
	struct error err = ERROR_INIT;
	struct resolution r;

	CHECK_OK(find_default("own", "add", &r, &err), err);
	CHECK_TEXT(r.name, "own.add");
	CHECK_STR(r.executor->name, "add");
	CHECK(r.executor == plugin_executor(r.plugin, STR("add")));
	CHECK(r.resolver && r.task);
	CHECK(!r.shim && !r.map);
	CHECK_INT(r.n_optional_inputs, 1);
	CHECK_TEXT(r.optional_inputs[0], "b");
	CHECK_STR(r.template->id->name, "own.add");
}

TEST(default_resolver_reads_positions_only)
{
	struct error err = ERROR_INIT;
	struct resolution r;

	CHECK_OK(find(FLYTEKIT_DEFAULT,
		      ARGS(STR("x"), STR("own"), STR(""), STR("greet"), STR("more"), STR("words")),
		      &r, &err),
		 err);
	CHECK_TEXT(r.name, "own.greet");
	CHECK_INT(r.n_optional_inputs, 0);
	CHECK_ERR(find(DEFAULT, ARGS(STR("task-module"), STR("own"), STR("task-name")), &r, &err),
		  ERR_INVALID, err, "`task-module PLUGIN task-name TASK`; there are 3");
	CHECK_ERR(find(DEFAULT, NULL, 0, &r, &err), ERR_INVALID, err, "there are 0");
}

TEST(default_resolver_suggests)
{
	struct error err = ERROR_INIT;
	struct resolution r;
	int loads;

	start();
	loads = n_loads;
	CHECK_ERR(find_default("onw", "add", &r, &err), ERR_NOT_FOUND, err, "did you mean 'own'?");
	CHECK_ERR(find_default("own", "gret", &r, &err), ERR_NOT_FOUND, err,
		  "has no task 'gret'; did you mean 'greet'?");
	CHECK_ERR(find_default("own", "Run", &r, &err), ERR_NOT_FOUND, err, "but an executor");
	CHECK_ERR(find_default("own", "", &r, &err), ERR_NOT_FOUND, err, "has no task ''");
	CHECK_ERR(find_default("", "add", &r, &err), ERR_NOT_FOUND, err, "no plugin ''");
	/* A wrong name runs no code. */
	CHECK_INT(n_loads, loads);
}

/* ---- names as people type them --------------------------------------------------------------- */

TEST(task_names)
{
	struct error err = ERROR_INIT;
	struct resolution r;

	CHECK_OK(find_name("own.add", &r, &err), err);
	CHECK_TEXT(r.name, "own.add");
	CHECK_OK(find_name("legacy.add", &r, &err), err);
	CHECK_TEXT(r.name, "own.add");
	CHECK_ERR(find_name("add", &r, &err), ERR_NOT_FOUND, err, "did you mean 'own.add'?");
	CHECK_ERR(find_name("own", &r, &err), ERR_NOT_FOUND, err, "<plugin>.<task>");
	CHECK_ERR(find_name("own.ad", &r, &err), ERR_NOT_FOUND, err, "did you mean 'add'?");
	CHECK_ERR(find_name("onw.add", &r, &err), ERR_NOT_FOUND, err, "did you mean 'own'?");
}

/* ---- templates from outside ------------------------------------------------------------------ */

TEST(template_resolver)
{
	struct error err = ERROR_INIT;
	struct resolution r;
	static const char *const names[] = {"own.Run", "flytekit.own.Run"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		CHECK_OK(
			find(TEMPLATE, ARGS(STR("/t.pb"), str_of(names[i]), STR("more")), &r, &err),
			err);
		CHECK_TEXT(r.name, "outside.task");
		CHECK(r.shim && !r.resolver && !r.task);
		CHECK_STR(r.executor->name, "Run");
		CHECK_STR(r.template->type, "own_type");
	}
}

TEST(template_resolver_that_fails)
{
	struct error err = ERROR_INIT;
	struct resolution r;

	CHECK_ERR(find(TEMPLATE, ARGS(STR("/t.pb")), &r, &err), ERR_INVALID, err,
		  "`TEMPLATE_PATH EXECUTOR`; there is 1");
	CHECK_ERR(find(TEMPLATE, ARGS(STR("/none.pb"), STR("own.Run")), &r, &err), ERR_NOT_FOUND,
		  err, "/none.pb: File not found");
	CHECK_ERR(find(TEMPLATE, ARGS(STR("/t.pb"), STR("own.Rn")), &r, &err), ERR_NOT_FOUND, err,
		  "did you mean 'Run'?");
	document = "{}";
	CHECK_ERR(resolve_task(&env, STR(TEMPLATE), ARGS(STR("/t.pb"), STR("own.Run")), &arena,
			       NULL, &r, &err),
		  ERR_INVALID, err, "task template /t.pb");
}

TEST(executor_by_task_type)
{
	struct error err = ERROR_INIT;
	struct resolution r;
	TaskTemplate t = FLYTEIDL__CORE__TASK_TEMPLATE__INIT;
	char type[] = "own_type", unknown[] = "own_typ";

	start();
	t.type = type;
	CHECK_OK(resolve_shim(&env, &t, NULL, &arena, &r, &err), err);
	CHECK_STR(r.executor->name, "Run");
	CHECK_TEXT(r.name, "own_type");
	CHECK(r.template == &t);
	t.type = unknown;
	CHECK_ERR(resolve_shim(&env, &t, NULL, &arena, &r, &err), ERR_NOT_FOUND, err,
		  "did you mean 'own_type'?");
}

/* ---- map tasks ------------------------------------------------------------------------------- */

TEST(map_resolver)
{
	struct error err = ERROR_INIT;
	struct resolution r;

	CHECK_OK(find(MAP,
		      ARGS(STR("vars"), STR("b,a"), STR("resolver"), STR(FLYTEKIT_DEFAULT),
			   STR("task-module"), STR("own"), STR("task-name"), STR("add")),
		      &r, &err),
		 err);
	CHECK(r.map);
	CHECK_TEXT(r.name, "own.add");
	CHECK_INT(r.n_bound, 2);
	CHECK_TEXT(r.bound[0], "b");
	CHECK_TEXT(r.bound[1], "a");
	CHECK_OK(find(MAP,
		      ARGS(STR(""), STR(""), STR(""), STR(TEMPLATE), STR("/t.pb"), STR("own.Run")),
		      &r, &err),
		 err);
	CHECK(r.map && r.shim);
	CHECK_INT(r.n_bound, 0);
}

TEST(map_resolver_that_fails)
{
	struct error err = ERROR_INIT;
	struct resolution r;

	CHECK_ERR(find(MAP, ARGS(STR("vars"), STR(""), STR("resolver")), &r, &err), ERR_INVALID,
		  err, "`vars BOUND resolver LOCATION ARGS...`; there are 3");
	CHECK_ERR(find(MAP, ARGS(STR("vars"), STR(""), STR("resolver"), STR(MAP)), &r, &err),
		  ERR_UNSUPPORTED, err, "another map task");
	CHECK_ERR(find(MAP, ARGS(STR("vars"), STR(""), STR("resolver"), STR(DEFAULT)), &r, &err),
		  ERR_INVALID, err, "there are 0");
	start();
	document = "{\"type\":\"own_type\",\"id\":{\"name\":\"two\"},\"interface\":{\"outputs\":"
		   "{\"variables\":{\"o0\":{\"type\":{\"simple\":\"INTEGER\"}},\"o1\":{\"type\":"
		   "{\"simple\":\"INTEGER\"}}}}}}";
	CHECK_ERR(resolve_task(&env, STR(MAP),
			       ARGS(STR("vars"), STR(""), STR("resolver"), STR(TEMPLATE),
				    STR("/t.pb"), STR("own.Run")),
			       &arena, NULL, &r, &err),
		  ERR_MISMATCH, err, "Only tasks with a single output are supported");
}

/* ---- explanations ---------------------------------------------------------------------------- */

static char *explain(const char *location, const struct str *args, size_t n_args, struct error *err)
{
	static struct explanation x;
	struct resolution r;

	start();
	buf_clear(&x.text);
	buf_puts(&x.text, "");
	resolve_task(&env, str_of(location), args, n_args, &arena, &x, &r, err);
	return arena_strdup(&arena, x.text.data ? x.text.data : "");
}

TEST(explanation_of_a_success)
{
	struct error err = ERROR_INIT;
	char *text = explain(FLYTEKIT_DEFAULT,
			     ARGS(STR("a"), STR("own"), STR("b"), STR("add"), STR("c")), &err);
	char expected[9000];

	snprintf(expected, sizeof(expected),
		 "location '" FLYTEKIT_DEFAULT "' is flytekit's name of " DEFAULT "\n"
		 "argument 2 is the plugin, 'own', argument 4 the task, 'add'\n"
		 "what follows is ignored (1 more)\n"
		 "plugin 'own' is %s/own.so (directory 1 of %zu: %s",
		 test_tmpdir(), registry.n_dirs, test_tmpdir());
	CHECK(strncmp(text, expected, strlen(expected)) == 0);
	CHECK(strstr(text, "loaded version 1.2.3, digest ") != NULL);
	CHECK(strstr(text, "task 'add' is listed by its resolver 'tasks'\n") != NULL);
	CHECK(strstr(text, "it is run by executor 'add'\n") != NULL);
	CHECK(strstr(text, "its template is made from its note") != NULL);
}

TEST(explanations_of_failures)
{
	struct error err = ERROR_INIT;

	CHECK(strstr(explain(DEFAULT, ARGS(STR("a"), STR("no"), STR("b"), STR("add")), &err),
		     "plugin 'no' is not there\n"));
	CHECK(strstr(explain(DEFAULT, ARGS(STR("a"), STR("own"), STR("b"), STR("no")), &err),
		     "its tasks: add, greet\nits executors (for templates from outside): Run\n"));
	CHECK(strstr(explain("own.nothing", NULL, 0, &err),
		     "location 'own.nothing' is not there\n"));
	CHECK(strstr(explain("own.finder", ARGS(STR("nobody")), &err),
		     "its load_task finds no task for what it was given (1)\n"));
	CHECK(strstr(explain(TEMPLATE, ARGS(STR("/no.pb"), STR("own.Run")), &err),
		     "there is no task template in '/no.pb'\n"));
	CHECK(strstr(explain(TEMPLATE, ARGS(STR("/t.pb"), STR("no.Run")), &err),
		     "no plugin has the executor 'no.Run'\n"));
	/* Steps of what a map task holds stand further in. */
	CHECK(strstr(
		explain(MAP, ARGS(STR("vars"), STR(""), STR("resolver"), STR("own.nothing")), &err),
		"\n  location 'own.nothing' is not there\n"));
}
