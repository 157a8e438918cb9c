/* @ID@: a plugin for taskhost. Each TH_TASK is a task of Flyte; the macros write what a host wants
 * to know of it. The book for authors is plugin-api/README.md. */
#include <taskhost/author.h>

TH_PLUGIN("@ID@", "0.1.0", "Says what @ID@ does, in a line");

/* direction, name, type, [default,] description */
#define GREET(X)                                                                                   \
	X(in, name, string, "whom to greet")                                                       \
	X(opt, times, integer, 1, "how often, 1 to 9")                                             \
	X(out, o0, string, "the greeting")

TH_TASK(greet, GREET, "Greets somebody")
{
	/* Memory for results comes from the execution's arena; nobody frees it. */
	size_t room = (in->name.len + sizeof("Hello, ! ")) * 9;
	size_t used = 0;
	char *text;

	if (in->times < 1 || in->times > 9)
		return th_fail(run, "USER:ValueError", "times must be 1 to 9, not %lld",
			       (long long)in->times);
	text = (char *)TH_HOST->arena_alloc(run->exec, room, 1);
	if (!text)
		return TH_E_NOMEM;
	for (int64_t i = 0; i < in->times; i++)
		used += (size_t)snprintf(text + used, room - used, "%sHello, %.*s!", i ? " " : "",
					 (int)in->name.len, in->name.ptr);
	out->o0 = th_str_n(text, used);
	return TH_OK;
}

#define MEAN(X)                                                                                    \
	X(in, values, floats, "at least one number")                                               \
	X(out, o0, float, "their mean")

TH_TASK(mean, MEAN, "The mean of a list of numbers")
{
	double sum = 0;

	if (in->values.len == 0)
		return th_fail(run, "USER:ValueError", "values is empty");
	for (size_t i = 0; i < in->values.len; i++)
		sum += in->values.ptr[i];
	out->o0 = sum / (double)in->values.len;
	return TH_OK;
}
