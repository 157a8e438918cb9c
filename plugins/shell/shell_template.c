#include "shell_template.h"

#include <string.h>

void shell_template_init(struct shell_template *t,
			 enum shell_syntax syntax,
			 const char *text,
			 size_t len)
{
	t->start = t->at = text;
	t->end = text + len;
	t->syntax = syntax;
}

size_t shell_unquoted_span(const char *text, size_t n)
{
	const char *quote = n ? (const char *)memchr(text, '\'', n) : NULL;

	return quote ? (size_t)(quote - text) : n;
}

static int is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

static int fails(const struct shell_template *t,
		 const char *at,
		 const char *message,
		 struct shell_template_error *ret)
{
	ret->offset = (size_t)(at - t->start);
	ret->message = message;
	return -1;
}

static int
text_piece(struct shell_template *t, const char *end, const char *next, struct shell_piece *ret)
{
	ret->kind = SHELL_TEXT;
	ret->ptr = t->at;
	ret->len = (size_t)(end - t->at);
	ret->quoted = 0;
	t->at = next;
	return 1;
}

/* "inputs" and what follows; the place after the word, or NULL. */
static const char *match_root(const char *p, const char *end, struct shell_piece *ret)
{
	static const struct {
		const char *word;
		enum shell_piece_kind kind;
	} roots[] = {{"inputs", SHELL_INPUT}, {"outputs", SHELL_OUTPUT}, {"ctx", SHELL_CTX}};

	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
		size_t n = strlen(roots[i].word);

		if ((size_t)(end - p) > n && memcmp(p, roots[i].word, n) == 0 && !is_word(p[n])) {
			ret->kind = roots[i].kind;
			return p + n;
		}
	}
	return NULL;
}

static const char *match_word(const char *p, const char *end, struct shell_piece *ret)
{
	const char *start = p;

	while (p < end && is_word(*p))
		p++;
	ret->ptr = start;
	ret->len = (size_t)(p - start);
	return p;
}

/* What stands between { and } of a script. */
static int
script_value(struct shell_template *t, struct shell_piece *ret, struct shell_template_error *error)
{
	const char *open = t->at, *p;
	int bracket;

	ret->quoted = 0;
	p = match_root(open + 1, t->end, ret);
	if (!p)
		return fails(t, open,
			     "expected {inputs.NAME}, {outputs.NAME} or {ctx.NAME}; "
			     "write {{ for a brace of the shell's own",
			     error);
	if (p == t->end || (*p != '.' && *p != '['))
		return fails(t, open, "expected a dot and a name here, as in {inputs.x}", error);
	bracket = *p == '[';
	p = match_word(p + 1, t->end, ret);
	if (!ret->len || (bracket && (p == t->end || *p++ != ']')))
		return fails(t, open, "expected a name here, as in {inputs.x}", error);
	if (p < t->end && *p == '!') {
		if (t->end - p < 2 || (p[1] != 'q' && p[1] != 's'))
			return fails(t, p, "the conversions are !q (in quotes) and !s", error);
		ret->quoted = p[1] == 'q';
		p += 2;
	}
	if (p < t->end && *p == ':')
		return fails(t, p,
			     "format specifications after a colon are not supported; let "
			     "the script format the value",
			     error);
	if (p == t->end || *p != '}')
		return fails(t, open,
			     "this { has no } of its own; write {{ for a brace of the "
			     "shell's own",
			     error);
	t->at = p + 1;
	return 1;
}

static int
script_next(struct shell_template *t, struct shell_piece *ret, struct shell_template_error *error)
{
	const char *p = t->at;

	while (p < t->end && *p != '{' && *p != '}')
		p++;
	if (p < t->end && t->end - p > 1 && p[1] == *p)
		return text_piece(t, p + 1, p + 2, ret); /* the first of a doubled brace */
	if (p > t->at)
		return text_piece(t, p, p, ret);
	if (*p == '}')
		return fails(t, p, "a } without {; write }} for a brace of the shell's own", error);
	return script_value(t, ret, error);
}

static const char *skip_space(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	return p;
}

/* {{.inputs.x}} at `p`: the place after it, or NULL. */
static const char *match_command_value(const char *p, const char *end, struct shell_piece *ret)
{
	if (end - p < 2 || p[0] != '{' || p[1] != '{')
		return NULL;
	p = skip_space(p + 2, end);
	if (p == end || *p++ != '.')
		return NULL;
	p = match_root(p, end, ret);
	if (!p || *p != '.')
		return NULL;
	p = match_word(p + 1, end, ret);
	p = skip_space(p, end);
	if (!ret->len || end - p < 2 || p[0] != '}' || p[1] != '}')
		return NULL;
	ret->quoted = 0;
	return p + 2;
}

/* {{ and a dot, which can only be meant as a value. */
static int opens_value(const char *p, const char *end)
{
	if (end - p < 2 || p[0] != '{' || p[1] != '{')
		return 0;
	p = skip_space(p + 2, end);
	return p < end && *p == '.';
}

static int
command_next(struct shell_template *t, struct shell_piece *ret, struct shell_template_error *error)
{
	struct shell_piece value;
	const char *p = t->at, *after = NULL;

	while (p < t->end && !(after = match_command_value(p, t->end, &value))) {
		if (opens_value(p, t->end))
			return fails(t, p,
				     "expected {{.inputs.NAME}}, {{.outputs.NAME}} or "
				     "{{.ctx.NAME}}",
				     error);
		p++;
	}
	if (p > t->at)
		return text_piece(t, p, p, ret);
	*ret = value;
	t->at = after;
	return 1;
}

int shell_template_next(struct shell_template *t,
			struct shell_piece *ret,
			struct shell_template_error *ret_error)
{
	if (t->at == t->end)
		return 0;
	return t->syntax == SHELL_SCRIPT ? script_next(t, ret, ret_error)
					 : command_next(t, ret, ret_error);
}
