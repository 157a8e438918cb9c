#include "base/error.h"

#include "base/str.h"

#include <errno.h>
#include <stdio.h>

/* Here they are defined, also for the static analyser. */
#undef err_set
#undef err_set_errno
#undef err_nomem
#undef err_wrap
#undef err_from_errno

/* What the last failure of this thread was, so that err_wrap(NULL, ...) can still return it. */
static _Thread_local int last_code = ERR_STATE;

#define ELLIPSIS "…"

/* Cuts a message that was too long, at a character's start, and marks the cut. */
static void cut(char *message)
{
	size_t n = ERR_MESSAGE_MAX - sizeof(ELLIPSIS);

	while (n > 0 && ((unsigned char)message[n] & 0xc0) == 0x80)
		n--;
	memcpy(message + n, ELLIPSIS, sizeof(ELLIPSIS));
}

/* Paths and foreign text may hold any bytes; messages are UTF-8. */
static void make_printable(char *message)
{
	size_t len = strlen(message), bad;

	for (size_t at = 0; !utf8_valid(message + at, len - at, &bad);) {
		at += bad;
		message[at++] = '?';
	}
	while (len > 0 && (message[len - 1] == '\n' || message[len - 1] == '\r'))
		message[--len] = '\0';
}

/* Formats into a copy first, as an argument may point into err->message. */
static void format(struct error *err, const char *fmt, va_list ap)
{
	char text[ERR_MESSAGE_MAX];
	int n = vsnprintf(text, sizeof(text), fmt, ap);

	if (n < 0)
		snprintf(text, sizeof(text), "%s", fmt);
	else if ((size_t)n >= sizeof(text))
		cut(text);
	make_printable(text);
	memcpy(err->message, text, strlen(text) + 1);
}

int err_setv(struct error *err, int code, const char *fmt, va_list ap)
{
	last_code = code;
	if (err) {
		format(err, fmt, ap);
		err->code = code;
	}
	return code;
}

int err_set(struct error *err, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	err_setv(err, code, fmt, ap);
	va_end(ap);
	return code;
}

int err_set_errno(struct error *err, int code, int errnum, const char *fmt, ...)
{
	char text[ERR_MESSAGE_MAX];
	const char *reason = strerrordesc_np(errnum);
	va_list ap;

	last_code = code;
	if (!err)
		return code;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!reason)
		return err_set(err, code, "%s: error number %d", text, errnum);
	return err_set(err, code, "%s: %s", text, reason);
}

int err_nomem(struct error *err, const char *what)
{
	return err_set(err, ERR_NOMEM, "out of memory for %s", what);
}

int err_wrap(struct error *err, const char *fmt, ...)
{
	char context[ERR_MESSAGE_MAX];
	va_list ap;

	if (!err)
		return last_code;
	va_start(ap, fmt);
	vsnprintf(context, sizeof(context), fmt, ap);
	va_end(ap);
	return err_set(err, err->code, "%s: %s", context, err->message);
}

int err_from_errno(int errnum)
{
	switch (errnum) {
	case ENOENT:
		return ERR_NOT_FOUND;
	case EACCES:
		return ERR_DENIED;
	case ENOMEM:
		return ERR_NOMEM;
	default:
		return ERR_IO;
	}
}

const char *err_name(int code)
{
	switch (code) {
	case ERR_OK:
		return "OK";
#define X(name, number, text)                                                                      \
	case -(number):                                                                            \
		return #name;
		ERR_MAP(X)
#undef X
	default:
		return "UNKNOWN";
	}
}

const char *err_text(int code)
{
	switch (code) {
	case ERR_OK:
		return "success";
#define X(name, number, text)                                                                      \
	case -(number):                                                                            \
		return text;
		ERR_MAP(X)
#undef X
	default:
		return "unknown error";
	}
}
