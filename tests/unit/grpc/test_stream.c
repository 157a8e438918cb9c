/* Streaming calls and flow control. */
#include "handlers.h"

#include "base/mem.h"

#include <stdlib.h>

static struct client c;

static void start_with(const struct grpc_limits *limits, uint32_t window)
{
	handlers_begin();
	client_open_windowed(&c, limits, &test_service, NULL, window);
}

static void start(void)
{
	start_with(NULL, 16 << 20);
}

static void send_text(int32_t id, const char *text, bool end)
{
	_cleanup_(buf_done) struct buf body = BUF_INIT;

	put_message(&body, false, str_of(text));
	client_send(&c, id, (struct str){body.data, body.len}, end);
	client_turn(&c);
}

/* ---- messages in ------------------------------------------------------------------------- */

TEST(client_stream_collects)
{
	int32_t id;

	start();
	id = client_call(&c, "/t.T/Collect", STR_NULL, false, NULL);
	client_turn(&c);
	CHECK_INT(handlers.started, 1); /* with the headers */
	send_text(id, "one", false);
	CHECK_INT(handlers.messages, 1);
	send_text(id, "two", false);
	CHECK_INT(handlers.half_closed, 0);
	send_text(id, "three", true);
	CHECK_INT(handlers.half_closed, 1);
	CHECK_INT(reply_of(&c, id)->grpc_status, GRPC_OK);
	CHECK(str_is(reply_message(reply_of(&c, id), 0), "one|two|three|"));
	handlers_close(&c);
}

TEST(half_close_without_a_message)
{
	int32_t a, b;

	start();
	a = client_call(&c, "/t.T/Collect", STR_NULL, true, NULL);
	client_turn(&c);
	CHECK_INT(handlers.half_closed, 1);
	CHECK_INT(reply_of(&c, a)->grpc_status, GRPC_OK);
	b = client_call(&c, "/t.T/Collect", STR_NULL, false, NULL);
	client_turn(&c);
	client_send(&c, b, STR_NULL, true);
	client_turn(&c);
	CHECK_INT(handlers.half_closed, 2);
	handlers_close(&c);
}

TEST(a_broken_stream_cancels_its_handler)
{
	int32_t id;

	start();
	id = client_call(&c, "/t.T/Both", STR_NULL, false, NULL);
	client_turn(&c);
	send_text(id, "fine", false);
	client_send(&c, id, STR("\0\0\0\0\7cut"), true);
	client_turn(&c);
	CHECK_INT(handlers.messages, 1);
	CHECK_INT(handlers.half_closed, 0);
	CHECK_INT(handlers.cancelled, 1);
	CHECK_INT(reply_of(&c, id)->grpc_status, GRPC_INTERNAL);
	handlers_close(&c);
}

TEST(bad_gzip_in_a_stream_cancels_its_handler)
{
	static const char *const gzip[] = {"grpc-encoding", "gzip", NULL};
	int32_t id;

	start();
	id = client_call(&c, "/t.T/Both", STR("\1\0\0\0\3abc"), false, gzip);
	client_turn(&c);
	CHECK_INT(handlers.cancelled, 1);
	CHECK_INT(reply_of(&c, id)->grpc_status, GRPC_INTERNAL);
	handlers_close(&c);
}

TEST(pausing_holds_messages_back)
{
	int32_t id;

	start();
	handlers.pause_each = true;
	id = client_call(&c, "/t.T/Collect", STR_NULL, false, NULL);
	client_turn(&c);
	send_text(id, "one", false);
	send_text(id, "two", true);
	CHECK_INT(handlers.messages, 1);
	grpc_call_resume(handlers.kept[0]);
	client_turn(&c);
	CHECK_INT(handlers.messages, 2);
	CHECK_INT(handlers.half_closed, 0);
	grpc_call_resume(handlers.kept[0]);
	client_turn(&c);
	CHECK_INT(handlers.half_closed, 1);
	CHECK(str_is(reply_message(reply_of(&c, id), 0), "one|two|"));
	handlers_close(&c);
}

TEST(pausing_closes_the_window)
{
	static char chunk[100000];
	_cleanup_(buf_done) struct buf body = BUF_INIT;
	const struct grpc_stats *s;
	int32_t id;

	start();
	s = grpc_engine_stats(c.engine);
	handlers.pause_each = true;
	for (int i = 0; i < 50; i++)
		put_message(&body, false, (struct str){chunk, sizeof(chunk)});
	id = client_call(&c, "/t.T/Collect", (struct str){body.data, body.len}, true, NULL);
	client_turn(&c);
	CHECK_INT(handlers.messages, 1);
	/* No more than the window and the message begun. */
	CHECK(s->request_bytes <= ((size_t)64 << 10) + 2 * sizeof(chunk));
	while (handlers.half_closed == 0) {
		CHECK(s->request_bytes <= ((size_t)64 << 10) + 3 * sizeof(chunk));
		grpc_call_resume(handlers.kept[0]);
		client_turn(&c);
	}
	CHECK_INT(handlers.messages, 50);
	CHECK(reply_of(&c, id)->closed);
	handlers_close(&c);
}

static void pause_and_resume(struct grpc_call *call)
{
	grpc_call_pause(call);
	grpc_call_resume(call);
	handlers.kept[handlers.n_kept++] = call;
}

TEST(resume_inside_a_handler)
{
	start();
	handlers.on_start = pause_and_resume;
	client_unary(&c, "/t.T/Hook", STR("x"));
	client_turn(&c);
	CHECK(str_is(grpc_call_request(handlers.kept[0]), "x"));
	handlers_close(&c);
}

/* ---- messages out ------------------------------------------------------------------------ */

TEST(server_stream_in_order_then_status)
{
	struct error err = ERROR_INIT;
	struct grpc_call *call;
	char text[16];
	int32_t id;

	start();
	id = client_unary(&c, "/t.T/Give", STR("please"));
	client_turn(&c);
	call = handlers.kept[0];
	CHECK(str_is(grpc_call_request(call), "please"));
	for (int i = 0; i < 100; i++) {
		struct str s = {text, (size_t)snprintf(text, sizeof(text), "%d", i)};

		CHECK_OK(grpc_call_send(call, &s, 1, &err), err);
		if (i % 7 == 0)
			client_turn(&c);
	}
	CHECK(!reply_of(&c, id)->closed);
	handlers_finish_kept(GRPC_DATA_LOSS);
	client_turn(&c);
	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "%d", i);
		CHECK(str_is(reply_message(reply_of(&c, id), (size_t)i), text));
	}
	CHECK_INT(reply_of(&c, id)->grpc_status, GRPC_DATA_LOSS);
	handlers_close(&c);
}

TEST(slow_reader_is_told_as_full_then_writable)
{
	struct error err = ERROR_INIT;
	static char bytes[50000];
	struct str s = {bytes, sizeof(bytes)};
	const struct grpc_stats *stats;
	struct grpc_call *call;
	int32_t id;
	int sent = 0, r;

	start_with(NULL, 1000); /* the client's window */
	stats = grpc_engine_stats(c.engine);
	c.hold_windows = true;
	id = client_unary(&c, "/t.T/Give", STR(""));
	client_turn(&c);
	call = handlers.kept[0];
	do {
		r = grpc_call_send(call, &s, 1, &err);
		client_turn(&c);
		sent++;
	} while (r == 0);
	CHECK_INT(r, GRPC_FULL);
	CHECK_INT(sent, 6); /* 256 KiB */
	CHECK_INT(handlers.writable, 0);
	CHECK(stats->reply_bytes <= 6 * (sizeof(bytes) + 5));
	/* The client reads again. */
	c.hold_windows = false;
	nghttp2_session_consume(c.session, id, reply_of(&c, id)->body.len);
	client_turn(&c);
	CHECK_INT(handlers.writable, 1);
	handlers_finish_kept(GRPC_OK);
	client_turn(&c);
	CHECK_INT(reply_of(&c, id)->body.len, 6 * (sizeof(bytes) + 5));
	CHECK_INT(reply_of(&c, id)->grpc_status, GRPC_OK);
	handlers_close(&c);
}

TEST(deadline_drops_what_nobody_read)
{
	static const char *const more[] = {"grpc-timeout", "1S", NULL};
	static char bytes[200000];
	struct str s = {bytes, sizeof(bytes)};
	int32_t id;

	start_with(NULL, 1000);
	c.hold_windows = true;
	id = client_call(&c, "/t.T/Give", STR("\0\0\0\0\0"), true, more);
	client_turn(&c);
	CHECK(grpc_call_send(handlers.kept[0], &s, 1, NULL) >= 0);
	client_turn(&c);
	client_now_ns += 2 * SEC;
	h2_conn_tick(c.conn, client_now_ns);
	client_turn(&c);
	CHECK_INT(grpc_engine_stats(c.engine)->reply_bytes, 0);
	CHECK_INT(handlers.cancelled, 1);
	CHECK_INT(reply_of(&c, id)->grpc_status, GRPC_DEADLINE_EXCEEDED);
	handlers_close(&c);
}

TEST(reset_drops_what_nobody_read)
{
	static char bytes[200000];
	struct str s = {bytes, sizeof(bytes)};
	int32_t id;

	start_with(NULL, 1000);
	c.hold_windows = true;
	id = client_unary(&c, "/t.T/Give", STR(""));
	client_turn(&c);
	CHECK(grpc_call_send(handlers.kept[0], &s, 1, NULL) >= 0);
	client_turn(&c);
	client_reset(&c, id);
	client_turn(&c);
	CHECK_INT(grpc_engine_stats(c.engine)->reply_bytes, 0);
	CHECK_INT(handlers.cancelled, 1);
	handlers_close(&c);
}

TEST(reset_in_the_middle_of_everything)
{
	static char bytes[100000];
	uint64_t seed = 3;

	start_with(NULL, 30000);
	for (int round = 0; round < 300; round++) {
		struct str s = {bytes, sizeof(bytes)};
		_cleanup_(buf_done) struct buf body = BUF_INIT;
		int32_t id;

		seed = seed * 6364136223846793005u + 1442695040888963407u;
		put_message(&body, false, (struct str){bytes, (seed >> 33) % sizeof(bytes)});
		id = client_call(&c, seed >> 60 & 1 ? "/t.T/Both" : "/t.T/Give",
				 (struct str){body.data, body.len - (seed >> 50 & 1)},
				 seed >> 61 & 1, NULL);
		client_turn(&c);
		if (handlers.n_kept > 0 && seed >> 62 & 1)
			grpc_call_send(handlers.kept[0], &s, 1, NULL);
		if (seed >> 40 & 1)
			client_turn(&c);
		client_reset(&c, id);
		client_turn(&c);
		handlers_finish_kept(GRPC_OK);
	}
	CHECK_INT(h2_conn_calls(c.conn), 0);
	handlers_close(&c);
}

/* ---- room -------------------------------------------------------------------------------- */

TEST(unread_replies_keep_new_calls_waiting)
{
	struct grpc_limits limits = grpc_limits_default;
	const struct grpc_stats *s;
	int32_t id = 0;

	limits.replies_park = 1000000;
	start_with(&limits, 1000);
	s = grpc_engine_stats(c.engine);
	c.hold_windows = true;
	handlers.reply_size = 300000;
	for (int i = 0; i < 100; i++)
		id = client_unary(&c, "/t.T/Big", STR(""));
	client_turn(&c);
	CHECK_INT(handlers.started, 4);
	CHECK(s->reply_bytes <= 4 * (handlers.reply_size + 5));
	/* Reading lets them go on, a few at a time. */
	c.hold_windows = false;
	for (int32_t i = 1; i <= id; i += 2)
		nghttp2_session_consume(c.session, i, reply_of(&c, i)->body.len);
	client_turn(&c);
	CHECK_INT(handlers.started, 100);
	for (int32_t i = 1; i <= id; i += 2) {
		CHECK_INT(reply_of(&c, i)->grpc_status, GRPC_OK);
		CHECK_INT(reply_of(&c, i)->body.len, handlers.reply_size + 5);
	}
	handlers_close(&c);
}

TEST(too_many_unread_replies_are_refused)
{
	struct grpc_limits limits = grpc_limits_default;
	struct error err = ERROR_INIT;
	static char bytes[400000];
	struct str s = {bytes, sizeof(bytes)};
	int32_t id = 0;

	limits.replies_conn = 1000000;
	start_with(&limits, 1000);
	c.hold_windows = true;
	for (int i = 0; i < 3; i++)
		id = client_unary(&c, "/t.T/Keep", STR(""));
	client_turn(&c);
	grpc_call_reply(handlers.kept[0], &s, 1);
	grpc_call_reply(handlers.kept[1], &s, 1);
	CHECK_ERR(grpc_call_send(handlers.kept[2], &s, 1, &err), ERR_LIMIT, err, "slow readers");
	grpc_call_reply(handlers.kept[2], &s, 1);
	handlers.n_kept = 0;
	client_turn(&c);
	CHECK_INT(reply_of(&c, id)->grpc_status, GRPC_RESOURCE_EXHAUSTED);
	handlers_close(&c);
}

TEST(large_requests_wait_for_room_and_all_arrive)
{
	struct grpc_limits limits = grpc_limits_default;
	const struct grpc_stats *s;
	static char bytes[400000];
	size_t most = 0;
	int32_t ids[40];

	limits.requests_conn = 1000000;
	start_with(&limits, 16 << 20);
	s = grpc_engine_stats(c.engine);
	for (int i = 0; i < 40; i++)
		ids[i] = client_unary(&c, "/t.T/Echo", (struct str){bytes, sizeof(bytes)});
	while (!reply_of(&c, ids[39])->closed) {
		const uint8_t *data;
		ssize_t n = nghttp2_session_mem_send(c.session, &data);

		CHECK(n >= 0);
		if (n > 0)
			client_raw(&c, data, (size_t)n);
		most = MAX(most, s->request_bytes);
		if (n == 0 && !reply_of(&c, ids[39])->closed)
			client_turn(&c);
	}
	client_turn(&c);
	for (int i = 0; i < 40; i++) {
		CHECK_INT(reply_of(&c, ids[i])->grpc_status, GRPC_OK);
		CHECK_INT(reply_of(&c, ids[i])->body.len, sizeof(bytes) + 5);
	}
	CHECK_INT(most, 800000);
	handlers_close(&c);
}

TEST(waiting_requests_may_be_reset)
{
	struct grpc_limits limits = grpc_limits_default;
	const struct grpc_stats *s;
	static char bytes[400000];
	int32_t a, b, d;

	limits.requests_all = 500000;
	start_with(&limits, 16 << 20);
	s = grpc_engine_stats(c.engine);
	a = client_unary(&c, "/t.T/Keep", (struct str){bytes, sizeof(bytes)});
	client_turn(&c);
	b = client_unary(&c, "/t.T/Keep", (struct str){bytes, sizeof(bytes)});
	client_turn(&c);
	d = client_unary(&c, "/t.T/Keep", (struct str){bytes, 100000});
	client_turn(&c);
	CHECK_INT(handlers.n_kept, 1);
	CHECK_INT(s->waiting, 2);
	client_reset(&c, b);
	client_turn(&c);
	/* The one behind it fits now. */
	CHECK_INT(s->waiting, 0);
	CHECK_INT(handlers.n_kept, 2);
	client_reset(&c, a);
	client_reset(&c, d);
	client_turn(&c);
	handlers_close(&c);
}

TEST(small_requests_are_refused_when_there_is_no_room)
{
	struct grpc_limits limits = grpc_limits_default;
	static char bytes[60000];
	int32_t id = 0;

	limits.requests_all = 200000;
	start_with(&limits, 16 << 20);
	for (int i = 0; i < 10; i++)
		id = client_unary(&c, "/t.T/Keep", (struct str){bytes, sizeof(bytes)});
	client_turn(&c);
	CHECK_INT(handlers.n_kept, 4); /* and a quarter more than the limit */
	CHECK_INT(reply_of(&c, id)->grpc_status, GRPC_RESOURCE_EXHAUSTED);
	handlers_close(&c);
}
