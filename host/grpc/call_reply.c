/* The messages of a reply, on their way from the handler into frames. */
#include "grpc/private.h"

void reply_resume(struct grpc_call *call)
{
	if (call->deferred) {
		call->deferred = false;
		nghttp2_session_resume_data(call->conn->session, call->id);
	}
	h2_conn_wants(call->conn);
}

int grpc_call_send_headers(struct grpc_call *call, struct error *err)
{
	if (call_is_gone(call))
		return err_set(err, ERR_CANCELLED, "the call is over");
	if (call->headers_sent)
		return err_set(err, ERR_STATE, "the reply's headers have been sent");
	reply_submit_headers(call);
	h2_conn_wants(call->conn);
	return 0;
}

void grpc_call_compress(struct grpc_call *call, bool on)
{
	call->compress = on;
}

/* ---- messages ---------------------------------------------------------------------------- */

static int check_send(struct grpc_call *call, size_t len, struct error *err)
{
	const struct grpc_limits *l = &call->engine->limits;
	enum grpc_kind kind = call->route->method->kind;

	if (call_is_gone(call))
		return err_set(err, ERR_CANCELLED, "the call is over");
	if (call->sent_message && (kind == GRPC_UNARY || kind == GRPC_CLIENT_STREAM))
		return err_set(err, ERR_STATE, "this call has its one reply already");
	if (len > l->reply_max)
		return err_set(err, ERR_LIMIT,
			       "the reply has %zu bytes, more than the limit of %zu", len,
			       l->reply_max);
	if (call->conn->out_bytes + len > l->replies_conn ||
	    call->engine->stats.reply_bytes + len > l->replies_all)
		return err_set(err, ERR_LIMIT, "too many replies wait for slow readers");
	return 0;
}

static size_t total_of(const struct str *pieces, size_t n)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++)
		len += pieces[i].len;
	return len;
}

static int enqueue(struct grpc_call *call, struct out_message *m)
{
	struct grpc_engine *e = call->engine;

	if (call->out_queued == 0) {
		call->out_since_ns = e->now_ns;
		call->out_mark = 0;
	}
	m->next = NULL;
	m->charged = m->left;
	if (call->out_first)
		call->out_last->next = m;
	else
		call->out_first = m;
	call->out_last = m;
	call->out_queued += m->left;
	call->conn->out_bytes += m->charged;
	e->stats.reply_bytes += m->charged;
	call->sent_message = true;
	if (!call->headers_sent)
		reply_submit_headers(call);
	reply_resume(call);
	call->full = call->out_queued >= e->limits.send_high;
	return call->full ? GRPC_FULL : 0;
}

/* Head and body in one block, uncompressed. */
static struct out_message *
copy_message(struct grpc_call *call, const struct str *pieces, size_t n, size_t len)
{
	struct out_message *m = pool_alloc(&call->engine->pool,
					   sizeof(*m) + sizeof(struct str) + FRAME_HEAD_SIZE + len);
	uint8_t *to;

	if (!m)
		return NULL;
	to = (uint8_t *)&m->pieces[1];
	*m = (struct out_message){.left = len + FRAME_HEAD_SIZE, .n_pieces = 1};
	m->pieces[0] = (struct str){(char *)to, m->left};
	frame_head(to, false, (uint32_t)len);
	to += FRAME_HEAD_SIZE;
	for (size_t i = 0; i < n; to += pieces[i++].len)
		if (pieces[i].len > 0)
			memcpy(to, pieces[i].ptr, pieces[i].len);
	return m;
}

static int
send_compressed(struct grpc_call *call, const struct str *pieces, size_t n, struct error *err)
{
	struct grpc_engine *e = call->engine;
	struct out_message *m;
	uint8_t *data;
	size_t len;
	int r = gzip_deflate(&e->gzip, &e->pool, pieces, n, FRAME_HEAD_SIZE, &data, &len, err);

	if (r < 0)
		return r;
	m = pool_alloc(&e->pool, sizeof(*m) + sizeof(struct str));
	if (!m) {
		pool_free(&e->pool, data);
		return err_nomem(err, "a reply");
	}
	frame_head(data, true, (uint32_t)len);
	*m = (struct out_message){.left = len + FRAME_HEAD_SIZE, .n_pieces = 1, .own = data};
	m->pieces[0] = (struct str){(char *)data, m->left};
	return enqueue(call, m);
}

/* Whether this message is compressed: settled by the headers, which go before the first. */
static bool compresses(struct grpc_call *call)
{
	return call->compress && (call->headers_sent ? call->gzip_announced : call->peer_gzip);
}

int grpc_call_send(struct grpc_call *call,
		   const struct str *pieces,
		   size_t n_pieces,
		   struct error *err)
{
	size_t len = total_of(pieces, n_pieces);
	struct out_message *m;
	int r = check_send(call, len, err);

	if (r < 0)
		return r;
	if (compresses(call))
		return send_compressed(call, pieces, n_pieces, err);
	m = copy_message(call, pieces, n_pieces, len);
	if (!m)
		return err_nomem(err, "a reply");
	return enqueue(call, m);
}

int grpc_call_send_ref(struct grpc_call *call,
		       const struct str *pieces,
		       size_t n_pieces,
		       void (*release)(void *arg),
		       void *arg,
		       struct error *err)
{
	size_t len = total_of(pieces, n_pieces);
	struct out_message *m;
	int r = check_send(call, len, err);

	if (r < 0)
		return r;
	if (n_pieces > SEND_PIECES)
		return err_set(err, ERR_LIMIT, "more than %d pieces", SEND_PIECES);
	if (compresses(call)) {
		r = send_compressed(call, pieces, n_pieces, err);
		if (r >= 0)
			release(arg);
		return r;
	}
	m = pool_alloc(&call->engine->pool, sizeof(*m) + (n_pieces + 1) * sizeof(struct str));
	if (!m)
		return err_nomem(err, "a reply");
	*m = (struct out_message){.left = len + FRAME_HEAD_SIZE,
				  .release = release,
				  .arg = arg,
				  .n_pieces = (uint32_t)n_pieces + 1};
	frame_head(m->head, false, (uint32_t)len);
	m->pieces[0] = (struct str){(char *)m->head, FRAME_HEAD_SIZE};
	memcpy(&m->pieces[1], pieces, n_pieces * sizeof(struct str));
	return enqueue(call, m);
}

static void out_message_free(struct grpc_call *call, struct out_message *m)
{
	struct grpc_engine *e = call->engine;
	struct out_message gone = *m;

	e->stats.reply_bytes -= m->charged;
	if (call->conn)
		call->conn->out_bytes -= m->charged;
	pool_free(&e->pool, m->own);
	pool_free(&e->pool, m);
	if (gone.release)
		gone.release(gone.arg);
}

void reply_drop_messages(struct grpc_call *call)
{
	call->out_queued = 0;
	call->out_last = NULL;
	while (call->out_first) {
		struct out_message *m = call->out_first;

		call->out_first = m->next;
		out_message_free(call, m);
	}
	if (call->conn)
		h2_conn_unpark(call->conn);
}

void call_replies_free(struct grpc_call *call)
{
	reply_drop_messages(call);
	reply_fields_free(call, &call->headers);
	reply_fields_free(call, &call->trailers);
	pool_free(&call->engine->pool, TAKE(call->message));
	call->message_len = 0;
}

/* ---- moving them into frames ------------------------------------------------------------- */

ssize_t call_read_reply(nghttp2_session *session,
			int32_t id,
			uint8_t *buf,
			size_t len,
			uint32_t *flags,
			nghttp2_data_source *source,
			void *user)
{
	struct grpc_call *call = source->ptr;
	size_t n = MIN(len, call->out_queued);

	(void)session;
	(void)id;
	(void)buf;
	(void)user;
	if ((n == 0 && !call->ended) || call->end_sent) {
		call->deferred = !call->end_sent;
		return NGHTTP2_ERR_DEFERRED;
	}
	if (n > 0)
		*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	if (call->ended && n == call->out_queued) {
		*flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
		reply_submit_trailers(call);
	}
	return (ssize_t)n;
}

void call_copy_reply(struct grpc_call *call, uint8_t *out, size_t len)
{
	call->out_mark += len;
	call->out_queued -= len;
	while (len > 0) {
		struct out_message *m = call->out_first;
		struct str piece = m->pieces[m->piece];
		size_t n = MIN(piece.len - m->piece_off, len);

		if (n > 0)
			memcpy(out, piece.ptr + m->piece_off, n);
		out += n;
		len -= n;
		m->left -= n;
		m->piece_off += n;
		if (m->piece_off == piece.len) {
			m->piece++;
			m->piece_off = 0;
		}
		if (m->left == 0) {
			call->out_first = m->next;
			out_message_free(call, m);
		}
	}
	if (call->out_mark >= PROGRESS || call->out_queued == 0) {
		call->out_mark = 0;
		call->out_since_ns = call->engine->now_ns;
	}
	if (call->full && call->out_queued <= call->engine->limits.send_high / 2) {
		call->full = false;
		if (call->handler == HANDLER_RUNS)
			call_make_ready(call, EVENT_WRITABLE);
	}
	h2_conn_unpark(call->conn);
}
