/* Archives made here, byte by byte, so that none of them has to be possible with a tool. */
#include "cli/unpack.h"
#include "lib/test.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

struct header { /* ustar */
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100],
		magic[8], owner[32], group[32], major[8], minor[8], prefix[155], pad[12];
};

static void add_entry(struct buf *tar,
		      const char *name,
		      char type,
		      unsigned mode,
		      const char *link,
		      struct str data)
{
	static const char zeros[512];
	struct header h;
	unsigned sum = 0;

	memset(&h, 0, sizeof(h));
	memcpy(h.name, name, MIN(strlen(name), sizeof(h.name)));
	snprintf(h.mode, sizeof(h.mode), "%07o", mode);
	snprintf(h.uid, sizeof(h.uid), "%07o", 0U);
	snprintf(h.gid, sizeof(h.gid), "%07o", 0U);
	snprintf(h.size, sizeof(h.size), "%011zo", data.len);
	snprintf(h.mtime, sizeof(h.mtime), "%011o", 315532800U);
	memset(h.sum, ' ', sizeof(h.sum));
	h.type = type;
	memcpy(h.link, link, strlen(link));
	memcpy(h.magic, "ustar\00000", 8);
	for (size_t i = 0; i < sizeof(h); i++)
		sum += ((const unsigned char *)&h)[i];
	snprintf(h.sum, sizeof(h.sum), "%06o", sum);
	buf_append(tar, &h, sizeof(h));
	buf_append(tar, data.ptr, data.len);
	buf_append(tar, zeros, (512 - data.len % 512) % 512);
}

static void add_file(struct buf *tar, const char *name, const char *data)
{
	add_entry(tar, name, '0', 0644, "", str_of(data));
}

static void finish(struct buf *tar)
{
	static const char zeros[1024];

	buf_append(tar, zeros, sizeof(zeros));
}

static int unpack_bytes(const void *data,
			size_t len,
			const char *dir,
			const struct unpack_limits *limits,
			struct error *err)
{
	_cleanup_(closep) int fd = memfd_create("archive", MFD_CLOEXEC);

	CHECK(fd >= 0);
	CHECK(write(fd, data, len) == (ssize_t)len);
	CHECK(lseek(fd, 0, SEEK_SET) == 0);
	return unpack_archive(fd, "a.tar.gz", dir, limits, err);
}

static int unpack(struct buf *tar, const char *dir, struct error *err)
{
	finish(tar);
	return unpack_bytes(tar->data, tar->len, dir, &unpack_limits_default, err);
}

static char *fresh_dir(void)
{
	static char path[512];
	static int n;

	snprintf(path, sizeof(path), "%s/%d", test_tmpdir(), n++);
	CHECK(mkdir(path, 0755) == 0);
	return path;
}

static void check_file(const char *dir, const char *name, const char *content, unsigned mode)
{
	_cleanup_(freep) char *path = path_join(dir, name);
	_cleanup_(buf_done) struct buf got = BUF_INIT;
	struct error err = ERROR_INIT;
	struct stat st;

	CHECK_OK(file_read(path, 1 << 20, &got, &err), err);
	CHECK_STR(got.data ? got.data : "", content);
	CHECK(stat(path, &st) == 0);
	CHECK_INT(st.st_mode & 07777, mode);
}

static void check_absent(const char *dir, const char *name)
{
	_cleanup_(freep) char *path = path_join(dir, name);
	struct stat st;

	CHECK(lstat(path, &st) < 0);
}

TEST(files_and_folders)
{
	_cleanup_(buf_done) struct buf tar = BUF_INIT;
	struct error err = ERROR_INIT;
	const char *dir = fresh_dir();

	add_entry(&tar, "./", '5', 0755, "", STR_NULL);
	add_entry(&tar, "sub/", '5', 0777, "", STR_NULL);
	add_file(&tar, "sub/a.so", "one");
	add_entry(&tar, "./deep/er/b", '0', 06777, "", STR("two"));
	add_entry(&tar, "empty", '0', 0, "", STR_NULL);
	CHECK_OK(unpack(&tar, dir, &err), err);
	check_file(dir, "sub/a.so", "one", 0644);
	check_file(dir, "deep/er/b", "two", 0755);
	check_file(dir, "empty", "", 0644);
}

TEST(gzip)
{
	_cleanup_(buf_done) struct buf tar = BUF_INIT;
	_cleanup_(freep) char *packed = NULL;
	struct error err = ERROR_INIT;
	const char *dir = fresh_dir();
	z_stream z;

	add_file(&tar, "x", "content");
	finish(&tar);
	packed = malloc(tar.len + 1024);
	CHECK(packed != NULL);
	memset(&z, 0, sizeof(z));
	CHECK(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
	z.next_in = (Bytef *)tar.data;
	z.avail_in = (uInt)tar.len;
	z.next_out = (Bytef *)packed;
	z.avail_out = (uInt)tar.len + 1024;
	CHECK(deflate(&z, Z_FINISH) == Z_STREAM_END);
	CHECK_OK(unpack_bytes(packed, z.total_out, dir, &unpack_limits_default, &err), err);
	check_file(dir, "x", "content", 0644);
	CHECK(unpack_bytes(packed, z.total_out / 2, dir, &unpack_limits_default, &err) < 0);
	deflateEnd(&z);
}

TEST(replaces_and_does_not_write_into)
{
	_cleanup_(buf_done) struct buf tar = BUF_INIT;
	struct error err = ERROR_INIT;
	const char *dir = fresh_dir();
	_cleanup_(freep) char *old = path_join(dir, "p.so"), *other = path_join(dir, "other");

	CHECK_OK(file_write_atomic(old, "old", 3, 0600, false, &err), err);
	CHECK(link(old, other) == 0);
	add_file(&tar, "p.so", "new");
	CHECK_OK(unpack(&tar, dir, &err), err);
	check_file(dir, "p.so", "new", 0644);
	check_file(dir, "other", "old", 0600);
}

static void refused(const char *name, char type, const char *link, int code, const char *words)
{
	_cleanup_(buf_done) struct buf tar = BUF_INIT;
	struct error err = ERROR_INIT;
	const char *dir = fresh_dir();

	add_entry(&tar, "d/", '5', 0755, "", STR_NULL);
	add_entry(&tar, name, type, 0644, link, STR_NULL);
	CHECK_ERR(unpack(&tar, dir, &err), code, err, words);
	CHECK(strstr(err.message, name));
}

TEST(paths_that_escape)
{
	refused("/etc/x", '0', "", ERR_DENIED, "absolute path");
	refused("../x", '0', "", ERR_DENIED, "'..'");
	refused("d/../../x", '0', "", ERR_DENIED, "'..'");
	refused("d/..", '5', "", ERR_DENIED, "'..'");
}

TEST(links_that_escape)
{
	refused("l", '2', "/etc", ERR_DENIED, "leads outside");
	refused("l", '2', "..", ERR_DENIED, "leads outside");
	refused("d/l", '2', "../../x", ERR_DENIED, "leads outside");
	refused("d/l", '2', "x/../../..", ERR_DENIED, "leads outside");
	refused("h", '1', "/etc/passwd", ERR_DENIED, "leads outside");
	refused("h", '1', "../x", ERR_DENIED, "leads outside");
	refused("h", '1', "d", ERR_DENIED, "not a file");
}

/* Each link stays inside when it is taken by its text; together they would not. */
TEST(links_that_escape_together)
{
	_cleanup_(buf_done) struct buf tar = BUF_INIT;
	struct error err = ERROR_INIT;

	add_entry(&tar, "a/b/c/l", '2', 0777, "../../..", STR_NULL);
	add_entry(&tar, "m", '2', 0777, "a/b/c/l/../x", STR_NULL);
	CHECK_ERR(unpack(&tar, fresh_dir(), &err), ERR_DENIED, err, "'m' is a symbolic link");
}

TEST(nothing_goes_through_a_link)
{
	_cleanup_(buf_done) struct buf tar = BUF_INIT;
	struct error err = ERROR_INIT;
	const char *dir = fresh_dir();

	add_entry(&tar, "d/", '5', 0755, "", STR_NULL);
	add_entry(&tar, "l", '2', 0777, "d", STR_NULL);
	add_file(&tar, "l/x", "x");
	CHECK_ERR(unpack(&tar, dir, &err), ERR_IO, err, "'l/x' cannot be unpacked");
	check_absent(dir, "d/x");
}

/* A link that is there already, pointing anywhere, is replaced or refused, never followed. */
TEST(links_already_there)
{
	_cleanup_(buf_done) struct buf tar = BUF_INIT;
	_cleanup_(buf_done) struct buf tar2 = BUF_INIT;
	struct error err = ERROR_INIT;
	_cleanup_(freep) char *outside = strdup(fresh_dir());
	const char *dir = fresh_dir();
	_cleanup_(freep) char *file = path_join(dir, "f"), *folder = path_join(dir, "g");
	_cleanup_(freep) char *target = path_join(outside, "t");

	CHECK(symlink(target, file) == 0);
	CHECK(symlink(outside, folder) == 0);
	add_file(&tar, "f", "mine");
	CHECK_OK(unpack(&tar, dir, &err), err);
	check_file(dir, "f", "mine", 0644);
	check_absent(outside, "t");
	add_file(&tar2, "g/t", "mine");
	CHECK_ERR(unpack(&tar2, dir, &err), ERR_IO, err, "cannot be unpacked");
	check_absent(outside, "t");
}

TEST(links_that_stay)
{
	_cleanup_(buf_done) struct buf tar = BUF_INIT;
	struct error err = ERROR_INIT;
	const char *dir = fresh_dir();

	add_file(&tar, "d/real", "r");
	add_entry(&tar, "d/e/soft", '2', 0777, "../real", STR_NULL);
	add_entry(&tar, "hard", '1', 0644, "d/real", STR_NULL);
	CHECK_OK(unpack(&tar, dir, &err), err);
	check_file(dir, "d/e/soft", "r", 0644);
	check_file(dir, "hard", "r", 0644);
}

TEST(devices_and_pipes)
{
	refused("dev", '3', "", ERR_DENIED, "a device");
	refused("blk", '4', "", ERR_DENIED, "a device");
	refused("fifo", '6', "", ERR_DENIED, "a device, a pipe");
}

TEST(limits)
{
	const struct unpack_limits small = {.bytes = 10, .entries = 3};
	_cleanup_(buf_done) struct buf big = BUF_INIT;
	_cleanup_(buf_done) struct buf many = BUF_INIT;
	struct error err = ERROR_INIT;

	add_file(&big, "a", "12345678");
	add_file(&big, "b", "123");
	finish(&big);
	CHECK_ERR(unpack_bytes(big.data, big.len, fresh_dir(), &small, &err), ERR_LIMIT, err,
		  "more than 10 bytes");
	for (char name[] = "a"; name[0] <= 'd'; name[0]++)
		add_file(&many, name, "");
	finish(&many);
	CHECK_ERR(unpack_bytes(many.data, many.len, fresh_dir(), &small, &err), ERR_LIMIT, err,
		  "more than 3 entries");
}

TEST(not_an_archive)
{
	struct error err = ERROR_INIT;

	CHECK_ERR(unpack_bytes("", 0, fresh_dir(), &unpack_limits_default, &err), ERR_INVALID, err,
		  "a.tar.gz: not a readable tar archive");
	CHECK_ERR(unpack_bytes("PK\3\4 something", 14, fresh_dir(), &unpack_limits_default, &err),
		  ERR_INVALID, err, "not a readable tar archive");
	CHECK_ERR(unpack_bytes("x", 1, "/nonexistent", &unpack_limits_default, &err), ERR_NOT_FOUND,
		  err, "/nonexistent");
}

TEST(cut_short)
{
	_cleanup_(buf_done) struct buf tar = BUF_INIT;
	struct error err = ERROR_INIT;

	add_entry(&tar, "a", '0', 0644, "", STR("0123456789"));
	CHECK_ERR(unpack_bytes(tar.data, 515, fresh_dir(), &unpack_limits_default, &err),
		  ERR_INVALID, err, "not a readable tar archive");
}
