/* What keeps a client from hurting the server: floods, stalls, silence. */
#include "handlers.h"

#include "base/mem.h"

static struct client c;

/* One frame by hand. */
static void frame(struct buf *out, uint8_t type, uint8_t flags, uint32_t id, struct str payload)
{
	uint8_t head[9] = {(uint8_t)(payload.len >> 16),
			   (uint8_t)(payload.len >> 8),
			   (uint8_t)payload.len,
			   type,
			   flags,
			   (uint8_t)(id >> 24),
			   (uint8_t)(id >> 16),
			   (uint8_t)(id >> 8),
			   (uint8_t)id};

	buf_append(out, head, sizeof(head));
	buf_append(out, payload.ptr, payload.len);
}

/* Feeds the frame `n` times, or until the server has had enough; how often that was. */
static int flood(uint8_t type, uint8_t flags, uint32_t id, struct str payload, int n)
{
	_cleanup_(buf_done) struct buf one = BUF_INIT;
	int i;

	frame(&one, type, flags, id, payload);
	for (i = 0; i < n && c.conn; i++)
		client_raw(&c, one.data, one.len);
	return i;
}

static void check_thrown_out(int at, int least, int most)
{
	CHECK(!c.conn);
	CHECK(at >= least && at <= most);
	CHECK_INT(grpc_engine_stats(c.engine)->connections_killed, 1);
}

/* ---- floods ------------------------------------------------------------------------------ */

TEST(pings_are_answered)
{
	handlers_open(&c, NULL);
	CHECK_INT(flood(NGHTTP2_PING, 0, 0, STR("12345678"), 5000), 5000);
	CHECK(c.conn);
	handlers_close(&c);
}

TEST(ping_flood)
{
	handlers_open(&c, NULL);
	check_thrown_out(flood(NGHTTP2_PING, 0, 0, STR("12345678"), 50000), 9000, 11000);
	CHECK_INT(c.goaway_code, NGHTTP2_ENHANCE_YOUR_CALM);
	handlers_close(&c);
}

TEST(ping_flood_of_one_who_does_not_read)
{
	handlers_open(&c, NULL);
	c.deaf = true;
	CHECK(flood(NGHTTP2_PING, 0, 0, STR("12345678"), 50000) == 50000);
	c.deaf = false;
	client_turn(&c);
	CHECK(!c.conn);
	CHECK_INT(c.goaway_code, NGHTTP2_ENHANCE_YOUR_CALM);
	handlers_close(&c);
}

TEST(settings_flood)
{
	handlers_open(&c, NULL);
	check_thrown_out(flood(NGHTTP2_SETTINGS, 0, 0, STR_NULL, 50000), 9000, 11000);
	handlers_close(&c);
}

TEST(priority_flood)
{
	handlers_open(&c, NULL);
	check_thrown_out(flood(NGHTTP2_PRIORITY, 0, 1, STR("\0\0\0\0\1"), 50000), 9000, 11000);
	handlers_close(&c);
}

TEST(unknown_frame_flood)
{
	handlers_open(&c, NULL);
	check_thrown_out(flood(0xbb, 0, 0, STR("x"), 50000), 9000, 11000);
	handlers_close(&c);
}

TEST(flood_of_resets_of_nothing)
{
	handlers_open(&c, NULL);
	check_thrown_out(flood(NGHTTP2_RST_STREAM, 0, 99, STR("\0\0\0\x8"), 50000), 9000, 11000);
	handlers_close(&c);
}

TEST(empty_data_flood)
{
	handlers_open(&c, NULL);
	client_call(&c, "/t.T/Both", STR_NULL, false, NULL);
	client_turn(&c);
	check_thrown_out(flood(NGHTTP2_DATA, 0, 1, STR_NULL, 50000), 9000, 11000);
	handlers_close(&c);
}

TEST(window_update_flood)
{
	handlers_open(&c, NULL);
	check_thrown_out(flood(NGHTTP2_WINDOW_UPDATE, 0, 0, STR("\0\0\0\1"), 50000), 9000, 11000);
	handlers_close(&c);
}

TEST(tokens_come_back_with_time)
{
	handlers_open(&c, NULL);
	CHECK_INT(flood(NGHTTP2_PING, 0, 0, STR("12345678"), 9000), 9000);
	client_now_ns += 60 * SEC;
	CHECK_INT(flood(NGHTTP2_PING, 0, 0, STR("12345678"), 9000), 9000);
	handlers_close(&c);
}

TEST(pings_between_calls_are_no_flood)
{
	handlers_open(&c, NULL);
	for (int i = 0; i < 1500; i++) {
		client_unary(&c, "/t.T/Echo", STR("x"));
		client_turn(&c);
		CHECK_INT(flood(NGHTTP2_PING, 0, 0, STR("12345678"), 8), 8);
		memset(reply_of(&c, 2 * i + 1), 0, 0);
	}
	CHECK(c.conn);
	handlers_close(&c);
}

TEST(rapid_reset)
{
	int n;

	handlers_open(&c, NULL);
	for (n = 0; n < 1900 && c.conn; n++) {
		int32_t id = client_unary(&c, "/t.T/Echo", STR("x"));
		const uint8_t *data;
		ssize_t len;

		/* Headers reach the server together with the reset. */
		client_reset(&c, id);
		while (c.conn && (len = nghttp2_session_mem_send(c.session, &data)) > 0)
			client_raw(&c, data, (size_t)len);
		if (!c.conn || nghttp2_session_get_stream_user_data(c.session, id))
			break;
	}
	CHECK(n > 0);
	handlers_close(&c);
}

TEST(rapid_reset_of_running_calls)
{
	struct grpc_limits limits = grpc_limits_default;
	int n;

	limits.reset_burst = 50;
	limits.reset_rate = 1;
	handlers_open(&c, &limits);
	for (n = 0; n < 200 && c.conn; n++) {
		int32_t id = client_unary(&c, "/t.T/Keep", STR("x"));

		client_turn(&c);
		client_reset(&c, id);
		client_turn(&c);
		handlers_finish_kept(GRPC_OK);
	}
	CHECK(!c.conn);
	CHECK(n >= 50 && n <= 60);
	CHECK(c.goaways >= 1);
	handlers_close(&c);
}

TEST(continuation_flood)
{
	_cleanup_(buf_done) struct buf bytes = BUF_INIT;
	int n;

	handlers_open(&c, NULL);
	frame(&bytes, NGHTTP2_HEADERS, 0, 1, STR("\x83"));
	client_raw(&c, bytes.data, bytes.len);
	n = flood(NGHTTP2_CONTINUATION, 0, 1, STR("\x86"), 1000);
	CHECK(!c.conn);
	CHECK(n <= 10);
	handlers_close(&c);
}

TEST(header_bomb)
{
	_cleanup_(buf_done) struct buf block = BUF_INIT;
	_cleanup_(buf_done) struct buf bytes = BUF_INIT;

	handlers_open(&c, NULL);
	/* One large field enters the table, then one byte each names it again, 12,000 times. */
	buf_append(&block, "\x83\x86\x41\x01x\x44\x09/t.T/Echo\x40\x01y\x7f\xa1\x1e", 23);
	for (int i = 0; i < 4000; i++)
		buf_putc(&block, 'v');
	for (int i = 0; i < 12000; i++)
		buf_putc(&block, '\xbe');
	for (size_t at = 0; at < block.len; at += 16000)
		frame(&bytes, at == 0 ? NGHTTP2_HEADERS : NGHTTP2_CONTINUATION,
		      at + 16000 >= block.len ? NGHTTP2_FLAG_END_HEADERS : 0, 1,
		      (struct str){block.data + at, MIN((size_t)16000, block.len - at)});
	client_raw(&c, bytes.data, bytes.len);
	CHECK_INT(handlers.started, 0);
	CHECK(grpc_engine_memory(c.engine) < 200000);
	handlers_close(&c);
}

TEST(no_more_streams_than_announced)
{
	struct grpc_limits limits = grpc_limits_default;
	_cleanup_(buf_done) struct buf bytes = BUF_INIT;

	limits.streams_max = 10;
	handlers_open(&c, &limits);
	/* By hand: nghttp2's client would hold back. */
	for (uint32_t i = 0; i < 50; i++)
		frame(&bytes, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 2 * i + 1,
		      STR("\x83\x86\x41\x01x\x44\x09/t.T/Both\x5f\x10"
			  "application/grpc"));
	client_raw(&c, bytes.data, bytes.len);
	CHECK(!c.conn); /* it had been told, and said that it knew */
	CHECK_INT(handlers.started, 10);
	handlers_close(&c);
}

/* ---- silence ----------------------------------------------------------------------------- */

/* Moves the clock in steps and does what falls due, until `until_ns` from now. */
static void pass(int64_t ns)
{
	int64_t end = client_now_ns + ns;

	while (c.conn && client_now_ns < end) {
		int64_t next = h2_conn_next_ns(c.conn);

		client_now_ns = MIN(MAX(next, client_now_ns + 1), end);
		h2_conn_tick(c.conn, client_now_ns);
		client_turn(&c);
	}
}

static void start_silent(void)
{
	struct error err = ERROR_INIT;
	struct grpc_peer peer = {.address = "silent"};

	handlers_open(&c, NULL);
	h2_conn_free(TAKE(c.conn));
	c.mute = true;
	c.frame_got = 0;
	CHECK_OK(h2_conn_new(c.engine, &peer, NULL, NULL, &c.conn, &err), err);
}

TEST(client_that_never_speaks)
{
	start_silent();
	pass(9 * SEC);
	CHECK(c.conn);
	pass(2 * SEC);
	CHECK(!c.conn);
	handlers_close(&c);
}

TEST(client_that_speaks_http1)
{
	start_silent();
	client_raw(&c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27);
	CHECK(c.feed_result < 0);
	CHECK(!c.conn);
	handlers_close(&c);
}

TEST(slow_preface)
{
	static const char magic[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

	start_silent();
	for (int i = 0; i < 24 && c.conn; i++) {
		client_raw(&c, magic + i, 1);
		pass(SEC);
	}
	CHECK(!c.conn);
	handlers_close(&c);
}

TEST(unfinished_header_block)
{
	_cleanup_(buf_done) struct buf bytes = BUF_INIT;

	handlers_open(&c, NULL);
	frame(&bytes, NGHTTP2_HEADERS, 0, 1, STR("\x83"));
	client_raw(&c, bytes.data, bytes.len);
	pass(9 * SEC);
	CHECK(c.conn);
	pass(2 * SEC);
	CHECK(!c.conn);
	handlers_close(&c);
}

TEST(refused_header_block_is_not_unfinished)
{
	struct grpc_limits limits = grpc_limits_default;
	static char value[4001];
	const char *const much[] = {"x1", value, "x2", value, NULL};

	memset(value, 'v', 4000);
	limits.header_max = 500;
	handlers_open(&c, &limits);
	client_call(&c, "/t.T/Echo", STR_NULL, true, much);
	client_turn(&c);
	client_unary(&c, "/t.T/Echo", STR("x"));
	client_turn(&c);
	pass(15 * SEC);
	CHECK(c.conn);
	handlers_close(&c);
}

TEST(stalled_request)
{
	int32_t cut, none, fine;

	handlers_open(&c, NULL);
	cut = client_call(&c, "/t.T/Echo", STR("\0\0\0\0\5ab"), false, NULL);
	none = client_call(&c, "/t.T/Echo", STR_NULL, false, NULL);
	fine = client_call(&c, "/t.T/Both", STR("\0\0\0\0\0"), false, NULL);
	client_turn(&c);
	pass(50 * SEC);
	CHECK(!reply_of(&c, cut)->closed && !reply_of(&c, none)->closed);
	pass(30 * SEC);
	CHECK_INT(reply_of(&c, cut)->grpc_status, GRPC_CANCELLED);
	CHECK_INT(reply_of(&c, none)->grpc_status, GRPC_CANCELLED);
	/* Between messages a stream may be silent. */
	CHECK(!reply_of(&c, fine)->closed);
	handlers_close(&c);
}

TEST(dripping_request_is_stalled)
{
	static char byte = 'x';
	int32_t id;

	handlers_open(&c, NULL);
	id = client_call(&c, "/t.T/Echo", STR("\0\0\1\0\0"), false, NULL);
	client_turn(&c);
	for (int i = 0; i < 100 && !reply_of(&c, id)->closed; i++) {
		client_send(&c, id, (struct str){&byte, 1}, false);
		client_turn(&c);
		pass(SEC);
	}
	CHECK_INT(reply_of(&c, id)->grpc_status, GRPC_CANCELLED);
	handlers_close(&c);
}

TEST(slow_but_steady_request_is_fine)
{
	static char bytes[2000];
	int32_t id;

	handlers_open(&c, NULL);
	id = client_call(&c, "/t.T/Echo", STR("\0\0\2\x71\0"), false, NULL); /* 160000 */
	client_turn(&c);
	for (int i = 0; i < 80; i++) {
		client_send(&c, id, (struct str){bytes, sizeof(bytes)}, i == 79);
		client_turn(&c);
		pass(20 * SEC);
	}
	CHECK_INT(reply_of(&c, id)->grpc_status, GRPC_OK);
	handlers_close(&c);
}

TEST(closed_window_is_a_stall)
{
	static char bytes[100000];
	struct str s = {bytes, sizeof(bytes)};
	int32_t id;

	handlers_begin();
	client_open_windowed(&c, NULL, &test_service, NULL, 0);
	id = client_unary(&c, "/t.T/Give", STR(""));
	client_turn(&c);
	CHECK(grpc_call_send(handlers.kept[0], &s, 1, NULL) >= 0);
	client_turn(&c);
	pass(50 * SEC);
	CHECK(!reply_of(&c, id)->closed);
	pass(30 * SEC);
	CHECK(reply_of(&c, id)->closed);
	CHECK_INT(reply_of(&c, id)->error_code, NGHTTP2_CANCEL);
	CHECK_INT(handlers.cancelled, 1);
	CHECK_INT(grpc_engine_stats(c.engine)->reply_bytes, 0);
	CHECK(c.conn);
	handlers_close(&c);
}

TEST(blocked_socket)
{
	handlers_open(&c, NULL);
	h2_conn_set_blocked(c.conn, true);
	pass(50 * SEC);
	h2_conn_set_blocked(c.conn, false);
	pass(20 * SEC);
	CHECK(c.conn);
	h2_conn_set_blocked(c.conn, true);
	pass(61 * SEC);
	CHECK(!c.conn);
	handlers_close(&c);
}

TEST(idle_connection_is_sent_away_in_order)
{
	struct grpc_limits limits = grpc_limits_default;

	limits.idle_ns = 100 * SEC;
	handlers_open(&c, &limits);
	pass(90 * SEC);
	client_unary(&c, "/t.T/Echo", STR("x"));
	client_turn(&c);
	pass(90 * SEC);
	CHECK(c.conn);
	pass(20 * SEC);
	CHECK(!c.conn);
	CHECK_INT(c.goaways, 2);
	CHECK_INT(c.goaway_code, NGHTTP2_NO_ERROR);
	handlers_close(&c);
}

TEST(a_running_call_is_not_idle)
{
	struct grpc_limits limits = grpc_limits_default;

	limits.idle_ns = 100 * SEC;
	handlers_open(&c, &limits);
	client_unary(&c, "/t.T/Keep", STR("x"));
	client_turn(&c);
	pass(1000 * SEC);
	CHECK(c.conn);
	CHECK_INT(c.goaways, 0);
	handlers_close(&c);
}

TEST(no_keepalive_without_a_call)
{
	handlers_open(&c, NULL);
	c.deaf = true;
	pass(1000 * SEC);
	CHECK(c.conn);
	handlers_close(&c);
}

TEST(keepalive_finds_the_dead)
{
	handlers_open(&c, NULL);
	client_unary(&c, "/t.T/Keep", STR("x"));
	client_turn(&c);
	pass(600 * SEC); /* answered */
	CHECK(c.conn);
	c.deaf = true; /* what the server sends gets lost */
	pass(130 * SEC);
	CHECK(c.conn);
	pass(30 * SEC);
	c.deaf = false;
	client_turn(&c);
	CHECK(!c.conn);
	handlers_close(&c);
}
