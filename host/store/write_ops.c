/* The writes, as statements within the writer's transaction. */
#include "store/sqlite_private.h"

#include "base/mem.h"
#include "store/own_outputs.h"
#include "store/schema.h"

/* Longer requests and outputs stand beside the row: a row is written again at every step. */
#define SHORT_BYTES 1024

#define STRINGIFY_(x) #x
#define STRINGIFY(x)  STRINGIFY_(x)

/* The history keeps its last steps. `||` makes text of two blobs, without touching the bytes. */
#define ADD_STEP(parameter)                                                                        \
	"history=substr(CAST(history||" parameter " AS BLOB),-8*" STRINGIFY(STORE_HISTORY_MAX) ")"

static const char *const texts[SQL_STATEMENTS] = {
	[SQL_BEGIN] = "BEGIN IMMEDIATE",
	[SQL_COMMIT] = "COMMIT",
	[SQL_ROLLBACK] = "ROLLBACK",
	[SQL_PROBE] = "PRAGMA application_id=" STRINGIFY(SCHEMA_APPLICATION_ID),
	[SQL_ACCEPT] = ROW_INSERT,
	[SQL_ACCEPT_SPEC] = "INSERT INTO spec(id,data) VALUES(?1,?2)",
	[SQL_LINGER] = "UPDATE execution SET lingering=1 WHERE id=?1",
	[SQL_LINGER_LIVE] = "UPDATE execution SET lingering=1 WHERE " ABOVE_MARK_SQL
			    " AND lingering=0 AND " LIVE_SQL,
	[SQL_MARK] = "UPDATE recovery SET mark=?1",
	[SQL_FIND_KEY] = "SELECT " ROW_COLUMNS ROW_ALL_PAYLOAD " FROM execution WHERE key=?1",
	[SQL_LINK_RETRY] = "UPDATE execution SET retried_as=?2 WHERE id=?1",
	[SQL_UPDATE] = "UPDATE execution SET state=?2,run=?3,failures=?4,crashes=?5,losses=?6,"
		       "due_at=?7,started_at=?8,cause=?9,digest=coalesce(?10,digest)," ADD_STEP(
			       "?11") " WHERE id=?1 AND " LIVE_SQL,
	[SQL_FINISH] = "UPDATE execution SET state=?2,run=?3,failures=?4,crashes=?5,losses=?6,"
		       "finished_at=?7,code=?8,message=?9,digest=coalesce(?10,digest)," ADD_STEP(
			       "?11") ",ended=?12,outputs_kind=?13,outputs=?14,cpu=?15,rss=?16,"
				      "lingering=(?2=20) WHERE id=?1 AND " LIVE_SQL,
	[SQL_FINISH_OUTPUTS] = "INSERT OR REPLACE INTO outputs(id,data) VALUES(?1,?2)",
	[SQL_CANCEL] = "UPDATE execution SET cancel=?2,cancel_reason=?3 WHERE id=?1 AND cancel=0 "
		       "AND " LIVE_SQL,
	[SQL_STATE] = "SELECT id,state FROM execution WHERE id=?1 AND (?2=0 OR incarnation=?2)",
	[SQL_KEY_STATE] = "SELECT id,state FROM execution WHERE key=?1",
	[SQL_KEY_MARK] =
		"INSERT OR IGNORE INTO cancelled_key(key,at,cancel,reason) VALUES(?,?,?,?)",
	[SQL_KEY_MARKED] = "SELECT cancel,reason FROM cancelled_key WHERE key=?1",
	[SQL_SWEEP_FIND] = "SELECT id,CASE retried_as WHEN 0 THEN output_prefix END"
			   " FROM execution WHERE id>?1 AND state>=" EXEC_FINISHED_SQL
			   " AND finished_at<CASE state WHEN 20 THEN ?3 ELSE ?2 END"
			   " ORDER BY id LIMIT ?4",
	[SQL_SWEEP_ROW] = "DELETE FROM execution WHERE id=?1",
	[SQL_SWEEP_SPEC] = "DELETE FROM spec WHERE id=?1",
	[SQL_SWEEP_OUTPUTS] = "DELETE FROM outputs WHERE id=?1",
	[SQL_SWEEP_MARKS] = "DELETE FROM cancelled_key WHERE at<?1",
	[SQL_SWEEP_TIME] = "UPDATE recovery SET believed=?1",
};

int write_ops_prepare(struct writer *w, struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < SQL_STATEMENTS; i++)
		r = db_prepare(w->db, texts[i], &w->sql[i], err);
	if (r == 0)
		r = db_int(w->db, "SELECT count(*) FROM cancelled_key", &w->marks, err);
	return r == 0 ? open_rows_load(w, err) : r;
}

void write_ops_done(struct writer *w)
{
	for (size_t i = 0; i < SQL_STATEMENTS; i++)
		stmt_finalp(&w->sql[i]);
}

/* A statement that failed on its own leaves the transaction as it was: the request is to blame. All
 * else loses the transaction. */
static int failed(struct writer *w, struct store_op *op, int rc)
{
	switch (rc & 0xff) {
	case SQLITE_CONSTRAINT:
	case SQLITE_TOOBIG:
	case SQLITE_MISMATCH:
	case SQLITE_RANGE:
		store_op_fail(op, (rc & 0xff) == SQLITE_TOOBIG ? ERR_LIMIT : ERR_STATE,
			      "the state database refuses the row: %s", sqlite3_errmsg(w->db));
		return 0;
	default:
		return rc;
	}
}

static struct str step_str(const uint8_t *step)
{
	return (struct str){(const char *)step, ROW_STEP_SIZE};
}

/* ---- accept ------------------------------------------------------------------------------ */

/* The row that has the key, with its spec. */
static int find_by_key(struct writer *w, struct store_accept *a)
{
	sqlite3_stmt *s = w->sql[SQL_FIND_KEY];
	struct error err = ERROR_INIT;
	struct store_row row;
	int rc;

	sqlite3_bind_blob(s, 1, a->row->key, sizeof(a->row->key), SQLITE_STATIC);
	sqlite3_bind_int(s, 2, 1);
	sqlite3_bind_int(s, 3, 0);
	rc = sqlite3_step(s);
	if (rc == SQLITE_ROW) {
		if (row_read(s, &row, &err) < 0)
			store_op_fail(&a->op, ERR_IO, "%s", err.message);
		else if (!(a->found = store_row_copy(&row)))
			store_op_fail(&a->op, ERR_NOMEM, "out of memory for a row");
		a->outcome = STORE_EXISTS;
		rc = SQLITE_OK;
	} else if (rc == SQLITE_DONE) {
		store_op_fail(&a->op, ERR_STATE, "execution number %llu is taken",
			      (unsigned long long)a->row->id);
		rc = SQLITE_OK;
	}
	sqlite3_reset(s);
	return rc;
}

/* Whether the key was cancelled before, and by whom. */
static int look_for_mark(struct writer *w, struct store_accept *a)
{
	sqlite3_stmt *s = w->sql[SQL_KEY_MARKED];
	int rc;

	if (!a->row->has_key || w->marks == 0)
		return SQLITE_OK;
	sqlite3_bind_blob(s, 1, a->row->key, sizeof(a->row->key), SQLITE_STATIC);
	rc = sqlite3_step(s);
	if (rc == SQLITE_ROW) {
		a->outcome = STORE_CANCELLED;
		a->cancelled_by = (enum row_cancel)sqlite3_column_int(s, 0);
	}
	sqlite3_reset(s);
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : rc;
}

static int finish_row(struct writer *w, struct store_finish *f);
static int mark_row(struct writer *w, struct store_cancel *c, int state);

/* The row was just written; now it ends. */
static int end_cancelled(struct writer *w, struct store_accept *a)
{
	struct store_cancel c = {.found_id = a->row->id, .by = a->cancelled_by};
	struct store_finish f = {.id = a->row->id,
				 .state = EXEC_ABORTED,
				 .at = a->row->accepted_at,
				 .code = STR("Cancelled"),
				 .message = STR("cancelled before it was accepted")};
	int rc = mark_row(w, &c, EXEC_QUEUED);

	return rc == SQLITE_OK ? finish_row(w, &f) : rc;
}

static int insert_row(struct writer *w, struct store_accept *a, const struct store_row *row)
{
	bool beside = row->spec.len > SHORT_BYTES;
	uint8_t step[ROW_STEP_SIZE], terms[TERMS_SIZE];
	int rc;

	step_pack(row->state, row->run, 0, step);
	terms_pack(row, terms);
	row_bind(w->sql[SQL_ACCEPT], row, beside ? STR_NULL : row->spec, terms, step);
	rc = stmt_run(w->sql[SQL_ACCEPT]);
	if (rc == SQLITE_OK && sqlite3_changes(w->db) == 0)
		return find_by_key(w, a);
	if (rc == SQLITE_OK && beside) {
		sqlite3_bind_int64(w->sql[SQL_ACCEPT_SPEC], 1, (int64_t)row->id);
		bind_blob(w->sql[SQL_ACCEPT_SPEC], 2, row->spec);
		rc = stmt_run(w->sql[SQL_ACCEPT_SPEC]);
	}
	if (rc == SQLITE_OK && row->retry_of) {
		sqlite3_bind_int64(w->sql[SQL_LINK_RETRY], 1, (int64_t)row->retry_of);
		sqlite3_bind_int64(w->sql[SQL_LINK_RETRY], 2, (int64_t)row->id);
		rc = stmt_run(w->sql[SQL_LINK_RETRY]);
	}
	return rc;
}

static int accept_row(struct writer *w, struct store_accept *a)
{
	struct store_row row = *a->row;
	int rc;

	store_row_free(TAKE(a->found));
	a->outcome = STORE_ACCEPTED;
	if (w->low) {
		store_op_fail(
			&a->op, ERR_LIMIT,
			"the disk of the state directory is almost full: less than %llu MiB free",
			(unsigned long long)(w->low_water >> 20));
		return 0;
	}
	rc = look_for_mark(w, a);
	if (a->outcome == STORE_CANCELLED) {
		row.state = EXEC_QUEUED;
		row.run = 0;
		row.started_at = 0;
	}
	if (rc == SQLITE_OK)
		rc = insert_row(w, a, &row);
	if (rc == SQLITE_OK && a->op.status == 0 && a->outcome != STORE_EXISTS)
		rc = open_rows_added(w, row.id);
	if (rc == SQLITE_OK && a->op.status == 0 && a->outcome == STORE_CANCELLED)
		rc = end_cancelled(w, a);
	return rc == SQLITE_OK ? 0 : failed(w, &a->op, rc);
}

/* ---- update and finish --------------------------------------------------------------------- */

static int check_changed(struct writer *w, struct store_op *op, uint64_t id)
{
	if (sqlite3_changes(w->db) == 0)
		store_op_fail(op, ERR_STATE, "execution %llu is finished or unknown",
			      (unsigned long long)id);
	return 0;
}

static int update_row(struct writer *w, struct store_update *u)
{
	sqlite3_stmt *s = w->sql[SQL_UPDATE];
	uint8_t step[ROW_STEP_SIZE];
	int rc;

	step_pack(u->state, u->run, u->after_ms, step);
	sqlite3_bind_int64(s, 1, (int64_t)u->id);
	sqlite3_bind_int(s, 2, (int)u->state);
	sqlite3_bind_int64(s, 3, u->run);
	sqlite3_bind_int64(s, 4, u->failures);
	sqlite3_bind_int64(s, 5, u->crashes);
	sqlite3_bind_int64(s, 6, u->losses);
	sqlite3_bind_int64(s, 7, u->due_at);
	sqlite3_bind_int64(s, 8, u->started_at);
	bind_str(s, 9, u->cause);
	bind_blob(s, 10,
		  (struct str){(const char *)u->digest, u->has_digest ? sizeof(u->digest) : 0});
	bind_blob(s, 11, step_str(step));
	rc = stmt_run(s);
	return rc == SQLITE_OK ? check_changed(w, &u->op, u->id) : failed(w, &u->op, rc);
}

static int put_outputs(struct writer *w, const struct store_finish *f)
{
	sqlite3_stmt *s = w->sql[SQL_FINISH_OUTPUTS];

	if (f->outputs_kind != ROW_OUTPUTS_INLINE || f->outputs.len <= SHORT_BYTES)
		return SQLITE_OK;
	sqlite3_bind_int64(s, 1, (int64_t)f->id);
	bind_blob(s, 2, f->outputs);
	return stmt_run(s);
}

static int finish_row(struct writer *w, struct store_finish *f)
{
	sqlite3_stmt *s = w->sql[SQL_FINISH];
	bool in_row = f->outputs_kind == ROW_OUTPUTS_INLINE && f->outputs.len <= SHORT_BYTES;
	uint8_t step[ROW_STEP_SIZE];
	int rc;

	step_pack(f->state, f->run, f->after_ms, step);
	sqlite3_bind_int64(s, 1, (int64_t)f->id);
	sqlite3_bind_int(s, 2, (int)f->state);
	sqlite3_bind_int64(s, 3, f->run);
	sqlite3_bind_int64(s, 4, f->failures);
	sqlite3_bind_int64(s, 5, f->crashes);
	sqlite3_bind_int64(s, 6, f->losses);
	sqlite3_bind_int64(s, 7, f->at);
	bind_str(s, 8, f->code);
	bind_str(s, 9, f->message);
	bind_blob(s, 10,
		  (struct str){(const char *)f->digest, f->has_digest ? sizeof(f->digest) : 0});
	bind_blob(s, 11, step_str(step));
	sqlite3_bind_int(s, 12,
			 (f->recoverable ? ROW_RECOVERABLE : 0) |
				 (f->system_origin ? ROW_SYSTEM : 0) |
				 (f->has_deck ? ROW_DECK : 0));
	sqlite3_bind_int(s, 13, (int)f->outputs_kind);
	bind_blob(s, 14, in_row ? f->outputs : STR_NULL);
	sqlite3_bind_int64(s, 15, f->usage.cpu_ns);
	sqlite3_bind_int64(s, 16, f->usage.max_rss_bytes);
	rc = stmt_run(s);
	if (rc == SQLITE_OK && sqlite3_changes(w->db) == 0)
		return check_changed(w, &f->op, f->id);
	if (rc == SQLITE_OK) {
		w->live--;
		rc = put_outputs(w, f);
	}
	return rc == SQLITE_OK ? 0 : failed(w, &f->op, rc);
}

/* ---- cancel ------------------------------------------------------------------------------ */

/* Finds the row meant. SQLITE_ROW with its id and state, SQLITE_DONE, or another code. */
static int find_meant(struct writer *w, struct store_cancel *c, int *ret_state)
{
	sqlite3_stmt *s = w->sql[c->id ? SQL_STATE : SQL_KEY_STATE];
	int rc;

	if (c->id) {
		sqlite3_bind_int64(s, 1, (int64_t)c->id);
		sqlite3_bind_int64(s, 2, (int64_t)c->incarnation);
	} else {
		sqlite3_bind_blob(s, 1, c->key, sizeof(c->key), SQLITE_STATIC);
	}
	rc = sqlite3_step(s);
	if (rc == SQLITE_ROW) {
		c->found_id = (uint64_t)sqlite3_column_int64(s, 0);
		*ret_state = sqlite3_column_int(s, 1);
	}
	sqlite3_reset(s);
	return rc;
}

static int mark_row(struct writer *w, struct store_cancel *c, int state)
{
	sqlite3_stmt *s = w->sql[SQL_CANCEL];

	c->outcome = exec_state_finished((enum exec_state)state) ? STORE_TOO_LATE : STORE_MARKED;
	if (c->outcome == STORE_TOO_LATE)
		return SQLITE_OK;
	sqlite3_bind_int64(s, 1, (int64_t)c->found_id);
	sqlite3_bind_int(s, 2, (int)c->by);
	bind_str(s, 3, c->reason);
	return stmt_run(s);
}

static int mark_key(struct writer *w, struct store_cancel *c)
{
	sqlite3_stmt *s = w->sql[SQL_KEY_MARK];
	int rc;

	c->outcome = STORE_KEY_KEPT;
	sqlite3_bind_blob(s, 1, c->key, sizeof(c->key), SQLITE_STATIC);
	sqlite3_bind_int64(s, 2, c->at);
	sqlite3_bind_int(s, 3, (int)c->by);
	bind_str(s, 4, c->reason);
	rc = stmt_run(s);
	if (rc == SQLITE_OK)
		w->marks += sqlite3_changes(w->db);
	return rc;
}

static int cancel_row(struct writer *w, struct store_cancel *c)
{
	int state = 0, rc = SQLITE_DONE;

	c->found_id = 0;
	c->outcome = STORE_NOTHING_KNOWN;
	if (c->id || c->has_key)
		rc = find_meant(w, c, &state);
	if (rc == SQLITE_ROW)
		rc = mark_row(w, c, state);
	else if (rc == SQLITE_DONE)
		rc = c->has_key ? mark_key(w, c) : SQLITE_OK;
	return rc == SQLITE_OK ? 0 : failed(w, &c->op, rc);
}

/* ---- sweep ------------------------------------------------------------------------------- */

static int remove_row(struct writer *w, int64_t id)
{
	static const enum statement all[] = {SQL_SWEEP_ROW, SQL_SWEEP_SPEC, SQL_SWEEP_OUTPUTS};
	int rc = SQLITE_OK;

	for (size_t i = 0; rc == SQLITE_OK && i < ARRAY_LEN(all); i++) {
		sqlite3_bind_int64(w->sql[all[i]], 1, id);
		rc = stmt_run(w->sql[all[i]]);
	}
	return rc;
}

/* Reads all rows, as their numbers need not be in the order of the clock's times. A repetition has the outputs' place of what it repeats, and that goes with the last of them. */
static int sweep_rows(struct writer *w, struct store_sweep *p)
{
	int64_t ids[256];
	sqlite3_stmt *s = w->sql[SQL_SWEEP_FIND];
	size_t n = 0, seen = 0, most = MIN(MAX(p->batch, 1u), ARRAY_LEN(ids));
	uint64_t last = p->after_id;
	int rc;

	sqlite3_bind_int64(s, 1, (int64_t)p->after_id);
	sqlite3_bind_int64(s, 2, p->finished_before);
	sqlite3_bind_int64(s, 3, p->dead_before);
	sqlite3_bind_int64(s, 4, (int64_t)most);
	for (; (rc = sqlite3_step(s)) == SQLITE_ROW && seen < most; seen++) {
		last = (uint64_t)sqlite3_column_int64(s, 0);
		if (own_outputs_set_aside(w->dir, column_str(s, 1)) &&
		    own_log_set_aside(w->dir, last))
			ids[n++] = (int64_t)last;
	}
	sqlite3_reset(s);
	if (rc != SQLITE_DONE && rc != SQLITE_ROW)
		return rc;
	rc = SQLITE_OK;
	for (size_t i = 0; rc == SQLITE_OK && i < n; i++)
		rc = remove_row(w, ids[i]);
	if (rc != SQLITE_OK)
		return rc;
	p->more = seen == most;
	p->removed += n;
	p->after_id = last;
	return SQLITE_OK;
}

static int sweep(struct writer *w, struct store_sweep *p)
{
	struct store_sweep before = *p;
	int rc = sweep_rows(w, p);

	if (rc == SQLITE_OK && !p->more && w->marks > 0) {
		sqlite3_bind_int64(w->sql[SQL_SWEEP_MARKS], 1, p->marks_before);
		rc = stmt_run(w->sql[SQL_SWEEP_MARKS]);
		w->marks -= rc == SQLITE_OK ? sqlite3_changes(w->db) : 0;
	}
	if (rc == SQLITE_OK && !p->more && p->believed != 0) {
		sqlite3_bind_int64(w->sql[SQL_SWEEP_TIME], 1, p->believed);
		rc = stmt_run(w->sql[SQL_SWEEP_TIME]);
	}
	if (rc == SQLITE_OK)
		return 0;
	p->removed = before.removed;
	p->after_id = before.after_id;
	return failed(w, &p->op, rc);
}

int write_op(struct writer *w, struct store_op *op)
{
	op->status = 0;
	op->message[0] = '\0';
	switch (op->kind) {
	case STORE_ACCEPT:
		return accept_row(w, CONTAINER_OF(op, struct store_accept, op));
	case STORE_UPDATE:
		return update_row(w, CONTAINER_OF(op, struct store_update, op));
	case STORE_FINISH:
		return finish_row(w, CONTAINER_OF(op, struct store_finish, op));
	case STORE_CANCEL:
		return cancel_row(w, CONTAINER_OF(op, struct store_cancel, op));
	case STORE_SWEEP:
		return sweep(w, CONTAINER_OF(op, struct store_sweep, op));
	default:
		store_op_fail(op, ERR_INVALID, "not a write");
		return 0;
	}
}
