/* libmicrohttpd on our loop: it has one epoll descriptor, which is watched here, and is run when
 * that is ready or when a time it named has come. */
#include "http/private.h"

#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_DEFAULT 128
#define REQUEST_DEFAULT     (16 * 1024)
#define PATIENCE_DEFAULT_NS (INT64_C(30) * 1000000000)
/* Room for connections that have been cut and are not gone yet. */
#define CONNECTIONS_SLACK 16
#define BACKLOG           128

/* ---- connections ------------------------------------------------------------------------- */

static void conn_unlink(struct http_conn *c)
{
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	else
		c->server->conns_end = c->link;
}

static void conn_append(struct http_conn *c)
{
	struct http_server *s = c->server;

	c->since_ns = loop_now_ns();
	c->next = NULL;
	c->link = s->conns_end;
	*s->conns_end = c;
	s->conns_end = &c->next;
}

static int conn_fd(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);

	return info ? info->connect_fd : -1;
}

void http_conn_resume(struct http_conn *c)
{
	c->waiting = NULL;
	MHD_resume_connection(c->mhd);
	/* The next run takes it up. */
	loop_timer_set(c->server->loop, &c->server->due, loop_now_ns());
}

/* Ends it, or, when its source is the slow one, tells the client so. libmicrohttpd cannot be asked
 * to close a connection, but it notices that nothing can be received or sent any more. */
static void conn_cut(struct http_conn *c)
{
	conn_unlink(c);
	conn_append(c);
	if (c->waiting) {
		c->waiting->expired = true;
		http_conn_resume(c);
	} else {
		shutdown(conn_fd(c->mhd), SHUT_RDWR);
	}
}

static void arm_patience(struct http_server *s)
{
	if (s->conns)
		loop_timer_set(s->loop, &s->patience, s->conns->since_ns + s->patience_ns);
	else
		loop_timer_cancel(s->loop, &s->patience);
}

static void on_patience(struct loop_timer *t)
{
	struct http_server *s = CONTAINER_OF(t, struct http_server, patience);
	int64_t over_ns = loop_now_ns() - s->patience_ns;

	while (s->conns && s->conns->since_ns <= over_ns)
		conn_cut(s->conns);
	arm_patience(s);
}

static void conn_started(struct http_server *s, struct MHD_Connection *mhd, void **ret_context)
{
	struct http_conn *c = calloc(1, sizeof(*c));

	if (!c) {
		shutdown(conn_fd(mhd), SHUT_RDWR);
		return;
	}
	c->server = s;
	c->mhd = mhd;
	conn_append(c);
	*ret_context = c;
	if (++s->n_conns > s->connections_max)
		conn_cut(s->conns);
	arm_patience(s);
}

static void conn_ended(struct http_server *s, struct http_conn *c)
{
	conn_unlink(c);
	s->n_conns--;
	free(c);
	arm_patience(s);
}

static void on_connection(void *cls,
			  struct MHD_Connection *mhd,
			  void **context,
			  enum MHD_ConnectionNotificationCode what)
{
	if (what == MHD_CONNECTION_NOTIFY_STARTED)
		conn_started(cls, mhd, context);
	else if (*context)
		conn_ended(cls, *context);
}

/* The end of a request, by whatever way. */
static void on_completed(void *cls,
			 struct MHD_Connection *mhd,
			 void **ret_answer,
			 enum MHD_RequestTerminationCode how)
{
	struct http_server *s = cls;
	struct http_answer *a = *ret_answer;

	(void)mhd, (void)how;
	if (!a)
		return;
	a->conn->waiting = NULL;
	conn_unlink(a->conn);
	conn_append(a->conn);
	arm_patience(s);
	a->server = NULL;
	a->conn = NULL;
	if (!a->held)
		http_answer_free(a);
	*ret_answer = NULL;
}

/* ---- the loop ---------------------------------------------------------------------------- */

static void run(struct http_server *s)
{
	MHD_UNSIGNED_LONG_LONG ms;

	MHD_run(s->daemon);
	if (MHD_get_timeout(s->daemon, &ms) == MHD_YES)
		loop_timer_set(s->loop, &s->due, loop_now_ns() + (int64_t)ms * 1000000);
	else
		loop_timer_cancel(s->loop, &s->due);
}

static void on_ready(void *user, int events)
{
	(void)events;
	run(user);
}

static void on_due(struct loop_timer *t)
{
	run(CONTAINER_OF(t, struct http_server, due));
}

static void on_message(void *cls, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));

static void on_message(void *cls, const char *fmt, va_list ap)
{
	char text[512];

	(void)cls;
	vsnprintf(text, sizeof(text), fmt, ap);
	text[strcspn(text, "\n")] = '\0';
	log_debug("admin port: %s", text);
}

/* ---- life -------------------------------------------------------------------------------- */

static bool is_loopback(int fd)
{
	struct sockaddr_storage a = {.ss_family = AF_UNSPEC};
	socklen_t len = sizeof(a);

	if (getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		return false;
	if (a.ss_family == AF_INET)
		return ntohl(((struct sockaddr_in *)&a)->sin_addr.s_addr) >> 24 == 127;
	return a.ss_family == AF_INET6 &&
	       IN6_IS_ADDR_LOOPBACK(&((struct sockaddr_in6 *)&a)->sin6_addr);
}

/* The daemon owns the descriptor after success. */
static int start_daemon(struct http_server *s, int fd, size_t request_max, struct error *err)
{
	const union MHD_DaemonInfo *info;

	s->daemon = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_USE_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
		http_request, s, MHD_OPTION_EXTERNAL_LOGGER, on_message, NULL,
		MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)s->connections_max + CONNECTIONS_SLACK,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, request_max, MHD_OPTION_NOTIFY_CONNECTION,
		on_connection, s, MHD_OPTION_NOTIFY_COMPLETED, on_completed, s,
		MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
	if (!s->daemon)
		return err_set(err, ERR_IO, "cannot start the admin port on %s", s->address);
	info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (!info || info->epoll_fd < 0)
		return err_set(err, ERR_UNSUPPORTED, "libmicrohttpd has no epoll");
	return fd_watch_new(s->loop, info->epoll_fd, FD_READABLE, on_ready, s, &s->watch, err);
}

static int start(struct http_server *s, const struct http_params *p, struct error *err)
{
	const struct listen_options options = {.host = p->host, .port = p->port};
	int fd = socket_bind_tcp(&options, &s->port, s->address, err);
	int r;

	if (fd < 0)
		return err_wrap(err, "admin port");
	s->loopback = is_loopback(fd);
	if (listen(fd, BACKLOG) < 0)
		r = err_set_errno(err, ERR_IO, errno, "admin port: cannot listen on %s",
				  s->address);
	else
		r = start_daemon(s, fd, p->request_max ? p->request_max : REQUEST_DEFAULT, err);
	if (r < 0 && !s->daemon)
		close(fd);
	return r;
}

int http_server_new(struct loop *l,
		    const struct http_params *params,
		    const struct http_source *source,
		    struct http_server **ret,
		    struct error *err)
{
	struct http_server *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_nomem(err, "the admin port");
	s->loop = l;
	s->source = source;
	s->conns_end = &s->conns;
	s->connections_max =
		params->connections_max ? params->connections_max : CONNECTIONS_DEFAULT;
	s->patience_ns = params->patience_ns ? params->patience_ns : PATIENCE_DEFAULT_NS;
	s->due.fire = on_due;
	s->patience.fire = on_patience;
	r = start(s, params, err);
	if (r < 0) {
		http_server_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

int http_server_port(const struct http_server *s)
{
	return s->port;
}

const char *http_server_address(const struct http_server *s)
{
	return s->address;
}

void http_server_close(struct http_server *s)
{
	if (!s)
		return;
	/* None may be suspended when the daemon stops. */
	for (struct http_conn *c = s->conns; c; c = c->next) {
		if (c->waiting) {
			c->waiting->expired = true;
			http_conn_resume(c);
		}
	}
	if (s->watch)
		fd_watch_close(s->watch);
	if (s->daemon)
		MHD_stop_daemon(s->daemon);
	loop_timer_cancel(s->loop, &s->due);
	loop_timer_cancel(s->loop, &s->patience);
	free(s);
}
