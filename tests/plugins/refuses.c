/* Says no, and why. */
#define RAW_OWN_MAIN
#include "raw.h"

th_status th_plugin_main(const th_entry_in *in, th_entry_out *out, th_errout *error)
{
	static const char why[] = "needs a host of 2.0 or newer";
	th_str text = {why, sizeof(why) - 1}, none = {"", 0};

	(void)out;
	(void)raw_executors;
	in->host->error_set(error, TH_E_SYSTEM, 0, none, text);
	return TH_E_ABI;
}
