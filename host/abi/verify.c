#include "abi/verify.h"

#include "abi/elf.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define REMEDY "run `chmod go-w` on it, or trust the directory with --trust-plugins"

/* ---- who may write --------------------------------------------------------------------------- */

static int check_owner(const char *path, const struct stat *st, struct error *err)
{
	uid_t me = geteuid();

	if (st->st_uid == 0 || st->st_uid == me)
		return 0;
	return err_set(err, ERR_DENIED,
		       "%s belongs to user %u, who is neither root nor the current user (%u), and "
		       "could exchange a plugin; run `chown` on it, or trust the directory with "
		       "--trust-plugins",
		       path, (unsigned)st->st_uid, (unsigned)me);
}

/* A sticky directory lets others add names but not take ours away, so it is fine as a parent. */
static int check_mode(const char *path, const struct stat *st, struct error *err)
{
	const char *who = st->st_mode & S_IWOTH ? "everyone" : "its group";

	if (!(st->st_mode & (S_IWGRP | S_IWOTH)))
		return 0;
	if (S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX))
		return 0;
	return err_set(err, ERR_DENIED,
		       "%s can be written by %s (mode %04o), who could exchange a plugin; " REMEDY,
		       path, who, (unsigned)(st->st_mode & 07777));
}

static int check_rules(const char *path, const struct stat *st, struct error *err)
{
	int r = check_owner(path, st, err);

	return r < 0 ? r : check_mode(path, st, err);
}

/* ---- trusted directories --------------------------------------------------------------------- */

static bool below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	while (n > 1 && dir[n - 1] == '/')
		n--;
	return strncmp(path, dir, n) == 0 && (n == 1 || path[n] == '/');
}

static const char *trusted_by(const char *path, const struct verify_policy *policy)
{
	char resolved[PATH_MAX];

	for (size_t i = 0; policy && i < policy->n_trusted_dirs; i++)
		if (realpath(policy->trusted_dirs[i], resolved) && below(path, resolved))
			return policy->trusted_dirs[i];
	return NULL;
}

static void log_trust(const char *dir)
{
	static _Atomic uint64_t logged; /* a bit for each directory, by a hash of its name */
	uint64_t hash = 14695981039346656037u, bit;

	for (const char *c = dir; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 1099511628211u;
	bit = (uint64_t)1 << (hash >> 58);
	if (!(atomic_fetch_or(&logged, bit) & bit))
		log_warn("plugins below %s are loaded whoever owns them and whoever can write "
			 "them, because it was named as trusted",
			 dir);
}

/* ---- the walk -------------------------------------------------------------------------------- */

/* Opens every component of the resolved path in turn, so that what was checked is what is opened.
 */
struct walk {
	const char *path;    /* resolved: absolute, no links, no dots */
	char done[PATH_MAX]; /* up to where the walk has come */
	int fd;              /* the directory it has come to */
	int file;            /* the plugin, at the end */
	bool trusted;
};

static int check_here(const struct walk *w, struct error *err)
{
	struct stat st;

	if (fstat(w->fd, &st) < 0)
		return err_set_errno(err, ERR_IO, errno, "%s", w->done);
	return w->trusted ? 0 : check_rules(w->done, &st, err);
}

static int enter(struct walk *w, const char *name, size_t len, struct error *err)
{
	char part[NAME_MAX + 1];
	size_t at = strlen(w->done);
	int fd;

	if (len > NAME_MAX || at + len + 2 > sizeof(w->done))
		return err_set(err, ERR_INVALID, "%s: the path is too long", w->path);
	memcpy(part, name, len);
	part[len] = '\0';
	snprintf(w->done + at, sizeof(w->done) - at, "%s%s", at > 1 ? "/" : "", part);
	fd = openat(w->fd, part, O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_set_errno(err, err_from_errno(errno), errno,
				     "%s changed while it was looked at; try again", w->done);
	close(w->fd);
	w->fd = fd;
	return check_here(w, err);
}

static int kind_of(const char *path, const struct stat *st, struct error *err)
{
	const char *kind = S_ISDIR(st->st_mode)    ? "a directory"
			   : S_ISFIFO(st->st_mode) ? "a fifo"
			   : S_ISSOCK(st->st_mode) ? "a socket"
			   : S_ISLNK(st->st_mode)  ? "a link that appeared while it was looked at"
						   : "a device";

	return err_set(err, ERR_INVALID, "%s is %s; a plugin is a regular file", path, kind);
}

int verify_file(const char *path, const struct stat *st, bool trusted, struct error *err)
{
	if (!S_ISREG(st->st_mode))
		return kind_of(path, st, err);
	if (st->st_size == 0)
		return err_set(err, ERR_INVALID, "%s is empty; copy the plugin again", path);
	if (st->st_size > ELF_FILE_MAX)
		return err_set(err, ERR_INVALID,
			       "%s has %jd bytes, over the limit of %u (64 MiB); strip it, or ship "
			       "its data apart",
			       path, (intmax_t)st->st_size, ELF_FILE_MAX);
	return trusted ? 0 : check_rules(path, st, err);
}

/* The last component. A fifo put there after the look does not block. */
static int open_regular(struct walk *w, const char *name, struct error *err)
{
	struct stat st;

	w->file = openat(w->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (w->file < 0)
		return err_set_errno(err, err_from_errno(errno), errno, "%s cannot be read",
				     w->path);
	if (fstat(w->file, &st) < 0)
		return err_set_errno(err, ERR_IO, errno, "%s", w->path);
	return verify_file(w->path, &st, w->trusted, err);
}

/* Looks before opening, as opening a device may do things. */
static int open_file(struct walk *w, const char *name, struct error *err)
{
	struct stat st;

	if (fstatat(w->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_set_errno(err, err_from_errno(errno), errno, "%s", w->path);
	return S_ISREG(st.st_mode) ? open_regular(w, name, err) : kind_of(w->path, &st, err);
}

/* Comes to the directory that holds the last component, which is *ret_last. */
static int walk_to(struct walk *w, const char **ret_last, struct error *err)
{
	const char *at = w->path + 1, *slash;
	int r;

	w->fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (w->fd < 0)
		return err_set_errno(err, ERR_IO, errno, "/");
	r = check_here(w, err);
	while (r == 0 && (slash = strchr(at, '/'))) {
		r = enter(w, at, (size_t)(slash - at), err);
		at = slash + 1;
	}
	*ret_last = at;
	return r;
}

static int resolve(const char *path, char resolved[PATH_MAX], struct error *err)
{
	struct stat st;
	int saved;

	if (realpath(path, resolved))
		return 0;
	saved = errno;
	if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode)) {
		char target[PATH_MAX];
		ssize_t n = readlink(path, target, sizeof(target) - 1);

		return err_set_errno(err, err_from_errno(saved), saved,
				     "%s is a link that leads nowhere (to %.*s)", path,
				     n > 0 ? (int)n : 1, n > 0 ? target : "?");
	}
	return err_set_errno(err, err_from_errno(saved), saved, "%s", path);
}

int verify_open(const char *path,
		const struct verify_policy *policy,
		int *ret_fd,
		char **ret_resolved,
		struct error *err)
{
	struct walk w = {.done = "/", .fd = -1, .file = -1};
	char resolved[PATH_MAX], *copy;
	const char *trust, *last;
	int r;

	r = resolve(path, resolved, err);
	if (r < 0)
		return r;
	trust = trusted_by(resolved, policy);
	w.path = resolved;
	w.trusted = trust != NULL;
	r = walk_to(&w, &last, err);
	if (r == 0)
		r = open_file(&w, last, err);
	closep(&w.fd);
	copy = r == 0 ? strdup(resolved) : NULL;
	if (!copy) {
		closep(&w.file);
		if (r == 0)
			return err_nomem(err, "a path");
		return strcmp(path, resolved) ? err_wrap(err, "%s", path) : r;
	}
	if (trust)
		log_trust(trust);
	*ret_fd = w.file;
	*ret_resolved = copy;
	return 0;
}

int verify_dir(const char *dir,
	       const struct verify_policy *policy,
	       int *ret_fd,
	       bool *ret_trusted,
	       struct error *err)
{
	struct walk w = {.done = "/", .fd = -1, .file = -1};
	char resolved[PATH_MAX];
	const char *trust, *last;
	int r = resolve(dir, resolved, err);

	if (r < 0)
		return r;
	trust = trusted_by(resolved, policy);
	w.path = resolved;
	w.trusted = trust != NULL;
	r = walk_to(&w, &last, err);
	if (r == 0 && *last)
		r = enter(&w, last, strlen(last), err);
	closep(&w.fd);
	if (r < 0)
		return strcmp(dir, resolved) ? err_wrap(err, "%s", dir) : r;
	/* The walk's descriptors are only for walking. */
	w.fd = open(resolved, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (w.fd < 0)
		return err_set_errno(err, err_from_errno(errno), errno, "%s cannot be read", dir);
	if (trust)
		log_trust(trust);
	*ret_fd = w.fd;
	*ret_trusted = w.trusted;
	return 0;
}
