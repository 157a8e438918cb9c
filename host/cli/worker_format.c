#include "cli/worker_format.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

#include <ctype.h>
#include <stdio.h>

#define US  INT64_C(1000)
#define MS  (1000 * US)
#define SEC (1000 * MS)

/* ---- times ----------------------------------------------------------------------------------- */

/* Down to the last digit shown: 59.96 s is not 60.0s. At most `digits` decimals, none at the end. */
static void decimal(int64_t value, int64_t unit, int digits, const char *name, struct buf *out)
{
	char text[32];
	int64_t scale = 1;
	size_t len;

	for (int i = 0; i < digits; i++)
		scale *= 10;
	value = value / (unit / scale);
	len = (size_t)snprintf(text, sizeof(text), "%lld.%0*lld", (long long)(value / scale),
			       digits, (long long)(value % scale));
	while (text[len - 1] == '0')
		len--;
	len -= text[len - 1] == '.';
	buf_printf(out, "%.*s%s", (int)len, text, name);
}

static void
two_units(int64_t big, const char *big_name, int64_t small, const char *small_name, struct buf *out)
{
	buf_printf(out, "%lld%s", (long long)big, big_name);
	if (small > 0)
		buf_printf(out, "%lld%s", (long long)small, small_name);
}

void format_span(int64_t ns, struct buf *out)
{
	int64_t s = ns / SEC;

	if (ns < 0)
		ns = s = 0;
	if (ns < US)
		buf_puts(out, "0s");
	else if (ns < MS)
		buf_printf(out, "%lldus", (long long)(ns / US));
	else if (ns < 10 * MS)
		decimal(ns, MS, 1, "ms", out);
	else if (ns < SEC)
		buf_printf(out, "%lldms", (long long)(ns / MS));
	else if (ns < 10 * SEC)
		decimal(ns, SEC, 2, "s", out);
	else if (s < 60)
		decimal(ns, SEC, 1, "s", out);
	else if (s < 3600)
		two_units(s / 60, "m", s % 60, "s", out);
	else if (s < 86400)
		two_units(s / 3600, "h", s / 60 % 60, "m", out);
	else
		two_units(s / 86400, "d", s / 3600 % 24, "h", out);
}

void format_time(const Google__Protobuf__Timestamp *t, struct buf *out)
{
	char text[40];

	if (!t || time_format(t->seconds, 0, text) < 0)
		buf_puts(out, "-");
	else
		buf_puts(out, text);
}

static int64_t to_ns(int64_t seconds, int32_t nanos)
{
	int64_t ns;

	if (__builtin_mul_overflow(seconds, SEC, &ns) || __builtin_add_overflow(ns, nanos, &ns))
		return seconds < 0 ? INT64_MIN : INT64_MAX;
	return ns;
}

int64_t duration_ns(const Google__Protobuf__Duration *d)
{
	return d ? to_ns(d->seconds, d->nanos) : 0;
}

int64_t timestamp_ns(const Google__Protobuf__Timestamp *t)
{
	return t ? to_ns(t->seconds, t->nanos) : 0;
}

void duration_set(Google__Protobuf__Duration *d, int64_t ns)
{
	google__protobuf__duration__init(d);
	d->seconds = ns / SEC;
	d->nanos = (int32_t)(ns % SEC);
}

/* ---- sizes ----------------------------------------------------------------------------------- */

void format_size(uint64_t bytes, struct buf *out)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	size_t unit = 0;
	uint64_t size = 1;

	if (bytes == 0) {
		buf_puts(out, "0");
		return;
	}
	while (unit + 1 < ARRAY_LEN(units) && bytes / size >= 1024) {
		size *= 1024;
		unit++;
	}
	if (unit > 0 && bytes / size < 10 && bytes % size * 10 / size > 0)
		buf_printf(out, "%llu.%llu %s", (unsigned long long)(bytes / size),
			   (unsigned long long)(bytes % size * 10 / size), units[unit]);
	else
		buf_printf(out, "%llu %s", (unsigned long long)(bytes / size), units[unit]);
}

/* ---- words ----------------------------------------------------------------------------------- */

void format_enum(const ProtobufCEnumDescriptor *e, int value, struct buf *out)
{
	const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value(e, value);

	if (!v) {
		buf_puts(out, "unknown");
		return;
	}
	if (str_ends(str_of(v->name), "_UNSPECIFIED")) {
		buf_puts(out, "-");
		return;
	}
	for (const char *c = v->name; *c; c++)
		buf_putc(out, (char)(*c == '_' ? '-' : tolower((unsigned char)*c)));
}

static bool same_word(const char *name, const char *typed)
{
	for (; *name && *typed; name++, typed++) {
		int a = *name == '_' ? '-' : tolower((unsigned char)*name);
		int b = *typed == '_' ? '-' : tolower((unsigned char)*typed);

		if (a != b)
			return false;
	}
	return *name == *typed;
}

int enum_find(const ProtobufCEnumDescriptor *e, const char *typed)
{
	for (unsigned i = 0; i < e->n_values; i++)
		if (same_word(e->values[i].name, typed) &&
		    !str_ends(str_of(e->values[i].name), "_UNSPECIFIED"))
			return e->values[i].value;
	return -1;
}

void format_line(const char *text, size_t max, struct buf *out)
{
	const size_t len = strcspn(text, "\n");
	const bool more = text[len] != '\0' && text[len + 1] != '\0';
	size_t at = 0;

	for (size_t n = 1; at < len; n++) {
		const size_t c = utf8_char(text + at, len - at);

		if (n == max && (more || at + MAX(c, 1) < len))
			break;
		if (c == 0)
			buf_putc(out, '?');
		else
			buf_append(out, text + at, c);
		at += MAX(c, 1);
	}
	if (more || at < len)
		buf_puts(out, "…");
}
