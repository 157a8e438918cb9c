/* Secrets of an execution: from the environment, then from files (contract 6.1). */
#pragma once

#include "task/exec.h"

/* The value, without white space around it, in memory that is wiped when the execution ends.
 * ERR_NOT_FOUND names the variable and the file that were looked for. Any thread. */
int secrets_get(struct exec *e,
		struct str group,
		struct str key,
		struct str version,
		struct str *ret,
		struct error *err);
