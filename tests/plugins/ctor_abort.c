/* A constructor that aborts: only reading the file is safe. */
#include <taskhost/author.h>

#include <stdlib.h>

TH_PLUGIN("ctor_abort", "1.0.0", "Dies before it is asked anything");

__attribute__((constructor)) static void boom(void)
{
	abort();
}
