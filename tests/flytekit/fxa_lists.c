/* Test plugin fxa: lists, maps, unions and enums. */
#include "fxa.h"

#include <limits.h>
#include <locale.h>
#include <wchar.h>
#include <wctype.h>

/* ---- lists ----------------------------------------------------------------------------------- */

#define LIST_SUM(X) X(in, xs, integers, "xs") X(out, o0, integer, "o0")
TH_TASK(list_sum, LIST_SUM, "The sum")
{
	for (size_t i = 0; i < in->xs.len; i++)
		if (__builtin_add_overflow(out->o0, in->xs.ptr[i], &out->o0))
			return too_large(run);
	return TH_OK;
}

#define LIST_REV(X) X(in, xs, strings, "xs") X(out, o0, strings, "o0")
TH_TASK(list_rev, LIST_REV, "The list backwards")
{
	uint64_t n = 0;
	th_val *slot;
	th_status st = TH_LIT->len(in->xs, &n);

	if (st == TH_OK)
		st = TH_LIT->set_collection(out->o0);
	while (st == TH_OK && n--)
		if ((st = TH_LIT->append(out->o0, &slot)) == TH_OK)
			st = TH_LIT->set_literal(slot, TH_LIT->item(in->xs, n));
	return st;
}

#define NESTED_LIST(X)                                                                             \
	X(in, xs, literal, "xs",                                                                   \
	  "{\"collectionType\":{\"collectionType\":{\"simple\":\"INTEGER\"}}}")                    \
	X(out, o0, literal, "o0", "{\"collectionType\":{\"simple\":\"INTEGER\"}}")
TH_TASK(nested_list, NESTED_LIST, "The lists joined")
{
	uint64_t n = 0;
	th_status st = TH_LIT->len(in->xs, &n);

	if (st == TH_OK)
		st = TH_LIT->set_collection(out->o0);
	for (uint64_t i = 0; st == TH_OK && i < n; i++) {
		uint64_t m = 0;
		th_val *slot;
		const th_lit *inner = TH_LIT->item(in->xs, i);

		st = TH_LIT->len(inner, &m);
		for (uint64_t k = 0; st == TH_OK && k < m; k++)
			if ((st = TH_LIT->append(out->o0, &slot)) == TH_OK)
				st = TH_LIT->set_literal(slot, TH_LIT->item(inner, k));
	}
	return st;
}

#define MEAN(X) X(in, xs, floats, "xs") X(out, o0, float, "o0")
TH_TASK(mean, MEAN, "The mean")
{
	double sum = 0;

	if (!in->xs.len)
		return th_fail(run, "", "division by zero");
	for (size_t i = 0; i < in->xs.len; i++)
		sum += in->xs.ptr[i];
	out->o0 = sum / (double)in->xs.len;
	return TH_OK;
}

static int compare_times(const void *a, const void *b)
{
	const th_datetime *x = (const th_datetime *)a, *y = (const th_datetime *)b;

	if (x->seconds != y->seconds)
		return x->seconds < y->seconds ? -1 : 1;
	return (x->nanos > y->nanos) - (x->nanos < y->nanos);
}

#define SORT_DATES(X)                                                                              \
	X(in, xs, literal, "xs", "{\"collectionType\":{\"simple\":\"DATETIME\"}}")                 \
	X(out, o0, literal, "o0", "{\"collectionType\":{\"simple\":\"DATETIME\"}}")
TH_TASK(sort_dates, SORT_DATES, "The earliest first")
{
	uint64_t n = 0;
	th_datetime *times;
	th_val *slot;
	th_status st = TH_LIT->len(in->xs, &n);

	times = (th_datetime *)TH_HOST->arena_alloc(run->exec, (n + 1) * sizeof(*times), 0);
	if (!times)
		return TH_E_NOMEM;
	for (uint64_t i = 0; st == TH_OK && i < n; i++)
		st = TH_LIT->as_datetime(TH_LIT->item(in->xs, i), &times[i]);
	if (st == TH_OK) {
		qsort(times, n, sizeof(*times), compare_times);
		st = TH_LIT->set_collection(out->o0);
	}
	for (uint64_t i = 0; st == TH_OK && i < n; i++)
		if ((st = TH_LIT->append(out->o0, &slot)) == TH_OK)
			st = TH_LIT->set_datetime(slot, times[i]);
	return st;
}

#define JOIN_WORDS(X)                                                                              \
	X(in, words, strings, "words")                                                             \
	X(opt, sep, string, th_s(" "), "sep")                                                      \
	X(out, o0, string, "o0")
TH_TASK(join_words, JOIN_WORDS, "Words with a separator between")
{
	uint64_t n = 0;
	size_t size = 1, used = 0;
	char *text;
	th_str word;
	th_status st = TH_LIT->len(in->words, &n);

	for (uint64_t i = 0; st == TH_OK && i < n; i++) {
		st = TH_LIT->as_str(TH_LIT->item(in->words, i), &word);
		size += st == TH_OK ? word.len + in->sep.len : 0;
	}
	text = arena_text(run, size);
	if (st != TH_OK || !text)
		return st != TH_OK ? st : TH_E_NOMEM;
	for (uint64_t i = 0; i < n; i++) {
		TH_LIT->as_str(TH_LIT->item(in->words, i), &word);
		used += (size_t)snprintf(text + used, size - used, "%s%s", i ? in->sep.ptr : "",
					 word.ptr);
	}
	out->o0 = th_str_n(text, used);
	return TH_OK;
}

/* ---- maps ------------------------------------------------------------------------------------ */

/* As Python's str.upper(), but for the rarer letters that become two. */
static th_status upper(const th_run *run, th_str text, th_str *ret)
{
	char *out = arena_text(run, 2 * text.len + MB_LEN_MAX);
	locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0), before;
	size_t used = 0, n;
	mbstate_t in_state = {0}, out_state = {0};
	wchar_t c;

	if (!out || !utf8)
		return TH_E_NOMEM;
	before = uselocale(utf8);
	for (size_t at = 0; at < text.len; at += n) {
		n = mbrtowc(&c, text.ptr + at, text.len - at, &in_state);
		if (n == 0 || n > text.len)
			break;
		if (c == 0xdf) { /* sharp s */
			memcpy(out + used, "SS", 2);
			used += 2;
		} else {
			used += wcrtomb(out + used, (wchar_t)towupper((wint_t)c), &out_state);
		}
	}
	uselocale(before);
	freelocale(utf8);
	*ret = th_str_n(out, used);
	return TH_OK;
}

#define DICT_STR_INT(X)                                                                            \
	X(in, m, literal, "m", "{\"mapValueType\":{\"simple\":\"INTEGER\"}}")                      \
	X(out, o0, literal, "o0", "{\"mapValueType\":{\"simple\":\"INTEGER\"}}")
TH_TASK(dict_str_int, DICT_STR_INT, "Keys in capitals, values times ten")
{
	uint64_t n = 0;
	th_status st = TH_LIT->len(in->m, &n);

	if (st == TH_OK)
		st = TH_LIT->set_map(out->o0);
	for (uint64_t i = 0; st == TH_OK && i < n; i++) {
		th_str key;
		int64_t value;
		th_val *slot;

		st = TH_LIT->as_i64(TH_LIT->entry(in->m, i, &key), &value);
		if (st == TH_OK && __builtin_mul_overflow(value, 10, &value))
			return too_large(run);
		if (st == TH_OK)
			st = upper(run, key, &key);
		if (st == TH_OK) /* of keys that become equal the last one counts */
			st = TH_LIT->put(out->o0, key, &slot);
		if (st == TH_OK)
			st = TH_LIT->set_i64(slot, value);
	}
	return st;
}

#define DICT_OF_LISTS(X)                                                                           \
	X(in, m, literal, "m", "{\"mapValueType\":{\"collectionType\":{\"simple\":\"FLOAT\"}}}")   \
	X(out, o0, literal, "o0", "{\"mapValueType\":{\"simple\":\"FLOAT\"}}")
TH_TASK(dict_of_lists, DICT_OF_LISTS, "The sum of each list")
{
	uint64_t n = 0;
	th_status st = TH_LIT->len(in->m, &n);

	if (st == TH_OK)
		st = TH_LIT->set_map(out->o0);
	for (uint64_t i = 0; st == TH_OK && i < n; i++) {
		th_str key;
		th_f64_list list;
		th_val *slot;
		double sum = 0;

		st = TH_LIT->f64_list(TH_LIT->entry(in->m, i, &key), &list);
		if (st == TH_OK)
			st = TH_LIT->put(out->o0, key, &slot);
		if (st != TH_OK)
			return st;
		for (size_t k = 0; k < list.len; k++)
			sum += list.ptr[k];
		st = TH_LIT->set_f64(slot, sum);
	}
	return st;
}

#define FLOAT_FROM_INT(X)                                                                          \
	X(in, m, literal, "m", "{\"mapValueType\":{\"simple\":\"INTEGER\"}}")                      \
	X(out, o0, literal, "o0", "{\"mapValueType\":{\"simple\":\"FLOAT\"}}")
TH_TASK(float_from_int, FLOAT_FROM_INT, "Integers where floats are declared")
{
	return TH_LIT->set_literal(out->o0, in->m);
}

#define COUNT_WORDS(X)                                                                             \
	X(in, text, string, "text")                                                                \
	X(out, o0, literal, "o0", "{\"mapValueType\":{\"simple\":\"INTEGER\"}}")
TH_TASK(count_words, COUNT_WORDS, "How often each word occurs")
{
	static const char space[] = " \t\r\n";
	const char *text = in->text.ptr;
	th_status st = TH_LIT->set_map(out->o0);

	while (st == TH_OK && *(text += strspn(text, space))) {
		size_t len = strcspn(text, space);
		int64_t count = 0;
		th_val *slot;

		for (const char *t = in->text.ptr; *(t += strspn(t, space));) {
			size_t n = strcspn(t, space);
			count += n == len && memcmp(t, text, n) == 0;
			t += n;
		}
		st = TH_LIT->put(out->o0, th_str_n(text, len), &slot);
		if (st == TH_OK)
			st = TH_LIT->set_i64(slot, count);
		text += len;
	}
	return st;
}

/* ---- unions and enums ------------------------------------------------------------------------ */

#define OPTIONAL_INT_TASK(X)                                                                       \
	X(in, a, literal, "a",                                                                     \
	  "{\"unionType\":{\"variants\":[{\"simple\":\"INTEGER\",\"structure\":{\"tag\":\"int\"}}" \
	  ",{\"simple\":\"NONE\",\"structure\":{\"tag\":\"none\"}}]}}")                            \
	X(out, o0, literal, "o0",                                                                  \
	  "{\"unionType\":{\"variants\":[{\"simple\":\"INTEGER\",\"structure\":{\"tag\":\"int\"}}" \
	  ",{\"simple\":\"NONE\",\"structure\":{\"tag\":\"none\"}}]}}")
TH_TASK(optional_int, OPTIONAL_INT_TASK, "a + 1, or nothing")
{
	int64_t a;

	if (TH_LIT->as_i64(in->a, &a) != TH_OK)
		return TH_LIT->set_none(out->o0);
	return __builtin_add_overflow(a, 1, &a) ? too_large(run) : TH_LIT->set_i64(out->o0, a);
}

#define OPT_STR(X)                                                                                 \
	X(in, a, literal, "a",                                                                     \
	  "{\"unionType\":{\"variants\":[{\"simple\":\"STRING\",\"structure\":{\"tag\":\"str\"}}"  \
	  ",{\"simple\":\"NONE\",\"structure\":{\"tag\":\"none\"}}]}}")                            \
	X(out, o0, string, "o0")                                                                   \
	X(out, o1, literal, "o1",                                                                  \
	  "{\"unionType\":{\"variants\":[{\"simple\":\"INTEGER\",\"structure\":{\"tag\":\"int\"}}" \
	  ",{\"simple\":\"NONE\",\"structure\":{\"tag\":\"none\"}}]}}")
TH_TASK(opt_str, OPT_STR, "The text and its length, if there is one")
{
	if (TH_LIT->as_str(in->a, &out->o0) == TH_OK)
		return TH_LIT->set_i64(out->o1, (int64_t)out->o0.len);
	out->o0 = th_s("none given");
	return TH_LIT->set_none(out->o1);
}

#define UNION_T(X)                                                                                 \
	X(in, a, literal, "a",                                                                     \
	  "{\"unionType\":{\"variants\":[{\"simple\":\"INTEGER\",\"structure\":{\"tag\":\"int\"}}" \
	  ",{\"simple\":\"STRING\",\"structure\":{\"tag\":\"str\"}},"                              \
	  "{\"collectionType\":{\"simple\":\"FLOAT\"},"                                            \
	  "\"structure\":{\"tag\":\"Typed List\"}}]}}")                                            \
	X(out, o0, literal, "o0",                                                                  \
	  "{\"unionType\":{\"variants\":[{\"simple\":\"STRING\",\"structure\":{\"tag\":\"str\"}}," \
	  "{\"simple\":\"INTEGER\",\"structure\":{\"tag\":\"int\"}}]}}")
TH_TASK(union_t, UNION_T, "An integer or a list as text; a text's length")
{
	int64_t number;
	th_str text;
	th_f64_list list = {NULL, 0};
	size_t size, used = 1;
	char *shown;
	th_status st;

	if (TH_LIT->as_i64(in->a, &number) == TH_OK) {
		st = number_text(run, th_s(""), number, th_s(""), &text);
		return st == TH_OK ? TH_LIT->set_str(out->o0, text) : st;
	}
	if (TH_LIT->as_str(in->a, &text) == TH_OK)
		return TH_LIT->set_i64(out->o0, (int64_t)text.len);
	st = TH_LIT->f64_list(TH_LIT->union_value(in->a), &list);
	size = list.len * 32 + 3;
	shown = arena_text(run, size);
	if (st != TH_OK || !shown)
		return st != TH_OK ? st : TH_E_NOMEM;
	shown[0] = '[';
	for (size_t i = 0; i < list.len; i++) {
		if (i)
			used += (size_t)snprintf(shown + used, size - used, ", ");
		used += python_float(shown + used, size - used, list.ptr[i]);
	}
	shown[used++] = ']';
	return TH_LIT->set_str(out->o0, th_str_n(shown, used));
}

#define ENUM_T(X)                                                                                  \
	X(in, c, literal, "c", "{\"enumType\":{\"values\":[\"red\",\"green\",\"blue\"]}}")         \
	X(out, o0, literal, "o0", "{\"enumType\":{\"values\":[\"red\",\"green\",\"blue\"]}}")
TH_TASK(enum_t, ENUM_T, "Red becomes blue, the others red")
{
	th_str color;
	th_status st = TH_LIT->as_str(in->c, &color);

	if (st != TH_OK)
		return st;
	return TH_LIT->set_str(out->o0, th_str_eq(color, th_s("red")) ? th_s("blue") : th_s("red"));
}

#define COLORS(X)                                                                                  \
	X(in, cs, literal, "cs",                                                                   \
	  "{\"collectionType\":{\"enumType\":{\"values\":[\"red\",\"green\",\"blue\"]}}}")         \
	X(out, o0, literal, "o0", "{\"mapValueType\":{\"simple\":\"INTEGER\"}}")
TH_TASK(colors, COLORS, "The place of each color")
{
	uint64_t n = 0;
	th_status st = TH_LIT->len(in->cs, &n);

	if (st == TH_OK)
		st = TH_LIT->set_map(out->o0);
	for (uint64_t i = 0; st == TH_OK && i < n; i++) {
		th_str color;
		th_val *slot;

		st = TH_LIT->as_str(TH_LIT->item(in->cs, i), &color);
		if (st == TH_OK)
			st = TH_LIT->put(out->o0, color, &slot);
		if (st == TH_OK)
			st = TH_LIT->set_i64(slot, (int64_t)i);
	}
	return st;
}
