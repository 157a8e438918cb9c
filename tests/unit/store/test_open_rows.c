/* What a start finds, without reading what was finished long ago. */
#include "store/open_rows.h"
#include "store/schema.h"

#include "store_kit.h"

#include <unistd.h>

#define ROWS 5000

/* ---- how SQLite looks for them --------------------------------------------------------------- */

/* No look at every row, and no sorting. */
static void check_plan(sqlite3 *db, const char *sql)
{
	_cleanup_(stmt_finalp) sqlite3_stmt *s = NULL;
	_cleanup_(freep) char *explain = NULL;
	struct error err = ERROR_INIT;

	CHECK(asprintf(&explain, "EXPLAIN QUERY PLAN %s", sql) > 0);
	CHECK_OK(db_prepare(db, explain, &s, &err), err);
	while (sqlite3_step(s) == SQLITE_ROW) {
		char step[256];

		snprintf(step, sizeof(step), STR_FMT, STR_ARG(column_str(s, 3)));
		if (strstr(step, "TEMP B-TREE") ||
		    (strstr(step, "SCAN execution") && !strstr(step, "execution_lingering")))
			test_fail(__FILE__, __LINE__, "the plan has: %s", step);
	}
}

TEST(what_is_open_is_found_without_the_rest)
{
	_cleanup_(db_closep) sqlite3 *db = NULL;
	struct error err = ERROR_INIT;

	CHECK_OK(db_open(kit_path("plan.db"), DB_WRITER, &db, &err), err);
	CHECK_OK(schema_migrate(db, schema_migrations, schema_version, "plan.db", &err), err);
	check_plan(db, RECOVER_SQL);
	check_plan(db, LIST_LIVE_SQL);
	check_plan(db, LIST_DEAD_SQL);
}

/* ---- many rows ----------------------------------------------------------------------------- */

static int64_t ask(const char *dir, const char *sql)
{
	_cleanup_(db_closep) sqlite3 *db = NULL;
	_cleanup_(freep) char *path = path_join(dir, "state.db");
	struct error err = ERROR_INIT;
	int64_t v = -1;

	CHECK_OK(db_open(path, DB_WRITER, &db, &err), err);
	CHECK_OK(db_int(db, sql, &v, &err), err);
	return v;
}

static void wait_for_all(struct kit *k, int before, int n)
{
	while (kit_done_count < before + n) {
		sem_wait(&k->woken);
		store_complete(k->store);
	}
}

/* Rows from `first` to `last`, all accepted at once. */
static void accept_many(struct kit *k, uint64_t first, uint64_t last)
{
	static struct store_accept ops[ROWS];
	static struct store_row rows[ROWS];
	static const char request[400];
	int before = kit_done_count;

	store_hold(k->store);
	for (uint64_t id = first; id <= last; id++) {
		rows[id - first] = kit_row(id);
		rows[id - first].spec = (struct str){request, sizeof(request)};
		ops[id - first] =
			(struct store_accept){.op.done = kit_done, .row = &rows[id - first]};
		store_submit(k->store, &ops[id - first].op, STORE_ACCEPT);
	}
	store_unhold(k->store);
	wait_for_all(k, before, (int)(last - first + 1));
}

static bool stays_live(uint64_t id)
{
	return id == 7 || id == 2500 || id == 4999;
}

/* All but three end, one of them badly for ever. */
static void finish_many(struct kit *k)
{
	static struct store_finish ops[ROWS];
	int before = kit_done_count, n = 0;

	store_hold(k->store);
	for (uint64_t id = 1; id <= ROWS; id++) {
		if (stays_live(id))
			continue;
		ops[n] = (struct store_finish){.op.done = kit_done,
					       .id = id,
					       .run = 1,
					       .state = id == 100 ? EXEC_DEAD : EXEC_SUCCEEDED,
					       .at = 1700000001000000000};
		store_submit(k->store, &ops[n++].op, STORE_FINISH);
	}
	store_unhold(k->store);
	wait_for_all(k, before, n);
}

/* The writer moves it when it tidies its log away. */
static void wait_for_mark(struct kit *k, int64_t mark)
{
	int64_t until = clock_monotonic_ns() + INT64_C(20000000000);

	while (ask(k->dir.path, "SELECT mark FROM recovery") != mark) {
		if (clock_monotonic_ns() > until)
			test_fail(__FILE__, __LINE__, "the mark has not moved to %lld",
				  (long long)mark);
		usleep(10000);
	}
}

static void wait_for_tidying(struct kit *k)
{
	int64_t until = clock_monotonic_ns() + INT64_C(20000000000);
	struct store_stats stats;

	do {
		if (clock_monotonic_ns() > until)
			test_fail(__FILE__, __LINE__, "the log is not tidied away");
		usleep(10000);
		store_stats(k->store, &stats);
	} while (stats.checkpoints == 0);
}

static char found[4096];

static int note_row(void *user, const struct store_row *row)
{
	size_t n = strlen(found);

	(void)user;
	snprintf(found + n, sizeof(found) - n, "%llu ", (unsigned long long)row->id);
	return 0;
}

/* Opens the store anew: what it takes up, oldest first. */
static void check_start(struct kit *k, const char *name, const char *expected)
{
	struct error err = ERROR_INIT;
	uint64_t last;

	kit_close(k);
	kit_open(k, name);
	found[0] = '\0';
	CHECK_OK(store_recover(k->store, note_row, NULL, &last, &err), err);
	CHECK_STR(found, expected);
}

static void check_list(struct kit *k, uint32_t states, uint64_t before, const char *expected)
{
	struct store_list l = {.filter = {.states = states, .before = before}, .limit = 3};

	CHECK_INT(kit_do(k, &l.op, STORE_LIST), 0);
	found[0] = '\0';
	for (size_t i = 0; i < l.n; i++)
		note_row(NULL, l.rows[i]);
	CHECK_STR(found, expected);
	CHECK_INT(l.more, l.n == 3 && states != 1u << EXEC_DEAD);
	store_rows_free(l.rows, l.n);
}

static void count_problem(void *user, const char *text)
{
	(void)user;
	snprintf(found, sizeof(found), "%s", text);
}

static int check(struct kit *k)
{
	struct error err = ERROR_INIT;

	found[0] = '\0';
	return store_sqlite_check(k->dir.path, NULL, count_problem, NULL, &err);
}

TEST(what_lingers_is_found_below_the_mark)
{
	const uint32_t queued = 1u << EXEC_QUEUED;
	struct store_row row;
	struct kit k;

	kit_open(&k, "linger");
	accept_many(&k, 1, ROWS);
	wait_for_tidying(&k); /* flagging nearly all would be no gain */
	CHECK_INT(ask(k.dir.path, "SELECT mark FROM recovery"), 0);
	finish_many(&k);
	wait_for_mark(&k, ROWS);
	CHECK_INT(ask(k.dir.path, "SELECT count(*) FROM execution WHERE lingering=1"), 4);
	for (uint64_t id = ROWS + 1; id <= ROWS + 3; id++) {
		row = kit_row(id);
		kit_accept(&k, &row);
	}
	kit_finish(&k, ROWS + 2, EXEC_DEAD, STR_NULL);
	check_list(&k, queued, 0, "5003 5001 4999 ");
	check_list(&k, queued, 4999, "2500 7 ");
	check_list(&k, 1u << EXEC_DEAD, 0, "5002 100 ");
	CHECK_INT(check(&k), 0);
	check_start(&k, "linger", "7 2500 4999 5001 5003 ");
	kit_finish(&k, 2500, EXEC_SUCCEEDED, STR_NULL);
	kit_finish(&k, 5001, EXEC_FAILED, STR_NULL);
	check_start(&k, "linger", "7 4999 5003 ");
	CHECK_INT(ask(k.dir.path, "SELECT count(*) FROM execution WHERE lingering=1"), 4);
	CHECK_INT(check(&k), 0);
	kit_close(&k);
}

/* As when every row is gone and the clock was set back. */
TEST(a_number_below_the_mark_is_found)
{
	struct store_row row = kit_row(10);
	struct kit k;

	kit_open(&k, "below");
	ask(k.dir.path, "UPDATE recovery SET mark=1000");
	kit_close(&k);
	kit_open(&k, "below");
	kit_accept(&k, &row);
	row = kit_row(2000);
	kit_accept(&k, &row);
	CHECK_INT(check(&k), 0);
	check_start(&k, "below", "10 2000 ");
	kit_finish(&k, 10, EXEC_ABORTED, STR_NULL);
	check_start(&k, "below", "2000 ");
	kit_close(&k);
}

TEST(check_tells_what_a_start_would_not_find)
{
	struct store_row row = kit_row(10);
	struct kit k;

	kit_open(&k, "unfindable");
	kit_accept(&k, &row);
	ask(k.dir.path, "UPDATE recovery SET mark=1000");
	CHECK_INT(check(&k), 1);
	CHECK_STR(found, "a start would not find execution 10");
	ask(k.dir.path, "DELETE FROM recovery");
	CHECK_INT(check(&k), 0);
	check_start(&k, "unfindable", "10 ");
	kit_close(&k);
}

/* ---- a database from before ------------------------------------------------------------------ */

TEST(rows_from_before_the_mark_are_found)
{
	struct error err = ERROR_INIT;
	sqlite3 *db = NULL;
	struct kit k;

	kit_open(&k, "before");
	kit_close(&k);
	CHECK(unlink(kit_path("before/state.db")) == 0);
	CHECK_OK(db_open(kit_path("before/state.db"), DB_WRITER, &db, &err), err);
	CHECK_OK(schema_migrate(db, schema_migrations, 2, "before", &err), err);
	CHECK_OK(db_exec(db,
			 "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<40)"
			 " INSERT INTO execution(id,state,incarnation,terms,accepted_at,run,"
			 "started_at,spec,history,finished_at) SELECT i,CASE i WHEN 3 THEN 1 WHEN "
			 "39 "
			 "THEN 6 WHEN 20 THEN 20 ELSE 16 END,1,CAST(x'0105'||zeroblob(50) AS "
			 "BLOB),5,1,"
			 "0,NULL,CASE i WHEN 3 THEN x'0100000000000000' WHEN 39 THEN "
			 "x'0600000000000000' ELSE x'1000000000000000' END,CASE WHEN i IN (3,39) "
			 "THEN 0 ELSE 6 END"
			 " FROM n",
			 "rows", &err),
		 err);
	db_closep(&db);
	kit_open(&k, "before");
	check_start(&k, "before", "3 39 ");
	check_list(&k, 1u << EXEC_DEAD, 0, "20 ");
	kit_close(&k);
}
