/* A connection: its life, feeding, pulling, time. */
#include "grpc/h2_conn.h"

#include "grpc/private.h"

#define CONNECTION_WINDOW (16 << 20)
#define SEC               ((int64_t)1000000000)

const uint8_t h2_goaway_ping[8] = {'g', 'o', 'i', 'n', 'g', ' ', 'a', 'w'};
static const uint8_t keepalive_ping[8] = {'a', 'l', 'i', 'v', 'e', '?', 0, 0};

/* ---- life -------------------------------------------------------------------------------- */

static int submit_settings(struct h2_conn *c)
{
	const struct grpc_limits *l = &c->engine->limits;
	nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, l->streams_max},
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)l->header_max},
		{NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
	};

	if (nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings, ARRAY_LEN(settings)) !=
	    0)
		return -1;
	return nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0,
						     CONNECTION_WINDOW);
}

int h2_conn_new(struct grpc_engine *e,
		const struct grpc_peer *peer,
		const struct h2_conn_ops *ops,
		void *user,
		struct h2_conn **ret,
		struct error *err)
{
	struct h2_conn *c = pool_zalloc(&e->pool, sizeof(*c));

	if (!c)
		return err_nomem(err, "a connection");
	e->now_ns = e->clock_ns();
	c->engine = e;
	c->ops = ops;
	c->user = user;
	c->peer = *peer;
	c->walk.pass = PREFACE_SIZE;
	c->ready_end = &c->ready_first;
	c->parked_end = &c->parked_first;
	c->born_ns = c->received_ns = c->idle_since_ns = c->tokens_ns = e->now_ns;
	c->tokens = e->limits.control_burst;
	if (nghttp2_session_server_new3(&c->session, e->callbacks, c, e->options, &e->mem) != 0 ||
	    submit_settings(c) != 0) {
		nghttp2_session_del(c->session);
		pool_free(&e->pool, c);
		return err_nomem(err, "a connection");
	}
	e->stats.connections++;
	e->stats.connections_open++;
	*ret = c;
	return 0;
}

void h2_conn_set_peer(struct h2_conn *c, const struct grpc_peer *peer)
{
	c->peer = *peer;
}

void h2_conn_free(struct h2_conn *c)
{
	struct grpc_engine *e;

	if (!c)
		return;
	e = c->engine;
	c->busy = true;
	while (c->calls)
		call_orphan(c->calls);
	nghttp2_session_del(c->session);
	e->stats.connections_open--;
	pool_free(&e->pool, c);
}

void h2_conn_wants(struct h2_conn *c)
{
	if (!c->busy && c->ops)
		c->ops->wants_flush(c->user);
}

size_t h2_conn_calls(const struct h2_conn *c)
{
	return c->n_calls;
}

/* ---- ending ------------------------------------------------------------------------------ */

void h2_conn_kill(struct h2_conn *c, uint32_t error_code, const char *why)
{
	if (c->dead)
		return;
	c->dead = why;
	c->engine->stats.connections_killed++;
	nghttp2_session_terminate_session(c->session, error_code);
}

void h2_conn_goaway(struct h2_conn *c)
{
	if (c->drained)
		return;
	c->drained = true;
	nghttp2_submit_goaway(c->session, NGHTTP2_FLAG_NONE,
			      nghttp2_session_get_last_proc_stream_id(c->session), NGHTTP2_NO_ERROR,
			      NULL, 0);
	h2_conn_wants(c);
}

void h2_conn_shutdown(struct h2_conn *c)
{
	if (c->draining || c->dead)
		return;
	c->draining = true;
	c->goaway_ns = c->engine->clock_ns();
	nghttp2_submit_shutdown_notice(c->session);
	nghttp2_submit_ping(c->session, NGHTTP2_FLAG_NONE, h2_goaway_ping);
	h2_conn_wants(c);
}

bool h2_conn_is_done(const struct h2_conn *c)
{
	if (c->rest_len > 0 || nghttp2_session_want_write(c->session))
		return false;
	return c->dead || !nghttp2_session_want_read(c->session);
}

const char *h2_conn_complaint(const struct h2_conn *c)
{
	return c->dead ? c->dead : c->complaint;
}

/* ---- bytes ------------------------------------------------------------------------------- */

bool h2_conn_spend(struct h2_conn *c, int64_t tokens)
{
	const struct grpc_limits *l = &c->engine->limits;

	c->tokens -= tokens;
	if (c->tokens > l->control_burst)
		c->tokens = l->control_burst;
	if (c->tokens >= 0)
		return true;
	/* Time has earned some, too. */
	c->tokens = MIN((c->engine->now_ns - c->tokens_ns) / 1000 * l->control_rate / 1000000,
			(int64_t)l->control_burst);
	c->tokens_ns = c->engine->now_ns;
	return c->tokens > 0;
}

static int tell_broken(struct h2_conn *c, int code, struct error *err)
{
	uint32_t http2_code = NGHTTP2_PROTOCOL_ERROR;

	if (code == NGHTTP2_ERR_FLOODED)
		http2_code = NGHTTP2_ENHANCE_YOUR_CALM;
	if (code == NGHTTP2_ERR_NOMEM)
		http2_code = NGHTTP2_INTERNAL_ERROR;
	h2_conn_kill(c, http2_code, nghttp2_strerror(code));
	return err_set(err, code == NGHTTP2_ERR_NOMEM ? ERR_NOMEM : ERR_INVALID,
		       "the client broke HTTP/2: %s", c->dead);
}

int h2_conn_feed(struct h2_conn *c, const void *data, size_t len, struct error *err)
{
	struct grpc_engine *e = c->engine;
	int r;

	if (c->dead)
		return err_set(err, ERR_STATE, "%s", c->dead);
	e->now_ns = c->received_ns = e->clock_ns();
	e->stats.bytes_in += len;
	c->busy = true;
	r = h2_walk(c, data, len);
	c->busy = false;
	if (r < 0)
		return tell_broken(c, r, err);
	if (c->dead)
		return err_set(err, ERR_LIMIT, "%s", c->dead);
	return 0;
}

static void park(struct h2_conn *c, struct grpc_call *call)
{
	call->ready_next = NULL;
	*c->parked_end = call;
	c->parked_end = &call->ready_next;
}

void h2_conn_unpark(struct h2_conn *c)
{
	if (!c->parked_first || c->out_bytes > c->engine->limits.replies_park / 2)
		return;
	*c->ready_end = c->parked_first;
	c->ready_end = c->parked_end;
	c->parked_first = NULL;
	c->parked_end = &c->parked_first;
	h2_conn_wants(c);
}

bool h2_conn_dispatch(struct h2_conn *c)
{
	bool any = c->ready_first != NULL;

	c->busy = true;
	while (c->ready_first) {
		struct grpc_call *call = c->ready_first;

		c->ready_first = call->ready_next;
		if (!c->ready_first)
			c->ready_end = &c->ready_first;
		if (call->handler == HANDLER_NONE && !call->closed && !call->ended &&
		    c->out_bytes > c->engine->limits.replies_park) {
			park(c, call);
			continue;
		}
		call->ready = false;
		call_dispatch(call);
	}
	c->busy = false;
	return any;
}

/* Moves bytes that nghttp2 owns; what does not fit stays for the next pull. */
static void put(struct h2_conn *c, const uint8_t *data, size_t len)
{
	size_t n = MIN(len, c->out_cap - c->out_len);

	memcpy(c->out + c->out_len, data, n);
	c->out_len += n;
	c->rest = data + n;
	c->rest_len = len - n;
}

size_t h2_conn_pull(struct h2_conn *c, uint8_t *out, size_t cap)
{
	c->busy = true;
	c->out = out;
	c->out_len = 0;
	c->out_cap = cap;
	if (c->rest_len > 0)
		put(c, c->rest, c->rest_len);
	while (c->rest_len == 0 && cap - c->out_len >= FRAME_ROOM) {
		const uint8_t *data;
		ssize_t n = nghttp2_session_mem_send(c->session, &data);

		if (n > 0) {
			put(c, data, (size_t)n);
			continue;
		}
		if (n < 0)
			h2_conn_kill(c, NGHTTP2_INTERNAL_ERROR, nghttp2_strerror((int)n));
		break;
	}
	c->out = NULL;
	c->busy = false;
	c->engine->stats.bytes_out += c->out_len;
	return c->out_len;
}

void h2_conn_set_blocked(struct h2_conn *c, bool blocked)
{
	c->blocked_since_ns = blocked ? c->engine->clock_ns() : 0;
}

/* ---- time -------------------------------------------------------------------------------- */

static void expire_calls(struct h2_conn *c, int64_t now_ns)
{
	struct heap_node *first;

	while ((first = heap_min(&c->deadlines)) && first->key <= now_ns) {
		struct grpc_call *call = CONTAINER_OF(first, struct grpc_call, deadline);

		heap_remove(&c->deadlines, first);
		call_abort(call, GRPC_DEADLINE_EXCEEDED, STR("the deadline has passed"));
	}
}

static bool receives(const struct grpc_call *call)
{
	if (call->ended || call->waiting || call->remote_closed || call->paused || call->in_first ||
	    !call->headers_done)
		return false;
	return call->expects || frame_reader_inside(&call->reader) ||
	       (call->handler == HANDLER_NONE && !call->ready);
}

static void end_stalled(struct h2_conn *c, int64_t now_ns)
{
	int64_t stall_ns = c->engine->limits.stall_ns;

	for (struct grpc_call *call = c->calls; call; call = call->next) {
		if (receives(call) && now_ns - call->in_since_ns >= stall_ns)
			call_abort(call, GRPC_CANCELLED, STR("the request makes no progress"));
		if ((call->out_queued > 0 || call->ended) &&
		    now_ns - call->out_since_ns >= stall_ns)
			nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, call->id,
						  NGHTTP2_CANCEL);
	}
}

static bool is_due(int64_t now_ns, int64_t since_ns, int64_t limit_ns)
{
	return now_ns - since_ns >= limit_ns;
}

/* Without a call some clients do not look at their socket, and need not. */
static bool expects_life(const struct h2_conn *c)
{
	return c->n_calls > 0 && c->engine->limits.keepalive_ns > 0;
}

static void check_liveness(struct h2_conn *c, int64_t now_ns)
{
	const struct grpc_limits *l = &c->engine->limits;

	if (!c->handshaken && is_due(now_ns, c->born_ns, l->handshake_ns))
		h2_conn_kill(c, NGHTTP2_SETTINGS_TIMEOUT, "the client does not speak HTTP/2");
	if (c->header_since_ns && is_due(now_ns, c->header_since_ns, l->header_ns))
		h2_conn_kill(c, NGHTTP2_ENHANCE_YOUR_CALM, "a header block is not finished");
	if (c->blocked_since_ns && is_due(now_ns, c->blocked_since_ns, l->stall_ns))
		h2_conn_kill(c, NGHTTP2_NO_ERROR, "the client does not read");
	if (!expects_life(c)) {
		c->ping_ns = 0;
		return;
	}
	if (c->ping_ns && is_due(now_ns, c->ping_ns, l->keepalive_wait_ns))
		h2_conn_kill(c, NGHTTP2_NO_ERROR, "the client does not answer");
	if (!c->ping_ns && is_due(now_ns, c->received_ns, l->keepalive_ns)) {
		nghttp2_submit_ping(c->session, NGHTTP2_FLAG_NONE, keepalive_ping);
		c->ping_ns = now_ns;
	}
}

static bool may_idle_out(const struct h2_conn *c)
{
	return c->n_calls == 0 && !c->draining && c->engine->limits.idle_ns > 0;
}

int64_t h2_conn_tick(struct h2_conn *c, int64_t now_ns)
{
	const struct grpc_limits *l = &c->engine->limits;

	c->engine->now_ns = now_ns;
	if (c->dead)
		return INT64_MAX;
	c->busy = true;
	expire_calls(c, now_ns);
	if (c->n_calls > 0 && is_due(now_ns, c->scan_ns, l->stall_ns / 4)) {
		end_stalled(c, now_ns);
		c->scan_ns = now_ns;
	}
	check_liveness(c, now_ns);
	if (may_idle_out(c) && is_due(now_ns, c->idle_since_ns, l->idle_ns))
		h2_conn_shutdown(c);
	if (c->draining && !c->drained && is_due(now_ns, c->goaway_ns, l->goaway_ns))
		h2_conn_goaway(c);
	c->busy = false;
	return h2_conn_next_ns(c);
}

int64_t h2_conn_next_ns(const struct h2_conn *c)
{
	const struct grpc_limits *l = &c->engine->limits;
	const struct heap_node *first = heap_min(&c->deadlines);
	int64_t next = first ? first->key : INT64_MAX;

	if (c->dead)
		return INT64_MAX;
	if (c->n_calls > 0)
		next = MIN(next, c->scan_ns + l->stall_ns / 4);
	if (!c->handshaken)
		next = MIN(next, c->born_ns + l->handshake_ns);
	if (c->header_since_ns)
		next = MIN(next, c->header_since_ns + l->header_ns);
	if (c->blocked_since_ns)
		next = MIN(next, c->blocked_since_ns + l->stall_ns);
	if (expects_life(c) && c->ping_ns)
		next = MIN(next, c->ping_ns + l->keepalive_wait_ns);
	else if (expects_life(c))
		next = MIN(next, c->received_ns + l->keepalive_ns);
	if (may_idle_out(c))
		next = MIN(next, c->idle_since_ns + l->idle_ns);
	if (c->draining && !c->drained)
		next = MIN(next, c->goaway_ns + l->goaway_ns);
	return next;
}
