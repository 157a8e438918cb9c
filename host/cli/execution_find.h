/* Executions by a part of their id. */
#pragma once

#include "cli/worker_client.h"

#define EXECUTION_ID_SIZE 14

/* The full id for what a person typed: all 13 characters or the first ones. EXIT_USAGE when it is
 * no id, or several begin so: then they are listed. EXIT_NOT_FOUND. A full id is not looked up. */
int execution_find(struct worker *w, const char *typed, char out[EXECUTION_ID_SIZE]);

/* Lower case, 1 to 13 letters and digits; else false. */
bool execution_id_clean(const char *typed, char out[EXECUTION_ID_SIZE]);

/* What is said when a prefix stands for several. */
void execution_ambiguous(
	const char *typed, Execution *const *found, size_t n, bool more, struct buf *out);
