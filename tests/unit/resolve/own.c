/* A plugin with tasks by the macros and a resolver of its own that can be asked for odd things. */
#include <taskhost/author.h>

TH_PLUGIN("own", "1.2.3", "For tests of resolvers");

#define ADD(X)                                                                                     \
	X(in, a, integer, "first term")                                                            \
	X(opt, b, integer, 1, "")                                                                  \
	X(out, o0, integer, "the sum")
TH_TASK_WITH(add,
	     ADD,
	     "Adds two integers",
	     TH_RETRIES(3) TH_TIMEOUT("90s") TH_CACHE("v7") TH_DECK() TH_ALIAS("legacy.add")
		     TH_TASK_TYPE("adder"))
{
	out->o0 = in->a + in->b;
	return TH_OK;
}

#define NAMES(X)                                                                                   \
	X(in, names, literal, "who", "{\"collectionType\": {\"simple\": \"STRING\"}}")             \
	X(out, o0, string, "a greeting")
TH_TASK(greet, NAMES, "Greets")
{
	(void)in;
	out->o0 = th_s("hello");
	return TH_OK;
}

TH_EXECUTOR(Run, "Runs templates", TH_TASK_TYPE("own_type") TH_ALIAS("flytekit.own.Run"))
{
	(void)run;
	return TH_OK;
}

/* ---- the resolver: load_task takes the name of one of these ---------------------------------- */

TH_EXPORT extern int own_released;
int own_released;

static const th_executor foreign = {
	sizeof(th_executor), 0, 0, 0, "foreign", NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL};

static const struct th_task odd[] = {
	{"add", &th_executor_of_add}, /* as the note describes it */
	{"json", &th_executor_of_Run},   {"wire", &th_executor_of_Run},
	{"broken", &th_executor_of_Run}, {"twice", &th_executor_of_Run},
	{"silent", &th_executor_of_Run}, {"foreign", &foreign},
	{"stray", &th_executor_of_Run}, /* neither note nor template */
};
#define N_ODD (sizeof(odd) / sizeof(odd[0]))

static th_status
odd_load(void *self, const th_str *args, size_t n_args, const th_task **ret_task, th_errout *error)
{
	(void)self;
	if (n_args == 1 && th_str_eq(args[0], th_s("none")))
		return TH_OK;
	for (size_t i = 0; n_args == 1 && i < N_ODD; i++)
		if (th_str_eq(args[0], th_s(odd[i].name)) && args[0].ptr[args[0].len] == '\0') {
			*ret_task = &odd[i];
			return TH_OK;
		}
	if (n_args)
		TH_HOST->error_set(error, TH_E_USER, 0, th_s(""), th_s("nothing of that name"));
	return TH_E_NOT_FOUND;
}

static th_status odd_args(void *self, const th_task *task, th_sink *sink, th_errout *error)
{
	(void)self;
	(void)error;
	return TH_HOST->sink_push(sink, th_s(task->name));
}

#ifdef ENDLESS
#define LISTED 0xffffffffu
#else
#define LISTED 1
#endif

static th_status odd_at(void *self, uint32_t index, const th_task **ret_task)
{
	(void)self;
	if (index >= LISTED)
		return TH_E_NOT_FOUND;
	*ret_task = &odd[0];
	return TH_OK;
}

/* Only the first has a name. */
static th_status odd_name(void *self, const th_task *task, th_sink *sink)
{
	(void)self;
	if (task == &odd[0] || th_str_eq(th_s(task->name), th_s("stray")))
		return TH_HOST->sink_push(sink, th_s(task->name));
	return TH_OK;
}

static th_status odd_template(void *self, const th_task *task, th_sink *sink, th_errout *error)
{
	th_str name = th_s(task->name);

	(void)self;
	if (th_str_eq(name, th_s("json")))
		return TH_HOST->sink_push(
			sink, th_s("{\"type\":\"j\",\"id\":{\"name\":\"own.from_json\"},"
				   "\"interface\":{\"inputs\":{\"variables\":{\"x\":"
				   "{\"type\":{\"simple\":\"INTEGER\"}}}}}}"));
	/* As protobuf writes it: not the text that it has to be. */
	if (th_str_eq(name, th_s("wire")))
		return TH_HOST->sink_push(sink, th_s("\x0a\x0a\x22\x08own.wire\x12\x01w"));
	if (th_str_eq(name, th_s("broken")))
		return TH_HOST->sink_push(sink, th_s("{\"type\":7}"));
	if (th_str_eq(name, th_s("twice"))) {
		TH_HOST->sink_push(sink, th_s("{\"type\":\"a\"}"));
		return TH_HOST->sink_push(sink, th_s("{\"type\":\"b\"}"));
	}
	if (th_str_eq(name, th_s("silent")))
		return TH_OK;
	TH_HOST->error_set(error, TH_E_SYSTEM, 0, th_s("X:Y"), th_s("no template for this one"));
	return TH_E_SYSTEM;
}

static const th_executor *odd_executor(void *self, const th_task *task)
{
	(void)self;
	return task->executor;
}

static void odd_release(void *self, const th_task *task)
{
	(void)self;
	(void)task;
	own_released++;
}

TH_EXPORT extern const th_resolver finder;
const th_resolver finder = {sizeof(th_resolver),
			    0,
			    "finders",
			    NULL,
			    NULL,
			    odd_load,
			    odd_args,
			    odd_at,
			    odd_name,
			    odd_template,
			    odd_executor,
			    odd_release};
TH_RESOLVER(finder, "Finds odd things");

/* Without templates and names, and with a location of its own. */
static th_status plain_location(void *self, th_sink *sink)
{
	(void)self;
	return TH_HOST->sink_push(sink, th_s("own.elsewhere.plain"));
}

static th_status plain_at(void *self, uint32_t index, const th_task **ret_task)
{
	(void)self;
	if (index > 1)
		return TH_E_NOT_FOUND;
	*ret_task = index ? &th_task_greet : &odd[7];
	return TH_OK;
}

TH_EXPORT extern const th_resolver plain;
const th_resolver plain = {sizeof(th_resolver),
			   0,
			   NULL,
			   NULL,
			   plain_location,
			   odd_load,
			   odd_args,
			   plain_at,
			   NULL,
			   NULL,
			   odd_executor,
			   odd_release};
TH_RESOLVER(plain, "Finds with less");
