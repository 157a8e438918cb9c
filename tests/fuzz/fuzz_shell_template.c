/* Any text as a script and as a command: the pieces lie inside it and go forward, text pieces hold
 * no brace that means something, an error is placed inside, and quoting can be undone. */
#include "fuzz.h"

#include "shell_template.h"

static void scan(enum shell_syntax syntax, const char *text, size_t len)
{
	struct shell_template t;
	struct shell_template_error error = {0, NULL};
	struct shell_piece piece;
	const char *last = text;
	size_t pieces = 0;
	int r;

	shell_template_init(&t, syntax, text, len);
	while ((r = shell_template_next(&t, &piece, &error)) == 1) {
		FUZZ_CHECK(piece.ptr >= last && piece.ptr + piece.len <= text + len);
		FUZZ_CHECK(piece.len > 0 && ++pieces <= len);
		last = piece.ptr + piece.len;
		if (piece.kind != SHELL_TEXT)
			for (size_t i = 0; i < piece.len; i++)
				FUZZ_CHECK(piece.ptr[i] == '_' ||
					   strchr("0123456789", piece.ptr[i]) ||
					   (piece.ptr[i] | 32) >= 'a');
		FUZZ_CHECK(!piece.quoted || (syntax == SHELL_SCRIPT && piece.kind != SHELL_TEXT));
	}
	if (r < 0)
		FUZZ_CHECK(error.message && error.offset < len);
	else
		FUZZ_CHECK(t.at == text + len);
}

/* Inside '…' nothing means anything but ', so taking the pieces apart again gives the text. */
static void quote(const char *text, size_t len)
{
	size_t at = 0;

	while (at < len) {
		size_t span = shell_unquoted_span(text + at, len - at);

		FUZZ_CHECK(span <= len - at && !memchr(text + at, '\'', span));
		FUZZ_CHECK(at + span == len || text[at + span] == '\'');
		at += span + 1;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	scan(SHELL_SCRIPT, (const char *)data, size);
	scan(SHELL_COMMAND, (const char *)data, size);
	quote((const char *)data, size);
	return 0;
}
