/* Outputs of executions that were given no place of their own: `<state>/outputs/<name>`, and what
 * executions print: `<state>/logs/<name>`. They go with their rows: set aside within the sweep that
 * deletes the row, which is quick, and removed from there later by somebody who has time
 * (store_sqlite_empty_trash). What a crash leaves set aside is removed after the next start. Inside
 * host/store. */
#pragma once

#include "store/db.h"

/* Moves what is at `output_prefix` to `<dir>/trash` when it is one of those; anything else is left
 * alone. False when it could not be moved: its row should stay for now. */
bool own_outputs_set_aside(const char *dir, struct str output_prefix);

/* The same for the log of an execution; there may be none. */
bool own_log_set_aside(const char *dir, uint64_t id);

/* The same for outputs and logs that no row of `db` names and that have not changed since `before`:
 * their rows may have spelled the directory in another way, or have been lost with a database. In
 * that case clients still find their outputs for as long as the rows would have been kept. The
 * caller holds the directory. */
int own_files_without_rows(sqlite3 *db, const char *dir, int64_t before, struct error *err);
