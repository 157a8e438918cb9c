#include "handlers.h"

#include <stdlib.h>

struct log handlers;

void handlers_begin(void)
{
	buf_done(&handlers.text);
	memset(&handlers, 0, sizeof(handlers));
}

void handlers_end(void)
{
	buf_done(&handlers.text);
}

void handlers_finish_kept(enum grpc_status status)
{
	while (handlers.n_kept > 0)
		grpc_call_finish(handlers.kept[--handlers.n_kept], status, STR("finished later"));
}

void handlers_open(struct client *c, const struct grpc_limits *limits)
{
	handlers_begin();
	client_open(c, limits, &test_service, NULL);
}

void handlers_close(struct client *c)
{
	handlers_finish_kept(GRPC_CANCELLED);
	client_turn(c);
	client_close(c);
	handlers_end();
}

static void echo(struct grpc_call *call, void *user)
{
	struct str request = grpc_call_request(call);

	(void)user;
	handlers.started++;
	grpc_call_reply(call, &request, 1);
}

static void hook(struct grpc_call *call, void *user)
{
	(void)user;
	handlers.started++;
	handlers.on_start(call);
}

static void keep(struct grpc_call *call, void *user)
{
	(void)user;
	handlers.started++;
	handlers.kept[handlers.n_kept++] = call;
}

static void big(struct grpc_call *call, void *user)
{
	char *bytes = calloc(1, handlers.reply_size + 1);

	(void)user;
	handlers.started++;
	grpc_call_reply_ref(call, &(struct str){bytes, handlers.reply_size}, 1, free, bytes);
}

static void on_message(struct grpc_call *call, struct str message)
{
	handlers.messages++;
	buf_append(&handlers.text, message.ptr, message.len);
	buf_puts(&handlers.text, "|");
	if (handlers.pause_each)
		grpc_call_pause(call);
}

static void on_half_close(struct grpc_call *call)
{
	handlers.half_closed++;
	grpc_call_reply(call, &(struct str){handlers.text.data, handlers.text.len}, 1);
	handlers.n_kept = 0;
}

static void on_writable(struct grpc_call *call)
{
	(void)call;
	handlers.writable++;
}

static void on_cancelled(struct grpc_call *call)
{
	(void)call;
	handlers.cancelled++;
}

static const struct grpc_call_ops ops = {
	.message = on_message,
	.half_close = on_half_close,
	.writable = on_writable,
	.cancelled = on_cancelled,
};
static const struct grpc_method methods[] = {
	{"Echo", GRPC_UNARY, echo, NULL},
	{"Hook", GRPC_UNARY, hook, &ops},
	{"Keep", GRPC_UNARY, keep, &ops},
	{"Big", GRPC_UNARY, big, NULL},
	{"Collect", GRPC_CLIENT_STREAM, keep, &ops},
	{"Give", GRPC_SERVER_STREAM, keep, &ops},
	{"Both", GRPC_BIDI, keep, &ops},
};
const struct grpc_service test_service = {"t.T", methods, sizeof(methods) / sizeof(methods[0])};
