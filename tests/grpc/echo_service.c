/* Bytes back as they came, in the ways a handler can answer. For tests of the engine and for
 * measurements; the messages need not be protobuf. */
#include "base/mem.h"
#include "grpc/call.h"
#include "grpc/test_service.h"

#include <stdlib.h>

static void echo(struct grpc_call *call, void *user)
{
	struct str request = grpc_call_request(call);

	(void)user;
	grpc_call_reply(call, &request, 1);
}

/* ---- later ------------------------------------------------------------------------------- */

struct pending {
	struct loop *loop;
	struct grpc_call *call;
	struct loop_timer timer;
};

static void answer(struct loop_timer *t)
{
	struct pending *p = CONTAINER_OF(t, struct pending, timer);
	struct str request = grpc_call_request(p->call);

	grpc_call_reply(p->call, &request, 1);
	free(p);
}

/* Answers after as many milliseconds as the metadata "after-ms" says, cancelled or not. */
static void echo_later(struct grpc_call *call, void *user)
{
	struct pending *p = calloc(1, sizeof(*p));
	struct str text;
	int64_t ms = 1;

	if (!p) {
		grpc_call_finish(call, GRPC_RESOURCE_EXHAUSTED, STR_NULL);
		return;
	}
	if (grpc_call_metadata(call, "after-ms", &text))
		parse_i64(text, &ms);
	*p = (struct pending){.loop = user, .call = call, .timer.fire = answer};
	loop_timer_set(p->loop, &p->timer, loop_now_ns() + ms * 1000000);
}

/* ---- without a copy ---------------------------------------------------------------------- */

static void echo_ref(struct grpc_call *call, void *user)
{
	struct str request = grpc_call_request(call), kept;
	char *copy = malloc(request.len + 1);

	(void)user;
	if (!copy) {
		grpc_call_finish(call, GRPC_RESOURCE_EXHAUSTED, STR_NULL);
		return;
	}
	if (request.len > 0)
		memcpy(copy, request.ptr, request.len);
	kept = (struct str){copy, request.len};
	grpc_call_reply_ref(call, &kept, 1, free, copy);
}

/* ---- never ------------------------------------------------------------------------------- */

static void never(struct grpc_call *call, void *user)
{
	(void)call;
	(void)user;
}

static void give_up(struct grpc_call *call)
{
	grpc_call_finish(call, GRPC_CANCELLED, STR_NULL);
}

/* ---- a stream ---------------------------------------------------------------------------- */

static void on_message(struct grpc_call *call, struct str message)
{
	if (grpc_call_send(call, &message, 1, NULL) == GRPC_FULL)
		grpc_call_pause(call);
}

static void on_end(struct grpc_call *call)
{
	grpc_call_finish(call, GRPC_OK, STR_NULL);
}

static const struct grpc_call_ops never_ops = {.cancelled = give_up};
static const struct grpc_call_ops stream_ops = {
	.message = on_message,
	.half_close = on_end,
	.writable = grpc_call_resume,
	.cancelled = give_up,
};
static const struct grpc_method methods[] = {
	{"Now", GRPC_UNARY, echo, NULL},           {"Later", GRPC_UNARY, echo_later, NULL},
	{"Ref", GRPC_UNARY, echo_ref, NULL},       {"Never", GRPC_UNARY, never, &never_ops},
	{"Stream", GRPC_BIDI, never, &stream_ops},
};
static const struct grpc_service service = {"taskhost.testing.Echo", methods, ARRAY_LEN(methods)};

int echo_service_add(struct grpc_engine *e, struct loop *l, struct error *err)
{
	return grpc_engine_add(e, &service, l, err);
}
