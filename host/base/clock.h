/* Time as a value. Nanoseconds since an epoch in int64_t: good until the year 2262. */
#pragma once

#include "base/buf.h"
#include "base/str.h"

int64_t clock_monotonic_ns(void);
int64_t clock_realtime_ns(void);
int64_t clock_cpu_ns(void); /* CPU time of this process */

/* `span` (not negative) later; INT64_MAX, which is never, where that is too far. */
static inline int64_t clock_after(int64_t ns, int64_t span)
{
	return ns > 0 && span > INT64_MAX - ns ? INT64_MAX : ns + span;
}

/* RFC 3339 in UTC: "2024-01-02T03:04:05.678901Z", with 0, 3, 6 or 9 digits of a second as protobuf
 * prints it. seconds are since 1970; the year must be 1 to 9999, else ERR_INVALID. */
int time_format(int64_t seconds, int32_t nanos, char out[40]);

/* Reads RFC 3339 with any offset and up to 9 digits; a space or lower case t is accepted between
 * date and time. False when it is not one. */
bool time_parse(struct str s, int64_t *ret_seconds, int32_t *ret_nanos);

/* Protobuf's Duration text: "1.500s", "-0.000001s" with 0, 3, 6 or 9 digits. */
int duration_format(int64_t seconds, int32_t nanos, char out[40]);
bool duration_parse_proto(struct str s, int64_t *ret_seconds, int32_t *ret_nanos);
