/* The connection as such: bytes in any pieces, broken bytes, and its two-step end. */
#include "handlers.h"

#include "base/mem.h"

#include <stdlib.h>

static struct client c;

/* ---- pieces ------------------------------------------------------------------------------ */

/* All that a client sends in a conversation of a few calls; the caller frees *out. */
static void record(struct buf *out)
{
	static char bytes[3000];
	_cleanup_(buf_done) struct buf body = BUF_INIT;

	handlers_begin();
	client_open_recorded(&c, &test_service);
	client_unary(&c, "/t.T/Echo", STR("hello"));
	client_turn(&c);
	client_unary(&c, "/t.T/Echo", (struct str){bytes, sizeof(bytes)});
	client_unary(&c, "/t.T/Nope", STR(""));
	put_message(&body, false, STR("one"));
	put_message(&body, false, STR("two"));
	client_call(&c, "/t.T/Collect", (struct str){body.data, body.len}, true, NULL);
	client_turn(&c);
	CHECK_INT(handlers.half_closed, 1);
	handlers.n_kept = 0;
	buf_append(out, c.sent.data, c.sent.len);
	client_close(&c);
}

struct lone {
	struct grpc_engine *engine;
	struct h2_conn *conn;
};

static void lone_open(struct lone *l)
{
	struct error err = ERROR_INIT;
	struct grpc_peer peer = {.address = "test"};

	handlers_begin();
	CHECK_OK(grpc_engine_new(NULL, client_clock, &l->engine, &err), err);
	CHECK_OK(grpc_engine_add(l->engine, &test_service, NULL, &err), err);
	CHECK_OK(h2_conn_new(l->engine, &peer, NULL, NULL, &l->conn, &err), err);
}

static void lone_close(struct lone *l)
{
	h2_conn_free(l->conn);
	handlers_finish_kept(GRPC_CANCELLED);
	CHECK_INT(grpc_engine_memory(l->engine), 0);
	CHECK_INT(grpc_engine_stats(l->engine)->calls_open, 0);
	grpc_engine_free(l->engine);
	handlers_end();
}

/* Feeds bytes and throws the answers away; the code of the feed. */
static int lone_feed(struct lone *l, const char *data, size_t len)
{
	static uint8_t out[H2_PULL_MIN];
	struct error err = ERROR_INIT;
	int r = h2_conn_feed(l->conn, data, len, &err);

	do
		while (h2_conn_pull(l->conn, out, sizeof(out)) > 0)
			;
	while (h2_conn_dispatch(l->conn));
	h2_conn_tick(l->conn, client_now_ns);
	return r;
}

TEST(bytes_one_at_a_time)
{
	_cleanup_(buf_done) struct buf sent = BUF_INIT;
	struct lone l;

	record(&sent);
	for (size_t step = 1; step < 40; step += 6) {
		lone_open(&l);
		for (size_t at = 0; at < sent.len; at += step)
			CHECK_INT(lone_feed(&l, sent.data + at, MIN(step, sent.len - at)), 0);
		CHECK_INT(grpc_engine_stats(l.engine)->ended[GRPC_OK], 3);
		CHECK_INT(grpc_engine_stats(l.engine)->ended[GRPC_UNIMPLEMENTED], 1);
		handlers.n_kept = 0;
		lone_close(&l);
	}
}

TEST(every_prefix_needs_more)
{
	_cleanup_(buf_done) struct buf sent = BUF_INIT;
	struct lone l;

	record(&sent);
	for (size_t len = 0; len < sent.len; len++) {
		lone_open(&l);
		CHECK_INT(lone_feed(&l, sent.data, len), 0);
		CHECK(!h2_conn_is_done(l.conn));
		CHECK_INT(handlers.half_closed, 0);
		lone_close(&l);
	}
}

TEST(flipped_bits_do_no_harm)
{
	_cleanup_(buf_done) struct buf sent = BUF_INIT;
	struct lone l;
	int refused = 0;

	record(&sent);
	for (size_t bit = 0; bit < sent.len * 8; bit += 3) {
		sent.data[bit / 8] ^= (char)(1 << bit % 8);
		lone_open(&l);
		refused += lone_feed(&l, sent.data, sent.len) < 0;
		if (handlers.half_closed)
			handlers.n_kept = 0;
		lone_close(&l);
		sent.data[bit / 8] ^= (char)(1 << bit % 8);
	}
	CHECK(refused > 50); /* most flips fall into messages */
}

TEST(random_bytes_after_the_preface)
{
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
	char bytes[300];
	uint64_t seed = 11;
	struct lone l;

	for (int round = 0; round < 3000; round++) {
		for (size_t i = 0; i < sizeof(bytes); i++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			bytes[i] = (char)(seed >> 56);
			/* Small lengths and known types reach further. */
			if (i % 9 == 0 || i % 9 == 1)
				bytes[i] = 0;
			if (i % 9 == 3)
				bytes[i] &= 0xf;
		}
		lone_open(&l);
		CHECK_INT(lone_feed(&l, preface, sizeof(preface) - 1), 0);
		lone_feed(&l, bytes, sizeof(bytes));
		lone_feed(&l, bytes, sizeof(bytes));
		lone_close(&l);
	}
}

/* What gRPC's C core sends for a call that is cancelled before its headers went out. */
TEST(reset_of_a_stream_that_was_never_opened)
{
	static const char reset[] = "\0\0\4\3\0\0\0\0\x63\0\0\0\x8"; /* stream 99 */
	_cleanup_(buf_done) struct buf sent = BUF_INIT;
	struct lone l;

	record(&sent);
	/* Behind the client's SETTINGS, cut in every way. */
	for (size_t step = 1; step < 30; step++) {
		_cleanup_(buf_done) struct buf with = BUF_INIT;
		size_t at = 24 + 15;

		buf_append(&with, sent.data, at);
		buf_append(&with, reset, sizeof(reset) - 1);
		buf_append(&with, reset, sizeof(reset) - 1);
		buf_append(&with, sent.data + at, sent.len - at);
		buf_append(&with, reset, sizeof(reset) - 1);
		lone_open(&l);
		for (at = 0; at < with.len; at += step)
			CHECK_INT(lone_feed(&l, with.data + at, MIN(step, with.len - at)), 0);
		CHECK_INT(grpc_engine_stats(l.engine)->ended[GRPC_OK], 3);
		CHECK(!h2_conn_is_done(l.conn));
		handlers.n_kept = 0;
		lone_close(&l);
	}
}

TEST(nothing_is_read_after_a_broken_frame)
{
	static const char bytes[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"
				    "\0\0\0\0\0\0\0\0\0"; /* DATA on stream 0 */
	struct lone l;

	lone_open(&l);
	lone_feed(&l, bytes, sizeof(bytes) - 1);
	CHECK(h2_conn_is_done(l.conn));
	lone_close(&l);
}

/* ---- small pulls ------------------------------------------------------------------------- */

TEST(pulls_join_to_the_same_bytes)
{
	static char bytes[3000000];
	struct str sent = {bytes, sizeof(bytes)};
	int32_t id;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 13 >> 4);
	handlers_open(&c, NULL);
	id = client_unary(&c, "/t.T/Echo", sent); /* the client pulls H2_PULL_MIN at a time */
	client_turn(&c);
	CHECK(str_eq(reply_message(reply_of(&c, id), 0), sent));
	handlers_close(&c);
}

/* ---- the end in two steps ---------------------------------------------------------------- */

TEST(shutdown_lets_calls_finish)
{
	struct str x = STR("x");
	int32_t id, late;

	handlers_open(&c, NULL);
	id = client_unary(&c, "/t.T/Keep", STR("x"));
	client_turn(&c);
	c.deaf = true;
	h2_conn_shutdown(c.conn);
	h2_conn_shutdown(c.conn);
	/* A call that crosses the announcement is served. */
	late = client_unary(&c, "/t.T/Echo", STR("crossing"));
	client_turn(&c);
	c.deaf = false;
	client_turn(&c);
	client_turn(&c);
	CHECK_INT(c.goaways, 2);
	CHECK_INT(c.goaway_last, late);
	CHECK_INT(c.goaway_code, NGHTTP2_NO_ERROR);
	CHECK_INT(reply_of(&c, late)->grpc_status, GRPC_OK);
	CHECK(c.conn);
	grpc_call_reply(handlers.kept[0], &x, 1);
	handlers.n_kept = 0;
	client_turn(&c);
	CHECK_INT(reply_of(&c, id)->grpc_status, GRPC_OK);
	CHECK(!c.conn);
	handlers_close(&c);
}

TEST(shutdown_does_not_wait_for_the_ping_for_ever)
{
	handlers_open(&c, NULL);
	client_unary(&c, "/t.T/Keep", STR("x"));
	client_turn(&c);
	c.deaf = true;
	h2_conn_shutdown(c.conn);
	CHECK_INT(h2_conn_next_ns(c.conn), client_now_ns + SEC);
	client_now_ns += SEC;
	h2_conn_tick(c.conn, client_now_ns);
	c.deaf = false;
	client_turn(&c);
	CHECK_INT(c.goaways, 2);
	handlers_close(&c);
}

TEST(client_that_says_goodbye)
{
	handlers_open(&c, NULL);
	nghttp2_session_terminate_session(c.session, NGHTTP2_NO_ERROR);
	client_turn(&c);
	CHECK(!c.conn);
	handlers_close(&c);
}

TEST(trailers_of_the_client_are_ignored)
{
	static const char *const more[] = {"x", "y", NULL};
	nghttp2_nv trailer = {(uint8_t *)(uintptr_t) "x-after", (uint8_t *)(uintptr_t) "1", 7, 1,
			      0};
	int32_t id;

	handlers_open(&c, NULL);
	id = client_call(&c, "/t.T/Both", STR("\0\0\0\0\1m"), false, more);
	client_turn(&c);
	CHECK(nghttp2_submit_headers(c.session, NGHTTP2_FLAG_END_STREAM, id, NULL, &trailer, 1,
				     NULL) == 0);
	client_turn(&c);
	CHECK_INT(handlers.half_closed, 1);
	CHECK_INT(reply_of(&c, id)->grpc_status, GRPC_OK);
	handlers_close(&c);
}
