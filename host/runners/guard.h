/* A child of the host that outlives it for a moment, however it ends, to kill the process groups of
 * its runners. A runner dies with the host by itself; what its plugin has started does not.
 * [single-thread] */
#pragma once

#include "base/error.h"

#include <sys/types.h>

struct guard;

/* Best before there is much memory and many descriptors: it is a copy of this process. */
int guard_start(struct guard **ret, struct error *err);

/* `g` may be NULL. That the guard is gone is logged once, and changes nothing else. */
void guard_add(struct guard *g, pid_t group);
void guard_remove(struct guard *g, pid_t group);

/* Ends and buries it; groups that were not removed are killed. NULL is fine. */
void guard_stop(struct guard *g);
