/* SQLite made small: opening with our settings, statements, errors as ours. Inside host/store. */
#pragma once

#include "store/store.h"

#include <sqlite3.h>

enum db_mode {
	DB_WRITER,    /* makes the file when it is missing */
	DB_READER,    /* of a file that is there */
	DB_READ_ONLY, /* as DB_READER, for other processes: never writes, not even to recover */
};

/* A connection for one thread at a time. Changes nothing in a file that is there; db_tune does,
 * and comes after the file is known to be ours. */
int db_open(const char *path, enum db_mode mode, sqlite3 **ret, struct error *err);
int db_tune(sqlite3 *db, enum db_mode mode, const char *path, struct error *err);
void db_closep(sqlite3 **db); /* for _cleanup_ */

int db_exec(sqlite3 *db, const char *sql, const char *what, struct error *err);
int db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret, struct error *err);
int db_int(sqlite3 *db, const char *sql, int64_t *ret, struct error *err);
void stmt_finalp(sqlite3_stmt **s); /* for _cleanup_ */

/* What went wrong with the last call on `db`, as a condition of the store and as our error. */
enum store_condition db_condition(sqlite3 *db, int rc);
int db_error_code(enum store_condition c, int rc);
int db_error(sqlite3 *db, int rc, const char *what, struct error *err);

void bind_str(sqlite3_stmt *s, int column, struct str v);  /* empty is NULL */
void bind_blob(sqlite3_stmt *s, int column, struct str v); /* empty is NULL */
struct str column_str(sqlite3_stmt *s, int column);        /* good until the next step */

/* Runs a statement that gives no rows, and resets it. 0 or SQLite's code. */
int stmt_run(sqlite3_stmt *s);
