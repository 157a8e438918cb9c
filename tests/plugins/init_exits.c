#include "behave.h"

BEHAVE("init_exits")
{
	exit(7);
}
