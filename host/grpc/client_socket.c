#include "grpc/client_private.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

/* ---- targets --------------------------------------------------------------------------------- */

static int parse_unix(const char *path, struct client_target *t, struct error *err)
{
	size_t len = strlen(path);

	if (len == 0)
		return err_set(err, ERR_INVALID, "the path of the socket is empty");
	if (len >= sizeof(t->unix_.sun_path))
		return err_set(
			err, ERR_INVALID,
			"the path of the socket is longer than the %zu bytes a socket's name "
			"can have: %s",
			sizeof(t->unix_.sun_path) - 1, path);
	t->unix_.sun_family = AF_UNIX;
	memcpy(t->unix_.sun_path, path, len + 1);
	return 0;
}

static int parse_tcp(const char *text, struct client_target *t, struct error *err)
{
	const char *colon = strrchr(text, ':');
	struct str host = {text, colon ? (size_t)(colon - text) : 0};
	uint64_t port;

	if (strstr(text, "://"))
		return err_set(err, ERR_INVALID,
			       "an address is HOST:PORT, without a scheme in front: %s", text);
	if (!colon || host.len == 0 || !parse_u64(str_of(colon + 1), &port) || port == 0 ||
	    port > 65535)
		return err_set(err, ERR_INVALID,
			       "an address is HOST:PORT, for instance 127.0.0.1:8000, not '%s'",
			       text);
	if (host.ptr[0] == '[' && host.ptr[host.len - 1] == ']')
		host = (struct str){host.ptr + 1, host.len - 2};
	else if (memchr(host.ptr, ':', host.len))
		return err_set(err, ERR_INVALID,
			       "an IPv6 address is written in brackets, for instance [::1]:8000, "
			       "not '%s'",
			       text);
	t->host = strndup(host.ptr, host.len);
	t->port = strdup(colon + 1);
	return t->host && t->port ? 0 : err_nomem(err, "an address");
}

int client_target_parse(const char *text, struct client_target *ret, struct error *err)
{
	struct client_target t = {.shown = strdup(text)};
	int rc;

	if (!t.shown)
		rc = err_nomem(err, "an address");
	else if (str_starts(str_of(text), "unix:"))
		rc = parse_unix(text + strlen("unix:"), &t, err);
	else if (text[0] == '/')
		rc = parse_unix(text, &t, err);
	else
		rc = parse_tcp(text, &t, err);
	if (rc < 0) {
		client_target_done(&t);
		return rc;
	}
	*ret = t;
	return 0;
}

void client_target_done(struct client_target *t)
{
	free(t->shown);
	free(t->host);
	free(t->port);
	*t = (struct client_target){.shown = NULL};
}

/* ---- waiting --------------------------------------------------------------------------------- */

int client_poll(int fd, short events, int stop_fd, int64_t until_ns)
{
	for (;;) {
		struct pollfd fds[] = {{.fd = fd, .events = events},
				       {.fd = stop_fd, .events = POLLIN}};
		int64_t left = until_ns == INT64_MAX ? 0 : until_ns - clock_monotonic_ns();
		struct timespec span = {.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000};
		int n;

		if (left < 0)
			span = (struct timespec){.tv_sec = 0};
		n = ppoll(fds, ARRAY_LEN(fds), until_ns == INT64_MAX ? NULL : &span, NULL);
		if (n < 0 && errno != EINTR)
			return POLLERR;
		if (n < 0)
			continue;
		if (fds[1].revents)
			return ERR_CANCELLED;
		return n == 0 ? 0 : fds[0].revents;
	}
}

/* ---- connecting ------------------------------------------------------------------------------ */

static int connect_one(const struct client_target *t,
		       const struct sockaddr *address,
		       socklen_t len,
		       int64_t deadline_ns,
		       int stop_fd,
		       int *ret_fd,
		       struct error *err)
{
	_cleanup_(closep) int fd =
		socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int fault = 0, events;
	socklen_t size = sizeof(fault);

	if (fd < 0)
		return err_set_errno(err, ERR_IO, errno, "cannot connect to %s", t->shown);
	/* A Unix socket whose queue is full says EAGAIN, and does not tell when to come again. */
	while (connect(fd, address, len) < 0 && errno != EINPROGRESS) {
		if (errno != EAGAIN || clock_monotonic_ns() >= deadline_ns)
			return err_set_errno(err, ERR_IO, errno, "cannot connect to %s", t->shown);
		if (client_poll(-1, 0, stop_fd, clock_monotonic_ns() + 10000000) == ERR_CANCELLED)
			return err_set(err, ERR_CANCELLED, "interrupted");
	}
	events = client_poll(fd, POLLOUT, stop_fd, deadline_ns);
	if (events == ERR_CANCELLED)
		return err_set(err, ERR_CANCELLED, "interrupted");
	if (events == 0)
		return err_set(err, ERR_IO, "cannot connect to %s: no answer in time", t->shown);
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &fault, &size) < 0)
		fault = errno;
	if (fault != 0)
		return err_set_errno(err, ERR_IO, fault, "cannot connect to %s", t->shown);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* Calls are small and answered one by one; a peer that is gone shall not be waited for for ever. */
static void tune_tcp(int fd)
{
	const int on = 1, idle = 30, between = 10, tries = 3;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &between, sizeof(between));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &tries, sizeof(tries));
}

static int connect_tcp(const struct client_target *t,
		       int64_t deadline_ns,
		       int stop_fd,
		       int *ret_fd,
		       struct error *err)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	int rc = getaddrinfo(t->host, t->port, &hints, &found);

	if (rc != 0)
		return err_set(err, ERR_IO, "cannot connect to %s: %s", t->shown, gai_strerror(rc));
	rc = err_set(err, ERR_IO, "cannot connect to %s: no address", t->shown);
	for (struct addrinfo *a = found; a && rc < 0 && rc != ERR_CANCELLED; a = a->ai_next)
		rc = connect_one(t, a->ai_addr, a->ai_addrlen, deadline_ns, stop_fd, ret_fd, err);
	freeaddrinfo(found);
	if (rc == 0)
		tune_tcp(*ret_fd);
	return rc;
}

int client_connect(const struct client_target *t,
		   int64_t deadline_ns,
		   int stop_fd,
		   int *ret_fd,
		   struct error *err)
{
	if (t->host)
		return connect_tcp(t, deadline_ns, stop_fd, ret_fd, err);
	return connect_one(t, (const struct sockaddr *)&t->unix_, sizeof(t->unix_), deadline_ns,
			   stop_fd, ret_fd, err);
}
