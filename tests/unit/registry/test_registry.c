#include "../abi/fixtures.h"

#include "registry/registry.h"

static char *fresh_dir(void)
{
	struct error err = ERROR_INIT;
	char *dir;

	CHECK_OK(dir_make_temp(test_tmpdir(), "r", &dir, &err), err);
	return dir;
}

static void put(const char *dir, const char *name, const char *as)
{
	free(fixture_copy(dir, name, as));
}

/* A registry over up to three directories. */
static void open_registry(struct registry *r, const char *a, const char *b)
{
	const char *const dirs[] = {a, b};
	struct error err = ERROR_INIT;

	CHECK_OK(registry_init(r, dirs, b ? 2 : 1, NULL, 0, &err), err);
}

static struct registry_entry *entry(const struct registry *r, const char *name)
{
	for (size_t i = 0; i < r->n_entries; i++)
		if (streq(r->entries[i]->name, name))
			return r->entries[i];
	test_fail(__FILE__, __LINE__, "no entry %s", name);
}

static void
expect(const struct registry *r, const char *name, enum plugin_state state, const char *words)
{
	const struct registry_entry *e = entry(r, name);

	if (e->state != state || !e->reason || !strstr(e->reason, words))
		test_fail(__FILE__, __LINE__, "%s: state %d, reason \"%s\"; expected %d, \"%s\"",
			  name, e->state, e->reason ? e->reason : "", state, words);
}

TEST(search_path)
{
	_cleanup_(registry_done) struct registry r;
	const char *const dirs[] = {"/a/", "rel", "/a"};
	const char *const trusted[] = {"/t1"};
	struct error err = ERROR_INIT;
	char here[4096];

	CHECK(getcwd(here, sizeof(here)));
	setenv("TASKHOST_PLUGIN_PATH", "/env1::/env2", 1);
	setenv("TASKHOST_TRUST_PLUGINS", "/t2", 1);
	CHECK_OK(registry_init(&r, dirs, 3, trusted, 1, &err), err);
	unsetenv("TASKHOST_PLUGIN_PATH");
	unsetenv("TASKHOST_TRUST_PLUGINS");
	CHECK_INT(r.n_dirs, 5);
	CHECK_STR(r.dirs[0], "/a");
	CHECK(str_starts(str_of(r.dirs[1]), here) && str_ends(str_of(r.dirs[1]), "/rel"));
	CHECK_STR(r.dirs[2], "/env1");
	CHECK_STR(r.dirs[3], "/env2");
	CHECK(str_ends(str_of(r.dirs[4]), "/taskhost/plugins"));
	CHECK_INT(r.policy.n_trusted_dirs, 2);
	CHECK_STR(r.policy.trusted_dirs[1], "/t2");
}

/* One directory with everything that can be wrong: each is refused with its reason, the rest is
 * active. */
TEST(scan_says_why)
{
	_cleanup_(registry_done) struct registry r;
	_cleanup_(freep) char *dir = fresh_dir();
	struct error err = ERROR_INIT;
	char command[9000];

	put(dir, "good", "good.so");
	put(dir, "no_note", "library.so");
	put(dir, "newer_abi", "newer_abi.so");
	put(dir, "missing_symbol", "missing_symbol.so");
	put(dir, "exec_stack", "exec_stack.so");
	put(dir, "good", "README");
	put(dir, "kit", ".hidden.so");
	snprintf(command, sizeof(command),
		 "cd %s && echo hello > text.so && : > empty.so && mkdir dir.so sub && "
		 "mkfifo fifo.so && ln -s /nowhere dangling.so && head -c 5000 good.so > cut.so && "
		 "cp good.so open.so && chmod 0666 open.so",
		 dir);
	CHECK_INT(system(command), 0);
	open_registry(&r, dir, NULL);
	CHECK_OK(registry_scan(&r, &err), err);
	CHECK_INT(entry(&r, "good")->state, PLUGIN_ACTIVE);
	CHECK(str_is(entry(&r, "good")->inspection.note.id, "good"));
	expect(&r, "library", PLUGIN_NOT_A_PLUGIN, "no taskhost note");
	expect(&r, "newer_abi", PLUGIN_REFUSED, "ABI 2.0");
	expect(&r, "missing_symbol", PLUGIN_REFUSED, "nowhere_one");
	expect(&r, "exec_stack", PLUGIN_REFUSED, "executable stack");
	expect(&r, "README", PLUGIN_NOT_A_PLUGIN, "does not end in .so");
	expect(&r, "text", PLUGIN_REFUSED, "not an ELF file");
	expect(&r, "empty", PLUGIN_REFUSED, "is empty");
	expect(&r, "dir", PLUGIN_REFUSED, "is a directory");
	expect(&r, "sub", PLUGIN_NOT_A_PLUGIN, "does not end in .so");
	expect(&r, "fifo", PLUGIN_REFUSED, "is a fifo");
	expect(&r, "dangling", PLUGIN_REFUSED, "leads nowhere");
	expect(&r, "cut", PLUGIN_REFUSED, "truncated");
	expect(&r, "open", PLUGIN_REFUSED, "can be written by");
	CHECK_INT(r.n_entries, 14);
	for (size_t i = 1; i < r.n_entries; i++)
		CHECK(strcmp(r.entries[i - 1]->path, r.entries[i]->path) < 0);
}

TEST(two_plugins_with_one_id)
{
	_cleanup_(registry_done) struct registry r;
	_cleanup_(freep) char *a = fresh_dir(), *b = fresh_dir();
	struct registry_entry *e;
	struct error err = ERROR_INIT;

	put(a, "good", "zzz.so");
	put(b, "good", "good.so");
	open_registry(&r, a, b);
	CHECK_OK(registry_scan(&r, &err), err);
	CHECK_INT(entry(&r, "zzz")->state, PLUGIN_ACTIVE);
	expect(&r, "good", PLUGIN_REFUSED, "its id 'good' is taken by");
	expect(&r, "good", PLUGIN_REFUSED, a);
	CHECK_OK(registry_find_plugin(&r, STR("good"), &e, &err), err);
	CHECK(e == entry(&r, "zzz"));
}

TEST(two_claims)
{
	_cleanup_(registry_done) struct registry r;
	_cleanup_(freep) char *a = fresh_dir(), *b = fresh_dir();
	struct registry_entry *e;
	struct error err = ERROR_INIT;
	struct str name;

	put(a, "claim_b", "claim_b.so");
	put(b, "claim_a", "claim_a.so");
	open_registry(&r, b, a);
	CHECK_OK(registry_scan(&r, &err), err);
	CHECK_INT(entry(&r, "claim_a")->state, PLUGIN_ACTIVE);
	CHECK_INT(entry(&r, "claim_a")->n_lost_claims, 0);
	e = entry(&r, "claim_b");
	CHECK_INT(e->state, PLUGIN_ACTIVE);
	CHECK_INT(e->n_lost_claims, 2);
	expect(&r, "claim_b", PLUGIN_ACTIVE, "active without alias 'flytekit.claimed.Claimed'");
	expect(&r, "claim_b", PLUGIN_ACTIVE, "task type 'claimed' (claimed by");
	CHECK_OK(registry_find_task_type(&r, STR("claimed"), &e, &name, &err), err);
	CHECK(e == entry(&r, "claim_a") && str_is(name, "Run"));
	CHECK_OK(registry_find_executor(&r, STR("flytekit.claimed.Claimed"), &e, &name, &err), err);
	CHECK(e == entry(&r, "claim_a"));
	CHECK_OK(registry_find_task_type(&r, STR("b_only"), &e, &name, &err), err);
	CHECK(e == entry(&r, "claim_b"));
	CHECK_OK(registry_find_executor(&r, STR("claim_b.Run"), &e, &name, &err), err);
	CHECK(e == entry(&r, "claim_b"));
}

TEST(quarantine_passes_claims_on)
{
	_cleanup_(registry_done) struct registry r;
	_cleanup_(freep) char *a = fresh_dir(), *b = fresh_dir();
	struct registry_entry *e;
	struct error err = ERROR_INIT;
	struct str name;

	put(a, "claim_a", "claim_a.so");
	put(a, "claim_b", "claim_b.so");
	put(b, "claim_a", "claim_a2.so");
	open_registry(&r, a, b);
	CHECK_OK(registry_scan(&r, &err), err);
	CHECK_OK(registry_quarantine(&r, entry(&r, "claim_a"), "crashed in init", &err), err);
	expect(&r, "claim_a", PLUGIN_QUARANTINED, "crashed in init");
	CHECK_INT(entry(&r, "claim_a2")->state, PLUGIN_ACTIVE);
	CHECK_OK(registry_find_task_type(&r, STR("claimed"), &e, &name, &err), err);
	CHECK(e == entry(&r, "claim_b"));
	CHECK_INT(e->n_lost_claims, 0);
	CHECK_OK(registry_scan(&r, &err), err);
	CHECK_INT(entry(&r, "claim_a")->state, PLUGIN_ACTIVE);
	expect(&r, "claim_a2", PLUGIN_REFUSED, "is taken by");
}

TEST(short_way_does_not_scan)
{
	_cleanup_(registry_done) struct registry r;
	_cleanup_(freep) char *a = fresh_dir(), *b = fresh_dir();
	struct registry_entry *e, *again;
	struct error err = ERROR_INIT;
	struct str name;

	put(a, "kit", "good.so"); /* that name, but another plugin */
	put(b, "good", "good.so");
	put(b, "dotted.words_2.id", "dotted.words_2.id.so");
	open_registry(&r, a, b);
	CHECK_OK(registry_find_plugin(&r, STR("good"), &e, &err), err);
	CHECK(!r.scanned && str_starts(str_of(e->path), b));
	CHECK_OK(registry_find_plugin(&r, STR("good"), &again, &err), err);
	CHECK(again == e);
	CHECK_OK(registry_find_executor(&r, STR("good.Shim"), &again, &name, &err), err);
	CHECK(again == e && str_is(name, "Shim") && !r.scanned);
	CHECK_OK(registry_find_executor(&r, STR("good.add"), &again, &name, &err), err);
	CHECK(again == e && !r.scanned);
	CHECK_OK(registry_find_plugin(&r, STR("dotted.words_2.id"), &again, &err), err);
	CHECK(!r.scanned);

	/* What has another file name is found by its notes; what was found stays valid. */
	CHECK_OK(registry_find_plugin(&r, STR("kit"), &again, &err), err);
	CHECK(r.scanned && str_is(again->inspection.note.id, "kit"));
	CHECK(str_is(e->inspection.note.id, "good"));
}

TEST(not_found_suggests)
{
	_cleanup_(registry_done) struct registry r;
	_cleanup_(freep) char *a = fresh_dir();
	struct registry_entry *e;
	struct error err = ERROR_INIT;
	struct str name;

	put(a, "good", "good.so");
	open_registry(&r, a, NULL);
	CHECK_ERR(registry_find_plugin(&r, STR("goood"), &e, &err), ERR_NOT_FOUND, err,
		  "no plugin 'goood'; did you mean 'good'? (looked in: ");
	CHECK(strstr(err.message, a) && strstr(err.message, "/taskhost/plugins"));
	CHECK_ERR(registry_find_executor(&r, STR("good.Shin"), &e, &name, &err), ERR_NOT_FOUND, err,
		  "has no task or executor 'Shin'; did you mean 'Shim'?");
	CHECK_ERR(registry_find_executor(&r, STR("flytekit.good.Shin"), &e, &name, &err),
		  ERR_NOT_FOUND, err, "did you mean 'flytekit.good.Shim'?");
	CHECK_ERR(registry_find_executor(&r, STR("nonsense"), &e, &name, &err), ERR_NOT_FOUND, err,
		  "no executor 'nonsense'");
	CHECK_ERR(registry_find_task_type(&r, STR("good_typ"), &e, &name, &err), ERR_NOT_FOUND, err,
		  "did you mean 'good_type'?");
	CHECK_ERR(registry_find_plugin(&r, STR(""), &e, &err), ERR_NOT_FOUND, err, "no plugin ''");
}

TEST(a_refused_plugin_gives_its_reason)
{
	_cleanup_(registry_done) struct registry r;
	_cleanup_(freep) char *a = fresh_dir();
	struct registry_entry *e;
	struct error err = ERROR_INIT;
	struct str name;

	put(a, "exec_stack", "exec_stack.so");
	open_registry(&r, a, NULL);
	CHECK_ERR(registry_find_plugin(&r, STR("exec_stack"), &e, &err), ERR_DENIED, err,
		  "plugin 'exec_stack' cannot be used");
	CHECK(strstr(err.message, "executable stack") && strstr(err.message, a));
	CHECK_ERR(registry_find_executor(&r, STR("exec_stack.Run"), &e, &name, &err), ERR_DENIED,
		  err, "executable stack");
}

/* A plugin's sources beside it, or a note about it, are not the plugin that was refused. */
TEST(what_only_bears_the_name_is_not_refused)
{
	_cleanup_(registry_done) struct registry r;
	_cleanup_(freep) char *a = fresh_dir(), *dir = path_join(a, "arith");
	struct registry_entry *e;
	struct error err = ERROR_INIT;
	struct str name;

	CHECK_INT(mkdir(dir, 0755), 0);
	put(a, "good", "goud");
	put(a, "good", "good.so");
	open_registry(&r, a, NULL);
	CHECK_ERR(registry_find_plugin(&r, STR("arith"), &e, &err), ERR_NOT_FOUND, err,
		  "no plugin 'arith' (looked in: ");
	CHECK_ERR(registry_find_plugin(&r, STR("goud"), &e, &err), ERR_NOT_FOUND, err,
		  "did you mean 'good'?");
	CHECK_ERR(registry_find_executor(&r, STR("arith.Run"), &e, &name, &err), ERR_NOT_FOUND, err,
		  "no executor 'arith.Run'");
}

TEST(rescan_sees_changes)
{
	_cleanup_(registry_done) struct registry r;
	_cleanup_(freep) char *a = fresh_dir(), *path = path_join(a, "good.so");
	struct registry_entry *e;
	struct error err = ERROR_INIT;

	open_registry(&r, a, "/nowhere/at/all");
	CHECK_OK(registry_scan(&r, &err), err);
	CHECK_INT(r.n_entries, 0);
	put(a, "good", "good.so");
	CHECK_OK(registry_scan(&r, &err), err);
	CHECK_OK(registry_find_plugin(&r, STR("good"), &e, &err), err);
	CHECK_INT(unlink(path), 0);
	CHECK_OK(registry_scan(&r, &err), err);
	CHECK_ERR(registry_find_plugin(&r, STR("good"), &e, &err), ERR_NOT_FOUND, err, "no plugin");
}

TEST(warnings_stay_with_active_ones)
{
	_cleanup_(registry_done) struct registry r;
	_cleanup_(freep) char *a = fresh_dir();
	struct error err = ERROR_INIT;

	put(a, "good_hard", "good_hard.so");
	put(a, "extra_export", "extra_export.so");
	open_registry(&r, a, NULL);
	CHECK_OK(registry_scan(&r, &err), err);
	CHECK(entry(&r, "good_hard")->reason == NULL);
	expect(&r, "extra_export", PLUGIN_ACTIVE, "helper");
}
