#include "behave.h"

int gone(void);

BEHAVE("missing_library")
{
	return gone();
}
