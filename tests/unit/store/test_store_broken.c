/* A disk that gives errors, and then works again. */
#include "store_kit.h"

#include <sqlite3.h>
#include <unistd.h>

/* ---- a disk that can be broken ------------------------------------------------------------- */

#define KINDS 4 /* of files: SQLite has other methods for a database than for its log */

static sqlite3_vfs breakable;
static struct kind {
	const sqlite3_io_methods *real;
	sqlite3_io_methods methods;
} kinds[KINDS];
static _Atomic bool broken;
static _Atomic int refused_syncs;

static int sync_file(sqlite3_file *file, int flags)
{
	const struct kind *k = CONTAINER_OF(file->pMethods, struct kind, methods);

	if (!broken)
		return k->real->xSync(file, flags);
	refused_syncs++;
	return SQLITE_IOERR_FSYNC;
}

/* SQLite's own files, with another xSync: they find what they need in `file` itself. */
static int
open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret_flags)
{
	sqlite3_vfs *real = vfs->pAppData;
	int rc = real->xOpen(real, name, file, flags, ret_flags);
	struct kind *k = kinds;

	if (rc != SQLITE_OK || !file->pMethods)
		return rc;
	while (k < kinds + KINDS - 1 && k->real && k->real != file->pMethods)
		k++;
	if (!k->real) {
		k->real = file->pMethods;
		k->methods = *k->real;
		k->methods.xSync = sync_file;
	}
	if (k->real == file->pMethods)
		file->pMethods = &k->methods;
	return rc;
}

static void install(void)
{
	if (breakable.zName)
		return;
	breakable = *sqlite3_vfs_find(NULL);
	breakable.pAppData = sqlite3_vfs_find(NULL);
	breakable.zName = "breakable";
	breakable.xOpen = open_file;
	CHECK_INT(sqlite3_vfs_register(&breakable, 1), SQLITE_OK);
}

/* ---- the tests ----------------------------------------------------------------------------- */

static bool is(struct kit *k, enum store_condition c)
{
	struct store_stats stats;

	store_stats(k->store, &stats);
	return stats.condition == c;
}

static void wait_until(struct kit *k, enum store_condition c)
{
	for (int i = 0; i < 1000 && !is(k, c); i++)
		usleep(10000);
	CHECK(is(k, c));
}

static void refuse_one(struct kit *k, uint64_t id)
{
	struct store_row row = kit_row(id);
	struct store_accept a = {.row = &row};

	broken = true;
	CHECK_INT(kit_do(k, &a.op, STORE_ACCEPT), ERR_IO);
	CHECK(is(k, STORE_BROKEN));
}

TEST(writing_is_tried_again_without_being_asked)
{
	struct store_row row = kit_row(1);
	struct kit k;
	int before;

	install();
	kit_open(&k, "broken");
	CHECK_INT(kit_accept(&k, &row), STORE_ACCEPTED);
	refuse_one(&k, 2);
	before = refused_syncs;
	usleep(1300000);
	CHECK(refused_syncs > before); /* it looks, and does not believe too early */
	CHECK(is(&k, STORE_BROKEN));
	broken = false;
	wait_until(&k, STORE_WELL);
	row = kit_row(3);
	CHECK_INT(kit_accept(&k, &row), STORE_ACCEPTED);
	kit_close(&k);

	kit_open(&k, "broken");
	for (uint64_t id = 1; id <= 3; id++) {
		struct store_row *got = kit_get(&k, id);

		CHECK(!got == (id == 2));
		store_row_free(got);
	}
	kit_close(&k);
}

TEST(what_was_accepted_ends_when_the_disk_works_again)
{
	struct store_finish f = {.id = 1, .state = EXEC_SUCCEEDED, .run = 1, .at = 9};
	struct store_row row = kit_row(1), *got;
	struct kit k;
	int before;

	install();
	kit_open(&k, "broken_end");
	CHECK_INT(kit_accept(&k, &row), STORE_ACCEPTED);
	refuse_one(&k, 2);
	before = kit_done_count;
	f.op.done = kit_done;
	store_submit(k.store, &f.op, STORE_FINISH);
	usleep(300000);
	store_complete(k.store);
	CHECK_INT(kit_done_count, before);
	broken = false;
	while (kit_done_count == before) {
		sem_wait(&k.woken);
		store_complete(k.store);
	}
	CHECK_INT(f.op.status, 0);
	CHECK(is(&k, STORE_WELL));
	got = kit_get(&k, 1);
	CHECK(got && got->state == EXEC_SUCCEEDED);
	store_row_free(got);
	kit_close(&k);
}
