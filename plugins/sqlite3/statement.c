/* Values are bound, never pasted as SQL. */
#include "statement.h"

#include "query.h"

#include <time.h>

static th_status add_value(const th_run *run, struct query *q, const th_lit *value)
{
	if (q->n_values == q->room) {
		uint32_t room = q->room ? q->room * 2 : 16;
		const th_lit **bigger =
			(const th_lit **)TH_HOST->arena_alloc(run->exec, room * sizeof(*bigger), 0);

		if (!bigger)
			return TH_E_NOMEM;
		if (q->n_values)
			memcpy(bigger, q->values, q->n_values * sizeof(*bigger));
		q->values = bigger;
		q->room = room;
	}
	q->values[q->n_values++] = value;
	sqlite3_str_appendf(q->sql, "?%u", (unsigned)q->n_values);
	return TH_OK;
}

/* Where an expression stands: a parameter; for a list one for each element, as IN (…) wants. */
static th_status add_bare(const th_run *run, struct query *q, const th_lit *value)
{
	uint64_t n = 0;
	th_status st = TH_OK;

	if (TH_LIT->kind(TH_LIT->union_value(value)) != TH_KIND_COLLECTION)
		return add_value(run, q, value);
	TH_LIT->len(TH_LIT->union_value(value), &n);
	for (uint64_t i = 0; st == TH_OK && i < n; i++) {
		if (i)
			sqlite3_str_appendchar(q->sql, 1, ',');
		st = add_value(run, q, TH_LIT->item(TH_LIT->union_value(value), i));
	}
	return st;
}

/* As Python's str() of a datetime: 2024-01-31 10:00:00.250000+00:00. */
static void show_datetime(char *text, size_t size, th_datetime t)
{
	struct tm tm;
	time_t seconds = (time_t)t.seconds;
	char date[64] = "", fraction[16] = "";

	if (gmtime_r(&seconds, &tm))
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm);
	if (t.nanos)
		snprintf(fraction, sizeof(fraction), ".%06d", (int)(t.nanos / 1000));
	snprintf(text, size, "%s%s+00:00", date, fraction);
}

static double in_seconds(th_duration d)
{
	return (double)d.seconds + (double)d.nanos / 1e9;
}

/* A value as text, for placeholders inside quotes. Points into the literal or into `text`. */
static th_status
show(const th_run *run, th_str name, const th_lit *lit, char *text, size_t size, th_str *ret)
{
	int64_t integer;
	double real;
	uint32_t truth;
	th_datetime at;
	th_duration span;

	*ret = th_s(text);
	if (TH_LIT->as_str(lit, ret) == TH_OK)
		return TH_OK;
	if (TH_LIT->as_i64(lit, &integer) == TH_OK)
		snprintf(text, size, "%lld", (long long)integer);
	else if (TH_LIT->as_f64(lit, &real) == TH_OK)
		snprintf(text, size, "%.17g", real);
	else if (TH_LIT->as_bool(lit, &truth) == TH_OK)
		snprintf(text, size, "%s", truth ? "True" : "False");
	else if (TH_LIT->as_datetime(lit, &at) == TH_OK)
		show_datetime(text, size, at);
	else if (TH_LIT->as_duration(lit, &span) == TH_OK)
		snprintf(text, size, "%.9g", in_seconds(span));
	else
		return th_fail(run, "USER:TypeError",
			       "input %.*s has no text form to put inside quotes", (int)name.len,
			       name.ptr);
	*ret = th_s(text);
	return TH_OK;
}

static th_status add_placeholder(const th_run *run, struct query *q, const struct query_piece *p)
{
	const th_lit *value = TH_LIT->input(run->exec, th_str_n(p->ptr, p->len));
	char text[64];
	th_str shown;
	th_status st;

	if (!value)
		return th_fail(run, "USER:ValueError",
			       "the query names {{.inputs.%.*s}}, but there is no such input",
			       (int)p->len, p->ptr);
	if (p->place == QUERY_COMMENT)
		return TH_OK;
	if (p->place == QUERY_BARE)
		return add_bare(run, q, value);
	st = show(run, th_str_n(p->ptr, p->len), value, text, sizeof(text), &shown);
	if (st != TH_OK)
		return st;
	if (p->place == QUERY_BRACKET && memchr(shown.ptr, ']', shown.len))
		return th_fail(run, "USER:ValueError",
			       "input %.*s holds ], which cannot stand "
			       "inside [ ]",
			       (int)p->len, p->ptr);
	for (size_t i = 0; i < shown.len; i++) {
		char c = shown.ptr[i];

		if ((p->place == QUERY_STRING && c == '\'') ||
		    (p->place == QUERY_QUOTED && c == '"') ||
		    (p->place == QUERY_TICKED && c == '`'))
			sqlite3_str_appendchar(q->sql, 1, c);
		sqlite3_str_appendchar(q->sql, 1, c);
	}
	return TH_OK;
}

/* flytekit refuses inputs that the query does not use: mostly a typing mistake. */
static th_status check_all_used(const th_run *run, th_str query)
{
	uint32_t n = TH_LIT->input_count(run->exec);

	for (uint32_t i = 0; i < n; i++) {
		struct query_scan scan;
		struct query_piece piece;
		th_str name;
		int used = 0;

		TH_LIT->input_at(run->exec, i, &name);
		query_scan_init(&scan, query.ptr, query.len);
		while (!used && query_scan_next(&scan, &piece))
			used = piece.place != QUERY_TEXT &&
			       th_str_eq(name, th_str_n(piece.ptr, piece.len));
		if (!used)
			return th_fail(run, "USER:ValueError",
				       "input %s is not used in the query; write {{.inputs.%s}} "
				       "where it belongs, or remove it",
				       name.ptr, name.ptr);
	}
	return TH_OK;
}

th_status query_build(const th_run *run, th_str template_text, struct query *q)
{
	struct query_scan scan;
	struct query_piece piece;
	th_status st = check_all_used(run, template_text);

	query_scan_init(&scan, template_text.ptr, template_text.len);
	while (st == TH_OK && query_scan_next(&scan, &piece)) {
		if (piece.place == QUERY_TEXT)
			sqlite3_str_append(q->sql, piece.ptr, (int)piece.len);
		else
			st = add_placeholder(run, q, &piece);
	}
	if (st == TH_OK && sqlite3_str_errcode(q->sql) != SQLITE_OK)
		return TH_E_NOMEM;
	return st;
}

int query_bind(sqlite3_stmt *s, int at, const th_lit *lit)
{
	int64_t integer;
	double real;
	uint32_t truth;
	th_str text;
	th_bytes bytes;
	th_datetime time_point;
	th_duration span;
	char shown[64];

	if (TH_LIT->kind(TH_LIT->union_value(lit)) == TH_KIND_NONE)
		return sqlite3_bind_null(s, at);
	if (TH_LIT->as_i64(lit, &integer) == TH_OK)
		return sqlite3_bind_int64(s, at, integer);
	if (TH_LIT->as_f64(lit, &real) == TH_OK)
		return sqlite3_bind_double(s, at, real);
	if (TH_LIT->as_bool(lit, &truth) == TH_OK)
		return sqlite3_bind_int64(s, at, truth != 0);
	if (TH_LIT->as_str(lit, &text) == TH_OK)
		return sqlite3_bind_text64(s, at, text.ptr, text.len, SQLITE_STATIC, SQLITE_UTF8);
	if (TH_LIT->as_datetime(lit, &time_point) == TH_OK) {
		show_datetime(shown, sizeof(shown), time_point);
		return sqlite3_bind_text(s, at, shown, -1, SQLITE_TRANSIENT);
	}
	if (TH_LIT->as_duration(lit, &span) == TH_OK)
		return sqlite3_bind_double(s, at, in_seconds(span));
	if (TH_LIT->as_binary(lit, &bytes, &text) == TH_OK)
		return sqlite3_bind_blob64(s, at, bytes.ptr, bytes.len, SQLITE_STATIC);
	return SQLITE_MISMATCH;
}
