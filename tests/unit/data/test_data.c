#include "lib/test.h"

#include "base/file.h"
#include "base/mem.h"
#include "data/data.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *at(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* "<temporary directory>/…"; good for eight calls. */
static const char *at(const char *fmt, ...)
{
	static char paths[8][4096];
	static unsigned turn;
	char *path = paths[turn++ % ARRAY_LEN(paths)];
	int n = snprintf(path, sizeof(paths[0]), "%s/", test_tmpdir());
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path + n, sizeof(paths[0]) - (size_t)n, fmt, ap);
	va_end(ap);
	return path;
}

static char *read_all(const char *path)
{
	struct buf b = BUF_INIT;
	struct error err = ERROR_INIT;

	CHECK_OK(file_read(path, 1 << 20, &b, &err), err);
	return buf_take(&b, NULL);
}

static size_t count_entries(const char *dir)
{
	DIR *d = opendir(dir);
	size_t n = 0;

	CHECK(d != NULL);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static void put_text(const char *path, const char *text)
{
	struct error err = ERROR_INIT;

	CHECK_OK(data_put(path, text, strlen(text), false, &err), err);
}

TEST(schemes)
{
	CHECK(str_is(data_scheme("s3://b/k"), "s3"));
	CHECK(str_is(data_scheme("git+ssh://x"), "git+ssh"));
	CHECK_INT(data_scheme("a:b").len, 0);
	CHECK_INT(data_scheme("/a/b://c").len, 0);
	CHECK_INT(data_scheme("").len, 0);
	CHECK_INT(data_scheme("://x").len, 0);
	CHECK_INT(data_scheme("3s://x").len, 0);
	CHECK(data_is_remote("s3://b/k"));
	CHECK(data_is_remote("HTTP://x"));
	CHECK(!data_is_remote("/a"));
	CHECK(!data_is_remote("file:///a"));
	CHECK(!data_is_remote("FILE:///a"));
	CHECK(!data_is_remote("a:b"));
}

TEST(unknown_scheme_says_what_to_use)
{
	struct error err = ERROR_INIT;
	struct buf b = BUF_INIT;
	char *path = NULL;

	CHECK(data_backend_for("gs://b/k", &err) == NULL);
	CHECK_INT(err.code, ERR_UNSUPPORTED);
	CHECK_ERR(data_get("s3://b/k", "inputs", 10, &b, &err), ERR_UNSUPPORTED, err, "'s3'");
	CHECK(strstr(err.message, "inputs: ") == err.message);
	CHECK(strstr(err.message, "file://") != NULL);
	CHECK_ERR(data_put("s3://b/k", "", 0, false, &err), ERR_UNSUPPORTED, err, "'s3'");
	CHECK_ERR(data_put_path("/etc", "s3://b/k", false, &err), ERR_UNSUPPORTED, err, "'s3'");
	CHECK_ERR(data_local("http://b/k", "/tmp", &path, &err), ERR_UNSUPPORTED, err, "'http'");
	CHECK_ERR(data_kind("http://b/k", &err), ERR_UNSUPPORTED, err, "'http'");
	CHECK_INT(b.len, 0);
}

TEST(put_makes_parents_and_get_reads)
{
	struct error err = ERROR_INIT;
	struct buf b = BUF_INIT;

	CHECK_OK(data_put(at("p/q/r/x.pb"), "a\0b", 3, true, &err), err);
	CHECK_OK(data_get(at("p/q/r/x.pb"), "inputs", 3, &b, &err), err);
	CHECK_INT(b.len, 3);
	CHECK(memcmp(b.data, "a\0b", 3) == 0);
	CHECK_INT(count_entries(at("p/q/r")), 1);
	buf_done(&b);
}

TEST(file_uris)
{
	struct error err = ERROR_INIT;
	struct buf b = BUF_INIT;
	char uri[5000];

	snprintf(uri, sizeof(uri), "file://%s/u/a%%20b%%c3%%a9%%25", test_tmpdir());
	CHECK_OK(data_put(uri, "1", 1, false, &err), err);
	CHECK_INT(access(at("u/a bé%%"), F_OK), 0);
	snprintf(uri, sizeof(uri), "FILE://localhost%s/u/a%%20b%%C3%%A9%%25", test_tmpdir());
	CHECK_OK(data_get(uri, "x", 1, &b, &err), err);
	CHECK_STR(b.data, "1");
	buf_done(&b);
	snprintf(uri, sizeof(uri), "file:%s/u/a%%20b%%C3%%A9%%25", test_tmpdir());
	CHECK_INT(data_kind(uri, &err), 0);
	/* Paths are taken as they are. */
	CHECK_OK(data_put(at("u/a%%20b"), "2", 1, false, &err), err);
	CHECK_INT(access(at("u/a%%20b"), F_OK), 0);
}

TEST(the_umask_says_what_others_may)
{
	mode_t before = umask(0);
	struct error err = ERROR_INIT;
	struct stat st;

	CHECK_OK(data_put(at("open/file"), "1", 1, false, &err), err);
	umask(077);
	CHECK_OK(data_put(at("shut/file"), "1", 1, false, &err), err);
	umask(before);
	CHECK(stat(at("open"), &st) == 0 && (st.st_mode & 0777) == 0777);
	CHECK(stat(at("open/file"), &st) == 0 && (st.st_mode & 0777) == 0666);
	CHECK(stat(at("shut"), &st) == 0 && (st.st_mode & 0777) == 0700);
	CHECK(stat(at("shut/file"), &st) == 0 && (st.st_mode & 0777) == 0600);
}

TEST(malformed_uris_are_refused)
{
	struct error err = ERROR_INIT;

	CHECK_ERR(data_kind("file://host/x", &err), ERR_INVALID, err, "file:///host/x");
	CHECK_ERR(data_kind("file://", &err), ERR_INVALID, err, "names no file");
	CHECK_ERR(data_kind("", &err), ERR_INVALID, err, "names no file");
	CHECK_ERR(data_kind("file:///a%2", &err), ERR_INVALID, err, "%25");
	CHECK_ERR(data_kind("file:///a%zz", &err), ERR_INVALID, err, "%25");
	CHECK_ERR(data_kind("file:///a%", &err), ERR_INVALID, err, "%25");
	CHECK_ERR(data_kind("file:///a%00b", &err), ERR_INVALID, err, "not 00");
}

TEST(missing_file_as_flytekit_says_it)
{
	struct error err = ERROR_INIT;
	struct buf b = BUF_INIT;
	char *path = NULL;

	CHECK_ERR(data_get(at("none"), "inputs", 10, &b, &err), ERR_NOT_FOUND, err,
		  "/none. File not found");
	CHECK_ERR(data_local(at("none"), NULL, &path, &err), ERR_NOT_FOUND, err, "File not found");
	CHECK_ERR(data_kind(at("none"), &err), ERR_NOT_FOUND, err, "File not found");
	CHECK(path == NULL && b.data == NULL);
}

TEST(get_directory_and_limit)
{
	struct error err = ERROR_INIT;
	struct buf b = BUF_INIT;

	put_text(at("lim/f"), "12345");
	CHECK_ERR(data_get(at("lim"), "inputs", 10, &b, &err), ERR_INVALID, err, "directory");
	CHECK_ERR(data_get(at("lim/f"), "inputs", 4, &b, &err), ERR_LIMIT, err, "4 bytes");
	CHECK_OK(data_get(at("lim/f"), "inputs", 5, &b, &err), err);
	buf_done(&b);
	put_text(at("lim/empty"), "");
	CHECK_OK(data_get(at("lim/empty"), "inputs", 0, &b, &err), err);
	CHECK_INT(b.len, 0);
	buf_done(&b);
	CHECK_INT(data_kind(at("lim"), &err), 1);
	CHECK_INT(data_kind(at("lim/f"), &err), 0);
}

TEST(two_hundred_megabytes_stop_at_the_limit)
{
	struct error err = ERROR_INIT;
	struct buf b = BUF_INIT;
	int fd;

	put_text(at("big"), "");
	fd = open(at("big"), O_WRONLY);
	CHECK(fd >= 0 && ftruncate(fd, 200 << 20) == 0);
	close(fd);
	CHECK_ERR(data_get(at("big"), "inputs", 100 << 20, &b, &err), ERR_LIMIT, err, "larger");
	CHECK_INT(b.len, 0);
	CHECK(b.cap <= 2 * (100u << 20));
	buf_done(&b);
	CHECK_OK(data_get(at("big"), "inputs", 200 << 20, &b, &err), err);
	CHECK_INT(b.len, 200 << 20);
	buf_done(&b);
	unlink(at("big"));
}

TEST(read_only_directory)
{
	struct error err = ERROR_INIT;
	int r, saved;

	CHECK_OK(dir_make(at("ro"), 0755, &err), err);
	CHECK_INT(chmod(at("ro"), 0555), 0);
	CHECK_INT(chmod(test_tmpdir(), 0711), 0);
	/* Root may write everywhere: be somebody else for a moment. */
	if (geteuid() == 0)
		CHECK_INT(seteuid(65534), 0);
	r = data_put(at("ro/x/out.pb"), "1", 1, false, &err);
	saved = data_put(at("ro/out.pb"), "1", 1, false, NULL);
	if (getuid() == 0)
		CHECK_INT(seteuid(0), 0);
	CHECK_INT(r, ERR_DENIED);
	CHECK_INT(saved, ERR_DENIED);
	CHECK(strstr(err.message, at("ro/x")) != NULL);
	CHECK_INT(count_entries(at("ro")), 0);
	chmod(at("ro"), 0755);
}

TEST(full_disk_leaves_the_old_file)
{
	struct rlimit old, small;
	struct error err = ERROR_INIT;
	struct buf b = BUF_INIT;
	static char data[64 << 10];
	int r, s;

	put_text(at("full/out.pb"), "old");
	put_text(at("full/from"), "");
	CHECK_INT(truncate(at("full/from"), 64 << 10), 0);
	signal(SIGXFSZ, SIG_IGN);
	CHECK_INT(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = old;
	small.rlim_cur = 4096;
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &small), 0);
	r = data_put(at("full/out.pb"), data, sizeof(data), true, &err);
	s = data_put_path(at("full/from"), at("full/out.pb"), false, NULL);
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &old), 0);
	signal(SIGXFSZ, SIG_DFL);
	CHECK_INT(r, ERR_IO);
	CHECK_INT(s, ERR_IO);
	CHECK(strstr(err.message, "full/out.pb") != NULL);
	CHECK_OK(data_get(at("full/out.pb"), "x", 10, &b, &err), err);
	CHECK_STR(b.data, "old");
	CHECK_INT(count_entries(at("full")), 2);
	buf_done(&b);
}

TEST(put_where_something_is_in_the_way)
{
	struct error err = ERROR_INIT;

	put_text(at("way/file"), "1");
	CHECK_ERR(data_put(at("way/file/x"), "1", 1, false, &err), ERR_INVALID, err, "way/file");
	CHECK_ERR(data_put(at("way"), "1", 1, false, &err), ERR_IO, err, "way");
	CHECK_ERR(data_put_path(at("way/file"), at("way"), false, &err), ERR_INVALID, err,
		  "directory");
	CHECK_INT(count_entries(at("way")), 1);
}

TEST(put_path_copies_a_tree)
{
	struct error err = ERROR_INIT;
	_cleanup_(freep) char *text = NULL;
	_cleanup_(freep) char *linked = NULL;
	struct stat st;

	put_text(at("tree/a"), "1");
	put_text(at("tree/sub/deep/b"), "2");
	put_text(at("tree/empty"), "");
	put_text(at("elsewhere"), "3");
	CHECK_OK(dir_make(at("tree/hollow"), 0755, &err), err);
	CHECK_INT(chmod(at("tree/a"), 0750), 0);
	CHECK_INT(symlink("../elsewhere", at("tree/link")), 0);
	CHECK_OK(data_put_path(at("tree"), at("new/copy/"), false, &err), err);
	text = read_all(at("new/copy/sub/deep/b"));
	CHECK_STR(text, "2");
	linked = read_all(at("new/copy/link"));
	CHECK_STR(linked, "3");
	CHECK_INT(lstat(at("new/copy/link"), &st), 0);
	CHECK(S_ISREG(st.st_mode));
	CHECK_INT(stat(at("new/copy/a"), &st), 0);
	CHECK_INT(st.st_mode & 0777, 0750);
	CHECK_INT(stat(at("new/copy/empty"), &st), 0);
	CHECK_INT(st.st_size, 0);
	CHECK_INT(count_entries(at("new/copy/hollow")), 0);
	CHECK_INT(count_entries(at("new/copy")), 5);
	/* Again, over what is there, and onto itself. */
	CHECK_OK(data_put_path(at("tree"), at("new/copy"), false, &err), err);
	CHECK_OK(data_put_path(at("tree"), at("tree"), false, &err), err);
	CHECK_OK(data_put_path(at("tree/a"), at("tree/a"), false, &err), err);
	CHECK_INT(count_entries(at("tree")), 5);
}

TEST(put_path_refuses_what_it_cannot_copy)
{
	struct error err = ERROR_INIT;

	CHECK_OK(dir_make(at("odd"), 0755, &err), err);
	CHECK_INT(symlink(".", at("odd/round")), 0);
	CHECK_ERR(data_put_path(at("odd"), at("odd-copy"), false, &err), ERR_INVALID, err,
		  "odd/round");
	unlink(at("odd/round"));
	CHECK_INT(symlink("nowhere", at("odd/dangling")), 0);
	CHECK_ERR(data_put_path(at("odd"), at("odd-copy"), false, &err), ERR_NOT_FOUND, err,
		  "dangling");
	unlink(at("odd/dangling"));
	CHECK_INT(mkfifo(at("odd/fifo"), 0600), 0);
	CHECK_ERR(data_put_path(at("odd"), at("odd-copy"), false, &err), ERR_INVALID, err,
		  "odd/fifo");
	CHECK_ERR(data_put_path(at("odd/fifo"), at("x"), false, &err), ERR_INVALID, err,
		  "odd/fifo");
	unlink(at("odd/fifo"));
	CHECK_ERR(data_put_path(at("odd/none"), at("x"), false, &err), ERR_NOT_FOUND, err,
		  "odd/none");
	CHECK_OK(data_put_path(at("odd"), at("odd-copy"), false, &err), err);
}

TEST(put_path_does_not_leave_the_target)
{
	struct error err = ERROR_INIT;

	put_text(at("src/sub/x"), "1");
	CHECK_OK(dir_make(at("dst"), 0755, &err), err);
	CHECK_OK(dir_make(at("victim"), 0755, &err), err);
	CHECK_INT(symlink("../victim", at("dst/sub")), 0);
	CHECK_ERR(data_put_path(at("src"), at("dst"), false, &err), ERR_INVALID, err, "dst/sub");
	CHECK_INT(count_entries(at("victim")), 0);
	/* A link where a file goes is replaced, not followed. */
	unlink(at("dst/sub"));
	CHECK_OK(dir_make(at("dst/sub"), 0755, &err), err);
	CHECK_INT(symlink("../../victim/x", at("dst/sub/x")), 0);
	CHECK_OK(data_put_path(at("src"), at("dst"), false, &err), err);
	CHECK_INT(count_entries(at("victim")), 0);
}

TEST(put_path_into_itself)
{
	struct error err = ERROR_INIT;

	put_text(at("self/a"), "1");
	CHECK_ERR(data_put_path(at("self"), at("self/b"), false, &err), ERR_INVALID, err,
		  "into itself");
}

TEST(put_path_depth_is_bounded)
{
	struct error err = ERROR_INIT;
	int cwd = open(".", O_RDONLY | O_DIRECTORY);

	CHECK_OK(dir_make(at("deep"), 0755, &err), err);
	CHECK_INT(chdir(at("deep")), 0);
	for (int i = 0; i < 220; i++)
		CHECK(mkdir("d", 0755) == 0 && chdir("d") == 0);
	CHECK_INT(fchdir(cwd), 0);
	close(cwd);
	CHECK_ERR(data_put_path(at("deep"), at("deep2"), false, &err), ERR_LIMIT, err, "200");
}

TEST(local_is_the_thing_itself)
{
	struct error err = ERROR_INIT;
	_cleanup_(freep) char *path = NULL;
	char uri[5000];

	put_text(at("loc/f"), "1");
	snprintf(uri, sizeof(uri), "file://%s", at("loc/f"));
	CHECK_OK(data_local(uri, "/nonexistent", &path, &err), err);
	CHECK_STR(path, at("loc/f"));
}

TEST(join)
{
	_cleanup_(freep) char *a = data_join("s3://b/k/", "outputs.pb");
	_cleanup_(freep) char *b = data_join("/x", "outputs.pb");

	CHECK_STR(a, "s3://b/k/outputs.pb");
	CHECK_STR(b, "/x/outputs.pb");
}
