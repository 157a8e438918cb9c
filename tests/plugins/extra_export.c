#include "raw.h"

TH_EXPORT int helper(void);
int helper(void)
{
	return 1;
}
