/* Whole files and directories, with errors that name the path. */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#include <sys/types.h>

/* Reads all of it; more than `max` bytes, or than `out` may hold, is ERR_LIMIT; a directory or a
 * missing file says so. The bytes are appended to `out`; on failure it is as before. */
int file_read(const char *path, size_t max, struct buf *out, struct error *err);
int file_read_fd(int fd, const char *name, size_t max, struct buf *out, struct error *err);

/* Writes a temporary file beside `path`, then renames it: a reader sees all or nothing. With
 * `sync` data and directory are on disk before it returns. `mode` is subject to the umask. A link
 * at `path` is replaced, not followed. On failure nothing is left behind. */
int file_write_atomic(
	const char *path, const void *data, size_t len, mode_t mode, bool sync, struct error *err);

/* A process that dies while it writes leaves its temporary file. Who forks one that may die calls
 * the first before, and the second on the directories it wrote to: what this process and those
 * forked since had begun there and not finished is removed, and nothing else. A directory that is
 * not there is fine. */
int file_temps_begin(struct error *err);
int file_temps_remove(const char *dir, struct error *err);

/* All bytes or an error; retries after EINTR. */
int fd_write_all(int fd, const void *data, size_t len, const char *name, struct error *err);

/* mkdir -p; parents get the same mode. An existing directory is fine. */
int dir_make(const char *path, mode_t mode, struct error *err);

/* A fresh directory "<parent>/<prefix>XXXXXX" with mode 0700; parent NULL means $TMPDIR or /tmp.
 * The caller frees *ret_path. */
int dir_make_temp(const char *parent, const char *prefix, char **ret_path, struct error *err);

/* The path of a directory that is still to be made, in $TMPDIR or /tmp: "<prefix>" and 16 random
 * digits, so that nobody can be there first. The caller frees *ret_path. */
int path_temp(const char *prefix, char **ret_path, struct error *err);

/* rm -r without following links or entering other mounts. A missing path is fine; "" and "/" are
 * refused. */
int dir_remove(const char *path, struct error *err);

/* Copies a regular file, keeping permission bits (not set-id bits). An existing `to` is
 * overwritten; after a failed write it is gone. */
int file_copy(const char *from, const char *to, struct error *err);

/* What is in the file, or which names are in the directory, is on the disk when it returns. */
int file_sync(const char *path, struct error *err);
int dir_sync(const char *path, struct error *err);

/* "a" + "b" -> "a/b" (no doubled slash); NULL when out of memory. The caller frees. */
char *path_join(const char *a, const char *b);
const char *path_base(const char *path); /* after the last slash */
