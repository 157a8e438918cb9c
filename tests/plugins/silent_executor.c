/* The code has an executor that no note has. */
#include <taskhost/plugin-api.h>

static const th_executor silent;
#define RAW_EXECUTORS &raw_executor, &silent
#include "raw.h"

static const th_executor silent = {
	sizeof(th_executor), 0,    0,    0,   "Silent", NULL, NULL, NULL, NULL,
	raw_execute,         NULL, NULL, NULL};
