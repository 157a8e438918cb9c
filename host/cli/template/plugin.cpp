/* @ID@: a plugin for taskhost. Each TH_TASK is a task of Flyte; the macros write what a host wants
 * to know of it. The book for authors is plugin-api/README.md. */
#include <taskhost/author.h>

#include <exception>
#include <numeric>
#include <string>

TH_PLUGIN("@ID@", "0.1.0", "Says what @ID@ does, in a line");

namespace {

/* Memory for results comes from the execution's arena; nobody frees it. */
bool keep(const th_run *run, const std::string &text, th_str *ret)
{
	char *copy = static_cast<char *>(TH_HOST->arena_alloc(run->exec, text.size() + 1, 1));

	if (!copy)
		return false;
	memcpy(copy, text.c_str(), text.size() + 1);
	*ret = th_str_n(copy, text.size());
	return true;
}

} // namespace

/* direction, name, type, [default,] description */
#define GREET(X)                                                                                   \
	X(in, name, string, "whom to greet")                                                       \
	X(opt, times, integer, 1, "how often, 1 to 9")                                             \
	X(out, o0, string, "the greeting")

/* An exception must not leave a plugin: the host is not C++. */
TH_TASK(greet, GREET, "Greets somebody")
{
	if (in->times < 1 || in->times > 9)
		return th_fail(run, "USER:ValueError", "times must be 1 to 9, not %lld",
			       static_cast<long long>(in->times));
	try {
		std::string text;

		for (int64_t i = 0; i < in->times; i++)
			text += (i ? " Hello, " : "Hello, ") +
				std::string(in->name.ptr, in->name.len) + "!";
		return keep(run, text, &out->o0) ? TH_OK : TH_E_NOMEM;
	} catch (const std::exception &e) {
		return th_fail(run, "USER:RuntimeError", "%s", e.what());
	}
}

#define MEAN(X)                                                                                    \
	X(in, values, floats, "at least one number")                                               \
	X(out, o0, float, "their mean")

TH_TASK(mean, MEAN, "The mean of a list of numbers")
{
	const double *values = in->values.ptr;
	size_t n = in->values.len;

	if (n == 0)
		return th_fail(run, "USER:ValueError", "values is empty");
	out->o0 = std::accumulate(values, values + n, 0.0) / static_cast<double>(n);
	return TH_OK;
}
