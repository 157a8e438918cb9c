/* GetExecution: the row with its request and outputs, then how it is now, where memory may be ahead
 * of the row. */
#include "flyte/message.h"
#include "grpc/svc_request.h"
#include "grpc/svc_worker_private.h"

#include <stdio.h>

struct get_call {
	struct worker_service *service;
	struct grpc_call *call; /* NULL: the client has gone while the store reads */
	bool with_inputs, with_outputs, reading;
	struct store_get row;
	struct dispatch_get get;
};

static void get_free(struct get_call *c)
{
	store_row_free(c->row.found);
	free(c);
}

/* ---- the answer -------------------------------------------------------------------------- */

struct details {
	struct draft draft;
	W(GetExecutionResponse) m;
};

static void put_steps(struct details *to, const struct store_row *row)
{
	struct draft *d = &to->draft;
	size_t n = row_steps(row);

	to->m.steps = draft_pointers(d, &n);
	to->m.n_steps = n;
	for (size_t i = 0; i < n; i++) {
		struct row_step step = row_step(row, i);
		W(Step) *s = DRAFT_NEW(d, W(Step), TASKHOST__WORKER__V1__STEP__INIT);

		s->state = (W(Execution__State))step.state;
		s->run = step.run;
		s->at = draft_time(d, row->accepted_at + (int64_t)step.after_ms * NS_MS);
		to->m.steps[i] = s;
	}
}

__attribute__((format(printf, 2, 3))) static void say(struct details *to, const char *fmt, ...)
{
	char text[512];
	size_t n = (size_t)snprintf(text, sizeof(text), "%s%s", to->m.message,
				    *to->m.message ? "; " : "");
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text + MIN(n, sizeof(text) - 1), sizeof(text) - MIN(n, sizeof(text) - 1), fmt,
		  ap);
	va_end(ap);
	to->m.message = draft_textz(&to->draft, text);
}

static LiteralMap *literals(struct details *to, struct str wire, const char *what)
{
	struct error err = ERROR_INIT;
	LiteralMap *map;

	if (literal_map_decode(wire, what, &to->draft.arena, &map, &err) == 0)
		return map;
	say(to, "%.200s", err.message);
	return NULL;
}

static void put_request(struct details *to, struct str spec, bool with_inputs)
{
	struct error err = ERROR_INIT;
	struct request_parts parts;
	TaskTemplate *t;

	if (request_parts(spec, &parts, &err) < 0 ||
	    task_template_decode(parts.task_template, "the task template", &to->draft.arena, &t,
				 &err) < 0) {
		say(to, "%.200s", err.message);
		return;
	}
	to->m.interface = t->interface;
	if (with_inputs)
		to->m.inputs = literals(to, parts.inputs, "the inputs");
}

static char *uri_of(struct draft *d, struct str prefix, const char *name)
{
	char *uri = arena_printf(&d->arena, STR_FMT "%s%s", STR_ARG(prefix),
				 str_ends(prefix, "/") ? "" : "/", name);

	return draft_textz(d, uri);
}

static void
put_outputs(struct details *to, const struct dispatch_answer *a, const struct store_row *row)
{
	struct draft *d = &to->draft;

	if (a->has_deck)
		to->m.deck_uri = uri_of(d, a->output_prefix, "deck.html");
	if (a->state != EXEC_SUCCEEDED)
		say(to, exec_state_finished(a->state)
				? "it has no outputs, since it did not succeed"
				: "it has no outputs yet");
	else if (a->outputs_kind == ROW_OUTPUTS_FILE)
		to->m.outputs_uri = uri_of(d, a->output_prefix, "outputs.pb");
	else if (a->outputs_kind == ROW_OUTPUTS_INLINE)
		to->m.outputs =
			literals(to, a->outputs.len ? a->outputs : row->outputs, "the outputs");
}

static void send(struct details *to, struct get_call *c)
{
	_cleanup_(buf_done) struct buf wire = BUF_INIT;
	size_t most = grpc_engine_limits(c->service->engine)->reply_max;
	struct error err = ERROR_INIT;

	if (draft_encode(&to->draft, &to->m.base, &wire, &err) < 0) {
		grpc_call_fail(c->call, &err);
		return;
	}
	if (wire.len <= most) {
		grpc_call_reply(c->call, &(struct str){wire.data, wire.len}, 1);
		return;
	}
	to->m.inputs = to->m.outputs = NULL;
	say(to,
	    "inputs and outputs are left out: the answer would have %zu bytes, and %zu is the "
	    "limit",
	    wire.len, most);
	draft_reply(&to->draft, &to->m.base, c->call);
}

static void reply(struct get_call *c)
{
	const struct dispatch_answer *a = &c->get.answer;
	const struct store_row *row = c->row.found;
	struct details to = {.m = TASKHOST__WORKER__V1__GET_EXECUTION_RESPONSE__INIT};

	draft_init(&to.draft);
	to.m.execution = worker_execution(c->service, &to.draft, a);
	put_steps(&to, row);
	put_request(&to, row->spec, c->with_inputs);
	if (c->with_outputs)
		put_outputs(&to, a, row);
	else if (a->has_deck)
		to.m.deck_uri = uri_of(&to.draft, a->output_prefix, "deck.html");
	send(&to, c);
	draft_done(&to.draft);
}

/* ---- asking ------------------------------------------------------------------------------ */

static void on_answer(struct dispatch_get *g)
{
	struct get_call *c = CONTAINER_OF(g, struct get_call, get);

	if (g->status == 0)
		reply(c);
	else if (g->status == ERR_NOT_FOUND)
		worker_refuse_missing(c->call, c->row.id);
	else
		worker_refuse(c->call, ERR_IO, g->why);
	get_free(c);
}

static void on_row(struct store_op *op)
{
	struct get_call *c = CONTAINER_OF(op, struct get_call, row.op);

	c->reading = false;
	if (!c->call) {
		get_free(c);
		return;
	}
	if (op->status < 0) {
		if (op->status == ERR_NOT_FOUND)
			worker_refuse_missing(c->call, c->row.id);
		else
			worker_refuse(c->call, ERR_IO, op->message);
		get_free(c);
		return;
	}
	c->get.done = on_answer;
	if (dispatch_get_id(c->service->options.dispatch, c->row.id, &c->get) != 0)
		on_answer(&c->get);
}

static void cancelled(struct grpc_call *call)
{
	struct get_call *c = grpc_call_user(call);

	dispatch_get_forget(&c->get);
	if (c->reading)
		c->call = NULL;
	else
		get_free(c);
	grpc_call_finish(call, GRPC_CANCELLED, STR_NULL);
}

const struct grpc_call_ops worker_get_ops = {.cancelled = cancelled};

static void get(struct worker_service *s, struct grpc_call *call, const W(GetExecutionRequest) * r)
{
	struct get_call *c;
	uint64_t id;

	if (!worker_read_id(call, r->id, &id))
		return;
	c = worker_alloc(call, sizeof(*c));
	if (!c)
		return;
	c->service = s;
	c->call = call;
	c->with_inputs = r->with_inputs;
	c->with_outputs = r->with_outputs;
	c->row = (struct store_get){
		.op.done = on_row, .id = id, .want_spec = true, .want_outputs = true};
	c->reading = true;
	store_submit(s->options.store, &c->row.op, STORE_GET);
}

void worker_get(struct grpc_call *call, void *user)
{
	struct arena arena = ARENA_INIT;
	const W(GetExecutionRequest) *r = worker_read(call, W_DESC(get_execution_request), &arena);

	if (r)
		get(user, call, r);
	arena_done(&arena);
}
