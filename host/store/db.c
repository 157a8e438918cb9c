#include "store/db.h"

#include "base/mem.h"

#include <errno.h>
#include <pthread.h>

/* Waits for another process (a backup, a check) to let go. */
#define BUSY_MS 5000

int db_tune(sqlite3 *db, enum db_mode mode, const char *path, struct error *err)
{
	static const char writer[] = "PRAGMA journal_mode=WAL;"
				     "PRAGMA synchronous=FULL;"
				     "PRAGMA wal_autocheckpoint=0;"
				     "PRAGMA journal_size_limit=67108864;"
				     "PRAGMA temp_store=MEMORY;"
				     "PRAGMA cache_size=-4096;"
				     "PRAGMA trusted_schema=OFF;";
	static const char reader[] = "PRAGMA query_only=ON;"
				     "PRAGMA wal_autocheckpoint=0;"
				     "PRAGMA temp_store=MEMORY;"
				     "PRAGMA cache_size=-2048;"
				     "PRAGMA trusted_schema=OFF;";

	return db_exec(db, mode == DB_WRITER ? writer : reader, path, err);
}

/* Counting memory would take a lock for every allocation. */
static pthread_once_t set_up_once = PTHREAD_ONCE_INIT;

static void set_up(void)
{
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

int db_open(const char *path, enum db_mode mode, sqlite3 **ret, struct error *err)
{
	_cleanup_(db_closep) sqlite3 *db = NULL;
	int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	int rc;

	pthread_once(&set_up_once, set_up);
	if (mode == DB_READ_ONLY)
		flags |= SQLITE_OPEN_READONLY;
	else
		flags |= SQLITE_OPEN_READWRITE | (mode == DB_WRITER ? SQLITE_OPEN_CREATE : 0);
	rc = sqlite3_open_v2(path, &db, flags, NULL);
	if (rc != SQLITE_OK)
		return db ? db_error(db, rc, path, err) : err_nomem(err, "a database connection");
	sqlite3_busy_timeout(db, BUSY_MS);
	*ret = TAKE(db);
	return 0;
}

void db_closep(sqlite3 **db)
{
	if (*db)
		sqlite3_close(*db);
	*db = NULL;
}

void stmt_finalp(sqlite3_stmt **s)
{
	sqlite3_finalize(*s);
	*s = NULL;
}

int db_exec(sqlite3 *db, const char *sql, const char *what, struct error *err)
{
	int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : db_error(db, rc, what, err);
}

int db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret, struct error *err)
{
	int rc = sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL);

	return rc == SQLITE_OK ? 0 : db_error(db, rc, "state database", err);
}

int db_int(sqlite3 *db, const char *sql, int64_t *ret, struct error *err)
{
	_cleanup_(stmt_finalp) sqlite3_stmt *s = NULL;
	int rc, r = db_prepare(db, sql, &s, err);

	if (r < 0)
		return r;
	rc = sqlite3_step(s);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return db_error(db, rc, "state database", err);
	*ret = rc == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;
	return 0;
}

/* ---- errors ------------------------------------------------------------------------------ */

/* What errno was after the last statement that failed in stmt_run. SQLite keeps it only for some of
 * its errors, and a full disk has to be told from a broken one. */
static _Thread_local int failed_errno;

static int system_errno(sqlite3 *db)
{
	int errnum = sqlite3_system_errno(db);

	return errnum ? errnum : failed_errno;
}

static enum store_condition condition_of_errno(int errnum)
{
	switch (errnum) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return STORE_FULL;
	case EROFS:
	case EACCES:
	case EPERM:
		return STORE_READ_ONLY;
	default:
		return STORE_BROKEN;
	}
}

enum store_condition db_condition(sqlite3 *db, int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return STORE_WELL;
	case SQLITE_FULL:
		return STORE_FULL;
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return STORE_READ_ONLY;
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		return condition_of_errno(system_errno(db));
	default:
		return STORE_BROKEN;
	}
}

int db_error_code(enum store_condition c, int rc)
{
	if ((rc & 0xff) == SQLITE_NOMEM)
		return ERR_NOMEM;
	if ((rc & 0xff) == SQLITE_BUSY || (rc & 0xff) == SQLITE_LOCKED)
		return ERR_TIMEOUT;
	return c == STORE_FULL ? ERR_LIMIT : c == STORE_READ_ONLY ? ERR_DENIED : ERR_IO;
}

int db_error(sqlite3 *db, int rc, const char *what, struct error *err)
{
	int code = db_error_code(db_condition(db, rc), rc);

	switch (rc & 0xff) {
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
		return err_set(
			err, ERR_IO,
			"%s is damaged (%s); restore a backup, or move it away to start empty",
			what, sqlite3_errmsg(db));
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		if (system_errno(db) != 0)
			return err_set_errno(err, code, system_errno(db), "%s: %s", what,
					     sqlite3_errmsg(db));
		break;
	}
	return err_set(err, code, "%s: %s", what, sqlite3_errmsg(db));
}

/* ---- statements -------------------------------------------------------------------------- */

void bind_str(sqlite3_stmt *s, int column, struct str v)
{
	if (v.len > 0)
		sqlite3_bind_text64(s, column, v.ptr, v.len, SQLITE_STATIC, SQLITE_UTF8);
	else
		sqlite3_bind_null(s, column);
}

void bind_blob(sqlite3_stmt *s, int column, struct str v)
{
	if (v.len > 0)
		sqlite3_bind_blob64(s, column, v.ptr, v.len, SQLITE_STATIC);
	else
		sqlite3_bind_null(s, column);
}

struct str column_str(sqlite3_stmt *s, int column)
{
	const void *p = sqlite3_column_blob(s, column);

	return (struct str){p, p ? (size_t)sqlite3_column_bytes(s, column) : 0};
}

int stmt_run(sqlite3_stmt *s)
{
	int rc;

	errno = 0;
	rc = sqlite3_step(s);
	if (rc == SQLITE_DONE || rc == SQLITE_ROW) {
		sqlite3_reset(s);
		return SQLITE_OK;
	}
	failed_errno = errno;
	sqlite3_reset(s);
	return rc;
}
