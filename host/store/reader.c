/* The reading thread: finished executions, lists and counts, beside the writer. */
#include "store/sqlite_private.h"

#include "base/mem.h"

#define LIST_MOST 1000u

#define SQL_GET_BY_ID  "SELECT " ROW_COLUMNS ROW_ALL_PAYLOAD " FROM execution WHERE id=?1"
#define SQL_GET_BY_KEY "SELECT " ROW_COLUMNS ROW_ALL_PAYLOAD " FROM execution WHERE key=?1"

#define LIVE_STATES ((1u << EXEC_FINISHED) - 1)

/* ---- get --------------------------------------------------------------------------------- */

static int get_row(sqlite3_stmt *s, struct store_get *g, struct error *err)
{
	struct store_row row;
	int r;

	switch (sqlite3_step(s)) {
	case SQLITE_ROW:
		r = row_read(s, &row, err);
		if (r < 0)
			return r;
		g->found = store_row_copy(&row);
		return g->found ? 0 : err_nomem(err, "a row");
	case SQLITE_DONE:
		return err_set(err, ERR_NOT_FOUND, "there is no such execution");
	default:
		return db_error(sqlite3_db_handle(s), sqlite3_errcode(sqlite3_db_handle(s)),
				"state database", err);
	}
}

static int do_get(struct reader *r, struct store_get *g, struct error *err)
{
	_cleanup_(stmt_finalp) sqlite3_stmt *s = NULL;
	int result = db_prepare(r->db, g->id ? SQL_GET_BY_ID : SQL_GET_BY_KEY, &s, err);

	g->found = NULL;
	if (result < 0)
		return result;
	if (g->id)
		sqlite3_bind_int64(s, 1, (int64_t)g->id);
	else
		sqlite3_bind_blob(s, 1, g->key, sizeof(g->key), SQLITE_STATIC);
	sqlite3_bind_int(s, 2, g->want_spec);
	sqlite3_bind_int(s, 3, g->want_outputs);
	return get_row(s, g, err);
}

/* ---- list -------------------------------------------------------------------------------- */

/* The live and the dead are found without looking at all the others. */
static const char *list_text(const struct store_filter *f)
{
	if (f->states == 1u << EXEC_DEAD)
		return LIST_DEAD_SQL;
	if (f->states != 0 && (f->states & ~LIVE_STATES) == 0)
		return LIST_LIVE_SQL;
	return LIST_SQL;
}

static void bind_filter(sqlite3_stmt *s, const struct store_filter *f, uint32_t limit)
{
	sqlite3_bind_int64(s, 1,
			   f->before && f->before <= INT64_MAX ? (int64_t)f->before : INT64_MAX);
	sqlite3_bind_int64(s, 2, f->states);
	bind_str(s, 3, f->plugin);
	bind_str(s, 4, f->type);
	sqlite3_bind_int64(s, 5, (int64_t)f->bits);
	sqlite3_bind_int64(s, 6, (int64_t)f->mask);
	sqlite3_bind_int64(s, 7, limit);
}

static int take_rows(sqlite3_stmt *s, struct store_list *l, uint32_t limit, struct error *err)
{
	struct store_row row;
	int rc, r;

	while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
		if (l->n == limit) {
			l->more = true;
			return 0;
		}
		r = row_read(s, &row, err);
		if (r < 0)
			return r;
		l->rows[l->n] = store_row_copy(&row);
		if (!l->rows[l->n])
			return err_nomem(err, "a list of rows");
		l->n++;
	}
	return rc == SQLITE_DONE ? 0 : db_error(sqlite3_db_handle(s), rc, "state database", err);
}

static int do_list(struct reader *r, struct store_list *l, struct error *err)
{
	uint32_t limit = l->limit == 0 ? LIST_MOST : MIN(l->limit, LIST_MOST);
	_cleanup_(stmt_finalp) sqlite3_stmt *s = NULL;
	int result;

	l->rows = NULL;
	l->n = 0;
	l->more = false;
	result = db_prepare(r->db, list_text(&l->filter), &s, err);
	if (result < 0)
		return result;
	l->rows = calloc(limit, sizeof(struct store_row *));
	if (!l->rows)
		return err_nomem(err, "a list of rows");
	bind_filter(s, &l->filter, limit + 1);
	result = take_rows(s, l, limit, err);
	if (result < 0) {
		store_rows_free(TAKE(l->rows), l->n);
		l->n = 0;
	}
	return result;
}

/* ---- count ------------------------------------------------------------------------------- */

static int do_count(struct reader *r, struct store_count *c, struct error *err)
{
	_cleanup_(stmt_finalp) sqlite3_stmt *s = NULL;
	int rc, result;

	memset(c->count, 0, sizeof(c->count));
	result = db_prepare(r->db, "SELECT state,count(*) FROM execution GROUP BY state", &s, err);
	if (result < 0)
		return result;
	while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
		int64_t state = sqlite3_column_int64(s, 0);

		if (state >= 0 && state < EXEC_STATES)
			c->count[state] = (uint64_t)sqlite3_column_int64(s, 1);
	}
	return rc == SQLITE_DONE ? 0 : db_error(r->db, rc, "state database", err);
}

/* ---- start ------------------------------------------------------------------------------- */

int reader_recover(struct store *base,
		   int (*row)(void *user, const struct store_row *row),
		   void *user,
		   uint64_t *ret_last_id,
		   struct error *err)
{
	struct sqlite_store *s = CONTAINER_OF(base, struct sqlite_store, base);
	_cleanup_(stmt_finalp) sqlite3_stmt *live = NULL;
	struct store_row found;
	int64_t last = 0;
	int rc, r;

	r = db_int(s->reader.db, "SELECT max(id) FROM execution", &last, err);
	if (r == 0)
		r = db_prepare(s->reader.db, RECOVER_SQL, &live, err);
	if (r < 0)
		return r;
	while ((rc = sqlite3_step(live)) == SQLITE_ROW) {
		r = row_read(live, &found, err);
		if (r == 0 && (r = row(user, &found)) < 0)
			err_set(err, r, "cannot take up execution %llu",
				(unsigned long long)found.id);
		if (r < 0)
			return r;
	}
	if (rc != SQLITE_DONE)
		return db_error(s->reader.db, rc, s->path, err);
	*ret_last_id = (uint64_t)last;
	return 0;
}

/* ---- the thread -------------------------------------------------------------------------- */

static void read_op(struct reader *r, struct store_op *op)
{
	struct error err = ERROR_INIT;
	int result;

	switch (op->kind) {
	case STORE_GET:
		result = do_get(r, CONTAINER_OF(op, struct store_get, op), &err);
		break;
	case STORE_LIST:
		result = do_list(r, CONTAINER_OF(op, struct store_list, op), &err);
		break;
	case STORE_COUNT:
		result = do_count(r, CONTAINER_OF(op, struct store_count, op), &err);
		break;
	default:
		result = err_set(&err, ERR_INVALID, "not a read");
	}
	if (result < 0)
		store_op_fail(op, result, "%s", err.message);
}

static void *reader_main(void *user)
{
	struct sqlite_store *s = user;
	struct op_list taken, ended;
	struct store_op *op;
	bool go_on = true;

	op_list_init(&taken);
	op_list_init(&ended);
	while (go_on) {
		go_on = op_queue_wait(&s->reader.queue, -1, 64, &taken);
		while ((op = op_list_take(&taken))) {
			read_op(&s->reader, op);
			op_list_add(&ended, op);
		}
		sqlite_store_ended(s, &ended);
	}
	return NULL;
}

int reader_start(struct sqlite_store *s, struct error *err)
{
	int r = pthread_create(&s->reader.thread, NULL, reader_main, s);

	if (r != 0)
		return err_set_errno(err, err_from_errno(r), r, "cannot start the store's reader");
	pthread_setname_np(s->reader.thread, "store-reader");
	s->reader.running = true;
	return 0;
}

void reader_stop(struct sqlite_store *s)
{
	if (!s->reader.running)
		return;
	op_queue_stop(&s->reader.queue);
	pthread_join(s->reader.thread, NULL);
	s->reader.running = false;
}
