#include "behave.h"

BEHAVE("init_fails")
{
	TH_HOST->error_set(error, TH_E_SYSTEM, 0, th_s("NoLicence"),
			   th_s("the licence server does not answer"));
	return TH_E_SYSTEM;
}
