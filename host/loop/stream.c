#include "loop/stream.h"

#include "loop/internal.h"
#include "loop/socket.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

struct stream {
	struct loop_handle handle;
	union stream_uv uv;
	bool local;
	bool over_high;
	const struct stream_ops *ops;
	void *user;
	void *buf;
	size_t buf_len;
	size_t low, high; /* high 0: no marks */
};

struct write_request {
	uv_write_t uv;
	struct stream *stream;
	void (*done)(void *arg, int code);
	void *arg;
};

static const struct stream_ops no_ops;

static void on_stream_closed(uv_handle_t *uv)
{
	free(CONTAINER_OF((union stream_uv *)uv, struct stream, uv));
}

void stream_close(struct stream *s)
{
	if (!s)
		return;
	s->ops = &no_ops;
	loop_handle_remove(&s->handle);
	uv_close(&s->uv.handle, on_stream_closed);
}

/* ---- making ------------------------------------------------------------------------------ */

static struct stream *stream_make(struct loop *l, bool local)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->local = local;
	s->ops = &no_ops;
	if (local)
		uv_pipe_init(&l->uv, &s->uv.pipe, 0);
	else
		uv_tcp_init(&l->uv, &s->uv.tcp);
	loop_handle_add(l, &s->handle, "stream");
	return s;
}

int stream_accept(
	struct loop *l, uv_stream_t *server, bool local, struct stream **ret, struct error *err)
{
	struct stream *s = stream_make(l, local);
	int r;

	if (!s)
		return err_nomem(err, "a connection");
	r = uv_accept(server, &s->uv.stream);
	if (r < 0) {
		stream_close(s);
		return loop_error(err, r, "cannot accept a connection");
	}
	if (!local)
		uv_tcp_nodelay(&s->uv.tcp, 1); /* fails only for a connection that is gone */
	*ret = s;
	return 0;
}

int stream_open(struct loop *l, int fd, struct stream **ret, struct error *err)
{
	int domain = 0, r;
	socklen_t len = sizeof(domain);
	struct stream *s;

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0)
		return err_set(err, ERR_INVALID, "descriptor %d is not a socket", fd);
	s = stream_make(l, domain == AF_UNIX);
	if (!s)
		return err_nomem(err, "a connection");
	r = s->local ? uv_pipe_open(&s->uv.pipe, fd) : uv_tcp_open(&s->uv.tcp, fd);
	if (r < 0) {
		stream_close(s);
		return loop_error(err, r, "cannot use socket %d", fd);
	}
	if (!s->local)
		uv_tcp_nodelay(&s->uv.tcp, 1);
	*ret = s;
	return 0;
}

void stream_set(struct stream *s, const struct stream_ops *ops, void *user)
{
	s->ops = ops ? ops : &no_ops;
	s->user = user;
}

/* ---- reading ----------------------------------------------------------------------------- */

static void on_buffer(uv_handle_t *uv, size_t suggested, uv_buf_t *ret)
{
	struct stream *s = CONTAINER_OF((union stream_uv *)uv, struct stream, uv);

	(void)suggested;
	*ret = uv_buf_init(s->buf, (unsigned)s->buf_len);
}

static void on_read(uv_stream_t *uv, ssize_t n, const uv_buf_t *buf)
{
	struct stream *s = CONTAINER_OF((union stream_uv *)uv, struct stream, uv);
	struct error why = ERROR_INIT;

	if (n > 0 && s->ops->read)
		s->ops->read(s->user, buf->base, (size_t)n);
	if (n >= 0)
		return;
	uv_read_stop(uv);
	if (n != UV_EOF)
		loop_error(&why, (int)n, "the connection is broken");
	if (s->ops->ended)
		s->ops->ended(s->user, n == UV_EOF ? NULL : &why);
}

int stream_read_start(struct stream *s, void *buf, size_t len, struct error *err)
{
	int r;

	s->buf = buf;
	s->buf_len = MIN(len, (size_t)INT32_MAX);
	r = uv_read_start(&s->uv.stream, on_buffer, on_read);
	if (r < 0 && r != UV_EALREADY)
		return loop_error(err, r, "cannot read from a connection");
	return 0;
}

void stream_read_stop(struct stream *s)
{
	uv_read_stop(&s->uv.stream);
}

/* ---- writing ----------------------------------------------------------------------------- */

ssize_t stream_try_write(struct stream *s, const void *data, size_t len, struct error *err)
{
	uv_buf_t buf = uv_buf_init((char *)(uintptr_t)data, (unsigned)MIN(len, (size_t)INT32_MAX));
	int r;

	if (stream_queued(s) > 0)
		return err_set(err, ERR_STATE, "bytes are queued on this connection already");
	r = uv_try_write(&s->uv.stream, &buf, 1);
	if (r == UV_EAGAIN)
		return 0;
	if (r < 0)
		return loop_error(err, r, "cannot write to a connection");
	return r;
}

static void on_written(uv_write_t *uv, int status)
{
	struct write_request *w = CONTAINER_OF(uv, struct write_request, uv);
	struct stream *s = w->stream;
	bool writable = s->over_high && stream_queued(s) <= s->low;
	struct write_request gone = *w;

	free(w);
	if (writable)
		s->over_high = false;
	gone.done(gone.arg, status == UV_ECANCELED ? ERR_CANCELLED : status < 0 ? ERR_IO : 0);
	/* The stream outlives this callback, and stream_close leaves no operations. */
	if (writable && s->ops->writable)
		s->ops->writable(s->user);
}

int stream_write(struct stream *s,
		 const void *data,
		 size_t len,
		 void (*done)(void *arg, int code),
		 void *arg,
		 struct error *err)
{
	ssize_t n = stream_queued(s) > 0 ? 0 : stream_try_write(s, data, len, err);
	struct write_request *w;
	uv_buf_t buf;
	int r;

	if (n < 0)
		return (int)n;
	if ((size_t)n == len)
		return 1;
	if (len > INT32_MAX)
		return err_set(err, ERR_LIMIT, "%zu bytes are too many for one write", len);
	w = malloc(sizeof(*w));
	if (!w)
		return err_nomem(err, "a queued write");
	*w = (struct write_request){.stream = s, .done = done, .arg = arg};
	buf = uv_buf_init((char *)(uintptr_t)data + n,
			  (unsigned)MIN(len - (size_t)n, (size_t)INT32_MAX));
	r = uv_write(&w->uv, &s->uv.stream, &buf, 1, on_written);
	if (r < 0) {
		free(w);
		return loop_error(err, r, "cannot write to a connection");
	}
	if (s->high > 0 && stream_queued(s) >= s->high)
		s->over_high = true;
	return 0;
}

size_t stream_queued(const struct stream *s)
{
	return uv_stream_get_write_queue_size(&s->uv.stream);
}

void stream_water(struct stream *s, size_t low, size_t high)
{
	s->low = low;
	s->high = high;
}

static void on_shutdown(uv_shutdown_t *uv, int status)
{
	(void)status; /* a peer that is gone is told by reading */
	free(uv);
}

int stream_shutdown(struct stream *s, struct error *err)
{
	uv_shutdown_t *uv = malloc(sizeof(*uv));
	int r;

	if (!uv)
		return err_nomem(err, "the end of a connection");
	r = uv_shutdown(uv, &s->uv.stream, on_shutdown);
	if (r < 0) {
		free(uv);
		return loop_error(err, r, "cannot end a connection");
	}
	return 0;
}

/* ---- the other side ---------------------------------------------------------------------- */

void stream_peer(const struct stream *s, struct stream_peer *ret)
{
	struct sockaddr_storage a = {.ss_family = 0};
	struct ucred who;
	socklen_t len = sizeof(a), who_len = sizeof(who);
	char host[64], port[8];
	uv_os_fd_t fd;

	*ret = (struct stream_peer){.local = s->local, .uid = (uid_t)-1};
	if (uv_fileno(&s->uv.handle, &fd) < 0)
		return;
	if (s->local) {
		strcpy(ret->address, "unix:");
		if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &who_len) == 0) {
			ret->uid = who.uid;
			ret->pid = who.pid;
		}
		return;
	}
	if (getpeername(fd, (struct sockaddr *)&a, &len) < 0 ||
	    getnameinfo((struct sockaddr *)&a, len, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return;
	snprintf(ret->address, sizeof(ret->address),
		 a.ss_family == AF_INET6 ? "ipv6:[%s]:%s" : "ipv4:%s:%s", host, port);
}
