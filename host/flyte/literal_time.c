#include "flyte/literal_convert.h"

#include "base/clock.h"

#include <math.h>
#include <stdio.h>

#define NANOS_PER_SECOND 1000000000

/* Python's timedelta: 999,999,999 days and the rest of the next. */
#define TIMEDELTA_MAX INT64_C(86399999999999)

bool iso_time_parse(struct str s, int64_t *ret_seconds, int32_t *ret_nanos)
{
	char text[64];
	int n;

	if (time_parse(s, ret_seconds, ret_nanos))
		return true;
	if (s.len < 10 || s.len > 40)
		return false;
	n = snprintf(text, sizeof(text), s.len == 10 ? "%.*sT00:00:00Z" : "%.*sZ", STR_ARG(s));
	return time_parse((struct str){text, (size_t)n}, ret_seconds, ret_nanos);
}

/* ---- durations as ISO 8601 ------------------------------------------------------------------- */

static bool at(const struct str *s, char c)
{
	return s->len > 0 && s->ptr[0] == c;
}

static void skip(struct str *s)
{
	s->ptr++;
	s->len--;
}

static bool at_digit(const struct str *s)
{
	return s->len > 0 && s->ptr[0] >= '0' && s->ptr[0] <= '9';
}

/* 0 for what is no unit. Years and months have one length each, as pydantic counts them. */
static int64_t unit_seconds(char unit, bool of_day)
{
	static const int64_t day = 86400;

	switch (unit) {
	case 'Y':
		return of_day ? 0 : 365 * day;
	case 'M':
		return of_day ? 60 : 30 * day;
	case 'W':
		return of_day ? 0 : 7 * day;
	case 'D':
		return of_day ? 0 : day;
	case 'H':
		return of_day ? 3600 : 0;
	case 'S':
		return of_day;
	default:
		return 0;
	}
}

static bool take_whole(struct str *s, int64_t *ret)
{
	int64_t v = 0;

	if (!at_digit(s))
		return false;
	for (; at_digit(s); skip(s)) {
		v = v * 10 + (s->ptr[0] - '0');
		if (v > TIMEDELTA_MAX)
			return false;
	}
	*ret = v;
	return true;
}

/* In billionths; finer digits are dropped. */
static bool take_fraction(struct str *s, int64_t *ret)
{
	int64_t scale = NANOS_PER_SECOND / 10;

	*ret = 0;
	if (!at(s, '.') && !at(s, ','))
		return true;
	skip(s);
	if (!at_digit(s))
		return false;
	for (; at_digit(s); skip(s), scale /= 10)
		*ret += (s->ptr[0] - '0') * scale;
	return true;
}

/* "1.5H" or the like, added to what came before. */
static bool add_part(struct str *s, bool of_day, int64_t *seconds, int64_t *nanos)
{
	int64_t whole, billionths, unit;

	if (!take_whole(s, &whole) || !take_fraction(s, &billionths) || s->len == 0)
		return false;
	unit = unit_seconds(s->ptr[0], of_day);
	skip(s);
	if (unit == 0 || whole > TIMEDELTA_MAX / unit)
		return false;
	*seconds += whole * unit + billionths * unit / NANOS_PER_SECOND;
	*nanos = billionths * unit % NANOS_PER_SECOND;
	/* Only the last part may have a fraction. */
	return *seconds <= TIMEDELTA_MAX && (billionths == 0 || s->len == 0);
}

bool iso_duration_parse(struct str s, int64_t *ret_seconds, int32_t *ret_nanos)
{
	bool negative = at(&s, '-'), of_day = false, any = false;
	int64_t seconds = 0, nanos = 0;

	if (negative || at(&s, '+'))
		skip(&s);
	if (!at(&s, 'P'))
		return false;
	for (skip(&s); s.len > 0; any = true) {
		if (at(&s, 'T')) {
			if (of_day)
				return false;
			of_day = true;
			skip(&s);
			if (s.len == 0)
				break;
		}
		if (!add_part(&s, of_day, &seconds, &nanos))
			return false;
	}
	*ret_seconds = negative ? -seconds : seconds;
	*ret_nanos = (int32_t)(negative ? -nanos : nanos);
	return any;
}

/* ---- durations as numbers -------------------------------------------------------------------- */

bool seconds_to_duration(double v, int64_t *ret_seconds, int32_t *ret_nanos)
{
	int64_t seconds, nanos;
	double rest;

	if (!isfinite(v) || fabs(v) > (double)TIMEDELTA_MAX + 1)
		return false;
	seconds = (int64_t)v;
	rest = (v - (double)seconds) * 1e6;
	/* Python writes microseconds; finer digits are noise of the double. */
	nanos = (int64_t)(rest < 0 ? rest - 0.5 : rest + 0.5) * 1000;
	if (nanos <= -NANOS_PER_SECOND || nanos >= NANOS_PER_SECOND) {
		seconds += nanos > 0 ? 1 : -1;
		nanos = 0;
	}
	*ret_seconds = seconds;
	*ret_nanos = (int32_t)nanos;
	return true;
}
