/* How values look in tables: short, and the same everywhere. */
#pragma once

#include "base/buf.h"

#include "google/protobuf/duration.pb-c.h"
#include "google/protobuf/timestamp.pb-c.h"

#include <protobuf-c/protobuf-c.h>

/* "0s", "850us", "12ms", "1.25s", "59.9s", "3m20s", "2h5m", "3d4h": two units at most. */
void format_span(int64_t ns, struct buf *out);

/* "0", "512 B", "1.5 KiB", "64 MiB" */
void format_size(uint64_t bytes, struct buf *out);

/* RFC 3339 in UTC, whole seconds; "-" when not set. */
void format_time(const Google__Protobuf__Timestamp *t, struct buf *out);

/* "retry-wait" of RETRY_WAIT; "unknown" for what this build does not know, "-" for 0 when that is
 * only the place holder. */
void format_enum(const ProtobufCEnumDescriptor *e, int value, struct buf *out);

/* The value called so by a person, in any case, '-' and '_' alike; -1 when there is none. */
int enum_find(const ProtobufCEnumDescriptor *e, const char *typed);

/* Nanoseconds; 0 for NULL. Saturates. */
int64_t duration_ns(const Google__Protobuf__Duration *d);
int64_t timestamp_ns(const Google__Protobuf__Timestamp *t);

/* The other way, for requests. */
void duration_set(Google__Protobuf__Duration *d, int64_t ns);

/* The first line, cut to `max` characters with "…". */
void format_line(const char *text, size_t max, struct buf *out);
