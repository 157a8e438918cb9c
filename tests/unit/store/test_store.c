#include "store_kit.h"

#include <sys/stat.h>

TEST(row_comes_back_as_it_was_accepted)
{
	struct kit k;
	struct store_row row = kit_row(10), *got;

	row.has_key = true;
	memset(row.key, 7, sizeof(row.key));
	row.flags = ROW_OWNED;
	row.node = STR("p:d:exec/n0/1");
	row.tenant = STR("p/d");
	row.max_runs = 4;
	row.hard_ns = 60;
	kit_open(&k, "accept");
	CHECK_INT(kit_accept(&k, &row), STORE_ACCEPTED);
	got = kit_get(&k, 10);
	CHECK(got);
	CHECK_INT(got->state, EXEC_QUEUED);
	CHECK(got->has_key && memcmp(got->key, row.key, sizeof(row.key)) == 0);
	CHECK_INT(got->flags, ROW_OWNED);
	CHECK(str_eq(got->node, row.node) && str_eq(got->tenant, row.tenant));
	CHECK(str_eq(got->plugin, row.plugin) && str_eq(got->type, row.type));
	CHECK(str_eq(got->spec, row.spec) && str_eq(got->output_prefix, row.output_prefix));
	CHECK_INT(got->max_runs, 4);
	CHECK_INT(got->hard_ns, 60);
	CHECK_INT(got->incarnation, 77);
	CHECK_INT(got->accepted_at, row.accepted_at);
	CHECK_INT(row_steps(got), 1);
	CHECK_INT(row_step(got, 0).state, EXEC_QUEUED);
	store_row_free(got);
	kit_close(&k);
}

TEST(long_request_and_outputs_come_back)
{
	static char spec[300000], outputs[70000];
	struct store_row row = kit_row(11), *got;
	struct kit k;

	memset(spec, 's', sizeof(spec));
	memset(outputs, 'o', sizeof(outputs));
	row.spec = (struct str){spec, sizeof(spec)};
	kit_open(&k, "long");
	kit_accept(&k, &row);
	CHECK_INT(kit_finish(&k, 11, EXEC_SUCCEEDED, (struct str){outputs, sizeof(outputs)}), 0);
	got = kit_get(&k, 11);
	CHECK(got && str_eq(got->spec, row.spec));
	CHECK(str_eq(got->outputs, (struct str){outputs, sizeof(outputs)}));
	CHECK_INT(got->outputs_kind, ROW_OUTPUTS_INLINE);
	store_row_free(got);
	kit_close(&k);
}

TEST(same_key_gives_the_row_that_has_it)
{
	struct store_row row = kit_row(20);
	struct store_accept a = {.row = &row};
	struct kit k;

	row.has_key = true;
	row.key[3] = 9;
	kit_open(&k, "key");
	CHECK_INT(kit_accept(&k, &row), STORE_ACCEPTED);
	row.id = 21;
	row.spec = STR("another request");
	CHECK_INT(kit_do(&k, &a.op, STORE_ACCEPT), 0);
	CHECK_INT(a.outcome, STORE_EXISTS);
	CHECK_INT(a.found->id, 20);
	CHECK(str_is(a.found->spec, "request bytes"));
	store_row_free(a.found);
	CHECK(!kit_get(&k, 21));
	row.id = 22;
	row.has_key = false; /* rows without a key never collide */
	CHECK_INT(kit_accept(&k, &row), STORE_ACCEPTED);
	row.id = 23;
	CHECK_INT(kit_accept(&k, &row), STORE_ACCEPTED);
	kit_close(&k);
}

TEST(taken_number_is_refused)
{
	struct store_row row = kit_row(30);
	struct store_accept a = {.row = &row};
	struct kit k;

	kit_open(&k, "taken");
	kit_accept(&k, &row);
	CHECK_INT(kit_do(&k, &a.op, STORE_ACCEPT), ERR_STATE);
	CHECK(a.op.message[0]);
	row.id = 31; /* and the next one is none the worse */
	CHECK_INT(kit_accept(&k, &row), STORE_ACCEPTED);
	kit_close(&k);
}

TEST(finished_is_written_once)
{
	struct store_row row = kit_row(40), *got;
	struct kit k;

	kit_open(&k, "once");
	kit_accept(&k, &row);
	CHECK_INT(kit_update(&k, 40, EXEC_STARTING, 1), 0);
	CHECK_INT(kit_finish(&k, 40, EXEC_SUCCEEDED, STR("one")), 0);
	CHECK_INT(kit_finish(&k, 40, EXEC_FAILED, STR("two")), ERR_STATE);
	CHECK_INT(kit_update(&k, 40, EXEC_STARTING, 2), ERR_STATE);
	CHECK_INT(kit_update(&k, 41, EXEC_STARTING, 1), ERR_STATE);
	got = kit_get(&k, 40);
	CHECK_INT(got->state, EXEC_SUCCEEDED);
	CHECK(str_is(got->outputs, "one"));
	CHECK_INT(row_steps(got), 3);
	CHECK_INT(row_step(got, 1).state, EXEC_STARTING);
	CHECK_INT(row_step(got, 1).run, 1);
	CHECK_INT(row_step(got, 1).after_ms, 7);
	store_row_free(got);
	kit_close(&k);
}

TEST(history_keeps_its_last_steps)
{
	struct store_row row = kit_row(45), *got;
	struct kit k;

	kit_open(&k, "history");
	kit_accept(&k, &row);
	for (uint32_t i = 1; i <= 100; i++)
		CHECK_INT(kit_update(&k, 45, i % 2 ? EXEC_STARTING : EXEC_RETRY_WAIT, i), 0);
	got = kit_get(&k, 45);
	CHECK_INT(row_steps(got), STORE_HISTORY_MAX);
	CHECK_INT(row_step(got, 0).run, 100 - STORE_HISTORY_MAX + 1);
	CHECK_INT(row_step(got, STORE_HISTORY_MAX - 1).run, 100);
	store_row_free(got);
	kit_close(&k);
}

static enum store_cancelled cancel(struct kit *k, uint64_t id, const uint8_t *key)
{
	struct store_cancel c = {.id = id, .by = ROW_CANCEL_FLYTE, .at = 5, .has_key = key};

	if (key)
		memcpy(c.key, key, sizeof(c.key));
	CHECK_INT(kit_do(k, &c.op, STORE_CANCEL), 0);
	return c.outcome;
}

TEST(cancel_marks_live_rows_only)
{
	struct store_row row = kit_row(50), *got;
	struct kit k;

	kit_open(&k, "cancel");
	kit_accept(&k, &row);
	CHECK_INT(cancel(&k, 50, NULL), STORE_MARKED);
	CHECK_INT(cancel(&k, 50, NULL), STORE_MARKED);
	got = kit_get(&k, 50);
	CHECK_INT(got->cancel, ROW_CANCEL_FLYTE);
	CHECK_INT(got->state, EXEC_QUEUED);
	store_row_free(got);
	CHECK_INT(kit_finish(&k, 50, EXEC_ABORTED, STR_NULL), 0);
	CHECK_INT(cancel(&k, 50, NULL), STORE_TOO_LATE);
	CHECK_INT(cancel(&k, 51, NULL), STORE_NOTHING_KNOWN);
	kit_close(&k);
}

TEST(cancel_by_id_means_the_row_of_its_worker)
{
	struct store_cancel c = {.id = 55, .incarnation = 78, .by = ROW_CANCEL_FLYTE};
	struct store_row row = kit_row(55), *got; /* accepted by 77 */
	struct kit k;

	kit_open(&k, "incarnation");
	kit_accept(&k, &row);
	CHECK_INT(kit_do(&k, &c.op, STORE_CANCEL), 0);
	CHECK_INT(c.outcome, STORE_NOTHING_KNOWN);
	got = kit_get(&k, 55);
	CHECK_INT(got->cancel, ROW_CANCEL_NONE);
	store_row_free(got);
	c.incarnation = 77;
	CHECK_INT(kit_do(&k, &c.op, STORE_CANCEL), 0);
	CHECK_INT(c.outcome, STORE_MARKED);
	kit_close(&k);
}

TEST(key_cancelled_first_is_born_aborted)
{
	struct store_row row = kit_row(60), *got;
	struct kit k;

	row.has_key = true;
	row.key[0] = 1;
	row.state = EXEC_STARTING;
	row.run = 1;
	kit_open(&k, "tombstone");
	CHECK_INT(cancel(&k, 0, row.key), STORE_KEY_KEPT);
	kit_close(&k);
	kit_open(&k, "tombstone"); /* it is on the disk */
	CHECK_INT(kit_accept(&k, &row), STORE_CANCELLED);
	got = kit_get(&k, 60);
	CHECK_INT(got->state, EXEC_ABORTED);
	CHECK_INT(got->run, 0);
	CHECK(got->finished_at != 0);
	store_row_free(got);
	row.id = 61;
	CHECK_INT(kit_accept(&k, &row), STORE_EXISTS);
	CHECK_INT(cancel(&k, 0, row.key), STORE_TOO_LATE);
	kit_close(&k);
}

static uint64_t seen[16];
static size_t n_seen;

static int see(void *user, const struct store_row *row)
{
	(void)user;
	CHECK(n_seen < ARRAY_LEN(seen));
	seen[n_seen++] = row->id;
	return 0;
}

TEST(start_finds_what_is_not_finished)
{
	struct error err = ERROR_INIT;
	struct store_row row;
	uint64_t last;
	struct kit k;

	kit_open(&k, "recover");
	for (uint64_t id = 70; id < 76; id++) {
		row = kit_row(id);
		kit_accept(&k, &row);
	}
	kit_update(&k, 71, EXEC_STARTING, 1);
	kit_finish(&k, 72, EXEC_SUCCEEDED, STR("x"));
	kit_update(&k, 73, EXEC_RETRY_WAIT, 1);
	kit_finish(&k, 75, EXEC_DEAD, STR_NULL);
	kit_close(&k);
	kit_open(&k, "recover");
	n_seen = 0;
	CHECK_OK(store_recover(k.store, see, NULL, &last, &err), err);
	CHECK_INT(last, 75);
	CHECK_INT(n_seen, 4);
	CHECK(seen[0] == 70 && seen[1] == 71 && seen[2] == 73 && seen[3] == 74);
	kit_close(&k);
}

static void list(struct kit *k, struct store_list *l)
{
	CHECK_INT(kit_do(k, &l->op, STORE_LIST), 0);
}

TEST(lists_by_state_plugin_prefix_and_page)
{
	struct store_list l = {.limit = 3};
	struct store_row row;
	struct kit k;

	kit_open(&k, "list");
	for (uint64_t id = 100; id < 110; id++) {
		row = kit_row(id);
		if (id % 2)
			row.plugin = STR("other");
		kit_accept(&k, &row);
	}
	kit_finish(&k, 104, EXEC_DEAD, STR_NULL);
	list(&k, &l);
	CHECK(l.n == 3 && l.more && l.rows[0]->id == 109 && l.rows[2]->id == 107);
	l.filter.before = l.rows[2]->id;
	store_rows_free(l.rows, l.n);
	list(&k, &l);
	CHECK(l.n == 3 && l.rows[0]->id == 106);
	store_rows_free(l.rows, l.n);
	l.filter = (struct store_filter){.states = 1u << EXEC_DEAD};
	list(&k, &l);
	CHECK(l.n == 1 && !l.more && l.rows[0]->id == 104);
	store_rows_free(l.rows, l.n);
	l.limit = 100;
	l.filter = (struct store_filter){.states = 1u << EXEC_QUEUED, .plugin = STR("arith")};
	list(&k, &l);
	CHECK_INT(l.n, 4);
	store_rows_free(l.rows, l.n);
	l.filter = (struct store_filter){.bits = 105 & 31, .mask = 31};
	list(&k, &l);
	CHECK(l.n == 1 && l.rows[0]->id == 105);
	store_rows_free(l.rows, l.n);
	kit_close(&k);
}

TEST(counts_by_state)
{
	struct store_count c = {.op.done = NULL};
	struct store_row row;
	struct kit k;

	kit_open(&k, "count");
	for (uint64_t id = 1; id <= 5; id++) {
		row = kit_row(id);
		kit_accept(&k, &row);
	}
	kit_finish(&k, 2, EXEC_FAILED, STR_NULL);
	CHECK_INT(kit_do(&k, &c.op, STORE_COUNT), 0);
	CHECK_INT(c.count[EXEC_QUEUED], 4);
	CHECK_INT(c.count[EXEC_FAILED], 1);
	kit_close(&k);
}

TEST(files_are_private)
{
	const char *const names[] = {"state.db", "state.db-wal", "lock"};
	struct store_row row = kit_row(1);
	char path[256];
	struct stat st;
	struct kit k;

	kit_open(&k, "private");
	kit_accept(&k, &row);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(path, sizeof(path), "private/%s", names[i]);
		CHECK(stat(kit_path(path), &st) == 0);
		CHECK_INT(st.st_mode & 0777, 0600);
	}
	kit_close(&k);
}

/* ---- many at once ------------------------------------------------------------------------ */

static size_t order[500], n_order;

static void note_order(struct store_op *op)
{
	struct store_accept *a = CONTAINER_OF(op, struct store_accept, op);

	CHECK_INT(op->status, 0);
	order[n_order++] = (size_t)a->row->id;
}

TEST(outstanding_writes_share_commits_and_keep_their_order)
{
	static struct store_accept accepts[500];
	static struct store_row rows[500];
	struct store_stats stats;
	struct kit k;

	kit_open(&k, "group");
	n_order = 0;
	for (size_t i = 0; i < ARRAY_LEN(accepts); i++) {
		rows[i] = kit_row(i + 1);
		accepts[i] = (struct store_accept){.row = &rows[i], .op.done = note_order};
		store_submit(k.store, &accepts[i].op, STORE_ACCEPT);
	}
	while (n_order < ARRAY_LEN(accepts)) {
		sem_wait(&k.woken);
		store_complete(k.store);
	}
	for (size_t i = 0; i < ARRAY_LEN(accepts); i++)
		CHECK_INT(order[i], i + 1);
	store_stats(k.store, &stats);
	CHECK_INT(stats.writes, 500);
	CHECK(stats.commits < 100);
	CHECK_INT(stats.waiting, 0);
	CHECK_INT(stats.condition, STORE_WELL);
	kit_close(&k);
}

TEST(close_ends_what_was_submitted)
{
	static struct store_accept accepts[100];
	static struct store_row rows[100];
	struct store_row *got;
	struct kit k;

	kit_open(&k, "close");
	n_order = 0;
	for (size_t i = 0; i < ARRAY_LEN(accepts); i++) {
		rows[i] = kit_row(i + 1);
		accepts[i] = (struct store_accept){.row = &rows[i], .op.done = note_order};
		store_submit(k.store, &accepts[i].op, STORE_ACCEPT);
	}
	kit_close(&k);
	CHECK_INT(n_order, 100);
	kit_open(&k, "close");
	got = kit_get(&k, 100);
	CHECK(got);
	store_row_free(got);
	kit_close(&k);
}
