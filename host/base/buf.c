#include "base/buf.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define BUF_MIN ((size_t)64)

void buf_done(struct buf *b)
{
	free(b->data);
	*b = (struct buf){.limit = b->limit};
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->failed = ERR_OK;
	if (b->data)
		b->data[0] = '\0';
}

/* Makes room for `need` bytes in all, the closing NUL included. */
static bool grow(struct buf *b, size_t need)
{
	size_t cap = MAX(b->cap, BUF_MIN / 2);
	char *data;

	if (__builtin_mul_overflow(cap, (size_t)2, &cap) || cap < need)
		cap = need;
	if (b->limit && b->limit < SIZE_MAX && cap > b->limit + 1)
		cap = b->limit + 1;
	data = realloc(b->data, cap);
	if (!data) {
		b->failed = ERR_NOMEM;
		return false;
	}
	data[b->len] = '\0';
	b->data = data;
	b->cap = cap;
	return true;
}

bool buf_reserve(struct buf *b, size_t more)
{
	size_t total, need;

	if (b->failed)
		return false;
	if (__builtin_add_overflow(b->len, more, &total) ||
	    __builtin_add_overflow(total, (size_t)1, &need)) {
		b->failed = ERR_NOMEM;
		return false;
	}
	if (b->limit && total > b->limit) {
		b->failed = ERR_LIMIT;
		return false;
	}
	return need <= b->cap || grow(b, need);
}

void buf_append(struct buf *b, const void *data, size_t len)
{
	if (!buf_reserve(b, len) || len == 0)
		return;
	memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void buf_putc(struct buf *b, char c)
{
	buf_append(b, &c, 1);
}

void buf_puts(struct buf *b, const char *s)
{
	buf_append(b, s, strlen(s));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (!buf_reserve(b, 0))
		return;
	va_start(ap, fmt);
	n = vsnprintf(b->data + b->len, b->cap - b->len, fmt, ap);
	va_end(ap);
	b->data[b->len] = '\0';
	if (n < 0)
		b->failed = ERR_NOMEM;
	if (n < 0 || !buf_reserve(b, (size_t)n))
		return;

	/* The first try may have been cut short: once more, now that there is room. */
	va_start(ap, fmt);
	vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

int buf_check(const struct buf *b, const char *what, struct error *err)
{
	if (!b->failed)
		return 0;
	if (b->failed == ERR_LIMIT)
		return err_set(err, ERR_LIMIT, "%s is larger than %zu bytes", what, b->limit);
	return err_nomem(err, what);
}

char *buf_take(struct buf *b, size_t *ret_len)
{
	if (!buf_reserve(b, 0))
		return NULL;
	if (ret_len)
		*ret_len = b->len;
	b->len = 0;
	b->cap = 0;
	return TAKE(b->data);
}
