/* A task for each kind of value that Flyte knows: the file to copy from. Each task declares its
 * variables in a list, and its body computes `out` from `in`. What a task can ask of its host
 * (progress, checkpoints, decks, secrets) is shown in services.c. */
#include <taskhost/author.h>

#include <math.h>
#include <stdlib.h>

TH_PLUGIN("arith", "1.0.0", "Arithmetic, and a sample task for every kind of value");

/* ---- integers -------------------------------------------------------------------------------- */

#define ADD(X)                                                                                     \
	X(in, a, integer, "first term")                                                            \
	X(in, b, integer, "second term")                                                           \
	X(out, o0, integer, "the sum")
TH_TASK(add, ADD, "Adds two integers")
{
	if (__builtin_add_overflow(in->a, in->b, &out->o0))
		return th_fail(run, "USER:OverflowError", "%lld + %lld is beyond 64 bits",
			       (long long)in->a, (long long)in->b);
	return TH_OK;
}

/* ---- floats; an input with a default --------------------------------------------------------- */

#define DIVIDE(X)                                                                                  \
	X(in, a, float, "what is divided")                                                         \
	X(opt, by, float, 2.0, "what it is divided by")                                            \
	X(out, quotient, float, "a / by")
TH_TASK(divide, DIVIDE, "Divides a float")
{
	if (in->by == 0)
		return th_fail(run, "USER:ZeroDivisionError", "cannot divide %g by zero", in->a);
	out->quotient = in->a / in->by;
	return TH_OK;
}

/* ---- strings: made in memory that lives as long as the execution ----------------------------- */

#define GREET(X)                                                                                   \
	X(in, name, string, "who is greeted")                                                      \
	X(opt, greeting, string, th_s("Hello"), "the first word")                                  \
	X(out, o0, string, "the greeting")
TH_TASK(greet, GREET, "Puts a greeting before a name")
{
	size_t size = in->greeting.len + in->name.len + sizeof(", !");
	char *text = (char *)TH_HOST->arena_alloc(run->exec, size, 1);

	if (!text)
		return TH_E_NOMEM;
	snprintf(text, size, "%s, %s!", in->greeting.ptr, in->name.ptr);
	out->o0 = th_s(text);
	return TH_OK;
}

/* ---- booleans -------------------------------------------------------------------------------- */

#define BOTH(X)                                                                                    \
	X(in, a, boolean, "one condition")                                                         \
	X(in, b, boolean, "another condition")                                                     \
	X(out, all, boolean, "a and b")                                                            \
	X(out, any, boolean, "a or b")
TH_TASK(both, BOTH, "Combines two conditions")
{
	out->all = in->a && in->b;
	out->any = in->a || in->b;
	return TH_OK;
}

/* ---- datetimes and durations ----------------------------------------------------------------- */

#define SHIFT(X)                                                                                   \
	X(in, at, datetime, "an instant")                                                          \
	X(in, by, duration, "how far; negative goes back")                                         \
	X(out, o0, datetime, "the instant after that span")
TH_TASK(shift, SHIFT, "Moves an instant by a duration")
{
	int64_t seconds;
	int32_t nanos = in->at.nanos + in->by.nanos; /* a duration's nanos have its sign */
	int32_t carry = nanos < 0 ? -1 : nanos >= 1000000000;

	if (__builtin_add_overflow(in->at.seconds, in->by.seconds, &seconds))
		return th_fail(run, "USER:OverflowError", "the instant is out of range");
	out->o0.seconds = seconds + carry;
	out->o0.nanos = nanos - carry * 1000000000;
	return TH_OK;
}

#define SPAN(X)                                                                                    \
	X(in, from, datetime, "the first instant")                                                 \
	X(in, to, datetime, "the second instant")                                                  \
	X(out, o0, duration, "to - from")
TH_TASK(span, SPAN, "Time between two instants")
{
	int64_t seconds = in->to.seconds - in->from.seconds;
	int32_t nanos = in->to.nanos - in->from.nanos;

	if (seconds > 0 && nanos < 0) { /* both parts must have one sign */
		seconds--;
		nanos += 1000000000;
	} else if (seconds < 0 && nanos > 0) {
		seconds++;
		nanos -= 1000000000;
	}
	out->o0.seconds = seconds;
	out->o0.nanos = nanos;
	return TH_OK;
}

/* ---- none: an optional is a union with NONE, written as a type of its own -------------------- */

#define SUCCESSOR(X)                                                                               \
	X(in, a, literal, "a number or nothing",                                                   \
	  "{\"unionType\":{\"variants\":["                                                         \
	  "{\"simple\":\"INTEGER\",\"structure\":{\"tag\":\"int\"}},"                              \
	  "{\"simple\":\"NONE\",\"structure\":{\"tag\":\"none\"}}]}}")                             \
	X(out, o0, literal, "the next number, or nothing",                                         \
	  "{\"unionType\":{\"variants\":["                                                         \
	  "{\"simple\":\"INTEGER\",\"structure\":{\"tag\":\"int\"}},"                              \
	  "{\"simple\":\"NONE\",\"structure\":{\"tag\":\"none\"}}]}}")
TH_TASK(successor, SUCCESSOR, "The next integer of an optional one")
{
	int64_t a;

	if (TH_LIT->kind(TH_LIT->union_value(in->a)) == TH_KIND_NONE)
		return TH_LIT->set_none(out->o0);
	if (TH_LIT->as_i64(in->a, &a) != TH_OK || a == INT64_MAX)
		return th_fail(run, "USER:OverflowError", "there is no next number");
	return TH_LIT->set_i64(out->o0, a + 1);
}

/* ---- unions: the host picks the variant that fits the value ---------------------------------- */

#define NUMBER(X)                                                                                  \
	X(in, text, string, "digits, or anything else")                                            \
	X(out, o0, literal, "the number, or the text itself",                                      \
	  "{\"unionType\":{\"variants\":["                                                         \
	  "{\"simple\":\"INTEGER\",\"structure\":{\"tag\":\"int\"}},"                              \
	  "{\"simple\":\"STRING\",\"structure\":{\"tag\":\"str\"}}]}}")
TH_TASK(number, NUMBER, "Reads a number where there is one")
{
	char *end = NULL;
	long long value = strtoll(in->text.ptr, &end, 10);

	if (in->text.len && end == in->text.ptr + in->text.len)
		return TH_LIT->set_i64(out->o0, value);
	return TH_LIT->set_str(out->o0, in->text);
}

/* ---- enums: strings that the host holds to the declared ones --------------------------------- */

#define ROUND(X)                                                                                   \
	X(in, x, float, "any number")                                                              \
	X(in, mode, literal, "where to", "{\"enumType\":{\"values\":[\"up\",\"down\",\"near\"]}}") \
	X(out, o0, float, "a whole number")
TH_TASK(round, ROUND, "Rounds a float up, down or to the nearest")
{
	th_str mode;
	th_status st = TH_LIT->as_str(in->mode, &mode);

	if (st != TH_OK)
		return st;
	if (th_str_eq(mode, th_s("up")))
		out->o0 = ceil(in->x);
	else if (th_str_eq(mode, th_s("down")))
		out->o0 = floor(in->x);
	else
		out->o0 = nearbyint(in->x);
	return TH_OK;
}

/* ---- binary: filled in place ----------------------------------------------------------------- */

#define REVERSE(X)                                                                                 \
	X(in, data, binary, "bytes")                                                               \
	X(out, o0, literal, "the same bytes, last first", "{\"simple\":\"BINARY\"}")
TH_TASK(reverse, REVERSE, "Reverses bytes")
{
	uint8_t *bytes = NULL;
	th_status st = TH_LIT->reserve_binary(out->o0, in->data.len, th_s("bytes"), &bytes);

	for (size_t i = 0; st == TH_OK && i < in->data.len; i++)
		bytes[i] = in->data.ptr[in->data.len - 1 - i];
	return st;
}

/* ---- lists of numbers: one array, no copies -------------------------------------------------- */

#define SUM(X)                                                                                     \
	X(in, xs, integers, "terms")                                                               \
	X(out, o0, integer, "their sum")
TH_TASK(sum, SUM, "Adds up integers")
{
	for (size_t i = 0; i < in->xs.len; i++)
		if (__builtin_add_overflow(out->o0, in->xs.ptr[i], &out->o0))
			return th_fail(run, "USER:OverflowError", "the sum is beyond 64 bits");
	return TH_OK;
}

#define MEAN(X)                                                                                    \
	X(in, xs, floats, "numbers")                                                               \
	X(out, mean, float, "their mean")                                                          \
	X(out, centred, floats, "each number less the mean")
TH_TASK(mean, MEAN, "The mean of floats, and how far each is from it")
{
	double *centred, sum = 0;

	if (!in->xs.len)
		return th_fail(run, "USER:ValueError", "an empty list has no mean");
	centred = (double *)TH_HOST->arena_alloc(run->exec, in->xs.len * sizeof(double), 0);
	if (!centred)
		return TH_E_NOMEM;
	for (size_t i = 0; i < in->xs.len; i++)
		sum += in->xs.ptr[i];
	out->mean = sum / (double)in->xs.len;
	for (size_t i = 0; i < in->xs.len; i++)
		centred[i] = in->xs.ptr[i] - out->mean;
	out->centred.ptr = centred;
	out->centred.len = in->xs.len;
	return TH_OK;
}

/* ---- lists of anything ----------------------------------------------------------------------- */

#define LENGTHS(X)                                                                                 \
	X(in, words, strings, "words")                                                             \
	X(out, o0, integers, "how many bytes each has")                                            \
	X(out, longest, string, "the first of the longest")
TH_TASK(lengths, LENGTHS, "Measures words")
{
	uint64_t n = 0;
	int64_t *lengths;
	th_status st = TH_LIT->len(in->words, &n);

	lengths = (int64_t *)TH_HOST->arena_alloc(run->exec, (n + 1) * sizeof(int64_t), 0);
	if (!lengths)
		return TH_E_NOMEM;
	for (uint64_t i = 0; st == TH_OK && i < n; i++) {
		th_str word;
		st = TH_LIT->as_str(TH_LIT->item(in->words, i), &word);
		if (st != TH_OK)
			break;
		lengths[i] = (int64_t)word.len;
		if (word.len > out->longest.len)
			out->longest = word;
	}
	out->o0.ptr = lengths;
	out->o0.len = n;
	return st;
}

/* ---- maps, and lists inside them ------------------------------------------------------------- */

#define TOTALS(X)                                                                                  \
	X(in, m, literal, "lists of numbers by name",                                              \
	  "{\"mapValueType\":{\"collectionType\":{\"simple\":\"FLOAT\"}}}")                        \
	X(out, o0, literal, "each list's sum", "{\"mapValueType\":{\"simple\":\"FLOAT\"}}")
TH_TASK(totals, TOTALS, "Adds up the lists in a map")
{
	uint64_t n = 0;
	th_status st = TH_LIT->len(in->m, &n);

	if (st == TH_OK)
		st = TH_LIT->set_map(out->o0);
	for (uint64_t i = 0; st == TH_OK && i < n; i++) {
		th_str key;
		th_val *slot;
		th_f64_list list;
		double total = 0;

		st = TH_LIT->f64_list(TH_LIT->entry(in->m, i, &key), &list);
		if (st == TH_OK)
			st = TH_LIT->put(out->o0, key, &slot);
		if (st != TH_OK)
			break;
		for (size_t k = 0; k < list.len; k++)
			total += list.ptr[k];
		st = TH_LIT->set_f64(slot, total);
	}
	return st;
}

#define FLATTEN(X)                                                                                 \
	X(in, xss, literal, "lists of integers",                                                   \
	  "{\"collectionType\":{\"collectionType\":{\"simple\":\"INTEGER\"}}}")                    \
	X(out, o0, literal, "one list", "{\"collectionType\":{\"simple\":\"INTEGER\"}}")
TH_TASK(flatten, FLATTEN, "Joins nested lists into one")
{
	uint64_t n = 0;
	th_status st = TH_LIT->len(in->xss, &n);

	if (st == TH_OK)
		st = TH_LIT->set_collection(out->o0);
	for (uint64_t i = 0; st == TH_OK && i < n; i++) {
		th_i64_list list = {NULL, 0};
		th_val *slot;

		st = TH_LIT->i64_list(TH_LIT->item(in->xss, i), &list);
		for (size_t k = 0; st == TH_OK && k < list.len; k++)
			if ((st = TH_LIT->append(out->o0, &slot)) == TH_OK)
				st = TH_LIT->set_i64(slot, list.ptr[k]);
	}
	return st;
}
