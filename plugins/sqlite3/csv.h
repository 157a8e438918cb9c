/* The rows of a statement as RFC 4180 CSV: a header line, CRLF, quotes where needed. NULL is an
 * empty field, an empty string is "", a BLOB is hexadecimal, a real number has the shortest form
 * that reads back equal. */
#ifndef SQLITE3_CSV_H
#define SQLITE3_CSV_H

#include <sqlite3.h>
#include <stdio.h>

/* Steps the statement to its end. The last result code of SQLite (SQLITE_DONE when all is well).
 * Write errors stay in `f`. */
int csv_write(FILE *f, sqlite3_stmt *statement, long long *ret_rows);

#endif
