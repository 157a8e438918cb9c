/* Files of old executions inside the state directory go with their rows. */
#include "store/ident.h"
#include "store_kit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char *place(const char *state, uint64_t number)
{
	char name[IDENT_TEXT + 1];
	char *path;

	ident_format(number, name);
	CHECK(asprintf(&path, "%s/outputs/%s", state, name) > 0);
	return path;
}

static bool there(const char *path)
{
	return access(path, F_OK) == 0;
}

static void fill_place(const char *path)
{
	struct error err = ERROR_INIT;
	char file[4096];

	CHECK_OK(dir_make(path, 0700, &err), err);
	snprintf(file, sizeof(file), "%s/outputs.pb", path);
	CHECK_OK(file_write_atomic(file, "x", 1, 0600, false, &err), err);
}

/* A finished execution with files at its place. */
static void run_one(struct kit *k, uint64_t id, const char *path, uint64_t retry_of)
{
	struct store_row row = kit_row(id);

	fill_place(path);
	row.output_prefix = str_of(path);
	row.retry_of = retry_of;
	CHECK_INT(kit_accept(k, &row), STORE_ACCEPTED);
	CHECK_INT(kit_finish(k, id, EXEC_FAILED, STR_NULL), 0);
}

static void sweep(struct kit *k, uint64_t removed)
{
	struct store_sweep p = {.finished_before = INT64_MAX, .batch = 2};

	do
		CHECK_INT(kit_do(k, &p.op, STORE_SWEEP), 0);
	while (p.more);
	CHECK_INT(p.removed, removed);
}

TEST(files_go_with_their_rows)
{
	_cleanup_(freep) char *state = strdup(kit_path("own"));
	struct error err = ERROR_INIT;
	char *places[5], trash[4096];
	struct store_row *left;
	struct kit k;

	snprintf(trash, sizeof(trash), "%s/trash", state);
	kit_open(&k, "own");
	for (uint64_t i = 0; i < ARRAY_LEN(places); i++) {
		places[i] = place(k.dir.path, 1000 + i);
		run_one(&k, i + 1, places[i], 0);
	}
	dir_remove(places[4], NULL); /* outputs that were never a file */
	{
		struct store_row live = kit_row(100);

		live.output_prefix = str_of(places[0]);
		kit_accept(&k, &live);
	}
	sweep(&k, 5);
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		CHECK(!there(places[i]));
	CHECK(there(trash));
	CHECK_OK(store_sqlite_empty_trash(k.dir.path, &err), err);
	CHECK(!there(trash));
	CHECK_OK(store_sqlite_empty_trash(k.dir.path, &err), err); /* nothing is fine */
	left = kit_get(&k, 100);
	CHECK(left);
	store_row_free(left);
	kit_close(&k);
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		free(places[i]);
}

TEST(places_of_others_are_left_alone)
{
	_cleanup_(freep) char *elsewhere = strdup(kit_path("elsewhere/outputs/0123456789abc"));
	_cleanup_(freep) char *deeper = NULL;
	_cleanup_(freep) char *named = NULL;
	_cleanup_(freep) char *climbing = NULL;
	struct kit k;

	kit_open(&k, "others");
	deeper = place(k.dir.path, 7);
	CHECK(asprintf(&named, "%s/outputs/mine", k.dir.path) > 0);
	CHECK(asprintf(&climbing, "%s/outputs/..", k.dir.path) > 0);
	deeper = realloc(deeper, strlen(deeper) + 3);
	CHECK(deeper);
	strcat(deeper, "/a");
	run_one(&k, 1, elsewhere, 0);
	run_one(&k, 2, deeper, 0);
	run_one(&k, 3, named, 0);
	run_one(&k, 4, climbing, 0);
	sweep(&k, 4);
	CHECK(there(elsewhere) && there(deeper) && there(named) && there(climbing));
	kit_close(&k);
}

TEST(a_repetition_keeps_the_place_it_shares)
{
	struct store_row *left;
	struct kit k;
	char *shared;

	kit_open(&k, "shared");
	shared = place(k.dir.path, 5);
	run_one(&k, 1, shared, 0);
	{
		struct store_row again = kit_row(2);

		again.output_prefix = str_of(shared);
		again.retry_of = 1;
		CHECK_INT(kit_accept(&k, &again), STORE_ACCEPTED);
	}
	sweep(&k, 1); /* the first is gone, the second lives */
	CHECK(there(shared));
	CHECK_INT(kit_finish(&k, 2, EXEC_SUCCEEDED, STR_NULL), 0);
	sweep(&k, 1);
	CHECK(!there(shared));
	left = kit_get(&k, 2);
	CHECK(!left);
	kit_close(&k);
	free(shared);
}

TEST(a_row_stays_with_files_that_cannot_be_moved)
{
	struct error err = ERROR_INIT;
	struct store_row *left;
	char trash[4096];
	struct kit k;
	char *path;

	kit_open(&k, "stuck");
	path = place(k.dir.path, 5);
	run_one(&k, 1, path, 0);
	snprintf(trash, sizeof(trash), "%s/trash", k.dir.path);
	CHECK_OK(file_write_atomic(trash, "x", 1, 0600, false, &err), err); /* not a directory */
	sweep(&k, 0);
	CHECK(there(path));
	left = kit_get(&k, 1);
	CHECK(left);
	store_row_free(left);
	CHECK(unlink(trash) == 0);
	sweep(&k, 1);
	CHECK(!there(path));
	kit_close(&k);
	free(path);
}

TEST(logs_go_with_their_rows)
{
	struct error err = ERROR_INIT;
	char name[IDENT_TEXT + 1], gone[4096], stays[4096], trash[4096];
	struct store_row live = kit_row(7);
	struct kit k;

	kit_open(&k, "printed");
	ident_format(6, name);
	snprintf(gone, sizeof(gone), "%s/logs/%s", k.dir.path, name);
	ident_format(7, name);
	snprintf(stays, sizeof(stays), "%s/logs/%s", k.dir.path, name);
	snprintf(trash, sizeof(trash), "%s/trash", k.dir.path);
	run_one(&k, 6, kit_path("elsewhere"), 0);
	CHECK_INT(kit_accept(&k, &live), STORE_ACCEPTED);
	CHECK_OK(dir_make(kit_path("printed/logs"), 0700, &err), err);
	CHECK_OK(file_write_atomic(gone, "x", 1, 0600, false, &err), err);
	CHECK_OK(file_write_atomic(stays, "x", 1, 0600, false, &err), err);
	sweep(&k, 1);
	CHECK(!there(gone) && there(stays) && there(trash));
	CHECK_OK(store_sqlite_empty_trash(k.dir.path, &err), err);
	CHECK(!there(trash) && there(stays));
	kit_close(&k);
}

TEST(gc_removes_them_at_once)
{
	struct error err = ERROR_INIT;
	char *path, trash[4096], state[2048];
	uint64_t removed;
	struct kit k;

	kit_open(&k, "gc_own");
	snprintf(state, sizeof(state), "%s", k.dir.path);
	snprintf(trash, sizeof(trash), "%s/trash", state);
	path = place(state, 5);
	run_one(&k, 1, path, 0);
	kit_close(&k);
	CHECK_OK(store_sqlite_gc(state, INT64_MAX, INT64_MAX, &removed, &err), err);
	CHECK_INT(removed, 1);
	CHECK(!there(path) && !there(trash));
	free(path);
}

static void touch_back(const char *path, int64_t seconds)
{
	const struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};

	CHECK(utimensat(AT_FDCWD, path, times, 0) == 0);
}

static char *log_place(const char *state, uint64_t id)
{
	struct error err = ERROR_INIT;
	char name[IDENT_TEXT + 1];
	char *path;

	ident_format(id, name);
	CHECK(asprintf(&path, "%s/logs/%s", state, name) > 0);
	CHECK_OK(file_write_atomic(path, "x", 1, 0600, false, &err), err);
	return path;
}

/* A row that stays, with another spelling of a place. */
static void keep_one(struct kit *k, uint64_t id, const char *prefix)
{
	struct store_row row = kit_row(id);

	row.output_prefix = str_of(prefix);
	CHECK_INT(kit_accept(k, &row), STORE_ACCEPTED);
}

TEST(gc_removes_what_no_row_names)
{
	enum { OTHERWISE, DEEPER, YOUNG, LIVE_LOG, GONE, GONE_LOG, PATHS };
	struct error err = ERROR_INIT;
	char state[2048], odd[4096], named[4096], *path[PATHS];
	uint64_t removed;
	struct kit k;

	kit_open(&k, "leftover");
	snprintf(state, sizeof(state), "%s", k.dir.path);
	snprintf(named, sizeof(named), "%s/outputs/mine", state);
	fill_place(named);
	for (int i = OTHERWISE; i < LIVE_LOG; i++)
		fill_place(path[i] = place(state, 50 + (uint64_t)i));
	fill_place(path[GONE] = place(state, 99));
	snprintf(odd, sizeof(odd), "../elsewhere/outputs/%s", path_base(path[OTHERWISE]));
	keep_one(&k, 1, odd);
	snprintf(odd, sizeof(odd), "file://%s/a/b", path[DEEPER]);
	keep_one(&k, 2, odd);
	CHECK_OK(dir_make(kit_path("leftover/logs"), 0700, &err), err);
	path[LIVE_LOG] = log_place(state, 1);
	path[GONE_LOG] = log_place(state, 3);
	kit_close(&k);
	touch_back(named, 100);
	for (int i = 0; i < PATHS; i++)
		touch_back(path[i], i == YOUNG ? 1000 : 100);
	CHECK_OK(store_sqlite_gc(state, INT64_C(500000000000), INT64_C(600000000000), &removed,
				 &err),
		 err);
	CHECK_INT(removed, 0);
	for (int i = 0; i < PATHS; i++)
		CHECK_INT(there(path[i]), i < GONE);
	CHECK(there(named));
	snprintf(odd, sizeof(odd), "%s/trash", state);
	CHECK(!there(odd));
	for (int i = 0; i < PATHS; i++)
		free(path[i]);
}
