#include "query.h"

#include <string.h>
#include <strings.h>

void query_scan_init(struct query_scan *s, const char *sql, size_t len)
{
	memset(s, 0, sizeof(*s));
	s->at = sql;
	s->end = sql + len;
	s->inside = QUERY_BARE;
}

static int is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

static const char *skip_space(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || (*p >= '\t' && *p <= '\r')))
		p++;
	return p;
}

/* flytekit's {{\s*.inputs.(\w+)\s*}}, in any case of letters. The end of it, or NULL. */
static const char *match_placeholder(const char *p, const char *end, struct query_piece *ret)
{
	static const char inputs[] = ".inputs.";
	const char *name, *after;

	if (end - p < 2 || p[0] != '{' || p[1] != '{')
		return NULL;
	p = skip_space(p + 2, end);
	if ((size_t)(end - p) < sizeof(inputs) || strncasecmp(p, inputs, sizeof(inputs) - 1) != 0)
		return NULL;
	name = p + sizeof(inputs) - 1;
	for (p = name; p < end && is_word(*p);)
		p++;
	after = skip_space(p, end);
	if (p == name || end - after < 2 || after[0] != '}' || after[1] != '}')
		return NULL;
	ret->ptr = name;
	ret->len = (size_t)(p - name);
	return after + 2;
}

static char closing(const struct query_scan *s)
{
	switch (s->inside) {
	case QUERY_STRING:
		return '\'';
	case QUERY_QUOTED:
		return '"';
	case QUERY_TICKED:
		return '`';
	case QUERY_BRACKET:
		return ']';
	default:
		return 0;
	}
}

/* Takes one character or one mark of SQL, and keeps account of where it is. A doubled quote closes
 * and opens again, which comes to the same. */
static const char *step(struct query_scan *s, const char *p)
{
	size_t rest = (size_t)(s->end - p);

	if (s->inside == QUERY_COMMENT) {
		if (s->comment == '-' ? *p == '\n' : rest > 1 && p[0] == '*' && p[1] == '/') {
			s->inside = QUERY_BARE;
			return p + (s->comment == '-' ? 1 : 2);
		}
		return p + 1;
	}
	if (s->inside != QUERY_BARE) {
		if (*p == closing(s))
			s->inside = QUERY_BARE;
		return p + 1;
	}
	if (rest > 1 && ((p[0] == '-' && p[1] == '-') || (p[0] == '/' && p[1] == '*'))) {
		s->inside = QUERY_COMMENT;
		s->comment = p[1];
		return p + 2;
	}
	s->inside = *p == '\''  ? QUERY_STRING
		    : *p == '"' ? QUERY_QUOTED
		    : *p == '`' ? QUERY_TICKED
		    : *p == '[' ? QUERY_BRACKET
				: QUERY_BARE;
	return p + 1;
}

int query_scan_next(struct query_scan *s, struct query_piece *ret)
{
	const char *p = s->at;
	struct query_piece found;

	if (p == s->end)
		return 0;
	while (p < s->end) {
		const char *after = match_placeholder(p, s->end, &found);

		if (after && p == s->at) {
			*ret = found;
			ret->place = s->inside;
			s->at = after;
			return 1;
		}
		if (after)
			break;
		p = step(s, p);
	}
	ret->place = QUERY_TEXT;
	ret->ptr = s->at;
	ret->len = (size_t)(p - s->at);
	s->at = p;
	return 1;
}
