/* What looks after a state directory: sweep, gc, check, backup. */
#include "store_kit.h"

#include <sys/stat.h>
#include <unistd.h>

static void fill_for_sweep(struct kit *k)
{
	struct store_row row;

	for (uint64_t id = 1; id <= 20; id++) {
		row = kit_row(id);
		kit_accept(k, &row);
		if (id == 5)
			continue;
		CHECK_INT(kit_finish(k, id, id == 7 ? EXEC_DEAD : EXEC_SUCCEEDED, STR("x")), 0);
	}
}

TEST(sweep_removes_what_is_old_and_finished)
{
	struct store_sweep p = {.finished_before = 1700000001000000001, .batch = 4};
	struct kit k;

	kit_open(&k, "sweep");
	fill_for_sweep(&k);
	do
		CHECK_INT(kit_do(&k, &p.op, STORE_SWEEP), 0);
	while (p.more);
	CHECK_INT(p.removed, 18);
	CHECK(!kit_get(&k, 1));
	store_row_free(kit_get(&k, 5)); /* live */
	CHECK(kit_done_count);
	p = (struct store_sweep){
		.finished_before = 1, .dead_before = 1700000001000000001, .batch = 99};
	CHECK_INT(kit_do(&k, &p.op, STORE_SWEEP), 0);
	CHECK_INT(p.removed, 1);
	kit_close(&k);
}

TEST(gc_gives_the_room_back)
{
	static char big[200000];
	struct error err = ERROR_INIT;
	struct stat before, after;
	struct store_row row;
	uint64_t removed;
	char file[4096];
	struct kit k;

	snprintf(file, sizeof(file), "%s", kit_path("gc/state.db"));
	kit_open(&k, "gc");
	for (uint64_t id = 1; id <= 20; id++) {
		row = kit_row(id);
		row.spec = (struct str){big, sizeof(big)};
		kit_accept(&k, &row);
		kit_finish(&k, id, EXEC_SUCCEEDED, STR_NULL);
	}
	kit_close(&k);
	CHECK(stat(file, &before) == 0);
	CHECK_OK(store_sqlite_gc(kit_path("gc"), INT64_MAX, INT64_MAX, &removed, &err), err);
	CHECK_INT(removed, 20);
	CHECK(stat(file, &after) == 0);
	CHECK(after.st_size * 10 < before.st_size);
}

/* ---- check and backup ---------------------------------------------------------------------- */

static char problems[4096];

static void note_problem(void *user, const char *text)
{
	(void)user;
	strncat(problems, text, sizeof(problems) - strlen(problems) - 2);
	strcat(problems, "\n");
}

static bool never_from_queued_to_succeeded(enum exec_state from, enum exec_state to)
{
	return !(from == EXEC_QUEUED && to == EXEC_SUCCEEDED);
}

TEST(check_beside_a_running_store)
{
	struct error err = ERROR_INIT;
	struct store_row row = kit_row(1);
	struct kit k;

	kit_open(&k, "check");
	kit_accept(&k, &row);
	kit_finish(&k, 1, EXEC_SUCCEEDED, STR("x"));
	problems[0] = '\0';
	CHECK_INT(store_sqlite_check(k.dir.path, NULL, note_problem, NULL, &err), 0);
	CHECK_STR(problems, "");
	CHECK_INT(store_sqlite_check(k.dir.path, never_from_queued_to_succeeded, note_problem, NULL,
				     &err),
		  1);
	CHECK_STR(problems, "execution 1: went from QUEUED to SUCCEEDED\n");
	kit_close(&k);
}

TEST(check_tells_damage)
{
	struct error err = ERROR_INIT;
	struct store_row row = kit_row(1);
	char file[4096];
	FILE *f;
	struct kit k;

	snprintf(file, sizeof(file), "%s", kit_path("damage/state.db"));
	kit_open(&k, "damage");
	for (uint64_t id = 1; id < 300; id++) {
		row = kit_row(id);
		kit_accept(&k, &row);
	}
	kit_close(&k);
	f = fopen(file, "r+");
	CHECK(f && fseek(f, 4096 * 8, SEEK_SET) == 0);
	for (int i = 0; i < 4096 * 4; i++)
		fputc(0xa5, f);
	fclose(f);
	problems[0] = '\0';
	CHECK(store_sqlite_check(kit_path("damage"), NULL, note_problem, NULL, &err) != 0);
	CHECK(problems[0] || strstr(err.message, "damaged"));
	CHECK(store_sqlite_check(kit_path("nowhere"), NULL, note_problem, NULL, &err) ==
	      ERR_NOT_FOUND);
}

TEST(backup_beside_a_running_store)
{
	_cleanup_(freep) char *to = strdup(kit_path("restored/state.db"));
	struct error err = ERROR_INIT;
	struct store_row row = kit_row(1), *got;
	struct stat st;
	struct kit k;

	kit_open(&k, "backup");
	kit_accept(&k, &row);
	CHECK(mkdir(kit_path("restored"), 0700) == 0);
	CHECK_OK(store_sqlite_backup(k.dir.path, to, &err), err);
	row = kit_row(2);
	kit_accept(&k, &row);
	kit_close(&k);
	CHECK(stat(to, &st) == 0 && (st.st_mode & 0777) == 0600);
	kit_open(&k, "restored");
	got = kit_get(&k, 1);
	CHECK(got);
	store_row_free(got);
	CHECK(!kit_get(&k, 2));
	kit_close(&k);
}

static void refused(const struct kit *k, const char *to, const char *words)
{
	struct error err = ERROR_INIT;

	CHECK_ERR(store_sqlite_backup(k->dir.path, to, &err), ERR_INVALID, err, words);
	CHECK(strstr(err.message, "choose a file outside"));
}

TEST(backup_over_the_database_is_refused)
{
	static const char *const own[] = {"state.db", "state.db-wal", "state.db-shm"};
	_cleanup_(freep) char *link_dir = strdup(kit_path("link"));
	_cleanup_(freep) char *twin = strdup(kit_path("twin.db"));
	struct error err = ERROR_INIT;
	struct store_row row = kit_row(1), *got;
	char to[4096];
	struct kit k;

	kit_open(&k, "itself");
	kit_accept(&k, &row);
	CHECK(symlink(k.dir.path, link_dir) == 0);
	for (size_t i = 0; i < ARRAY_LEN(own); i++) {
		snprintf(to, sizeof(to), "%s/%s", k.dir.path, own[i]);
		refused(&k, to, "is the database itself");
		snprintf(to, sizeof(to), "%s/../itself/./%s", link_dir, own[i]);
		refused(&k, to, "is the database itself");
	}
	CHECK(chdir(k.dir.path) == 0);
	refused(&k, "state.db", "is the database itself");
	refused(&k, "copy.db", "is inside the state directory");
	CHECK(chdir("/") == 0);
	snprintf(to, sizeof(to), "%s/state.db", k.dir.path);
	CHECK(link(to, twin) == 0);
	refused(&k, twin, "is the database itself");
	kit_close(&k);
	kit_open(&k, "itself");
	got = kit_get(&k, 1);
	CHECK(got);
	store_row_free(got);
	CHECK_INT(store_sqlite_check(k.dir.path, NULL, note_problem, NULL, &err), 0);
	kit_close(&k);
}

TEST(backup_into_the_state_directory_is_refused)
{
	struct error err = ERROR_INIT;
	char to[4096];
	struct kit k;

	kit_open(&k, "inside");
	CHECK_OK(dir_make(kit_path("inside/deep/er"), 0700, &err), err);
	refused(&k, kit_path("inside/copy.db"), "is inside the state directory");
	refused(&k, kit_path("inside/deep/er/copy.db"), "is inside the state directory");
	snprintf(to, sizeof(to), "%s/deep", k.dir.path);
	CHECK(symlink(to, kit_path("way_in")) == 0);
	refused(&k, kit_path("way_in/copy.db"), "is inside the state directory");
	CHECK_ERR(store_sqlite_backup(k.dir.path, kit_path("nowhere/copy.db"), &err), ERR_NOT_FOUND,
		  err, "cannot write");
	/* Beside it, with a name that only begins so. */
	CHECK_OK(store_sqlite_backup(k.dir.path, kit_path("inside.db"), &err), err);
	CHECK_OK(store_sqlite_backup(k.dir.path, kit_path("inside.db"), &err), err);
	kit_close(&k);
}
