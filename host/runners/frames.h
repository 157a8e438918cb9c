/* Names for the addresses of a crash record. */
#pragma once

#include "runners/crash.h"
#include "runners/once.h"

/* Both are what a child wrote, which may be anything.
 *
 * Fills frames, n_frames and trace_note of `ret`. Reads the mapped files, and what debug
 * information they hold, in a process of its own: files can be broken in ways that libraries do not
 * survive. What cannot be named in three seconds stays file and offset. */
void frames_name(const struct crash_record *crash,
		 const struct once_child *child,
		 struct once_result *ret);
