/* gRPC status codes and how they travel. */
#pragma once

#include "base/error.h"
#include "base/str.h"

#define GRPC_STATUS_MAP(X)                                                                         \
	X(OK, 0)                                                                                   \
	X(CANCELLED, 1)                                                                            \
	X(UNKNOWN, 2)                                                                              \
	X(INVALID_ARGUMENT, 3)                                                                     \
	X(DEADLINE_EXCEEDED, 4)                                                                    \
	X(NOT_FOUND, 5)                                                                            \
	X(ALREADY_EXISTS, 6)                                                                       \
	X(PERMISSION_DENIED, 7)                                                                    \
	X(RESOURCE_EXHAUSTED, 8)                                                                   \
	X(FAILED_PRECONDITION, 9)                                                                  \
	X(ABORTED, 10)                                                                             \
	X(OUT_OF_RANGE, 11)                                                                        \
	X(UNIMPLEMENTED, 12)                                                                       \
	X(INTERNAL, 13)                                                                            \
	X(UNAVAILABLE, 14)                                                                         \
	X(DATA_LOSS, 15)                                                                           \
	X(UNAUTHENTICATED, 16)

enum grpc_status {
#define X(name, number) GRPC_##name = (number),
	GRPC_STATUS_MAP(X)
#undef X
};

#define GRPC_STATUSES    17
#define GRPC_MESSAGE_MAX 1024 /* bytes of an encoded grpc-message */

const char *grpc_status_name(int status);  /* "NOT_FOUND"; "UNKNOWN" for other numbers */
struct str grpc_status_digits(int status); /* "5"; static; that of UNKNOWN for other numbers */

/* The status that tells of one of our error codes. */
enum grpc_status grpc_status_of(int err_code);

/* Percent-encodes: space to '~' except '%' as they are, all else as %XX. What does not fit into
 * GRPC_MESSAGE_MAX is cut before a character (of UTF-8) that does not fit whole. Returns the
 * length. */
size_t grpc_message_encode(struct str message, char out[GRPC_MESSAGE_MAX]);

/* The reverse, leniently: a '%' without two hexadecimal digits stands for itself. At most `cap`
 * bytes. */
size_t grpc_message_decode(struct str encoded, char *out, size_t cap);
