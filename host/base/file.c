#include "base/file.h"

#include "base/digest.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK ((size_t)64 << 10)

/* "cannot <what> <path>: <reason>" */
static int fail(struct error *err, const char *what, const char *path)
{
	int saved = errno;

	return err_set_errno(err, err_from_errno(saved), saved, "cannot %s %s", what, path);
}

/* ---- reading and writing --------------------------------------------------------------------- */

/* What one read may put into the buffer: the room that is there, so that a known size means one
 * allocation, or else a block. 0 when nothing more may go in. */
static size_t read_size(const struct buf *out, size_t left)
{
	return MIN(out->cap > out->len + 1 ? out->cap - out->len - 1 : BLOCK, left);
}

/* Appends what the file holds, at most `max` bytes. 0 at its end, 1 when there is more than may be
 * kept or the buffer failed, -1 with errno. */
static int read_some(int fd, size_t max, struct buf *out)
{
	for (size_t total = 0;;) {
		size_t want = read_size(out, max - total);
		char extra;
		ssize_t n;

		if (!buf_reserve(out, want))
			return 1;
		n = read(fd, want ? out->data + out->len : &extra, want ? want : 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return (int)n;
		if (want == 0)
			return 1;
		out->len += (size_t)n;
		out->data[out->len] = '\0';
		total += (size_t)n;
	}
}

int file_read_fd(int fd, const char *name, size_t max, struct buf *out, struct error *err)
{
	size_t start = out->len;
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return fail(err, "read", name);
	if (S_ISDIR(st.st_mode))
		return err_set(err, ERR_INVALID, "cannot read %s: it is a directory, not a file",
			       name);
	if (out->limit && !out->failed)
		max = MIN(max, out->limit - out->len);
	if (S_ISREG(st.st_mode) && st.st_size > 0 && (uintmax_t)st.st_size <= max)
		buf_reserve(out, (size_t)st.st_size);

	r = read_some(fd, max, out);
	if (r == 0)
		return 0;
	if (r < 0)
		r = fail(err, "read", name);
	else if (out->failed)
		r = buf_check(out, name, err);
	else
		r = err_set(err, ERR_LIMIT, "%s is larger than the limit of %zu bytes", name, max);
	out->len = start;
	if (out->data)
		out->data[start] = '\0';
	return r;
}

int file_read(const char *path, size_t max, struct buf *out, struct error *err)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return fail(err, "read", path);
	return file_read_fd(fd, path, max, out, err);
}

int fd_write_all(int fd, const void *data, size_t len, const char *name, struct error *err)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(err, "write", name);
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Closing can be what reports a failed write; the descriptor is gone either way. */
static int close_written(int *fd, const char *name, struct error *err)
{
	int r = close(*fd);

	*fd = -1;
	return r < 0 && errno != EINTR ? fail(err, "write", name) : 0;
}

/* The directory part of a path, "." when there is none. */
static char *dir_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return strdup(".");
	return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/* ".tmp-", what this process and those it forks have in common, and chance. */
#define TEMP_START  ".tmp-"
#define FAMILY_HEX  8
#define TEMP_LENGTH (sizeof(TEMP_START) - 1 + FAMILY_HEX + 8)

static _Atomic uint32_t temp_family; /* 0: not known yet */

int file_temps_begin(struct error *err)
{
	uint32_t family = 0, none = 0;
	int r = 0;

	if (atomic_load(&temp_family))
		return 0;
	while (r == 0 && family == 0)
		r = random_bytes((uint8_t *)&family, sizeof(family), err);
	if (r == 0)
		atomic_compare_exchange_strong(&temp_family, &none, family);
	return r;
}

/* Creates an unused name in the directory; *ret_fd is open for writing. */
static int
create_temp(const char *dir, mode_t mode, char **ret_path, int *ret_fd, struct error *err)
{
	for (int attempt = 0; attempt < 16; attempt++) {
		_cleanup_(freep) char *path = NULL;
		char name[TEMP_LENGTH + 1];
		uint32_t chance = 0;
		int fd, r;

		r = file_temps_begin(err);
		if (r == 0)
			r = random_bytes((uint8_t *)&chance, sizeof(chance), err);
		if (r < 0)
			return r;
		snprintf(name, sizeof(name), TEMP_START "%08x%08x", atomic_load(&temp_family),
			 chance);
		path = path_join(dir, name);
		if (!path)
			return err_nomem(err, "a file name");
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, mode);
		if (fd >= 0) {
			*ret_path = TAKE(path);
			*ret_fd = fd;
			return 0;
		}
		if (errno != EEXIST)
			return fail(err, "create a file in", dir);
	}
	return err_set(err, ERR_IO, "cannot create a file in %s: every name tried exists", dir);
}

int file_temps_remove(const char *path, struct error *err)
{
	char start[sizeof(TEMP_START) + FAMILY_HEX];
	struct dirent *e;
	DIR *dir = opendir(path);
	int r = 0;

	if (!dir)
		return errno == ENOENT ? 0 : fail(err, "read", path);
	snprintf(start, sizeof(start), TEMP_START "%08x", atomic_load(&temp_family));
	while ((e = readdir(dir)))
		if (strncmp(e->d_name, start, strlen(start)) == 0 &&
		    strlen(e->d_name) == TEMP_LENGTH && unlinkat(dirfd(dir), e->d_name, 0) < 0)
			r = fail(err, "remove what was left in", path);
	closedir(dir);
	return r;
}

/* The rename is on disk only when the directory is. Some file systems cannot sync one. */
int dir_sync(const char *dir, struct error *err)
{
	_cleanup_(closep) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return fail(err, "open", dir);
	if (fsync(fd) < 0 && errno != EINVAL && errno != EROFS)
		return fail(err, "sync", dir);
	return 0;
}

static int fill_and_rename(
	int *fd, const char *temp, const char *path, struct str data, bool sync, struct error *err)
{
	int r = fd_write_all(*fd, data.ptr, data.len, path, err);

	if (r == 0 && sync && fsync(*fd) < 0)
		r = fail(err, "sync", path);
	if (r == 0)
		r = close_written(fd, path, err);
	if (r == 0 && rename(temp, path) < 0)
		r = fail(err, "write", path);
	return r;
}

int file_write_atomic(
	const char *path, const void *data, size_t len, mode_t mode, bool sync, struct error *err)
{
	_cleanup_(freep) char *dir = dir_of(path);
	_cleanup_(freep) char *temp = NULL;
	_cleanup_(closep) int fd = -1;
	int r;

	if (!dir)
		return err_nomem(err, "a file name");
	r = create_temp(dir, mode, &temp, &fd, err);
	if (r < 0)
		return err_wrap(err, "cannot write %s", path);
	r = fill_and_rename(&fd, temp, path, (struct str){data, len}, sync, err);
	if (r < 0) {
		unlink(temp);
		return r;
	}
	return sync ? dir_sync(dir, err) : 0;
}

/* ---- copying --------------------------------------------------------------------------------- */

static int copy_bytes(int in, int out, const char *from, const char *to, struct error *err)
{
	char block[BLOCK / 2];
	ssize_t n;

	do {
		n = copy_file_range(in, NULL, out, NULL, (size_t)1 << 30, 0);
	} while (n > 0 || (n < 0 && errno == EINTR));
	if (n < 0 && errno == ENOSPC)
		return fail(err, "write", to);
	/* Not every pair of files can do that, and some pretend to be empty: read on from there. */
	for (;;) {
		int r;

		n = read(in, block, sizeof(block));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(err, "read", from);
		if (n == 0)
			return 0;
		r = fd_write_all(out, block, (size_t)n, to, err);
		if (r < 0)
			return r;
	}
}

/* The target is emptied only after it is known not to be the source. */
static int
copy_to(int in, const struct stat *st, const char *from, const char *to, struct error *err)
{
	_cleanup_(closep) int out =
		open(to, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
	struct stat target;
	int r;

	if (out < 0 || fstat(out, &target) < 0)
		return fail(err, "write", to);
	if (!S_ISREG(target.st_mode))
		return err_set(err, ERR_INVALID, "cannot copy to %s: it is not a regular file", to);
	if (st->st_dev == target.st_dev && st->st_ino == target.st_ino)
		return err_set(err, ERR_INVALID, "cannot copy %s to %s: they are the same file",
			       from, to);
	if (ftruncate(out, 0) < 0)
		return fail(err, "write", to);
	r = copy_bytes(in, out, from, to, err);
	if (r == 0 && fchmod(out, st->st_mode & 0777) < 0)
		r = fail(err, "set the mode of", to);
	if (r == 0)
		r = close_written(&out, to, err);
	if (r < 0)
		unlink(to);
	return r;
}

int file_copy(const char *from, const char *to, struct error *err)
{
	_cleanup_(closep) int in = open(from, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (in < 0 || fstat(in, &st) < 0)
		return fail(err, "read", from);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_INVALID, "cannot copy %s: it is not a regular file", from);
	return copy_to(in, &st, from, to, err);
}

int file_sync(const char *path, struct error *err)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	return fd < 0 || fsync(fd) < 0 ? fail(err, "sync", path) : 0;
}

/* ---- paths ----------------------------------------------------------------------------------- */

char *path_join(const char *a, const char *b)
{
	size_t n = strlen(a);
	char *path;

	while (n > 1 && a[n - 1] == '/')
		n--;
	while (*b == '/')
		b++;
	path = malloc(n + strlen(b) + 2);
	if (!path)
		return NULL;
	memcpy(path, a, n);
	if (n > 0 && path[n - 1] != '/')
		path[n++] = '/';
	memcpy(path + n, b, strlen(b) + 1);
	return path;
}

const char *path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}
