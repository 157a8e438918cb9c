/* What runs print: one bounded log each, in a file and, for the latest part, in memory.
 *
 * A log counts bytes from its beginning; an offset is a place in it for ever. The file is a ring
 * that keeps the last `quota` bytes; older ones are gone, and a reader is told how many. Appending
 * never waits: a thread writes the files, and what comes faster than that is dropped and counted.
 *
 * [loop], except where a comment says otherwise. */
#pragma once

#include "base/buf.h"
#include "base/str.h"
#include "loop/loop.h"

struct logs;
struct log;

struct logs_params {
	const char *directory; /* made when it is missing; copied */
	uint64_t quota;        /* bytes that a log keeps; 0: 1 MiB */
};

int logs_new(struct loop *l,
	     const struct logs_params *params,
	     struct logs **ret,
	     struct error *err);

/* Writes what is left, in the background; `closed` comes when that is done, and all is freed. Every
 * log must be closed before. */
void logs_close(struct logs *logs, void (*closed)(void *user), void *user);

/* ---- writing ----------------------------------------------------------------------------- */

/* Begins a log, or goes on with an older one of that name. Names consist of letters, digits, '-',
 * '_' and '.', do not begin with a dot, and have at most LOG_NAME_MAX characters: ERR_INVALID. The
 * file is made with the first bytes. */
#define LOG_NAME_MAX 200
int log_open(struct logs *logs, const char *name, struct log **ret, struct error *err);

/* All of it, or as much as there is room for; the rest is counted as lost. */
void log_append(struct log *log, const void *data, size_t len);

/* The writer is done with it. NULL is fine. */
void log_close(struct log *log);

/* ---- reading ----------------------------------------------------------------------------- */

struct log_part {
	uint64_t offset; /* of the first byte given, after what is gone */
	uint64_t next;   /* where to go on */
	uint64_t gone;   /* bytes between the offset asked for and the first one given */
	uint64_t lost;   /* bytes of this log that were never kept, in all */
	bool end;        /* nobody writes to it and all has been given */
};

/* At most `max` bytes from `offset` on, appended to `out`. Bytes that are not there yet are not
 * waited for. ERR_NOT_FOUND when there is no such log. */
int logs_read(struct logs *logs,
	      const char *name,
	      uint64_t offset,
	      size_t max,
	      struct buf *out,
	      struct log_part *ret,
	      struct error *err);

/* Where a reader who wants the last `lines` lines should begin. */
int logs_tail(
	struct logs *logs, const char *name, size_t lines, uint64_t *ret_offset, struct error *err);

/* Calls `more`, once per turn at most, when the log has grown or its writer is done; the log need
 * not exist yet. Memory of the caller. */
struct log_follower {
	void (*more)(struct log_follower *f);
	/* private */
	struct log_follower *next, **link;
	struct loop_later later;
	struct loop *loop;
	char name[LOG_NAME_MAX + 1];
};
int logs_follow(struct logs *logs, const char *name, struct log_follower *f, struct error *err);
void logs_unfollow(struct log_follower *f);
