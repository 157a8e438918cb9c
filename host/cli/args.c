#include "cli/args.h"

#include "base/mem.h"
#include "base/str.h"
#include "cli/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
	const struct args_command *command;
	char **next, **end;
	char *values;
	struct args_list *operands;
	uint64_t seen; /* bit per option */
	bool help;
};

void args_list_done(struct args_list *list)
{
	free(list->items);
	*list = (struct args_list)ARGS_LIST_INIT;
}

int args_list_add(struct args_list *list, const char *item, struct error *err)
{
	const char **items = reallocarray(list->items, list->n + 1, sizeof(*items));

	if (!items)
		return err_nomem(err, "the arguments");
	list->items = items;
	items[list->n++] = item;
	return 0;
}

void args_done(const struct args_command *command, void *values, struct args_list *operands)
{
	for (size_t i = 0; i < command->n_options; i++)
		if (command->options[i].kind == ARGS_LIST)
			args_list_done((void *)((char *)values + command->options[i].offset));
	args_list_done(operands);
}

static bool is_choice(const char *choices, const char *value)
{
	size_t len = strlen(value);

	for (const char *at = choices; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
		if (strcspn(at, "|") == len && memcmp(at, value, len) == 0)
			return true;
	return false;
}

static int
store(struct reader *r, const struct args_option *o, const char *value, struct error *err)
{
	char *field = r->values + o->offset;
	int64_t number = 0;

	switch (o->kind) {
	case ARGS_FLAG:
		*(bool *)(void *)field = true;
		return 0;
	case ARGS_CHOICE:
		if (!is_choice(o->value, value))
			return err_set(err, ERR_INVALID,
				       "Invalid value for '--%s': '%s' is not one of %s.", o->name,
				       value, o->value);
		/* fallthrough */
	case ARGS_TEXT:
		*(const char **)(void *)field = value;
		return 0;
	case ARGS_INTEGER:
		if (!parse_i64(str_of(value), &number))
			return err_set(err, ERR_INVALID,
				       "Invalid value for '--%s': '%s' is not a valid integer.",
				       o->name, value);
		*(int64_t *)(void *)field = number;
		return 0;
	case ARGS_DURATION:
		if (!parse_duration(str_of(value), &number) || number < 0)
			return err_set(err, ERR_INVALID,
				       "Invalid value for '--%s': '%s' is not a duration such as "
				       "500ms, 90s or 1m30s.",
				       o->name, value);
		*(int64_t *)(void *)field = number;
		return 0;
	case ARGS_LIST:
		return args_list_add((void *)field, value, err);
	}
	return 0;
}

static const struct args_option *find(const struct args_command *c, struct str name, char letter)
{
	for (size_t i = 0; i < c->n_options; i++)
		if (letter ? c->options[i].letter == letter : str_is(name, c->options[i].name))
			return &c->options[i];
	return NULL;
}

static int no_such_option(const struct args_command *c, struct str typed, struct error *err)
{
	const char *names[64] = {"help"};
	char word[64];
	size_t n = 1;
	const char *close;

	for (size_t i = 0; i < c->n_options && n < ARRAY_LEN(names); i++)
		names[n++] = c->options[i].name;
	snprintf(word, sizeof(word), STR_FMT, STR_ARG(typed));
	close = suggest(word, names, n);
	if (!close)
		return err_set(err, ERR_INVALID, "No such option: --" STR_FMT, STR_ARG(typed));
	return err_set(err, ERR_INVALID, "No such option: --" STR_FMT " Did you mean --%s?",
		       STR_ARG(typed), close);
}

static int take_option(struct reader *r,
		       const struct args_option *o,
		       const char *spelled,
		       const char *value,
		       struct error *err)
{
	if (o->kind == ARGS_FLAG && value)
		return err_set(err, ERR_INVALID, "Option '%s' does not take a value.", spelled);
	if (o->kind != ARGS_FLAG && !value) {
		if (r->next == r->end)
			return err_set(err, ERR_INVALID, "Option '%s' requires an argument.",
				       spelled);
		value = *r->next++;
	}
	r->seen |= (uint64_t)1 << (o - r->command->options);
	return store(r, o, value, err);
}

static int read_long(struct reader *r, const char *word, struct error *err)
{
	const char *equals = strchr(word, '=');
	struct str name = {word, equals ? (size_t)(equals - word) : strlen(word)};
	const struct args_option *o = find(r->command, name, 0);
	char spelled[80];

	if (!o && str_is(name, "help")) {
		r->help = true;
		return equals ? err_set(err, ERR_INVALID, "Option '--help' does not take a value.")
			      : 0;
	}
	if (!o)
		return no_such_option(r->command, name, err);
	snprintf(spelled, sizeof(spelled), "--%s", o->name);
	return take_option(r, o, spelled, equals ? equals + 1 : NULL, err);
}

/* "-v", "-abc" for three flags, "-i value", "-ivalue". */
static int read_short(struct reader *r, const char *word, struct error *err)
{
	for (; *word; word++) {
		const struct args_option *o = find(r->command, STR_NULL, *word);
		const char spelled[3] = {'-', *word, '\0'};

		if (!o && *word == 'h') {
			r->help = true;
			continue;
		}
		if (!o)
			return err_set(err, ERR_INVALID, "No such option: %s", spelled);
		if (o->kind != ARGS_FLAG)
			return take_option(r, o, spelled, word[1] ? word + 1 : NULL, err);
		take_option(r, o, spelled, NULL, err);
	}
	return 0;
}

static int check(const struct reader *r, struct error *err)
{
	const struct args_command *c = r->command;

	for (size_t i = 0; i < c->n_options; i++)
		if (c->options[i].required && !(r->seen >> i & 1))
			return err_set(err, ERR_INVALID, "Missing option '--%s'.",
				       c->options[i].name);
	if (r->operands->n < c->min_operands) {
		struct str rest = str_of(c->operands);

		for (size_t i = 0; i < r->operands->n && rest.len > 0; i++) {
			const char *space = memchr(rest.ptr, ' ', rest.len);
			size_t skip = space ? (size_t)(space - rest.ptr) + 1 : rest.len;

			rest = (struct str){rest.ptr + skip, rest.len - skip};
		}
		return err_set(err, ERR_INVALID, "Missing argument '%.*s'.",
			       (int)strcspn(rest.ptr, " "), rest.ptr);
	}
	if (r->operands->n > c->max_operands)
		return err_set(err, ERR_INVALID, "Got unexpected extra argument (%s)",
			       r->operands->items[c->max_operands]);
	return 0;
}

int args_parse(const struct args_command *command,
	       int argc,
	       char **argv,
	       void *values,
	       struct args_list *operands,
	       struct error *err)
{
	struct reader r = {.command = command,
			   .next = argv,
			   .end = argv + argc,
			   .values = values,
			   .operands = operands};
	bool only_operands = false;

	while (r.next < r.end) {
		const char *word = *r.next++;
		int rc;

		if (only_operands || word[0] != '-' || word[1] == '\0')
			rc = args_list_add(operands, word, err);
		else if (word[1] != '-')
			rc = read_short(&r, word + 1, err);
		else if (word[2] != '\0')
			rc = read_long(&r, word + 2, err);
		else {
			only_operands = true;
			rc = 0;
		}
		if (rc < 0)
			return rc;
	}
	if (r.help)
		return ARGS_HELP;
	return check(&r, err);
}

/* ---- help ------------------------------------------------------------------------------------ */

#define HELP_WIDTH      80
#define HELP_COLUMN_MAX 30

/* "-i, --input NAME=VALUE" */
static int option_column(const struct args_option *o, bool plain, char *out, size_t size)
{
	const char *value = o->value;
	char letter[8] = "";

	if (plain && value)
		value = o->kind == ARGS_INTEGER ? "INTEGER" : "TEXT";
	if (o->letter)
		snprintf(letter, sizeof(letter), "-%c, ", o->letter);
	return snprintf(out, size, "%s--%s%s%s", letter, o->name, value ? " " : "",
			value ? value : "");
}

/* Words of `text` from column `indent` on, new lines indented as far. */
static void wrap(const char *text, size_t indent, struct buf *out)
{
	size_t column = indent;

	while (*text) {
		size_t len = strcspn(text, " ");

		if (column > indent && column + 1 + len > HELP_WIDTH) {
			buf_printf(out, "\n%*s", (int)indent, "");
			column = indent;
		} else if (column > indent) {
			buf_putc(out, ' ');
			column++;
		}
		buf_append(out, text, len);
		column += len;
		text += len;
		text += strspn(text, " ");
	}
}

static void help_row(const char *left, const char *right, size_t column, struct buf *out)
{
	buf_printf(out, "  %s", left);
	if (!*right) {
		buf_putc(out, '\n');
		return;
	}
	if (strlen(left) > column)
		buf_printf(out, "\n%*s", (int)column + 4, "");
	else
		buf_printf(out, "%*s", (int)(column + 2 - strlen(left)), "");
	wrap(right, column + 4, out);
	buf_putc(out, '\n');
}

static void help_options(const struct args_command *c, bool plain, struct buf *out)
{
	size_t column = strlen("--help");
	char left[128];

	for (size_t i = 0; i < c->n_options; i++) {
		int n = option_column(&c->options[i], plain, left, sizeof(left));

		if ((!plain || !c->options[i].ours) && n <= HELP_COLUMN_MAX)
			column = MAX(column, (size_t)n);
	}
	buf_puts(out, "\nOptions:\n");
	for (size_t i = 0; i < c->n_options; i++) {
		const struct args_option *o = &c->options[i];
		char right[1024];

		if (plain && o->ours)
			continue;
		option_column(o, plain, left, sizeof(left));
		snprintf(right, sizeof(right), "%s%s%s", plain ? "" : o->help,
			 !plain && o->required ? " " : "", o->required ? "[required]" : "");
		help_row(left, right, column, out);
	}
	help_row("--help", "Show this message and exit.", column, out);
}

static void help_block(const char *title, const char *text, struct buf *out)
{
	buf_printf(out, "%s\n", title);
	while (*text) {
		size_t len = strcspn(text, "\n");

		buf_printf(out, "%s%.*s\n", len ? "  " : "", (int)len, text);
		text += len + (text[len] == '\n');
	}
}

static void usage_line(const struct args_command *c, const char *prog, struct buf *out)
{
	buf_printf(out, "Usage: %s [OPTIONS]%s%s\n", prog, *c->operands ? " " : "", c->operands);
}

void args_help(const struct args_command *command, const char *prog, bool plain, struct buf *out)
{
	const char *about = plain ? command->plain_about : command->about;

	usage_line(command, prog, out);
	if (about)
		help_block("", about, out);
	help_options(command, plain, out);
	if (plain)
		return;
	if (command->notes)
		help_block("", command->notes, out);
	if (command->examples)
		help_block("\nExamples:", command->examples, out);
}

int args_usage_error(const struct args_command *command, const char *prog, const char *message)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;

	usage_line(command, prog, &text);
	buf_printf(&text, "Try '%s --help' for help.\n\nError: %s\n", prog, message);
	fputs(text.data ? text.data : message, stderr);
	return EXIT_USAGE;
}

int args_read(const struct args_command *command,
	      const char *prog,
	      int argc,
	      char **argv,
	      void *values,
	      struct args_list *operands)
{
	struct error err = ERROR_INIT;
	int rc = args_parse(command, argc, argv, values, operands, &err);

	if (rc < 0)
		return args_usage_error(command, prog, err.message);
	if (rc == ARGS_HELP) {
		_cleanup_(buf_done) struct buf text = BUF_INIT;

		args_help(command, prog, strchr(prog, ' ') == NULL, &text);
		return output_text(&text);
	}
	return -1;
}
