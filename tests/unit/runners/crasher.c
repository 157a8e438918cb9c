/* A shared object that fails in several ways, for back-traces. */
#include <stdint.h>
#include <stdlib.h>

#define ENTRY __attribute__((visibility("default"), noinline))

int crasher_segv(int depth);
int crasher_call(int (*f)(int), int v);

static __attribute__((noinline)) int write_nowhere(volatile int *where, int v)
{
	*where = v;
	return *where + 1;
}

ENTRY int crasher_segv(int depth)
{
	return write_nowhere((volatile int *)(uintptr_t)(16 * depth), depth) + 1;
}

/* Gives the host, or libc, a place between two frames of this object. */
ENTRY int crasher_call(int (*f)(int), int v)
{
	return f(v) + 1;
}

static __attribute__((noinline)) void crash_early(void)
{
	if (getenv("CRASHER_CONSTRUCTOR"))
		abort();
}

static __attribute__((constructor)) void construct(void)
{
	crash_early();
}
