#include "cli/unpack.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const struct unpack_limits unpack_limits_default = {.bytes = UINT64_C(1) << 30, .entries = 100000};

#define READ_BLOCK ((size_t)64 << 10)
#define NAME_SHOWN 200 /* of an entry's name in an error */

struct unpack {
	struct archive *archive;
	const char *name;
	int dir;
	const struct unpack_limits *limits;
	uint64_t bytes, entries;
	char *block;
};

static int refuse(const struct unpack *u, const char *entry, const char *why, struct error *err)
{
	return err_set(err, ERR_DENIED, "%s: entry '%.*s' %s", u->name, NAME_SHOWN, entry, why);
}

static int io_error(const struct unpack *u, const char *entry, struct error *err)
{
	int errnum = errno;

	return err_set_errno(err, ERR_IO, errnum, "%s: entry '%.*s' cannot be unpacked", u->name,
			     NAME_SHOWN, entry);
}

static int archive_err(const struct unpack *u, struct error *err)
{
	const char *why = archive_error_string(u->archive);

	return err_set(err, archive_errno(u->archive) == ENOMEM ? ERR_NOMEM : ERR_INVALID,
		       "%s: not a readable tar archive: %s", u->name, why ? why : "damaged");
}

/* ---- names ----------------------------------------------------------------------------------- */

/* The next component of *at without slashes; false at the end. */
static bool next_component(const char **at, struct str *ret)
{
	const char *p = *at + strspn(*at, "/");
	size_t len = strcspn(p, "/");

	*ret = (struct str){p, len};
	*at = p + len;
	return len > 0;
}

static const char *bad_path(const char *path)
{
	struct str c;

	if (path[0] == '/')
		return "has an absolute path";
	while (next_component(&path, &c))
		if (str_is(c, ".."))
			return "has '..' in its path";
	return NULL;
}

/* Where a link may point: only its first components may be "..", so that they climb real
 * directories, and not further than the archive's root. Behind a name every step stays inside,
 * as all links do. */
static bool target_stays_inside(const char *path, const char *target)
{
	size_t depth = 0;
	bool named = false;
	struct str c;

	if (target[0] == '/' || target[0] == '\0')
		return false;
	while (next_component(&path, &c))
		depth += !str_is(c, ".");
	while (next_component(&target, &c)) {
		if (str_is(c, "."))
			continue;
		if (!str_is(c, "..")) {
			named = true;
			continue;
		}
		/* depth counts the link itself too */
		if (named || depth <= 1)
			return false;
		depth--;
	}
	return true;
}

/* ---- places ---------------------------------------------------------------------------------- */

/* A directory below `parent`, made when it is missing; never through a link. */
static int enter(int parent, struct str name)
{
	char text[256];

	if (name.len >= sizeof(text)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(text, name.ptr, name.len);
	text[name.len] = '\0';
	if (mkdirat(parent, text, 0755) < 0 && errno != EEXIST)
		return -1;
	return openat(parent, text, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* The directory that holds `path`, and the last component of it; *ret_leaf is empty when `path`
 * is the root itself. Returns a descriptor or -1 with errno. */
static int open_parent(const struct unpack *u, const char *path, char *ret_leaf, size_t size)
{
	int fd = fcntl(u->dir, F_DUPFD_CLOEXEC, 3);
	struct str c, leaf = STR_NULL;

	while (fd >= 0 && next_component(&path, &c)) {
		int next;

		if (str_is(c, "."))
			continue;
		if (leaf.len > 0) {
			next = enter(fd, leaf);
			close(fd);
			fd = next;
		}
		leaf = c;
	}
	if (leaf.len >= size) {
		closep(&fd);
		fd = -1;
		errno = ENAMETOOLONG;
	}
	if (fd >= 0) {
		if (leaf.len > 0)
			memcpy(ret_leaf, leaf.ptr, leaf.len);
		ret_leaf[leaf.len] = '\0';
	}
	return fd;
}

/* ---- entries --------------------------------------------------------------------------------- */

static int copy_data(struct unpack *u, int fd, const char *path, struct error *err)
{
	for (;;) {
		la_ssize_t n = archive_read_data(u->archive, u->block, READ_BLOCK);
		int rc;

		/* ARCHIVE_RETRY too: for sparse blocks out of order it comes for ever. */
		if (n < 0)
			return archive_err(u, err);
		if (n == 0)
			return 0;
		u->bytes += (uint64_t)n;
		if (u->bytes > u->limits->bytes)
			return err_set(err, ERR_LIMIT, "%s: unpacks to more than %llu bytes",
				       u->name, (unsigned long long)u->limits->bytes);
		rc = fd_write_all(fd, u->block, (size_t)n, path, err);
		if (rc < 0)
			return rc;
	}
}

static int unpack_file(struct unpack *u,
		       int parent,
		       const char *leaf,
		       const char *path,
		       mode_t perm,
		       struct error *err)
{
	_cleanup_(closep) int fd = -1;
	mode_t mode = perm & 0100 ? 0755 : 0644;

	if (unlinkat(parent, leaf, 0) < 0 && errno != ENOENT)
		return io_error(u, path, err);
	fd = openat(parent, leaf, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0 || fchmod(fd, mode) < 0) /* whatever the umask */
		return io_error(u, path, err);
	return copy_data(u, fd, path, err);
}

static int unpack_symlink(struct unpack *u,
			  int parent,
			  const char *leaf,
			  const char *path,
			  const char *target,
			  struct error *err)
{
	if (!target || !target_stays_inside(path, target))
		return refuse(u, path, "is a symbolic link that leads outside", err);
	if (unlinkat(parent, leaf, 0) < 0 && errno != ENOENT)
		return io_error(u, path, err);
	return symlinkat(target, parent, leaf) < 0 ? io_error(u, path, err) : 0;
}

static int unpack_hardlink(struct unpack *u,
			   int parent,
			   const char *leaf,
			   const char *path,
			   const char *target,
			   struct error *err)
{
	_cleanup_(closep) int from = -1;
	char name[256];
	struct stat st;

	if (bad_path(target))
		return refuse(u, path, "is a hard link that leads outside", err);
	from = open_parent(u, target, name, sizeof(name));
	if (from < 0 || fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return io_error(u, path, err);
	if (!S_ISREG(st.st_mode))
		return refuse(u, path, "is a hard link to something that is not a file", err);
	if (unlinkat(parent, leaf, 0) < 0 && errno != ENOENT)
		return io_error(u, path, err);
	return linkat(from, name, parent, leaf, 0) < 0 ? io_error(u, path, err) : 0;
}

static int unpack_entry(struct unpack *u, struct archive_entry *e, struct error *err)
{
	const char *path = archive_entry_pathname(e);
	const char *hardlink = archive_entry_hardlink(e);
	const char *target = archive_entry_symlink(e);
	_cleanup_(closep) int parent = -1, made = -1;
	char leaf[256];

	/* Names that the locale cannot express are UTF-8 all the same. */
	path = path ? path : archive_entry_pathname_utf8(e);
	target = target ? target : archive_entry_symlink_utf8(e);
	if (!path || !*path)
		return refuse(u, "", "has no name", err);
	if (bad_path(path))
		return refuse(u, path, bad_path(path), err);
	parent = open_parent(u, path, leaf, sizeof(leaf));
	if (parent < 0)
		return io_error(u, path, err);
	if (hardlink && *leaf)
		return unpack_hardlink(u, parent, leaf, path, hardlink, err);
	switch (archive_entry_filetype(e)) {
	case AE_IFDIR:
		if (*leaf)
			made = enter(parent, str_of(leaf));
		return *leaf && made < 0 ? io_error(u, path, err) : 0;
	case AE_IFREG:
		if (!*leaf)
			return refuse(u, path, "is a file without a name", err);
		return unpack_file(u, parent, leaf, path, archive_entry_perm(e), err);
	case AE_IFLNK:
		if (!*leaf)
			return refuse(u, path, "is a link without a name", err);
		return unpack_symlink(u, parent, leaf, path, target, err);
	default:
		return refuse(u, path, "is a device, a pipe or a socket", err);
	}
}

static int unpack_all(struct unpack *u, struct error *err)
{
	struct archive_entry *entry;

	for (;;) {
		int rc = archive_read_next_header(u->archive, &entry);

		if (rc == ARCHIVE_EOF)
			return 0;
		if (rc < ARCHIVE_WARN)
			return archive_err(u, err);
		if (++u->entries > u->limits->entries)
			return err_set(err, ERR_LIMIT, "%s: has more than %llu entries", u->name,
				       (unsigned long long)u->limits->entries);
		rc = unpack_entry(u, entry, err);
		if (rc < 0)
			return rc;
	}
}

static int open_archive(struct unpack *u, int fd, struct error *err)
{
	u->archive = archive_read_new();
	if (!u->archive)
		return err_nomem(err, "the archive");
	if (archive_read_support_filter_gzip(u->archive) < ARCHIVE_WARN ||
	    archive_read_support_format_tar(u->archive) < ARCHIVE_WARN ||
	    archive_read_open_fd(u->archive, fd, READ_BLOCK) < ARCHIVE_WARN)
		return archive_err(u, err);
	return 0;
}

int unpack_archive(int fd,
		   const char *name,
		   const char *dir,
		   const struct unpack_limits *limits,
		   struct error *err)
{
	_cleanup_(closep) int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(freep) char *block = malloc(READ_BLOCK);
	struct unpack u = {.name = name, .dir = dir_fd, .limits = limits, .block = block};
	int rc;

	if (dir_fd < 0)
		return err_set_errno(err, err_from_errno(errno), errno, "%s", dir);
	if (!block)
		return err_nomem(err, "the archive");
	rc = open_archive(&u, fd, err);
	if (rc == 0)
		rc = unpack_all(&u, err);
	if (u.archive)
		archive_read_free(u.archive);
	return rc;
}
