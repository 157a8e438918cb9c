#include "lib/fail_alloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local long left = -1; /* allocations that succeed before one fails; -1 is off */
static _Thread_local bool failed;

void alloc_fail_after(long n)
{
	failed = false;
	left = n;
}

bool alloc_stop_failing(void)
{
	left = -1;
	return failed;
}

static bool fail_now(void)
{
	if (left < 0 || left-- > 0)
		return false;
	failed = true;
	errno = ENOMEM;
	return true;
}

/* WRAP(name, parameters, arguments): __wrap_name is what callers reach, __real_name what
 * they meant. */
#define WRAP(name, params, args)                                                                   \
	void *__real_##name params;                                                                \
	void *__wrap_##name params;                                                                \
	void *__wrap_##name params                                                                 \
	{                                                                                          \
		return fail_now() ? NULL : __real_##name args;                                     \
	}

WRAP(malloc, (size_t size), (size))
WRAP(calloc, (size_t n, size_t size), (n, size))
WRAP(realloc, (void *p, size_t size), (p, size))
WRAP(reallocarray, (void *p, size_t n, size_t size), (p, n, size))
WRAP(strdup, (const char *s), (s))
WRAP(strndup, (const char *s, size_t n), (s, n))
