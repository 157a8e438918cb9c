#include <stddef.h>
#define RAW_EXECUTORS &raw_executor, NULL
#include "raw.h"
