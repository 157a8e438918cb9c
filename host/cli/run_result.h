/* What `taskhost run` makes of the files of an execution. All return the exit code. */
#pragma once

#include "base/json.h"
#include "flyte/document.h"

/* Outputs as one line of JSON, in the order declared; a dynamic job as {"futures":…}. */
int run_result_print(const char *prog, const char *dir, const TaskTemplate *template);

/* The literals as one JSON object: those declared in `vars` (may be NULL) first, in that order.
 * `what` names one of them in errors ("output"). */
int run_result_values(const char *what,
		      const LiteralMap *map,
		      const VariableMap *vars,
		      struct jw *w,
		      struct error *err);

/* Code, words and trace of error.pb on stderr. */
int run_result_print_error(const char *prog, const char *dir);

int run_result_copy_deck(const char *dir, const char *to, struct error *err);
