/* Where the other programs of this installation are. */
#pragma once

#include "base/error.h"

/* The path of "taskhost", "taskhostd" or "taskhost-runner": beside the program that runs, else where
 * they are installed. The caller frees. ERR_NOT_FOUND says where it was looked for. */
int program_path(const char *name, char **ret, struct error *err);
