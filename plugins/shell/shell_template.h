/* Scripts and commands with values in them, taken apart. Pure: no memory, no host.
 *
 * A script is what flytekit's ShellTask takes, Python's format text: {inputs.x}, {outputs.y},
 * {ctx.working_directory}, also {inputs[x]}; {{ and }} stand for single braces. {inputs.x!q} puts
 * the value in quotes for the shell; {inputs.x!s} is the same as without.
 *
 * A command is what a container's command and args hold: {{.inputs.x}}, {{.outputs.y}},
 * {{.ctx.working_directory}}, spaces allowed inside; single braces mean nothing. */
#ifndef SHELL_TEMPLATE_H
#define SHELL_TEMPLATE_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum shell_syntax { SHELL_SCRIPT, SHELL_COMMAND };
enum shell_piece_kind { SHELL_TEXT, SHELL_INPUT, SHELL_OUTPUT, SHELL_CTX };

struct shell_piece {
	enum shell_piece_kind kind;
	const char *ptr; /* the text, or the name of the value */
	size_t len;
	int quoted; /* put it in quotes for the shell */
};

struct shell_template {
	const char *start, *at, *end;
	enum shell_syntax syntax;
};

struct shell_template_error {
	size_t offset; /* in bytes from the start */
	const char *message;
};

void shell_template_init(struct shell_template *t,
			 enum shell_syntax syntax,
			 const char *text,
			 size_t len);

/* 1 and the next piece, 0 at the end, -1 and `ret_error`. */
int shell_template_next(struct shell_template *t,
			struct shell_piece *ret,
			struct shell_template_error *ret_error);

/* How many bytes of `text`, `n` long, may be copied as they are before a quote must be written as
 * '\'' inside a '…' string: up to and without the next '. */
size_t shell_unquoted_span(const char *text, size_t n);

#ifdef __cplusplus
}
#endif
#endif
