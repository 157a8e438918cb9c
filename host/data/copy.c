/* Copying files and trees on the local disk. */
#include "data/data.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 200 /* directories; each holds a descriptor while it is copied */

struct copier {
	dev_t dev; /* of the target's root: never to be copied into itself */
	ino_t ino;
	bool sync;
};

static int fail(struct error *err, const char *what, const char *path)
{
	int saved = errno;

	return err_set_errno(err, err_from_errno(saved), saved, "cannot %s %s", what, path);
}

static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Copies to a temporary name beside the target, then renames. */
static int copy_file(const char *from, const char *to, bool sync, struct error *err)
{
	_cleanup_(buf_done) struct buf temp = BUF_INIT;
	char hex[17];
	uint8_t bits[8];
	int r = random_bytes(bits, sizeof(bits), err);

	if (r < 0)
		return r;
	hex_encode(bits, sizeof(bits), hex);
	buf_printf(&temp, "%.*s.tmp-%s", (int)(path_base(to) - to), to, hex);
	if (temp.failed)
		return err_nomem(err, "a file name");
	r = file_copy(from, temp.data, err);
	if (r < 0)
		return r;
	if (sync)
		r = file_sync(temp.data, err);
	if (r == 0 && rename(temp.data, to) < 0)
		r = fail(err, "write", to);
	if (r < 0)
		unlink(temp.data);
	return r;
}

static int
copy_dir(struct copier *c, const char *from, const char *to, int depth, struct error *err);

/* A link stands for the file it leads to; leading to a directory it could lead anywhere, and round.
 */
static int
copy_entry(struct copier *c, const char *from, const char *to, int depth, struct error *err)
{
	struct stat st, target;

	if (lstat(from, &st) < 0)
		return fail(err, "read", from);
	if (S_ISDIR(st.st_mode))
		return copy_dir(c, from, to, depth + 1, err);
	if (S_ISREG(st.st_mode))
		return copy_file(from, to, c->sync, err);
	if (!S_ISLNK(st.st_mode))
		return err_set(err, ERR_INVALID, "cannot copy %s: it is not a regular file", from);
	if (stat(from, &target) < 0)
		return fail(err, "follow the link", from);
	if (!S_ISREG(target.st_mode))
		return err_set(
			err, ERR_INVALID,
			"cannot copy %s: it is a link to %s; only links to files are followed",
			from,
			S_ISDIR(target.st_mode) ? "a directory" : "something that is no file");
	return copy_file(from, to, c->sync, err);
}

static int copy_entries(
	struct copier *c, DIR *dir, const char *from, const char *to, int depth, struct error *err)
{
	for (;;) {
		_cleanup_(freep) char *source = NULL;
		_cleanup_(freep) char *target = NULL;
		struct dirent *e;
		int r;

		errno = 0;
		e = readdir(dir);
		if (!e)
			return errno ? fail(err, "read", from) : 0;
		if (streq(e->d_name, ".") || streq(e->d_name, ".."))
			continue;
		source = path_join(from, e->d_name);
		target = path_join(to, e->d_name);
		if (!source || !target)
			return err_nomem(err, "a file name");
		r = copy_entry(c, source, target, depth, err);
		if (r < 0)
			return r;
	}
}

/* Makes a directory of the target. Below its root a link in the way is refused: following it would
 * write somewhere else. */
static int make_dir(const char *path, int depth, struct stat *ret, struct error *err)
{
	if (mkdir(path, 0777) < 0 && errno != EEXIST)
		return fail(err, "create the directory", path);
	if ((depth == 0 ? stat(path, ret) : lstat(path, ret)) < 0)
		return fail(err, "create the directory", path);
	if (!S_ISDIR(ret->st_mode))
		return err_set(
			err, ERR_INVALID,
			"cannot create the directory %s: something else with that name exists",
			path);
	return 0;
}

static int
copy_dir(struct copier *c, const char *from, const char *to, int depth, struct error *err)
{
	struct stat st, made;
	DIR *dir;
	int r;

	if (depth > DEPTH_MAX)
		return err_set(err, ERR_LIMIT,
			       "cannot copy %s: directories are nested deeper than %d", from,
			       DEPTH_MAX);
	if (stat(from, &st) < 0)
		return fail(err, "read", from);
	if (depth > 0 && st.st_dev == c->dev && st.st_ino == c->ino)
		return err_set(err, ERR_INVALID, "cannot copy a directory into itself: %s", from);
	r = make_dir(to, depth, &made, err);
	if (r < 0 || same(&st, &made))
		return r;
	if (depth == 0) {
		c->dev = made.st_dev;
		c->ino = made.st_ino;
	}
	dir = opendir(from);
	if (!dir)
		return fail(err, "read", from);
	r = copy_entries(c, dir, from, to, depth, err);
	closedir(dir);
	return r == 0 && c->sync ? dir_sync(to, err) : r;
}

int data_copy(const char *from, const char *to, bool sync, struct error *err)
{
	struct copier c = {.sync = sync};
	struct stat st, there;

	if (stat(from, &st) < 0)
		return fail(err, "read", from);
	if (S_ISDIR(st.st_mode))
		return copy_dir(&c, from, to, 0, err);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_INVALID, "cannot copy %s: it is not a regular file", from);
	if (stat(to, &there) == 0) {
		if (same(&st, &there))
			return 0;
		if (S_ISDIR(there.st_mode))
			return err_set(err, ERR_INVALID, "cannot write %s: it is a directory", to);
	}
	return copy_file(from, to, sync, err);
}
