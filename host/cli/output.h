/* What the programs print: results on stdout, complaints on stderr, and the exit codes. */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"

enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_NOT_FOUND = 3,
	EXIT_UNREACHABLE = 4,
	EXIT_TIMED_OUT = 5,
	EXIT_INTERRUPTED = 130,
	EXIT_TERMINATED = 143,
};

/* Writes the text to stdout. EXIT_DONE, or EXIT_FAILED after saying on stderr what failed (also
 * when the buffer itself has failed). */
int output_text(const struct buf *text);

/* "prog: message" on stderr. Returns the exit code for the error's code. */
int output_error(const char *prog, const struct error *err);
int output_fail(const char *prog, int exit_code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Columns for people: as wide as their widest cell, two spaces apart, the last one free. */
#define TABLE_COLUMNS_MAX 8

struct table {
	size_t columns; /* at most TABLE_COLUMNS_MAX */
	char **cells;   /* row by row */
	size_t n;
	bool failed; /* out of memory */
};

#define TABLE_INIT(columns_)                                                                       \
	{                                                                                          \
		.columns = (columns_), .cells = NULL, .n = 0, .failed = false                      \
	}

void table_add(struct table *t, struct str cell); /* copied; control characters become '?' */
void table_print(const struct table *t, struct buf *out);
void table_done(struct table *t);
