/* How far a drain is, for `worker drain` and `worker status`. */
#pragma once

#include "cli/worker_client.h"

typedef Taskhost__Worker__V1__DrainResponse DrainState;

/* "finishing: 3 running, 2 waiting are kept, at most 12s more" */
void worker_drain_text(const DrainState *d, struct buf *out);
