#include "grpc/server_conn.h"

#include "base/log.h"
#include "base/mem.h"

struct server_conn {
	struct grpc_server *server;
	struct server_conn *next, **link;
	struct stream *stream;
	struct h2_conn *h2;
	const struct filter_ops *filter_ops; /* NULL without */
	struct filter *filter;
	bool established; /* the filter's handshake is over */
	struct grpc_peer peer;
	struct loop_timer timer;
	struct loop_later flush;
	uint8_t *writing; /* what a queued write reads from; NULL when none is queued */
	bool closed;
	bool broken; /* to be closed once its last words are out */
	bool lingering;
	size_t lingered; /* bytes thrown away meanwhile */
};

/* A socket closed with bytes unread resets the connection, and the reset may overtake the last
 * words: the GOAWAY that says why, or the answer to the last call. So the sending side is ended
 * first, and what still comes is thrown away until the client has closed too, within bounds. */
#define LINGER_NS  ((int64_t)1000000000)
#define LINGER_MAX ((size_t)8 << 20)

/* ---- life -------------------------------------------------------------------------------- */

struct server_conn *server_conn_next(const struct server_conn *c)
{
	return c->next;
}

static void conn_free(struct server_conn *c)
{
	struct grpc_server *s = c->server;

	free(c);
	server_check_end(s);
}

static void drop_parts(struct server_conn *c)
{
	h2_conn_free(TAKE(c->h2));
	loop_later_cancel(c->server->loop, &c->flush);
	if (c->filter)
		c->filter_ops->close(TAKE(c->filter));
}

void server_conn_close(struct server_conn *c)
{
	struct grpc_server *s = c->server;

	if (c->closed)
		return;
	c->closed = true;
	loop_timer_cancel(s->loop, &c->timer);
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	s->n_conns--;
	drop_parts(c);
	stream_close(c->stream);
	server_set_trim(s);
	if (!c->writing)
		conn_free(c);
}

/* All has been written: ends the connection without taking the last words back. */
static void linger(struct server_conn *c)
{
	struct grpc_server *s = c->server;
	struct error err;

	drop_parts(c);
	c->lingering = true;
	if (stream_shutdown(c->stream, &err) < 0 ||
	    stream_read_start(c->stream, s->read_buf, READ_SIZE, &err) < 0)
		server_conn_close(c);
	else
		loop_timer_set(s->loop, &c->timer, loop_now_ns() + LINGER_NS);
}

static void throw_away(struct server_conn *c, size_t len)
{
	c->lingered += len;
	if (c->lingered > LINGER_MAX)
		server_conn_close(c);
}

static void on_written(void *arg, int code);

/* ---- writing ----------------------------------------------------------------------------- */

/* What a filter is given at once: it keeps buffers of that size, per connection. */
#define FILTER_SIZE ((size_t)16 << 10)

/* Up to WRITE_SIZE bytes for the socket; 0 when there are none, negative when the filter fails. */
static ssize_t filtered_output(struct server_conn *c, uint8_t *out, struct error *err)
{
	uint8_t *plain = c->server->plain_buf;
	size_t n = c->filter_ops->output(c->filter, out, WRITE_SIZE), pulled;

	if (n > 0 || !c->established)
		return (ssize_t)n;
	pulled = h2_conn_pull(c->h2, plain, H2_PULL_MIN);
	for (size_t at = 0; at < pulled; at += FILTER_SIZE) {
		if (c->filter_ops->write(c->filter, plain + at, MIN(FILTER_SIZE, pulled - at),
					 err) < 0)
			return ERR_IO;
		n += c->filter_ops->output(c->filter, out + n, WRITE_SIZE - n);
	}
	return (ssize_t)n;
}

static ssize_t next_output(struct server_conn *c, uint8_t *out, struct error *err)
{
	if (c->filter)
		return filtered_output(c, out, err);
	return (ssize_t)h2_conn_pull(c->h2, out, WRITE_SIZE);
}

/* Writes all there is, until the socket is full. Negative: the connection is broken. */
static int write_all(struct server_conn *c, struct error *err)
{
	struct grpc_server *s = c->server;
	ssize_t n;
	int r;

	while (!c->writing) {
		if (!s->write_buf)
			s->write_buf = malloc(WRITE_SIZE);
		if (!s->write_buf)
			return err_nomem(err, "a connection");
		n = next_output(c, s->write_buf, err);
		if (n <= 0)
			return (int)n;
		r = stream_write(c->stream, s->write_buf, (size_t)n, on_written, c, err);
		if (r < 0)
			return r;
		if (r == 0) {
			c->writing = TAKE(s->write_buf);
			s->writes++;
			h2_conn_set_blocked(c->h2, true);
		}
	}
	return 0;
}

static void rearm(struct server_conn *c)
{
	int64_t next_ns = h2_conn_next_ns(c->h2);

	/* A timer that is early costs one call that does nothing; moving it costs more often. */
	if (next_ns != INT64_MAX && (!loop_timer_is_set(&c->timer) || next_ns < c->timer.node.key))
		loop_timer_set(c->server->loop, &c->timer, next_ns);
}

/* Handlers, then output, until neither has anything to do. */
static void turn(struct server_conn *c)
{
	struct error err;

	do {
		h2_conn_dispatch(c->h2);
		if (write_all(c, &err) < 0) {
			log_debug("grpc: %s: %s", c->peer.address, err.message);
			server_conn_close(c);
			return;
		}
	} while (!c->writing && h2_conn_dispatch(c->h2));
	if (!c->writing && (c->broken || h2_conn_is_done(c->h2))) {
		if (*h2_conn_complaint(c->h2))
			log_debug("grpc: %s: %s", c->peer.address, h2_conn_complaint(c->h2));
		linger(c);
		return;
	}
	rearm(c);
}

static void on_written(void *arg, int code)
{
	struct server_conn *c = arg;
	struct grpc_server *s = c->server;

	s->writes--;
	if (s->write_buf)
		free(c->writing);
	else
		s->write_buf = c->writing;
	c->writing = NULL;
	if (c->closed) {
		conn_free(c);
		return;
	}
	h2_conn_set_blocked(c->h2, false);
	if (code < 0)
		server_conn_close(c);
	else
		turn(c);
}

static void on_flush(struct loop_later *later)
{
	turn(CONTAINER_OF(later, struct server_conn, flush));
}

static void on_timer(struct loop_timer *t)
{
	struct server_conn *c = CONTAINER_OF(t, struct server_conn, timer);

	if (c->lingering) {
		server_conn_close(c);
		return;
	}
	h2_conn_tick(c->h2, loop_now_ns());
	/* Ended, and it cannot even be told. */
	if ((c->writing || (c->filter && !c->established)) && h2_conn_next_ns(c->h2) == INT64_MAX)
		server_conn_close(c);
	else
		turn(c);
}

static void wants_flush(void *user)
{
	struct server_conn *c = user;

	loop_later_queue(c->server->loop, &c->flush);
}

static const struct h2_conn_ops h2_ops = {.wants_flush = wants_flush};

/* ---- reading ----------------------------------------------------------------------------- */

static void break_off(struct server_conn *c, const struct error *why)
{
	log_debug("grpc: %s: %s", c->peer.address, why->message);
	c->broken = true;
	stream_read_stop(c->stream);
}

static bool establish(struct server_conn *c)
{
	if (!c->established && c->filter_ops->established(c->filter, &c->peer) > 0) {
		c->established = true;
		h2_conn_set_peer(c->h2, &c->peer);
	}
	return c->established;
}

static int feed_slice(struct server_conn *c, const uint8_t *data, size_t len, struct error *err)
{
	uint8_t *plain = c->server->plain_buf;
	ssize_t n;
	int r = c->filter_ops->feed(c->filter, data, len, err);

	if (r < 0)
		return r;
	if (!establish(c))
		return 0;
	while ((n = c->filter_ops->read(c->filter, plain, WRITE_SIZE, err)) > 0) {
		r = h2_conn_feed(c->h2, plain, (size_t)n, err);
		if (r < 0)
			return r;
	}
	return (int)n;
}

static int feed_filter(struct server_conn *c, const uint8_t *data, size_t len, struct error *err)
{
	int r = 0;

	for (size_t at = 0; at < len && r == 0; at += FILTER_SIZE)
		r = feed_slice(c, data + at, MIN(FILTER_SIZE, len - at), err);
	return r;
}

static void on_read(void *user, const void *data, size_t len)
{
	struct server_conn *c = user;
	struct error err;
	int r;

	err.message[0] = 0;
	if (c->lingering) {
		throw_away(c, len);
		return;
	}
	if (c->broken)
		return;
	r = c->filter ? feed_filter(c, data, len, &err) : h2_conn_feed(c->h2, data, len, &err);
	if (r < 0)
		break_off(c, &err);
	server_set_trim(c->server);
	turn(c);
}

static void on_ended(void *user, const struct error *why)
{
	struct server_conn *c = user;

	if (why)
		log_debug("grpc: %s: %s", c->peer.address, why->message);
	server_conn_close(c);
}

static const struct stream_ops stream_ops = {.read = on_read, .ended = on_ended};

/* ---- making ------------------------------------------------------------------------------ */

static void learn_peer(struct server_conn *c)
{
	struct stream_peer peer;

	stream_peer(c->stream, &peer);
	memcpy(c->peer.address, peer.address, sizeof(c->peer.address));
	c->peer.local = peer.local;
	c->peer.uid = peer.uid;
	c->peer.tls = c->filter != NULL;
}

static int open_parts(struct server_conn *c, void *filter_context, struct error *err)
{
	struct grpc_server *s = c->server;

	if (c->filter_ops) {
		c->filter = c->filter_ops->open(filter_context);
		if (!s->plain_buf)
			s->plain_buf = malloc(WRITE_SIZE);
		if (!c->filter || !s->plain_buf)
			return err_nomem(err, "a TLS connection");
	}
	learn_peer(c);
	return h2_conn_new(s->engine, &c->peer, &h2_ops, c, &c->h2, err);
}

int server_conn_new(struct grpc_server *s,
		    struct stream *stream,
		    const struct filter_ops *filter_ops,
		    void *filter_context,
		    struct error *err)
{
	struct server_conn *c = calloc(1, sizeof(*c));
	int r;

	if (!c) {
		stream_close(stream);
		return err_nomem(err, "a connection");
	}
	c->server = s;
	c->stream = stream;
	c->filter_ops = filter_ops;
	c->timer.fire = on_timer;
	c->flush.run = on_flush;
	c->next = s->conns;
	c->link = &s->conns;
	if (c->next)
		c->next->link = &c->next;
	s->conns = c;
	s->n_conns++;
	r = open_parts(c, filter_context, err);
	if (r < 0) {
		server_conn_close(c);
		return r;
	}
	stream_set(stream, &stream_ops, c);
	r = stream_read_start(stream, s->read_buf, READ_SIZE, err);
	if (r < 0) {
		server_conn_close(c);
		return r;
	}
	turn(c); /* the server's SETTINGS may go first */
	return 0;
}

void server_conn_shutdown(struct server_conn *c)
{
	if (!c->lingering)
		h2_conn_shutdown(c->h2);
}
