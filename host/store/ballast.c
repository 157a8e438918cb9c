#include "store/ballast.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

uint64_t disk_free(const char *path)
{
	struct statvfs fs;

	if (statvfs(path, &fs) < 0)
		return UINT64_MAX;
	return (uint64_t)fs.f_bavail * fs.f_frsize;
}

bool ballast_init(struct ballast *b, const char *dir, uint64_t bytes)
{
	struct stat st;

	b->bytes = bytes;
	b->there = false;
	b->path = path_join(dir, "ballast");
	if (!b->path)
		return false;
	b->there = bytes > 0 && lstat(b->path, &st) == 0 && S_ISREG(st.st_mode) &&
		   (uint64_t)st.st_size >= bytes;
	return true;
}

void ballast_done(struct ballast *b)
{
	free(TAKE(b->path));
}

void ballast_refill(struct ballast *b, uint64_t free_bytes, uint64_t low_water)
{
	_cleanup_(closep) int fd = -1;
	int r;

	if (b->there || b->bytes == 0 || free_bytes == UINT64_MAX ||
	    free_bytes < low_water + 3 * b->bytes)
		return;
	fd = open(b->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return;
	/* fallocate and not a hole: the blocks have to be taken. */
	do
		r = posix_fallocate(fd, 0, (off_t)b->bytes);
	while (r == EINTR);
	if (r == 0)
		b->there = true;
	else
		unlink(b->path);
}

bool ballast_release(struct ballast *b)
{
	if (!b->there)
		return false;
	b->there = false;
	return unlink(b->path) == 0;
}
