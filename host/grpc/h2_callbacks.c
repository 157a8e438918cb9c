/* What nghttp2 tells of: recorded here, acted upon in h2_conn_dispatch. */
#include "grpc/private.h"

#include <stdio.h>

static struct grpc_call *call_of(nghttp2_session *session, int32_t id)
{
	return nghttp2_session_get_stream_user_data(session, id);
}

/* ---- receiving --------------------------------------------------------------------------- */

static void remember_over(struct h2_conn *c, int32_t id)
{
	c->over[c->n_over++ % CLOSED_KEPT] = id;
}

/* DATA or HEADERS on a stream that the client had ended. On one that we have ended they may have
 * been under way, and are ignored. */
static bool is_on_closed(struct h2_conn *c, const nghttp2_frame_hd *hd)
{
	if (hd->stream_id > nghttp2_session_get_last_proc_stream_id(c->session) ||
	    call_of(c->session, hd->stream_id))
		return false;
	for (uint32_t i = 0; i < MIN(c->n_over, (uint32_t)CLOSED_KEPT); i++)
		if (c->over[i] == hd->stream_id)
			return true;
	return false;
}

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *user)
{
	struct h2_conn *c = user;
	bool moves = hd->type == NGHTTP2_HEADERS || (hd->type == NGHTTP2_DATA && hd->length > 0);

	(void)session;
	if (hd->type != NGHTTP2_CONTINUATION)
		c->header_since_ns = 0; /* also after a block that was refused half-way */
	if (!h2_conn_spend(c, moves ? -4 : 1))
		h2_conn_kill(c, NGHTTP2_ENHANCE_YOUR_CALM, "too many frames that move nothing");
	if ((hd->type == NGHTTP2_HEADERS || hd->type == NGHTTP2_DATA) && is_on_closed(c, hd))
		h2_conn_kill(c, NGHTTP2_STREAM_CLOSED, "a frame on a stream that is closed");
	if (hd->type == NGHTTP2_PRIORITY && hd->stream_id == 0)
		h2_conn_kill(c, NGHTTP2_PROTOCOL_ERROR, "PRIORITY without a stream");
	return 0;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct h2_conn *c = user;
	struct grpc_call *call;

	c->header_since_ns = c->engine->now_ns;
	if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	call = c->dead ? NULL : call_new(c, frame->hd.stream_id);
	if (!call)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, call);
	return 0;
}

static int on_header(nghttp2_session *session,
		     const nghttp2_frame *frame,
		     nghttp2_rcbuf *name,
		     nghttp2_rcbuf *value,
		     uint8_t flags,
		     void *user)
{
	struct grpc_call *call;

	(void)flags;
	(void)user;
	/* The client's trailers say nothing that gRPC wants to know. */
	if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	call = call_of(session, frame->hd.stream_id);
	return call ? call_header(call, name, value) : 0;
}

static int on_data(nghttp2_session *session,
		   uint8_t flags,
		   int32_t id,
		   const uint8_t *data,
		   size_t len,
		   void *user)
{
	struct h2_conn *c = user;
	struct grpc_call *call = call_of(session, id);

	(void)flags;
	/* The connection's window is only there to be open; each stream's own holds back. */
	nghttp2_session_consume_connection(session, len);
	if (call && !c->dead)
		call_data(call, data, len);
	return 0;
}

static void on_ping(struct h2_conn *c, const nghttp2_frame *frame)
{
	if (!(frame->hd.flags & NGHTTP2_FLAG_ACK))
		return;
	c->ping_ns = 0;
	if (c->draining && memcmp(frame->ping.opaque_data, h2_goaway_ping, 8) == 0)
		h2_conn_goaway(c);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct h2_conn *c = user;
	struct grpc_call *call;

	switch (frame->hd.type) {
	case NGHTTP2_HEADERS:
		c->header_since_ns = 0;
		call = call_of(session, frame->hd.stream_id);
		if (call && !call->headers_done)
			call_headers_done(call);
		break;
	case NGHTTP2_DATA:
		call = call_of(session, frame->hd.stream_id);
		break;
	case NGHTTP2_SETTINGS:
		c->handshaken = true;
		return 0;
	case NGHTTP2_PING:
		on_ping(c, frame);
		return 0;
	case NGHTTP2_RST_STREAM:
		call = call_of(session, frame->hd.stream_id);
		if (call && !call->remote_closed)
			remember_over(c, frame->hd.stream_id);
		return 0;
	default:
		return 0;
	}
	if (call && frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
		call_remote_closed(call);
	return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t error_code, void *user)
{
	struct grpc_call *call = call_of(session, id);

	(void)error_code;
	if (!call)
		return 0;
	if (call->remote_closed)
		remember_over(user, id);
	nghttp2_session_set_stream_user_data(session, id, NULL);
	call_stream_closed(call);
	return 0;
}

/* Frames of types that HTTP/2 does not know; counted in on_begin_frame. */
static int
on_extension(nghttp2_session *session, void **payload, const nghttp2_frame_hd *hd, void *user)
{
	(void)session;
	(void)payload;
	(void)hd;
	(void)user;
	return NGHTTP2_ERR_CANCEL;
}

/* nghttp2 ends connections by itself when HTTP/2 is broken; this is why. */
static int on_error(nghttp2_session *session, int code, const char *text, size_t len, void *user)
{
	struct h2_conn *c = user;

	(void)session;
	(void)code;
	snprintf(c->complaint, sizeof(c->complaint), "%.*s", (int)len, text);
	return 0;
}

static int
on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame, int code, void *user)
{
	struct h2_conn *c = user;

	(void)session;
	snprintf(c->complaint, sizeof(c->complaint), "frame of type %u on stream %d: %s",
		 frame->hd.type, frame->hd.stream_id, nghttp2_strerror(code));
	return 0;
}

/* ---- sending ----------------------------------------------------------------------------- */

static int on_send_data(nghttp2_session *session,
			nghttp2_frame *frame,
			const uint8_t *head,
			size_t len,
			nghttp2_data_source *source,
			void *user)
{
	struct h2_conn *c = user;

	(void)session;
	(void)frame;
	/* h2_conn_pull sees to the room. */
	memcpy(c->out + c->out_len, head, 9);
	call_copy_reply(source->ptr, c->out + c->out_len + 9, len);
	c->out_len += 9 + len;
	h2_conn_spend(c, -2);
	c->out_full = c->out_cap - c->out_len < FRAME_ROOM;
	return c->out_full ? NGHTTP2_ERR_PAUSE : 0;
}

static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct grpc_call *call;

	(void)user;
	if (frame->hd.type != NGHTTP2_HEADERS || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		return 0;
	/* The answer is complete: what the client still wants to send is not wanted. */
	call = call_of(session, frame->hd.stream_id);
	if (call && !call->remote_closed)
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
					  NGHTTP2_NO_ERROR);
	return 0;
}

int h2_callbacks_new(nghttp2_session_callbacks **ret)
{
	nghttp2_session_callbacks *cb;

	if (nghttp2_session_callbacks_new(&cb) != 0)
		return ERR_NOMEM;
	nghttp2_session_callbacks_set_on_begin_frame_callback(cb, on_begin_frame);
	nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback2(cb, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
	nghttp2_session_callbacks_set_unpack_extension_callback(cb, on_extension);
	nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(cb, on_invalid_frame);
	nghttp2_session_callbacks_set_error_callback2(cb, on_error);
	nghttp2_session_callbacks_set_send_data_callback(cb, on_send_data);
	nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_sent);
	*ret = cb;
	return 0;
}
