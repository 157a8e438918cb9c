/* Statuses that are none. */
#include "behave.h"

BEHAVE("init_garbage")
{
	return 0x7ead0001;
}
