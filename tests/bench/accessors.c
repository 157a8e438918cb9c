/* A plugin that times the accessors it is given: nanoseconds a call, as outputs. */
#include <taskhost/author.h>

#include <time.h>

TH_PLUGIN("bench_accessors", "1.0.0", "Times th.literal/1");

static double ns_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

#define ROUNDS 200000

#define TIME(X)                                                                                    \
	X(in, a, integer, "an integer")                                                            \
	X(in, s, string, "a string")                                                               \
	X(in, xs, strings, "a list")                                                               \
	X(out, lookup, float, "ns to find an input by name")                                       \
	X(out, as_i64, float, "ns to read an integer")                                             \
	X(out, as_str, float, "ns to read a string")                                               \
	X(out, item, float, "ns to take one list element and read it")                             \
	X(out, output, float, "ns to write an integer output")
TH_TASK(time, TIME, "Nanoseconds per accessor call")
{
	const th_lit *a = th_input(run, "a"), *s = th_input(run, "s");
	volatile int64_t sink = 0;
	uint64_t n = 0;
	int64_t i64 = 0;
	th_str str;
	th_val *v = NULL;
	double t = ns_now();

	for (int i = 0; i < ROUNDS; i++)
		sink += th_input(run, "a") != NULL;
	out->lookup = (ns_now() - t) / ROUNDS;
	t = ns_now();
	for (int i = 0; i < ROUNDS; i++)
		if (TH_LIT->as_i64(a, &i64) == TH_OK)
			sink += i64;
	out->as_i64 = (ns_now() - t) / ROUNDS;
	t = ns_now();
	for (int i = 0; i < ROUNDS; i++)
		if (TH_LIT->as_str(s, &str) == TH_OK)
			sink += (int64_t)str.len;
	out->as_str = (ns_now() - t) / ROUNDS;
	if (TH_LIT->len(in->xs, &n) != TH_OK || n == 0)
		return th_fail(run, "USER:ValueError", "xs is empty");
	t = ns_now();
	for (int i = 0; i < ROUNDS; i++)
		if (TH_LIT->as_str(TH_LIT->item(in->xs, (uint64_t)i % n), &str) == TH_OK)
			sink += (int64_t)str.len;
	out->item = (ns_now() - t) / ROUNDS;
	t = ns_now();
	for (int i = 0; i < ROUNDS; i++)
		if (TH_LIT->output(run->exec, th_s("output"), &v) == TH_OK)
			TH_LIT->set_i64(v, i);
	out->output = (ns_now() - t) / ROUNDS;
	(void)sink;
	return TH_OK;
}
