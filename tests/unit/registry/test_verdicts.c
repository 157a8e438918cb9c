#include "../abi/fixtures.h"

#include "base/clock.h"
#include "registry/scanner.h"

static char *fresh_dir(void)
{
	struct error err = ERROR_INIT;
	char *dir;

	CHECK_OK(dir_make_temp(test_tmpdir(), "v", &dir, &err), err);
	return dir;
}

/* Tables, a scanner over one directory, and where they are kept. */
struct set {
	char *dir, *state;
	char path[4096];
	struct verdicts *verdicts;
	struct scanner *scanner;
	struct look look;
};

static void set_open(struct set *s)
{
	struct error err = ERROR_INIT;

	if (!s->dir) {
		s->dir = fresh_dir();
		s->state = fresh_dir();
		snprintf(s->path, sizeof(s->path), "%s/verdicts", s->state);
	}
	CHECK_OK(verdicts_new(&s->verdicts, &err), err);
	CHECK_OK(scanner_new(&(struct scanner_params){.dirs = (const char *const *)&s->dir,
						      .n_dirs = 1,
						      .store_dir = s->state},
			     s->verdicts, &s->scanner, &err),
		 err);
}

static void set_close(struct set *s)
{
	look_done(&s->look);
	scanner_free(s->scanner);
	verdicts_free(s->verdicts);
	s->scanner = NULL;
	s->verdicts = NULL;
}

static void set_done(struct set *s)
{
	if (s->scanner)
		set_close(s);
	free(s->dir);
	free(s->state);
}

/* Looks until nothing settles any more. */
static void look(struct set *s)
{
	struct error err = ERROR_INIT;

	do {
		look_done(&s->look);
		CHECK_OK(scanner_look(s->scanner, NULL, 0, &s->look, &err), err);
		if (s->look.settling)
			usleep(20000);
	} while (s->look.settling);
}

static const struct looked_file *file(const struct set *s, const char *name)
{
	for (size_t i = 0; i < s->look.n; i++)
		if (streq(path_base(s->look.files[i].path), name))
			return &s->look.files[i];
	test_fail(__FILE__, __LINE__, "no file %s", name);
}

static void save(struct set *s)
{
	struct error err = ERROR_INIT;

	CHECK_OK(verdicts_save(s->verdicts, s->path, &err), err);
}

static void load(struct set *s)
{
	struct error err = ERROR_INIT;

	CHECK_OK(verdicts_load(s->verdicts, s->path, &err), err);
}

/* What was found, and what its code said, is there for the next process, with the note. */
TEST(kept_between_processes)
{
	_cleanup_(set_done) struct set s = {.dir = NULL};
	const struct verdict_executor x[] = {{"add", 7}};
	struct error err = ERROR_INIT;
	const struct verdict *v;

	set_open(&s);
	free(fixture_copy(s.dir, "good", "good.so"));
	free(fixture_copy(s.dir, "newer_abi", "newer_abi.so"));
	free(fixture_copy(s.dir, "no_note", "library.so"));
	look(&s);
	CHECK_INT(scanner_files_read(s.scanner), 3);
	CHECK_OK(verdicts_judge(s.verdicts, file(&s, "good.so")->verdict, PLUGIN_QUARANTINED,
				"it crashed", true, x, 1, &err),
		 err);
	save(&s);
	CHECK(!verdicts_changed(s.verdicts));
	set_close(&s);
	set_open(&s);
	load(&s);
	look(&s);
	CHECK_INT(scanner_files_read(s.scanner), 0);
	v = file(&s, "good.so")->verdict;
	CHECK_INT(v->state, PLUGIN_QUARANTINED);
	CHECK_STR(v->reason, "it crashed");
	CHECK(v->probed && v->loadable && v->n_executors == 1);
	CHECK_STR(v->executors[0].name, "add");
	CHECK_INT(v->executors[0].max_inflight, 7);
	CHECK(str_is(v->note.id, "good") && v->note.n_tasks == 2);
	CHECK(v->note.tasks[0].n_variables > 0 && v->note.tasks[0].variables[0].type_json.len > 0);
	v = file(&s, "newer_abi.so")->verdict;
	CHECK(v->state == PLUGIN_REFUSED && strstr(v->reason, "ABI 2.0"));
	CHECK(file(&s, "library.so")->verdict->state == PLUGIN_NOT_A_PLUGIN);
}

/* The same bytes in another file are known by content: read, but not judged anew. */
TEST(known_by_content)
{
	_cleanup_(set_done) struct set s = {.dir = NULL};
	struct error err = ERROR_INIT;

	set_open(&s);
	free(fixture_copy(s.dir, "good", "good.so"));
	look(&s);
	CHECK_OK(verdicts_judge(s.verdicts, file(&s, "good.so")->verdict, PLUGIN_ACTIVE, "said",
				true, NULL, 0, &err),
		 err);
	free(fixture_copy(s.dir, "good", "other.so"));
	look(&s);
	CHECK_INT(scanner_files_read(s.scanner), 2);
	CHECK_STR(file(&s, "other.so")->verdict->reason, "said");
}

static void expect_left_aside(struct set *s, const char *words)
{
	struct error err = ERROR_INIT;

	set_open(s);
	CHECK_ERR(verdicts_load(s->verdicts, s->path, &err), ERR_INVALID, err, words);
	look(s);
	CHECK_INT(scanner_files_read(s->scanner), 1);
	CHECK_INT(file(s, "good.so")->verdict->state, PLUGIN_ACTIVE);
	set_close(s);
}

/* Writes the tables with a right checksum and other words. */
static void rewrite(const struct set *s, const char *from, const char *to)
{
	char command[9000];

	snprintf(command, sizeof(command),
		 "cd %s && tail -n +2 verdicts | sed 's/%s/%s/' > body && "
		 "(printf '%%s\\n' $(sha256sum < body | cut -c1-64); cat body) > verdicts",
		 s->state, from, to);
	CHECK_INT(system(command), 0);
}

TEST(broken_or_foreign_tables_are_left_aside)
{
	_cleanup_(set_done) struct set s = {.dir = NULL};
	struct error err = ERROR_INIT;
	char command[9000];

	set_open(&s);
	CHECK_OK(verdicts_load(s.verdicts, s.path, &err), err); /* none is fine */
	free(fixture_copy(s.dir, "good", "good.so"));
	look(&s);
	save(&s);
	set_close(&s);
	snprintf(command, sizeof(command), "cp %s %s.good", s.path, s.path);
	CHECK_INT(system(command), 0);
	snprintf(command, sizeof(command), "head -c 900 %s.good > %s", s.path, s.path);
	CHECK_INT(system(command), 0);
	expect_left_aside(&s, "damaged");
	snprintf(command, sizeof(command), "sed 's/active/acti0e/' %s.good > %s", s.path, s.path);
	CHECK_INT(system(command), 0);
	expect_left_aside(&s, "damaged");
	CHECK_OK(file_write_atomic(s.path, "x", 1, 0600, false, &err), err);
	expect_left_aside(&s, "not a file of verdicts");
	snprintf(command, sizeof(command), "cp %s.good %s", s.path, s.path);
	CHECK_INT(system(command), 0);
	rewrite(&s, "\"abi\":\"1", "\"abi\":\"9");
	expect_left_aside(&s, "another version");
	CHECK_INT(system(command), 0);
	rewrite(&s, "\"host\":\"", "\"host\":\"9");
	expect_left_aside(&s, "another version");
	CHECK_INT(system(command), 0);
	rewrite(&s, "\"inspector\":1", "\"inspector\":0");
	expect_left_aside(&s, "another version");
	CHECK_INT(system(command), 0);
	rewrite(&s, "\"libraries\":\\[", "\"libraries\":[5,");
	expect_left_aside(&s, "makes no sense");
	CHECK_INT(system(command), 0);
	rewrite(&s, "records", "recards");
	expect_left_aside(&s, "makes no sense");
	CHECK_INT(system(command), 0);
	set_open(&s);
	load(&s);
	look(&s);
	CHECK_INT(scanner_files_read(s.scanner), 0);
}

/* A verdict rests on the libraries that were there. */
TEST(another_library_makes_it_void)
{
	_cleanup_(set_done) struct set s = {.dir = NULL};
	struct verdict *v;
	char digest[SHA256_HEX_SIZE];

	set_open(&s);
	free(fixture_copy(s.dir, "good", "good.so"));
	look(&s);
	memcpy(digest, file(&s, "good.so")->verdict->digest, sizeof(digest));
	CHECK(file(&s, "good.so")->verdict->n_libraries >= 1);
	save(&s);
	set_close(&s);
	rewrite(&s, "libc.so.6\",[0-9]*", "libc.so.6\",77");
	set_open(&s);
	load(&s);
	verdicts_look(s.verdicts);
	v = verdicts_of_content(s.verdicts, digest);
	CHECK(!v);
	look(&s);
	CHECK_INT(scanner_files_read(s.scanner), 1);
	v = verdicts_of_content(s.verdicts, digest);
	CHECK(v);
	verdict_unref(v);
}

/* Ownership is asked anew each time, for what is known as for what is not. */
TEST(rules_for_paths_are_not_cached)
{
	_cleanup_(set_done) struct set s = {.dir = NULL};
	_cleanup_(freep) char *path = NULL;

	set_open(&s);
	path = fixture_copy(s.dir, "good", "good.so");
	look(&s);
	CHECK_INT(file(&s, "good.so")->state, LOOK_READ);
	CHECK_INT(chmod(s.dir, 0777), 0);
	look(&s);
	CHECK_INT(file(&s, "good.so")->state, LOOK_REFUSED);
	CHECK(strstr(file(&s, "good.so")->reason, "can be written by everyone"));
	CHECK_INT(chmod(s.dir, 0700), 0);
	CHECK_INT(chmod(path, 0666), 0);
	look(&s);
	CHECK_INT(file(&s, "good.so")->state, LOOK_REFUSED);
	CHECK_INT(chmod(path, 0644), 0);
	look(&s);
	CHECK_INT(file(&s, "good.so")->state, LOOK_READ);
}

static size_t count_copies(const struct set *s)
{
	char command[9000];
	FILE *f;
	int n = -1;

	snprintf(command, sizeof(command), "ls %s/plugins | wc -l", s->state);
	f = popen(command, "r");
	CHECK(f && fscanf(f, "%d", &n) == 1);
	pclose(f);
	return (size_t)n;
}

/* One copy of each content, as long as a file or somebody else has it. */
TEST(private_copies_come_and_go)
{
	_cleanup_(set_done) struct set s = {.dir = NULL};
	_cleanup_(freep) char *path = NULL, *copy = NULL;
	struct error err = ERROR_INIT;
	char digest[SHA256_HEX_SIZE];
	const char *keep[] = {digest};

	set_open(&s);
	path = fixture_copy(s.dir, "good", "good.so");
	free(fixture_copy(s.dir, "good", "again.so"));
	free(fixture_copy(s.dir, "kit", "kit.so"));
	free(fixture_copy(s.dir, "newer_abi", "newer_abi.so"));
	look(&s);
	CHECK_INT(count_copies(&s), 2);
	CHECK(!file(&s, "newer_abi.so")->copy);
	memcpy(digest, file(&s, "kit.so")->verdict->digest, sizeof(digest));
	copy = strdup(file(&s, "kit.so")->copy);
	CHECK_INT(unlink(file(&s, "kit.so")->path), 0);
	look_done(&s.look);
	CHECK_OK(scanner_look(s.scanner, keep, 1, &s.look, &err), err);
	CHECK_INT(count_copies(&s), 2);
	look(&s);
	CHECK_INT(count_copies(&s), 1);
	CHECK(access(copy, F_OK) < 0);
	/* One that somebody has removed is made again. */
	scanner_forget_copy(s.scanner, file(&s, "good.so")->verdict->digest);
	CHECK_INT(unlink(file(&s, "good.so")->copy), 0);
	look(&s);
	CHECK_INT(count_copies(&s), 1);
	CHECK(access(file(&s, "again.so")->copy, F_OK) == 0);
}

/* A young file is looked at twice; one that is still short is waited for. */
TEST(half_a_file_is_not_judged)
{
	_cleanup_(set_done) struct set s = {.dir = NULL};
	_cleanup_(buf_done) struct buf bytes = BUF_INIT;
	_cleanup_(closep) int fd = -1;
	_cleanup_(freep) char *path = NULL;
	struct error err = ERROR_INIT;
	int64_t start = clock_monotonic_ns();
	size_t half;

	set_open(&s);
	fixture_read(fixture_path("good"), &bytes);
	half = bytes.len / 2;
	path = path_join(s.dir, "good.so");
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	CHECK_OK(fd_write_all(fd, bytes.data, half, "good.so", &err), err);
	for (int i = 0; i < 4; i++) {
		look_done(&s.look);
		CHECK_OK(scanner_look(s.scanner, NULL, 0, &s.look, &err), err);
		if (clock_monotonic_ns() - start < INT64_C(1800000000))
			CHECK(s.look.settling && file(&s, "good.so")->state == LOOK_SETTLING);
		usleep(60000);
	}
	CHECK(scanner_files_read(s.scanner) > 0); /* it was the same for long enough to be read */
	CHECK_OK(fd_write_all(fd, bytes.data + half, bytes.len - half, "good.so", &err), err);
	look(&s);
	CHECK_INT(file(&s, "good.so")->verdict->state, PLUGIN_ACTIVE);
}
