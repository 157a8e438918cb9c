/* Tasks as a plugin has them: templates, lists, its own resolvers. The plugin is own.c. */
#include "resolve_help.h"

#include <dlfcn.h>

/* ---- native templates ------------------------------------------------------------------------ */

TEST(native_template)
{
	struct error err = ERROR_INIT;
	struct resolution r;
	const Flyteidl__Core__TaskMetadata *m;
	const Variable *v;

	CHECK_OK(find_name("own.add", &r, &err), err);
	CHECK_INT(r.template->id->resource_type, FLYTEIDL__CORE__RESOURCE_TYPE__TASK);
	CHECK_STR(r.template->type, "adder");
	m = r.template->metadata;
	CHECK_INT(m->runtime->type, FLYTEIDL__CORE__RUNTIME_METADATA__RUNTIME_TYPE__OTHER);
	CHECK_STR(m->runtime->flavor, "c");
	CHECK_STR(m->runtime->version, "1.2.3");
	CHECK_INT(m->retries->retries, 3);
	CHECK_INT(m->timeout->seconds, 90);
	CHECK(m->discoverable);
	CHECK_STR(m->discovery_version, "v7");
	CHECK(m->generates_deck->value);
	CHECK_INT(r.template->interface->inputs->n_variables, 2);
	CHECK_INT(r.template->interface->outputs->n_variables, 1);
	v = interface_find(r.template->interface->inputs, STR("a"));
	CHECK(v != NULL);
	CHECK_STR(v->description, "first term");
	CHECK_INT(v->type->simple, FLYTEIDL__CORE__SIMPLE_TYPE__INTEGER);
	/* As in flytekit, the name stands in for a missing description. */
	v = interface_find(r.template->interface->inputs, STR("b"));
	CHECK_STR(v->description, "b");

	CHECK_OK(find_name("own.greet", &r, &err), err);
	CHECK_STR(r.template->type, "c-task");
	m = r.template->metadata;
	CHECK(!m->discoverable && !m->generates_deck->value && !m->timeout);
	CHECK_INT(m->retries->retries, 0);
	v = interface_find(r.template->interface->inputs, STR("names"));
	CHECK_INT(v->type->type_case, FLYTEIDL__CORE__LITERAL_TYPE__TYPE_COLLECTION_TYPE);
}

TEST(native_template_can_be_encoded)
{
	_cleanup_(buf_done) struct buf wire = BUF_INIT;
	struct error err = ERROR_INIT;
	struct resolution r;
	TaskTemplate *again;

	CHECK_OK(find_name("own.add", &r, &err), err);
	CHECK_OK(message_encode(&r.template->base, &wire, &err), err);
	CHECK_OK(task_template_decode((struct str){wire.data, wire.len}, "test", &arena, &again,
				      &err),
		 err);
	CHECK(message_equal(message_desc_find(STR("flyteidl.core.TaskTemplate")), r.template,
			    again));
}

TEST(broken_types_in_a_note)
{
	struct note_variable v = {
		.name = STR("x"), .direction = NOTE_IN, .type_json = STR("{\"simple\":\"NO\"}")};
	struct note_offer task = {.name = STR("t"), .variables = &v, .n_variables = 1};
	struct note_plugin plugin = {.id = STR("p"), .version = STR("1.0.0")};
	struct error err = ERROR_INIT;
	TaskTemplate *t;

	CHECK_ERR(resolve_native_template(&plugin, &task, &arena, &t, &err), ERR_INVALID, err,
		  "the type of 'x' in the note of task 't'");
	v.type_json = STR("{\"simple\":\"INTEGER\"}");
	task.timeout = STR("soon");
	CHECK_ERR(resolve_native_template(&plugin, &task, &arena, &t, &err), ERR_INVALID, err,
		  "'soon' is not a duration");
}

/* ---- loader_args, and the lists -------------------------------------------------------------- */

static void check_inverse(const struct resolution *r, const char *location)
{
	struct error err = ERROR_INIT;
	struct resolution again;
	struct str *args;
	size_t n;

	CHECK_OK(resolve_loader_args(r, str_of(location), &arena, &args, &n, &err), err);
	CHECK_OK(find(location, args, n, &again, &err), err);
	CHECK(str_eq(r->name, again.name));
	CHECK(r->executor == again.executor);
	CHECK(r->plugin == again.plugin);
}

TEST(loader_args_are_the_inverse)
{
	struct error err = ERROR_INIT;
	struct resolution r;
	struct str *args;
	size_t n;

	CHECK_OK(find_default("own", "add", &r, &err), err);
	check_inverse(&r, DEFAULT);
	check_inverse(&r, FLYTEKIT_DEFAULT);
	check_inverse(&r, "own.tasks");
	CHECK_OK(resolve_loader_args(&r, STR(DEFAULT), &arena, &args, &n, &err), err);
	CHECK_INT(n, 4);
	CHECK_TEXT(args[0], "task-module");
	CHECK_TEXT(args[1], "own");
	CHECK_TEXT(args[2], "task-name");
	CHECK_TEXT(args[3], "add");
	CHECK_OK(resolve_loader_args(&r, STR("own.tasks"), &arena, &args, &n, &err), err);
	CHECK_INT(n, 2);
	CHECK_TEXT(args[1], "add");
	CHECK_OK(find("own.finder", ARGS(STR("json")), &r, &err), err);
	check_inverse(&r, "own.finder");
}

TEST(loader_args_that_cannot_be)
{
	struct error err = ERROR_INIT;
	struct resolution r;
	struct str *args;
	size_t n;

	CHECK_OK(find("own.finder", ARGS(STR("json")), &r, &err), err);
	CHECK_ERR(resolve_loader_args(&r, STR(DEFAULT), &arena, &args, &n, &err), ERR_UNSUPPORTED,
		  err, "own.from_json");
	CHECK_ERR(resolve_loader_args(&r, STR("own.tasks"), &arena, &args, &n, &err), ERR_NOT_FOUND,
		  err, "but from own.finder");
	CHECK_ERR(resolve_loader_args(&r, STR(TEMPLATE), &arena, &args, &n, &err), ERR_UNSUPPORTED,
		  err, DEFAULT);
	CHECK_OK(find(TEMPLATE, ARGS(STR("/t.pb"), STR("own.Run")), &r, &err), err);
	CHECK_ERR(resolve_loader_args(&r, STR(DEFAULT), &arena, &args, &n, &err), ERR_UNSUPPORTED,
		  err, "comes from a template");
}

TEST(all_tasks)
{
	struct error err = ERROR_INIT;
	struct resolution r;
	struct str *names;
	size_t n;

	CHECK_OK(find_default("own", "add", &r, &err), err);
	CHECK_OK(resolve_all_tasks(r.plugin, &arena, &names, &n, &err), err);
	CHECK_INT(n, 3);
	CHECK_TEXT(names[0], "add");
	CHECK_TEXT(names[1], "greet");
	/* Without a name of its own a task is known by its executor. */
	CHECK_TEXT(names[2], "Run");
}

TEST(a_list_without_end)
{
	struct registry_entry *entry;
	struct registry other = {0};
	struct error err = ERROR_INIT;
	_cleanup_(freep) char *to = NULL;
	_cleanup_(freep) char *dir = NULL;
	char from[4096];
	const char *dirs[1];
	struct plugin *p;
	struct str *names;
	size_t n;

	start();
	dir = path_join(test_tmpdir(), "endless");
	CHECK_OK(dir_make(dir, 0755, &err), err);
	to = path_join(dir, "own.so");
	dirs[0] = dir;
	snprintf(from, sizeof(from), "%s/tests/unit/resolve/own_endless.so",
		 getenv("TASKHOST_TEST_BUILD"));
	CHECK_OK(file_copy(from, to, &err), err);
	CHECK_OK(registry_init(&other, dirs, 1, dirs, 1, &err), err);
	CHECK_OK(registry_find_plugin(&other, STR("own"), &entry, &err), err);
	CHECK_OK(load(NULL, entry, &p, &err), err);
	CHECK_ERR(resolve_all_tasks(p, &arena, &names, &n, &err), ERR_LIMIT, err,
		  "resolver 'own.finder': get_all_tasks does not end");
	registry_done(&other);
}

TEST(locations_and_names_of_resolvers)
{
	static const char *const expected[][2] = {
		{"own.tasks", "tasks"},
		{"own.finder", "finders"},
		{"own.elsewhere.plain", "plain"},
	};
	struct error err = ERROR_INIT;
	struct resolution r;
	struct str location, name;

	CHECK_OK(find_default("own", "add", &r, &err), err);
	CHECK_INT(r.plugin->table.n_resolvers, ARRAY_LEN(expected));
	for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
		CHECK_OK(resolve_resolver_location(r.plugin, &r.plugin->resolvers[i], &arena,
						   &location, &name, &err),
			 err);
		CHECK_TEXT(location, expected[i][0]);
		CHECK_TEXT(name, expected[i][1]);
	}
}

/* ---- a plugin's own resolver ----------------------------------------------------------------- */

TEST(own_resolver)
{
	struct error err = ERROR_INIT;
	struct resolution r;

	CHECK_OK(find("own.tasks", ARGS(STR("task-name"), STR("greet")), &r, &err), err);
	CHECK_TEXT(r.name, "own.greet");
	/* Neither name nor template: the executor says which task it is. */
	CHECK_OK(find("own.plain", ARGS(STR("add")), &r, &err), err);
	CHECK_TEXT(r.name, "own.add");
	CHECK_INT(r.n_optional_inputs, 1);
	CHECK_OK(find("own.finder", ARGS(STR("json")), &r, &err), err);
	CHECK_TEXT(r.name, "own.from_json");
	CHECK_STR(r.template->type, "j");
	CHECK_STR(r.executor->name, "Run");
	CHECK_INT(r.template->interface->inputs->n_variables, 1);
}

TEST(own_resolver_that_fails)
{
	static const struct {
		const char *arg;
		int code;
		const char *words;
	} failing[] = {
		{"nobody", ERR_NOT_FOUND, "resolver 'own.finder': load_task: nothing of that name"},
		{"none", ERR_INVALID, "TH_OK but no task"},
		{"broken", ERR_INVALID,
		 "task_template's JSON text: flyteidl.core.TaskTemplate, field type"},
		{"wire", ERR_INVALID,
		 "task_template's JSON text: line 3, column 1: control character"},
		{"twice", ERR_INVALID, "2 strings instead of one"},
		{"silent", ERR_INVALID, "task_template: the plugin pushed no template"},
		{"foreign", ERR_NOT_FOUND, "not in the plugin's table"},
	};
	struct error err = ERROR_INIT;
	struct resolution r;
	int *released;

	CHECK_OK(find_default("own", "add", &r, &err), err);
	released = dlsym(r.plugin->handle, "own_released");
	CHECK(released != NULL);
	*released = 0;
	for (size_t i = 0; i < ARRAY_LEN(failing); i++)
		CHECK_ERR(find("own.finder", ARGS(str_of(failing[i].arg)), &r, &err),
			  failing[i].code, err, failing[i].words);
	/* All but the first two had a task. */
	CHECK_INT(*released, 5);
	CHECK_INT(find("own.finder", ARGS(STR("stray")), &r, &err), ERR_IO);
	CHECK(strstr(err.message, "X:Y: no template for this one") != NULL);
	CHECK_ERR(find("own.finder", NULL, 0, &r, &err), ERR_NOT_FOUND, err, "without saying why");
	CHECK_ERR(find("own.plain", ARGS(STR("stray")), &r, &err), ERR_NOT_FOUND, err,
		  "has no template");
}
