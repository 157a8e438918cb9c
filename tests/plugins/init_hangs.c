#include "behave.h"

BEHAVE("init_hangs")
{
	while (pause() < 0)
		continue;
	return TH_OK;
}
