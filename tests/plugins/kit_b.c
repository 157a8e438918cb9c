#include <taskhost/author.h>

#define ALL(X)                                                                                     \
	X(in, i, integer, "")                                                                      \
	X(in, f, float, "")                                                                        \
	X(in, s, string, "")                                                                       \
	X(in, b, boolean, "")                                                                      \
	X(in, t, datetime, "")                                                                     \
	X(in, d, duration, "")                                                                     \
	X(in, n, binary, "")                                                                       \
	X(in, x, file, "")                                                                         \
	X(in, y, directory, "")                                                                    \
	X(in, j, json, "")                                                                         \
	X(in, q, dataset, "")                                                                      \
	X(in, il, integers, "")                                                                    \
	X(in, fl, floats, "")                                                                      \
	X(in, sl, strings, "")                                                                     \
	X(opt, dflt, string, th_s("x"), "")                                                        \
	X(out, of, float, "")                                                                      \
	X(out, os, string, "")                                                                     \
	X(out, osl, strings, "")

TH_TASK(four, ALL, "every type")
{
	out->of = in->f + (double)in->i + (in->b ? 1 : 0);
	out->os = in->s;
	return TH_LIT->set_collection ? TH_OK : TH_E_UNSUPPORTED;
}

#define NONE(X)
TH_TASK(five, NONE, "neither inputs nor outputs")
{
	th_progress(run, 1, "done");
	return th_cancelled(run) ? TH_E_CANCELLED : TH_OK;
}
