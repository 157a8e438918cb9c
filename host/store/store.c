#include "store/store.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

void store_rows_free(struct store_row **rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		store_row_free(rows[i]);
	free(rows);
}

const char *store_condition_text(enum store_condition c)
{
	static const char *const texts[] = {
		[STORE_WELL] = "well",      [STORE_LOW] = "disk almost full",
		[STORE_FULL] = "disk full", [STORE_READ_ONLY] = "read-only",
		[STORE_BROKEN] = "broken",
	};

	return (size_t)c < ARRAY_LEN(texts) ? texts[c] : "?";
}

void store_op_fail(struct store_op *op, int status, const char *fmt, ...)
{
	va_list ap;

	op->status = status;
	va_start(ap, fmt);
	vsnprintf(op->message, sizeof(op->message), fmt, ap);
	va_end(ap);
}
