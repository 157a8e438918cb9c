/* One declarative option parser for all verbs: each verb has a table of options that is parsed,
 * checked and turned into its help. Errors read as click's do, since three of the verbs stand in
 * for programs made with it. Prints nothing but help and usage errors. */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum args_kind {
	ARGS_FLAG,     /* bool */
	ARGS_TEXT,     /* const char * */
	ARGS_CHOICE,   /* const char *, one of `value` ("text|json") */
	ARGS_INTEGER,  /* int64_t */
	ARGS_DURATION, /* int64_t nanoseconds, at least 0; "90s", "1m30s" */
	ARGS_LIST,     /* struct args_list; may be given again */
};

/* Borrowed strings in an array of its own. */
struct args_list {
	const char **items;
	size_t n;
};

#define ARGS_LIST_INIT                                                                             \
	{                                                                                          \
		.items = NULL, .n = 0                                                              \
	}

struct args_option {
	const char *name; /* without dashes */
	char letter;      /* 0: none */
	enum args_kind kind;
	size_t offset;     /* of the field in the struct that holds the values */
	const char *value; /* what the value is called in help; NULL for flags */
	const char *help;
	bool required;
	bool ours; /* not known to the program that this verb stands in for: left out of its help */
};

struct args_command {
	const char *operands; /* "FILE", "[RESOLVER_ARGS]..."; empty: none */
	const char *about; /* lines of at most 80 columns, without the last newline; may be NULL */
	const char *plain_about; /* the same in the help of the program stood in for */
	const struct args_option *options;
	size_t n_options;
	size_t min_operands, max_operands;
	const char *notes;    /* after the options, as `about`; may be NULL */
	const char *examples; /* one command a line; may be NULL */
};

enum args_result { ARGS_OK = 0, ARGS_HELP = 1 };

/* Reads argv (without program and verb) into `values`, a struct that starts out with the defaults,
 * and `operands`; both may hold memory afterwards, also after an error. ARGS_HELP when --help is
 * among the options: the values found so far are set, nothing has been checked. ERR_INVALID with
 * a sentence in click's words. */
int args_parse(const struct args_command *command,
	       int argc,
	       char **argv,
	       void *values,
	       struct args_list *operands,
	       struct error *err);

/* Frees what args_parse allocated. */
void args_done(const struct args_command *command, void *values, struct args_list *operands);
void args_list_done(struct args_list *list);
int args_list_add(struct args_list *list, const char *item, struct error *err);

/* `plain` gives the help of the program stood in for: its own words, no options of ours. */
void args_help(const struct args_command *command, const char *prog, bool plain, struct buf *out);

/* Prints usage line, hint and "Error: …" to stderr; returns the exit code 2. */
int args_usage_error(const struct args_command *command, const char *prog, const char *message);

/* args_parse, and help and errors dealt with. -1: go on; else the exit code. */
int args_read(const struct args_command *command,
	      const char *prog,
	      int argc,
	      char **argv,
	      void *values,
	      struct args_list *operands);
