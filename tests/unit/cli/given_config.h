/* A configuration that a test makes from a file's text, variables and flags. */
#pragma once

#include "cli/config.h"
#include "lib/test.h"

extern struct worker_config given_config; /* config_done() is the test's to call */

/* The defaults of ann, or of a user with these variables; then what is given. */
void given(void);
void given_place(const char *const *env, bool root);
void given_file(const char *text); /* of w.json */
void given_env(const char *variable);
void given_flag(const char *key, const char *value);
/* Nothing was wrong. */
void given_finish(void);

void check_from(const char *key, enum config_source source, const char *where);
/* The only problem, and not more than it. Ends with config_done(). */
void check_problem(const char *sentence);
