#include "flyte/literal_place.h"

#include <ctype.h>

#define TEXT_SHOWN 60

static bool is_word(struct str key)
{
	if (key.len == 0 || key.len > TEXT_SHOWN || isdigit((unsigned char)key.ptr[0]))
		return false;
	for (size_t i = 0; i < key.len; i++)
		if (!isalnum((unsigned char)key.ptr[i]) && key.ptr[i] != '_')
			return false;
	return true;
}

struct shown shown(struct str s)
{
	struct shown out;
	size_t len = 0;

	for (size_t i = 0, n; i < s.len; i += n) {
		unsigned char c = (unsigned char)s.ptr[i];

		n = utf8_char(s.ptr + i, s.len - i);
		if (len + (n ? n : 1) > TEXT_SHOWN) {
			memcpy(out.text + len, "…", sizeof("…") - 1);
			len += sizeof("…") - 1;
			break;
		}
		if (n == 0 || c < 0x20 || c == 0x7f) {
			out.text[len++] = '?';
			n = n ? n : 1;
		} else {
			memcpy(out.text + len, s.ptr + i, n);
			len += n;
		}
	}
	out.text[len] = '\0';
	return out;
}

/* Recursion is as deep as the value, which its decoder has bounded. */
void place_print(const struct place *at, bool first, struct buf *out)
{
	if (!at)
		return;
	place_print(at->up, first, out);
	if (!at->has_key) {
		buf_printf(out, "[%zu]", at->index);
	} else if (is_word(at->key)) {
		if (at->up || !first)
			buf_putc(out, '.');
		buf_append(out, at->key.ptr, at->key.len);
	} else {
		buf_printf(out, "[\"%s\"]", shown(at->key).text);
	}
}
