/* From a query template and an execution's inputs to SQL with bound values. */
#ifndef SQLITE3_STATEMENT_H
#define SQLITE3_STATEMENT_H

#include <sqlite3.h>
#include <taskhost/author.h>

struct query {
	sqlite3_str *sql;      /* made and freed by the caller */
	const th_lit **values; /* bound to ?1, ?2, … */
	uint32_t n_values;
	uint32_t room;
};

/* Fills q->sql and q->values. Where an expression stands a value is bound, never pasted as SQL;
 * inside quotes it is pasted with the quotes doubled. Refuses unknown names and unused inputs. */
th_status query_build(const th_run *run, th_str template_text, struct query *q);

/* Binds one value; SQLITE_MISMATCH for a kind that SQL has no type for. */
int query_bind(sqlite3_stmt *s, int at, const th_lit *lit);

#endif
