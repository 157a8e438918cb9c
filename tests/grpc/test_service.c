#include "grpc/test_service.h"

#include "base/mem.h"
#include "flyte/wire.h"
#include "grpc/call.h"

#include <stdlib.h>

/* ---- messages ---------------------------------------------------------------------------- */

static uint64_t number(struct str wire, uint32_t field)
{
	struct view_field f;

	return view_find(wire, field, &f) && f.wire_type == WIRE_VARINT ? f.value : 0;
}

static struct str bytes(struct str wire, uint32_t field)
{
	struct view_field f;

	return view_find(wire, field, &f) && f.wire_type == WIRE_LEN ? f.bytes : STR_NULL;
}

static bool has(struct str wire, uint32_t field)
{
	struct view_field f;

	return view_find(wire, field, &f);
}

/* Zeros; as many as any test asks for. */
static const char *zeros(size_t len)
{
	static char *block;
	static size_t room;

	if (len > room) {
		free(block);
		block = calloc(1, len);
		room = block ? len : 0;
	}
	return block;
}

/* A message whose field 1 is a Payload of `size` zeros; its pieces point into `head` and zeros. */
static size_t payload_reply(size_t size, struct buf *head, struct str pieces[2])
{
	_cleanup_(buf_done) struct buf inner = BUF_INIT;

	if (size == 0)
		return 0;
	wire_put_tag(&inner, 2, WIRE_LEN);
	wire_put_varint(&inner, size);
	wire_put_tag(head, 1, WIRE_LEN);
	wire_put_varint(head, inner.len + size);
	buf_append(head, inner.data, inner.len);
	pieces[0] = (struct str){head->data, head->len};
	pieces[1] = (struct str){zeros(size), size};
	return 2;
}

/* ---- what all calls do ------------------------------------------------------------------- */

static void echo_metadata(struct grpc_call *call)
{
	_cleanup_(buf_done) struct buf trailing = BUF_INIT;
	struct str value;

	if (grpc_call_metadata(call, "x-grpc-test-echo-initial", &value))
		grpc_call_header(call, "x-grpc-test-echo-initial", value, NULL);
	if (grpc_call_metadata_bin(call, "x-grpc-test-echo-trailing-bin", &trailing))
		grpc_call_trailer(call, "x-grpc-test-echo-trailing-bin",
				  (struct str){trailing.data, trailing.len}, NULL);
}

/* True when the request asks for a status other than OK, which has then been given. */
static bool echo_status(struct grpc_call *call, struct str request)
{
	struct str status = bytes(request, 7);
	uint64_t code = number(status, 1);

	if (code == 0)
		return false;
	grpc_call_finish(call, (enum grpc_status)code, bytes(status, 2));
	return true;
}

static bool compressed_as_said(struct grpc_call *call, struct str request, uint32_t field)
{
	return !has(request, field) ||
	       (number(bytes(request, field), 1) != 0) == grpc_call_was_compressed(call);
}

/* ---- unary ------------------------------------------------------------------------------- */

static void empty_call(struct grpc_call *call, void *user)
{
	(void)user;
	echo_metadata(call);
	grpc_call_reply(call, NULL, 0);
}

static void unary_call(struct grpc_call *call, void *user)
{
	_cleanup_(buf_done) struct buf head = BUF_INIT;
	struct str request = grpc_call_request(call), pieces[2];
	size_t n;

	(void)user;
	echo_metadata(call);
	if (!compressed_as_said(call, request, 8)) {
		grpc_call_finish(call, GRPC_INVALID_ARGUMENT,
				 STR("expect_compressed is not what the message is"));
		return;
	}
	if (echo_status(call, request))
		return;
	grpc_call_compress(call, number(bytes(request, 6), 1) != 0);
	n = payload_reply((size_t)number(request, 2), &head, pieces);
	grpc_call_reply(call, pieces, n);
}

/* ---- streams of answers ------------------------------------------------------------------ */

/* Answers asked for and not yet sent. */
struct answers {
	struct loop *loop;
	struct grpc_call *call;
	struct loop_timer timer;
	struct buf wanted; /* messages StreamingOutputCallRequest, joined: their fields add up */
	size_t at;         /* in wanted */
	uint64_t status;
	struct buf message;
	bool finish; /* when all are sent */
	bool waits;  /* for room or for the timer */
};

static void answers_end(struct answers *a)
{
	loop_timer_cancel(a->loop, &a->timer);
	buf_done(&a->wanted);
	buf_done(&a->message);
	free(a);
}

static int send_answer(struct answers *a, struct str parameters)
{
	_cleanup_(buf_done) struct buf head = BUF_INIT;
	struct str pieces[2];
	size_t n = payload_reply((size_t)number(parameters, 1), &head, pieces);

	grpc_call_compress(a->call, number(bytes(parameters, 3), 1) != 0);
	return grpc_call_send(a->call, pieces, n, NULL);
}

/* Sends what is due. `waited`: the pause before the next has passed. */
static void answers_run(struct answers *a, bool waited)
{
	struct view_field f;

	a->waits = false;
	for (;;) {
		struct view v =
			view_of((struct str){a->wanted.data + a->at, a->wanted.len - a->at});
		uint64_t pause_us;

		if (view_next(&v, &f) <= 0)
			break;
		pause_us = f.number == 2 ? number(f.bytes, 2) : 0;
		if (pause_us > 0 && !waited) {
			a->waits = true;
			loop_timer_set(a->loop, &a->timer,
				       loop_now_ns() + (int64_t)pause_us * 1000);
			return;
		}
		waited = false;
		a->at += f.raw.len;
		if (f.number == 7) {
			a->status = number(f.bytes, 1);
			buf_clear(&a->message);
			buf_append(&a->message, bytes(f.bytes, 2).ptr, bytes(f.bytes, 2).len);
		}
		if (f.number == 2 && send_answer(a, f.bytes) == GRPC_FULL) {
			a->waits = true;
			return;
		}
	}
	buf_clear(&a->wanted);
	a->at = 0;
	if (a->status != 0)
		grpc_call_finish(a->call, (enum grpc_status)a->status,
				 (struct str){a->message.data, a->message.len});
	else if (a->finish)
		grpc_call_finish(a->call, GRPC_OK, STR_NULL);
	else
		return;
	answers_end(a);
}

static void on_pause_over(struct loop_timer *t)
{
	struct answers *a = CONTAINER_OF(t, struct answers, timer);

	answers_run(a, true);
}

static void on_writable(struct grpc_call *call)
{
	struct answers *a = grpc_call_user(call);

	if (!loop_timer_is_set(&a->timer))
		answers_run(a, false);
}

static void on_cancelled(struct grpc_call *call)
{
	struct answers *a = grpc_call_user(call);

	grpc_call_finish(call, GRPC_CANCELLED, STR_NULL);
	answers_end(a);
}

static struct answers *answers_new(struct grpc_call *call, void *user)
{
	struct answers *a = calloc(1, sizeof(*a));

	if (!a) {
		grpc_call_finish(call, GRPC_RESOURCE_EXHAUSTED, STR_NULL);
		return NULL;
	}
	a->loop = user;
	a->call = call;
	a->timer.fire = on_pause_over;
	grpc_call_set_user(call, a);
	echo_metadata(call);
	grpc_call_compress(call, true); /* announced; each answer then says */
	return a;
}

static void streaming_output_call(struct grpc_call *call, void *user)
{
	struct answers *a = answers_new(call, user);
	struct str request = grpc_call_request(call);

	if (!a)
		return;
	buf_append(&a->wanted, request.ptr, request.len);
	a->finish = true;
	answers_run(a, false);
}

static void duplex_start(struct grpc_call *call, void *user)
{
	answers_new(call, user);
}

/* Answers each message before it takes the next. */
static void full_duplex_message(struct grpc_call *call, struct str message)
{
	struct answers *a = grpc_call_user(call);

	buf_append(&a->wanted, message.ptr, message.len);
	if (!a->waits)
		answers_run(a, false);
}

static void half_duplex_message(struct grpc_call *call, struct str message)
{
	struct answers *a = grpc_call_user(call);

	buf_append(&a->wanted, message.ptr, message.len);
}

static void duplex_half_close(struct grpc_call *call)
{
	struct answers *a = grpc_call_user(call);

	a->finish = true;
	if (!a->waits)
		answers_run(a, false);
}

/* ---- streams of requests ----------------------------------------------------------------- */

static void streaming_input_start(struct grpc_call *call, void *user)
{
	uint64_t *sum = calloc(1, sizeof(*sum));

	(void)user;
	echo_metadata(call);
	grpc_call_set_user(call, sum);
	if (!sum)
		grpc_call_finish(call, GRPC_RESOURCE_EXHAUSTED, STR_NULL);
}

static void streaming_input_message(struct grpc_call *call, struct str message)
{
	uint64_t *sum = grpc_call_user(call);

	*sum += bytes(bytes(message, 1), 2).len;
	if (compressed_as_said(call, message, 2))
		return;
	free(sum);
	grpc_call_finish(call, GRPC_INVALID_ARGUMENT,
			 STR("expect_compressed is not what the message is"));
}

static void streaming_input_end(struct grpc_call *call)
{
	_cleanup_(buf_done) struct buf reply = BUF_INIT;
	uint64_t *sum = grpc_call_user(call);

	if (*sum > 0) {
		wire_put_tag(&reply, 1, WIRE_VARINT);
		wire_put_varint(&reply, *sum);
	}
	free(sum);
	grpc_call_reply(call, &(struct str){reply.data, reply.len}, 1);
}

static void streaming_input_cancelled(struct grpc_call *call)
{
	free(grpc_call_user(call));
	grpc_call_finish(call, GRPC_CANCELLED, STR_NULL);
}

/* ---- the service ------------------------------------------------------------------------- */

static const struct grpc_call_ops output_ops = {
	.writable = on_writable,
	.cancelled = on_cancelled,
};
static const struct grpc_call_ops full_duplex_ops = {
	.message = full_duplex_message,
	.half_close = duplex_half_close,
	.writable = on_writable,
	.cancelled = on_cancelled,
};
static const struct grpc_call_ops half_duplex_ops = {
	.message = half_duplex_message,
	.half_close = duplex_half_close,
	.writable = on_writable,
	.cancelled = on_cancelled,
};
static const struct grpc_call_ops input_ops = {
	.message = streaming_input_message,
	.half_close = streaming_input_end,
	.cancelled = streaming_input_cancelled,
};
static const struct grpc_method methods[] = {
	{"EmptyCall", GRPC_UNARY, empty_call, NULL},
	{"UnaryCall", GRPC_UNARY, unary_call, NULL},
	{"StreamingOutputCall", GRPC_SERVER_STREAM, streaming_output_call, &output_ops},
	{"StreamingInputCall", GRPC_CLIENT_STREAM, streaming_input_start, &input_ops},
	{"FullDuplexCall", GRPC_BIDI, duplex_start, &full_duplex_ops},
	{"HalfDuplexCall", GRPC_BIDI, duplex_start, &half_duplex_ops},
};
static const struct grpc_service service = {"grpc.testing.TestService", methods,
					    ARRAY_LEN(methods)};

int test_service_add(struct grpc_engine *e, struct loop *l, struct error *err)
{
	return grpc_engine_add(e, &service, l, err);
}
