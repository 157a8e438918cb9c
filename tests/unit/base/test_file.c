#include "lib/test.h"

#include "base/file.h"
#include "base/mem.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A name in the test directory; eight may be in use at once. */
static const char *in_tmp(const char *name)
{
	static char paths[8][4096];
	static int next;
	char *path = paths[next++ % 8];

	snprintf(path, 4096, "%s/%s", test_tmpdir(), name);
	return path;
}

static void put(const char *path, const char *text)
{
	struct error err = ERROR_INIT;

	CHECK_OK(file_write_atomic(path, text, strlen(text), 0644, false, &err), err);
}

static const char *get(const char *path)
{
	static struct buf b = BUF_INIT;
	struct error err = ERROR_INIT;

	buf_done(&b);
	buf_reserve(&b, 0);
	CHECK_OK(file_read(path, 1 << 20, &b, &err), err);
	return b.data;
}

static int count_entries(const char *path)
{
	DIR *dir = opendir(path);
	int n = 0;

	CHECK(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2;
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	CHECK_INT(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

TEST(read_appends_up_to_the_limit)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	struct error err = ERROR_INIT;

	put(in_tmp("f"), "hello");
	buf_puts(&b, ">");
	CHECK_OK(file_read(in_tmp("f"), 5, &b, &err), err);
	CHECK_STR(b.data, ">hello");
	CHECK_ERR(file_read(in_tmp("f"), 4, &b, &err), ERR_LIMIT, err, "limit of 4 bytes");
	CHECK_STR(b.data, ">hello");
	put(in_tmp("f"), "");
	CHECK_OK(file_read(in_tmp("f"), 0, &b, &err), err);
	CHECK_STR(b.data, ">hello");
}

TEST(read_respects_the_buffer_limit)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	struct error err = ERROR_INIT;

	put(in_tmp("f"), "0123456789");
	b.limit = 9;
	CHECK_INT(file_read(in_tmp("f"), 100, &b, &err), ERR_LIMIT);
	CHECK_INT(b.len, 0);
	buf_done(&b);
	b.limit = 10;
	CHECK_OK(file_read(in_tmp("f"), 100, &b, &err), err);
	CHECK_STR(b.data, "0123456789");
}

TEST(read_names_what_is_wrong)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	struct error err = ERROR_INIT;

	CHECK_ERR(file_read(in_tmp("missing"), 10, &b, &err), ERR_NOT_FOUND, err,
		  "missing: No such");
	CHECK_ERR(file_read(test_tmpdir(), 10, &b, &err), ERR_INVALID, err, "is a directory");
}

TEST(read_without_a_known_size)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	struct error err = ERROR_INIT;

	CHECK_OK(file_read("/proc/self/status", 1 << 20, &b, &err), err);
	CHECK(strstr(b.data, "Pid:"));
	CHECK_ERR(file_read("/dev/zero", 100000, &b, &err), ERR_LIMIT, err, "/dev/zero");
}

TEST(write_replaces_as_a_whole)
{
	struct error err = ERROR_INIT;
	const char *path = in_tmp("atomic");

	put(path, "old content");
	CHECK_OK(file_write_atomic(path, "new", 3, 0600, true, &err), err);
	CHECK_STR(get(path), "new");
	CHECK_INT(mode_of(path), 0600);
	CHECK_OK(file_write_atomic(path, NULL, 0, 0600, false, &err), err);
	CHECK_STR(get(path), "");
}

TEST(write_replaces_a_link_not_its_target)
{
	put(in_tmp("target"), "precious");
	CHECK_INT(symlink(in_tmp("target"), in_tmp("link")), 0);
	put(in_tmp("link"), "new");
	CHECK_STR(get(in_tmp("target")), "precious");
	CHECK_STR(get(in_tmp("link")), "new");
}

TEST(write_leaves_nothing_behind_on_failure)
{
	struct error err = ERROR_INIT;
	struct rlimit old, tiny;
	const char *dir = in_tmp("wdir");
	char path[4200], big[5000] = "";

	CHECK_OK(dir_make(in_tmp("wdir/sub"), 0755, &err), err);
	snprintf(path, sizeof(path), "%s/sub", dir);
	CHECK_ERR(file_write_atomic(path, "x", 1, 0600, false, &err), ERR_IO, err, "wdir/sub");
	CHECK_INT(count_entries(dir), 1);

	/* A write that ends short, as on a full disk. */
	snprintf(path, sizeof(path), "%s/f", dir);
	put(path, "old");
	signal(SIGXFSZ, SIG_IGN);
	CHECK_INT(getrlimit(RLIMIT_FSIZE, &old), 0);
	tiny = (struct rlimit){4096, old.rlim_max};
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &tiny), 0);
	int r = file_write_atomic(path, big, sizeof(big), 0600, false, &err);
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &old), 0);
	CHECK_INT(r, ERR_IO);
	CHECK(strstr(err.message, "cannot write") && strstr(err.message, "wdir/f"));
	CHECK_INT(count_entries(dir), 2);
	CHECK_STR(get(path), "old");
}

/* Dies of SIGXFSZ in the middle of a write. */
static void die_writing(const char *path)
{
	static const char big[100000];
	const struct rlimit tiny = {4096, 4096}, no_core = {0, 0};

	signal(SIGXFSZ, SIG_DFL);
	setrlimit(RLIMIT_CORE, &no_core);
	setrlimit(RLIMIT_FSIZE, &tiny);
	file_write_atomic(path, big, sizeof(big), 0600, false, NULL);
	_exit(0);
}

TEST(what_a_dead_child_was_writing_can_be_removed)
{
	const char *dir = in_tmp("unfinished");
	struct error err = ERROR_INIT;
	int status;
	pid_t pid;

	CHECK_OK(dir_make(dir, 0700, &err), err);
	put(in_tmp("unfinished/.tmp-0123456789abcdef"), "another's");
	CHECK_OK(file_temps_begin(&err), err);
	pid = fork();
	if (pid == 0)
		die_writing(in_tmp("unfinished/f"));
	CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
	CHECK_INT(count_entries(dir), 2);
	CHECK_OK(file_temps_remove(dir, &err), err);
	CHECK_INT(count_entries(dir), 1);
	CHECK_STR(get(in_tmp("unfinished/.tmp-0123456789abcdef")), "another's");
	CHECK_OK(file_temps_remove(in_tmp("nowhere"), &err), err);
}

TEST(write_into_a_missing_directory_says_so)
{
	struct error err = ERROR_INIT;

	CHECK_ERR(file_write_atomic(in_tmp("no/such/file"), "x", 1, 0600, true, &err),
		  ERR_NOT_FOUND, err, "no/such/file");
	CHECK_INT(file_write_atomic(in_tmp("no/such/file"), "x", 1, 0600, true, NULL),
		  ERR_NOT_FOUND);
}

TEST(make_directories)
{
	struct error err = ERROR_INIT;

	CHECK_OK(dir_make(in_tmp("p/q//r/"), 0750, &err), err);
	CHECK_OK(dir_make(in_tmp("p/q/r"), 0750, &err), err);
	CHECK_INT(mode_of(in_tmp("p/q/r")), 0750);
	CHECK_INT(mode_of(in_tmp("p")), 0750);
	put(in_tmp("p/file"), "");
	CHECK_ERR(dir_make(in_tmp("p/file"), 0755, &err), ERR_INVALID, err, "p/file");
	CHECK_ERR(dir_make(in_tmp("p/file/x"), 0755, &err), ERR_INVALID, err, "p/file");
	CHECK_OK(dir_make("/", 0755, &err), err);
	CHECK_ERR(dir_make("", 0755, &err), ERR_NOT_FOUND, err, "directory");
}

TEST(temporary_directories_are_private_and_fresh)
{
	_cleanup_(freep) char *a = NULL, *b = NULL;
	struct error err = ERROR_INIT;

	CHECK_OK(dir_make_temp(test_tmpdir(), "pre-", &a, &err), err);
	CHECK_OK(dir_make_temp(test_tmpdir(), "pre-", &b, &err), err);
	CHECK(!streq(a, b));
	CHECK(str_starts(str_of(path_base(a)), "pre-"));
	CHECK_INT(mode_of(a), 0700);
	CHECK_ERR(dir_make_temp(in_tmp("nowhere"), "x", &a, &err), ERR_NOT_FOUND, err, "nowhere");
}

TEST(temporary_directory_in_tmpdir)
{
	_cleanup_(freep) char *path = NULL, *old = NULL;
	struct error err = ERROR_INIT;
	const char *tmpdir = getenv("TMPDIR");

	old = tmpdir ? strdup(tmpdir) : NULL;
	setenv("TMPDIR", test_tmpdir(), 1);
	CHECK_OK(dir_make_temp(NULL, "x", &path, &err), err);
	CHECK(str_starts(str_of(path), test_tmpdir()));
	if (old)
		setenv("TMPDIR", old, 1);
	else
		unsetenv("TMPDIR");
}

TEST(path_of_a_directory_to_be_made)
{
	_cleanup_(freep) char *a = NULL, *b = NULL, *in_tmpdir = NULL;
	struct error err = ERROR_INIT;

	unsetenv("TMPDIR");
	CHECK_OK(path_temp("pre-", &a, &err), err);
	CHECK_OK(path_temp("pre-", &b, &err), err);
	CHECK(str_starts(str_of(a), "/tmp/pre-") && strlen(a) == strlen("/tmp/pre-") + 16);
	CHECK(!streq(a, b));
	CHECK(access(a, F_OK) < 0);
	setenv("TMPDIR", "/some/where", 1);
	CHECK_OK(path_temp("x", &in_tmpdir, &err), err);
	CHECK(str_starts(str_of(in_tmpdir), "/some/where/x"));
	unsetenv("TMPDIR");
}

TEST(remove_a_tree_but_not_what_links_point_to)
{
	struct error err = ERROR_INIT;

	CHECK_OK(dir_make(in_tmp("keep"), 0755, &err), err);
	put(in_tmp("keep/file"), "kept");
	CHECK_OK(dir_make(in_tmp("tree/a/b/c"), 0755, &err), err);
	CHECK_OK(dir_make(in_tmp("tree/d"), 0755, &err), err);
	put(in_tmp("tree/a/x"), "");
	put(in_tmp("tree/a/b/c/y"), "");
	CHECK_INT(symlink(in_tmp("keep"), in_tmp("tree/a/link")), 0);
	CHECK_INT(symlink("/nowhere", in_tmp("tree/dangling")), 0);
	CHECK_OK(dir_remove(in_tmp("tree/"), &err), err);
	CHECK_INT(access(in_tmp("tree"), F_OK), -1);
	CHECK_STR(get(in_tmp("keep/file")), "kept");

	CHECK_INT(symlink(in_tmp("keep"), in_tmp("link-to-dir")), 0);
	CHECK_OK(dir_remove(in_tmp("link-to-dir/"), &err), err);
	CHECK_STR(get(in_tmp("keep/file")), "kept");
	CHECK_OK(dir_remove(in_tmp("keep/file"), &err), err);
	CHECK_OK(dir_remove(in_tmp("never/was"), &err), err);
	CHECK_ERR(dir_remove("/", &err), ERR_INVALID, err, "refusing");
	CHECK_ERR(dir_remove("", &err), ERR_INVALID, err, "refusing");
}

TEST(remove_a_directory_without_write_permission)
{
	struct error err = ERROR_INIT;

	CHECK_OK(dir_make(in_tmp("ro/sub"), 0755, &err), err);
	put(in_tmp("ro/sub/f"), "");
	CHECK_INT(chmod(in_tmp("ro/sub"), 0555), 0);
	CHECK_OK(dir_remove(in_tmp("ro"), &err), err);
	CHECK_INT(access(in_tmp("ro"), F_OK), -1);
}

/* Deeper than PATH_MAX and than the descriptors allow. */
TEST(remove_a_very_deep_tree)
{
	struct error err = ERROR_INIT;
	struct rlimit old, few;
	int fd, r;

	CHECK_OK(dir_make(in_tmp("deep"), 0755, &err), err);
	fd = open(in_tmp("deep"), O_RDONLY | O_DIRECTORY);
	for (int i = 0; i < 3000; i++) {
		int next;

		CHECK_INT(mkdirat(fd, "directory", 0755), 0);
		CHECK_INT(mkdirat(fd, "empty", 0755), 0);
		next = openat(fd, "directory", O_RDONLY | O_DIRECTORY);
		CHECK(next >= 0);
		close(fd);
		fd = next;
	}
	close(fd);
	CHECK_INT(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = (struct rlimit){20, old.rlim_max};
	CHECK_INT(setrlimit(RLIMIT_NOFILE, &few), 0);
	r = dir_remove(in_tmp("deep"), &err);
	CHECK_INT(setrlimit(RLIMIT_NOFILE, &old), 0);
	CHECK_OK(r, err);
	CHECK_INT(access(in_tmp("deep"), F_OK), -1);
}

TEST(remove_a_wide_tree)
{
	struct error err = ERROR_INIT;

	for (int i = 0; i < 3000; i++) {
		char name[64];

		snprintf(name, sizeof(name), "wide/d%d", i);
		CHECK_OK(dir_make(in_tmp(name), 0755, &err), err);
		strcat(name, "/f");
		put(in_tmp(name), "");
	}
	CHECK_OK(dir_remove(in_tmp("wide"), &err), err);
	CHECK_INT(access(in_tmp("wide"), F_OK), -1);
}

TEST(copy_keeps_bytes_and_permission_bits)
{
	_cleanup_(freep) char *data = malloc(300000);
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	struct error err = ERROR_INIT;

	CHECK(data);
	for (int i = 0; i < 300000; i++)
		data[i] = (char)(i * 7);
	CHECK_OK(file_write_atomic(in_tmp("src"), data, 300000, 0600, false, &err), err);
	CHECK_INT(chmod(in_tmp("src"), 04755), 0);
	put(in_tmp("dst"), "longer than nothing");
	CHECK_OK(file_copy(in_tmp("src"), in_tmp("dst"), &err), err);
	CHECK_INT(mode_of(in_tmp("dst")), 0755);
	CHECK_OK(file_read(in_tmp("dst"), 1 << 20, &b, &err), err);
	CHECK_INT(b.len, 300000);
	CHECK(memcmp(b.data, data, 300000) == 0);
}

TEST(copy_of_a_file_of_unknown_size)
{
	struct error err = ERROR_INIT;

	CHECK_OK(file_copy("/proc/self/status", in_tmp("status"), &err), err);
	CHECK(strstr(get(in_tmp("status")), "Pid:"));
}

TEST(copy_refusals)
{
	struct error err = ERROR_INIT;

	put(in_tmp("one"), "content");
	CHECK_ERR(file_copy(in_tmp("one"), in_tmp("one"), &err), ERR_INVALID, err, "same file");
	CHECK_STR(get(in_tmp("one")), "content");
	CHECK_ERR(file_copy(test_tmpdir(), in_tmp("two"), &err), ERR_INVALID, err, "regular");
	CHECK_INT(access(in_tmp("two"), F_OK), -1);
	CHECK_ERR(file_copy(in_tmp("none"), in_tmp("two"), &err), ERR_NOT_FOUND, err, "none");
	CHECK_INT(access(in_tmp("two"), F_OK), -1);
	CHECK_INT(mkfifo(in_tmp("fifo"), 0600), 0);
	CHECK_ERR(file_copy(in_tmp("fifo"), in_tmp("two"), &err), ERR_INVALID, err, "regular");
	CHECK_ERR(file_copy(in_tmp("one"), "/dev/null", &err), ERR_INVALID, err, "regular");
}

TEST(paths)
{
	static const char *const joined[][3] = {
		{"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"a//", "/b", "a/b"}, {"/", "b", "/b"},
		{"", "b", "b"},    {"a", "", "a/"},    {"//", "//b", "/b"},
	};

	for (size_t i = 0; i < ARRAY_LEN(joined); i++) {
		_cleanup_(freep) char *path = path_join(joined[i][0], joined[i][1]);

		CHECK_STR(path, joined[i][2]);
	}
	CHECK_STR(path_base("/a/b.so"), "b.so");
	CHECK_STR(path_base("b.so"), "b.so");
	CHECK_STR(path_base("a/"), "");
}
