#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define NS_PER_S 1000000000
#define DAY_S    86400

/* 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z, the range of protobuf's Timestamp. */
#define TIME_FIRST INT64_C(-62135596800)
#define TIME_LAST  INT64_C(253402300799)

/* 10,000 years, the range of protobuf's Duration; its nanoseconds come on top. */
#define DURATION_MAX INT64_C(315576000000)

static int64_t read_clock(clockid_t id)
{
	struct timespec t = {0, 0};

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

int64_t clock_monotonic_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_realtime_ns(void)
{
	return read_clock(CLOCK_REALTIME);
}

int64_t clock_cpu_ns(void)
{
	return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

/* ---- calendar -------------------------------------------------------------------------------- */

static bool is_leap(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_in_month(int year, int month)
{
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days from 0001-01-01 to the first day of the year. */
static int64_t days_before_year(int year)
{
	int64_t y = year - 1;

	return y * 365 + y / 4 - y / 100 + y / 400;
}

static int64_t days_before_date(int year, int month, int day)
{
	int64_t days = days_before_year(year) + day - 1;

	for (int m = 1; m < month; m++)
		days += days_in_month(year, m);
	return days;
}

static void date_of(int64_t days, int *year, int *month, int *day)
{
	/* From the mean length of a year: at most one year off. */
	*year = (int)(days * 400 / 146097) + 1;
	if (*year > 1 && days_before_year(*year) > days)
		--*year;
	if (days_before_year(*year + 1) <= days)
		++*year;
	days -= days_before_year(*year);
	for (*month = 1; days >= days_in_month(*year, *month); ++*month)
		days -= days_in_month(*year, *month);
	*day = (int)days + 1;
}

/* ---- printing -------------------------------------------------------------------------------- */

/* ".678" and the like: as few groups of three digits as hold all of it; nothing for 0. */
static int print_fraction(char *out, size_t size, int32_t nanos)
{
	if (nanos == 0)
		return 0;
	if (nanos % 1000000 == 0)
		return snprintf(out, size, ".%03d", nanos / 1000000);
	if (nanos % 1000 == 0)
		return snprintf(out, size, ".%06d", nanos / 1000);
	return snprintf(out, size, ".%09d", nanos);
}

int time_format(int64_t seconds, int32_t nanos, char out[40])
{
	int year, month, day, s, n;
	int64_t since_first;

	if (seconds < TIME_FIRST || seconds > TIME_LAST || nanos < 0 || nanos >= NS_PER_S)
		return ERR_INVALID;
	since_first = seconds - TIME_FIRST;
	date_of(since_first / DAY_S, &year, &month, &day);
	s = (int)(since_first % DAY_S);
	n = snprintf(out, 40, "%04d-%02d-%02dT%02d:%02d:%02d", year, month, day, s / 3600,
		     s / 60 % 60, s % 60);
	n += print_fraction(out + n, 40 - (size_t)n, nanos);
	out[n] = 'Z';
	out[n + 1] = '\0';
	return 0;
}

int duration_format(int64_t seconds, int32_t nanos, char out[40])
{
	bool negative = seconds < 0 || nanos < 0;
	int n;

	if (seconds < -DURATION_MAX || seconds > DURATION_MAX || nanos <= -NS_PER_S ||
	    nanos >= NS_PER_S)
		return ERR_INVALID;
	if ((seconds > 0 && nanos < 0) || (seconds < 0 && nanos > 0))
		return ERR_INVALID;
	n = snprintf(out, 40, "%s%lld", negative ? "-" : "", (long long)llabs(seconds));
	n += print_fraction(out + n, 40 - (size_t)n, abs(nanos));
	out[n] = 's';
	out[n + 1] = '\0';
	return 0;
}

/* ---- reading --------------------------------------------------------------------------------- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Each take_ function eats from the front of *s, and only when it returns true. */
static bool take_char(struct str *s, const char *any_of)
{
	if (s->len == 0 || s->ptr[0] == '\0' || !strchr(any_of, s->ptr[0]))
		return false;
	s->ptr++;
	s->len--;
	return true;
}

static bool take_number(struct str *s, size_t digits, int *ret)
{
	int v = 0;

	if (s->len < digits)
		return false;
	for (size_t i = 0; i < digits; i++) {
		if (!is_digit(s->ptr[i]))
			return false;
		v = v * 10 + (s->ptr[i] - '0');
	}
	s->ptr += digits;
	s->len -= digits;
	*ret = v;
	return true;
}

/* An optional "." with 1 to 9 digits. */
static bool take_fraction(struct str *s, int32_t *ret_nanos)
{
	int32_t v = 0, digits = 0;

	if (take_char(s, ".")) {
		for (; s->len > 0 && is_digit(s->ptr[0]); s->ptr++, s->len--) {
			if (++digits > 9)
				return false;
			v = v * 10 + (s->ptr[0] - '0');
		}
		if (digits == 0)
			return false;
		for (; digits < 9; digits++)
			v *= 10;
	}
	*ret_nanos = v;
	return true;
}

/* "Z" or "+hh:mm"; what to subtract to get UTC. */
static bool take_offset(struct str *s, int *ret_seconds)
{
	int hours, minutes;
	bool west;

	if (take_char(s, "Zz")) {
		*ret_seconds = 0;
		return true;
	}
	west = s->len > 0 && s->ptr[0] == '-';
	if (!take_char(s, "+-") || !take_number(s, 2, &hours) || !take_char(s, ":") ||
	    !take_number(s, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*ret_seconds = (hours * 3600 + minutes * 60) * (west ? -1 : 1);
	return true;
}

static bool take_date(struct str *s, int64_t *ret_days)
{
	int year, month, day;

	if (!take_number(s, 4, &year) || !take_char(s, "-") || !take_number(s, 2, &month) ||
	    !take_char(s, "-") || !take_number(s, 2, &day))
		return false;
	if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
		return false;
	*ret_days = days_before_date(year, month, day);
	return true;
}

/* Protobuf has no leap seconds: a second 60 is refused. */
static bool take_time_of_day(struct str *s, int *ret_seconds)
{
	int hour, minute, second;

	if (!take_number(s, 2, &hour) || !take_char(s, ":") || !take_number(s, 2, &minute) ||
	    !take_char(s, ":") || !take_number(s, 2, &second))
		return false;
	if (hour > 23 || minute > 59 || second > 59)
		return false;
	*ret_seconds = hour * 3600 + minute * 60 + second;
	return true;
}

bool time_parse(struct str s, int64_t *ret_seconds, int32_t *ret_nanos)
{
	int64_t days, seconds;
	int of_day, offset;
	int32_t nanos;

	if (!take_date(&s, &days) || !take_char(&s, "Tt ") || !take_time_of_day(&s, &of_day) ||
	    !take_fraction(&s, &nanos) || !take_offset(&s, &offset) || s.len != 0)
		return false;
	seconds = TIME_FIRST + days * DAY_S + of_day - offset;
	if (seconds < TIME_FIRST || seconds > TIME_LAST)
		return false;
	*ret_seconds = seconds;
	*ret_nanos = nanos;
	return true;
}

bool duration_parse_proto(struct str s, int64_t *ret_seconds, int32_t *ret_nanos)
{
	bool negative = take_char(&s, "-");
	int64_t seconds = 0;
	int32_t nanos;

	if (s.len == 0 || !is_digit(s.ptr[0]))
		return false;
	for (; s.len > 0 && is_digit(s.ptr[0]); s.ptr++, s.len--) {
		seconds = seconds * 10 + (s.ptr[0] - '0');
		if (seconds > DURATION_MAX)
			return false;
	}
	if (!take_fraction(&s, &nanos) || !take_char(&s, "s") || s.len != 0)
		return false;
	*ret_seconds = negative ? -seconds : seconds;
	*ret_nanos = negative ? -nanos : nanos;
	return true;
}
