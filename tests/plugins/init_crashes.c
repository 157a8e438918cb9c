#include "behave.h"

BEHAVE("init_crashes")
{
	volatile int *volatile nowhere = NULL;

	return *nowhere;
}
