#include "fixtures.h"

#include <taskhost/note.h>

struct records {
	struct elf_note notes[8];
	struct elf_info elf;
	struct arena arena;
	struct note_plugin out;
};

static void records_done(struct records *r)
{
	arena_done(&r->arena);
}

static void add(struct records *r, uint32_t type, const char *json)
{
	r->notes[r->elf.n_notes++] = (struct elf_note){type, STR("taskhost"), str_of(json)};
	r->elf.notes = r->notes;
}

#define PLUGIN                                                                                     \
	"{\"note\":1,\"abi\":[1,0],\"id\":\"x.y_2\",\"version\":\"1.2.3\",\"about\":\"words\","    \
	"\"needs\":[\"th.literal/1\"]}"

static int read_with(const char *plugin, uint32_t type, const char *json, struct error *err)
{
	_cleanup_(records_done) struct records r = {.elf = {.n_notes = 0}};

	if (plugin)
		add(&r, TH_NOTE_PLUGIN, plugin);
	if (json)
		add(&r, type, json);
	return note_read(&r.elf, &r.arena, &r.out, err);
}

TEST(reads_what_the_macros_write)
{
	_cleanup_(inspected_done) struct inspected i;
	const struct note_plugin *n;

	inspect_file(&i, fixture_path("good"));
	n = &i.in.note;
	CHECK(str_is(n->id, "good") && str_is(n->version, "1.2.3"));
	CHECK(str_is(n->about, "Keeps the rules"));
	CHECK_INT(n->abi_major, 1);
	CHECK_INT(n->n_needs, 2);
	CHECK_INT(n->n_tasks, 2);
	CHECK_INT(n->n_executors, 1);
	CHECK_INT(n->n_resolvers, 1);
	CHECK(str_is(n->resolvers[0].name, "good_resolver"));
}

TEST(task_with_options_and_variables)
{
	_cleanup_(inspected_done) struct inspected i;
	const struct note_offer *t;

	inspect_file(&i, fixture_path("good"));
	t = &i.in.note.tasks[0];
	CHECK(str_is(t->name, "add") && str_is(t->about, "Adds two integers"));
	CHECK_INT(t->retries, 2);
	CHECK(str_is(t->timeout, "90s") && str_is(t->cache, "1.0") && !t->deck);
	CHECK_INT(t->n_variables, 3);
	CHECK(str_is(t->variables[0].name, "a") && t->variables[0].direction == NOTE_IN);
	CHECK(str_is(t->variables[0].type_json, "{\"simple\":\"INTEGER\"}"));
	CHECK(str_is(t->variables[0].about, "first term"));
	CHECK(str_is(t->variables[1].name, "b") && t->variables[1].direction == NOTE_OPT);
	CHECK(str_is(t->variables[2].name, "o0") && t->variables[2].direction == NOTE_OUT);
	t = &i.in.note.tasks[1];
	CHECK(str_is(t->variables[0].type_json, "{\"collectionType\":{\"simple\":\"STRING\"}}"));
	CHECK(str_is(t->variables[1].about, "a \"greeting\""));
}

TEST(executor_with_types_and_aliases)
{
	_cleanup_(inspected_done) struct inspected i;
	const struct note_offer *x;

	inspect_file(&i, fixture_path("good"));
	x = &i.in.note.executors[0];
	CHECK_INT(x->n_task_types, 2);
	CHECK(str_is(x->task_types[0].type, "good_type") && !x->task_types[0].sync);
	CHECK(str_is(x->task_types[1].type, "good_sync") && x->task_types[1].sync);
	CHECK_INT(x->n_aliases, 1);
	CHECK(str_is(x->aliases[0], "flytekit.good.Shim"));
	CHECK_INT(x->n_needs, 1);
	CHECK(str_is(x->needs[0], "th.deck/1"));
}

TEST(versions_of_a_task_type)
{
	_cleanup_(inspected_done) struct inspected i;
	const struct note_offer *x;

	inspect_file(&i, fixture_path("takes_many"));
	x = &i.in.note.executors[0];
	CHECK_INT(x->n_task_types, 2);
	CHECK(str_is(x->task_types[0].type, "many") && str_is(x->task_types[1].type, "many"));
	CHECK(x->task_types[0].version == 0 && !x->task_types[0].sync);
	CHECK(x->task_types[1].version == 3 && x->task_types[1].sync);
}

/* strip, --gc-sections, LTO and the other compiler keep the notes, in order. */
static void check_kit(const char *name)
{
	static const char *const tasks[] = {"five", "four", "one", "three", "two"};
	_cleanup_(inspected_done) struct inspected i;
	size_t found = 0;

	inspect_file(&i, fixture_path(name));
	CHECK(i.in.is_plugin && !i.in.refused);
	CHECK(str_is(i.in.note.id, "kit"));
	CHECK_INT(i.in.note.n_tasks, 5);
	for (size_t k = 0; k < i.in.note.n_tasks; k++) {
		CHECK(k == 0 || i.in.note.tasks[k].index >= i.in.note.tasks[k - 1].index);
		for (size_t t = 0; t < ARRAY_LEN(tasks); t++)
			found += str_is(i.in.note.tasks[k].name, tasks[t]);
	}
	CHECK_INT(found, 5);
}

TEST(kept_by_two_files)
{
	check_kit("kit");
}

TEST(kept_by_strip)
{
	check_kit("kit_stripped");
}

TEST(kept_by_gc_sections)
{
	check_kit("kit_gc");
}

TEST(kept_by_lto)
{
	check_kit("kit_lto");
}

TEST(kept_by_clang)
{
	if (access(fixture_path("kit_clang"), F_OK) < 0)
		test_skip("no clang");
	check_kit("kit_clang");
}

TEST(kept_by_cpp)
{
	_cleanup_(inspected_done) struct inspected i;

	if (access(fixture_path("kitcpp"), F_OK) < 0)
		test_skip("no C++ compiler");
	inspect_file(&i, fixture_path("kitcpp"));
	CHECK(i.in.is_plugin && !i.in.refused);
	CHECK(str_is(i.in.note.tasks[0].name, "greet"));
}

TEST(no_notes)
{
	struct error err = ERROR_INIT;

	CHECK_ERR(read_with(NULL, 0, NULL, &err), ERR_NOT_FOUND, err, "no taskhost note");
	CHECK_ERR(read_with(NULL, TH_NOTE_TASK, "{\"task\":\"t\"}", &err), ERR_INVALID, err,
		  "no note record about the plugin itself");
}

TEST(order_follows_index)
{
	_cleanup_(records_done) struct records r = {.elf = {.n_notes = 0}};
	struct error err = ERROR_INIT;

	add(&r, TH_NOTE_TASK, "{\"task\":\"late\",\"index\":30}");
	add(&r, TH_NOTE_TASK, "{\"task\":\"early\",\"index\":4,\"unknown\":[1]}");
	add(&r, TH_NOTE_PLUGIN, PLUGIN);
	CHECK_OK(note_read(&r.elf, &r.arena, &r.out, &err), err);
	CHECK(str_is(r.out.tasks[0].name, "early") && str_is(r.out.tasks[1].name, "late"));
}

TEST(plugin_record_refused)
{
	struct error err = ERROR_INIT;
	static const struct {
		const char *json, *words;
	} cases[] = {
		{"{", "not JSON"},
		{"[]", "not a JSON object"},
		{"{}", "member \"note\" (the version of the form) is missing"},
		{"{\"note\":2}", "note version 2 is newer than this host reads (1)"},
		{"{\"note\":\"1\"}", "not a positive number"},
		{"{\"note\":1}", "\"abi\" is not a list of two numbers"},
		{"{\"note\":1,\"abi\":[1,-1]}", "not a number from 0 to 65535"},
		{"{\"note\":1,\"abi\":[1,0]}", "member \"id\" is missing"},
		{"{\"note\":1,\"abi\":[1,0],\"id\":7}", "member \"id\" is not a string"},
		{"{\"note\":1,\"abi\":[1,0],\"id\":\"a\"}", "member \"version\" is missing"},
		{"{\"note\":1,\"abi\":[1,0],\"id\":\"A\",\"version\":\"1.0.0\"}",
		 "the id 'A' is not dotted lower-case words"},
		{"{\"note\":1,\"abi\":[1,0],\"id\":\"taskhost.x\",\"version\":\"1.0.0\"}",
		 "the id 'taskhost.x' is reserved"},
		{"{\"note\":1,\"abi\":[1,0],\"id\":\"flytekit\",\"version\":\"1.0.0\"}",
		 "is reserved"},
		{"{\"note\":1,\"abi\":[1,0],\"id\":\"a\",\"version\":\"1.0\"}",
		 "the version '1.0' is not major.minor.patch"},
		{"{\"note\":1,\"abi\":[1,0],\"id\":\"a\",\"version\":\"1.0.0\",\"needs\":[1]}",
		 "\"needs\" holds something not a string"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		CHECK_ERR(read_with(cases[i].json, 0, NULL, &err), ERR_INVALID, err,
			  cases[i].words);
	CHECK_ERR(read_with(PLUGIN, TH_NOTE_PLUGIN, PLUGIN, &err), ERR_INVALID, err,
		  "note record 2: a second record about the plugin");
	CHECK_ERR(read_with(PLUGIN, 9, "{}", &err), ERR_INVALID, err, "record type 9 is not known");
}

TEST(offer_record_refused)
{
	struct error err = ERROR_INIT;
	static const struct {
		const char *json, *words;
	} cases[] = {
		{"{}", "member \"task\" is missing"},
		{"{\"task\":\"a.b\"}", "the name 'a.b' is not letters, digits and underscores"},
		{"{\"task\":\"\"}", "is not letters"},
		{"{\"task\":\"t\",\"index\":\"1\"}", "'t': \"index\" is not a number"},
		{"{\"task\":\"t\",\"options\":{}}", "'t': member \"options\" is not a list"},
		{"{\"task\":\"t\",\"options\":[1]}", "an option is not an object"},
		{"{\"task\":\"t\",\"options\":[{\"retries\":-1}]}", "\"retries\""},
		{"{\"task\":\"t\",\"options\":[{\"timeout\":\"soon\"}]}",
		 "\"soon\", not a duration"},
		{"{\"task\":\"t\",\"options\":[{\"alias\":\"\"}]}", "option \"alias\" is empty"},
		{"{\"task\":\"t\",\"variables\":[{\"type\":{}}]}", "exactly one of"},
		{"{\"task\":\"t\",\"variables\":[{\"in\":\"a\",\"out\":\"b\",\"type\":{}}]}",
		 "exactly one of"},
		{"{\"task\":\"t\",\"variables\":[{\"in\":\"a\"}]}", "variable 'a' has no type"},
		{"{\"task\":\"t\",\"variables\":[{\"in\":\"a\",\"type\":7}]}",
		 "variable 'a': \"type\" is not an object"},
		{"{\"task\":\"t\",\"variables\":[{\"in\":\"a\",\"type\":null,"
		 "\"about\":[\"x\",\"{oops\"]}]}",
		 "variable 'a'"},
		{"{\"task\":\"t\",\"variables\":[{\"in\":\"a\",\"type\":{}},{\"opt\":\"a\","
		 "\"type\":{}}]}",
		 "variable 'a' is declared twice"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		CHECK_ERR(read_with(PLUGIN, TH_NOTE_TASK, cases[i].json, &err), ERR_INVALID, err,
			  cases[i].words);
	/* An input and an output may share a name. */
	CHECK_OK(read_with(PLUGIN, TH_NOTE_TASK,
			   "{\"task\":\"t\",\"variables\":[{\"in\":\"a\",\"type\":{}},"
			   "{\"out\":\"a\",\"type\":{}},{}]}",
			   &err),
		 err);
}

/* ---- the quick way --------------------------------------------------------------------------- */

#define QUICK_TASK(body) "{\"task\":\"t\",\"index\":7," body "}"

TEST(quick_reads_names_first)
{
	_cleanup_(records_done) struct records r = {.elf = {.n_notes = 0}};
	struct error err = ERROR_INIT;
	struct note_offer *t;

	add(&r, TH_NOTE_PLUGIN, PLUGIN);
	add(&r, TH_NOTE_TASK,
	    QUICK_TASK("\"about\":\"words\",\"variables\":[{\"in\":\"a\",\"type\":{}}]"));
	add(&r, TH_NOTE_TASK, "{\"index\":3,\"about\":\"other order\",\"task\":\"u\"}");
	CHECK_OK(note_read_quick(&r.elf, &r.arena, &r.out, &err), err);
	CHECK_INT(r.out.n_tasks, 2);
	CHECK(str_is(r.out.tasks[0].name, "u") && str_is(r.out.tasks[0].about, "other order"));
	CHECK_INT(r.out.tasks[0].unread.len, 0);
	t = &r.out.tasks[1];
	CHECK(str_is(t->name, "t") && t->name.ptr[1] == '\0');
	CHECK_INT(t->index, 7);
	CHECK(t->unread.len > 0 && t->n_variables == 0);
	CHECK_OK(note_complete(t, &r.arena, &err), err);
	CHECK(str_is(t->about, "words"));
	CHECK_INT(t->unread.len, 0);
	CHECK_INT(t->index, 7);
	CHECK_INT(t->n_variables, 1);
	CHECK_OK(note_complete(t, &r.arena, &err), err);
	CHECK_INT(t->n_variables, 1);
}

static void quick_then(const char *json, const char *complaint)
{
	_cleanup_(records_done) struct records r = {.elf = {.n_notes = 0}};
	struct error err = ERROR_INIT;

	add(&r, TH_NOTE_PLUGIN, PLUGIN);
	add(&r, TH_NOTE_TASK, json);
	CHECK_ERR(note_read(&r.elf, &r.arena, &r.out, &err), ERR_INVALID, err, complaint);
	CHECK_OK(note_read_quick(&r.elf, &r.arena, &r.out, &err), err);
	CHECK_ERR(note_complete(&r.out.tasks[0], &r.arena, &err), ERR_INVALID, err, complaint);
	CHECK(strstr(err.message, "the note of task 't'") != NULL);
	CHECK(r.out.tasks[0].unread.len > 0 && str_is(r.out.tasks[0].name, "t"));
}

TEST(quick_finds_faults_later)
{
	quick_then(QUICK_TASK("\"options\":1"), "\"options\" is not a list");
	quick_then(QUICK_TASK("\"task\":\"u\""), "duplicate object key");
	quick_then("{\"task\":\"t\",\"index\":7,", "not JSON");
}

TEST(quick_finds_faults_of_names_now)
{
	static const char *const wrong[] = {
		"{\"task\":\"a.b\",\"index\":1,\"about\":\"\"}",
		"{\"task\":\"t\",\"index\":\"1\",\"about\":\"\"}",
		"{\"task\":\"t\",\"index\":1.5,\"about\":\"\"}",
		"{\"task\":\"t\",\"index\":99999999999999999999,\"about\":\"\"}",
		"{\"task\":\"t",
		"{\"task\":\"t\",\"index\":1",
	};

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		_cleanup_(records_done) struct records r = {.elf = {.n_notes = 0}};
		struct error err = ERROR_INIT;

		add(&r, TH_NOTE_PLUGIN, PLUGIN);
		add(&r, TH_NOTE_TASK, wrong[i]);
		CHECK_ERR(note_read_quick(&r.elf, &r.arena, &r.out, &err), ERR_INVALID, err,
			  "note record 2");
	}
}

TEST(two_of_one_name)
{
	_cleanup_(records_done) struct records r = {.elf = {.n_notes = 0}};
	struct error err = ERROR_INIT;

	add(&r, TH_NOTE_PLUGIN, PLUGIN);
	add(&r, TH_NOTE_TASK, "{\"task\":\"t\"}");
	add(&r, TH_NOTE_EXECUTOR, "{\"executor\":\"t\"}");
	CHECK_ERR(note_read(&r.elf, &r.arena, &r.out, &err), ERR_INVALID, err,
		  "two tasks or executors are called 't'");
	r.notes[2] = (struct elf_note){TH_NOTE_TASK, STR("taskhost"), STR("{\"task\":\"t\"}")};
	CHECK_ERR(note_read(&r.elf, &r.arena, &r.out, &err), ERR_INVALID, err,
		  "two tasks are called 't'");
	r.notes[1].desc = r.notes[2].desc = STR(QUICK_TASK("\"about\":\"\""));
	CHECK_ERR(note_read_quick(&r.elf, &r.arena, &r.out, &err), ERR_INVALID, err,
		  "two tasks are called 't'");
}

TEST(record_too_long)
{
	char text[TH_NOTE_MAX + 4];
	struct error err = ERROR_INIT;

	memset(text, ' ', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	CHECK_ERR(read_with(text, 0, NULL, &err), ERR_INVALID, err, "4003 bytes, over 4000");
}

TEST(padding_is_dropped)
{
	_cleanup_(records_done) struct records r = {.elf = {.n_notes = 0}};
	struct error err = ERROR_INIT;

	add(&r, TH_NOTE_PLUGIN, PLUGIN);
	r.notes[0].desc.len++; /* with the NUL */
	CHECK_OK(note_read(&r.elf, &r.arena, &r.out, &err), err);
	CHECK(str_is(r.out.id, "x.y_2"));
}

TEST(id_grammar)
{
	static const char *const good[] = {"a", "a1", "a_b.c2.d_"};
	static const char *const bad[] = {"",   ".", "a.",  ".a",  "a..b", "1a",
					  "_a", "A", "a.B", "a-b", "a b",  "a.1"};

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		CHECK(plugin_id_valid(str_of(good[i])));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK(!plugin_id_valid(str_of(bad[i])));
}
