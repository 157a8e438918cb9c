/* Outputs of executions that were given no place of their own: `<state>/outputs/<name>`, and what
 * executions print: `<state>/logs/<name>`. They go with their rows: set aside within the sweep that
 * deletes the row, which is quick, and removed from there later by somebody who has time
 * (store_sqlite_empty_trash). What a crash leaves set aside is removed after the next start. Inside
 * host/store. */
#pragma once

#include "base/str.h"

/* Moves what is at `output_prefix` to `<dir>/trash` when it is one of those; anything else is left
 * alone. False when it could not be moved: its row should stay for now. */
bool own_outputs_set_aside(const char *dir, struct str output_prefix);

/* The same for the log of an execution; there may be none. */
bool own_log_set_aside(const char *dir, uint64_t id);
