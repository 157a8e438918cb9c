/* The query template: SQL with {{ .inputs.NAME }} in it, taken apart. Knows where SQL's strings,
 * quoted names and comments begin and end, so that each placeholder can be filled in the way its
 * place needs. Pure: no memory, no host. */
#ifndef SQLITE3_QUERY_H
#define SQLITE3_QUERY_H

#include <stddef.h>

enum query_place {
	QUERY_TEXT,    /* a piece of SQL without a placeholder */
	QUERY_BARE,    /* a placeholder where an expression may stand */
	QUERY_STRING,  /* inside '…' */
	QUERY_QUOTED,  /* inside "…" */
	QUERY_TICKED,  /* inside `…` */
	QUERY_BRACKET, /* inside […] */
	QUERY_COMMENT  /* inside a comment */
};

struct query_piece {
	enum query_place place;
	const char *ptr; /* the SQL, or the input's name */
	size_t len;
};

struct query_scan {
	const char *at, *end;
	enum query_place inside; /* QUERY_BARE: in none of the others */
	char comment;            /* '-' to the end of the line, '*' to the closing mark */
};

void query_scan_init(struct query_scan *s, const char *sql, size_t len);

/* The next piece; 0 at the end. */
int query_scan_next(struct query_scan *s, struct query_piece *ret);

#endif
