#include "runners/log_file.h"

#include "base/mem.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define HEAD_SIZE 64
#define QUOTA_MAX ((uint64_t)1 << 40)

static const char magic[8] = "thlog\0\0\1";

/* Numbers are little-endian. */
struct file_head {
	char magic[8];
	uint64_t quota, total, lost;
	char unused[HEAD_SIZE - 32];
};

_Static_assert(sizeof(struct file_head) == HEAD_SIZE, "the head of a log");

static int failed(struct error *err, const char *what, const char *path)
{
	return err_set_errno(err, err_from_errno(errno), errno, "cannot %s %s", what, path);
}

/* Was the first write cut off, or did only the bytes behind the head reach the disk? */
static bool is_unbegun(const struct file_head *f, size_t n)
{
	static const struct file_head zero;

	return memcmp(f, &zero, n) == 0 ||
	       (n < sizeof(*f) && memcmp(f->magic, magic, MIN(n, sizeof(magic))) == 0);
}

int log_file_head(const char *path, struct log_head *ret, struct error *err)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct file_head f;
	ssize_t n;

	if (fd < 0)
		return failed(err, "open", path);
	n = pread(fd, &f, sizeof(f), 0);
	if (n < 0)
		return failed(err, "read", path);
	if (is_unbegun(&f, (size_t)n))
		return err_set(err, ERR_NOT_FOUND, "%s holds no log yet", path);
	if (n != sizeof(f) || memcmp(f.magic, magic, sizeof(magic)) != 0 || f.quota == 0 ||
	    le64toh(f.quota) > QUOTA_MAX)
		return err_set(err, ERR_INVALID, "%s is no log: remove it", path);
	*ret = (struct log_head){le64toh(f.quota), le64toh(f.total), le64toh(f.lost)};
	return 0;
}

static int write_at(int fd, const char *data, size_t len, uint64_t at)
{
	while (len > 0) {
		ssize_t n = pwrite(fd, data, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		data += n;
		len -= (size_t)n;
		at += (uint64_t)n;
	}
	return 0;
}

static int write_ring(int fd, uint64_t quota, uint64_t total, const char *data, size_t len)
{
	while (len > 0) {
		uint64_t at = total % quota;
		size_t n = MIN(len, (size_t)(quota - at));

		if (write_at(fd, data, n, HEAD_SIZE + at) < 0)
			return -1;
		data += n;
		len -= n;
		total += n;
	}
	return 0;
}

static int write_head(int fd, const struct log_head *head, uint64_t total)
{
	struct file_head f = {.quota = htole64(head->quota),
			      .total = htole64(total),
			      .lost = htole64(head->lost)};

	memcpy(f.magic, magic, sizeof(magic));
	return write_at(fd, (const char *)&f, sizeof(f), 0);
}

int log_file_append(
	const char *path, struct log_head *head, const char *data, size_t len, struct error *err)
{
	_cleanup_(closep) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return failed(err, "open", path);
	/* Whatever ends us in between, it is a log. */
	if ((head->total == 0 && write_head(fd, head, 0) < 0) ||
	    write_ring(fd, head->quota, head->total, data, len) < 0 ||
	    write_head(fd, head, head->total + len) < 0)
		return failed(err, "write", path);
	head->total += len;
	return 0;
}

int log_file_read(const char *path,
		  const struct log_head *head,
		  uint64_t offset,
		  size_t len,
		  struct buf *out,
		  struct error *err)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return failed(err, "open", path);
	if (!buf_reserve(out, len))
		return buf_check(out, path, err);
	while (len > 0) {
		uint64_t at = offset % head->quota;
		ssize_t n = pread(fd, out->data + out->len, MIN(len, (size_t)(head->quota - at)),
				  (off_t)(HEAD_SIZE + at));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return failed(err, "read", path);
		if (n == 0)
			return err_set(err, ERR_INVALID, "%s is cut off", path);
		out->len += (size_t)n;
		out->data[out->len] = '\0';
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}
