/* Test plugin: the tasks with which the recordings under golden/flytekit were made, in C. This
 * file: primitives. */
#include "fxa.h"

TH_PLUGIN("fxa", "1.0.0", "The recorded tasks, in C");

char *arena_text(const th_run *run, size_t size)
{
	return (char *)TH_HOST->arena_alloc(run->exec, size, 1);
}

size_t python_float(char *text, size_t size, double value)
{
	int n = 0, digits = 0, power;

	if (value != value)
		return (size_t)snprintf(text, size, "nan");
	do
		n = snprintf(text, size, "%.*e", digits, value);
	while (strtod(text, NULL) != value && digits++ < 17);
	if (!strchr(text, 'e')) /* infinite */
		return (size_t)n;
	power = atoi(strchr(text, 'e') + 1);
	if (power >= -4 && power < 16)
		n = snprintf(text, size, "%.*f", digits > power ? digits - power : 1, value);
	return n < 0 ? 0 : (size_t)n;
}

th_status too_large(const th_run *run)
{
	return th_fail(run, "USER:ValueError", "the result does not fit in 64 bits");
}

/* ---- primitives ------------------------------------------------------------------------------ */

#define ADD(X)                                                                                     \
	X(in, a, integer, "a")                                                                     \
	X(in, b, integer, "b")                                                                     \
	X(out, o0, integer, "o0")
TH_TASK(add, ADD, "a + b")
{
	return __builtin_add_overflow(in->a, in->b, &out->o0) ? too_large(run) : TH_OK;
}

#define CONCAT(X)                                                                                  \
	X(in, a, string, "a")                                                                      \
	X(in, b, string, "b")                                                                      \
	X(out, o0, string, "o0")
TH_TASK(concat, CONCAT, "a then b")
{
	char *text = arena_text(run, in->a.len + in->b.len + 1);

	if (!text)
		return TH_E_NOMEM;
	memcpy(text, in->a.ptr, in->a.len);
	memcpy(text + in->a.len, in->b.ptr, in->b.len);
	out->o0 = th_str_n(text, in->a.len + in->b.len);
	return TH_OK;
}

#define ALL_PRIMITIVES(X)                                                                          \
	X(in, i, integer, "i")                                                                     \
	X(in, f, float, "f")                                                                       \
	X(in, s, string, "s")                                                                      \
	X(in, b, boolean, "b")                                                                     \
	X(in, t, datetime, "t")                                                                    \
	X(in, d, duration, "d")                                                                    \
	X(in, day, datetime, "day")                                                                \
	X(out, o0, integer, "o0")                                                                  \
	X(out, o1, float, "o1")                                                                    \
	X(out, o2, string, "o2")                                                                   \
	X(out, o3, boolean, "o3")                                                                  \
	X(out, o4, datetime, "o4")                                                                 \
	X(out, o5, duration, "o5")                                                                 \
	X(out, o6, datetime, "o6")
TH_TASK(all_primitives, ALL_PRIMITIVES, "One of each, passed through")
{
	out->o0 = in->i;
	out->o1 = in->f;
	out->o2 = in->s;
	out->o3 = in->b;
	out->o4 = in->t;
	out->o5 = in->d;
	out->o6 = in->day;
	return TH_OK;
}

#define SHIFT_TIME(X)                                                                              \
	X(in, t, datetime, "t")                                                                    \
	X(in, by, duration, "by")                                                                  \
	X(out, o0, datetime, "o0")
TH_TASK(shift_time, SHIFT_TIME, "t + by")
{
	int32_t nanos = in->t.nanos + in->by.nanos;
	int32_t carry = nanos < 0 ? -1 : nanos >= 1000000000;

	out->o0.seconds = in->t.seconds + in->by.seconds + carry;
	out->o0.nanos = nanos - carry * 1000000000;
	return TH_OK;
}

#define SPAN(X)                                                                                    \
	X(in, a, datetime, "a")                                                                    \
	X(in, b, datetime, "b")                                                                    \
	X(out, o0, duration, "o0")
TH_TASK(span, SPAN, "b - a")
{
	int64_t seconds = in->b.seconds - in->a.seconds;
	int32_t nanos = in->b.nanos - in->a.nanos;
	int32_t carry = seconds > 0 && nanos < 0 ? -1 : seconds < 0 && nanos > 0;

	out->o0.seconds = seconds + carry; /* both of one sign */
	out->o0.nanos = nanos - carry * 1000000000;
	return TH_OK;
}

#define BOTH(X)                                                                                    \
	X(in, a, boolean, "a")                                                                     \
	X(in, b, boolean, "b")                                                                     \
	X(out, o0, boolean, "o0")                                                                  \
	X(out, o1, boolean, "o1")
TH_TASK(both, BOTH, "a and b, a or b")
{
	out->o0 = in->a && in->b;
	out->o1 = in->a || in->b;
	return TH_OK;
}

#define NONE_OUT(X) X(in, a, integer, "a")
TH_TASK(none_out, NONE_OUT, "Returns nothing")
{
	return TH_OK;
}

#define NO_INPUTS(X) X(out, o0, string, "o0")
TH_TASK(no_inputs, NO_INPUTS, "A constant")
{
	out->o0 = th_s("constant");
	return TH_OK;
}

#define TWO_NAMED(X)                                                                               \
	X(in, a, integer, "a")                                                                     \
	X(in, b, string, "b")                                                                      \
	X(out, total, integer, "total")                                                            \
	X(out, text, string, "text")
TH_TASK(two_named, TWO_NAMED, "a doubled, b with emphasis")
{
	char *text = arena_text(run, in->b.len + 2);

	if (!text)
		return TH_E_NOMEM;
	snprintf(text, in->b.len + 2, "%s!", in->b.ptr);
	if (__builtin_mul_overflow(in->a, 2, &out->total))
		return too_large(run);
	out->text = th_s(text);
	return TH_OK;
}

#define TWO_ANON(X)                                                                                \
	X(in, a, integer, "a")                                                                     \
	X(in, b, string, "b")                                                                      \
	X(out, o0, string, "o0")                                                                   \
	X(out, o1, integer, "o1")
TH_TASK(two_anon, TWO_ANON, "b, a")
{
	out->o0 = in->b;
	out->o1 = in->a;
	return TH_OK;
}

#define THREE(X)                                                                                   \
	X(in, a, integer, "a")                                                                     \
	X(in, b, float, "b")                                                                       \
	X(in, c, string, "c")                                                                      \
	X(out, o0, string, "o0")                                                                   \
	X(out, o1, float, "o1")                                                                    \
	X(out, o2, integer, "o2")
TH_TASK(three, THREE, "c, b, a")
{
	out->o0 = in->c;
	out->o1 = in->b;
	out->o2 = in->a;
	return TH_OK;
}

th_status number_text(const th_run *run, th_str before, int64_t a, th_str after, th_str *ret)
{
	size_t size = before.len + after.len + 32;
	char *text = arena_text(run, size);

	if (!text)
		return TH_E_NOMEM;
	snprintf(text, size, "%s%lld%s", before.ptr, (long long)a, after.ptr);
	*ret = th_s(text);
	return TH_OK;
}

#define ANNOTATED(X)                                                                               \
	X(in, a, literal, "a",                                                                     \
	  "{\"simple\":\"INTEGER\",\"annotation\":{\"annotations\":{\"unit\":\"kg\","              \
	  "\"limits\":[1.0,2.0,3.0]}}}")                                                           \
	X(out, o0, literal, "o0",                                                                  \
	  "{\"simple\":\"STRING\",\"annotation\":{\"annotations\":{\"kind\":\"label\"}}}")
TH_TASK(annotated, ANNOTATED, "a as text")
{
	int64_t a;
	th_str text;
	th_status st = TH_LIT->as_i64(in->a, &a);

	if (st == TH_OK)
		st = number_text(run, th_s(""), a, th_s(""), &text);
	return st == TH_OK ? TH_LIT->set_str(out->o0, text) : st;
}

#define DEFAULT_IN(X)                                                                              \
	X(opt, a, integer, 7, "a")                                                                 \
	X(opt, s, string, th_s("dflt"), "s")                                                       \
	X(out, o0, string, "o0")
TH_TASK(default_in, DEFAULT_IN, "s then a")
{
	return number_text(run, in->s, in->a, th_s(""), &out->o0);
}

#define FULL_META(X)                                                                               \
	X(in, a, integer, "the number")                                                            \
	X(in, b, string, "the text")                                                               \
	X(out, o0, string, "o0")
TH_TASK_WITH(full_meta, FULL_META, "a then b", TH_RETRIES(3) TH_TIMEOUT("90m") TH_CACHE("1.3"))
{
	return number_text(run, th_s(""), in->a, in->b, &out->o0);
}

#define HASHED(X)                                                                                  \
	X(in, a, integer, "a")                                                                     \
	X(out, o0, literal, "o0", "{\"simple\":\"INTEGER\"}")
TH_TASK(hashed, HASHED, "a + 100, with a hash")
{
	char hash[32];
	int64_t sum;
	th_status st;

	if (__builtin_add_overflow(in->a, 100, &sum))
		return too_large(run);
	st = TH_LIT->set_i64(out->o0, sum);
	snprintf(hash, sizeof(hash), "h-%lld", (long long)sum);
	return st == TH_OK ? TH_LIT->set_hash(out->o0, th_s(hash)) : st;
}

#define SQ(X) X(in, x, integer, "x") X(out, o0, integer, "o0")
TH_TASK(sq, SQ, "x * x")
{
	return __builtin_mul_overflow(in->x, in->x, &out->o0) ? too_large(run) : TH_OK;
}

#define SQ2(X) X(in, x, integer, "x") X(in, k, integer, "k") X(out, o0, integer, "o0")
TH_TASK(sq2, SQ2, "x * x + k")
{
	if (__builtin_mul_overflow(in->x, in->x, &out->o0) ||
	    __builtin_add_overflow(out->o0, in->k, &out->o0))
		return too_large(run);
	return TH_OK;
}

#define ECHO1(X) X(in, a, integer, "a") X(out, o0, integer, "o0")
TH_TASK(echo1, ECHO1, "a")
{
	out->o0 = in->a;
	return TH_OK;
}

#define ECHO3(X)                                                                                   \
	X(in, a, integer, "a")                                                                     \
	X(in, b, string, "b")                                                                      \
	X(in, c, floats, "c")                                                                      \
	X(out, o0, integer, "o0")                                                                  \
	X(out, o1, string, "o1")                                                                   \
	X(out, o2, floats, "o2")
TH_TASK(echo3, ECHO3, "a, b, c")
{
	out->o0 = in->a;
	out->o1 = in->b;
	out->o2 = in->c;
	return TH_OK;
}

#define WITH_DECK(X) X(in, a, integer, "a") X(out, o0, string, "o0")
TH_TASK_WITH(with_deck, WITH_DECK, "Writes two decks", TH_DECK())
{
	char html[100];
	th_deck *deck;
	th_status st = TH_DECK_API->open(run->exec, th_s("custom"), &deck);

	snprintf(html, sizeof(html), "<h1>value %lld</h1><p>caf\xc3\xa9</p>", (long long)in->a);
	if (st == TH_OK)
		st = TH_DECK_API->append_html(deck, th_s(html));
	if (st == TH_OK)
		st = TH_DECK_API->open(run->exec, th_s("default"), &deck);
	if (st == TH_OK)
		st = TH_DECK_API->append_html(deck, th_s("<b>default deck text</b>"));
	return st == TH_OK ? number_text(run, th_s("deck "), in->a, th_s(""), &out->o0) : st;
}
