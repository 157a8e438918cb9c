/* The tables, and how they came to be: numbered migrations, applied one after the other, each in
 * its own transaction with its number. A migration that was released is never edited; a change is a
 * new one at the end. The number in the file (user_version) is that of the last one applied; a file
 * with a higher number belongs to a newer release and is refused untouched. */
#pragma once

#include "store/db.h"

#define SCHEMA_APPLICATION_ID 0x74686f73 /* "thos" */

extern const char *const schema_migrations[];
extern const size_t schema_version; /* how many there are */

/* Brings `db` up to migration `n` of `list`. */
int schema_migrate(
	sqlite3 *db, const char *const *list, size_t n, const char *name, struct error *err);

/* As a reader: the file must be ours and of exactly this version. */
int schema_check(sqlite3 *db, const char *name, struct error *err);
