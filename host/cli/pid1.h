/* What the first process of a container has to do besides its work: bury children that are not its
 * own, and die of signals that have no handler, which the kernel spares process 1. [loop] */
#pragma once

#include "loop/loop.h"

struct pid1;

/* Starts the duties. To be called when pid1_needed; also works in a process that has made itself a
 * reaper (PR_SET_CHILD_SUBREAPER).
 *
 * A dead child is only buried here when it has been seen dead in two looks with turns of the loop,
 * and a second, in between: whoever waits for a child of his own has had his turn by then. */
int pid1_new(struct loop *l, struct pid1 **ret, struct error *err);
void pid1_free(struct pid1 *p); /* NULL is fine */

unsigned long pid1_buried(const struct pid1 *p); /* so far */

bool pid1_needed(void); /* are we process 1? */
