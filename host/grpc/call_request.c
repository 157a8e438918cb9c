/* The messages of a request, and the room they take. */
#include "grpc/private.h"

/* ---- room -------------------------------------------------------------------------------- */

static void charge(struct grpc_call *call, size_t bytes)
{
	call->conn->in_bytes += bytes;
	call->engine->stats.request_bytes += bytes;
}

static void discharge(struct grpc_call *call, size_t bytes)
{
	if (bytes == 0)
		return;
	call->engine->stats.request_bytes -= bytes;
	if (call->conn)
		call->conn->in_bytes -= bytes;
	call_grant_waiting(call->engine);
}

static bool fits_conn(const struct grpc_call *call, size_t bytes)
{
	return call->conn->in_bytes + bytes <= call->engine->limits.requests_conn;
}

static bool fits_all(const struct grpc_call *call, size_t bytes)
{
	return call->engine->stats.request_bytes + bytes <= call->engine->limits.requests_all;
}

/* What is small may use a quarter more, so that it need not wait. */
static bool fits_tightly(const struct grpc_call *call, size_t bytes)
{
	const struct grpc_limits *l = &call->engine->limits;

	return call->conn->in_bytes + bytes <= l->requests_conn + l->requests_conn / 4 &&
	       call->engine->stats.request_bytes + bytes <= l->requests_all + l->requests_all / 4;
}

static void end_no_room(struct grpc_call *call)
{
	call_abortf(call, GRPC_RESOURCE_EXHAUSTED,
		    "requests being handled use %llu bytes already; try again later",
		    (unsigned long long)call->engine->stats.request_bytes);
}

static void wait_add(struct grpc_call *call)
{
	struct grpc_engine *e = call->engine;

	if (!e->wait_end)
		e->wait_end = &e->wait_first;
	call->waiting = true;
	call->wait_next = NULL;
	*e->wait_end = call;
	e->wait_end = &call->wait_next;
	e->stats.waiting++;
}

void call_wait_remove(struct grpc_call *call)
{
	struct grpc_engine *e = call->engine;

	if (!call->waiting)
		return;
	for (struct grpc_call **link = &e->wait_first; *link; link = &(*link)->wait_next) {
		if (*link != call)
			continue;
		*link = call->wait_next;
		if (!call->wait_next)
			e->wait_end = link;
		break;
	}
	call->waiting = false;
	e->stats.waiting--;
	if (!e->wait_first)
		e->wait_for_all = false;
	call_grant_waiting(e); /* it may have stood in the way of smaller ones */
}

/* ---- messages ---------------------------------------------------------------------------- */

static void message_free(struct grpc_call *call, struct in_message *m)
{
	size_t charged;

	if (!m)
		return;
	charged = m->charged;
	if (m->own_size > 0)
		free(m->data);
	else if (m->data != (uint8_t *)(m + 1))
		pool_free(&call->engine->pool, m->data);
	pool_free(&call->engine->pool, m);
	discharge(call, charged);
}

static void held_free(struct grpc_call *call)
{
	call->engine->stats.held_bytes -= call->held_room;
	pool_free(&call->engine->pool, call->held);
	call->held = NULL;
	call->held_len = call->held_room = 0;
}

void call_requests_free(struct grpc_call *call, bool keep_current)
{
	struct in_message *m;

	while ((m = call->in_first)) {
		call->in_first = m->next;
		message_free(call, m);
	}
	call->in_last = NULL;
	message_free(call, TAKE(call->receiving));
	if (!keep_current)
		message_free(call, TAKE(call->current));
	held_free(call);
	frame_reader_next(&call->reader);
}

/* Lets all of a large message come without waiting for window updates. */
static void widen_window(struct grpc_call *call, size_t length)
{
	nghttp2_session *session = call->conn->session;
	size_t wanted = MIN(length + STREAM_WINDOW, (size_t)INT32_MAX);

	if (length <= STREAM_WINDOW / 2 || call->remote_closed)
		return;
	if (nghttp2_session_get_stream_effective_local_window_size(session, call->id) <
	    (int32_t)wanted)
		nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, call->id,
						      (int32_t)wanted);
}

static struct in_message *message_new(struct grpc_call *call, size_t length)
{
	struct pool *pool = &call->engine->pool;
	bool own = call_streams_in(call) && length >= OWN_MESSAGE;
	struct in_message *m = pool_alloc(pool, sizeof(*m) + (own ? 0 : length));

	if (!m)
		return NULL;
	*m = (struct in_message){
		.len = length,
		.wire = length + FRAME_HEAD_SIZE,
		.charged = length,
		.compressed = call->reader.compressed,
		.data = own ? malloc(length + OWN_SPARE) : (uint8_t *)(m + 1),
		.own_size = own ? length + OWN_SPARE : 0,
	};
	if (m->data)
		return m;
	pool_free(pool, m);
	return NULL;
}

static bool begin_message(struct grpc_call *call)
{
	size_t length = call->reader.length;
	struct in_message *m = message_new(call, length);

	if (!m) {
		call_abortf(call, GRPC_RESOURCE_EXHAUSTED, "no memory for a message of %zu bytes",
			    length);
		return false;
	}
	charge(call, length);
	call->receiving = m;
	call->reader.data = m->data;
	call->in_since_ns = call->engine->now_ns;
	call->in_mark = 0;
	widen_window(call, length);
	return true;
}

/* After the head of a message. False when its bytes cannot be taken (now). */
static bool admit(struct grpc_call *call)
{
	size_t length = call->reader.length;

	if (length > call->engine->limits.request_max) {
		call_abortf(call, GRPC_RESOURCE_EXHAUSTED,
			    "the message has %zu bytes, more than the limit of %zu", length,
			    call->engine->limits.request_max);
		return false;
	}
	if (!call_streams_in(call) && (call->in_first || call->current)) {
		call_abortf(call, GRPC_INTERNAL, "more than one message in a call that takes one");
		return false;
	}
	if (call->reader.compressed && !call->request_gzip) {
		call_abortf(call, GRPC_INTERNAL,
			    "a compressed message, but grpc-encoding names none");
		return false;
	}
	if (length <= SMALL_MESSAGE) {
		if (fits_tightly(call, length))
			return begin_message(call);
		end_no_room(call);
		return false;
	}
	if (fits_conn(call, length) && fits_all(call, length) && !call->engine->wait_for_all)
		return begin_message(call);
	call->engine->wait_for_all |= !fits_all(call, length);
	wait_add(call);
	return false;
}

static void end_message(struct grpc_call *call)
{
	struct in_message *m = TAKE(call->receiving);

	frame_reader_next(&call->reader);
	m->next = NULL;
	if (call->in_first)
		call->in_last->next = m;
	else
		call->in_first = m;
	call->in_last = m;
	if (call_streams_in(call))
		call_make_ready(call, EVENT_INPUT);
}

/* Keeps what came behind a head that waits: of each never more than the stream's window. */
static void hold(struct grpc_call *call, const uint8_t *data, size_t len)
{
	struct grpc_stats *stats = &call->engine->stats;
	size_t room = MAX(call->held_len + len, MIN(2 * call->held_room, STREAM_WINDOW));
	uint8_t *more;

	if (call->held_len + len > call->held_room) {
		if (stats->held_bytes + room - call->held_room >
		    call->engine->limits.requests_all / 2) {
			end_no_room(call);
			return;
		}
		more = pool_realloc(&call->engine->pool, call->held, room);
		if (!more) {
			call_abortf(call, GRPC_RESOURCE_EXHAUSTED, "no memory for a message");
			return;
		}
		stats->held_bytes += room - call->held_room;
		call->held = more;
		call->held_room = room;
	}
	if (len > 0)
		memcpy(call->held + call->held_len, data, len);
	call->held_len += len;
}

static void progress(struct grpc_call *call, size_t bytes)
{
	call->in_mark += bytes;
	if (call->in_mark >= PROGRESS) {
		call->in_mark = 0;
		call->in_since_ns = call->engine->now_ns;
	}
}

static void feed(struct grpc_call *call, const uint8_t *data, size_t len)
{
	progress(call, len);
	while (!call->ended && !call->waiting) {
		switch (frame_reader_feed(&call->reader, &data, &len)) {
		case FRAME_MORE:
			return;
		case FRAME_HEAD:
			admit(call);
			break;
		case FRAME_DONE:
			end_message(call);
			break;
		default:
			call_abortf(call, GRPC_INTERNAL, "a message's flags are neither 0 nor 1");
			return;
		}
	}
	if (call->waiting && !call->ended)
		hold(call, data, len);
}

void call_data(struct grpc_call *call, const uint8_t *data, size_t len)
{
	if (call->ended || !call->headers_done)
		return;
	if (call->http_error) {
		progress(call, len);
		nghttp2_session_consume_stream(call->conn->session, call->id, len);
		return;
	}
	if (call->waiting)
		hold(call, data, len);
	else
		feed(call, data, len);
}

/* All has come, and nothing of it waits. */
static void complete(struct grpc_call *call)
{
	if (call->http_error) {
		call_abort(call, GRPC_INTERNAL, STR_NULL);
	} else if (frame_reader_inside(&call->reader)) {
		call_abortf(call, GRPC_INTERNAL, "the request ends in the middle of a message");
	} else if (call_streams_in(call)) {
		call_make_ready(call, EVENT_INPUT);
	} else if (!call->in_first) {
		call_abortf(call, GRPC_INTERNAL, "the request has no message");
	} else {
		call_make_ready(call, EVENT_START);
	}
}

void call_remote_closed(struct grpc_call *call)
{
	if (call->remote_closed)
		return;
	call->remote_closed = true;
	if (call->headers_done && !call->ended && !call->waiting)
		complete(call);
}

static void grant(struct grpc_call *call)
{
	uint8_t *held = TAKE(call->held);
	size_t len = call->held_len;

	call_wait_remove(call);
	call->engine->stats.held_bytes -= call->held_room;
	call->held_len = call->held_room = 0;
	if (begin_message(call))
		feed(call, held, len);
	pool_free(&call->engine->pool, held);
	if (call->remote_closed && !call->ended && !call->waiting)
		complete(call);
	h2_conn_wants(call->conn);
}

void call_grant_waiting(struct grpc_engine *e)
{
	struct grpc_call *call = e->wait_first, *next;

	if (!call || e->granting)
		return;
	e->granting = true;
	e->wait_for_all = false;
	for (; call; call = next) {
		next = call->wait_next;
		if (!fits_all(call, call->reader.length)) {
			e->wait_for_all = true;
			break;
		}
		if (fits_conn(call, call->reader.length))
			grant(call);
	}
	e->granting = false;
}

/* ---- handing over ------------------------------------------------------------------------ */

static int decompress(struct grpc_call *call, struct in_message *m)
{
	struct grpc_engine *e = call->engine;
	struct error err = ERROR_INIT;
	uint8_t *data;
	size_t len;
	int r = gzip_inflate(&e->gzip, &e->pool, (struct str){(char *)m->data, m->len}, 0,
			     e->limits.request_max, &data, &len, &err);

	if (r < 0) {
		call_abortf(call, r == ERR_INVALID ? GRPC_INTERNAL : GRPC_RESOURCE_EXHAUSTED, "%s",
			    err.message);
		return r;
	}
	if (m->own_size > 0)
		free(m->data);
	m->own_size = 0;
	m->data = data;
	m->len = len;
	charge(call, len);
	m->charged += len;
	return 0;
}

int call_message_take(struct grpc_call *call)
{
	struct in_message *m = call->in_first;
	int r = m->compressed ? decompress(call, m) : 0;

	if (r < 0)
		return r;
	call->in_first = m->next;
	if (!call->in_first)
		call->in_last = NULL;
	call->current = m;
	return 0;
}

char *grpc_call_take_message(struct grpc_call *call, size_t spare, size_t *ret_size)
{
	struct in_message *m = call->current;

	if (!m || m->own_size < m->len || m->own_size - m->len < spare)
		return NULL;
	*ret_size = m->own_size;
	m->own_size = 0;
	return (char *)TAKE(m->data);
}

void call_message_drop(struct grpc_call *call)
{
	struct in_message *m = TAKE(call->current);

	if (!m)
		return;
	if (call->conn && !call->closed && !call->remote_closed)
		nghttp2_session_consume_stream(call->conn->session, call->id, m->wire);
	message_free(call, m);
}
