/* Words for how a process ended, shared by the one that runs once and those that stay. */
#pragma once

#include "base/buf.h"

#include <stdint.h>

/* "Segmentation fault (SIGSEGV)"; "signal 40" for one without a name. */
void cause_signal(int sig, struct buf *out);

/* "out of memory (the limit is 64.0 MiB), ended by exit(1)". limit: bytes, 0: none. signal: 0 when
 * it ended with `code`. */
void cause_out_of_memory(uint64_t limit, int sig, int code, struct buf *out);
