/* The services' owner, and AsyncAgentService's CreateTask, GetTask and DeleteTask. */
#include "flyte/wire.h"
#include "grpc/svc_agent_private.h"

#include "desc_table.h"

#include <stdio.h>

/* ---- calls that wait --------------------------------------------------------------------- */

struct agent_call *agent_call_new(struct agent_service *s, struct grpc_call *call)
{
	struct agent_call *c = s->unused;

	if (c)
		s->unused = c->next;
	else
		c = malloc(sizeof(*c));
	if (!c) {
		agent_refuse(call, ERR_NOMEM, "the worker has no memory left");
		return NULL;
	}
	/* All of it is written before it is read, except what tells that it waits nowhere. */
	c->service = s;
	c->call = call;
	c->began_ns = s->options.clock_ns();
	return c;
}

void agent_call_type(struct agent_call *c, struct str type)
{
	size_t n = MIN(type.len, sizeof(c->type) - 1);

	if (n > 0)
		memcpy(c->type, type.ptr, n);
	c->type[n] = '\0';
}

void agent_call_free(struct agent_call *c)
{
	c->next = c->service->unused;
	c->service->unused = c;
}

/* ---- refusals ---------------------------------------------------------------------------- */

static enum grpc_status status_of(int err_code)
{
	switch (err_code) {
	case ERR_INVALID:
	case ERR_LIMIT: /* of a message: see agent_refuse */
		return GRPC_INVALID_ARGUMENT;
	case ERR_NOT_FOUND:
		return GRPC_NOT_FOUND;
	default:
		return GRPC_UNAVAILABLE;
	}
}

enum grpc_status agent_refuse(struct grpc_call *call, int err_code, const char *why)
{
	enum grpc_status status = status_of(err_code);

	grpc_call_finish(call, status, str_of(why));
	return status;
}

enum grpc_status
agent_refuse_type(struct grpc_call *call, int err_code, struct str type, const char *why)
{
	enum grpc_status status = GRPC_UNAVAILABLE;

	if (err_code == ERR_NOT_FOUND) {
		grpc_call_finishf(call, GRPC_NOT_FOUND,
				  "Cannot find connector for task type: " STR_FMT ".",
				  STR_ARG(type));
		return GRPC_NOT_FOUND;
	}
	if (err_code == ERR_DENIED)
		status = GRPC_PERMISSION_DENIED;
	grpc_call_finish(call, status, str_of(why));
	return status;
}

bool agent_find_type(struct agent_service *s,
		     struct grpc_call *call,
		     struct str type,
		     int32_t version,
		     struct agent_type *ret,
		     enum grpc_status *ret_status)
{
	const struct agent_catalog *catalog = &s->options.catalog;
	struct error err;
	int r;

	err.message[0] = '\0';
	r = catalog->find(catalog->user, type, version, ret, &err);
	if (r == 0)
		return true;
	*ret_status = agent_refuse_type(call, r, type, err.message);
	return false;
}

static void count(struct agent_call *c, struct str type, enum grpc_status status)
{
	struct agent_service *s = c->service;

	agent_stats_count(s->stats, type, c->op, status, s->options.clock_ns() - c->began_ns);
}

/* ---- requests about an execution ----------------------------------------------------------- */

bool agent_read_ref(struct grpc_call *call,
		    const struct message_desc *type,
		    uint32_t category,
		    struct task_ref *ret)
{
	struct str request = grpc_call_request(call), named = STR_NULL;
	struct task_ref ref = {0};
	struct view v = view_of(request);
	struct view_field f;
	struct error err;

	err.message[0] = '\0';
	if (wire_check(type, request, NULL, NULL, &err) < 0) {
		agent_refuse(call, ERR_INVALID, err.message);
		return false;
	}
	while (view_next(&v, &f) > 0) {
		if (f.number == 1)
			ref.type = f.bytes;
		else if (f.number == 2)
			ref.meta = f.bytes;
		else if (f.number == category)
			named = f.bytes;
	}
	v = view_of(named);
	while (view_next(&v, &f) > 0) {
		if (f.number == 1 && f.bytes.len > 0)
			ref.type = f.bytes;
		else if (f.number == 2)
			ref.version = (int32_t)f.value;
	}
	*ret = ref;
	return true;
}

/* A resource_meta that is not ours. Whose it could be is the first question. */
static enum grpc_status refuse_meta(struct agent_service *s,
				    struct grpc_call *call,
				    const struct task_ref *ref,
				    const char *why)
{
	const struct agent_catalog *catalog = &s->options.catalog;
	struct agent_type type;
	int r = catalog->find(catalog->user, ref->type, ref->version, &type, NULL);

	if (r == ERR_NOT_FOUND)
		return agent_refuse_type(call, r, ref->type, "");
	return agent_refuse(call, ERR_INVALID, why);
}

int agent_ask(struct agent_call *c,
	      const struct task_ref *ref,
	      void (*done)(struct dispatch_get *g))
{
	struct agent_service *s = c->service;
	int r;

	c->get.done = done;
	c->get.link = (struct list){NULL, NULL};
	c->get.why[0] = '\0';
	r = dispatch_get(s->options.dispatch, ref->meta, &c->get);
	if (r >= 0) {
		grpc_call_set_user(c->call, c);
		return r;
	}
	agent_call_type(c, ref->type);
	c->status = r == ERR_INVALID ? refuse_meta(s, c->call, ref, c->get.why)
				     : agent_refuse(c->call, ERR_NOMEM, c->get.why);
	return r;
}

void agent_get_cancelled(struct grpc_call *call)
{
	struct agent_call *c = grpc_call_user(call);

	dispatch_get_forget(&c->get);
	agent_call_free(c);
	grpc_call_finish(call, GRPC_CANCELLED, STR_NULL);
}

const struct grpc_call_ops agent_get_ops = {.cancelled = agent_get_cancelled};

/* ---- CreateTask -------------------------------------------------------------------------- */

static void reply_created(struct agent_call *c)
{
	const struct dispatch_created *created = &c->created;
	char head[3] = {1 << 3 | WIRE_LEN};
	size_t n = 1;

	if (created->meta_len >= 0x80)
		head[n++] = (char)(created->meta_len | 0x80);
	head[n++] = (char)(created->meta_len >= 0x80 ? created->meta_len >> 7 : created->meta_len);
	grpc_call_reply(c->call, (struct str[]){{head, n}, {created->meta, created->meta_len}}, 2);
}

static enum grpc_status end_create(struct agent_call *c, int status)
{
	if (status < 0 && status == c->type_error)
		return agent_refuse_type(c->call, status, str_of(c->type), c->created.why);
	if (status < 0)
		return agent_refuse(c->call, status == ERR_INVALID ? ERR_INVALID : ERR_STATE,
				    c->created.why);
	reply_created(c);
	return GRPC_OK;
}

static void on_created(struct dispatch_created *created)
{
	struct agent_call *c = CONTAINER_OF(created, struct agent_call, created);

	count(c, str_of(c->type), end_create(c, created->status));
	agent_call_free(c);
}

static void create_cancelled(struct grpc_call *call)
{
	struct agent_call *c = grpc_call_user(call);

	dispatch_create_forget(&c->created);
	agent_call_free(c);
	grpc_call_finish(call, GRPC_CANCELLED, STR_NULL);
}

static bool foreign_fields(const struct request *r)
{
	return r->parts.task.ptr || r->parts.executor.ptr;
}

/* The status when the call is over; -1 when its end will come. */
static int create(struct agent_call *c, const struct request *r)
{
	struct agent_service *s = c->service;
	struct dispatch_request request;
	struct agent_type type = {.priority = 0};
	struct error err;
	int result;

	if (foreign_fields(r))
		return (int)agent_refuse(
			c->call, ERR_INVALID,
			"fields 1000 and 1001 of the request are the worker's own");
	err.message[0] = '\0';
	c->type_error = s->options.catalog.find(s->options.catalog.user, r->type, r->type_version,
						&type, &err);
	request_to_dispatch(r, &type, true, &request);
	c->created.done = on_created;
	c->created.link = (struct list){NULL, NULL};
	c->created.status = c->type_error;
	snprintf(c->created.why, sizeof(c->created.why), "%s", err.message);
	agent_stats_inputs(s->stats, r->type, r->parts.inputs.len);
	/* What was accepted once is answered for also when its plugin is gone or its type denied. */
	result = c->type_error < 0
			 ? dispatch_create_known(s->options.dispatch, &request, &c->created)
			 : dispatch_create(s->options.dispatch, &request, &c->created);
	if (result == 0) {
		grpc_call_set_user(c->call, c);
		return -1;
	}
	if (result < 0 && result == c->type_error)
		return (int)agent_refuse_type(c->call, result, r->type, c->created.why);
	return (int)end_create(c, result < 0 ? result : 0);
}

static void create_task(struct grpc_call *call, void *user)
{
	struct agent_call *c = agent_call_new(user, call);
	struct request r;
	struct error err;
	int status;

	if (!c)
		return;
	err.message[0] = '\0';
	c->op = AGENT_CREATE;
	status = request_read(grpc_call_request(call), &r, &err);
	agent_call_type(c, status < 0 ? STR_NULL : r.type);
	if (status < 0) {
		count(c, STR_NULL, agent_refuse(call, status, err.message));
		agent_call_free(c);
		return;
	}
	status = create(c, &r);
	request_done(&r);
	if (status >= 0) {
		count(c, str_of(c->type), (enum grpc_status)status);
		agent_call_free(c);
	}
}

static const struct grpc_call_ops create_ops = {.cancelled = create_cancelled};

/* ---- GetTask ----------------------------------------------------------------------------- */

static enum grpc_status reply_get(struct agent_call *c)
{
	struct str pieces[3];
	struct error err;

	if (c->get.status < 0)
		return agent_refuse(c->call, ERR_STATE, c->get.why);
	if (resource_write(&c->service->writer, RESOURCE_GET, &c->get.answer, pieces, &err) < 0)
		return agent_refuse(c->call, ERR_NOMEM, err.message);
	grpc_call_reply(c->call, pieces, 3);
	return GRPC_OK;
}

static void got(struct dispatch_get *g)
{
	struct agent_call *c = CONTAINER_OF(g, struct agent_call, get);

	count(c, g->answer.type, reply_get(c));
	agent_call_free(c);
}

static void get_task(struct grpc_call *call, void *user)
{
	struct task_ref ref;
	struct agent_call *c;
	int r;

	if (!agent_read_ref(call, MESSAGE_DESC(flyteidl__admin__get_task_request), 3, &ref))
		return;
	c = agent_call_new(user, call);
	if (!c)
		return;
	c->op = AGENT_GET;
	r = agent_ask(c, &ref, got);
	if (r > 0) {
		got(&c->get);
	} else if (r < 0) {
		count(c, str_of(c->type), c->status);
		agent_call_free(c);
	}
}

/* ---- DeleteTask -------------------------------------------------------------------------- */

static void end_delete(struct agent_call *c, int status)
{
	if (status < 0)
		agent_refuse(c->call, ERR_STATE, c->deletion.why);
	else
		grpc_call_reply(c->call, &STR(""), 1);
	count(c, str_of(c->type), status < 0 ? GRPC_UNAVAILABLE : GRPC_OK);
	agent_call_free(c);
}

static void deleted(struct dispatch_delete *d)
{
	struct agent_call *c = CONTAINER_OF(d, struct agent_call, deletion);

	end_delete(c, d->status);
}

static void delete_cancelled(struct grpc_call *call)
{
	struct agent_call *c = grpc_call_user(call);

	dispatch_delete_forget(&c->deletion);
	agent_call_free(c);
	grpc_call_finish(call, GRPC_CANCELLED, STR_NULL);
}

static void delete_task(struct grpc_call *call, void *user)
{
	struct agent_service *s = user;
	struct task_ref ref;
	struct agent_call *c;
	int r;

	if (!agent_read_ref(call, MESSAGE_DESC(flyteidl__admin__delete_task_request), 3, &ref))
		return;
	c = agent_call_new(s, call);
	if (!c)
		return;
	c->op = AGENT_DELETE;
	c->deletion.done = deleted;
	c->deletion.link = (struct list){NULL, NULL};
	c->deletion.why[0] = '\0';
	agent_call_type(c, ref.type);
	r = dispatch_delete(s->options.dispatch, ref.meta, &c->deletion);
	if (r == 0) {
		grpc_call_set_user(call, c);
	} else if (r == ERR_INVALID) {
		count(c, str_of(c->type), refuse_meta(s, call, &ref, c->deletion.why));
		agent_call_free(c);
	} else {
		end_delete(c, r < 0 ? r : 0);
	}
}

static const struct grpc_call_ops delete_ops = {.cancelled = delete_cancelled};

/* ---- the services ------------------------------------------------------------------------ */

static const struct grpc_method async_methods[] = {
	{"CreateTask", GRPC_UNARY, create_task, &create_ops},
	{"GetTask", GRPC_UNARY, get_task, &agent_get_ops},
	{"DeleteTask", GRPC_UNARY, delete_task, &delete_ops},
	{"GetTaskMetrics", GRPC_UNARY, agent_get_metrics, &agent_get_ops},
	{"GetTaskLogs", GRPC_SERVER_STREAM, agent_get_logs, &agent_get_ops},
};
static const struct grpc_method sync_methods[] = {
	{"ExecuteTaskSync", GRPC_BIDI, agent_sync, &agent_sync_ops},
};
static const struct grpc_method metadata_methods[] = {
	{"GetAgent", GRPC_UNARY, agent_get_agent, NULL},
	{"ListAgents", GRPC_UNARY, agent_list_agents, NULL},
};
static const struct grpc_service services[] = {
	{"flyteidl.service.AsyncAgentService", async_methods, ARRAY_LEN(async_methods)},
	{"flyteidl.service.SyncAgentService", sync_methods, ARRAY_LEN(sync_methods)},
	{"flyteidl.service.AgentMetadataService", metadata_methods, ARRAY_LEN(metadata_methods)},
};

int agent_service_new(struct grpc_engine *e,
		      const struct agent_options *options,
		      struct agent_service **ret,
		      struct error *err)
{
	struct agent_service *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_nomem(err, "the connector services");
	s->options = *options;
	s->writer.log_base = options->log_base;
	s->templates =
		(struct wire_known)WIRE_KNOWN_INIT(MESSAGE_DESC(flyteidl__core__task_template));
	r = agent_stats_new(options->metrics, &s->stats, err);
	for (size_t i = 0; i < ARRAY_LEN(services) && r == 0; i++)
		r = grpc_engine_add(e, &services[i], s, err);
	if (r < 0) {
		agent_service_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

void agent_service_free(struct agent_service *s)
{
	if (!s)
		return;
	while (s->unused) {
		struct agent_call *c = s->unused;

		s->unused = c->next;
		free(c);
	}
	agent_sync_free(s->unused_sync);
	wire_known_done(&s->templates);
	agent_list_free(s->list);
	agent_stats_free(s->stats);
	resource_writer_done(&s->writer);
	buf_done(&s->scratch);
	free(s);
}
