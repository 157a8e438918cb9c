/* Numbers as text. strtod and printf are used in the "C" locale only: no program of ours ever calls
 * setlocale, so the decimal point is always a point. */
#include "base/str.h"

#include "base/mem.h"

#include <math.h>
#include <stdio.h>

typedef unsigned __int128 u128;

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Eats digits from the front; false when there are none or the value overflows. */
static bool take_u64(struct str *s, uint64_t *ret)
{
	uint64_t v = 0;
	size_t i = 0;

	for (; i < s->len && is_digit(s->ptr[i]); i++)
		if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(s->ptr[i] - '0'), &v))
			return false;
	if (i == 0)
		return false;
	s->ptr += i;
	s->len -= i;
	*ret = v;
	return true;
}

/* An optional sign; true for a minus. */
static bool take_sign(struct str *s)
{
	return !str_take(s, '+') && str_take(s, '-');
}

bool parse_u64(struct str s, uint64_t *ret)
{
	uint64_t v;

	str_take(&s, '+');
	if (!take_u64(&s, &v) || s.len != 0)
		return false;
	*ret = v;
	return true;
}

bool parse_i64(struct str s, int64_t *ret)
{
	bool negative = take_sign(&s);
	uint64_t v;

	if (!take_u64(&s, &v) || s.len != 0 || v > (uint64_t)INT64_MAX + negative)
		return false;
	*ret = negative ? (int64_t)-v : (int64_t)v;
	return true;
}

/* ---- floating point -------------------------------------------------------------------------- */

static size_t skip_digits(struct str s, size_t i)
{
	while (i < s.len && is_digit(s.ptr[i]))
		i++;
	return i;
}

/* -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)? */
static bool is_json_number(struct str s)
{
	size_t i = s.len > 0 && s.ptr[0] == '-', start = i;

	i = skip_digits(s, i);
	if (i == start || (s.ptr[start] == '0' && i > start + 1))
		return false;
	if (i < s.len && s.ptr[i] == '.') {
		start = ++i;
		i = skip_digits(s, i);
		if (i == start)
			return false;
	}
	if (i < s.len && (s.ptr[i] == 'e' || s.ptr[i] == 'E')) {
		i++;
		if (i < s.len && (s.ptr[i] == '+' || s.ptr[i] == '-'))
			i++;
		start = i;
		i = skip_digits(s, i);
		if (i == start)
			return false;
	}
	return i == s.len;
}

bool parse_double(struct str s, double *ret)
{
	char text[1024];
	double v;

	if (str_is(s, "NaN")) {
		v = (double)NAN;
	} else if (str_is(s, "Infinity")) {
		v = HUGE_VAL;
	} else if (str_is(s, "-Infinity")) {
		v = -HUGE_VAL;
	} else {
		if (s.len >= sizeof(text) || !is_json_number(s))
			return false;
		memcpy(text, s.ptr, s.len);
		text[s.len] = '\0';
		v = strtod(text, NULL);
		if (isinf(v))
			return false;
	}
	*ret = v;
	return true;
}

/* "d.ddde±x" with as few digits as read back as v. Rounding to n digits finds the shortest text for
 * every double except some powers of two, below which doubles lie closer together than above: there
 * the neighbour one step up may be the one that reads back. */
static void shortest(double v, char out[32])
{
	/* Up to 15 digits survive a normal double, so a shorter text is those 15 without zeros. */
	int n = fabs(v) < 0x1p-1022 ? 1 : 15;

	for (; n < 17; n++) {
		snprintf(out, 32, "%.*e", n - 1, v);
		if (strtod(out, NULL) == v)
			return;
		if (n == 16 && out[16] < '9') {
			out[16]++;
			if (strtod(out, NULL) == v)
				return;
		}
	}
	snprintf(out, 32, "%.16e", v);
}

/* Lays out digits with the decimal point after `point` of them: plainly from 0.0001 to below 1e16,
 * else with an exponent. Returns what follows the last character. */
static char *lay_out(char *p, const char *digits, int n, int point)
{
	if (point <= -4 || point > 16) {
		*p++ = digits[0];
		if (n > 1) {
			*p++ = '.';
			p = mempcpy(p, digits + 1, (size_t)n - 1);
		}
		return p + sprintf(p, "e%+03d", point - 1);
	}
	if (point <= 0) {
		p = mempcpy(p, "0.", 2);
		p = memset(p, '0', (size_t)-point);
		return mempcpy(p - point, digits, (size_t)n);
	}
	for (int i = 0; i < n || i < point; i++) {
		if (i == point)
			*p++ = '.';
		*p = '0';
		if (i < n)
			*p = digits[i];
		p++;
	}
	return p;
}

size_t format_double(double v, char out[32])
{
	char text[32], digits[20] = "", *p = out, *e;
	int n = 0;

	if (isnan(v) || isinf(v))
		return (size_t)sprintf(out, "%s",
				       isnan(v) ? "NaN"
				       : v > 0  ? "Infinity"
						: "-Infinity");
	if (signbit(v))
		*p++ = '-';
	v = fabs(v);
	if (v < 1e15 && v == (double)(int64_t)v) {
		p += sprintf(p, "%lld", (long long)v);
		return (size_t)(p - out);
	}
	shortest(v, text);
	e = strchr(text, 'e');
	for (const char *t = text; t < e; t++)
		if (*t != '.')
			digits[n++] = *t;
	while (n > 1 && digits[n - 1] == '0')
		n--;
	p = lay_out(p, digits, n, (int)strtol(e + 1, NULL, 10) + 1);
	*p = '\0';
	return (size_t)(p - out);
}

/* ---- durations ------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	int64_t ns;
} duration_units[] = {
	{"h", 3600000000000}, {"m", 60000000000}, {"s", 1000000000},
	{"ms", 1000000},      {"us", 1000},       {"ns", 1},
};

/* The fraction after a number as ret / 10^digits. Without the zeros at its end, which say nothing,
 * more than 18 digits cannot be a whole number of nanoseconds. */
static bool take_fraction(struct str *s, int64_t *ret, int64_t *ret_scale)
{
	int64_t v = 0, scale = 1;
	size_t end, used;

	if (str_take(s, '.')) {
		end = skip_digits(*s, 0);
		used = end;
		while (used > 0 && s->ptr[used - 1] == '0')
			used--;
		if (end == 0 || used > 18)
			return false;
		for (size_t i = 0; i < used; i++) {
			v = v * 10 + (s->ptr[i] - '0');
			scale *= 10;
		}
		s->ptr += end;
		s->len -= end;
	}
	*ret = v;
	*ret_scale = scale;
	return true;
}

/* The index of a unit at the front: letters up to the next digit. */
static bool take_unit(struct str *s, size_t *ret)
{
	size_t n = 0;

	while (n < s->len && s->ptr[n] >= 'a' && s->ptr[n] <= 'z')
		n++;
	for (size_t i = 0; i < ARRAY_LEN(duration_units); i++) {
		if (!str_is((struct str){s->ptr, n}, duration_units[i].name))
			continue;
		s->ptr += n;
		s->len -= n;
		*ret = i;
		return true;
	}
	return false;
}

bool parse_duration(struct str s, int64_t *ret_ns)
{
	bool negative = take_sign(&s);
	size_t next_unit = 0, unit;
	__int128 total = 0;

	if (s.len == 0)
		return false;
	while (s.len > 0) {
		int64_t part, scale;
		__int128 ns;
		uint64_t whole;

		if (!take_u64(&s, &whole) || !take_fraction(&s, &part, &scale) ||
		    !take_unit(&s, &unit) || unit < next_unit)
			return false;
		ns = (__int128)part * duration_units[unit].ns;
		if (ns % scale != 0)
			return false;
		total += (__int128)whole * duration_units[unit].ns + ns / scale;
		next_unit = unit + 1;
	}
	total = negative ? -total : total;
	if (total > INT64_MAX || total < INT64_MIN)
		return false;
	*ret_ns = (int64_t)total;
	return true;
}

/* ---- quantities ------------------------------------------------------------------------------ */

/* A decimal number of any precision a quantity needs: digits, the lowest first, times
 * 10^exponent. */
#define DECIMAL_DIGITS 64

struct decimal {
	uint8_t digits[DECIMAL_DIGITS + 24]; /* 24: six multiplications by 1024 */
	int n;
	int exponent;
};

static void decimal_mul1024(struct decimal *d)
{
	unsigned carry = 0;

	for (int i = 0; i < d->n || carry > 0; i++) {
		unsigned v = (i < d->n ? d->digits[i] : 0) * 1024u + carry;

		d->digits[i] = (uint8_t)(v % 10);
		carry = v / 10;
		d->n = MAX(d->n, i + 1);
	}
}

/* Digits with at most one point among or around them, as Kubernetes has it. */
static bool take_decimal(struct str *s, struct decimal *d)
{
	bool point = false;
	size_t end = 0;

	*d = (struct decimal){.n = 0};
	while (end < s->len && (is_digit(s->ptr[end]) || (s->ptr[end] == '.' && !point)))
		point |= s->ptr[end++] == '.';
	if (end > DECIMAL_DIGITS || end == (point ? 1 : 0))
		return false;
	for (size_t i = end; i-- > 0;) {
		if (s->ptr[i] == '.')
			d->exponent = -d->n;
		else
			d->digits[d->n++] = (uint8_t)(s->ptr[i] - '0');
	}
	s->ptr += end;
	s->len -= end;
	return true;
}

/* What follows the number: nothing, "e3", "E-3", a decimal suffix or a binary one. */
static bool apply_suffix(struct str s, struct decimal *d)
{
	static const char decimal[] = "num kMGTPE", binary[] = "KMGTPE";
	const char *at;
	int64_t e;

	if (s.len == 0)
		return true;
	if (s.len > 1 && (s.ptr[0] == 'e' || s.ptr[0] == 'E')) {
		if (!parse_i64((struct str){s.ptr + 1, s.len - 1}, &e) || e > 100 || e < -100)
			return false;
		d->exponent += (int)e;
		return true;
	}
	if (s.len == 1 && s.ptr[0] != '\0' && s.ptr[0] != ' ') {
		at = strchr(decimal, s.ptr[0]);
		if (at)
			d->exponent += ((int)(at - decimal) - 3) * 3;
		return at != NULL;
	}
	at = s.len == 2 && s.ptr[0] != '\0' && s.ptr[1] == 'i' ? strchr(binary, s.ptr[0]) : NULL;
	for (const char *p = binary; at && p <= at; p++)
		decimal_mul1024(d);
	return at != NULL;
}

/* Up to the next whole number. False when it does not fit. */
static bool decimal_ceil(const struct decimal *d, bool negative, int64_t *ret)
{
	u128 v = 0;
	bool rest = false;

	for (int i = d->n - 1; i >= 0; i--) {
		if (i + d->exponent < 0) {
			rest |= d->digits[i] != 0;
			continue;
		}
		v = v * 10 + d->digits[i];
		if (v > (u128)INT64_MAX + 1)
			return false;
	}
	for (int e = 0; e < d->exponent && v != 0; e++) {
		v *= 10;
		if (v > (u128)INT64_MAX + 1)
			return false;
	}
	if (!negative)
		v += rest;
	if (v > (u128)INT64_MAX + negative)
		return false;
	*ret = negative ? (int64_t) - (uint64_t)v : (int64_t)v;
	return true;
}

bool parse_quantity_milli(struct str s, int64_t *ret_milli)
{
	bool negative = take_sign(&s);
	struct decimal d;

	if (!take_decimal(&s, &d) || !apply_suffix(s, &d))
		return false;
	d.exponent += 3;
	return decimal_ceil(&d, negative, ret_milli);
}
