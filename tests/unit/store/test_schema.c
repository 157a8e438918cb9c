#include "base/file.h"
#include "base/mem.h"
#include "lib/test.h"
#include "store/schema.h"
#include "store/state_dir.h"
#include "store/store_sqlite.h"

#include <stdio.h>
#include <sys/stat.h>

static const char *db_path(const char *name)
{
	static char path[4096];

	snprintf(path, sizeof(path), "%s/%s", test_tmpdir(), name);
	return path;
}

static void open_db(const char *path, sqlite3 **ret)
{
	struct error err = ERROR_INIT;

	CHECK_OK(db_open(path, DB_WRITER, ret, &err), err);
}

static int64_t get(sqlite3 *db, const char *sql)
{
	struct error err = ERROR_INIT;
	int64_t v;

	CHECK_OK(db_int(db, sql, &v, &err), err);
	return v;
}

TEST(every_migration_leads_to_the_next)
{
	_cleanup_(db_closep) sqlite3 *db = NULL;
	struct error err = ERROR_INIT;

	open_db(db_path("steps.db"), &db);
	for (size_t n = 1; n <= schema_version; n++) {
		CHECK_OK(schema_migrate(db, schema_migrations, n, "steps.db", &err), err);
		CHECK_INT(get(db, "PRAGMA user_version"), n);
	}
	CHECK_INT(get(db, "PRAGMA application_id"), SCHEMA_APPLICATION_ID);
	CHECK_OK(schema_check(db, "steps.db", &err), err);
}

TEST(rows_survive_a_migration)
{
	_cleanup_(db_closep) sqlite3 *db = NULL;
	const char *const list[] = {"CREATE TABLE t(a); INSERT INTO t VALUES(1),(2);",
				    "ALTER TABLE t ADD COLUMN b DEFAULT 5;"};
	struct error err = ERROR_INIT;

	open_db(db_path("rows.db"), &db);
	CHECK_OK(schema_migrate(db, list, 1, "rows.db", &err), err);
	CHECK_OK(schema_migrate(db, list, 2, "rows.db", &err), err);
	CHECK_INT(get(db, "SELECT sum(a+b) FROM t"), 13);
}

TEST(failed_migration_changes_nothing)
{
	_cleanup_(db_closep) sqlite3 *db = NULL;
	const char *const list[] = {"CREATE TABLE t(a);", "CREATE TABLE u(a); CREATE TABLE t(a);"};
	struct error err = ERROR_INIT;

	open_db(db_path("failed.db"), &db);
	CHECK_OK(schema_migrate(db, list, 1, "failed.db", &err), err);
	CHECK_ERR(schema_migrate(db, list, 2, "failed.db", &err), ERR_IO, err, "migration 2");
	CHECK_INT(get(db, "PRAGMA user_version"), 1);
	CHECK_INT(get(db, "SELECT count(*) FROM sqlite_schema WHERE name='u'"), 0);
}

/* The tables as they are, word for word: a released migration is never edited. */
TEST(released_migrations_are_unchanged)
{
	_cleanup_(buf_done) struct buf golden = BUF_INIT;
	_cleanup_(buf_done) struct buf now = BUF_INIT;
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < schema_version; i++)
		buf_printf(&now, "%zu: %s\n", i + 1, schema_migrations[i]);
	CHECK_OK(file_read(test_golden("store/migrations.sql"), 1 << 20, &golden, &err), err);
	CHECK_STR(now.data, golden.data);
}

static void refused(const char *dir, int code, const char *words)
{
	_cleanup_(state_dir_close) struct state_dir d = STATE_DIR_INIT;
	struct store_sqlite_options o = {.wake = NULL};
	struct error err = ERROR_INIT;
	struct store *s = NULL;

	CHECK_OK(state_dir_open(&d, dir, &err), err);
	o.dir = d.path;
	CHECK_ERR(store_sqlite_open(&o, &s, &err), code, err, words);
	CHECK(!s);
	CHECK(strstr(err.message, dir));
}

TEST(newer_schema_is_refused_untouched)
{
	_cleanup_(buf_done) struct buf before = BUF_INIT;
	_cleanup_(buf_done) struct buf after = BUF_INIT;
	struct error err = ERROR_INIT;
	sqlite3 *db = NULL;
	char dir[4096];

	CHECK(mkdir(db_path("newer"), 0700) == 0);
	open_db(db_path("newer/state.db"), &db);
	CHECK_OK(schema_migrate(db, schema_migrations, schema_version, "x", &err), err);
	CHECK_OK(db_exec(db, "PRAGMA user_version=99", "x", &err), err);
	db_closep(&db);
	CHECK_OK(file_read(db_path("newer/state.db"), 1 << 20, &before, &err), err);
	snprintf(dir, sizeof(dir), "%s", db_path("newer"));
	refused(dir, ERR_UNSUPPORTED, "schema version 99");
	CHECK_OK(file_read(db_path("newer/state.db"), 1 << 20, &after, &err), err);
	CHECK(before.len == after.len && memcmp(before.data, after.data, after.len) == 0);
}

TEST(database_of_another_program_is_refused)
{
	struct error err = ERROR_INIT;
	sqlite3 *db = NULL;
	char dir[4096];

	CHECK(mkdir(db_path("foreign"), 0700) == 0);
	open_db(db_path("foreign/state.db"), &db);
	CHECK_OK(db_exec(db, "CREATE TABLE photos(a)", "x", &err), err);
	db_closep(&db);
	snprintf(dir, sizeof(dir), "%s", db_path("foreign"));
	refused(dir, ERR_INVALID, "another program");
}

TEST(damaged_database_is_told_as_such)
{
	struct error err = ERROR_INIT;
	char junk[8192], dir[4096];

	memset(junk, 'x', sizeof(junk));
	CHECK(mkdir(db_path("damaged"), 0700) == 0);
	CHECK_OK(file_write_atomic(db_path("damaged/state.db"), junk, sizeof(junk), 0600, false,
				   &err),
		 err);
	snprintf(dir, sizeof(dir), "%s", db_path("damaged"));
	refused(dir, ERR_IO, "is damaged");
}
