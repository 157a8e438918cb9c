/* Leaves a process behind, in a session of its own, that would outlive everybody. */
#include "behave.h"

BEHAVE("init_forks")
{
	if (fork() == 0) {
		setsid();
		if (fork() == 0)
			for (;;)
				pause();
		_exit(0);
	}
	return TH_OK;
}
