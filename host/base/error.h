/* Errors: a code that callers branch on, and one sentence that a person can act on.
 *
 * Functions that can fail return 0 or a negative code and take a `struct error *` last. The error
 * is written only on failure; NULL is allowed everywhere and means that nobody reads the sentence.
 * The sentence lives in the struct itself, so reporting a failed allocation allocates nothing. */
#pragma once

#include <stdarg.h>
#include <stddef.h>

/* One list gives the codes, their names and their default texts. */
#define ERR_MAP(X)                                                                                 \
	X(NOMEM, 1, "out of memory")                                                               \
	X(INVALID, 2, "invalid")                                                                   \
	X(NOT_FOUND, 3, "not found")                                                               \
	X(IO, 4, "input/output error")                                                             \
	X(DENIED, 5, "not allowed")                                                                \
	X(LIMIT, 6, "limit exceeded")                                                              \
	X(UNSUPPORTED, 7, "not supported")                                                         \
	X(TIMEOUT, 8, "timed out")                                                                 \
	X(STATE, 9, "not possible in this state")                                                  \
	X(MISMATCH, 10, "does not match")                                                          \
	X(CRASHED, 11, "crashed")                                                                  \
	X(CANCELLED, 12, "cancelled")

enum err_code {
	ERR_OK = 0,
#define X(name, number, text) ERR_##name = -(number),
	ERR_MAP(X)
#undef X
};

#define ERR_MESSAGE_MAX 3072

struct error {
	int code;                      /* ERR_OK or one of the negative codes */
	char message[ERR_MESSAGE_MAX]; /* UTF-8, NUL-terminated, never ends in a newline */
};

#define ERROR_INIT                                                                                 \
	{                                                                                          \
		.code = ERR_OK, .message = ""                                                      \
	}

/* Writes code and message; returns code, so that `return err_set(...)` reads well.
 * A message that does not fit is cut and ends in "…". */
int err_set(struct error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int err_setv(struct error *err, int code, const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));

/* As err_set, and appends ": " and the text of `errnum`. */
int err_set_errno(struct error *err, int code, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Out of memory; `what` says for what. Returns ERR_NOMEM. */
int err_nomem(struct error *err, const char *what);

/* Puts "context: " before the message of an error that is already set; returns its code. Without
 * err that is the code this thread set last, so that `return err_wrap(...)` is always a failure. */
int err_wrap(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Code for an errno value: ENOENT is NOT_FOUND, EACCES is DENIED, ENOMEM is NOMEM, others IO. */
int err_from_errno(int errnum);

const char *err_name(int code); /* "NOT_FOUND"; never NULL */
const char *err_text(int code); /* "not found"; never NULL */

/* The static analyser does not look into error.c; this tells it that failing means a negative code. */
#ifdef __clang_analyzer__
#define err_set(err, code, ...) ((void)(err_set)(err, code, __VA_ARGS__), (code))
#define err_set_errno(err, code, errnum, ...)                                                      \
	((void)(err_set_errno)(err, code, errnum, __VA_ARGS__), (code))
#define err_nomem(err, what)   ((void)(err_nomem)(err, what), ERR_NOMEM)
#define err_wrap(err, ...)     ((void)(err_wrap)(err, __VA_ARGS__), ERR_INVALID)
#define err_from_errno(errnum) ((void)(err_from_errno)(errnum), ERR_IO)
#endif
