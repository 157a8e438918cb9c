/* The entry is there, but nobody outside can see it. */
#pragma GCC visibility push(hidden)
#define RAW_OWN_MAIN
#include "raw.h"
#pragma GCC visibility pop
__attribute__((used)) static const void *const keep[] = {raw_executors, RAW_RESOLVER_LIST};
