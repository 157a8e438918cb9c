#include "task/checkpoint.h"

#include "base/file.h"
#include "data/data.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#define BYTES_NAME "_dst_cp" /* flytekit's name for saved bytes */
#define READ_MAX   ((size_t)2 << 30)

static int need_location(const struct exec *e, struct error *err)
{
	if (e->ctx->checkpoint_path.len)
		return 0;
	return err_set(err, ERR_UNSUPPORTED,
		       "this execution has no checkpoint location (--checkpoint-path)");
}

/* "<checkpoint path>/<name>", or the path itself. */
static char *destination(const struct exec *e, const char *name, struct error *err)
{
	struct str base = e->ctx->checkpoint_path;
	_cleanup_(freep) char *prefix = strndup(base.ptr, base.len);
	char *uri = NULL;

	if (prefix)
		uri = name ? data_join(prefix, name) : TAKE(prefix);
	if (!uri)
		err_nomem(err, "a checkpoint");
	return uri;
}

int checkpoint_save(struct exec *e, struct str data, struct error *err)
{
	_cleanup_(freep) char *uri = NULL;
	int r = need_location(e, err);

	if (r < 0)
		return r;
	uri = destination(e, BYTES_NAME, err);
	return uri ? data_put(uri, data.ptr, data.len, true, err) : ERR_NOMEM;
}

int checkpoint_save_path(struct exec *e, const char *path, struct error *err)
{
	_cleanup_(freep) char *uri = NULL;
	struct stat st;
	int r = need_location(e, err);

	if (r < 0)
		return r;
	if (stat(path, &st) < 0)
		return err_set_errno(err, err_from_errno(errno), errno, "checkpoint %s", path);
	uri = destination(e, S_ISDIR(st.st_mode) ? NULL : path_base(path), err);
	return uri ? data_put_path(path, uri, true, err) : ERR_NOMEM;
}

/* ---- the previous attempt -------------------------------------------------------------------- */

/* Into a directory of our own: what the plugin does to it must not reach the checkpoint. */
static int copy_in(const char *uri, const char *dir, struct error *err)
{
	_cleanup_(freep) char *path = NULL, *to = NULL;
	int r = data_local(uri, dir, &path, err);
	int kind = r < 0 ? r : data_kind(path, err);

	if (kind < 0)
		return kind;
	if (strncmp(path, dir, strlen(dir)) == 0)
		return 0;
	to = kind == 1 ? strdup(dir) : path_join(dir, path_base(path));
	return to ? data_put_path(path, to, false, err) : err_nomem(err, "a checkpoint");
}

static int fetch(struct exec *e, const char **ret, struct error *err)
{
	struct str prev = e->ctx->prev_checkpoint;
	_cleanup_(freep) char *uri = strndup(prev.ptr, prev.len), *dir = NULL;
	const char *work = exec_working_directory(e, err);
	int r;

	if (!work)
		return err->code;
	dir = path_join(work, "prev_cp");
	if (!uri || !dir)
		return err_nomem(err, "a checkpoint");
	r = dir_make(dir, 0700, err);
	if (r == 0)
		r = copy_in(uri, dir, err);
	if (r < 0)
		return r;
	*ret = exec_copy(e, dir, strlen(dir));
	return *ret ? 0 : err_nomem(err, "a checkpoint");
}

int checkpoint_restore(struct exec *e, const char **ret, struct error *err)
{
	int r = need_location(e, err);

	if (r < 0)
		return r;
	if (e->ctx->prev_checkpoint.len == 0)
		return err_set(err, ERR_NOT_FOUND, "there is no checkpoint of an earlier attempt");
	if (!e->restored) {
		r = fetch(e, &e->restored, err);
		if (r < 0)
			return r;
	}
	*ret = e->restored;
	return 0;
}

/* The one entry of a directory, malloc'ed; NULL with an error for none or several. */
static char *only_entry(const char *dir, struct error *err)
{
	DIR *d = opendir(dir);
	struct dirent *entry;
	char *found = NULL;
	size_t n = 0;

	if (!d) {
		err_set_errno(err, err_from_errno(errno), errno, "checkpoint %s", dir);
		return NULL;
	}
	while ((entry = readdir(d))) {
		if (streq(entry->d_name, ".") || streq(entry->d_name, ".."))
			continue;
		if (n++ == 0)
			found = path_join(dir, entry->d_name);
	}
	closedir(d);
	if (n == 1 && found)
		return found;
	if (n == 0)
		err_set(err, ERR_NOT_FOUND, "the earlier attempt saved nothing in %s", dir);
	else if (n > 1)
		err_set(err, ERR_STATE,
			"checkpoint %s holds %zu files; read takes exactly one, use restore", dir,
			n);
	else
		err_nomem(err, "a checkpoint");
	free(found);
	return NULL;
}

int checkpoint_read(struct exec *e, struct str *ret, struct error *err)
{
	_cleanup_(buf_done) struct buf content = BUF_INIT;
	_cleanup_(freep) char *file = NULL;
	const char *dir;
	char *kept;
	int r = checkpoint_restore(e, &dir, err);

	if (r < 0)
		return r;
	file = only_entry(dir, err);
	if (!file)
		return err->code;
	r = file_read(file, READ_MAX, &content, err);
	if (r < 0)
		return r;
	kept = exec_copy(e, content.data, content.len);
	if (!kept)
		return err_nomem(err, "a checkpoint");
	*ret = (struct str){kept, content.len};
	return 0;
}
