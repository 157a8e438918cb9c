#include "fixtures.h"

#include <dirent.h>
#include <sys/wait.h>

static int run_add(const struct plugin *p)
{
	return plugin_executor(p, STR("add")) && plugin_executor(p, STR("greet")) &&
	       plugin_executor(p, STR("Shim")) && !plugin_executor(p, STR("nothing"));
}

TEST(loads_a_good_plugin)
{
	struct error err = ERROR_INIT;
	const struct note_offer *note;
	struct plugin *p;

	CHECK_OK(load_fixture("good", NULL, NULL, &p, &err), err);
	CHECK_INT(p->table.n_executors, 3);
	CHECK_INT(p->table.n_resolvers, 2);
	CHECK(run_add(p));
	CHECK_STR(plugin_resolver_symbol(p, 0), "tasks");
	CHECK_STR(plugin_resolver_symbol(p, 1), "good_resolver");
	CHECK(plugin_resolver_symbol(p, 2) == NULL);
	CHECK_OK(plugin_task_note(p, STR("add"), &note, &err), err);
	CHECK(note && note->retries == 2);
	CHECK_OK(plugin_task_note(p, STR("Shim"), &note, &err), err);
	CHECK(note == NULL);
	CHECK(plugin_executor_of(p, p->table.executors[1]) == &p->executors[1]);
	CHECK(plugin_executor_of(p, NULL) == NULL);
	CHECK_OK(plugin_init(p, STR("{}"), &err), err);
	CHECK_ERR(plugin_init(p, STR(""), &err), ERR_STATE, err, "initialised before");
	CHECK_OK(plugin_shutdown(p, 0, &err), err);
	CHECK_OK(plugin_shutdown(p, 0, &err), err);
	plugin_free(p);
	plugin_free(NULL);
}

TEST(rules_that_may_be_bent)
{
	static const char *const names[] = {"upper_flags",   "longer_struct", "dotted.words_2.id",
					    "resolver_good", "own_malloc",    "kit_clang",
					    "kit_lto"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct error err = ERROR_INIT;
		struct plugin *p;

		if (access(fixture_path(names[i]), F_OK) < 0)
			continue;
		CHECK_OK(load_fixture(names[i], NULL, NULL, &p, &err), err);
		CHECK_OK(plugin_init(p, STR(""), &err), err);
		CHECK_OK(plugin_shutdown(p, 0, &err), err);
		plugin_free(p);
	}
}

/* Loading fails with the code and all the words. */
static void refused(const char *name, int code, const char *words)
{
	struct error err = ERROR_INIT;
	struct plugin *p;
	int r = load_fixture(name, NULL, NULL, &p, &err);

	if (r != code || !strstr(err.message, words) || !strstr(err.message, name))
		test_fail(__FILE__, __LINE__, "%s gave %s \"%s\", not %s \"%s\"", name, err_name(r),
			  err.message, err_name(code), words);
}

TEST(tables_that_break_the_rules)
{
	refused("small_struct", ERR_INVALID, "th_plugin: struct_size is 16, not between");
	refused("absurd_struct", ERR_INVALID, "th_plugin: struct_size is 2147483647");
	refused("unknown_flags", ERR_INVALID, "th_plugin: flags 0x10 are not known");
	refused("reserved_set", ERR_INVALID, "th_plugin: reserved is 0x1, not 0");
	refused("too_many", ERR_INVALID, "n_executors is 4294967295");
	refused("null_executor", ERR_INVALID, "executor 1 is NULL");
	refused("executor_small", ERR_INVALID, "executor 0: struct_size is 8");
	refused("executor_flags", ERR_INVALID, "executor 'Run': flags 0x8000 are not known");
	refused("executor_reserved", ERR_INVALID, "executor 'Run': reserved is 0x7");
	refused("executor_unnamed", ERR_INVALID, "executor 0: its name is missing");
	refused("null_execute", ERR_INVALID, "executor 'Run': execute_from_model is NULL");
	refused("resolver_null_load", ERR_INVALID, "resolver 0: load_task is NULL");
	refused("resolver_small", ERR_INVALID, "resolver 0: struct_size is 4");
	refused("resolver_flags", ERR_INVALID, "resolver 0: flags 0x1 are not known");
}

TEST(notes_that_disagree)
{
	refused("other_id", ERR_MISMATCH, "the note says id 'other_id', the code 'another'");
	refused("other_version", ERR_MISMATCH, "the note says version '9.9.9', the code '1.0.0'");
	refused("other_abi", ERR_MISMATCH, "the note says ABI 1.0, the code 3.0");
	refused("other_executor", ERR_MISMATCH, "the code has executor 'Walk', no note has");
	refused("other_executor", ERR_MISMATCH, "a note has executor 'Run', the code has not");
	refused("silent_executor", ERR_MISMATCH, "the code has executor 'Silent', no note has");
	refused("unlisted_task", ERR_MISMATCH, "a note has task 'ghost', the code has not");
}

TEST(entry_says_no)
{
	refused("refuses", ERR_MISMATCH, "needs a host of 2.0 or newer");
	refused("no_table", ERR_INVALID, "handed over no table");
}

TEST(refused_before_any_code_runs)
{
	refused("exec_stack", ERR_INVALID, "executable stack");
	refused("newer_abi", ERR_INVALID, "ABI 2.0");
	refused("no_note", ERR_NOT_FOUND, "no taskhost note");
	refused("rpath", ERR_INVALID, "RPATH");
}

TEST(the_loader_names_all_that_is_missing)
{
	refused("missing_symbol", ERR_INVALID, "nowhere_one");
	refused("missing_symbol", ERR_INVALID, "nowhere_two");
	refused("missing_library", ERR_INVALID, "libgone.so.1");
	refused("missing_version", ERR_INVALID, "GLIBC_2.99");
}

TEST(init_that_fails)
{
	struct error err = ERROR_INIT;
	struct plugin *p;

	CHECK_OK(load_fixture("init_fails", NULL, NULL, &p, &err), err);
	CHECK_ERR(plugin_init(p, STR(""), &err), ERR_IO, err,
		  "init: NoLicence: the licence server does not answer");
	CHECK(!p->initialised);
	plugin_free(p);
	CHECK_OK(load_fixture("init_garbage", NULL, NULL, &p, &err), err);
	CHECK_ERR(plugin_init(p, STR(""), &err), ERR_INVALID, err,
		  "an unknown status (2125266945)");
	plugin_free(p);
}

TEST(busy)
{
	struct error err = ERROR_INIT;
	struct plugin *p;

	CHECK_OK(load_fixture("busy", NULL, NULL, &p, &err), err);
	CHECK_OK(plugin_init(p, STR(""), &err), err);
	CHECK_ERR(plugin_shutdown(p, 0, &err), ERR_STATE, err, "busy: two uploads are running");
	CHECK(p->initialised);
	plugin_free(p);
}

TEST(second_free_is_counted_and_harmless)
{
	struct error err = ERROR_INIT;
	struct plugin *p;
	struct host *h;

	CHECK_OK(load_fixture("double_free", NULL, &h, &p, &err), err);
	CHECK_OK(plugin_init(p, STR(""), &err), err);
	CHECK_INT(h->misbehaved, 2);
	CHECK_INT(h->allocated, 0);
	plugin_free(p);
}

/* ---- private copies -------------------------------------------------------------------------- */

static char *fresh_dir(void)
{
	struct error err = ERROR_INIT;
	char *dir;

	CHECK_OK(dir_make_temp(test_tmpdir(), "s", &dir, &err), err);
	return dir;
}

TEST(store_copy_by_digest)
{
	_cleanup_(freep) char *store = fresh_dir();
	struct error err = ERROR_INIT;
	struct plugin *p, *q;
	char words[128];
	struct stat st;

	CHECK_OK(load_fixture("good", store, NULL, &p, &err), err);
	snprintf(words, sizeof(words), "/plugins/%s.so", p->digest);
	CHECK(str_ends(str_of(p->loaded_from), words));
	CHECK_INT(p->memfd, -1);
	CHECK_INT(stat(p->loaded_from, &st), 0);
	CHECK_INT(st.st_mode & 07777, 0600);
	CHECK_OK(load_fixture("good", store, NULL, &q, &err), err);
	CHECK_STR(q->loaded_from, p->loaded_from);
	plugin_free(p);
	plugin_free(q);
}

TEST(a_broken_store_file_is_replaced)
{
	_cleanup_(freep) char *store = fresh_dir(), *path = NULL;
	_cleanup_(closep) int fd = open(fixture_path("kit"), O_RDONLY | O_CLOEXEC);
	char digest[SHA256_HEX_SIZE], again[SHA256_HEX_SIZE];
	struct error err = ERROR_INIT;
	char *second;
	int memfd;
	struct stat st;

	CHECK_OK(plugin_store_copy(fd, store, digest, &path, &memfd, &err), err);
	CHECK_INT(memfd, -1);
	CHECK_INT(truncate(path, 100), 0);
	CHECK_OK(plugin_store_copy(fd, store, again, &second, &memfd, &err), err);
	CHECK_STR(second, path);
	CHECK_STR(digest, again);
	CHECK_INT(stat(path, &st), 0);
	CHECK(st.st_size > 100);
	free(second);
}

TEST(memory_copy_when_the_store_cannot_be_used)
{
	_cleanup_(freep) char *store = fresh_dir(), *plugins = path_join(store, "plugins");
	struct error err = ERROR_INIT;
	struct plugin *p;

	CHECK_INT(mkdir(plugins, 0700), 0);
	CHECK_INT(chmod(plugins, 0777), 0); /* not ours alone */
	CHECK_OK(load_fixture("kit", store, NULL, &p, &err), err);
	CHECK(p->memfd >= 0);
	CHECK(str_starts(str_of(p->loaded_from), "/proc/self/fd/"));
	CHECK_INT(fcntl(p->memfd, F_GET_SEALS),
		  F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
	plugin_free(p);
}

/* The loader knows files by path: a descriptor number that was loaded from must not be reused. */
TEST(two_versions_side_by_side)
{
	struct error err = ERROR_INIT;
	struct plugin *p, *q;
	const th_executor *one, *other;

	CHECK_OK(load_fixture("claim_a", NULL, NULL, &p, &err), err);
	one = p->table.executors[0];
	CHECK_STR(p->table.id, "claim_a");
	plugin_free(p);
	CHECK_OK(load_fixture("claim_b", NULL, NULL, &q, &err), err);
	other = q->table.executors[0];
	CHECK_STR(q->table.id, "claim_b");
	CHECK(one != other);
	plugin_free(q);
}

TEST(overwritten_while_loaded)
{
	_cleanup_(freep) char *dir = fresh_dir(), *store = fresh_dir();
	_cleanup_(freep) char *path = fixture_copy(dir, "good", "good.so");
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct error err = ERROR_INIT;
	const struct note_offer *note;
	struct plugin *p;
	struct host h;
	char command[9000];

	host_init(&h, NULL, NULL, 0);
	CHECK_OK(plugin_load(fd, path, store, &h.table, &p, &err), err);
	/* In place, as cp does: another plugin, then next to nothing. */
	snprintf(command, sizeof(command), "cp %s %s", fixture_path("kit"), path);
	CHECK_INT(system(command), 0);
	CHECK_OK(plugin_init(p, STR(""), &err), err);
	CHECK_INT(truncate(path, 1), 0);
	CHECK(run_add(p));
	CHECK(str_is(p->inspection.note.id, "good"));
	CHECK_OK(plugin_task_note(p, STR("add"), &note, &err), err);
	CHECK(note && str_is(note->about, "Adds two integers"));
	CHECK_OK(plugin_shutdown(p, 0, &err), err);
	plugin_free(p);
	host_done(&h);
}

/* What was judged is what is loaded, whatever the path leads to by then. */
TEST(overwritten_between_reading_and_loading)
{
	_cleanup_(freep) char *dir = fresh_dir(), *path = fixture_copy(dir, "good", "good.so");
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct error err = ERROR_INIT;
	const struct note_offer *note;
	struct plugin_file *file;
	struct plugin *p, *q;
	struct host h;
	char command[9000];

	host_init(&h, NULL, NULL, 0);
	CHECK_OK(plugin_file_read(fd, path, &file, &err), err);
	snprintf(command, sizeof(command), "cp %s %s", fixture_path("kit"), path);
	CHECK_INT(system(command), 0);
	CHECK_OK(plugin_load_file(file, dir, &h.table, &p, &err), err);
	CHECK_OK(plugin_load_file(file, NULL, &h.table, &q, &err), err);
	CHECK_INT(unlink(path), 0);
	plugin_file_unref(file); /* the plugins have it still */
	CHECK_STR(p->table.id, "good");
	CHECK_STR(q->digest, p->digest);
	CHECK_OK(plugin_task_note(p, STR("add"), &note, &err), err);
	CHECK(note && note->n_variables == 3);
	plugin_free(p);
	CHECK_OK(plugin_task_note(q, STR("greet"), &note, &err), err);
	CHECK(note && str_is(note->about, "Greets"));
	plugin_free(q);
	host_done(&h);
}

TEST(shorter_than_it_was)
{
	_cleanup_(freep) char *dir = fresh_dir(), *path = fixture_copy(dir, "good", "good.so");
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct error err = ERROR_INIT;
	struct plugin *p;
	struct host h;

	host_init(&h, NULL, NULL, 0);
	CHECK_INT(truncate(path, 5000), 0);
	CHECK_ERR(plugin_load(fd, path, NULL, &h.table, &p, &err), ERR_INVALID, err, "truncated");
	host_done(&h);
}

/* ---- addresses ------------------------------------------------------------------------------- */

TEST(symbol_of_an_address)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	struct error err = ERROR_INIT;
	uint64_t at;
	struct plugin *p;
	int local;

	CHECK_OK(load_fixture("good", NULL, NULL, &p, &err), err);
	CHECK(plugin_symbol_of(p, p->table.resolvers[1], &text));
	CHECK_STR(text.data, "good.good_resolver");
	buf_clear(&text);
	/* A static one: from the file's own symbol table. */
	CHECK(plugin_symbol_of(p, p->table.executors[0], &text));
	CHECK(str_starts((struct str){text.data, text.len}, "good.th_executor_of_"));
	CHECK(plugin_address_in_file(p, p->table.executors[0], &at));
	CHECK(at > 0 && at < p->file->len * 4);
	CHECK(!plugin_symbol_of(p, &local, &text));
	CHECK(!plugin_address_in_file(p, NULL, &at));
	plugin_free(p);
}

TEST(constructor_that_aborts_dies_in_the_child)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct plugin *p;

		load_fixture("ctor_abort", NULL, NULL, &p, NULL);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}
