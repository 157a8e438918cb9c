#include "behave.h"

int nowhere_one(void);
int nowhere_two(void);

BEHAVE("missing_symbol")
{
	return nowhere_one() + nowhere_two();
}
