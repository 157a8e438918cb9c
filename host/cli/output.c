#include "cli/output.h"

#include "base/file.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int output_text(const struct buf *text)
{
	struct error err = ERROR_INIT;

	if (buf_check(text, "the output", &err) < 0 ||
	    fd_write_all(STDOUT_FILENO, text->data, text->len, "standard output", &err) < 0)
		return output_error("taskhost", &err);
	return EXIT_DONE;
}

int output_error(const char *prog, const struct error *err)
{
	fprintf(stderr, "%s: %s\n", prog, err->message);
	switch (err->code) {
	case ERR_NOT_FOUND:
		return EXIT_NOT_FOUND;
	case ERR_TIMEOUT:
		return EXIT_TIMED_OUT;
	default:
		return EXIT_FAILED;
	}
}

int output_fail(const char *prog, int exit_code, const char *fmt, ...)
{
	char message[ERR_MESSAGE_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	fprintf(stderr, "%s: %s\n", prog, message);
	return exit_code;
}

/* ---- tables ---------------------------------------------------------------------------------- */

void table_add(struct table *t, struct str cell)
{
	char *copy = malloc(cell.len + 1);
	char **cells = reallocarray(t->cells, t->n + 1, sizeof(*cells));

	if (cells)
		t->cells = cells;
	if (!cells || !copy) {
		free(copy);
		t->failed = true;
		return;
	}
	for (size_t i = 0; i < cell.len; i++) {
		unsigned char c = (unsigned char)cell.ptr[i];

		copy[i] = cell.ptr[i];
		if (c < ' ' || c == 0x7f)
			copy[i] = '?';
	}
	copy[cell.len] = '\0';
	t->cells[t->n++] = copy;
}

/* Characters, not bytes. */
static size_t width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

void table_print(const struct table *t, struct buf *out)
{
	size_t widest[TABLE_COLUMNS_MAX] = {0};

	if (t->failed) {
		out->failed = ERR_NOMEM;
		return;
	}
	for (size_t i = 0; i < t->n; i++)
		widest[i % t->columns] = MAX(widest[i % t->columns], width(t->cells[i]));
	for (size_t row = 0; row < t->n / t->columns; row++) {
		size_t gap = 0;

		for (size_t column = 0; column < t->columns; column++) {
			const char *cell = t->cells[row * t->columns + column];

			if (*cell)
				buf_printf(out, "%*s%s", (int)gap, "", cell);
			gap = *cell ? 0 : gap;
			gap += widest[column] - width(cell) + 2;
		}
		buf_putc(out, '\n');
	}
}

void table_done(struct table *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->cells[i]);
	free(t->cells);
	*t = (struct table)TABLE_INIT(t->columns);
}
