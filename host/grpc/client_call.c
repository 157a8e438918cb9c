#include "grpc/client_private.h"

#include "base/mem.h"
#include "grpc/header.h"

#include <stdio.h>

#define HEADERS_MAX 64

/* ---- ends ------------------------------------------------------------------------------------ */

void exchange_fail(struct exchange *x, enum grpc_status status, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (x->over)
		return;
	va_start(ap, fmt);
	n = vsnprintf(x->words, sizeof(x->words), fmt, ap);
	va_end(ap);
	x->n_words = MIN((size_t)MAX(n, 0), sizeof(x->words) - 1);
	x->status = (int)status;
	x->local = true;
	x->over = true;
	if (x->stream > 0 && nghttp2_session_find_stream(x->session, x->stream))
		nghttp2_submit_rst_stream(x->session, NGHTTP2_FLAG_NONE, x->stream, NGHTTP2_CANCEL);
}

/* As gRPC's clients read what a proxy, or no gRPC server at all, answers. */
static enum grpc_status status_of_http(int http)
{
	switch (http) {
	case 400:
		return GRPC_INTERNAL;
	case 401:
		return GRPC_UNAUTHENTICATED;
	case 403:
		return GRPC_PERMISSION_DENIED;
	case 404:
		return GRPC_UNIMPLEMENTED;
	case 429:
	case 502:
	case 503:
	case 504:
		return GRPC_UNAVAILABLE;
	default:
		return GRPC_UNKNOWN;
	}
}

static enum grpc_status status_of_reset(uint32_t code)
{
	switch (code) {
	case NGHTTP2_REFUSED_STREAM:
		return GRPC_UNAVAILABLE;
	case NGHTTP2_CANCEL:
		return GRPC_CANCELLED;
	case NGHTTP2_ENHANCE_YOUR_CALM:
		return GRPC_RESOURCE_EXHAUSTED;
	case NGHTTP2_INADEQUATE_SECURITY:
		return GRPC_PERMISSION_DENIED;
	default:
		return GRPC_INTERNAL;
	}
}

/* The server has said all it will say. */
static void server_ended(struct exchange *x)
{
	if (x->over)
		return;
	if (x->status < 0 && x->http_status != 200)
		exchange_fail(x, status_of_http(x->http_status),
			      "the server answers with HTTP status %d", x->http_status);
	else if (x->status < 0)
		exchange_fail(x, x->is_grpc ? GRPC_INTERNAL : GRPC_UNKNOWN,
			      "the server's answer ends without a status");
	else if (x->status == GRPC_OK && frame_reader_inside(&x->reader))
		exchange_fail(x, GRPC_INTERNAL, "the server's last message is cut off");
	x->over = true;
}

/* ---- what comes ------------------------------------------------------------------------------ */

static struct exchange *of_stream(void *user, int32_t stream)
{
	struct exchange *x = client_exchange(user);

	return x && x->stream == stream ? x : NULL;
}

static int on_header(nghttp2_session *session,
		     const nghttp2_frame *frame,
		     const uint8_t *name,
		     size_t name_len,
		     const uint8_t *value,
		     size_t value_len,
		     uint8_t flags,
		     void *user)
{
	struct exchange *x = of_stream(user, frame->hd.stream_id);
	const struct str n = {(const char *)name, name_len};
	const struct str v = {(const char *)value, value_len};
	uint64_t number;

	(void)session;
	(void)flags;
	if (!x || x->over)
		return 0;
	if (str_is(n, ":status"))
		x->http_status = parse_u64(v, &number) && number < 1000 ? (int)number : 0;
	else if (str_is(n, "content-type"))
		x->is_grpc = header_is_grpc(v);
	else if (str_is(n, "grpc-status"))
		x->status = parse_u64(v, &number) && number < GRPC_STATUSES ? (int)number
									    : GRPC_UNKNOWN;
	else if (str_is(n, "grpc-message"))
		x->n_words = grpc_message_decode(v, x->words, sizeof(x->words) - 1);
	else if (x->call->header && header_is_metadata(n))
		x->call->header(x->call->user, n, v);
	return 0;
}

static void deliver(struct exchange *x)
{
	const struct str bytes = {(const char *)x->message, x->reader.length};
	int rc = x->call->message(x->call->user, bytes, x->err);

	free(TAKE(x->message));
	frame_reader_next(&x->reader);
	if (rc < 0) {
		exchange_fail(x, GRPC_CANCELLED, "given up");
		x->refused = rc;
	}
}

static void begin_message(struct exchange *x)
{
	if (x->reader.compressed) {
		exchange_fail(x, GRPC_INTERNAL,
			      "the server sends a compressed message, which was not asked for");
	} else if (x->reader.length > x->reply_max) {
		exchange_fail(x, GRPC_RESOURCE_EXHAUSTED,
			      "the server sends a message of %zu bytes; at most %zu are taken",
			      x->reader.length, x->reply_max);
	} else {
		x->message = malloc(x->reader.length + 1);
		x->reader.data = x->message;
		if (!x->message)
			exchange_fail(x, GRPC_RESOURCE_EXHAUSTED, "out of memory for a message");
	}
}

static int on_data(nghttp2_session *session,
		   uint8_t flags,
		   int32_t stream,
		   const uint8_t *data,
		   size_t len,
		   void *user)
{
	struct exchange *x = of_stream(user, stream);

	(void)session;
	(void)flags;
	if (x && !x->over && !x->is_grpc)
		server_ended(x); /* an HTML page or the like; its text helps nobody */
	while (x && !x->over) {
		int event = frame_reader_feed(&x->reader, &data, &len);

		if (event == FRAME_MORE)
			break;
		if (event == FRAME_HEAD)
			begin_message(x);
		else if (event == FRAME_DONE)
			deliver(x);
		else
			exchange_fail(x, GRPC_INTERNAL, "the server sends what is not gRPC");
	}
	return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct exchange *x = of_stream(user, frame->hd.stream_id);

	(void)session;
	if (frame->hd.type == NGHTTP2_GOAWAY)
		client_goaway(user);
	if (x && (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
	    (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		server_ended(x);
	return 0;
}

static int on_close(nghttp2_session *session, int32_t stream, uint32_t code, void *user)
{
	struct exchange *x = of_stream(user, stream);

	(void)session;
	if (x && !x->over) {
		x->stream = 0;
		exchange_fail(x, status_of_reset(code),
			      code == NGHTTP2_REFUSED_STREAM
				      ? "the server takes no more calls"
				      : "the server has broken off the call: %s",
			      nghttp2_http2_strerror(code));
	}
	return 0;
}

int client_callbacks_new(nghttp2_session_callbacks **ret, struct error *err)
{
	nghttp2_session_callbacks *cb;

	if (nghttp2_session_callbacks_new(&cb) != 0)
		return err_nomem(err, "a connection");
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
	*ret = cb;
	return 0;
}

/* ---- what goes ------------------------------------------------------------------------------- */

static ssize_t read_request(nghttp2_session *session,
			    int32_t stream,
			    uint8_t *to,
			    size_t room,
			    uint32_t *flags,
			    nghttp2_data_source *source,
			    void *user)
{
	struct exchange *x = source->ptr;
	const struct str request = x->call->request;
	size_t n = 0;

	(void)session;
	(void)stream;
	(void)user;
	while (n < room && x->sent < FRAME_HEAD_SIZE)
		to[n++] = x->head[x->sent++];
	if (n < room && x->sent - FRAME_HEAD_SIZE < request.len) {
		size_t at = x->sent - FRAME_HEAD_SIZE;
		size_t piece = MIN(room - n, request.len - at);

		memcpy(to + n, request.ptr + at, piece);
		n += piece;
		x->sent += piece;
	}
	if (x->sent == FRAME_HEAD_SIZE + request.len)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

static void put_header(nghttp2_nv *headers, size_t *n, const char *name, const char *value)
{
	/* nghttp2 copies and does not write; its type merely says otherwise. */
	union {
		const char *from;
		uint8_t *to;
	} name_ = {name}, value_ = {value};

	headers[(*n)++] = (nghttp2_nv){.name = name_.to,
				       .value = value_.to,
				       .namelen = strlen(name),
				       .valuelen = strlen(value)};
}

/* At most 8 digits and a unit. */
static void format_timeout(int64_t ns, char out[16])
{
	if (ns < INT64_C(99999999) * 1000)
		snprintf(out, 16, "%lldu", (long long)MAX((ns + 999) / 1000, 1));
	else if (ns < INT64_C(99999999) * 1000000)
		snprintf(out, 16, "%lldm", (long long)(ns / 1000000));
	else
		snprintf(out, 16, "%lldS", (long long)MIN(ns / 1000000000, 99999999));
}

static int
put_metadata(const struct grpc_client_call *call, nghttp2_nv *headers, size_t *n, struct error *err)
{
	for (size_t i = 0; i < call->n_metadata; i++) {
		const struct grpc_metadata *m = &call->metadata[i];

		if (*n == HEADERS_MAX)
			return err_set(err, ERR_LIMIT, "too many metadata for a call");
		if (!header_is_metadata(str_of(m->name)) || str_ends(str_of(m->name), "-bin") ||
		    !header_is_text(str_of(m->value)))
			return err_set(err, ERR_INVALID, "'%s: %s' cannot be sent as metadata",
				       m->name, m->value);
		put_header(headers, n, m->name, m->value);
	}
	return 0;
}

int exchange_begin(struct exchange *x, const char *authority, int64_t timeout_ns, struct error *err)
{
	nghttp2_data_provider data = {.source = {.ptr = x}, .read_callback = read_request};
	nghttp2_nv headers[HEADERS_MAX];
	char timeout[16];
	size_t n = 0;
	int rc;

	frame_head(x->head, false, (uint32_t)x->call->request.len);
	put_header(headers, &n, ":method", "POST");
	put_header(headers, &n, ":scheme", "http");
	put_header(headers, &n, ":path", x->call->path);
	put_header(headers, &n, ":authority", authority);
	put_header(headers, &n, "te", "trailers");
	put_header(headers, &n, "content-type", "application/grpc");
	put_header(headers, &n, "user-agent", "taskhost/" TASKHOST_VERSION);
	if (timeout_ns > 0) {
		format_timeout(timeout_ns, timeout);
		put_header(headers, &n, "grpc-timeout", timeout);
	}
	rc = put_metadata(x->call, headers, &n, err);
	if (rc < 0)
		return rc;
	x->stream = nghttp2_submit_request(x->session, NULL, headers, n, &data, NULL);
	return x->stream < 0 ? err_nomem(err, "a call") : 0;
}

void exchange_done(struct exchange *x)
{
	free(TAKE(x->message));
}
