/* From the serialized inputs to what a plugin reads. */
#pragma once

#include "task/exec.h"

/* Whether the local files and directories in a literal are there and are what its type says, at any
 * depth. ERR_MISMATCH. A pickle is looked for when somebody reads it. (input_files.c) */
int input_files_check(const Literal *literal, struct error *err);

/* Decodes, fetches offloaded literals, picks the element of a map task, checks and converts against
 * the interface. On failure `ret` has become the error Flyte should see, and the result is
 * negative. */
int inputs_prepare(struct exec *e, struct str wire, struct task_result *ret);
