/* Five tasks in two files, as a real plugin would have them. */
#include <taskhost/author.h>

TH_PLUGIN("kit", "2.0.0", "Tasks in two files");

#define ONE_IN(X) X(in, a, integer, "a number") X(out, o0, integer, "a number")

TH_TASK(one, ONE_IN, "first")
{
	out->o0 = in->a;
	return TH_OK;
}

TH_TASK(two, ONE_IN, "second")
{
	out->o0 = 2 * in->a;
	return TH_OK;
}

TH_TASK(three, ONE_IN, "third")
{
	if (in->a < 0)
		return th_fail(run, "USER:ValueError", "a is %d", (int)in->a);
	out->o0 = 3 * in->a;
	return TH_OK;
}
