/* What `taskhost run` makes of the files of an execution. All return the exit code. */
#pragma once

#include "flyte/document.h"

/* Outputs as one line of JSON, in the order declared; a dynamic job as {"futures":…}. */
int run_result_print(const char *prog, const char *dir, const TaskTemplate *template);

/* Code, words and trace of error.pb on stderr. */
int run_result_print_error(const char *prog, const char *dir);

int run_result_copy_deck(const char *dir, const char *to, struct error *err);
