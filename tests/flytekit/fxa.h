/* Shared by the files of the test plugin fxa. */
#pragma once

#include <taskhost/author.h>

#include <stdlib.h>

/* Text in the way of Python's str(): floats in the shortest form that reads back. Cut to `size`;
 * returns the length. */
size_t python_float(char *text, size_t size, double value);

/* Text in the execution's arena, or NULL. */
char *arena_text(const th_run *run, size_t size);

/* `before`, a, `after` as one text in the execution's arena. */
th_status number_text(const th_run *run, th_str before, int64_t a, th_str after, th_str *ret);
