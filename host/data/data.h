/* Bytes by URI behind one table of functions per scheme. Plain paths and file:// are built in;
 * other schemes have no back end here, and say so.
 *
 * A text is a URI when it starts with "<scheme>://"; everything else is a path. In file:// URIs
 * "%20" and the like are decoded and the host must be empty or "localhost"; file:/path is the same as
 * file:///path. New files and directories get the mode that the umask leaves. Any thread. */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

#include <stdbool.h>
#include <sys/types.h>

struct data_backend {
	const char *scheme; /* "file"; also serves URIs without a scheme */
	int (*get)(const char *uri, size_t max, struct buf *out, struct error *err);
	int (*put)(const char *uri, const void *data, size_t len, bool sync, struct error *err);
	/* Copies a local file or, recursively, a directory to `uri`. */
	int (*put_path)(const char *path, const char *uri, bool sync, struct error *err);
	/* A local path with the content of `uri`: the thing itself for local data, else a copy
	 * under `dir`. The caller frees *ret_path. */
	int (*local)(const char *uri, const char *dir, char **ret_path, struct error *err);
	/* 1 a directory, 0 a file, ERR_NOT_FOUND. */
	int (*kind)(const char *uri, struct error *err);
};

/* The back end for a URI, or NULL with ERR_UNSUPPORTED naming the scheme and what can be used. */
const struct data_backend *data_backend_for(const char *uri, struct error *err);

/* Each finds the back end first. */

/* Appends the bytes at `uri`, at most `max`; `what` names the thing in errors ("inputs"). */
int data_get(const char *uri, const char *what, size_t max, struct buf *out, struct error *err);

/* Makes missing parents; a reader sees all bytes or none. `sync`: on disk when it returns. */
int data_put(const char *uri, const void *data, size_t len, bool sync, struct error *err);

/* A link to a file is copied as that file. Links to directories, dangling links, sockets and the
 * like are refused by name, so nothing is left out in silence. Each file appears whole or not at
 * all; a directory may be copied in part when it fails. The same place twice is fine.
 * `sync`: all of it is on disk when it returns. */
int data_put_path(const char *path, const char *uri, bool sync, struct error *err);
int data_local(const char *uri, const char *dir, char **ret_path, struct error *err);
int data_kind(const char *uri, struct error *err);

/* Has the URI a scheme other than file? ("s3://b/k" yes; "/a", "file:///a", "a:b" no) */
bool data_is_remote(const char *uri);

/* "prefix" + "name" with exactly one slash between; the caller frees; NULL when out of memory. */
char *data_join(const char *prefix, const char *name);

/* ---- for back ends --------------------------------------------------------------------------- */

/* "s3" of "s3://b/k"; empty when it is a path. */
struct str data_scheme(const char *uri);

extern const struct data_backend data_local_backend;

/* Copies a file or a directory to a local path, as data_put_path says. */
int data_copy(const char *from, const char *to, bool sync, struct error *err);
