/* Plain paths and file:// URIs. */
#include "data/data.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is left of them is for the umask to say. */
#define FILE_MODE 0666
#define DIR_MODE  0777

/* ---- names ----------------------------------------------------------------------------------- */

/* Decodes in place. False at a percent sign that starts no byte, and at an encoded NUL. */
static bool percent_decode(char *s)
{
	char *out = s;

	for (; *s; s++) {
		int high, low;

		if (*s != '%') {
			*out++ = *s;
			continue;
		}
		high = hex_digit(s[1]);
		low = high < 0 ? -1 : hex_digit(s[2]);
		if (low < 0 || (high == 0 && low == 0))
			return false;
		*out++ = (char)(high * 16 + low);
		s += 2;
	}
	*out = '\0';
	return true;
}

/* The path that a URI names; the caller frees it. */
static int path_of(const char *uri, char **ret, struct error *err)
{
	struct str scheme = data_scheme(uri);
	bool short_form = strncasecmp(uri, "file:/", 6) == 0 && scheme.len == 0;
	bool is_uri = scheme.len > 0 || short_form;
	const char *rest = uri + (short_form   ? strlen("file:")
				  : scheme.len ? scheme.len + strlen("://")
					       : 0);
	_cleanup_(freep) char *path = NULL;

	if (scheme.len && strncmp(rest, "localhost/", 10) == 0)
		rest += strlen("localhost");
	if (*rest == '\0')
		return err_set(err, ERR_INVALID, "'%s' names no file", uri);
	if (scheme.len && *rest != '/')
		return err_set(
			err, ERR_INVALID,
			"'%s' names a file on another host; write file:///%s for the local file",
			uri, rest);
	path = strdup(rest);
	if (!path)
		return err_nomem(err, "a file name");
	if (is_uri && !percent_decode(path))
		return err_set(err, ERR_INVALID,
			       "'%s' is no valid URI: %% stands before two hexadecimal digits that "
			       "are not 00; write %%25 for the sign itself",
			       uri);
	*ret = TAKE(path);
	return 0;
}

/* flytekit's sentence, so that people find it where they have found it before. */
static int not_found(const char *path, struct error *err)
{
	return err_set(err, ERR_NOT_FOUND, "Value error!  Received: %s. File not found", path);
}

/* ---- the table ------------------------------------------------------------------------------- */

static int local_get(const char *uri, size_t max, struct buf *out, struct error *err)
{
	_cleanup_(freep) char *path = NULL;
	int r = path_of(uri, &path, err);

	if (r == 0)
		r = file_read(path, max, out, err);
	return r == ERR_NOT_FOUND ? not_found(path, err) : r;
}

/* Cuts off the last part; false when none is left. */
static bool to_parent(char *path)
{
	char *slash = strrchr(path, '/');

	if (!slash || slash == path)
		return false;
	*slash = '\0';
	return true;
}

/* The names of new directories are on disk only when the directories they are in are. */
static int make_parent(const char *path, bool sync, struct error *err)
{
	_cleanup_(freep) char *dir = strdup(path);
	_cleanup_(freep) char *there = strdup(path);
	int r;

	if (!dir || !there)
		return err_nomem(err, "a directory name");
	if (!to_parent(dir))
		return 0;
	while (to_parent(there) && access(there, F_OK) < 0)
		;
	r = dir_make(dir, DIR_MODE, err);
	while (r == 0 && sync && strlen(dir) > strlen(there) && to_parent(dir))
		r = dir_sync(dir, err);
	return r;
}

static int local_put(const char *uri, const void *data, size_t len, bool sync, struct error *err)
{
	_cleanup_(freep) char *path = NULL;
	int r = path_of(uri, &path, err);

	if (r == 0)
		r = make_parent(path, sync, err);
	return r < 0 ? r : file_write_atomic(path, data, len, FILE_MODE, sync, err);
}

static int local_put_path(const char *from, const char *uri, bool sync, struct error *err)
{
	_cleanup_(freep) char *to = NULL;
	int r = path_of(uri, &to, err);

	if (r < 0)
		return r;
	for (size_t n = strlen(to); n > 1 && to[n - 1] == '/'; n--)
		to[n - 1] = '\0';
	r = make_parent(to, sync, err);
	if (r == 0)
		r = data_copy(from, to, sync, err);
	if (r == 0 && sync)
		r = dir_sync(to_parent(to) ? to : to[0] == '/' ? "/" : ".", err);
	return r;
}

static int local_local(const char *uri, const char *dir, char **ret_path, struct error *err)
{
	_cleanup_(freep) char *path = NULL;
	struct stat st;
	int r = path_of(uri, &path, err);

	(void)dir;
	if (r < 0)
		return r;
	if (stat(path, &st) < 0)
		return errno == ENOENT ? not_found(path, err)
				       : err_set_errno(err, err_from_errno(errno), errno,
						       "cannot use %s", path);
	*ret_path = TAKE(path);
	return 0;
}

static int local_kind(const char *uri, struct error *err)
{
	_cleanup_(freep) char *path = NULL;
	struct stat st;
	int r = local_local(uri, NULL, &path, err);

	if (r < 0)
		return r;
	if (stat(path, &st) < 0)
		return not_found(path, err);
	return S_ISDIR(st.st_mode) ? 1 : 0;
}

const struct data_backend data_local_backend = {
	.scheme = "file",
	.get = local_get,
	.put = local_put,
	.put_path = local_put_path,
	.local = local_local,
	.kind = local_kind,
};
