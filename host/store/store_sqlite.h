/* The store of one worker: SQLite in WAL mode with synchronous=FULL. One thread writes, one reads;
 * neither is the caller's. */
#pragma once

#include "store/store.h"

struct store_sqlite_options {
	const char *dir; /* a state directory this process holds (state_dir.h) */

	/* [any-thread] Called when store_complete has something to do, once until it was called. */
	void (*wake)(void *user);

	/* [loop] Writes are being gathered: call store_sqlite_flush at the end of the turn, after
	 * all that may submit more. Called for every one of them. A commit costs the same for one
	 * write as for a hundred, so what one turn brings should not go in dribs. NULL: each write
	 * is handed over at once. */
	void (*gather)(void *user);
	void *user; /* of both */

	uint64_t low_water_bytes; /* below this much free room accepts are refused */
	uint64_t ballast_bytes;   /* kept back for what has to end; 0: none */
};

#define STORE_LOW_WATER ((uint64_t)64 << 20)
#define STORE_BALLAST   ((uint64_t)16 << 20)

/* Opens `dir`/state.db, making it (0600) when it is missing and migrating it when it is old.
 * ERR_UNSUPPORTED for one of a newer release, ERR_IO for one that is damaged, ERR_DENIED when it
 * cannot be written. A process that may hit a file size limit has to ignore SIGXFSZ. */
int store_sqlite_open(const struct store_sqlite_options *options,
		      struct store **ret,
		      struct error *err);

/* Removes, blocking, what sweeps set aside: files of executions whose rows are gone. [any-thread] */
int store_sqlite_empty_trash(const char *dir, struct error *err);

/* Hands over what was gathered since the last time, in one go; nothing is fine. */
void store_sqlite_flush(struct store *s);

/* ---- for people: the whole database at once, blocking, also beside a running worker ------------
 */

/* Looks for damage and for rows that break a rule; calls `problem` with a sentence for each, and
 * returns how many there were or a negative code when it could not look. `path_allowed`, when
 * given, says whether one durable state may follow another (`from` is EXEC_NEW for the first). */
int store_sqlite_check(const char *dir,
		       bool (*path_allowed)(enum exec_state from, enum exec_state to),
		       void (*problem)(void *user, const char *text),
		       void *user,
		       struct error *err);

/* A consistent copy as one file (0600), made beside `to` and renamed. */
int store_sqlite_backup(const char *dir, const char *to, struct error *err);

/* Sweeps as STORE_SWEEP does and gives the room back to the disk. The caller holds the directory.
 */
int store_sqlite_gc(const char *dir,
		    int64_t finished_before,
		    int64_t dead_before,
		    uint64_t *ret_removed,
		    struct error *err);
