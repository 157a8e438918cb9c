/* Forks, and both processes return from init. */
#include "behave.h"

BEHAVE("init_returns_twice")
{
	return fork() < 0 ? TH_E_SYSTEM : TH_OK;
}
