/* SyncAgentService: ExecuteTaskSync. The client sends a header, then the inputs; it gets one message
 * with the resource, finished. What it sends after the inputs is not read. When the client goes, the
 * run is stopped. */
#include "flyte/wire.h"
#include "grpc/svc_agent_private.h"

#include "desc_table.h"

enum sync_state { WANT_HEADER, WANT_INPUTS, RUNNING };

struct sync_call {
	struct agent_service *service;
	struct grpc_call *call;
	struct sync_call *next; /* unused ones */
	struct dispatch_sync run;
	enum sync_state state;
	int64_t began_ns;
	struct buf text; /* of the request, as svc_request.h has it */
	char type[128];  /* for the metrics; cut when it is longer */
};

#define INPUTS_ROOM ((size_t)256) /* small inputs need no more */

/* ---- beginning and end ------------------------------------------------------------------- */

static void sync_free(struct sync_call *c)
{
	struct agent_service *s = c->service;

	buf_done(&c->text);
	c->next = s->unused_sync;
	s->unused_sync = c;
}

void agent_sync_free(struct sync_call *unused)
{
	while (unused) {
		struct sync_call *c = unused;

		unused = c->next;
		free(c);
	}
}

void agent_sync(struct grpc_call *call, void *user)
{
	struct agent_service *s = user;
	struct sync_call *c = s->unused_sync;

	if (c) {
		s->unused_sync = c->next;
	} else {
		c = calloc(1, sizeof(*c));
		if (!c) {
			agent_refuse(call, ERR_NOMEM, "the worker has no memory left");
			return;
		}
	}
	c->service = s;
	c->call = call;
	c->state = WANT_HEADER;
	c->began_ns = s->options.clock_ns();
	c->type[0] = '\0';
	c->text = (struct buf)BUF_INIT;
	grpc_call_set_user(call, c);
	grpc_call_expect(call, true);
}

/* After the call has been ended. */
static void over(struct sync_call *c, enum grpc_status status)
{
	struct agent_service *s = c->service;

	agent_stats_count(s->stats, str_of(c->type), AGENT_DO, status,
			  s->options.clock_ns() - c->began_ns);
	sync_free(c);
}

static void refuse(struct sync_call *c, int err_code, const char *why)
{
	over(c, agent_refuse(c->call, err_code, why));
}

static void cancelled(struct grpc_call *call)
{
	struct sync_call *c = grpc_call_user(call);

	if (c->state == RUNNING)
		dispatch_sync_forget(&c->run);
	sync_free(c);
	grpc_call_finish(call, GRPC_CANCELLED, STR_NULL);
}

/* ---- running ----------------------------------------------------------------------------- */

static void ended(struct dispatch_sync *run, const struct dispatch_answer *a)
{
	struct sync_call *c = CONTAINER_OF(run, struct sync_call, run);
	struct str pieces[3];
	struct error err;

	err.message[0] = '\0';
	if (resource_write(&c->service->writer, RESOURCE_SYNC, a, pieces, &err) < 0) {
		refuse(c, ERR_NOMEM, err.message);
		return;
	}
	grpc_call_reply(c->call, pieces, 3);
	over(c, GRPC_OK);
}

/* Who is to do it; false when the call has been ended. */
static bool find_type(struct sync_call *c, struct str type, int32_t version, struct agent_type *ret)
{
	enum grpc_status status = GRPC_INTERNAL;

	if (agent_find_type(c->service, c->call, type, version, ret, &status)) {
		if (ret->sync)
			return true;
		grpc_call_finishf(c->call, GRPC_INTERNAL,
				  "failed to do " STR_FMT " task with error:\n [" STR_FMT
				  "] does not support sync execution.",
				  STR_ARG(type), STR_ARG(ret->executor));
	}
	over(c, status);
	return false;
}

static int64_t deadline(const struct sync_call *c, const struct agent_type *type)
{
	int64_t asked = grpc_call_deadline_ns(c->call), limit;

	if (type->sync_ns <= 0 || __builtin_add_overflow(c->began_ns, type->sync_ns, &limit))
		return asked;
	return MIN(asked, limit);
}

static void start(struct sync_call *c)
{
	_cleanup_(freep) char *memory = NULL; /* the request, until the run takes it */
	struct dispatch_request request;
	struct agent_type type;
	struct request r = {0};
	struct error err;
	int result = c->text.failed;

	err.message[0] = '\0';
	if (result == 0)
		result = request_read_sync((struct str){c->text.data, c->text.len}, &r, &err);
	if (result < 0) {
		refuse(c, result, err.message);
		return;
	}
	if (!find_type(c, r.type, r.type_version, &type))
		return;
	request_to_dispatch(&r, &type, true, &request);
	memory = c->text.data;
	c->text = (struct buf)BUF_INIT;
	request.spec_memory = &memory;
	c->state = RUNNING;
	grpc_call_expect(c->call, false);
	c->run.done = ended;
	result = dispatch_run_sync(c->service->options.dispatch, &request, deadline(c, &type),
				   &c->run, &err);
	if (result < 0)
		refuse(c, result == ERR_INVALID ? ERR_INVALID : ERR_STATE, err.message);
}

/* ---- messages ---------------------------------------------------------------------------- */

/* CreateRequestHeader to the fields of CreateTaskRequest: template, output_prefix, metadata are one
 * further on. */
static int take_header(struct sync_call *c, struct str header, struct error *err)
{
	struct view v = view_of(header);
	struct view_field f;

	buf_reserve(&c->text, header.len + INPUTS_ROOM);
	while (view_next(&v, &f) > 0)
		if (f.number <= 3)
			wire_put_bytes(&c->text, f.number + 1, f.bytes);
	return buf_check(&c->text, "the request", err);
}

/* The type is looked up now, before the client sends much more. */
static void on_header(struct sync_call *c, struct str header)
{
	struct agent_type type;
	struct request r = {0};
	struct error err;
	int result;
	size_t n;

	err.message[0] = '\0';
	result = take_header(c, header, &err);
	if (result == 0)
		result = request_read_sync((struct str){c->text.data, c->text.len}, &r, &err);
	if (result < 0) {
		refuse(c, result, err.message);
		return;
	}
	n = MIN(r.type.len, sizeof(c->type) - 1);
	if (n > 0)
		memcpy(c->type, r.type.ptr, n);
	c->type[n] = '\0';
	if (find_type(c, r.type, r.type_version, &type))
		c->state = WANT_INPUTS;
}

/* A large message that is nothing but inputs becomes the request where it lies: their field gets
 * the number that it has there, and what the header gave comes behind it. */
static bool take_inputs(struct sync_call *c, struct str wire, const struct view_field *inputs)
{
	static const char tag = 1 << 3 | WIRE_LEN;
	struct buf text = {.len = wire.len};

	if (inputs->raw.ptr != wire.ptr || inputs->raw.len != wire.len ||
	    wire.ptr[0] != (2 << 3 | WIRE_LEN))
		return false;
	text.data = grpc_call_take_message(c->call, c->text.len + 1, &text.cap);
	if (!text.data)
		return false;
	text.data[0] = tag;
	buf_append(&text, c->text.data, c->text.len);
	buf_done(&c->text);
	c->text = text;
	return true;
}

static void on_inputs(struct sync_call *c, struct str wire, const struct view_field *inputs)
{
	if (!take_inputs(c, wire, inputs))
		wire_put_bytes(&c->text, 1, inputs->bytes);
	start(c);
}

/* The last of its parts; a part that is spread over several fields is joined in `merged`. */
static int read_part(struct agent_service *s,
		     struct str wire,
		     struct view_field *ret,
		     struct buf *merged,
		     struct error *err)
{
	struct wire_limits limits = wire_limits_default;
	const struct message_desc *type = MESSAGE_DESC(flyteidl__admin__execute_task_sync_request);
	struct view_field f;
	struct wire_info info;
	struct view v;
	int r;

	limits.known = &s->templates;
	r = wire_check(type, wire, &limits, &info, err);
	if (r == 0 && info.flags & WIRE_SPLIT) {
		r = wire_merge(type, wire, merged, err);
		wire = (struct str){merged->data, merged->len};
	}
	if (r < 0)
		return r;
	ret->number = 0;
	v = view_of(wire);
	while (view_next(&v, &f) > 0)
		if (f.number == 1 || f.number == 2)
			*ret = f;
	return 0;
}

static void message(struct grpc_call *call, struct str wire)
{
	_cleanup_(buf_done) struct buf merged = BUF_INIT;
	struct sync_call *c = grpc_call_user(call);
	struct view_field part;
	struct error err;
	int r;

	if (c->state == RUNNING)
		return;
	err.message[0] = '\0';
	r = read_part(c->service, wire, &part, &merged, &err);
	if (r < 0)
		refuse(c, r, err.message);
	else if (c->state == WANT_HEADER && part.number == 1)
		on_header(c, part.bytes);
	else if (c->state == WANT_INPUTS && part.number == 2)
		on_inputs(c, wire, &part);
	else
		refuse(c, ERR_INVALID,
		       c->state == WANT_HEADER ? "the first message has to hold the header"
					       : "the second message has to hold the inputs");
}

static void half_close(struct grpc_call *call)
{
	struct sync_call *c = grpc_call_user(call);

	if (c->state == WANT_HEADER)
		refuse(c, ERR_INVALID, "the client sent no header");
	else if (c->state == WANT_INPUTS)
		start(c); /* a task without inputs */
}

const struct grpc_call_ops agent_sync_ops = {
	.message = message,
	.half_close = half_close,
	.cancelled = cancelled,
};
