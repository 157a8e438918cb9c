/* The writing thread. Everything that gathered while a commit ran goes into the next one, so a lone
 * write costs one sync and many together share one; no timer is involved. The log is moved into the
 * database when nothing has come for a while, or when it has grown long. */
#include "store/sqlite_private.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdio.h>

#define MS INT64_C(1000000)

#define BATCH_MOST     4096
#define IDLE_NS        (50 * MS)
#define IDLE_PAGES     200
#define LONG_LOG_PAGES 10000
#define LOOK_EVERY_NS  (500 * MS)
#define RETRY_FIRST_NS (20 * MS)
#define RETRY_MOST_NS  (1000 * MS)

static bool fails_at_once(const struct store_op *op)
{
	return op->kind == STORE_ACCEPT || op->kind == STORE_SWEEP;
}

/* ---- room -------------------------------------------------------------------------------- */

static void look_at_room(struct sqlite_store *s)
{
	struct writer *w = &s->writer;
	int64_t now = clock_monotonic_ns();
	uint64_t room;

	if (w->looked_at != 0 && now - w->looked_at < LOOK_EVERY_NS)
		return;
	w->looked_at = now;
	room = disk_free(s->dir);
	w->low = room < w->low_water;
	ballast_refill(&w->ballast, room, w->low_water);
	pthread_mutex_lock(&s->mutex);
	s->stats.free_bytes = room;
	pthread_mutex_unlock(&s->mutex);
	if (w->low && (s->stats.condition == STORE_WELL || s->stats.condition == STORE_FULL))
		sqlite_store_condition(s, STORE_LOW,
				       "little room is left on the state directory's disk");
	else if (!w->low && s->stats.condition == STORE_LOW)
		sqlite_store_condition(s, STORE_WELL, "");
}

/* ---- one transaction ----------------------------------------------------------------------- */

static void roll_back(struct writer *w)
{
	if (!sqlite3_get_autocommit(w->db))
		stmt_run(w->sql[SQL_ROLLBACK]);
	db_int(w->db, "SELECT count(*) FROM cancelled_key", &w->marks, NULL);
	open_rows_load(w, NULL);
}

/* All of the batch or nothing; 0 or SQLite's code. */
static int try_commit(struct writer *w, struct op_list *batch)
{
	int rc = stmt_run(w->sql[SQL_BEGIN]);

	for (struct store_op *op = batch->head; rc == SQLITE_OK && op; op = op->next)
		rc = write_op(w, op);
	if (rc == SQLITE_OK)
		rc = stmt_run(w->sql[SQL_COMMIT]);
	return rc;
}

static void count_commit(struct sqlite_store *s, size_t n, int64_t took_ns)
{
	size_t i = 0;

	while (i + 1 < ARRAY_LEN(s->stats.commit_us) && took_ns / 1000 >= INT64_C(1) << i)
		i++;
	pthread_mutex_lock(&s->mutex);
	s->stats.commits++;
	s->stats.writes += n;
	s->stats.commit_last_ns = took_ns;
	s->stats.commit_max_ns = MAX(s->stats.commit_max_ns, took_ns);
	s->stats.commit_us[i]++;
	s->stats.wal_pages = (uint64_t)s->writer.wal_pages;
	pthread_mutex_unlock(&s->mutex);
}

/* ---- the log ----------------------------------------------------------------------------- */

static int on_commit(void *user, sqlite3 *db, const char *name, int pages)
{
	(void)db;
	(void)name;
	((struct writer *)user)->wal_pages = pages;
	return SQLITE_OK;
}

static void checkpoint(struct sqlite_store *s)
{
	struct writer *w = &s->writer;
	int log = 0, done = 0;
	int rc = sqlite3_wal_checkpoint_v2(w->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &log, &done);

	/* A reader may hold it back; what is left is tried again after the next commits. */
	w->wal_pages = rc == SQLITE_OK && done < log ? log - done : 0;
	pthread_mutex_lock(&s->mutex);
	s->stats.checkpoints++;
	s->stats.wal_pages = (uint64_t)w->wal_pages;
	pthread_mutex_unlock(&s->mutex);
}

/* ---- trouble ----------------------------------------------------------------------------- */

/* Ends the requests that must not wait, keeping the order of the others. */
static void drop(struct sqlite_store *s, struct op_list *batch, bool all, int code, const char *why)
{
	struct op_list kept, dropped;
	struct store_op *op;

	op_list_init(&kept);
	op_list_init(&dropped);
	while ((op = op_list_take(batch))) {
		if (!all && !fails_at_once(op)) {
			op_list_add(&kept, op);
			continue;
		}
		if (op->kind == STORE_ACCEPT)
			store_row_free(TAKE(CONTAINER_OF(op, struct store_accept, op)->found));
		store_op_fail(op, code, "%s", why);
		op_list_add(&dropped, op);
	}
	op_list_move(batch, &kept);
	sqlite_store_ended(s, &dropped);
}

struct trouble {
	int64_t wait_ns; /* before the next try */
	bool first;
};

/* The log can begin anew once it is in the database, and that may need some room first. */
static bool make_room(struct sqlite_store *s)
{
	bool released = ballast_release(&s->writer.ballast);

	checkpoint(s);
	return released;
}

/* After a failed commit: tells, makes room when that helps, and waits. */
static void suffer(struct sqlite_store *s, struct op_list *batch, int rc, struct trouble *t)
{
	struct writer *w = &s->writer;
	enum store_condition c = db_condition(w->db, rc);
	struct error err = ERROR_INIT;
	int code = db_error(w->db, rc, s->path, &err);

	roll_back(w);
	sqlite_store_condition(s, c == STORE_WELL ? STORE_BROKEN : c, err.message);
	drop(s, batch, false, code, err.message);
	if (batch->n > 0 && op_queue_stopped(&w->queue)) {
		drop(s, batch, true, ERR_CANCELLED, err.message);
		return;
	}
	if (batch->n == 0)
		return;
	if (c == STORE_FULL && make_room(s))
		return;
	if (!t->first)
		op_queue_wait(&w->queue, t->wait_ns, BATCH_MOST, batch);
	t->first = false;
	t->wait_ns = MIN(t->wait_ns * 2, RETRY_MOST_NS);
}

/* Until every request of the batch has ended. */
static void commit_batch(struct sqlite_store *s, struct op_list *batch)
{
	struct trouble trouble = {.wait_ns = RETRY_FIRST_NS, .first = true};
	struct writer *w = &s->writer;
	bool suffered = false;

	while (batch->n > 0) {
		int64_t began = clock_monotonic_ns();
		int rc = try_commit(w, batch);

		if (rc != SQLITE_OK) {
			suffer(s, batch, rc, &trouble);
			suffered = true;
			continue;
		}
		count_commit(s, batch->n, clock_monotonic_ns() - began);
		if (suffered || s->stats.condition > STORE_LOW)
			sqlite_store_condition(s, w->low ? STORE_LOW : STORE_WELL, "");
		sqlite_store_ended(s, batch);
	}
}

/* Whether writing works again, by a write that changes nothing and still goes to the disk. */
static void try_again(struct sqlite_store *s)
{
	struct writer *w = &s->writer;

	if (s->stats.condition <= STORE_LOW)
		return;
	if (stmt_run(w->sql[SQL_PROBE]) != SQLITE_OK) {
		roll_back(w);
		return;
	}
	sqlite_store_condition(s, STORE_WELL, "");
	w->looked_at = 0; /* whether it is low instead */
}

/* ---- the thread -------------------------------------------------------------------------- */

/* A worker that says it cannot write is sent nothing to write, so it looks by itself. */
static int64_t most_to_wait(const struct sqlite_store *s, bool tidy)
{
	return tidy ? IDLE_NS : s->stats.condition != STORE_WELL ? LOOK_EVERY_NS : -1;
}

static void *writer_main(void *user)
{
	struct sqlite_store *s = user;
	struct writer *w = &s->writer;
	struct op_list batch;
	bool go_on = true;

	op_list_init(&batch);
	while (go_on) {
		bool tidy = w->wal_pages >= IDLE_PAGES;

		go_on = op_queue_wait(&w->queue, most_to_wait(s, tidy), BATCH_MOST, &batch);
		if ((tidy && batch.n == 0) || w->wal_pages >= LONG_LOG_PAGES) {
			open_rows_tidy(w);
			checkpoint(s);
		}
		if (batch.n == 0)
			try_again(s);
		if (batch.n > 0 || s->stats.condition != STORE_WELL || w->low)
			look_at_room(s);
		if (batch.n > 0)
			commit_batch(s, &batch);
	}
	return NULL;
}

/* ---- life -------------------------------------------------------------------------------- */

int writer_start(struct sqlite_store *s, struct error *err)
{
	struct writer *w = &s->writer;
	int r = write_ops_prepare(w, err);

	if (r < 0)
		return r;
	sqlite3_wal_hook(w->db, on_commit, w);
	look_at_room(s);
	r = pthread_create(&w->thread, NULL, writer_main, s);
	if (r != 0)
		return err_set_errno(err, err_from_errno(r), r, "cannot start the store's writer");
	pthread_setname_np(w->thread, "store-writer");
	w->running = true;
	return 0;
}

void writer_stop(struct sqlite_store *s)
{
	if (!s->writer.running)
		return;
	op_queue_stop(&s->writer.queue);
	pthread_join(s->writer.thread, NULL);
	s->writer.running = false;
}
