/* The memory that the two sides of once_run share, and the entry of the child. */
#pragma once

#include "runners/crash.h"
#include "runners/once.h"

#include <signal.h>
#include <sys/types.h>

struct once_shared {
	struct once_child child;
	pid_t parent;
	_Atomic uint32_t no_debugger; /* gdb has ended: do not wait for it */
	struct crash_record crash;
};

/* The child's life after fork: never returns. `mask` is the signal mask to run with. */
_Noreturn void
once_child_main(const struct once_params *params, struct once_shared *shared, const sigset_t *mask);
