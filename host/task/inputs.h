/* From the serialized inputs to what a plugin reads. */
#pragma once

#include "task/exec.h"

/* Decodes, fetches offloaded literals, picks the element of a map task, checks and converts against
 * the interface. On failure `ret` has become the error Flyte should see, and the result is
 * negative. */
int inputs_prepare(struct exec *e, struct str wire, struct task_result *ret);
