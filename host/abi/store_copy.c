#include "abi/store_copy.h"

#include "abi/load.h"
#include "base/file.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

/* ---- reading the original -------------------------------------------------------------------- */

static int read_all(int fd, char *to, size_t len, const char *path, struct error *err)
{
	size_t at = 0;

	while (at < len) {
		ssize_t n = pread(fd, to + at, len - at, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_errno(err, ERR_IO, errno, "reading %s", path);
		if (n == 0)
			return err_set(err, ERR_INVALID,
				       "%s became shorter while it was read; it is still being "
				       "copied, try again",
				       path);
		at += (size_t)n;
	}
	return 0;
}

int store_read(int fd, const char *path, void **ret_data, size_t *ret_len, struct error *err)
{
	struct stat st;
	size_t len;
	void *data;
	int r;

	if (fstat(fd, &st) < 0)
		return err_set_errno(err, ERR_IO, errno, "%s", path);
	len = (size_t)st.st_size;
	if (len == 0 || len > ELF_FILE_MAX)
		return err_set(err, ERR_INVALID, "%s is empty or over 64 MiB", path);
	/* All of it is written at once, so the pages need not come one by one. */
	/* cppcheck-suppress invalidFunctionArg */
	data = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
		    -1, 0);
	if (data == MAP_FAILED || !data)
		return err_nomem(err, path);
	r = read_all(fd, data, len, path, err);
	if (r < 0) {
		munmap(data, len);
		return r;
	}
	*ret_data = data;
	*ret_len = len;
	return 0;
}

/* ---- the store ------------------------------------------------------------------------------- */

/* Anything else than these bytes in our own file is what a crash or a full disk left there. */
static bool holds(int fd, const void *data, size_t len)
{
	struct stat st;
	void *have;
	bool same;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
	    (st.st_mode & (S_IWGRP | S_IWOTH)) || (uint64_t)st.st_size != len)
		return false;
	have = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
	if (have == MAP_FAILED)
		return false;
	same = memcmp(have, data, len) == 0;
	munmap(have, len);
	return same;
}

/* The store must be ours alone; a directory prepared by someone else is not used. */
static bool usable(const char *dir)
{
	struct statvfs fs;
	struct stat st;

	return lstat(dir, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
	       !(st.st_mode & (S_IWGRP | S_IWOTH)) && statvfs(dir, &fs) == 0 &&
	       !(fs.f_flag & ST_NOEXEC);
}

static int open_copy(const char *path, const void *data, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd >= 0 && !holds(fd, data, len)) {
		close(fd);
		return -1;
	}
	return fd;
}

static int copy_to_store(const void *data,
			 size_t len,
			 const char *hex,
			 const char *store_dir,
			 char **ret_path,
			 int *ret_fd,
			 struct error *err)
{
	_cleanup_(freep) char *dir = path_join(store_dir, "plugins");
	_cleanup_(freep) char *path = NULL;
	char name[SHA256_HEX_SIZE + 4];
	int r, fd;

	snprintf(name, sizeof(name), "%s.so", hex);
	path = dir ? path_join(dir, name) : NULL;
	if (!path)
		return err_nomem(err, "the path of a private copy");
	fd = usable(dir) ? open_copy(path, data, len) : -1;
	if (fd < 0) {
		r = dir_make(dir, 0700, err);
		if (r < 0)
			return r;
		if (!usable(dir))
			return err_set(err, ERR_DENIED,
				       "%s is not the current user's alone, or is mounted noexec",
				       dir);
		r = file_write_atomic(path, data, len, 0600, false, err);
		if (r < 0)
			return r;
		fd = open_copy(path, data, len);
		if (fd < 0)
			return err_set(err, ERR_IO, "%s does not hold what was written", path);
	}
	*ret_path = TAKE(path);
	*ret_fd = fd;
	return 0;
}

/* ---- memfd ----------------------------------------------------------------------------------- */

static int memfd_make(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);

	if (fd < 0 && errno == EINVAL) /* kernels before 6.3 do not know MFD_EXEC */
		fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd;
}

static int copy_to_memfd(const void *data,
			 size_t len,
			 const char *hex,
			 char **ret_path,
			 int *ret_fd,
			 struct error *err)
{
	_cleanup_(closep) int fd = -1;
	char name[32], *path;
	int r;

	snprintf(name, sizeof(name), "taskhost-%.16s", hex);
	fd = memfd_make(name);
	if (fd < 0)
		return err_set_errno(err, err_from_errno(errno), errno,
				     "making a memory file for a plugin");
	r = fd_write_all(fd, data, len, "a memory file", err);
	if (r < 0)
		return r;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		return err_set_errno(err, ERR_IO, errno, "sealing a memory file");
	if (asprintf(&path, "/proc/self/fd/%d", fd) < 0)
		return err_nomem(err, "a path");
	*ret_path = path;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static void log_fallback(const char *store_dir, const struct error *why)
{
	static atomic_flag logged = ATOMIC_FLAG_INIT;

	if (!atomic_flag_test_and_set(&logged))
		log_warn("private copies of plugins stay in memory, as %s cannot be used: %s",
			 store_dir, why->message);
}

int store_copy_bytes(const void *data,
		     size_t len,
		     const char *hex,
		     const char *store_dir,
		     char **ret_path,
		     int *ret_fd,
		     bool *ret_memfd,
		     struct error *err)
{
	struct error why = ERROR_INIT;
	int r = ERR_STATE;

	if (store_dir) {
		r = copy_to_store(data, len, hex, store_dir, ret_path, ret_fd, &why);
		if (r == ERR_NOMEM)
			return err_set(err, r, "%s", why.message);
		if (r < 0)
			log_fallback(store_dir, &why);
	}
	*ret_memfd = r < 0;
	return r < 0 ? copy_to_memfd(data, len, hex, ret_path, ret_fd, err) : 0;
}

int plugin_store_copy(int fd,
		      const char *store_dir,
		      char ret_digest[SHA256_HEX_SIZE],
		      char **ret_path,
		      int *ret_memfd,
		      struct error *err)
{
	uint8_t digest[SHA256_SIZE];
	char hex[SHA256_HEX_SIZE];
	bool memory = false;
	void *data = NULL;
	size_t len = 0;
	int r, copy = -1;

	r = store_read(fd, "the plugin", &data, &len, err);
	if (r < 0 || !data)
		return r;
	sha256(data, len, digest);
	hex_encode(digest, sizeof(digest), hex);
	r = store_copy_bytes(data, len, hex, store_dir, ret_path, &copy, &memory, err);
	munmap(data, len);
	if (r < 0)
		return r;
	memcpy(ret_digest, hex, sizeof(hex));
	if (!memory)
		closep(&copy);
	*ret_memfd = memory ? copy : -1;
	return 0;
}
