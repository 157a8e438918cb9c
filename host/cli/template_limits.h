/* What a task template asks for its runner, read without decoding it. */
#pragma once

#include "base/error.h"
#include "runners/runner_limits.h"

/* container.resources.limits of a serialized TaskTemplate: memory, and CPUs at a time. What it does
 * not name is 0. ERR_INVALID names a quantity that is none. */
int template_limits(struct str task_template, struct runner_limits *ret, struct error *err);
