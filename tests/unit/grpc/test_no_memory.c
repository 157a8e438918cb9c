/* Every allocation fails once, in a conversation that uses most of the engine: what cannot be done
 * is refused, and nothing is left over. */
#include "handlers.h"

#include "base/mem.h"
#include "grpc/health.h"
#include "lib/fail_alloc.h"

static struct client c;

/* Replays recorded bytes to a fresh engine. True when all of it went as if memory were plenty. */
static bool replay(const struct buf *sent, long fail_after)
{
	static uint8_t out[H2_PULL_MIN];
	struct error err = ERROR_INIT;
	struct grpc_peer peer = {.address = "test"};
	struct grpc_engine *e = NULL;
	struct h2_conn *conn = NULL;
	struct health *health = NULL;
	bool failed;
	int r;

	handlers_begin();
	alloc_fail_after(fail_after);
	r = grpc_engine_new(NULL, client_clock, &e, &err);
	if (r == 0)
		r = grpc_engine_add(e, &test_service, NULL, &err);
	if (r == 0)
		r = health_new(e, &health, &err);
	if (r == 0)
		r = h2_conn_new(e, &peer, NULL, NULL, &conn, &err);
	for (size_t at = 0; r == 0 && at < sent->len; at += 500) {
		r = h2_conn_feed(conn, sent->data + at, MIN((size_t)500, sent->len - at), &err);
		do
			while (h2_conn_pull(conn, out, sizeof(out)) > 0)
				;
		while (h2_conn_dispatch(conn));
		if (h2_conn_is_done(conn))
			break;
	}
	failed = alloc_stop_failing();
	CHECK(failed || r == 0);
	CHECK(r == 0 || r == ERR_NOMEM || conn);
	h2_conn_free(conn);
	if (handlers.half_closed)
		handlers.n_kept = 0;
	handlers_finish_kept(GRPC_CANCELLED);
	if (e) {
		CHECK_INT(grpc_engine_memory(e), 0);
		CHECK_INT(grpc_engine_stats(e)->calls_open, 0);
		CHECK_INT(grpc_engine_stats(e)->request_bytes, 0);
		CHECK_INT(grpc_engine_stats(e)->reply_bytes, 0);
	}
	grpc_engine_free(e);
	health_free(health);
	handlers_end();
	return !failed;
}

TEST(every_allocation_fails_once)
{
	static const char *const more[] = {"x-a", "1",   "x-b", "2",   "x-c", "3",   "x-d",
					   "4",   "x-e", "5",   "x-f", "6",   "x-g", "7",
					   "x-h", "8",   "x-i", "9",   NULL};
	_cleanup_(buf_done) struct buf sent = BUF_INIT;
	_cleanup_(buf_done) struct buf body = BUF_INIT;
	static char bytes[70000];
	long n = 0;

	handlers_begin();
	client_open_recorded(&c, &test_service);
	client_unary(&c, "/t.T/Echo", STR("hello"));
	client_unary(&c, "/t.T/Nope", STR("x"));
	put_message(&body, false, STR("one"));
	put_message(&body, false, (struct str){bytes, sizeof(bytes)});
	client_call(&c, "/t.T/Collect", (struct str){body.data, body.len}, true, more);
	client_turn(&c);
	handlers.n_kept = 0;
	buf_append(&sent, c.sent.data, c.sent.len);
	client_close(&c);
	while (!replay(&sent, n))
		n++;
	CHECK(n > 20);
}
