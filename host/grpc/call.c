/* The life of a call, and what its handler may ask. */
#include "grpc/call.h"

#include "grpc/private.h"

#include "base/digest.h"

/* ---- life -------------------------------------------------------------------------------- */

static void list_add(struct grpc_call **list, struct grpc_call *call)
{
	call->next = *list;
	call->link = list;
	if (call->next)
		call->next->link = &call->next;
	*list = call;
}

static void list_remove(struct grpc_call *call)
{
	*call->link = call->next;
	if (call->next)
		call->next->link = call->link;
}

struct grpc_call *call_new(struct h2_conn *c, int32_t id)
{
	struct grpc_engine *e = c->engine;
	struct grpc_call *call = pool_zalloc(&e->pool, sizeof(*call));

	if (!call)
		return NULL;
	call->conn = c;
	call->engine = e;
	call->id = id;
	call->metadata = call->metadata_inline;
	call->metadata_room = METADATA_INLINE;
	call->timeout_ns = INT64_MAX;
	call->start_ns = call->in_since_ns = e->now_ns;
	list_add(&c->calls, call);
	if (c->n_calls++ == 0)
		c->scan_ns = e->now_ns;
	e->stats.calls_open++;
	return call;
}

static void headers_free(struct grpc_call *call)
{
	nghttp2_rcbuf *single[] = {call->path, call->authority, call->content_type, call->encoding};

	for (size_t i = 0; i < ARRAY_LEN(single); i++)
		if (single[i])
			nghttp2_rcbuf_decref(single[i]);
	for (size_t i = 0; i < call->n_metadata; i++) {
		nghttp2_rcbuf_decref(call->metadata[i].name);
		nghttp2_rcbuf_decref(call->metadata[i].value);
	}
	if (call->metadata != call->metadata_inline)
		pool_free(&call->engine->pool, call->metadata);
}

void call_release(struct grpc_call *call)
{
	struct grpc_engine *e = call->engine;

	if (!call->closed || call->handler == HANDLER_RUNS || call->in_callback || call->ready)
		return;
	/* Also counts those that ended by being reset before anything was decided. */
	call_end(call, GRPC_CANCELLED, STR_NULL);
	call_wait_remove(call);
	call_requests_free(call, false);
	call_replies_free(call);
	headers_free(call);
	list_remove(call);
	if (call->conn && --call->conn->n_calls == 0)
		call->conn->idle_since_ns = e->now_ns;
	e->stats.calls_open--;
	pool_free(&e->pool, call);
	if (e->idle && e->stats.calls_open == 0)
		e->idle(e->idle_user);
}

void call_make_ready(struct grpc_call *call, enum call_event event)
{
	struct h2_conn *c = call->conn;

	call->events = (uint8_t)(call->events | event);
	if (!c || call->ready)
		return;
	call->ready = true;
	call->ready_next = NULL;
	*c->ready_end = call;
	c->ready_end = &call->ready_next;
	h2_conn_wants(c);
}

/* True when the call was not over and nobody had cancelled it before. */
static bool mark_cancelled(struct grpc_call *call)
{
	if (call->cancelled || (call->end_sent && call->out_queued == 0))
		return false;
	call->cancelled = true;
	call->engine->stats.cancelled++;
	return true;
}

void call_stream_closed(struct grpc_call *call)
{
	call->closed = true;
	if (heap_linked(&call->deadline))
		heap_remove(&call->conn->deadlines, &call->deadline);
	if (mark_cancelled(call) && call->handler == HANDLER_RUNS)
		call_make_ready(call, EVENT_CANCELLED);
	call_wait_remove(call);
	call_replies_free(call);
	call_release(call);
}

/* The connection is being freed; it has no session and no lists to come back to. */
void call_orphan(struct grpc_call *call)
{
	struct h2_conn *c = call->conn;
	const struct grpc_call_ops *ops = call->route ? call->route->method->ops : NULL;
	bool tell;

	call->closed = true;
	call->ready = false;
	if (heap_linked(&call->deadline))
		heap_remove(&c->deadlines, &call->deadline);
	tell = mark_cancelled(call) || call->events & EVENT_CANCELLED;
	call_wait_remove(call);
	call_requests_free(call, call->handler == HANDLER_RUNS);
	call_replies_free(call);
	if (call->handler != HANDLER_RUNS) {
		call_release(call);
		return;
	}
	list_remove(call);
	c->n_calls--;
	call->conn = NULL;
	list_add(&call->engine->orphans, call);
	call_end(call, GRPC_CANCELLED, STR_NULL);
	if (!tell || !ops || !ops->cancelled)
		return;
	call->in_callback = true;
	ops->cancelled(call);
	call->in_callback = false;
	call_release(call);
}

/* ---- handlers ---------------------------------------------------------------------------- */

static void start(struct grpc_call *call)
{
	if (call->handler != HANDLER_NONE || call->ended || call->closed)
		return;
	if (!call_streams_in(call) && call_message_take(call) < 0)
		return;
	call->handler = HANDLER_RUNS;
	call->engine->stats.calls_started++;
	call->route->method->start(call, call->route->user);
}

static bool takes_input(const struct grpc_call *call)
{
	return call->handler == HANDLER_RUNS && !call->paused && !call->ended && !call->cancelled;
}

static void deliver(struct grpc_call *call, const struct grpc_call_ops *ops)
{
	while (takes_input(call) && call->in_first) {
		if (call_message_take(call) < 0)
			return;
		if (ops->message)
			ops->message(call,
				     (struct str){(char *)call->current->data, call->current->len});
		if (!call->paused)
			call_message_drop(call);
	}
	if (takes_input(call) && call->remote_closed && !call->in_first && !call->half_close_told &&
	    !frame_reader_inside(&call->reader)) {
		call->half_close_told = true;
		if (ops->half_close)
			ops->half_close(call);
	}
}

void call_dispatch(struct grpc_call *call)
{
	static const struct grpc_call_ops none;
	const struct grpc_call_ops *ops = &none;
	uint8_t events = call->events;

	call->events = 0;
	call->in_callback = true;
	if (call->route && call->route->method->ops)
		ops = call->route->method->ops;
	if (events & EVENT_START)
		start(call);
	if (call->handler == HANDLER_RUNS && call_streams_in(call))
		deliver(call, ops);
	if (call->handler == HANDLER_RUNS && events & EVENT_WRITABLE && !call->ended &&
	    !call->cancelled && ops->writable)
		ops->writable(call);
	if (call->handler == HANDLER_RUNS && events & EVENT_CANCELLED && ops->cancelled)
		ops->cancelled(call);
	call->in_callback = false;
	call_release(call);
}

/* ---- what a handler may ask -------------------------------------------------------------- */

struct str grpc_call_request(const struct grpc_call *call)
{
	if (!call->current)
		return STR_NULL;
	return (struct str){(const char *)call->current->data, call->current->len};
}

bool grpc_call_was_compressed(const struct grpc_call *call)
{
	return call->current && call->current->compressed;
}

struct str grpc_call_path(const struct grpc_call *call)
{
	return str_of(call->route->path);
}

struct str grpc_call_authority(const struct grpc_call *call)
{
	return call->authority ? rcbuf_str(call->authority) : STR_NULL;
}

const struct grpc_peer *grpc_call_peer(const struct grpc_call *call)
{
	static const struct grpc_peer gone = {.uid = (uid_t)-1};

	return call->conn ? &call->conn->peer : &gone;
}

int64_t grpc_call_deadline_ns(const struct grpc_call *call)
{
	return call->timeout_ns > INT64_MAX - call->start_ns ? INT64_MAX
							     : call->start_ns + call->timeout_ns;
}

bool grpc_call_is_cancelled(const struct grpc_call *call)
{
	return call->cancelled;
}

bool grpc_call_metadata_at(const struct grpc_call *call,
			   size_t i,
			   struct str *ret_name,
			   struct str *ret_value)
{
	if (i >= call->n_metadata)
		return false;
	*ret_name = rcbuf_str(call->metadata[i].name);
	*ret_value = rcbuf_str(call->metadata[i].value);
	return true;
}

bool grpc_call_metadata(const struct grpc_call *call, const char *name, struct str *ret)
{
	for (size_t i = 0; i < call->n_metadata; i++) {
		if (str_is(rcbuf_str(call->metadata[i].name), name)) {
			*ret = rcbuf_str(call->metadata[i].value);
			return true;
		}
	}
	return false;
}

bool grpc_call_metadata_bin(const struct grpc_call *call, const char *name, struct buf *out)
{
	struct str text;

	return grpc_call_metadata(call, name, &text) && base64_decode(text, out);
}

void grpc_call_set_user(struct grpc_call *call, void *user)
{
	call->user = user;
}

void *grpc_call_user(const struct grpc_call *call)
{
	return call->user;
}

void grpc_call_pause(struct grpc_call *call)
{
	call->paused = true;
}

void grpc_call_expect(struct grpc_call *call, bool on)
{
	call->expects = on;
}

void grpc_call_resume(struct grpc_call *call)
{
	if (!call->paused)
		return;
	call->paused = false;
	if (!call_streams_in(call))
		return;
	/* Inside ops->message the message is still being handled. */
	if (!call->in_callback)
		call_message_drop(call);
	call_make_ready(call, EVENT_INPUT);
}
