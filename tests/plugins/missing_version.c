/* Wants a version of a library that this machine's is too old for. */
#include "behave.h"

int from_the_future(void);

BEHAVE("missing_version")
{
	return from_the_future();
}
