#include "base/file.h"

#include "base/digest.h"
#include "base/mem.h"
#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(struct error *err, const char *what, const char *path)
{
	int saved = errno;

	return err_set_errno(err, err_from_errno(saved), saved, "cannot %s %s", what, path);
}

/* ---- making ---------------------------------------------------------------------------------- */

/* mkdir that is content with a directory, or a link to one, already being there. */
static int make_one(const char *path, mode_t mode, struct error *err)
{
	struct stat st;
	int failed;

	if (mkdir(path, mode) == 0)
		return 0;
	failed = errno;
	if (stat(path, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			return 0;
		return err_set(err, ERR_INVALID,
			       "cannot create the directory %s: a file with that name exists",
			       path);
	}
	errno = failed;
	return fail(err, "create the directory", path);
}

int dir_make(const char *path, mode_t mode, struct error *err)
{
	_cleanup_(freep) char *copy = NULL;
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) /* mostly it is there */
		return 0;
	copy = strdup(path);
	if (!copy)
		return err_nomem(err, "a directory name");
	for (char *p = copy; *p; p++) {
		int r;

		if (*p != '/' || p == copy || p[-1] == '/')
			continue;
		*p = '\0';
		r = make_one(copy, mode, err);
		*p = '/';
		if (r < 0)
			return r;
	}
	return make_one(copy, mode, err);
}

static const char *temporary(void)
{
	const char *dir = getenv("TMPDIR");

	return dir && *dir ? dir : "/tmp";
}

int path_temp(const char *prefix, char **ret_path, struct error *err)
{
	uint8_t bits[8];
	char hex[2 * sizeof(bits) + 1], *path;
	int r = random_bytes(bits, sizeof(bits), err);

	if (r < 0)
		return r;
	hex_encode(bits, sizeof(bits), hex);
	if (asprintf(&path, "%s/%s%s", temporary(), prefix, hex) < 0)
		return err_nomem(err, "a directory name");
	*ret_path = path;
	return 0;
}

int dir_make_temp(const char *parent, const char *prefix, char **ret_path, struct error *err)
{
	_cleanup_(buf_done) struct buf name = BUF_INIT;
	_cleanup_(freep) char *path = NULL;

	if (!parent || !*parent)
		parent = temporary();
	buf_printf(&name, "%sXXXXXX", prefix);
	if (!name.failed)
		path = path_join(parent, name.data);
	if (!path)
		return err_nomem(err, "a directory name");
	if (!mkdtemp(path))
		return fail(err, "create a directory in", parent);
	*ret_path = TAKE(path);
	return 0;
}

/* ---- removing -------------------------------------------------------------------------------- */

/* Walks with two descriptors at most, however deep the tree: down by name, up by "..", which must
 * then be the directory that the walk came from. */
struct remover {
	const char *path; /* for messages */
	DIR *at;          /* the directory being emptied */
	dev_t dev;        /* of the whole tree: other mounts are left alone */
	ino_t *above;     /* inodes from the root down to `at` */
	size_t depth, cap;
};

static void remover_done(struct remover *r)
{
	if (r->at)
		closedir(r->at);
	free(r->above);
}

/* Makes `fd` the current directory of the walk; takes it in any case. */
static int stand_at(struct remover *r, int fd, struct error *err)
{
	DIR *dir = fdopendir(fd);

	if (!dir) {
		closep(&fd);
		return fail(err, "remove", r->path);
	}
	if (r->at)
		closedir(r->at);
	r->at = dir;
	return 0;
}

static int push(struct remover *r, ino_t ino, struct error *err)
{
	if (r->depth == r->cap) {
		size_t cap = r->cap ? r->cap * 2 : 32;
		ino_t *above = reallocarray(r->above, cap, sizeof(*above));

		if (!above)
			return err_nomem(err, "the directories to remove");
		r->above = above;
		r->cap = cap;
	}
	r->above[r->depth++] = ino;
	return 0;
}

static int enter(struct remover *r, int parent, const char *name, struct error *err)
{
	_cleanup_(closep) int fd =
		openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int code;

	if (fd < 0 || fstat(fd, &st) < 0)
		return fail(err, "remove", r->path);
	if (r->depth == 0)
		r->dev = st.st_dev;
	else if (st.st_dev != r->dev)
		return err_set(err, ERR_INVALID, "cannot remove %s: something is mounted inside it",
			       r->path);
	code = push(r, st.st_ino, err);
	return code < 0 ? code : stand_at(r, TAKE_FD(fd), err);
}

static int leave(struct remover *r, struct error *err)
{
	_cleanup_(closep) int fd =
		openat(dirfd(r->at), "..", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return fail(err, "remove", r->path);
	r->depth--;
	if (st.st_dev != r->dev || st.st_ino != r->above[r->depth - 1])
		return err_set(err, ERR_STATE,
			       "cannot remove %s: a directory in it was moved meanwhile", r->path);
	return stand_at(r, TAKE_FD(fd), err);
}

/* Removes one entry. 1 when it is a directory that has to be emptied first. */
static int remove_entry(struct remover *r, const char *name, struct error *err)
{
	int fd = dirfd(r->at);

	if (unlinkat(fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	/* A directory without write permission, perhaps from an archive. */
	if (errno == EACCES && fchmod(fd, 0700) == 0 && unlinkat(fd, name, 0) == 0)
		return 0;
	if (errno != EISDIR)
		return fail(err, "remove a file in", r->path);
	if (unlinkat(fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (errno == ENOTEMPTY || errno == EEXIST)
		return 1;
	return fail(err, "remove a directory in", r->path);
}

/* Removes what it can. 1 when it has entered a directory below, 0 when nothing is left. */
static int empty_or_enter(struct remover *r, struct error *err)
{
	for (;;) {
		struct dirent *e;
		int code;

		errno = 0;
		e = readdir(r->at);
		if (!e)
			return errno ? fail(err, "read", r->path) : 0;
		if (streq(e->d_name, ".") || streq(e->d_name, ".."))
			continue;
		code = remove_entry(r, e->d_name, err);
		if (code == 1)
			code = enter(r, dirfd(r->at), e->d_name, err);
		else if (code == 0)
			continue;
		return code < 0 ? code : 1;
	}
}

static int remove_tree(const char *path, struct error *err)
{
	_cleanup_(remover_done) struct remover r = {.path = path};
	int code = enter(&r, AT_FDCWD, path, err);

	while (code == 0 && r.depth > 0) {
		code = empty_or_enter(&r, err);
		if (code == 0 && r.depth == 1)
			break;
		if (code == 0)
			code = leave(&r, err);
		code = MIN(code, 0);
	}
	if (code < 0)
		return code;
	if (rmdir(path) < 0 && errno != ENOENT)
		return fail(err, "remove", path);
	return 0;
}

int dir_remove(const char *path, struct error *err)
{
	_cleanup_(freep) char *copy = strdup(path);
	struct stat st;
	size_t n;

	if (!copy)
		return err_nomem(err, "a directory name");
	/* With a slash at the end a link would be followed. */
	for (n = strlen(copy); n > 0 && copy[n - 1] == '/'; n--)
		copy[n - 1] = '\0';
	if (n == 0)
		return err_set(err, ERR_INVALID, "refusing to remove \"%s\"", path);
	if (lstat(copy, &st) < 0)
		return errno == ENOENT ? 0 : fail(err, "remove", copy);
	if (S_ISDIR(st.st_mode))
		return remove_tree(copy, err);
	if (unlink(copy) < 0 && errno != ENOENT)
		return fail(err, "remove", copy);
	return 0;
}
