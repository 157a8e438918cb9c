/* `taskhost run TASK --help`. */
#pragma once

#include "abi/note.h"
#include "flyte/document.h"

/* `usage` is how the task is called ("arith.add"); note NULL: the template came from outside. */
void run_help(const char *prog,
	      const char *usage,
	      const TaskTemplate *template,
	      const struct note_offer *note,
	      struct buf *out);
