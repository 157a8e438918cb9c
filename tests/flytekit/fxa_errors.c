/* Test plugin fxa: tasks that fail. */
#include "fxa.h"

#define BOOM(X) X(in, a, integer, "a") X(out, o0, integer, "o0")

TH_TASK(boom, BOOM, "Fails with a code of its own")
{
	return th_fail(run, "USER:RuntimeError", "bad value %lld", (long long)in->a);
}

TH_TASK(boom_recoverable, BOOM, "Fails, and may be tried again")
{
	return th_fail_recoverable(run, "USER:Recoverable", "try again %lld", (long long)in->a);
}

TH_TASK(boom_user, BOOM, "Fails with flytekit's general user code")
{
	return th_fail(run, "USER:Unknown", "user exception %lld", (long long)in->a);
}

TH_TASK(boom_system, BOOM, "Fails for good, though not by its own fault")
{
	return th_fail(run, "USER:NonRecoverableSystemError", "system broke");
}

TH_TASK(boom_ignore, BOOM, "Wants no outputs written")
{
	return TH_IGNORE_OUTPUTS;
}

TH_TASK(chained, BOOM, "Fails because something else failed")
{
	th_fail(run, "USER:ValueError", "inner failure");
	return th_fail(run, "USER:RuntimeError", "outer failure");
}

#define WRONG_TYPE(X) X(in, a, integer, "a") X(out, o0, literal, "o0", "{\"simple\":\"INTEGER\"}")
TH_TASK(wrong_type, WRONG_TYPE, "Gives a string where an integer is declared")
{
	return TH_LIT->set_str(out->o0, th_s("not an int"));
}
