/* Every allocation fails once: the answer is ERR_NOMEM, nothing leaks, nothing half done is left, and
 * the next try works. */
#include "lib/test.h"

#include "base/file.h"
#include "base/mem.h"
#include "data/data.h"
#include "lib/fail_alloc.h"

#include <dirent.h>
#include <stdlib.h>

#define TRIES_MAX 2000

struct places {
	char dir[4096], tree[4200], copy[4200], uri[4300];
};

static struct places make_places(const char *name)
{
	struct places p;

	snprintf(p.dir, sizeof(p.dir), "%s/%s", test_tmpdir(), name);
	snprintf(p.tree, sizeof(p.tree), "%s/tree", p.dir);
	snprintf(p.copy, sizeof(p.copy), "%s/copy", p.dir);
	snprintf(p.uri, sizeof(p.uri), "file://%s/sub/a%%20b", p.tree);
	return p;
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

static int whole_life(const struct places *p, struct error *err)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	_cleanup_(freep) char *joined = NULL, *path = NULL;
	int r = data_put(p->uri, "text", 4, true, err);

	if (r == 0)
		r = data_get(p->uri, "test", 100, &text, err);
	if (r == 0)
		r = data_put_path(p->tree, p->copy, false, err);
	if (r < 0)
		return r;
	joined = data_join(p->copy, "sub/a b");
	if (!joined)
		return err_nomem(err, "a file name");
	r = data_local(joined, p->dir, &path, err);
	if (r == 0)
		r = data_kind(p->uri, err);
	if (r == 0)
		r = data_get(path, "test", 100, &text, err);
	if (r == 0)
		CHECK_STR(text.data, "texttext");
	return r;
}

TEST(writing_copying_reading)
{
	const struct places p = make_places("life");
	struct error err = ERROR_INIT;
	int r = ERR_NOMEM;
	char sub[5000];
	long n;

	for (n = 0; n < TRIES_MAX; n++) {
		alloc_fail_after(n);
		r = whole_life(&p, &err);
		if (!alloc_stop_failing())
			break;
		CHECK_INT(r, ERR_NOMEM);
	}
	CHECK_OK(r, err);
	CHECK(n > 15);
	/* No temporary files of the tries that failed. */
	CHECK_INT(count_entries(p.dir), 2);
	snprintf(sub, sizeof(sub), "%s/sub", p.tree);
	CHECK_INT(count_entries(sub), 1);
	snprintf(sub, sizeof(sub), "%s/sub", p.copy);
	CHECK_INT(count_entries(sub), 1);
}

/* The path is part of what such an error says, so it needs memory too. */
TEST(what_is_not_there)
{
	const struct places p = make_places("nothing");
	struct error err = ERROR_INIT;
	int r = ERR_NOMEM;
	long n;

	for (n = 0; n < TRIES_MAX; n++) {
		_cleanup_(buf_done) struct buf out = BUF_INIT;

		alloc_fail_after(n);
		r = data_get(p.uri, "inputs", 100, &out, &err);
		if (!alloc_stop_failing())
			break;
		CHECK_INT(r, ERR_NOMEM);
	}
	CHECK_ERR(r, ERR_NOT_FOUND, err, "/tree/sub/a b. File not found");
	CHECK(n > 0);
}
