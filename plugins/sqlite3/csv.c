#include "csv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void put_text(FILE *f, const char *text, size_t n)
{
	int quote = n == 0;

	for (size_t i = 0; i < n && !quote; i++)
		quote = strchr(",\"\r\n", text[i]) != NULL;
	if (!quote) {
		fwrite(text, 1, n, f);
		return;
	}
	putc('"', f);
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '"')
			putc('"', f);
		putc(text[i], f);
	}
	putc('"', f);
}

static void put_real(FILE *f, double value)
{
	char text[40];

	if (isinf(value)) {
		fputs(value < 0 ? "-inf" : "inf", f);
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	fputs(text, f);
	if (!strpbrk(text, ".en"))
		fputs(".0", f);
}

static void put_value(FILE *f, sqlite3_stmt *s, int column)
{
	const unsigned char *bytes;

	switch (sqlite3_column_type(s, column)) {
	case SQLITE_NULL:
		break;
	case SQLITE_INTEGER:
		fprintf(f, "%lld", (long long)sqlite3_column_int64(s, column));
		break;
	case SQLITE_FLOAT:
		put_real(f, sqlite3_column_double(s, column));
		break;
	case SQLITE_TEXT:
		bytes = sqlite3_column_text(s, column);
		put_text(f, (const char *)bytes, (size_t)sqlite3_column_bytes(s, column));
		break;
	default:
		bytes = (const unsigned char *)sqlite3_column_blob(s, column);
		for (int i = 0; i < sqlite3_column_bytes(s, column); i++)
			fprintf(f, "%02x", bytes[i]);
	}
}

int csv_write(FILE *f, sqlite3_stmt *s, long long *ret_rows)
{
	int code, columns = sqlite3_column_count(s);

	*ret_rows = 0;
	for (int i = 0; i < columns; i++) {
		const char *name = sqlite3_column_name(s, i);

		if (i)
			putc(',', f);
		put_text(f, name ? name : "", name ? strlen(name) : 0);
	}
	fputs("\r\n", f);
	while ((code = sqlite3_step(s)) == SQLITE_ROW && !ferror(f)) {
		for (int i = 0; i < columns; i++) {
			if (i)
				putc(',', f);
			put_value(f, s, i);
		}
		fputs("\r\n", f);
		++*ret_rows;
	}
	return code;
}
