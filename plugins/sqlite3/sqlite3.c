/* Runs flytekit's SQLite3Task templates: a query over a database file, its result as CSV. */
#include "csv.h"
#include "statement.h"
#include "unpack.h"

#include <taskhost/author.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

TH_PLUGIN("sqlite3", "1.0.0", "Queries of SQLite databases");

/* Text in the execution's arena. */
static char *join(const th_run *run, const char *a, const char *b)
{
	size_t size = strlen(a) + strlen(b) + 1;
	char *text = (char *)TH_HOST->arena_alloc(run->exec, size, 1);

	if (text)
		snprintf(text, size, "%s%s", a, b);
	return text;
}

static char *working_path(const th_run *run, const char *name)
{
	th_str wd;

	if (TH_CONTEXT->get(run->exec, TH_CTX_WORKING_DIRECTORY, &wd) != TH_OK)
		return NULL;
	return join(run, wd.ptr, name);
}

/* ---- the database ---------------------------------------------------------------------------- */

struct task {
	th_str query;     /* custom.query_template */
	const char *path; /* the database file */
	th_variable output;
	int has_output;
};

/* custom.uri as a path on this machine. */
static th_status local_database(const th_run *run, th_str uri, const char **ret)
{
	const char *path = uri.ptr;
	const char *scheme = strstr(path, "://");

	if (strncmp(path, "file://", 7) == 0)
		path += 7;
	else if (scheme)
		return th_fail(run, "USER:ValueError",
			       "custom.uri is %s: this plugin opens paths and file:// URIs; fetch "
			       "the file first and pass its path",
			       path);
	if (access(path, R_OK) != 0)
		return th_fail(run, "USER:FileNotFoundError",
			       "the database custom.uri names, %s, cannot be read: %s", path,
			       strerror(errno));
	*ret = path;
	return TH_OK;
}

static th_status unpack_database(const th_run *run, struct task *task)
{
	char why[400];
	char *to = working_path(run, "/database");

	if (!to)
		return TH_E_NOMEM;
	if (unpack_one(task->path, to, why, sizeof(why)) != 0)
		return th_fail(run, "USER:ValueError", "cannot unpack %s (custom.compressed): %s",
			       task->path, why);
	task->path = to;
	return TH_OK;
}

static th_status read_output(const th_run *run, struct task *task)
{
	uint32_t n = TH_MODEL->variable_count(run->model, TH_OUTPUTS);

	if (n > 1)
		return th_fail(run, "USER:ValueError",
			       "the template declares %u outputs; a query has one result",
			       (unsigned)n);
	task->has_output = n == 1;
	if (!n)
		return TH_OK;
	TH_MODEL->variable_at(run->model, TH_OUTPUTS, 0, &task->output);
	switch (task->output.kind) {
	case TH_KIND_SCHEMA:
	case TH_KIND_STRUCTURED_DATASET:
	case TH_KIND_BLOB:
		return TH_OK;
	default:
		return th_fail(run, "USER:TypeError",
			       "output %s is %s; a query's result is a schema, a structured "
			       "dataset or a file",
			       task->output.name.ptr, task->output.type_json.ptr);
	}
}

static th_status read_task(const th_run *run, struct task *task)
{
	const th_lit *custom = TH_MODEL->custom(run->model);
	uint32_t compressed = 0;
	th_str uri;
	th_status st;

	memset(task, 0, sizeof(*task));
	if (!custom ||
	    TH_LIT->as_str(TH_LIT->get(custom, th_s("query_template")), &task->query) != TH_OK)
		return th_fail(run, "USER:ValueError", "the template has no custom.query_template");
	if (TH_LIT->as_str(TH_LIT->get(custom, th_s("uri")), &uri) != TH_OK)
		return th_fail(run, "USER:ValueError", "the template has no custom.uri");
	TH_LIT->as_bool(TH_LIT->get(custom, th_s("compressed")), &compressed);
	st = read_output(run, task);
	if (st == TH_OK)
		st = local_database(run, uri, &task->path);
	return st == TH_OK && compressed ? unpack_database(run, task) : st;
}

/* ---- running it ------------------------------------------------------------------------------ */

static th_status why_stop(const th_run *run)
{
	int64_t deadline = TH_DEADLINE->deadline_ns ? TH_DEADLINE->deadline_ns(run->exec) : 0;
	uint32_t reason = th_cancelled(run);

	if (reason == TH_CANCEL_DEADLINE || (deadline && TH_DEADLINE->now_ns() >= deadline))
		return TH_E_DEADLINE;
	return reason ? TH_E_CANCELLED : TH_OK;
}

static int stop_asked(void *run)
{
	return why_stop((const th_run *)run) != TH_OK;
}

static th_status sql_fails(const th_run *run, sqlite3 *db, int code, const char *sql)
{
	if (code == SQLITE_INTERRUPT && why_stop(run) != TH_OK)
		return why_stop(run);
	if (code == SQLITE_NOMEM)
		return TH_E_NOMEM;
	return th_fail(run, "USER:DatabaseError", "%s (SQLite code %d) in the query: %.1500s",
		       sqlite3_errmsg(db), code, sql);
}

/* Does a write-ahead log with content lie beside the database? Then it must be read too. */
static int has_log(const th_run *run, const char *path)
{
	struct stat st;
	char *log = join(run, path, "-wal");

	return log && stat(log, &st) == 0 && st.st_size > 0;
}

/* Opens the database so that nothing can change it, nor open another file beside it. */
static th_status open_database(const th_run *run, const char *path, sqlite3 **ret)
{
	sqlite3_str *uri = sqlite3_str_new(NULL);
	char *text;
	int code;

	sqlite3_str_appendall(uri, "file:");
	for (const char *p = path; *p; p++)
		sqlite3_str_appendf(uri, strchr("%?#", *p) ? "%%%02X" : "%c", (unsigned char)*p);
	sqlite3_str_appendall(uri, "?mode=ro");
	if (!has_log(run, path))
		sqlite3_str_appendall(uri, "&immutable=1");
	text = sqlite3_str_finish(uri);
	if (!text)
		return TH_E_NOMEM;
	code = sqlite3_open_v2(text, ret, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL);
	sqlite3_free(text);
	if (code == SQLITE_OK)
		code = sqlite3_exec(*ret, "select 1 from sqlite_master limit 1", NULL, NULL, NULL);
	if (code == SQLITE_OK) {
		sqlite3_limit(*ret, SQLITE_LIMIT_ATTACHED, 0);
		return TH_OK;
	}
	return th_fail(run, "USER:DatabaseError", "%s is no database that can be read: %s", path,
		       *ret ? sqlite3_errmsg(*ret) : sqlite3_errstr(code));
}

static th_status prepare(const th_run *run, sqlite3 *db, const struct query *q, sqlite3_stmt **ret)
{
	const char *sql = sqlite3_str_value(q->sql), *tail = "";
	int code = sqlite3_prepare_v2(db, sql ? sql : "", -1, ret, &tail);

	if (code != SQLITE_OK)
		return sql_fails(run, db, code, sql ? sql : "");
	if (!*ret)
		return th_fail(run, "USER:ValueError", "custom.query_template holds no statement");
	if (tail[strspn(tail, "; \t\r\n")])
		return th_fail(run, "USER:ValueError",
			       "custom.query_template holds more than one statement");
	for (uint32_t i = 0; i < q->n_values; i++) {
		code = query_bind(*ret, (int)i + 1, q->values[i]);
		if (code == SQLITE_MISMATCH)
			return th_fail(run, "USER:TypeError",
				       "value %u of the query is of a kind that SQL has no type "
				       "for",
				       (unsigned)i + 1);
		if (code != SQLITE_OK)
			return sql_fails(run, db, code, sql);
	}
	return TH_OK;
}

/* Where the CSV goes: a file, or for a schema, which is a directory of files, a file in one. */
static th_status
result_paths(const th_run *run, const struct task *task, char **ret_csv, char **ret_uri)
{
	int schema = task->has_output && task->output.kind == TH_KIND_SCHEMA;

	*ret_uri = working_path(run, schema ? "/results" : "/results.csv");
	*ret_csv = schema && *ret_uri ? join(run, *ret_uri, "/00000") : *ret_uri;
	if (!*ret_csv)
		return TH_E_NOMEM;
	if (schema && mkdir(*ret_uri, 0755) != 0)
		return th_fail_system(run, "SYSTEM:OSError", "cannot create %s: %s", *ret_uri,
				      strerror(errno));
	return TH_OK;
}

static th_status set_result(const th_run *run, const struct task *task, const char *uri)
{
	th_val *slot;
	th_dataset dataset = {th_s(uri), th_s("csv")};
	th_blob blob = {th_s(uri), th_s(""), 0, 0};
	th_status st;

	if (!task->has_output)
		return TH_OK;
	st = TH_LIT->output(run->exec, task->output.name, &slot);
	if (st != TH_OK)
		return st;
	if (task->output.kind == TH_KIND_BLOB)
		return TH_LIT->set_blob(slot, &blob);
	if (task->output.kind == TH_KIND_SCHEMA)
		dataset.format = th_s("");
	return TH_LIT->set_dataset(slot, &dataset);
}

static th_status
write_result(const th_run *run, const struct task *task, sqlite3 *db, sqlite3_stmt *statement)
{
	char *csv, *uri;
	long long rows;
	int code, failed;
	FILE *f;
	th_status st = result_paths(run, task, &csv, &uri);

	if (st != TH_OK)
		return st;
	f = fopen(csv, "wb");
	if (!f)
		return th_fail_system(run, "SYSTEM:OSError", "cannot create %s: %s", csv,
				      strerror(errno));
	code = csv_write(f, statement, &rows);
	failed = ferror(f);
	if (fclose(f) != 0 || failed)
		return th_fail_system(run, "SYSTEM:OSError", "cannot write %s: %s", csv,
				      strerror(errno));
	if (code != SQLITE_DONE)
		return sql_fails(run, db, code, sqlite3_sql(statement));
	th_logf(run, TH_LOG_INFO, "%lld rows from %s", rows, task->path);
	return set_result(run, task, uri);
}

static th_status run_query(th_run *run, const struct task *task, sqlite3 *db, struct query *q)
{
	sqlite3_stmt *statement = NULL;
	th_status st = query_build(run, task->query, q);

	if (st == TH_OK)
		st = prepare(run, db, q, &statement);
	sqlite3_progress_handler(db, 10000, stop_asked, run);
	if (st == TH_OK)
		st = write_result(run, task, db, statement);
	sqlite3_finalize(statement);
	return st;
}

TH_EXECUTOR(SQLite3,
	    "Runs one query of a SQLite database and gives its rows as CSV",
	    TH_TASK_TYPE("sqlite") TH_ALIAS("flytekit.extras.sqlite3.task.SQLite3TaskExecutor"))
{
	struct task task;
	struct query q = {NULL, NULL, 0, 0};
	sqlite3 *db = NULL;
	th_status st = read_task(run, &task);

	if (st == TH_OK)
		st = open_database(run, task.path, &db);
	if (st == TH_OK) {
		q.sql = sqlite3_str_new(db);
		st = run_query(run, &task, db, &q);
		sqlite3_free(sqlite3_str_finish(q.sql));
	}
	sqlite3_close(db);
	return st;
}
