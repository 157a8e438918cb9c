/* Text that grows, and Flyte's values as text in the way of Python's str(). */
#ifndef SHELL_TEXT_H
#define SHELL_TEXT_H

#include <taskhost/author.h>

struct text {
	char *ptr; /* NUL-terminated once something was added */
	size_t len, size;
	int failed; /* out of memory; further additions do nothing */
};

void text_add(struct text *t, const char *ptr, size_t n);
void text_done(struct text *t);

/* The text in the execution's arena, NULL when out of memory. */
const char *text_keep(const th_run *run, const struct text *t);

/* The value as flytekit's ShellTask writes it: files and directories as a path on this machine,
 * datetimes in ISO form, lists, maps and structs as JSON. */
th_status text_add_value(const th_run *run, struct text *t, th_str name, const th_lit *value);

/* Valid UTF-8 without control characters but tab and newline: others become '?'. In place. */
void text_clean(char *ptr, size_t n);

#endif
