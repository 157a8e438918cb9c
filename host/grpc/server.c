#include "grpc/server.h"

#include "grpc/private.h"
#include "grpc/server_conn.h"

#include "base/log.h"

#define TRIM_NS   ((int64_t)2000000000)
#define TRIM_FROM ((size_t)256 << 10)

/* ---- memory that nobody uses ------------------------------------------------------------- */

static void on_trim(struct loop_timer *t)
{
	struct grpc_server *s = CONTAINER_OF(t, struct grpc_server, trim);

	if (s->engine->stats.bytes_in != s->trim_seen) { /* not quiet */
		server_set_trim(s);
		return;
	}
	grpc_engine_trim(s->engine);
	free(TAKE(s->write_buf));
}

void server_set_trim(struct grpc_server *s)
{
	if (s->closing || loop_timer_is_set(&s->trim) || s->engine->pool.free_bytes < TRIM_FROM)
		return;
	s->trim_seen = s->engine->stats.bytes_in;
	loop_timer_set(s->loop, &s->trim, loop_now_ns() + TRIM_NS);
}

static void on_idle(void *user)
{
	struct grpc_server *s = user;

	if (s->closing)
		server_check_end(s);
}

/* ---- life -------------------------------------------------------------------------------- */

static void server_free(struct grpc_server *s)
{
	loop_timer_cancel(s->loop, &s->trim);
	loop_later_cancel(s->loop, &s->end);
	while (s->listeners) {
		struct server_listener *l = s->listeners;

		s->listeners = l->next;
		free(l);
	}
	grpc_engine_free(s->engine);
	free(s->read_buf);
	free(s->write_buf);
	free(s->plain_buf);
	free(s);
}

static void tell_drained(struct grpc_server *s)
{
	void (*drained)(void *) = TAKE(s->drained);

	if (drained)
		drained(s->drained_user); /* may close the server */
}

static void on_end(struct loop_later *later)
{
	struct grpc_server *s = CONTAINER_OF(later, struct grpc_server, end);
	void (*closed)(void *) = s->closed;
	void *closed_user = s->closed_user;

	while (s->closing && s->conns)
		server_conn_close(s->conns);
	if (s->n_conns > 0)
		return;
	if (!s->closing) {
		tell_drained(s);
		return;
	}
	if (s->writes > 0 || s->engine->stats.calls_open > 0)
		return;
	server_free(s);
	if (closed)
		closed(closed_user);
}

void server_check_end(struct grpc_server *s)
{
	if (s->draining || s->closing)
		loop_later_queue(s->loop, &s->end);
}

int grpc_server_new(struct loop *l,
		    const struct grpc_limits *limits,
		    struct grpc_server **ret,
		    struct error *err)
{
	struct grpc_server *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_nomem(err, "a gRPC server");
	s->loop = l;
	s->trim.fire = on_trim;
	s->end.run = on_end;
	s->read_buf = malloc(READ_SIZE);
	if (!s->read_buf) {
		server_free(s);
		return err_nomem(err, "a gRPC server");
	}
	r = grpc_engine_new(limits, loop_now_ns, &s->engine, err);
	if (r < 0 || !s->engine) {
		server_free(s);
		return r;
	}
	s->engine->idle = on_idle;
	s->engine->idle_user = s;
	*ret = s;
	return 0;
}

struct grpc_engine *grpc_server_engine(struct grpc_server *s)
{
	return s->engine;
}

size_t grpc_server_connections(const struct grpc_server *s)
{
	return s->n_conns;
}

/* ---- listening --------------------------------------------------------------------------- */

static void on_accepted(void *user, struct stream *stream)
{
	struct server_listener *l = user;
	struct grpc_server *s = l->server;
	struct error err = ERROR_INIT;

	if (s->n_conns >= s->engine->limits.connections_max) {
		s->engine->stats.connections_refused++;
		stream_close(stream);
		return;
	}
	if (server_conn_new(s, stream, l->filter_ops, l->filter_context, &err) < 0)
		log_warn("grpc: a connection cannot be served: %s", err.message);
}

static void on_accept_failed(void *user, const struct error *why)
{
	(void)user;
	log_warn("grpc: %s", why->message);
}

static const struct listener_ops listener_ops = {
	.accepted = on_accepted,
	.failed = on_accept_failed,
};

int grpc_server_listen(struct grpc_server *s,
		       const struct listen_options *options,
		       const struct filter_ops *filter_ops,
		       void *filter_context,
		       struct error *err)
{
	struct server_listener *l = calloc(1, sizeof(*l)), **end = &s->listeners;
	int r;

	if (!l)
		return err_nomem(err, "a listener");
	l->server = s;
	l->filter_ops = filter_ops;
	l->filter_context = filter_context;
	r = listener_new(s->loop, options, &listener_ops, l, &l->listener, err);
	if (r < 0) {
		free(l);
		return r;
	}
	while (*end)
		end = &(*end)->next;
	*end = l;
	return 0;
}

static const struct server_listener *listener_at(const struct grpc_server *s, size_t i)
{
	const struct server_listener *l = s->listeners;

	while (l && i-- > 0)
		l = l->next;
	return l && l->listener ? l : NULL;
}

const char *grpc_server_address(const struct grpc_server *s, size_t i)
{
	const struct server_listener *l = listener_at(s, i);

	return l ? listener_address(l->listener) : NULL;
}

int grpc_server_port(const struct grpc_server *s, size_t i)
{
	const struct server_listener *l = listener_at(s, i);

	return l ? listener_port(l->listener) : -1;
}

int grpc_server_adopt(struct grpc_server *s, int fd, struct error *err)
{
	struct stream *stream;
	int r = stream_open(s->loop, fd, &stream, err);

	return r < 0 ? r : server_conn_new(s, stream, NULL, NULL, err);
}

/* ---- ending ------------------------------------------------------------------------------ */

static void stop_listening(struct grpc_server *s)
{
	for (struct server_listener *l = s->listeners; l; l = l->next)
		listener_close(TAKE(l->listener));
}

void grpc_server_drain(struct grpc_server *s, void (*drained)(void *user), void *user)
{
	stop_listening(s);
	s->draining = true;
	s->drained = drained;
	s->drained_user = user;
	for (struct server_conn *c = s->conns; c; c = server_conn_next(c))
		server_conn_shutdown(c);
	server_check_end(s);
}

void grpc_server_close(struct grpc_server *s, void (*closed)(void *user), void *user)
{
	if (!s)
		return;
	stop_listening(s);
	s->closing = true;
	s->draining = false;
	s->closed = closed;
	s->closed_user = user;
	loop_timer_cancel(s->loop, &s->trim);
	server_check_end(s); /* not here: this may be a handler's wish */
}
