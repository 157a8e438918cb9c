#include "cli/sd_notify.h"

#include "base/clock.h"
#include "base/str.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MESSAGE_MAX 512

/* ---- where ------------------------------------------------------------------------------- */

static int parse_address(struct sd_notify *n, const char *text, struct error *err)
{
	size_t len = strlen(text);

	if (text[0] != '/' && text[0] != '@')
		return err_set(
			err, ERR_UNSUPPORTED,
			"NOTIFY_SOCKET is \"%.200s\": only paths and abstract sockets (@name) "
			"are supported",
			text);
	if (len < 2 || len >= sizeof(n->address.sun_path))
		return err_set(err, ERR_INVALID, "NOTIFY_SOCKET is %s: \"%.200s\"",
			       len < 2 ? "empty" : "too long", text);
	n->address.sun_family = AF_UNIX;
	memcpy(n->address.sun_path, text, len);
	/* An abstract name begins with a NUL, a path ends in one. */
	if (text[0] == '@')
		n->address.sun_path[0] = '\0';
	n->address_len =
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (text[0] == '/'));
	return 0;
}

/* The interval is meant for the process whose pid is given, or for any. */
static int read_watchdog(struct sd_notify *n, struct error *err)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	int64_t v;

	if (!usec)
		return 0;
	if (pid && (!parse_i64(str_of(pid), &v) || v != getpid()))
		return 0;
	if (!parse_i64(str_of(usec), &v) || v <= 0 || v > INT64_MAX / 1000)
		return err_set(err, ERR_INVALID, "WATCHDOG_USEC is \"%.40s\": not a time", usec);
	n->watchdog_ns = v * 1000;
	return 0;
}

static int open_socket(struct sd_notify *n, struct error *err)
{
	const char *text = getenv("NOTIFY_SOCKET");
	int r;

	if (!text || !*text)
		return 0;
	r = parse_address(n, text, err);
	if (r == 0)
		r = read_watchdog(n, err);
	if (r < 0)
		return r;
	n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (n->fd < 0)
		return err_set_errno(err, ERR_IO, errno, "cannot make a socket for NOTIFY_SOCKET");
	return 0;
}

int sd_notify_init(struct sd_notify *n, struct error *err)
{
	int r;

	*n = (struct sd_notify){.fd = -1};
	r = open_socket(n, err);
	if (r < 0)
		n->watchdog_ns = 0;
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	return r;
}

void sd_notify_done(struct sd_notify *n)
{
	if (n->fd >= 0)
		close(n->fd);
	n->fd = -1;
}

/* ---- what -------------------------------------------------------------------------------- */

static int tell(struct sd_notify *n, const char *message, struct error *err)
{
	if (n->fd < 0)
		return 0;
	if (sendto(n->fd, message, strlen(message), MSG_NOSIGNAL,
		   (const struct sockaddr *)&n->address, n->address_len) < 0)
		return err_set_errno(err, err_from_errno(errno), errno,
				     "cannot tell systemd \"%.40s\"", message);
	return 0;
}

int sd_notify_ready(struct sd_notify *n, struct error *err)
{
	return tell(n, "READY=1", err);
}

int sd_notify_stopping(struct sd_notify *n, struct error *err)
{
	return tell(n, "STOPPING=1", err);
}

/* Type=notify-reload wants to know when it began. */
int sd_notify_reloading(struct sd_notify *n, struct error *err)
{
	char message[80];

	snprintf(message, sizeof(message), "RELOADING=1\nMONOTONIC_USEC=%lld",
		 (long long)(clock_monotonic_ns() / 1000));
	return tell(n, message, err);
}

int sd_notify_watchdog(struct sd_notify *n, struct error *err)
{
	return n->watchdog_ns > 0 ? tell(n, "WATCHDOG=1", err) : 0;
}

int sd_notify_extend(struct sd_notify *n, int64_t more_ns, struct error *err)
{
	char message[80];

	snprintf(message, sizeof(message), "EXTEND_TIMEOUT_USEC=%lld", (long long)(more_ns / 1000));
	return tell(n, message, err);
}

int sd_notify_status(struct sd_notify *n, struct error *err, const char *fmt, ...)
{
	char message[MESSAGE_MAX] = "STATUS=";
	size_t begin = strlen(message);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message + begin, sizeof(message) - begin, fmt, ap);
	va_end(ap);
	for (char *p = message + begin; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = ' ';
	return tell(n, message, err);
}
