/* From what a plugin set to the document that is stored. */
#pragma once

#include "task/exec.h"

/* Builds, checks, uploads and encodes the outputs. `ret` becomes TASK_OUTPUTS or TASK_FUTURES, or
 * the error Flyte should see with a negative code. */
int outputs_collect(struct exec *e, struct task_result *ret);
