#include "text.h"

#include <stdlib.h>
#include <time.h>

void text_add(struct text *t, const char *ptr, size_t n)
{
	if (t->failed)
		return;
	if (t->len + n + 1 > t->size) {
		size_t size = (t->len + n + 1) * 2;
		char *bigger = (char *)realloc(t->ptr, size);

		if (!bigger) {
			t->failed = 1;
			return;
		}
		t->ptr = bigger;
		t->size = size;
	}
	if (n)
		memcpy(t->ptr + t->len, ptr, n);
	t->len += n;
	t->ptr[t->len] = 0;
}

void text_done(struct text *t)
{
	free(t->ptr);
	memset(t, 0, sizeof(*t));
}

const char *text_keep(const th_run *run, const struct text *t)
{
	char *kept = t->failed ? NULL : (char *)TH_HOST->arena_alloc(run->exec, t->len + 1, 1);

	if (!kept)
		return NULL;
	if (t->len)
		memcpy(kept, t->ptr, t->len);
	kept[t->len] = 0;
	return kept;
}

static void add_z(struct text *t, const char *z)
{
	text_add(t, z, strlen(z));
}

/* The shortest form that reads back, with a point or an exponent. */
static void add_float(struct text *t, double value)
{
	char text[40];

	for (int digits = 1; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	add_z(t, text);
	if (!strpbrk(text, ".eni"))
		add_z(t, ".0");
}

/* 2024-01-31T10:00:00.250000+00:00 */
static void add_datetime(struct text *t, th_datetime value)
{
	char date[64] = "", text[96];
	time_t seconds = (time_t)value.seconds;
	struct tm tm;

	if (gmtime_r(&seconds, &tm))
		strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	if (value.nanos)
		snprintf(text, sizeof(text), "%s.%06d+00:00", date, (int)(value.nanos / 1000));
	else
		snprintf(text, sizeof(text), "%s+00:00", date);
	add_z(t, text);
}

/* 1 day, 2:03:04.000005 */
static void add_duration(struct text *t, th_duration value)
{
	int64_t us = value.nanos / 1000, seconds = value.seconds, days;
	char text[96];

	if (us < 0) {
		us += 1000000;
		seconds--;
	}
	days = seconds / 86400 - (seconds % 86400 < 0);
	seconds -= days * 86400;
	if (days) {
		snprintf(text, sizeof(text), "%lld day%s, ", (long long)days,
			 days == 1 || days == -1 ? "" : "s");
		add_z(t, text);
	}
	snprintf(text, sizeof(text), "%d:%02d:%02d", (int)(seconds / 3600),
		 (int)(seconds / 60 % 60), (int)(seconds % 60));
	add_z(t, text);
	if (us) {
		snprintf(text, sizeof(text), ".%06d", (int)us);
		add_z(t, text);
	}
}

static th_status add_path(const th_run *run, struct text *t, const th_lit *value)
{
	th_str path;
	th_status st = TH_LIT->local_path(run->exec, value, &path, run->error);

	if (st == TH_OK)
		text_add(t, path.ptr, path.len);
	return st;
}

th_status text_add_value(const th_run *run, struct text *t, th_str name, const th_lit *value)
{
	const th_lit *v = TH_LIT->union_value(value);
	char number[32];
	int64_t i;
	double f;
	uint32_t b;
	th_str s;
	th_datetime at;
	th_duration span;

	switch (TH_LIT->kind(v)) {
	case TH_KIND_NONE:
		add_z(t, "None");
		return TH_OK;
	case TH_KIND_BLOB:
	case TH_KIND_SCHEMA:
	case TH_KIND_STRUCTURED_DATASET:
		return add_path(run, t, v);
	default:
		break;
	}
	if (TH_LIT->as_str(v, &s) == TH_OK) {
		text_add(t, s.ptr, s.len);
	} else if (TH_LIT->as_i64(v, &i) == TH_OK) {
		snprintf(number, sizeof(number), "%lld", (long long)i);
		add_z(t, number);
	} else if (TH_LIT->as_f64(v, &f) == TH_OK) {
		add_float(t, f);
	} else if (TH_LIT->as_bool(v, &b) == TH_OK) {
		add_z(t, b ? "True" : "False");
	} else if (TH_LIT->as_datetime(v, &at) == TH_OK) {
		add_datetime(t, at);
	} else if (TH_LIT->as_duration(v, &span) == TH_OK) {
		add_duration(t, span);
	} else if (TH_LIT->as_json(v, &s) == TH_OK) {
		text_add(t, s.ptr, s.len);
	} else {
		return th_fail(run, "USER:TypeError", "input %.*s has no text form", (int)name.len,
			       name.ptr);
	}
	return TH_OK;
}

/* Length of the UTF-8 sequence at `p`, 0 when it is none. */
static size_t sequence(const unsigned char *p, size_t n)
{
	size_t len = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	if (p[0] > 0xf4 || len > n)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return len;
}

void text_clean(char *ptr, size_t n)
{
	unsigned char *p = (unsigned char *)ptr, *end = p + n;

	while (p < end) {
		size_t len = sequence(p, (size_t)(end - p));

		if (!len || (len == 1 && *p < ' ' && *p != '\n' && *p != '\t'))
			*p = '?';
		p += len ? len : 1;
	}
}
