/* Telling systemd how we are, over the socket it names in NOTIFY_SOCKET. Without that variable all
 * of this does nothing and succeeds. No message is waited for: one that cannot be sent is an error
 * that the caller may log and forget. [loop] */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct sd_notify {
	int fd; /* -1: nobody to tell */
	struct sockaddr_un address;
	socklen_t address_len;
	int64_t watchdog_ns; /* we must say that we are alive this often; 0: not asked for */
};

/* Reads NOTIFY_SOCKET (a path, or @name for an abstract one), WATCHDOG_USEC and WATCHDOG_PID, and
 * removes them from the environment, so that children do not speak for us. `n` is valid after a
 * failure too, and tells nobody. */
int sd_notify_init(struct sd_notify *n, struct error *err);
void sd_notify_done(struct sd_notify *n);

static inline bool sd_notify_wanted(const struct sd_notify *n)
{
	return n->fd >= 0;
}

int sd_notify_ready(struct sd_notify *n, struct error *err);
int sd_notify_stopping(struct sd_notify *n, struct error *err);
/* Before a reload that takes time; sd_notify_ready ends it. */
int sd_notify_reloading(struct sd_notify *n, struct error *err);
int sd_notify_watchdog(struct sd_notify *n, struct error *err);
/* Starting, reloading or stopping may take `more_ns` from now on. */
int sd_notify_extend(struct sd_notify *n, int64_t more_ns, struct error *err);
/* One line for `systemctl status`; control characters become spaces. */
int sd_notify_status(struct sd_notify *n, struct error *err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
