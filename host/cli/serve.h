/* The worker: all layers put together on one event loop. */
#pragma once

#include "cli/config.h"

/* Serves until it has been drained or cannot go on. Prints the ready line on stdout, logs on stderr.
 * Returns the exit code; what kept it from starting has been logged. */
int serve(const struct worker_config *config);
