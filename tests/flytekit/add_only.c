/* Test plugin: the one task that the recorded command lines name. */
#include <taskhost/author.h>

TH_PLUGIN("add_only", "1.0.0", "One task");

#define ADD(X) X(in, a, integer, "a") X(in, b, integer, "b") X(out, o0, integer, "o0")
TH_TASK(add, ADD, "a + b")
{
	out->o0 = in->a + in->b;
	return TH_OK;
}
