#include "fixtures.h"

/* The plugin is refused by `rule` (or noted with it), and the text says `words`. */
static void expect(const char *name, enum finding_level level, const char *rule, const char *words)
{
	_cleanup_(inspected_done) struct inspected i;
	const struct finding *f;

	inspect_file(&i, fixture_path(name));
	f = find_rule(&i.in, rule);
	if (!f)
		test_fail(__FILE__, __LINE__, "%s: no finding '%s'", name, rule);
	CHECK_INT(f->level, level);
	if (!strstr(f->text.ptr, words))
		test_fail(__FILE__, __LINE__, "%s: \"%s\" does not say \"%s\"", name, f->text.ptr,
			  words);
	CHECK(i.in.refused == (level == FINDING_REFUSE));
}

TEST(good_plugins_are_not_refused)
{
	static const char *const names[] = {"good",         "good_hard",   "kit",
					    "kit_stripped", "upper_flags", "dotted.words_2.id",
					    "own_malloc"};

	for (size_t k = 0; k < ARRAY_LEN(names); k++) {
		_cleanup_(inspected_done) struct inspected i;
		struct error err = ERROR_INIT;

		inspect_file(&i, fixture_path(names[k]));
		CHECK_OK(inspection_verdict(&i.in, &err), err);
		CHECK(i.in.is_plugin && i.in.unmappable);
		for (size_t n = 0; n < i.in.n_libraries; n++)
			CHECK(i.in.libraries[n].path.len > 0);
	}
}

TEST(nothing_to_say_about_a_hard_one)
{
	_cleanup_(inspected_done) struct inspected i;

	inspect_file(&i, fixture_path("good_hard"));
	CHECK_INT(i.in.n_findings, 0);
}

TEST(not_a_plugin)
{
	_cleanup_(arena_done) struct arena arena = ARENA_INIT;
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	struct error err = ERROR_INIT;
	struct inspection in;

	fixture_read(fixture_path("no_note"), &b);
	CHECK_ERR(inspect_plugin(b.data, b.len, "x.so", &arena, &in, &err), ERR_NOT_FOUND, err,
		  "x.so: no taskhost note");
	CHECK_ERR(inspect_plugin("text", 4, "y.so", &arena, &in, &err), ERR_INVALID, err,
		  "y.so: not an ELF file");
}

TEST(notes)
{
	expect("broken_note", FINDING_REFUSE, "note", "not JSON");
	expect("newer_note", FINDING_REFUSE, "note", "note version 2 is newer");
	expect("reserved_id", FINDING_REFUSE, "note", "'flytekit.core' is reserved");
	expect("bad_id", FINDING_REFUSE, "note", "'Bad-Id' is not dotted");
	expect("bad_version", FINDING_REFUSE, "note", "'one' is not major.minor.patch");
	expect("bad_type_version", FINDING_REFUSE, "note", "not a number from 0 to");
	expect("dotted_name", FINDING_REFUSE, "note", "'a.b'");
}

TEST(newer_abi)
{
	expect("newer_abi", FINDING_REFUSE, "abi",
	       "built for plugin ABI 2.0; this host speaks 1.0: update taskhost");
}

TEST(needed_extension)
{
	expect("needs_future", FINDING_REFUSE, "extension", "needs the extension 'th.future/9'");
}

TEST(extensions_can_be_fewer)
{
	static const char *const few[] = {"th.model/1", NULL};
	_cleanup_(inspected_done) struct inspected i;
	const struct finding *f;

	inspect_set_extensions(few);
	inspect_file(&i, fixture_path("good_hard"));
	f = find_rule(&i.in, "extension");
	inspect_set_extensions(NULL);
	CHECK(f && strstr(f->text.ptr, "th.literal/1"));
}

TEST(entry_must_be_exported)
{
	expect("hidden_entry", FINDING_REFUSE, "no-entry", "th_plugin_main");
}

TEST(extra_export)
{
	expect("extra_export", FINDING_WARN, "extra-export", "helper");
}

TEST(a_resolver_may_be_exported)
{
	_cleanup_(inspected_done) struct inspected i;

	inspect_file(&i, fixture_path("good"));
	CHECK(!find_rule(&i.in, "extra-export"));
}

TEST(executable_stack)
{
	expect("exec_stack", FINDING_REFUSE, "exec-stack", "executable stack");
}

TEST(text_relocations)
{
	expect("text_relocations", FINDING_REFUSE, "text-relocations", "-fPIC");
}

TEST(foreign_rpath)
{
	expect("rpath", FINDING_REFUSE, "rpath", "RPATH ('/opt/other')");
	expect("runpath", FINDING_REFUSE, "rpath", "RUNPATH ('$ORIGIN/lib')");
}

TEST(missing_symbols_are_all_named)
{
	expect("missing_symbol", FINDING_REFUSE, "missing-symbol", "nowhere_one");
	expect("missing_symbol", FINDING_REFUSE, "missing-symbol", "nowhere_two");
	expect("missing_symbol", FINDING_REFUSE, "missing-symbol", "libc.so.6");
}

TEST(missing_library_and_who_wants_it)
{
	expect("missing_library", FINDING_REFUSE, "missing-library",
	       "'libgone.so.1' was not found");
	expect("missing_library", FINDING_REFUSE, "missing-library", "missing_library.so");
	expect("missing_library", FINDING_REFUSE, "missing-symbol", "gone");
}

TEST(version_needed_and_present)
{
	expect("missing_version", FINDING_REFUSE, "missing-symbol", "needs GLIBC_2.99 of /");
	expect("missing_version", FINDING_REFUSE, "missing-symbol",
	       "libm.so.6, which has at most GLIBC_2.");
	expect("missing_version", FINDING_REFUSE, "missing-symbol", "from_the_future");
}

TEST(quick_leaves_libraries_to_the_loader)
{
	_cleanup_(arena_done) struct arena arena = ARENA_INIT;
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	struct error err = ERROR_INIT;
	struct inspection in;

	fixture_read(fixture_path("missing_symbol"), &b);
	CHECK_OK(inspect_plugin_quick(b.data, b.len, "missing_symbol.so", &arena, &in, &err), err);
	CHECK(!in.refused && in.n_libraries == 0);
}

TEST(quick_leaves_notes_of_tasks_to_who_asks)
{
	_cleanup_(arena_done) struct arena arena = ARENA_INIT;
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	struct error err = ERROR_INIT;
	const struct note_offer *note;
	struct inspection in;

	fixture_read(fixture_path("good"), &b);
	CHECK_OK(inspect_plugin_quick(b.data, b.len, "good.so", &arena, &in, &err), err);
	CHECK(in.note.n_tasks == 2 && in.note.tasks[0].unread.len > 0);
	CHECK_OK(inspection_task(&in, STR("greet"), &arena, &note, &err), err);
	CHECK(note && str_is(note->about, "Greets"));
	CHECK_OK(inspection_task(&in, STR("Shim"), &arena, &note, &err), err);
	CHECK(note == NULL);
}

TEST(task_that_needs_what_is_not_offered)
{
	struct note_offer task = {
		.name = STR("t"), .needs = (struct str[]){STR("x.far/9")}, .n_needs = 1};
	const struct inspection in = {.note = {.tasks = &task, .n_tasks = 1}};
	const struct note_offer *note = NULL;
	struct error err = ERROR_INIT;

	CHECK_ERR(inspection_task(&in, STR("t"), NULL, &note, &err), ERR_INVALID, err,
		  "'t' needs the extension 'x.far/9'");
	CHECK(note == NULL);
}

TEST(weak_hardening)
{
	expect("kit", FINDING_WARN, "weak-hardening", "-Wl,-z,now");
}

TEST(file_name_differs)
{
	_cleanup_(inspected_done) struct inspected i;
	_cleanup_(freep) char *path = fixture_copy(test_tmpdir(), "good_hard", "else.so");
	const struct finding *f;

	inspect_file(&i, path);
	f = find_rule(&i.in, "file-name");
	CHECK(f && f->level == FINDING_WARN && strstr(f->text.ptr, "rename it to 'good_hard.so'"));
}

TEST(pinned)
{
	_cleanup_(inspected_done) struct inspected i;

	inspect_file(&i, fixture_path("nodelete"));
	CHECK(!i.in.unmappable && strstr(i.in.pinned_by.ptr, "nodelete"));
	CHECK(find_rule(&i.in, "pinned")->level == FINDING_INFO);
}

TEST(cpp_thread_locals_pin)
{
	_cleanup_(inspected_done) struct inspected i;

	if (access(fixture_path("kitcpp"), F_OK) < 0)
		test_skip("no C++ compiler");
	inspect_file(&i, fixture_path("kitcpp"));
	CHECK(!i.in.unmappable && strstr(i.in.pinned_by.ptr, "thread-local"));
}

TEST(constructors_are_told)
{
	expect("ctor_abort", FINDING_INFO, "constructors", "constructors of its own");
}

TEST(verdict_names_every_refusal)
{
	_cleanup_(inspected_done) struct inspected i;
	struct error err = ERROR_INIT;

	inspect_file(&i, fixture_path("missing_library"));
	CHECK_ERR(inspection_verdict(&i.in, &err), ERR_INVALID, err, "libgone.so.1");
	CHECK(strstr(err.message, "; also: "));
}
