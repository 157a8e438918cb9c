#include "base/json.h"

#include "base/mem.h"

#include <math.h>

static void new_line(struct jw *w)
{
	static const char spaces[] = "                                ";
	size_t n = (size_t)w->indent * (size_t)w->depth;

	if (w->indent <= 0)
		return;
	buf_putc(w->out, '\n');
	for (size_t piece; n > 0 && !w->out->failed; n -= piece) {
		piece = MIN(n, sizeof(spaces) - 1);
		buf_append(w->out, spaces, piece);
	}
}

/* Before a key, or a value that has none. */
static void before_item(struct jw *w)
{
	if (w->after_key) {
		w->after_key = false;
		return;
	}
	if (w->depth > 0) {
		if (!w->first)
			buf_putc(w->out, ',');
		new_line(w);
	}
	w->first = false;
}

static void begin(struct jw *w, char bracket)
{
	before_item(w);
	buf_putc(w->out, bracket);
	w->depth++;
	w->first = true;
}

static void end(struct jw *w, char bracket)
{
	w->depth--;
	if (!w->first)
		new_line(w);
	buf_putc(w->out, bracket);
	w->first = false;
}

void jw_object_begin(struct jw *w)
{
	begin(w, '{');
}

void jw_object_end(struct jw *w)
{
	end(w, '}');
}

void jw_array_begin(struct jw *w)
{
	begin(w, '[');
}

void jw_array_end(struct jw *w)
{
	end(w, ']');
}

static void put_escape(struct buf *out, unsigned char c)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
	const char *at = c ? strchr(from, c) : NULL;

	if (at) {
		buf_putc(out, '\\');
		buf_putc(out, to[at - from]);
	} else {
		buf_printf(out, "\\u%04x", c);
	}
}

/* Appends the longest runs that need no change, and what lies between them. */
static void put_string(struct buf *out, struct str s)
{
	size_t run = 0;

	buf_putc(out, '"');
	for (size_t i = 0, n; i < s.len; i += n) {
		unsigned char c = (unsigned char)s.ptr[i];

		n = c < 0x80 ? 1 : utf8_char(s.ptr + i, s.len - i);
		if (n > 0 && c >= 0x20 && c != '"' && c != '\\')
			continue;
		buf_append(out, s.ptr + run, i - run);
		if (n > 0)
			put_escape(out, c);
		else
			buf_puts(out, "\xef\xbf\xbd");
		n = 1;
		run = i + 1;
	}
	if (run < s.len)
		buf_append(out, s.ptr + run, s.len - run);
	buf_putc(out, '"');
}

void jw_key(struct jw *w, struct str key)
{
	before_item(w);
	put_string(w->out, key);
	buf_puts(w->out, w->indent > 0 ? ": " : ":");
	w->after_key = true;
}

void jw_keyz(struct jw *w, const char *key)
{
	jw_key(w, str_of(key));
}

void jw_str(struct jw *w, struct str s)
{
	before_item(w);
	put_string(w->out, s);
}

void jw_strz(struct jw *w, const char *s)
{
	if (s)
		jw_str(w, str_of(s));
	else
		jw_null(w);
}

static void put_u64(struct buf *out, uint64_t v, bool negative)
{
	char text[21], *p = text + sizeof(text);

	do {
		*--p = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	if (negative)
		*--p = '-';
	buf_append(out, p, (size_t)(text + sizeof(text) - p));
}

void jw_int(struct jw *w, int64_t v)
{
	before_item(w);
	put_u64(w->out, v < 0 ? -(uint64_t)v : (uint64_t)v, v < 0);
}

void jw_uint(struct jw *w, uint64_t v)
{
	before_item(w);
	put_u64(w->out, v, false);
}

static void put_double(struct jw *w, double v, bool as_float)
{
	char text[32];
	size_t n = format_double(v, text);

	before_item(w);
	if (!isfinite(v)) {
		put_string(w->out, (struct str){text, n});
		return;
	}
	buf_append(w->out, text, n);
	if (as_float && !strpbrk(text, ".e"))
		buf_puts(w->out, ".0");
}

void jw_double(struct jw *w, double v)
{
	put_double(w, v, false);
}

void jw_float(struct jw *w, double v)
{
	put_double(w, v, true);
}

void jw_bool(struct jw *w, bool v)
{
	before_item(w);
	buf_puts(w->out, v ? "true" : "false");
}

void jw_null(struct jw *w)
{
	before_item(w);
	buf_puts(w->out, "null");
}

static void put_object(struct jw *w, const json_t *v)
{
	json_t *object =
		(json_t *)v; /* json_object_iter takes no const, though it changes nothing */

	jw_object_begin(w);
	for (void *i = json_object_iter(object); i; i = json_object_iter_next(object, i)) {
		jw_key(w, (struct str){json_object_iter_key(i), json_object_iter_key_len(i)});
		jw_json(w, json_object_iter_value(i));
	}
	jw_object_end(w);
}

void jw_json(struct jw *w, const json_t *v)
{
	switch (v ? json_typeof(v) : JSON_NULL) {
	case JSON_OBJECT:
		put_object(w, v);
		break;
	case JSON_ARRAY:
		jw_array_begin(w);
		for (size_t i = 0; i < json_array_size(v); i++)
			jw_json(w, json_array_get(v, i));
		jw_array_end(w);
		break;
	case JSON_STRING:
		jw_str(w, (struct str){json_string_value(v), json_string_length(v)});
		break;
	case JSON_INTEGER:
		jw_int(w, json_integer_value(v));
		break;
	case JSON_REAL:
		jw_float(w, json_real_value(v));
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		jw_bool(w, json_is_true(v));
		break;
	case JSON_NULL:
		jw_null(w);
		break;
	}
}

void jw_kv_str(struct jw *w, const char *key, struct str v)
{
	jw_keyz(w, key);
	jw_str(w, v);
}

void jw_kv_strz(struct jw *w, const char *key, const char *v)
{
	jw_keyz(w, key);
	jw_strz(w, v);
}

void jw_kv_int(struct jw *w, const char *key, int64_t v)
{
	jw_keyz(w, key);
	jw_int(w, v);
}

void jw_kv_bool(struct jw *w, const char *key, bool v)
{
	jw_keyz(w, key);
	jw_bool(w, v);
}
