/* Keeps every rule: two tasks, an executor with a task type and an alias, a resolver of its own. */
#include <taskhost/author.h>

TH_PLUGIN("good", "1.2.3", "Keeps the rules");

#define ADD(X)                                                                                     \
	X(in, a, integer, "first term")                                                            \
	X(opt, b, integer, 1, "second term")                                                       \
	X(out, o0, integer, "the sum")
TH_TASK_WITH(add, ADD, "Adds two integers", TH_RETRIES(2) TH_TIMEOUT("90s") TH_CACHE("1.0"))
{
	out->o0 = in->a + in->b;
	return TH_OK;
}

#define NAMES(X)                                                                                   \
	X(in, names, literal, "who", "{\"collectionType\": {\"simple\": \"STRING\"}}")             \
	X(out, o0, string, "a \"greeting\"")
TH_TASK(greet, NAMES, "Greets")
{
	(void)in;
	out->o0 = th_s("hello");
	return TH_OK;
}

TH_EXECUTOR(Shim,
	    "Runs templates",
	    TH_TASK_TYPE("good_type") TH_SYNC_TASK_TYPE("good_sync") TH_ALIAS("flytekit.good.Shim")
		    TH_NEEDS("th.deck/1"))
{
	(void)run;
	return TH_OK;
}

static th_status
load(void *self, const th_str *args, size_t n_args, const th_task **ret_task, th_errout *error)
{
	(void)self;
	(void)args;
	(void)n_args;
	(void)ret_task;
	TH_HOST->error_set(error, TH_E_USER, 0, th_s(""), th_s("this resolver has no tasks"));
	return TH_E_NOT_FOUND;
}

static th_status args(void *self, const th_task *task, th_sink *sink, th_errout *error)
{
	(void)self;
	(void)task;
	(void)sink;
	(void)error;
	return TH_E_NOT_FOUND;
}

TH_EXPORT extern const th_resolver good_resolver;
const th_resolver good_resolver = {
	sizeof(th_resolver), 0, NULL, NULL, NULL, load, args, NULL, NULL, NULL, NULL, NULL};
TH_RESOLVER(good_resolver, "Finds nothing");
