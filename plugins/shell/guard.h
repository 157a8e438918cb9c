/* A child that outlives this process for a moment, however it ends, to kill the process groups that
 * it was told of: what is killed itself cannot clean up. Started at first use. */
#ifndef SHELL_GUARD_H
#define SHELL_GUARD_H

#include <sys/types.h>

/* Of any thread. guard_add: 0, or an errno. */
int guard_add(pid_t group);
void guard_remove(pid_t group);

/* Ends the child and waits for it; no group may be left. */
void guard_close(void);

#endif
