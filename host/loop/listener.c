#include "loop/stream.h"

#include "loop/internal.h"
#include "loop/socket.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKLOG 512

struct listener {
	struct loop_handle handle;
	union stream_uv uv;
	const struct listener_ops *ops;
	void *user;
	int port;
	char address[SOCKET_ADDRESS_MAX];
	char *unix_path;
	struct stat unix_file; /* to remove only what this listener made */
};

static void on_listener_closed(uv_handle_t *uv)
{
	struct listener *s = CONTAINER_OF((union stream_uv *)uv, struct listener, uv);

	free(s->unix_path);
	free(s);
}

void listener_close(struct listener *s)
{
	struct stat now;

	if (!s)
		return;
	if (s->unix_path && lstat(s->unix_path, &now) == 0 && now.st_ino == s->unix_file.st_ino &&
	    now.st_dev == s->unix_file.st_dev)
		unlink(s->unix_path);
	loop_handle_remove(&s->handle);
	uv_close(&s->uv.handle, on_listener_closed);
}

static void tell_failure(struct listener *s, int code)
{
	struct error why = ERROR_INIT;

	if (!s->ops->failed)
		return;
	loop_error(&why, code, "cannot accept a connection on %s", s->address);
	s->ops->failed(s->user, &why);
}

static void on_connection(uv_stream_t *uv, int status)
{
	struct listener *s = CONTAINER_OF((union stream_uv *)uv, struct listener, uv);
	struct error err = ERROR_INIT;
	struct stream *stream;

	if (status < 0) {
		tell_failure(s, status);
		return;
	}
	if (stream_accept(s->handle.loop, uv, s->unix_path != NULL, &stream, &err) < 0) {
		if (s->ops->failed)
			s->ops->failed(s->user, &err);
		return;
	}
	s->ops->accepted(s->user, stream);
}

static int listen_on(struct listener *s, int backlog, struct error *err)
{
	int r = uv_listen(&s->uv.stream, backlog > 0 ? backlog : BACKLOG, on_connection);

	if (r < 0)
		return loop_error(err, r, "cannot listen on %s", s->address);
	return 0;
}

static int open_socket(struct listener *s, const struct listen_options *options, struct error *err)
{
	int fd, r;

	if (options->unix_path) {
		s->unix_path = strdup(options->unix_path);
		if (!s->unix_path)
			return err_nomem(err, "a socket path");
		snprintf(s->address, sizeof(s->address), "unix:%s", options->unix_path);
		fd = socket_bind_unix(options->unix_path, err);
	} else {
		fd = socket_bind_tcp(options, &s->port, s->address, err);
	}
	if (fd < 0)
		return fd;
	r = s->unix_path ? uv_pipe_open(&s->uv.pipe, fd) : uv_tcp_open(&s->uv.tcp, fd);
	if (r < 0) {
		close(fd);
		return loop_error(err, r, "cannot use the socket of %s", s->address);
	}
	if (s->unix_path && lstat(s->unix_path, &s->unix_file) < 0)
		memset(&s->unix_file, 0, sizeof(s->unix_file));
	return 0;
}

int listener_new(struct loop *l,
		 const struct listen_options *options,
		 const struct listener_ops *ops,
		 void *user,
		 struct listener **ret,
		 struct error *err)
{
	struct listener *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_nomem(err, "a listener");
	s->ops = ops;
	s->user = user;
	if (options->unix_path)
		uv_pipe_init(&l->uv, &s->uv.pipe, 0);
	else
		uv_tcp_init(&l->uv, &s->uv.tcp);
	loop_handle_add(l, &s->handle, "listener");
	r = open_socket(s, options, err);
	if (r == 0)
		r = listen_on(s, options->backlog, err);
	if (r < 0) {
		listener_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

int listener_port(const struct listener *s)
{
	return s->port;
}

const char *listener_address(const struct listener *s)
{
	return s->address;
}
