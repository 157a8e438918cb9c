#include "grpc/client_private.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#define CONNECT_NS   (INT64_C(5) * 1000000000)
#define REPLY_MAX    ((size_t)64 << 20)
#define WINDOW       (1 << 20)
#define LAST_SEND_NS 100000000 /* for telling the server that a call is given up */
#define EARLY_NS     10000000  /* how much the server may be ahead of us with a deadline */

struct grpc_client {
	struct client_target target;
	int64_t connect_ns;
	size_t reply_max;
	int stop_fd;

	int fd; /* -1: not connected */
	nghttp2_session *session;
	bool goaway; /* takes no more calls */
	const uint8_t *unsent;
	size_t n_unsent;
	struct exchange *exchange; /* under way */
};

/* ---- making ---------------------------------------------------------------------------------- */

int grpc_client_new(const struct grpc_client_params *params,
		    struct grpc_client **ret,
		    struct error *err)
{
	struct grpc_client *c = calloc(1, sizeof(*c));
	int rc;

	if (!c)
		return err_nomem(err, "a connection");
	c->fd = -1;
	c->stop_fd = params->stop_fd;
	c->connect_ns = params->connect_ns ? params->connect_ns : CONNECT_NS;
	c->reply_max = params->reply_max ? params->reply_max : REPLY_MAX;
	rc = client_target_parse(params->target, &c->target, err);
	if (rc < 0) {
		free(c);
		return rc;
	}
	*ret = c;
	return 0;
}

static void disconnect(struct grpc_client *c)
{
	nghttp2_session_del(c->session);
	c->session = NULL;
	c->unsent = NULL;
	c->n_unsent = 0;
	closep(&c->fd);
	c->fd = -1;
	c->goaway = false;
}

void grpc_client_free(struct grpc_client *c)
{
	if (!c)
		return;
	disconnect(c);
	client_target_done(&c->target);
	free(c);
}

const char *grpc_client_target(const struct grpc_client *c)
{
	return c->target.shown;
}

int grpc_status_error(int status)
{
	switch (status) {
	case GRPC_OK:
		return ERR_OK;
	case GRPC_INVALID_ARGUMENT:
	case GRPC_OUT_OF_RANGE:
		return ERR_INVALID;
	case GRPC_NOT_FOUND:
		return ERR_NOT_FOUND;
	case GRPC_DEADLINE_EXCEEDED:
		return ERR_TIMEOUT;
	case GRPC_CANCELLED:
		return ERR_CANCELLED;
	case GRPC_PERMISSION_DENIED:
	case GRPC_UNAUTHENTICATED:
		return ERR_DENIED;
	case GRPC_RESOURCE_EXHAUSTED:
		return ERR_LIMIT;
	case GRPC_FAILED_PRECONDITION:
	case GRPC_ALREADY_EXISTS:
		return ERR_STATE;
	case GRPC_UNIMPLEMENTED:
		return ERR_UNSUPPORTED;
	default:
		return ERR_IO;
	}
}

struct exchange *client_exchange(void *user)
{
	return ((struct grpc_client *)user)->exchange;
}

void client_goaway(void *user)
{
	((struct grpc_client *)user)->goaway = true;
}

/* ---- the connection -------------------------------------------------------------------------- */

static int open_session(struct grpc_client *c, struct error *err)
{
	const nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW},
	};
	nghttp2_session_callbacks *callbacks;
	int rc = client_callbacks_new(&callbacks, err);

	if (rc < 0)
		return rc;
	rc = nghttp2_session_client_new(&c->session, callbacks, c);
	nghttp2_session_callbacks_del(callbacks);
	if (rc != 0 ||
	    nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings, ARRAY_LEN(settings)) !=
		    0 ||
	    nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0, WINDOW) != 0)
		return err_nomem(err, "a connection");
	return 0;
}

/* False when the connection is over. */
static bool flush(struct grpc_client *c)
{
	for (;;) {
		ssize_t n;

		if (c->n_unsent == 0) {
			n = nghttp2_session_mem_send(c->session, &c->unsent);
			if (n <= 0)
				return n == 0;
			c->n_unsent = (size_t)n;
		}
		n = send(c->fd, c->unsent, c->n_unsent, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		c->unsent += n;
		c->n_unsent -= (size_t)n;
	}
}

/* Takes all that is there. False when the connection is over. */
static bool take(struct grpc_client *c)
{
	uint8_t bytes[16384];

	for (;;) {
		ssize_t n = recv(c->fd, bytes, sizeof(bytes), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		if (n == 0)
			return false;
		if (nghttp2_session_mem_recv(c->session, bytes, (size_t)n) != n)
			return false;
		if (c->exchange && c->exchange->over)
			return true;
	}
}

static int make_ready(struct grpc_client *c, int64_t deadline_ns, struct error *err)
{
	int64_t until = clock_monotonic_ns() + c->connect_ns;
	int rc;

	if (c->session && (!take(c) || c->goaway || !nghttp2_session_want_read(c->session)))
		disconnect(c);
	if (c->session)
		return 0;
	rc = client_connect(&c->target, MIN(until, deadline_ns), c->stop_fd, &c->fd, err);
	return rc < 0 ? rc : open_session(c, err);
}

/* ---- calls ----------------------------------------------------------------------------------- */

/* What is left to say after the call: that it is given up. Not worth waiting for. */
static void say_farewell(struct grpc_client *c)
{
	int64_t until = clock_monotonic_ns() + LAST_SEND_NS;

	while (c->session) {
		bool sent = flush(c);

		if (sent && c->n_unsent == 0)
			return;
		if (!sent || client_poll(c->fd, POLLOUT, -1, until) <= 0)
			disconnect(c);
	}
}

static void lost(struct grpc_client *c, struct exchange *x)
{
	x->stream = 0;
	if (x->http_status == 0 && !c->goaway)
		exchange_fail(x, GRPC_UNAVAILABLE,
			      "%s has closed the connection without an answer; is it a gRPC "
			      "server?",
			      c->target.shown);
	else
		exchange_fail(x, GRPC_UNAVAILABLE, "the connection to %s broke", c->target.shown);
}

static void exchange_run(struct grpc_client *c, struct exchange *x, int64_t deadline_ns)
{
	const struct grpc_client_call *call = x->call;
	int64_t next_tick = call->tick ? clock_monotonic_ns() + call->tick_ns : INT64_MAX;

	while (!x->over) {
		int64_t now;
		int events;

		if (!flush(c) || !nghttp2_session_want_read(c->session)) {
			/* What the server said before it hung up counts. */
			take(c);
			lost(c, x);
			return;
		}
		events = client_poll(c->fd, (short)(POLLIN | (c->n_unsent ? POLLOUT : 0)),
				     c->stop_fd, MIN(deadline_ns, next_tick));
		if (events == ERR_CANCELLED) {
			exchange_fail(x, GRPC_CANCELLED, "interrupted");
			return;
		}
		now = clock_monotonic_ns();
		if (now >= deadline_ns) {
			exchange_fail(x, GRPC_DEADLINE_EXCEEDED, "%s did not answer in time",
				      c->target.shown);
		} else if (now >= next_tick) {
			call->tick(call->user);
			next_tick = clock_monotonic_ns() + call->tick_ns;
		}
		if ((events & (POLLIN | POLLHUP | POLLERR)) && !x->over && !take(c))
			lost(c, x);
	}
}

static int finish(struct exchange *x, struct error *err)
{
	if (x->refused < 0)
		return x->refused;
	if (x->status == GRPC_OK)
		return 0;
	if (x->n_words == 0)
		return err_set(err, grpc_status_error(x->status),
			       "the server ended the call with %s", grpc_status_name(x->status));
	return err_set(err, grpc_status_error(x->status), "%.*s", (int)x->n_words, x->words);
}

/* Either side may be the first to notice that time is up; it is told in the same words. */
static void say_time_is_up(const struct grpc_client *c, struct exchange *x, int64_t deadline_ns)
{
	if (x->status != GRPC_DEADLINE_EXCEEDED || clock_monotonic_ns() < deadline_ns - EARLY_NS)
		return;
	snprintf(x->words, sizeof(x->words), "%s did not answer in time", c->target.shown);
	x->n_words = strlen(x->words);
}

static int run_call(struct grpc_client *c,
		    const struct grpc_client_call *call,
		    struct exchange *x,
		    struct error *err)
{
	int64_t deadline =
		call->timeout_ns > 0 ? clock_monotonic_ns() + call->timeout_ns : INT64_MAX;
	int64_t left;
	int rc = make_ready(c, deadline, err);

	x->session = c->session;
	x->status = -1;
	if (rc < 0) {
		disconnect(c);
		x->status = rc == ERR_CANCELLED ? GRPC_CANCELLED
			    : rc == ERR_IO      ? GRPC_UNAVAILABLE
						: GRPC_RESOURCE_EXHAUSTED;
		return rc;
	}
	left = call->timeout_ns > 0 ? MAX(deadline - clock_monotonic_ns(), 1) : 0;
	rc = exchange_begin(x, c->target.host ? c->target.shown : "localhost", left, err);
	if (rc < 0) {
		x->status = rc == ERR_INVALID ? GRPC_INVALID_ARGUMENT : GRPC_RESOURCE_EXHAUSTED;
		return rc;
	}
	c->exchange = x;
	exchange_run(c, x, deadline);
	c->exchange = NULL;
	say_time_is_up(c, x, deadline);
	/* The upload may not be done: nothing of it shall be read once x is gone. */
	if (x->stream > 0 && !x->local && nghttp2_session_find_stream(c->session, x->stream))
		nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, x->stream,
					  NGHTTP2_NO_ERROR);
	return finish(x, err);
}

int grpc_client_stream(struct grpc_client *c,
		       const struct grpc_client_call *call,
		       enum grpc_status *ret_status,
		       struct error *err)
{
	struct exchange x = {.call = call, .reply_max = c->reply_max, .err = err};
	int rc;

	if (call->request.len > UINT32_MAX)
		rc = err_set(err, ERR_LIMIT, "a message of more than 4 GiB cannot be sent");
	else
		rc = run_call(c, call, &x, err);
	say_farewell(c);
	exchange_done(&x);
	if (ret_status)
		*ret_status = (enum grpc_status)x.status;
	return rc;
}

/* ---- one message ----------------------------------------------------------------------------- */

struct single {
	struct buf *reply;
	bool there;
};

static int take_single(void *user, struct str bytes, struct error *err)
{
	struct single *s = user;

	if (s->there)
		return err_set(err, ERR_IO, "the server sends a second answer to one question");
	s->there = true;
	buf_append(s->reply, bytes.ptr, bytes.len);
	return buf_check(s->reply, "an answer", err);
}

int grpc_client_unary(struct grpc_client *c,
		      const char *path,
		      struct str request,
		      int64_t timeout_ns,
		      struct buf *reply,
		      enum grpc_status *ret_status,
		      struct error *err)
{
	struct single single = {.reply = reply};
	const struct grpc_client_call call = {.path = path,
					      .request = request,
					      .timeout_ns = timeout_ns,
					      .message = take_single,
					      .user = &single};
	int rc = grpc_client_stream(c, &call, ret_status, err);

	if (rc < 0 || single.there)
		return rc;
	if (ret_status)
		*ret_status = GRPC_INTERNAL;
	return err_set(err, ERR_IO, "the server ended the call without an answer");
}
