/* Frees host memory twice, and memory that never was the host's. */
#include "behave.h"

BEHAVE("double_free")
{
	const th_host *host = th_tables_.host_handle;
	char *block = (char *)TH_HOST->alloc(host, 100, 64);
	int local;

	if (!block || (uintptr_t)block % 64)
		return TH_E_NOMEM;
	TH_HOST->free(host, block);
	TH_HOST->free(host, block);
	TH_HOST->free(host, &local);
	TH_HOST->free(host, NULL);
	return TH_OK;
}
