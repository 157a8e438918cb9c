#include "store/schema.h"

#include "base/mem.h"

#include <stdio.h>

/* 1: executions. Short requests and outputs stand in the row, so that accepting and finishing touch
 * few pages; long ones stand beside it. `terms` packs the numbers nobody searches by, as every
 * column costs each accept (row_sql.h). Keys are random, and only Flyte's have one. */
static const char executions[] =
	"CREATE TABLE execution ("
	" id INTEGER PRIMARY KEY,"
	" state INTEGER NOT NULL,"
	" key BLOB,"
	" incarnation INTEGER NOT NULL,"
	" plugin TEXT,"
	" type TEXT,"
	" name TEXT,"
	" tenant TEXT,"
	" node TEXT,"
	" output_prefix TEXT,"
	" terms BLOB NOT NULL,"
	" accepted_at INTEGER NOT NULL,"
	" run INTEGER NOT NULL,"
	" started_at INTEGER NOT NULL,"
	" spec BLOB,"
	" history BLOB NOT NULL,"
	" failures INTEGER NOT NULL DEFAULT 0,"
	" crashes INTEGER NOT NULL DEFAULT 0,"
	" losses INTEGER NOT NULL DEFAULT 0,"
	" due_at INTEGER NOT NULL DEFAULT 0,"
	" cause TEXT,"
	" cancel INTEGER NOT NULL DEFAULT 0,"
	" cancel_reason TEXT,"
	" finished_at INTEGER NOT NULL DEFAULT 0,"
	" code TEXT,"
	" message TEXT,"
	" ended INTEGER NOT NULL DEFAULT 0,"
	" outputs_kind INTEGER NOT NULL DEFAULT 0,"
	" outputs BLOB,"
	" digest BLOB,"
	" cpu INTEGER NOT NULL DEFAULT 0,"
	" rss INTEGER NOT NULL DEFAULT 0,"
	" retried_as INTEGER NOT NULL DEFAULT 0"
	") STRICT;"
	"CREATE UNIQUE INDEX execution_key ON execution(key) WHERE key IS NOT NULL;"
	"CREATE INDEX execution_open ON execution(id) WHERE (state<16 OR state=20);"
	"CREATE TABLE spec (id INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;"
	"CREATE TABLE outputs (id INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;";

/* 2: keys that were cancelled before anything was accepted under them. */
static const char cancelled_keys[] = "CREATE TABLE cancelled_key ("
				     " key BLOB PRIMARY KEY,"
				     " at INTEGER NOT NULL,"
				     " cancel INTEGER NOT NULL,"
				     " reason TEXT"
				     ") STRICT, WITHOUT ROWID;";

/* 3: what is live is found by open_rows.h instead of an index of all of it, which cost every accept
 * and every end a write of its own. `believed`: see store_sweep. */
static const char lingering[] =
	"DROP INDEX execution_open;"
	"ALTER TABLE execution ADD COLUMN lingering INTEGER NOT NULL DEFAULT 0;"
	"UPDATE execution SET lingering=1 WHERE state<16 OR state=20;"
	"CREATE INDEX execution_lingering ON execution(id) WHERE lingering=1;"
	"CREATE TABLE recovery (mark INTEGER NOT NULL, believed INTEGER NOT NULL) STRICT;"
	"INSERT INTO recovery SELECT coalesce(max(id),0),0 FROM execution;";

const char *const schema_migrations[] = {executions, cancelled_keys, lingering};
const size_t schema_version = ARRAY_LEN(schema_migrations);

static int refuse_newer(const char *name, int64_t found, size_t known, struct error *err)
{
	return err_set(
		err, ERR_UNSUPPORTED,
		"%s has schema version %lld and this release knows up to %zu: it was written by "
		"a newer release; run that one, or restore a backup",
		name, (long long)found, known);
}

/* The version in the file; ERR_INVALID for a database of someone else. */
static int read_version(sqlite3 *db, const char *name, int64_t *ret, struct error *err)
{
	int64_t application = 0, tables = 0, version = 0;
	int r;

	r = db_int(db, "PRAGMA application_id", &application, err);
	if (r == 0)
		r = db_int(db, "PRAGMA user_version", &version, err);
	if (r == 0)
		r = db_int(db, "SELECT count(*) FROM sqlite_schema", &tables, err);
	if (r < 0) {
		err_wrap(err, "%s", name);
		return r;
	}
	if (application != SCHEMA_APPLICATION_ID && (application != 0 || tables != 0))
		return err_set(err, ERR_INVALID,
			       "%s is a database of another program; choose another directory with "
			       "--state",
			       name);
	*ret = version;
	return 0;
}

static int apply(sqlite3 *db, const char *sql, size_t number, const char *name, struct error *err)
{
	char tail[128];
	int r;

	snprintf(tail, sizeof(tail), "PRAGMA application_id=%d; PRAGMA user_version=%zu; COMMIT",
		 SCHEMA_APPLICATION_ID, number);
	r = db_exec(db, "BEGIN IMMEDIATE", name, err);
	if (r == 0)
		r = db_exec(db, sql, name, err);
	if (r == 0)
		r = db_exec(db, tail, name, err);
	if (r == 0)
		return 0;
	if (!sqlite3_get_autocommit(db))
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return err_wrap(err, "migration %zu", number);
}

int schema_migrate(
	sqlite3 *db, const char *const *list, size_t n, const char *name, struct error *err)
{
	int64_t version = 0;
	int r = read_version(db, name, &version, err);

	if (r < 0)
		return r;
	if (version < 0 || (uint64_t)version > n)
		return refuse_newer(name, version, n, err);
	for (size_t i = (size_t)version; i < n; i++) {
		r = apply(db, list[i], i + 1, name, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int schema_check(sqlite3 *db, const char *name, struct error *err)
{
	int64_t version = 0;
	int r = read_version(db, name, &version, err);

	if (r < 0)
		return r;
	if (version < 0 || (uint64_t)version > schema_version)
		return refuse_newer(name, version, schema_version, err);
	if ((uint64_t)version < schema_version)
		return err_set(
			err, ERR_MISMATCH,
			"%s has schema version %lld, not %zu; start the worker once to bring it "
			"up to date",
			name, (long long)version, schema_version);
	return 0;
}
