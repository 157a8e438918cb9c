/* The end of a call: by its handler, or by the engine. */
#include "grpc/private.h"

#include <stdarg.h>
#include <stdio.h>

static void keep_message(struct grpc_call *call, struct str message)
{
	char encoded[GRPC_MESSAGE_MAX];
	size_t len = message.len > 0 ? grpc_message_encode(message, encoded) : 0;

	if (len == 0)
		return;
	call->message = pool_alloc(&call->engine->pool, len);
	if (!call->message)
		return; /* the status says most of it */
	memcpy(call->message, encoded, len);
	call->message_len = len;
}

static void count_end(struct grpc_call *call)
{
	struct grpc_engine *e = call->engine;
	struct grpc_call_end end = {
		.service = call->route ? call->route->service->name : NULL,
		.method = call->route ? call->route->method->name : NULL,
		.status = call->status,
		.cancelled = call->cancelled,
	};

	e->stats.ended[call->status]++;
	if (!e->ended)
		return;
	end.duration_ns = e->clock_ns() - call->start_ns;
	e->ended(e->ended_user, &end);
}

void call_end(struct grpc_call *call, int status, struct str message)
{
	if (call->ended)
		return;
	call->ended = true;
	call->status = status >= 0 && status < GRPC_STATUSES ? status : GRPC_UNKNOWN;
	if (call->conn && heap_linked(&call->deadline))
		heap_remove(&call->conn->deadlines, &call->deadline);
	count_end(call);
	call_wait_remove(call);
	if (call->closed || !call->conn)
		return;
	if (call->out_queued == 0)
		call->out_since_ns = call->engine->now_ns;
	keep_message(call, message);
	if (call->http_error)
		reply_submit_http_error(call);
	else if (!call->headers_sent)
		reply_submit_trailers_only(call);
	else if (call->aborted)
		reply_submit_trailers(call); /* at once, past what flow control holds back */
	reply_resume(call);
}

void call_abort(struct grpc_call *call, int status, struct str message)
{
	if (call->ended)
		return;
	if (call->handler == HANDLER_RUNS && !call->cancelled) {
		call->cancelled = true;
		call_make_ready(call, EVENT_CANCELLED);
	}
	call->aborted = true;
	reply_drop_messages(call);
	call_end(call, status, message);
}

void call_abortf(struct grpc_call *call, int status, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	call_abort(call, status, str_of(text));
}

void grpc_call_finish(struct grpc_call *call, enum grpc_status status, struct str message)
{
	enum grpc_kind kind = call->route->method->kind;

	if (status == GRPC_OK && !call->sent_message && !call_is_gone(call) &&
	    (kind == GRPC_UNARY || kind == GRPC_CLIENT_STREAM))
		call_end(call, GRPC_INTERNAL, STR("the handler sent no reply"));
	call_end(call, status, message);
	call->handler = HANDLER_DONE;
	call_requests_free(call, false);
	call_release(call);
}

void grpc_call_finishf(struct grpc_call *call, enum grpc_status status, const char *fmt, ...)
{
	char text[GRPC_MESSAGE_MAX * 2];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	grpc_call_finish(call, status, str_of(text));
}

void grpc_call_fail(struct grpc_call *call, const struct error *why)
{
	grpc_call_finish(call, grpc_status_of(why->code), str_of(why->message));
}

void grpc_call_reply(struct grpc_call *call, const struct str *pieces, size_t n_pieces)
{
	struct error err;

	err.message[0] = 0;
	err.code = 0;
	if (grpc_call_send(call, pieces, n_pieces, &err) < 0)
		grpc_call_fail(call, &err);
	else
		grpc_call_finish(call, GRPC_OK, STR_NULL);
}

void grpc_call_reply_ref(struct grpc_call *call,
			 const struct str *pieces,
			 size_t n_pieces,
			 void (*release)(void *arg),
			 void *arg)
{
	struct error err;

	err.message[0] = 0;
	err.code = 0;
	if (grpc_call_send_ref(call, pieces, n_pieces, release, arg, &err) < 0) {
		release(arg);
		grpc_call_fail(call, &err);
	} else {
		grpc_call_finish(call, GRPC_OK, STR_NULL);
	}
}
