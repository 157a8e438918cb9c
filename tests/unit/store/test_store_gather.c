/* Writes that are gathered until the caller's turn is over. */
#include "store_kit.h"

#define WRITES 50

static int asked;

static void gather(void *user)
{
	(void)user;
	asked++;
}

static struct store_row rows[WRITES];
static struct store_accept accepts[WRITES];

static void open_gathering(struct kit *k, const char *name)
{
	struct store_sqlite_options o = {.wake = kit_woken, .gather = gather, .user = k};
	struct error err = ERROR_INIT;

	*k = (struct kit){.dir = STATE_DIR_INIT};
	sem_init(&k->woken, 0, 0);
	asked = 0;
	CHECK_OK(state_dir_open(&k->dir, kit_path(name), &err), err);
	o.dir = k->dir.path;
	CHECK_OK(store_sqlite_open(&o, &k->store, &err), err);
}

static void submit_all(struct kit *k)
{
	for (size_t i = 0; i < WRITES; i++) {
		rows[i] = kit_row(i + 1);
		accepts[i] = (struct store_accept){.row = &rows[i], .op.done = kit_done};
		store_submit(k->store, &accepts[i].op, STORE_ACCEPT);
	}
}

static void complete_all(struct kit *k, int until)
{
	while (kit_done_count < until) {
		sem_wait(&k->woken);
		store_complete(k->store);
	}
}

TEST(one_turn_is_one_commit)
{
	int before = kit_done_count;
	struct store_stats stats;
	struct kit k;

	open_gathering(&k, "gather");
	submit_all(&k);
	CHECK_INT(asked, WRITES);
	CHECK(sem_trywait(&k.woken) < 0); /* the writer has not heard of them */
	store_stats(k.store, &stats);
	CHECK_INT(stats.commits, 0);
	CHECK_INT(stats.waiting, WRITES);
	store_sqlite_flush(k.store);
	store_sqlite_flush(k.store); /* nothing is fine */
	complete_all(&k, before + WRITES);
	store_stats(k.store, &stats);
	CHECK_INT(stats.commits, 1);
	CHECK_INT(stats.writes, WRITES);
	kit_close(&k);
}

static struct kit *chained;
static struct store_finish finish;

static void on_first(struct store_op *op)
{
	kit_done(op);
	finish = (struct store_finish){
		.id = 1, .state = EXEC_SUCCEEDED, .run = 1, .at = 9, .op.done = kit_done};
	store_submit(chained->store, &finish.op, STORE_FINISH);
}

TEST(what_completions_submit_waits_for_the_end_of_the_turn)
{
	int before = kit_done_count;
	struct store_stats stats;
	struct kit k;

	open_gathering(&k, "gather_chain");
	chained = &k;
	submit_all(&k);
	accepts[0].op.done = on_first;
	store_sqlite_flush(k.store);
	complete_all(&k, before + WRITES);
	CHECK_INT(asked, WRITES + 1);
	store_stats(k.store, &stats);
	CHECK_INT(stats.waiting, 1);
	store_sqlite_flush(k.store);
	complete_all(&k, before + WRITES + 1);
	store_stats(k.store, &stats);
	CHECK_INT(stats.commits, 2);
	kit_close(&k);
}

TEST(close_writes_what_was_gathered)
{
	struct store_row *got;
	struct kit k;

	open_gathering(&k, "gather_close");
	submit_all(&k);
	kit_close(&k);
	CHECK_INT(accepts[WRITES - 1].op.status, 0);
	kit_open(&k, "gather_close");
	got = kit_get(&k, WRITES);
	CHECK(got);
	store_row_free(got);
	kit_close(&k);
}
