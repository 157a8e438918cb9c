/* A growing byte buffer with sticky failure: appending never returns a code, the writer asks once
 * at the end. After a failed allocation or an exceeded limit every append does nothing. */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	char *data; /* NUL-terminated whenever not NULL; the NUL is not counted in len */
	size_t len;
	size_t cap;
	size_t limit; /* most bytes; 0 means no limit */
	int failed;   /* ERR_OK, ERR_NOMEM or ERR_LIMIT */
};

#define BUF_INIT                                                                                   \
	{                                                                                          \
		.data = NULL, .len = 0, .cap = 0, .limit = 0, .failed = 0                          \
	}

void buf_done(struct buf *b);  /* frees; b is empty and usable again. For _cleanup_(buf_done). */
void buf_clear(struct buf *b); /* keeps the memory, forgets content and failure */

bool buf_reserve(struct buf *b, size_t more); /* room for `more` bytes after len */
void buf_append(struct buf *b, const void *data, size_t len);
void buf_putc(struct buf *b, char c);
void buf_puts(struct buf *b, const char *s);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* 0, or the sticky failure told as an error about `what`. */
int buf_check(const struct buf *b, const char *what, struct error *err);

/* Moves the bytes out; the caller frees them. Never NULL for a buffer that has not failed;
 * NULL for one that has. */
char *buf_take(struct buf *b, size_t *ret_len);
