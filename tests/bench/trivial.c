/* A trivial task: the least a plugin can be. */
#include <taskhost/author.h>

TH_PLUGIN("trivial", "1.0.0", "One task, to be timed");

#define ADD(X)                                                                                     \
	X(in, a, integer, "first term")                                                            \
	X(in, b, integer, "second term")                                                           \
	X(out, o0, integer, "the sum")
TH_TASK(add, ADD, "Adds two integers")
{
	out->o0 = in->a + in->b;
	return TH_OK;
}
