#include "client.h"

#include "base/mem.h"
#include "grpc/frame.h"
#include "grpc/status.h"

#include <stdlib.h>

int64_t client_now_ns = 1000 * SEC;

int64_t client_clock(void)
{
	return client_now_ns;
}

struct reply *reply_of(struct client *c, int32_t id)
{
	return &c->replies[(id / 2) % CLIENT_STREAMS];
}

static struct upload *upload_of(struct client *c, int32_t id)
{
	return &c->uploads[(id / 2) % CLIENT_STREAMS];
}

/* ---- what nghttp2 tells ------------------------------------------------------------------ */

static int on_header(nghttp2_session *session,
		     const nghttp2_frame *frame,
		     const uint8_t *name,
		     size_t name_len,
		     const uint8_t *value,
		     size_t value_len,
		     uint8_t flags,
		     void *user)
{
	struct reply *r = reply_of(user, frame->hd.stream_id);
	struct str n = {(const char *)name, name_len}, v = {(const char *)value, value_len};

	(void)session;
	(void)flags;
	if (str_is(n, ":status")) {
		r->http_status = atoi(v.ptr);
	} else if (str_is(n, "grpc-status")) {
		r->grpc_status = atoi(v.ptr);
	} else if (str_is(n, "grpc-message")) {
		size_t len = grpc_message_decode(v, r->message, sizeof(r->message) - 1);

		r->message[len] = 0;
	} else {
		buf_printf(&r->headers, STR_FMT ": " STR_FMT "\n", STR_ARG(n), STR_ARG(v));
	}
	return 0;
}

static int on_data(nghttp2_session *session,
		   uint8_t flags,
		   int32_t id,
		   const uint8_t *data,
		   size_t len,
		   void *user)
{
	struct client *c = user;

	(void)flags;
	buf_append(&reply_of(c, id)->body, data, len);
	if (!c->hold_windows)
		nghttp2_session_consume(session, id, len);
	return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
	struct reply *r = reply_of(user, id);

	(void)session;
	r->closed = true;
	r->error_code = code;
	return 0;
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Counts GOAWAY frames in the bytes themselves; nghttp2 does not tell of all. */
static void walk_frames(struct client *c, const uint8_t *data, size_t len)
{
	while (len > 0) {
		size_t length = get32(c->frame) >> 8, n;

		if (c->frame_got < 9) {
			c->frame[c->frame_got++] = *data++;
			len--;
			length = get32(c->frame) >> 8;
		} else {
			n = MIN(length + 9 - c->frame_got, len);
			for (size_t i = 0; i < n; i++)
				if (c->frame_got + i < sizeof(c->frame))
					c->frame[c->frame_got + i] = data[i];
			c->frame_got += n;
			data += n;
			len -= n;
		}
		if (c->frame_got < 9 || c->frame_got < length + 9)
			continue;
		c->frame_got = 0;
		if (c->frame[3] != NGHTTP2_GOAWAY)
			continue;
		c->goaways++;
		c->goaway_last = (int32_t)get32(c->frame + 9);
		c->goaway_code = get32(c->frame + 13);
	}
}

static ssize_t on_read(nghttp2_session *session,
		       int32_t id,
		       uint8_t *buf,
		       size_t len,
		       uint32_t *flags,
		       nghttp2_data_source *source,
		       void *user)
{
	struct upload *u = source->ptr;
	size_t n = MIN(len, u->data.len - u->at);

	(void)session;
	(void)id;
	(void)user;
	if (n == 0 && !u->end) {
		u->deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	if (n > 0)
		memcpy(buf, u->data.data + u->at, n);
	u->at += n;
	if (u->end && u->at == u->data.len)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

/* ---- life -------------------------------------------------------------------------------- */

static void on_wants(void *user)
{
	struct client *c = user;

	c->wants++;
}

static const struct h2_conn_ops conn_ops = {.wants_flush = on_wants};

static void open_session(struct client *c, uint32_t window)
{
	nghttp2_session_callbacks *cb;
	nghttp2_option *options;
	nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window}};

	CHECK(nghttp2_session_callbacks_new(&cb) == 0 && nghttp2_option_new(&options) == 0);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
	nghttp2_option_set_no_auto_window_update(options, 1);
	CHECK(nghttp2_session_client_new2(&c->session, cb, c, options) == 0);
	nghttp2_session_callbacks_del(cb);
	nghttp2_option_del(options);
	CHECK(nghttp2_submit_settings(c->session, 0, settings, 1) == 0);
	nghttp2_session_set_local_window_size(c->session, 0, 0, 1 << 30);
}

void client_open_windowed(struct client *c,
			  const struct grpc_limits *limits,
			  const struct grpc_service *service,
			  void *user,
			  uint32_t window)
{
	struct error err = ERROR_INIT;
	struct grpc_peer peer = {.address = "test"};

	bool keep_sent = c->keep_sent;

	memset(c, 0, sizeof(*c));
	c->keep_sent = keep_sent;
	c->replies = calloc(CLIENT_STREAMS, sizeof(*c->replies));
	c->uploads = calloc(CLIENT_STREAMS, sizeof(*c->uploads));
	CHECK(c->replies && c->uploads);
	for (size_t i = 0; i < CLIENT_STREAMS; i++)
		c->replies[i].grpc_status = -1;
	CHECK_OK(grpc_engine_new(limits, client_clock, &c->engine, &err), err);
	CHECK_OK(grpc_engine_add(c->engine, service, user, &err), err);
	CHECK_OK(h2_conn_new(c->engine, &peer, &conn_ops, c, &c->conn, &err), err);
	open_session(c, window);
	client_turn(c);
}

void client_open(struct client *c,
		 const struct grpc_limits *limits,
		 const struct grpc_service *service,
		 void *user)
{
	client_open_windowed(c, limits, service, user, 16 << 20);
}

void client_close(struct client *c)
{
	const struct grpc_stats *stats = grpc_engine_stats(c->engine);

	h2_conn_free(TAKE(c->conn));
	c->keep_sent = false;
	CHECK_INT(stats->calls_open, 0);
	CHECK_INT(stats->request_bytes, 0);
	CHECK_INT(stats->reply_bytes, 0);
	CHECK_INT(stats->waiting, 0);
	CHECK_INT(stats->connections_open, 0);
	CHECK_INT(grpc_engine_memory(c->engine), 0);
	grpc_engine_free(c->engine);
	nghttp2_session_del(c->session);
	for (size_t i = 0; i < CLIENT_STREAMS; i++) {
		buf_done(&c->replies[i].body);
		buf_done(&c->replies[i].headers);
		buf_done(&c->uploads[i].data);
	}
	buf_done(&c->sent);
	free(c->replies);
	free(c->uploads);
}

void client_open_recorded(struct client *c, const struct grpc_service *service)
{
	c->keep_sent = true;
	client_open(c, NULL, service, NULL);
}

/* ---- bytes ------------------------------------------------------------------------------- */

static void take_answers(struct client *c)
{
	static uint8_t out[H2_PULL_MIN];
	size_t n;

	while (c->conn && !c->deaf && (n = h2_conn_pull(c->conn, out, sizeof(out))) > 0) {
		walk_frames(c, out, n);
		CHECK(c->mute || nghttp2_session_mem_recv(c->session, out, n) == (ssize_t)n ||
		      c->feed_result < 0);
	}
}

static void run_server(struct client *c)
{
	do
		take_answers(c);
	while (c->conn && h2_conn_dispatch(c->conn));
	if (c->conn && !c->deaf && h2_conn_is_done(c->conn))
		h2_conn_free(TAKE(c->conn));
}

void client_raw(struct client *c, const void *data, size_t len)
{
	struct error err = ERROR_INIT;
	int r;

	if (!c->conn)
		return;
	if (c->keep_sent)
		buf_append(&c->sent, data, len);
	r = h2_conn_feed(c->conn, data, len, &err);
	if (r < 0)
		c->feed_result = r;
	run_server(c);
}

void client_turn(struct client *c)
{
	const uint8_t *data;
	ssize_t n;

	run_server(c);
	while (c->conn && !c->mute && (n = nghttp2_session_mem_send(c->session, &data)) > 0)
		client_raw(c, data, (size_t)n);
}

/* ---- calls ------------------------------------------------------------------------------- */

static nghttp2_nv nv(const char *name, const char *value)
{
	return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
			    strlen(value), 0};
}

int32_t
client_call(struct client *c, const char *path, struct str body, bool end, const char *const *more)
{
	nghttp2_nv headers[64] = {nv(":method", "POST"),
				  nv(":scheme", "http"),
				  nv(":path", path),
				  nv(":authority", "localhost"),
				  nv("content-type", "application/grpc"),
				  nv("te", "trailers")};
	size_t n = 6;
	int32_t id = (int32_t)nghttp2_session_get_next_stream_id(c->session);
	struct upload *u = upload_of(c, id);
	nghttp2_data_provider source = {.source.ptr = u, .read_callback = on_read};

	for (; more && *more && n < 64; more += 2) {
		size_t i = 0;

		while (i < 6 && !streq((const char *)headers[i].name, more[0]))
			i++;
		headers[i < 6 ? i : n++] = nv(more[0], more[1]);
	}
	buf_append(&u->data, body.ptr, body.len);
	u->end = end;
	CHECK_INT(nghttp2_submit_request(c->session, NULL, headers, n,
					 body.len == 0 && end ? NULL : &source, NULL),
		  id);
	return id;
}

int32_t client_unary(struct client *c, const char *path, struct str message)
{
	_cleanup_(buf_done) struct buf body = BUF_INIT;

	put_message(&body, false, message);
	return client_call(c, path, (struct str){body.data, body.len}, true, NULL);
}

void client_send(struct client *c, int32_t id, struct str bytes, bool end)
{
	struct upload *u = upload_of(c, id);

	buf_append(&u->data, bytes.ptr, bytes.len);
	u->end = end;
	if (u->deferred)
		nghttp2_session_resume_data(c->session, id);
	u->deferred = false;
}

void client_reset(struct client *c, int32_t id)
{
	nghttp2_submit_rst_stream(c->session, 0, id, NGHTTP2_CANCEL);
}

void put_message(struct buf *out, bool compressed, struct str message)
{
	uint8_t head[FRAME_HEAD_SIZE];

	frame_head(head, compressed, (uint32_t)message.len);
	buf_append(out, head, sizeof(head));
	buf_append(out, message.ptr, message.len);
}

struct str reply_message(const struct reply *r, size_t n)
{
	const uint8_t *at = (const uint8_t *)r->body.data;
	size_t left = r->body.len;

	for (;; n--) {
		size_t len;

		if (left < FRAME_HEAD_SIZE)
			return STR_NULL;
		len = (size_t)at[1] << 24 | (size_t)at[2] << 16 | (size_t)at[3] << 8 | at[4];
		at += FRAME_HEAD_SIZE;
		left -= FRAME_HEAD_SIZE;
		if (len > left)
			return STR_NULL;
		if (n == 0)
			return (struct str){(const char *)at, len};
		at += len;
		left -= len;
	}
}

void reply_check(struct client *c, int32_t id, int status, const char *words)
{
	struct reply *r = reply_of(c, id);

	if (!r->closed || r->grpc_status != status || !strstr(r->message, words))
		test_fail(__FILE__, __LINE__,
			  "stream %d: closed %d, status %d \"%s\", not %d \"%s\"", id, r->closed,
			  r->grpc_status, r->message, status, words);
}
