// A plugin in C++: the same macros, the standard library inside.
#include <taskhost/author.h>

#include <map>
#include <string>

TH_PLUGIN("kitcpp", "1.0.0", "Written in C++");

namespace
{
std::map<std::string, int> counts{{"calls", 0}};
}

#define GREET(X) X(in, name, string, "who") X(out, o0, string, "a greeting")
TH_TASK(greet, GREET, "Greets")
{
	static thread_local std::string text;
	counts["calls"]++;
	text = "hello " + std::string(in->name.ptr, in->name.len);
	out->o0 = th_str_n(text.data(), text.size());
	return TH_OK;
}

TH_EXECUTOR(Shim, "Runs templates", TH_TASK_TYPE("kitcpp"))
{
	return TH_MODEL->raw ? TH_OK : th_fail(run, "USER:Old", "no model");
}
