/* The error document for a child that died: PluginCrashed, or OutOfMemory. */
#pragma once

#include "cli/child.h"

/* Logs it and stores it where the child's result would have gone. Negative when it could not be
 * stored, which is logged too. */
int crash_store(const struct child *c, const struct once_result *once);
