#include "task/html.h"

static const char *entity_of(char c)
{
	switch (c) {
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '&':
		return "&amp;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#x27;";
	default:
		return NULL;
	}
}

void html_escape(struct str text, struct buf *out)
{
	for (size_t i = 0; i < text.len;) {
		const char *entity = entity_of(text.ptr[i]);
		size_t n = utf8_char(text.ptr + i, text.len - i);

		if (entity)
			buf_puts(out, entity);
		else if (n)
			buf_append(out, text.ptr + i, n);
		else
			buf_puts(out, "\xef\xbf\xbd");
		i += n ? n : 1;
	}
}
