/* Allocations that fail on purpose, in programs that link fail_alloc_dep (the linker's --wrap leads
 * malloc, calloc, realloc, reallocarray, strdup and strndup of our code and of the static libraries
 * here; what libc allocates for itself is not reached).
 *
 *   for (long n = 0;; n++) {
 *           alloc_fail_after(n);
 *           r = thing_new(&thing, &err);
 *           if (!alloc_stop_failing())
 *                   break;
 *           CHECK_INT(r, ERR_NOMEM);
 *   }
 *   CHECK_OK(r, err); */
#pragma once

#include <stdbool.h>

/* Lets n allocations of this thread succeed; the next fails, and those after it succeed again. */
void alloc_fail_after(long n);

/* Back to normal. True when an allocation has failed since alloc_fail_after. */
bool alloc_stop_failing(void);
