/* One line on stderr that is written again and again, where stderr is a terminal; elsewhere
 * nothing. */
#pragma once

#include <stdbool.h>

struct status_line {
	bool shown;
};

/* The first line of `text`, cut to the width of the terminal. */
void status_line_show(struct status_line *s, const char *text);
void status_line_clear(struct status_line *s);
