/* Unary calls that end early, and how calls are counted. */
#include "handlers.h"

#include "base/mem.h"

static struct client c;

/* ---- ending early ------------------------------------------------------------------------ */

static int32_t keep_with_timeout(const char *timeout)
{
	const char *const more[] = {"grpc-timeout", timeout, NULL};

	return client_call(&c, "/t.T/Keep", STR("\0\0\0\0\1r"), true, more);
}

TEST(deadline_ends_a_running_call)
{
	struct error err = ERROR_INIT;
	struct str x = STR("x");
	int32_t id;

	handlers_open(&c, NULL);
	id = keep_with_timeout("50m");
	client_turn(&c);
	CHECK_INT(grpc_call_deadline_ns(handlers.kept[0]), client_now_ns + 50 * MS);
	CHECK_INT(h2_conn_next_ns(c.conn), client_now_ns + 50 * MS);
	client_now_ns += 49 * MS;
	h2_conn_tick(c.conn, client_now_ns);
	client_turn(&c);
	CHECK(!reply_of(&c, id)->closed);
	client_now_ns += 1 * MS;
	h2_conn_tick(c.conn, client_now_ns);
	client_turn(&c);
	reply_check(&c, id, GRPC_DEADLINE_EXCEEDED, "deadline");
	CHECK_INT(handlers.cancelled, 1);
	CHECK(grpc_call_is_cancelled(handlers.kept[0]));
	/* The handler still has its call. */
	CHECK(str_is(grpc_call_request(handlers.kept[0]), "r"));
	CHECK_INT(grpc_call_send(handlers.kept[0], &x, 1, &err), ERR_CANCELLED);
	handlers_close(&c);
}

TEST(deadlines_in_order_and_none_after_the_end)
{
	int32_t a, b, d;

	handlers_open(&c, NULL);
	a = keep_with_timeout("3S");
	b = keep_with_timeout("1S");
	d = keep_with_timeout("2S");
	client_turn(&c);
	CHECK_INT(h2_conn_next_ns(c.conn), client_now_ns + SEC);
	grpc_call_finish(handlers.kept[1], GRPC_ABORTED, STR_NULL);
	handlers.kept[1] = handlers.kept[--handlers.n_kept];
	client_turn(&c);
	reply_check(&c, b, GRPC_ABORTED, "");
	CHECK_INT(h2_conn_next_ns(c.conn), client_now_ns + 2 * SEC);
	client_now_ns += 2 * SEC;
	h2_conn_tick(c.conn, client_now_ns);
	client_turn(&c);
	reply_check(&c, d, GRPC_DEADLINE_EXCEEDED, "");
	CHECK(!reply_of(&c, a)->closed);
	handlers_close(&c);
}

TEST(client_reset_cancels_once)
{
	int32_t id;

	handlers_open(&c, NULL);
	id = client_unary(&c, "/t.T/Keep", STR("x"));
	client_turn(&c);
	client_reset(&c, id);
	client_turn(&c);
	CHECK_INT(handlers.cancelled, 1);
	CHECK_INT(grpc_engine_stats(c.engine)->cancelled, 1);
	CHECK_INT(grpc_engine_stats(c.engine)->calls_open, 1); /* until the handler is done */
	handlers_finish_kept(GRPC_OK);
	CHECK_INT(grpc_engine_stats(c.engine)->calls_open, 0);
	CHECK_INT(handlers.cancelled, 1);
	handlers_close(&c);
}

TEST(lost_connection_cancels_and_handlers_finish_later)
{
	struct str x = STR("x"), value;
	const char *const more[] = {"x-a", "1", NULL};

	handlers_open(&c, NULL);
	client_call(&c, "/t.T/Keep", STR("\0\0\0\0\3req"), true, more);
	client_unary(&c, "/t.T/Keep", STR("b"));
	client_turn(&c);
	h2_conn_free(TAKE(c.conn));
	CHECK_INT(handlers.cancelled, 2);
	CHECK(str_is(grpc_call_request(handlers.kept[0]), "req"));
	CHECK(grpc_call_metadata(handlers.kept[0], "x-a", &value) && str_is(value, "1"));
	CHECK_STR(grpc_call_peer(handlers.kept[0])->address, "");
	grpc_call_reply(handlers.kept[0], &x, 1);
	grpc_call_finish(handlers.kept[1], GRPC_OK, STR_NULL);
	handlers.n_kept = 0;
	handlers_close(&c);
}

TEST(answer_before_the_request_is_complete)
{
	int32_t id;

	handlers_open(&c, NULL);
	/* The engine refuses at the length; the client is told to stop sending. */
	id = client_call(&c, "/t.T/Nope", STR("\0\0\0\0\5ab"), false, NULL);
	client_turn(&c);
	reply_check(&c, id, GRPC_UNIMPLEMENTED, "");
	CHECK_INT(reply_of(&c, id)->error_code, NGHTTP2_NO_ERROR);
	handlers_close(&c);
}

/* ---- counting ---------------------------------------------------------------------------- */

static int ends;
static struct grpc_call_end last_end;

static void on_call_end(void *user, const struct grpc_call_end *end)
{
	CHECK(user == &ends);
	ends++;
	last_end = *end;
}

TEST(every_call_is_counted_once)
{
	const struct grpc_stats *s;

	handlers_open(&c, NULL);
	ends = 0;
	grpc_engine_watch(c.engine, on_call_end, &ends);
	s = grpc_engine_stats(c.engine);
	client_unary(&c, "/t.T/Echo", STR("x"));
	client_turn(&c);
	CHECK_INT(ends, 1);
	CHECK_STR(last_end.service, "t.T");
	CHECK_STR(last_end.method, "Echo");
	CHECK_INT(last_end.status, GRPC_OK);
	client_unary(&c, "/t.T/Nope", STR("x"));
	client_turn(&c);
	CHECK_INT(ends, 2);
	CHECK(!last_end.method);
	client_unary(&c, "/t.T/Keep", STR("x"));
	client_turn(&c);
	client_now_ns += 5 * MS;
	client_reset(&c, 5);
	client_turn(&c);
	handlers_finish_kept(GRPC_OK);
	CHECK_INT(ends, 3);
	CHECK(last_end.cancelled);
	CHECK_INT(last_end.duration_ns, 5 * MS);
	CHECK_INT(s->calls_started, 2);
	CHECK_INT(s->ended[GRPC_OK] + s->ended[GRPC_UNIMPLEMENTED] + s->cancelled, 3 + 1);
	handlers_close(&c);
}

TEST(a_service_is_added_once)
{
	struct error err = ERROR_INIT;

	handlers_open(&c, NULL);
	CHECK_ERR(grpc_engine_add(c.engine, &test_service, NULL, &err), ERR_STATE, err, "t.T");
	CHECK_INT(grpc_engine_services(c.engine), 1);
	CHECK_STR(grpc_engine_service(c.engine, 0), "t.T");
	handlers_close(&c);
}
