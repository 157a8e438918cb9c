/* Paths in inputs that another process, with another working directory, will open. */
#pragma once

#include "base/mem.h"
#include "flyte/literal.h"

/* Makes the relative local paths of files, directories and tables absolute, in place; what has a
 * scheme is left as it is. Memory comes from `arena`. */
int inputs_make_absolute(LiteralMap *map, struct arena *arena, struct error *err);
