/* Starts a thread and never joins it. */
#include "behave.h"

#include <pthread.h>

static void *sleep_on(void *arg)
{
	for (;;)
		pause();
	return arg;
}

BEHAVE("thread_stays")
{
	pthread_t t;

	return pthread_create(&t, NULL, sleep_on, NULL) ? TH_E_SYSTEM : TH_OK;
}
