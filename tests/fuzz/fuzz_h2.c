/* A connection fed with any bytes: no crash, nothing left over, memory within the limits. The first
 * byte says how the rest is cut into pieces; the bytes begin after the client's preface, so that
 * mutations reach the frames. */
#include "fuzz.h"

#include "base/mem.h"
#include "grpc/h2_conn.h"

#define SEC ((int64_t)1000000000)

static int64_t now_ns = 1000 * SEC;

static int64_t clock_ns(void)
{
	return now_ns;
}

/* ---- handlers of every kind -------------------------------------------------------------- */

static struct grpc_call *kept[64];
static size_t n_kept;

static void forget(const struct grpc_call *call)
{
	for (size_t i = 0; i < n_kept; i++)
		if (kept[i] == call)
			kept[i--] = kept[--n_kept];
}

static void echo(struct grpc_call *call, void *user)
{
	struct str request = grpc_call_request(call);

	(void)user;
	grpc_call_compress(call, request.len & 1);
	grpc_call_reply(call, &request, 1);
}

static void keep(struct grpc_call *call, void *user)
{
	if (n_kept == ARRAY_LEN(kept))
		echo(call, user);
	else
		kept[n_kept++] = call;
}

static void on_message(struct grpc_call *call, struct str message)
{
	if (grpc_call_send(call, &message, 1, NULL) == GRPC_FULL)
		grpc_call_pause(call);
}

static void on_half_close(struct grpc_call *call)
{
	forget(call);
	grpc_call_finish(call, GRPC_OK, STR_NULL);
}

static void on_cancelled(struct grpc_call *call)
{
	forget(call);
	grpc_call_finish(call, GRPC_CANCELLED, STR_NULL);
}

static const struct grpc_call_ops ops = {
	.message = on_message,
	.half_close = on_half_close,
	.writable = grpc_call_resume,
	.cancelled = on_cancelled,
};
static const struct grpc_method methods[] = {
	{"Echo", GRPC_UNARY, echo, NULL},
	{"Keep", GRPC_UNARY, keep, NULL},
	{"Both", GRPC_BIDI, keep, &ops},
};
static const struct grpc_service service = {"t.T", methods, ARRAY_LEN(methods)};

/* ---- the target -------------------------------------------------------------------------- */

static void turn(struct h2_conn *c)
{
	static uint8_t out[H2_PULL_MIN];

	do
		while (h2_conn_pull(c, out, sizeof(out)) > 0)
			;
	while (h2_conn_dispatch(c));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
	struct grpc_limits limits = grpc_limits_default;
	struct grpc_peer peer = {.address = "fuzz"};
	struct error err = ERROR_INIT;
	struct grpc_engine *e;
	struct h2_conn *c;
	size_t step;

	if (size == 0)
		return 0;
	step = data[0] ? data[0] : size;
	limits.request_max = 200000;
	limits.requests_conn = limits.requests_all = 300000;
	limits.replies_park = 100000;
	limits.replies_conn = 300000;
	FUZZ_OK(grpc_engine_new(&limits, clock_ns, &e, &err), err);
	FUZZ_OK(grpc_engine_add(e, &service, NULL, &err), err);
	FUZZ_OK(h2_conn_new(e, &peer, NULL, NULL, &c, &err), err);
	FUZZ_OK(h2_conn_feed(c, preface, sizeof(preface) - 1, &err), err);
	for (size_t at = 1; at < size && !h2_conn_is_done(c); at += step) {
		const struct grpc_stats *s = grpc_engine_stats(e);

		h2_conn_feed(c, data + at, MIN(step, size - at), &err);
		turn(c);
		now_ns += SEC / 10;
		FUZZ_CHECK(h2_conn_tick(c, now_ns) > now_ns - 20 * SEC);
		FUZZ_CHECK(s->request_bytes <= limits.requests_all * 5 / 4);
		FUZZ_CHECK(s->reply_bytes <= limits.replies_conn);
	}
	while (n_kept > 0 && size & 1)
		grpc_call_finish(kept[--n_kept], GRPC_ABORTED, STR("later"));
	h2_conn_free(c);
	while (n_kept > 0)
		grpc_call_finish(kept[--n_kept], GRPC_ABORTED, STR("later"));
	FUZZ_CHECK(grpc_engine_memory(e) == 0);
	FUZZ_CHECK(grpc_engine_stats(e)->calls_open == 0);
	grpc_engine_free(e);
	return 0;
}
