/* SubmitTask: from a request of ours to one as dispatch and the runners know them (svc_request.h). */
#include "dispatch/key.h"
#include "flyte/message.h"
#include "grpc/svc_request.h"
#include "grpc/svc_worker_private.h"

#define KEY_BYTES_MAX 512
#define RETRIES_MAX   10000

/* What a request asks for, as far as it has been read. Lives during the call to dispatch. */
struct submission {
	struct worker_service *service;
	struct grpc_call *call;
	const W(SubmitTaskRequest) * request;
	struct arena arena;
	TaskTemplate *task_template;
	struct worker_offer offer; /* of a task, or of the executor that was named */
	struct agent_type type;
	struct buf prefix, spec;
	int64_t timeout_ns, queue_ns; /* 0: not said */
};

struct submit_call {
	struct worker_service *service;
	struct grpc_call *call;
	bool has_key;
	struct dispatch_created created;
	struct dispatch_get get;
};

static bool refuse(const struct submission *s, int code, const char *why)
{
	worker_refuse(s->call, code, why);
	return false;
}

/* ---- what it says of itself ---------------------------------------------------------------- */

static bool check_fields(struct submission *s)
{
	const W(SubmitTaskRequest) *r = s->request;

	if (r->what_case == TASKHOST__WORKER__V1__SUBMIT_TASK_REQUEST__WHAT__NOT_SET)
		return refuse(s, ERR_INVALID, "the request names neither a task nor a template");
	if (r->what_case == TASKHOST__WORKER__V1__SUBMIT_TASK_REQUEST__WHAT_TASK && *r->executor)
		return refuse(s, ERR_INVALID,
			      "an executor goes with a template; a task has its own");
	if (strlen(r->key) > KEY_BYTES_MAX)
		return refuse(s, ERR_INVALID, "the key is longer than 512 bytes");
	if (r->priority && (r->priority->value < 0 || r->priority->value > 9))
		return refuse(s, ERR_INVALID, "the priority is not one of 0 to 9");
	if (r->retries && r->retries->value > RETRIES_MAX)
		return refuse(s, ERR_INVALID, "more than 10000 retries are not possible");
	return worker_read_duration(s->call, "timeout", r->timeout, &s->timeout_ns) &&
	       worker_read_duration(s->call, "queue_timeout", r->queue_timeout, &s->queue_ns);
}

/* ---- who takes it ------------------------------------------------------------------------- */

static bool find_offer(struct submission *s, const char *name)
{
	const struct worker_source *source = &s->service->options.source;
	struct error err;
	int r;

	err.message[0] = '\0';
	r = source->find_offer(source->user, str_of(name), &s->arena, &s->offer, &err);
	return r == 0 || refuse(s, r, err.message);
}

static bool find_task(struct submission *s)
{
	const char *name = s->request->task;

	if (!find_offer(s, name))
		return false;
	if (!s->offer.task || !s->offer.task_template) {
		grpc_call_finishf(s->call, GRPC_INVALID_ARGUMENT,
				  "%.200s is an executor; it needs a template", name);
		return false;
	}
	s->task_template = s->offer.task_template;
	return true;
}

static bool find_executor(struct submission *s)
{
	if (!find_offer(s, s->request->executor))
		return false;
	if (!s->offer.task)
		return true;
	grpc_call_finishf(s->call, GRPC_INVALID_ARGUMENT,
			  "%.200s is a task, not an executor; it has a template of its own",
			  s->request->executor);
	return false;
}

static bool find_claim(struct submission *s)
{
	const struct agent_catalog *catalog = &s->service->options.catalog;
	const char *type = s->task_template->type;
	int32_t version = s->task_template->task_type_version;
	struct error err;
	int r;

	err.message[0] = '\0';
	r = catalog->find(catalog->user, str_of(type), version, &s->type, &err);
	if (r != ERR_NOT_FOUND)
		return r == 0 || refuse(s, r, err.message);
	grpc_call_finishf(s->call, GRPC_NOT_FOUND,
			  "no plugin takes tasks of type %.200s, version %d; name an executor, or "
			  "see 'taskhost plugin ls'",
			  type, (int)version);
	return false;
}

static bool find(struct submission *s)
{
	const struct worker_source *source = &s->service->options.source;
	struct worker_defaults defaults = {0};
	bool task = s->request->what_case == TASKHOST__WORKER__V1__SUBMIT_TASK_REQUEST__WHAT_TASK;

	s->task_template = s->request->template_;
	if (!task && !*s->task_template->type)
		return refuse(s, ERR_INVALID, "the task template has no type");
	if (!task && !*s->request->executor)
		return find_claim(s);
	if (task ? !find_task(s) : !find_executor(s))
		return false;
	if (source->allowed && !source->allowed(source->user, str_of(s->task_template->type))) {
		grpc_call_finishf(s->call, GRPC_PERMISSION_DENIED,
				  "task type '%.200s' is not allowed by the configuration",
				  s->task_template->type);
		return false;
	}
	source->defaults(source->user, s->offer.plugin, str_of(s->task_template->type), &defaults);
	s->type = (struct agent_type){
		.plugin = s->offer.plugin,
		.pending = s->offer.pending,
		.priority = defaults.priority,
		.queue_ttl_ns = defaults.queue_ttl_ns,
		.soft_ns = defaults.soft_ns,
		.hard_ns = defaults.hard_ns,
	};
	return true;
}

static bool check_inputs(struct submission *s)
{
	struct worker_inputs in = {
		.map = s->request->inputs,
		.task_template = s->task_template,
		.strict = s->offer.task,
		.optional = s->offer.optional,
		.n_optional = s->offer.n_optional,
	};
	struct error err;
	int r;

	err.message[0] = '\0';
	r = worker_inputs_check(&in, &s->arena, &err);
	return r == 0 || refuse(s, r, err.message);
}

/* ---- the text that is kept ------------------------------------------------------------------- */

static int
put_message(struct buf *out, uint32_t field, const ProtobufCMessage *m, struct error *err)
{
	size_t mark = wire_begin(out, field);
	int r = message_encode(m, out, err);

	if (r == 0)
		wire_end(out, mark);
	return r;
}

static int write_spec(struct submission *s, struct error *err)
{
	const struct worker_source *source = &s->service->options.source;
	const W(SubmitTaskRequest) *r = s->request;
	struct buf *out = &s->spec;
	int rc;

	if (*r->output_prefix)
		buf_puts(&s->prefix, r->output_prefix);
	rc = *r->output_prefix ? buf_check(&s->prefix, "a request", err)
			       : source->output_prefix(source->user, &s->prefix, err);
	if (rc == 0 && r->inputs)
		rc = put_message(out, 1, &r->inputs->base, err);
	if (rc == 0)
		rc = put_message(out, 2, &s->task_template->base, err);
	if (rc < 0)
		return rc;
	wire_put_bytes(out, 3, (struct str){s->prefix.data, s->prefix.len});
	if (s->offer.name.len > 0)
		wire_put_bytes(out, s->offer.task ? REQUEST_TASK : REQUEST_EXECUTOR, s->offer.name);
	return buf_check(out, "a request", err);
}

/* ---- the answer -------------------------------------------------------------------------- */

static void reply(struct submit_call *c, const struct dispatch_answer *a)
{
	W(SubmitTaskResponse) m = TASKHOST__WORKER__V1__SUBMIT_TASK_RESPONSE__INIT;
	struct draft d;

	draft_init(&d);
	m.id = draft_id(&d, c->created.id);
	m.resource_meta = draft_bytes(&d, (struct str){c->created.meta, c->created.meta_len});
	m.existed = c->created.existed;
	m.state = worker_execution(c->service, &d, a)->state;
	draft_reply(&d, &m.base, c->call);
	draft_done(&d);
	free(c);
}

/* It is accepted; only how it is could not be read. */
static void on_state(struct dispatch_get *g)
{
	struct submit_call *c = CONTAINER_OF(g, struct submit_call, get);

	if (g->status == 0) {
		reply(c, &g->answer);
		return;
	}
	worker_refuse(c->call, ERR_IO, g->why);
	free(c);
}

static void turned_down(struct submit_call *c, int status)
{
	if (status == ERR_INVALID && c->has_key)
		worker_refuse(c->call, ERR_INVALID,
			      "this key was used before for another request: its task, template, "
			      "executor or inputs differ");
	else if (status == ERR_INVALID)
		worker_refuse(c->call, ERR_INVALID, c->created.why);
	else
		worker_refuse_write(c->service, c->call, status, c->created.why);
	free(c);
}

static void accepted(struct submit_call *c)
{
	int r;

	c->get.done = on_state;
	r = dispatch_get_id(c->service->options.dispatch, c->created.id, &c->get);
	if (r != 0)
		on_state(&c->get);
}

static void on_created(struct dispatch_created *created)
{
	struct submit_call *c = CONTAINER_OF(created, struct submit_call, created);

	if (created->status < 0)
		turned_down(c, created->status);
	else
		accepted(c);
}

static void cancelled(struct grpc_call *call)
{
	struct submit_call *c = grpc_call_user(call);

	dispatch_create_forget(&c->created);
	dispatch_get_forget(&c->get);
	free(c);
	grpc_call_finish(call, GRPC_CANCELLED, STR_NULL);
}

const struct grpc_call_ops worker_submit_ops = {.cancelled = cancelled};

/* ---- the request ------------------------------------------------------------------------- */

static int make_request(struct submission *s, struct request *r, struct dispatch_request *ret)
{
	const W(SubmitTaskRequest) *asked = s->request;
	_cleanup_(buf_done) struct buf named = BUF_INIT;
	struct key_parts key;

	request_to_dispatch(r, &s->type, false, ret);
	if (s->offer.task)
		ret->name = s->offer.name;
	if (asked->priority)
		ret->priority = asked->priority->value;
	if (asked->retries)
		ret->retries = asked->retries->value;
	if (s->timeout_ns > 0)
		ret->hard_ns = s->timeout_ns;
	if (s->queue_ns > 0)
		ret->queue_ttl_ns = s->queue_ns;
	ret->has_key = *asked->key != '\0';
	if (!ret->has_key)
		return 0;
	buf_puts(&named, "submit/");
	buf_puts(&named, asked->key);
	key = (struct key_parts){.node = {named.data, named.len}};
	return named.failed ? ERR_NOMEM : key_make(&key, ret->key);
}

static void create(struct submission *s, struct request *read)
{
	struct submit_call *c = worker_alloc(s->call, sizeof(*c));
	struct dispatch_request request;
	int r;

	if (!c)
		return;
	c->service = s->service;
	c->call = s->call;
	c->created.done = on_created;
	r = make_request(s, read, &request);
	if (r < 0) {
		worker_refuse(s->call, r, "the worker has no memory left");
		free(c);
		return;
	}
	c->has_key = request.has_key;
	r = dispatch_create(s->service->options.dispatch, &request, &c->created);
	if (r < 0)
		turned_down(c, r);
	else if (r > 0)
		accepted(c);
}

static void submit(struct submission *s)
{
	struct request read;
	struct error err;
	int r;

	err.message[0] = '\0';
	r = write_spec(s, &err);
	if (r == 0)
		r = request_read_checked((struct str){s->spec.data, s->spec.len}, &read, &err);
	if (r < 0) {
		refuse(s, r, err.message);
		return;
	}
	create(s, &read);
	request_done(&read);
}

void worker_submit(struct grpc_call *call, void *user)
{
	struct submission s = {.service = user, .call = call, .arena = ARENA_INIT};

	s.request = worker_read(call, W_DESC(submit_task_request), &s.arena);
	if (s.request && check_fields(&s) && find(&s) && check_inputs(&s))
		submit(&s);
	buf_done(&s.spec);
	buf_done(&s.prefix);
	arena_done(&s.arena);
}
