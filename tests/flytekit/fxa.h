/* Shared by the files of the test plugin fxa. */
#pragma once

#include <taskhost/author.h>

#include <stdlib.h>

/* Text in the way of Python's str(): floats in the shortest form that reads back, with an exponent
 * outside of 1e-4 to 1e16. `size` is 40 or more; returns the length. */
size_t python_float(char *text, size_t size, double value);

/* The error for an integer that Flyte cannot carry; flytekit ends with 1 and no file then. */
th_status too_large(const th_run *run);

/* Text in the execution's arena, or NULL. */
char *arena_text(const th_run *run, size_t size);

/* `before`, a, `after` as one text in the execution's arena. */
th_status number_text(const th_run *run, th_str before, int64_t a, th_str after, th_str *ret);
