/* What is said to be on the disk: which files and directories are synced, and when. fsync is
 * replaced at link time by one that takes notes. */
#include "lib/test.h"

#include "base/file.h"
#include "base/mem.h"
#include "data/data.h"

#include <unistd.h>

int __real_fsync(int fd);
int __wrap_fsync(int fd);

static char synced[8192]; /* names below the test's directory, one per line */

int __wrap_fsync(int fd)
{
	char link[64], path[4096];
	size_t n = strlen(synced), base = strlen(test_tmpdir());
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	path[MAX(len, 0)] = '\0';
	if (strncmp(path, test_tmpdir(), base) == 0)
		snprintf(synced + n, sizeof(synced) - n, "%s\n", path + base);
	return __real_fsync(fd);
}

static const char *at(const char *name)
{
	static char paths[4][4096];
	static unsigned turn;
	char *path = paths[turn++ % ARRAY_LEN(paths)];

	snprintf(path, sizeof(paths[0]), "%s/%s", test_tmpdir(), name);
	return path;
}

static void put_file(const char *name)
{
	struct error err = ERROR_INIT;

	CHECK_OK(data_put(at(name), "x", 1, false, &err), err);
}

/* Temporary names end in chance. */
static bool was_synced(const char *start)
{
	const char *found = strstr(synced, start);

	return found && (found == synced || found[-1] == '\n');
}

TEST(nothing_is_synced_unasked)
{
	struct error err = ERROR_INIT;

	synced[0] = '\0';
	put_file("unasked/deep/file");
	CHECK_OK(data_put_path(at("unasked"), at("unasked-copy"), false, &err), err);
	CHECK_STR(synced, "");
}

TEST(a_file_and_the_directories_made_for_it)
{
	struct error err = ERROR_INIT;

	put_file("there/x");
	synced[0] = '\0';
	CHECK_OK(data_put(at("there/a/b/file"), "x", 1, true, &err), err);
	CHECK(was_synced("/there/a/b/.tmp-"));
	CHECK(was_synced("/there/a/b\n"));
	CHECK(was_synced("/there/a\n"));
	CHECK(was_synced("/there\n"));
	synced[0] = '\0';
	CHECK_OK(data_put(at("there/a/b/file"), "x", 1, true, &err), err);
	CHECK(was_synced("/there/a/b\n"));
	CHECK(!was_synced("/there/a\n"));
}

TEST(a_tree_that_is_uploaded)
{
	struct error err = ERROR_INIT;

	put_file("tree/one");
	put_file("tree/sub/two");
	put_file("up/x");
	synced[0] = '\0';
	CHECK_OK(data_put_path(at("tree"), at("up/new/tree"), true, &err), err);
	CHECK(was_synced("/up/new/tree/.tmp-"));
	CHECK(was_synced("/up/new/tree/sub/.tmp-"));
	CHECK(was_synced("/up/new/tree/sub\n"));
	CHECK(was_synced("/up/new/tree\n"));
	CHECK(was_synced("/up/new\n"));
	CHECK(was_synced("/up\n"));
	synced[0] = '\0';
	CHECK_OK(data_put_path(at("tree/one"), at("up/single"), true, &err), err);
	CHECK(was_synced("/up/.tmp-"));
	CHECK(was_synced("/up\n"));
}
