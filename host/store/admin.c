/* The whole database at once, for people: check, backup, gc. */
#include "store/schema.h"
#include "store/sqlite_private.h"

#include "base/file.h"
#include "base/mem.h"
#include "store/own_outputs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_to_read(const char *path, sqlite3 **ret, struct error *err)
{
	_cleanup_(db_closep) sqlite3 *db = NULL;
	int r;

	if (access(path, F_OK) < 0)
		return err_set_errno(err, err_from_errno(errno), errno, "state database %s", path);
	r = db_open(path, DB_READ_ONLY, &db, err);
	if (r == 0)
		r = schema_check(db, path, err);
	if (r == 0)
		r = db_tune(db, DB_READ_ONLY, path, err);
	if (r < 0)
		return r;
	*ret = TAKE(db);
	return 0;
}

/* ---- check ------------------------------------------------------------------------------- */

struct check {
	sqlite3 *db;
	bool (*path_allowed)(enum exec_state from, enum exec_state to);
	void (*problem)(void *user, const char *text);
	void *user;
	int n;
};

__attribute__((format(printf, 2, 3))) static void tell(struct check *c, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	c->problem(c->user, text);
	c->n++;
}

/* Every row of `sql` is a problem, told by its text. */
static int each_is_problem(struct check *c, const char *sql, const char *what, struct error *err)
{
	_cleanup_(stmt_finalp) sqlite3_stmt *s = NULL;
	int rc, r = db_prepare(c->db, sql, &s, err);

	if (r < 0)
		return r;
	while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
		struct str text = column_str(s, 0);

		if (!str_is(text, "ok"))
			tell(c, "%s" STR_FMT, what, STR_ARG(text));
	}
	return rc == SQLITE_DONE ? 0 : db_error(c->db, rc, "state database", err);
}

static void check_history(struct check *c, const struct store_row *row)
{
	unsigned long long id = row->id;
	enum exec_state from = EXEC_NEW;
	size_t n = row_steps(row);
	unsigned run = 0;

	for (size_t i = 0; i < n; i++) {
		struct row_step step = row_step(row, i);
		enum exec_state to = (enum exec_state)step.state;

		/* Of a history that was cut the first step follows an unknown one. */
		if (c->path_allowed && (i > 0 || n < STORE_HISTORY_MAX) &&
		    !c->path_allowed(from, to))
			tell(c, "execution %llu: went from %s to %s", id, exec_state_name(from),
			     exec_state_name(to));
		if (step.run < run)
			tell(c, "execution %llu: run %u came after run %u", id, step.run, run);
		from = to;
		run = step.run;
	}
	if (from != row->state)
		tell(c, "execution %llu: its state is %s and its history ends in %s", id,
		     exec_state_name(row->state), exec_state_name(from));
}

static void check_row(struct check *c, const struct store_row *row)
{
	unsigned long long id = row->id;
	bool finished = exec_state_finished(row->state);

	if (finished != (row->finished_at != 0))
		tell(c, "execution %llu: %s, and its time of ending is %lld", id,
		     exec_state_name(row->state), (long long)row->finished_at);
	if (!finished && row->outputs_kind != ROW_OUTPUTS_NONE)
		tell(c, "execution %llu: has outputs and is not finished", id);
	if (row->spec.len != row->spec_size)
		tell(c, "execution %llu: its request has %zu bytes of %zu", id, row->spec.len,
		     row->spec_size);
	if (row->state == EXEC_STARTING && row->run == 0)
		tell(c, "execution %llu: is starting no run", id);
	check_history(c, row);
}

static int check_rows(struct check *c, struct error *err)
{
	_cleanup_(stmt_finalp) sqlite3_stmt *s = NULL;
	struct error bad = ERROR_INIT;
	struct store_row row;
	int rc, r;

	r = db_prepare(c->db,
		       "SELECT " ROW_COLUMNS ROW_ALL_PAYLOAD " FROM execution WHERE ?1 ORDER BY id",
		       &s, err);
	if (r < 0)
		return r;
	sqlite3_bind_int(s, 1, 1);
	sqlite3_bind_int(s, 2, 1);
	sqlite3_bind_int(s, 3, 0);
	while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
		if (row_read(s, &row, &bad) < 0)
			tell(c, "%s", bad.message);
		else
			check_row(c, &row);
	}
	return rc == SQLITE_DONE ? 0 : db_error(c->db, rc, "state database", err);
}

int store_sqlite_check(const char *dir,
		       bool (*path_allowed)(enum exec_state from, enum exec_state to),
		       void (*problem)(void *user, const char *text),
		       void *user,
		       struct error *err)
{
	_cleanup_(freep) char *path = path_join(dir, "state.db");
	_cleanup_(db_closep) sqlite3 *db = NULL;
	struct check c = {.path_allowed = path_allowed, .problem = problem, .user = user};
	int r;

	if (!path)
		return err_nomem(err, "a path");
	r = open_to_read(path, &db, err);
	if (r < 0)
		return r;
	c.db = db;
	r = each_is_problem(&c, "PRAGMA integrity_check", "", err);
	if (r == 0)
		r = each_is_problem(
			&c, "SELECT id FROM spec WHERE id NOT IN (SELECT id FROM execution)",
			"a request without its execution: ", err);
	if (r == 0)
		r = each_is_problem(
			&c, "SELECT id FROM outputs WHERE id NOT IN (SELECT id FROM execution)",
			"outputs without their execution: ", err);
	if (r == 0)
		r = each_is_problem(&c, UNFINDABLE_SQL, "a start would not find execution ", err);
	if (r == 0)
		r = check_rows(&c, err);
	return r < 0 ? r : c.n;
}

/* ---- backup ------------------------------------------------------------------------------ */

static int copy_pages(sqlite3 *from, sqlite3 *to, const char *path, struct error *err)
{
	sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
	int rc;

	if (!b)
		return db_error(to, sqlite3_errcode(to), path, err);
	do {
		rc = sqlite3_backup_step(b, 1024);
		if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED)
			sqlite3_sleep(20);
	} while (rc == SQLITE_OK || rc == SQLITE_BUSY || rc == SQLITE_LOCKED);
	sqlite3_backup_finish(b);
	return rc == SQLITE_DONE ? 0 : db_error(to, rc, path, err);
}

static int write_copy(sqlite3 *from, const char *path, struct error *err)
{
	_cleanup_(closep) int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	_cleanup_(db_closep) sqlite3 *to = NULL;
	int r;

	if (fd < 0)
		return err_set_errno(err, err_from_errno(errno), errno, "cannot write %s", path);
	r = db_open(path, DB_WRITER, &to, err);
	if (r == 0)
		r = copy_pages(from, to, path, err);
	if (r == 0) /* one file, without a log beside it */
		r = db_exec(to, "PRAGMA journal_mode=DELETE", path, err);
	db_closep(&to);
	if (r == 0 && fsync(fd) < 0)
		return err_set_errno(err, ERR_IO, errno, "cannot sync %s", path);
	return r;
}

static bool same_file(const char *a, const char *b)
{
	struct stat x, y;

	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* SQLite keeps its log beside the file that a link leads to. */
static bool is_database(const char *db, const char *to)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	_cleanup_(freep) char *real = realpath(db, NULL);
	char path[4096];

	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
		if (snprintf(path, sizeof(path), "%s%s", real ? real : db, suffixes[i]) <
			    (int)sizeof(path) &&
		    same_file(path, to))
			return true;
	return false;
}

/* Which directory `to` is in, without links; it may not be there itself. The caller frees it. */
static char *parent_of(const char *to)
{
	const char *slash = strrchr(to, '/');
	_cleanup_(freep) char *parent = NULL;

	if (!slash)
		return realpath(".", NULL);
	parent = strndup(to, MAX((size_t)(slash - to), (size_t)1));
	return parent ? realpath(parent, NULL) : NULL;
}

/* A rename over the database, or over what its next start expects there, would destroy it. */
static int check_target(const char *dir, const char *db, const char *to, struct error *err)
{
	_cleanup_(freep) char *at = parent_of(to);
	char *slash;

	if (!at)
		return err_set_errno(err, err_from_errno(errno), errno, "cannot write %s", to);
	if (is_database(db, to))
		return err_set(err, ERR_INVALID,
			       "%s is the database itself; choose a file outside the state "
			       "directory %s",
			       to, dir);
	while (!same_file(at, dir)) {
		slash = strrchr(at, '/');
		if (!slash || !at[1])
			return 0;
		slash[slash == at] = '\0';
	}
	return err_set(err, ERR_INVALID,
		       "%s is inside the state directory %s; choose a file outside of it", to, dir);
}

int store_sqlite_backup(const char *dir, const char *to, struct error *err)
{
	_cleanup_(freep) char *path = path_join(dir, "state.db");
	_cleanup_(db_closep) sqlite3 *db = NULL;
	char temp[4096];
	int r;

	if (!path)
		return err_nomem(err, "a path");
	if (snprintf(temp, sizeof(temp), "%s.%d.tmp", to, (int)getpid()) >= (int)sizeof(temp))
		return err_set(err, ERR_LIMIT, "the name of the backup is too long: %s", to);
	r = check_target(dir, path, to, err);
	if (r == 0)
		r = open_to_read(path, &db, err);
	if (r < 0)
		return r;
	r = write_copy(db, temp, err);
	if (r == 0 && rename(temp, to) < 0)
		r = err_set_errno(err, err_from_errno(errno), errno, "cannot rename %s to %s", temp,
				  to);
	if (r < 0)
		unlink(temp);
	return r;
}

/* ---- gc ---------------------------------------------------------------------------------- */

static int sweep_all(struct writer *w, struct store_sweep *p, const char *path, struct error *err)
{
	do {
		int rc = stmt_run(w->sql[SQL_BEGIN]);

		if (rc == SQLITE_OK)
			rc = write_op(w, &p->op);
		if (rc == SQLITE_OK)
			rc = stmt_run(w->sql[SQL_COMMIT]);
		if (rc != SQLITE_OK) {
			int r = db_error(w->db, rc, path, err);

			stmt_run(w->sql[SQL_ROLLBACK]);
			return r;
		}
		if (p->op.status < 0)
			return err_set(err, p->op.status, "%s", p->op.message);
	} while (p->more);
	return 0;
}

static int gc_open(struct writer *w, const char *path, struct error *err)
{
	int r = db_open(path, DB_WRITER, &w->db, err);

	if (r == 0)
		r = schema_migrate(w->db, schema_migrations, schema_version, path, err);
	if (r == 0)
		r = db_tune(w->db, DB_WRITER, path, err);
	return r == 0 ? write_ops_prepare(w, err) : r;
}

int store_sqlite_gc(const char *dir,
		    int64_t finished_before,
		    int64_t dead_before,
		    uint64_t *ret_removed,
		    struct error *err)
{
	_cleanup_(freep) char *path = path_join(dir, "state.db");
	struct store_sweep p = {.op.kind = STORE_SWEEP,
				.finished_before = finished_before,
				.dead_before = dead_before,
				.marks_before = finished_before,
				.batch = 256};
	struct writer w = {.dir = dir};
	int r;

	if (!path)
		return err_nomem(err, "a path");
	if (access(path, F_OK) < 0)
		return err_set_errno(err, err_from_errno(errno), errno, "state database %s", path);
	r = gc_open(&w, path, err);
	if (r == 0)
		r = sweep_all(&w, &p, path, err);
	if (r == 0)
		r = own_files_without_rows(w.db, dir, MIN(finished_before, dead_before), err);
	if (r == 0)
		r = store_sqlite_empty_trash(dir, err);
	write_ops_done(&w);
	if (r == 0)
		r = db_exec(w.db, "VACUUM", path, err);
	db_closep(&w.db);
	if (r == 0)
		*ret_removed = p.removed;
	return r;
}
