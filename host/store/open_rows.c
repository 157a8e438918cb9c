#include "store/open_rows.h"

#include "base/mem.h"
#include "store/sqlite_private.h"

int open_rows_load(struct writer *w, struct error *err)
{
	int r = db_int(w->db, "SELECT " MARK_SQL, &w->mark, err);

	if (r == 0)
		r = db_int(w->db, "SELECT coalesce(max(id),0) FROM execution", &w->newest, err);
	if (r == 0)
		r = db_int(w->db, "SELECT count(*) FROM execution WHERE " ABOVE_MARK_SQL,
			   &w->above_mark, err);
	if (r == 0)
		r = db_int(w->db, LIVE_COUNT_SQL, &w->live, err);
	w->newest = MAX(w->newest, w->mark);
	return r;
}

/* Ids grow, unless all rows are gone and the clock was set back. */
int open_rows_added(struct writer *w, uint64_t id)
{
	w->above_mark++;
	w->live++;
	w->newest = MAX(w->newest, (int64_t)id);
	if ((int64_t)id > w->mark)
		return SQLITE_OK;
	sqlite3_bind_int64(w->sql[SQL_LINGER], 1, (int64_t)id);
	return stmt_run(w->sql[SQL_LINGER]);
}

/* What is remembered may be too high when the commit fails: rows are flagged needlessly then. */
static int set_mark(struct writer *w)
{
	sqlite3_bind_int64(w->sql[SQL_MARK], 1, w->newest);
	w->mark = w->newest;
	return stmt_run(w->sql[SQL_MARK]);
}

void open_rows_tidy(struct writer *w)
{
	int rc;

	if (w->above_mark < MARK_EVERY || w->live > w->above_mark / MARK_LIVE_IN)
		return;
	rc = stmt_run(w->sql[SQL_BEGIN]);
	if (rc == SQLITE_OK)
		rc = stmt_run(w->sql[SQL_LINGER_LIVE]);
	if (rc == SQLITE_OK)
		rc = set_mark(w);
	if (rc == SQLITE_OK)
		rc = stmt_run(w->sql[SQL_COMMIT]);
	if (rc == SQLITE_OK)
		w->above_mark = 0;
	else if (!sqlite3_get_autocommit(w->db))
		stmt_run(w->sql[SQL_ROLLBACK]);
}
