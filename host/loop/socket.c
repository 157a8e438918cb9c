#include "loop/socket.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_FLAGS (SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK)

/* ---- TCP --------------------------------------------------------------------------------- */

static int bind_one(const struct addrinfo *a, bool any, bool reuse_port)
{
	int on = 1, off = 0, saved;
	int fd = socket(a->ai_family, SOCKET_FLAGS, 0);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    (!reuse_port || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0) &&
	    (a->ai_family != AF_INET6 ||
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, any ? &off : &on, sizeof(on)) == 0) &&
	    bind(fd, a->ai_addr, a->ai_addrlen) == 0)
		return fd;
	saved = errno;
	close(fd);
	return -saved;
}

static int
tell_bound(int fd, int *ret_port, char ret_address[SOCKET_ADDRESS_MAX], struct error *err)
{
	struct sockaddr_storage a = {.ss_family = 0};
	socklen_t len = sizeof(a);
	char host[NI_MAXHOST], port[NI_MAXSERV];
	int r;

	if (getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		return err_set_errno(err, ERR_IO, errno, "cannot read a socket's address");
	r = getnameinfo((struct sockaddr *)&a, len, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV);
	if (r != 0)
		return err_set(err, ERR_IO, "cannot read a socket's address: %s", gai_strerror(r));
	snprintf(ret_address, SOCKET_ADDRESS_MAX,
		 a.ss_family == AF_INET6 ? "[%.200s]:%.8s" : "%.200s:%.8s", host, port);
	*ret_port = (int)strtol(port, NULL, 10);
	return 0;
}

int socket_bind_tcp(const struct listen_options *options,
		    int *ret_port,
		    char ret_address[SOCKET_ADDRESS_MAX],
		    struct error *err)
{
	bool any = !options->host || !*options->host || streq(options->host, "::");
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				 .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *list = NULL;
	char port[16];
	int fd = -EAFNOSUPPORT, r;

	if (options->port < 0 || options->port > 65535)
		return err_set(err, ERR_INVALID, "port %d is not between 0 and 65535",
			       options->port);
	snprintf(port, sizeof(port), "%d", options->port);
	snprintf(ret_address, SOCKET_ADDRESS_MAX, "%.200s:%s", any ? "[::]" : options->host, port);
	r = getaddrinfo(any ? "::" : options->host, port, &hints, &list);
	if (r != 0 && any)
		r = getaddrinfo("0.0.0.0", port, &hints, &list);
	if (r != 0)
		return err_set(err, ERR_INVALID, "cannot find address \"%s\": %s", options->host,
			       gai_strerror(r));
	for (const struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
		fd = bind_one(a, any, options->reuse_port);
	freeaddrinfo(list);
	if (any && (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL)) { /* a machine without IPv6 */
		struct sockaddr_in v4 = {.sin_family = AF_INET,
					 .sin_port = htons((uint16_t)options->port)};
		struct addrinfo a = {.ai_family = AF_INET,
				     .ai_addr = (struct sockaddr *)&v4,
				     .ai_addrlen = sizeof(v4)};

		fd = bind_one(&a, true, options->reuse_port);
	}
	if (fd < 0)
		return err_set_errno(err, err_from_errno(-fd), -fd, "cannot bind %s", ret_address);
	r = tell_bound(fd, ret_port, ret_address, err);
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

/* ---- Unix -------------------------------------------------------------------------------- */

/* Removes a socket file only when connecting proves that nobody listens on it. */
static bool remove_stale(const struct sockaddr_un *a)
{
	struct stat st;
	int fd, r, why;

	if (lstat(a->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCKET_FLAGS, 0);
	if (fd < 0)
		return false;
	r = connect(fd, (const struct sockaddr *)a, sizeof(*a));
	why = errno;
	close(fd);
	return r < 0 && why == ECONNREFUSED && unlink(a->sun_path) == 0;
}

int socket_bind_unix(const char *path, struct error *err)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd, r;

	if (!*path || strlen(path) >= sizeof(a.sun_path))
		return err_set(err, ERR_INVALID,
			       "socket path \"%.120s\" must have 1 to %zu bytes; choose a shorter "
			       "directory",
			       path, sizeof(a.sun_path) - 1);
	memcpy(a.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCKET_FLAGS, 0);
	if (fd < 0)
		return err_set_errno(err, ERR_IO, errno, "cannot make a socket");
	/* On Linux the file gets the mode of the descriptor: no moment in which others may connect.
	 */
	if (fchmod(fd, 0600) < 0) {
		r = err_set_errno(err, ERR_IO, errno, "cannot restrict the socket %s", path);
		close(fd);
		return r;
	}
	r = bind(fd, (struct sockaddr *)&a, sizeof(a));
	if (r < 0 && errno == EADDRINUSE) {
		if (remove_stale(&a))
			r = bind(fd, (struct sockaddr *)&a, sizeof(a));
		else
			errno = EADDRINUSE;
	}
	if (r < 0) {
		r = err_set_errno(err, err_from_errno(errno), errno, "cannot bind the socket %s",
				  path);
		close(fd);
		return r;
	}
	return fd;
}
