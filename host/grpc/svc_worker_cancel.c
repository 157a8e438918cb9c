/* CancelExecution and RetryExecution. */
#include "flyte/message.h"
#include "grpc/svc_worker_private.h"
#include "store/ident.h"

/* ---- CancelExecution --------------------------------------------------------------------- */

struct cancel_call {
	struct worker_service *service;
	struct grpc_call *call;
	uint64_t id;
	struct dispatch_delete deletion;
	struct dispatch_get get;
};

static void on_state(struct dispatch_get *g)
{
	struct cancel_call *c = CONTAINER_OF(g, struct cancel_call, get);
	W(CancelExecutionResponse) m = TASKHOST__WORKER__V1__CANCEL_EXECUTION_RESPONSE__INIT;
	struct draft d;

	if (g->status < 0) {
		worker_refuse(c->call, ERR_IO, g->why);
	} else {
		draft_init(&d);
		m.execution = worker_execution(c->service, &d, &g->answer);
		m.too_late = c->deletion.finished;
		draft_reply(&d, &m.base, c->call);
		draft_done(&d);
	}
	free(c);
}

static void end_cancel(struct cancel_call *c, int status)
{
	if (status == 0 && c->deletion.known) {
		c->get.done = on_state;
		if (dispatch_get_id(c->service->options.dispatch, c->id, &c->get) != 0)
			on_state(&c->get);
		return;
	}
	if (status < 0)
		worker_refuse_write(c->service, c->call, status, c->deletion.why);
	else
		worker_refuse_missing(c->call, c->id);
	free(c);
}

static void on_marked(struct dispatch_delete *del)
{
	end_cancel(CONTAINER_OF(del, struct cancel_call, deletion), del->status);
}

static void cancel_gone(struct grpc_call *call)
{
	struct cancel_call *c = grpc_call_user(call);

	dispatch_delete_forget(&c->deletion);
	dispatch_get_forget(&c->get);
	free(c);
	grpc_call_finish(call, GRPC_CANCELLED, STR_NULL);
}

const struct grpc_call_ops worker_cancel_ops = {.cancelled = cancel_gone};

static void
cancel(struct worker_service *s, struct grpc_call *call, const W(CancelExecutionRequest) * r)
{
	struct dispatch *dispatch = s->options.dispatch;
	struct cancel_call *c;
	uint64_t id;
	int rc;

	if (!worker_read_id(call, r->id, &id))
		return;
	c = worker_alloc(call, sizeof(*c));
	if (!c)
		return;
	c->service = s;
	c->call = call;
	c->id = id;
	c->deletion.done = on_marked;
	rc = dispatch_cancel(dispatch, id, str_of(r->reason), &c->deletion);
	if (rc >= 0 && r->force)
		dispatch_kill(dispatch, id);
	if (rc != 0)
		end_cancel(c, MIN(rc, 0));
}

void worker_cancel(struct grpc_call *call, void *user)
{
	struct arena arena = ARENA_INIT;
	const W(CancelExecutionRequest) *r =
		worker_read(call, W_DESC(cancel_execution_request), &arena);

	if (r)
		cancel(user, call, r);
	arena_done(&arena);
}

/* ---- RetryExecution ---------------------------------------------------------------------- */

struct retry_call {
	struct worker_service *service;
	struct grpc_call *call;
	uint64_t id;
	struct dispatch_get get; /* of the dead one */
	struct dispatch_created created;
};

static void end_retry(struct retry_call *c, int status)
{
	W(RetryExecutionResponse) m = TASKHOST__WORKER__V1__RETRY_EXECUTION_RESPONSE__INIT;
	struct draft d;

	if (status == ERR_NOT_FOUND) {
		worker_refuse_missing(c->call, c->id);
	} else if (status < 0) {
		worker_refuse_write(c->service, c->call, status, c->created.why);
	} else {
		draft_init(&d);
		m.id = draft_id(&d, c->created.id);
		m.resource_meta =
			draft_bytes(&d, (struct str){c->created.meta, c->created.meta_len});
		m.existed = c->created.existed;
		draft_reply(&d, &m.base, c->call);
		draft_done(&d);
	}
	free(c);
}

static void on_created(struct dispatch_created *created)
{
	end_retry(CONTAINER_OF(created, struct retry_call, created), created->status);
}

static void on_dead(struct dispatch_get *g)
{
	struct retry_call *c = CONTAINER_OF(g, struct retry_call, get);
	struct grpc_call *call = c->call;
	int r;

	if (g->status == 0 && g->answer.state == EXEC_DEAD) {
		c->created.done = on_created;
		r = dispatch_retry(c->service->options.dispatch, c->id, &c->created);
		if (r != 0)
			end_retry(c, MIN(r, 0));
		return;
	}
	if (g->status == ERR_NOT_FOUND)
		worker_refuse_missing(call, c->id);
	else if (g->status < 0)
		worker_refuse(call, ERR_IO, g->why);
	else
		grpc_call_finishf(call, GRPC_FAILED_PRECONDITION,
				  "the execution is %s; only a DEAD one can be repeated",
				  exec_state_name((int)g->answer.state));
	free(c);
}

static void retry_gone(struct grpc_call *call)
{
	struct retry_call *c = grpc_call_user(call);

	dispatch_get_forget(&c->get);
	dispatch_create_forget(&c->created);
	free(c);
	grpc_call_finish(call, GRPC_CANCELLED, STR_NULL);
}

const struct grpc_call_ops worker_retry_ops = {.cancelled = retry_gone};

void worker_retry(struct grpc_call *call, void *user)
{
	struct worker_service *s = user;
	struct retry_call *c;
	uint64_t id;

	if (!worker_read_only_id(call, W_DESC(retry_execution_request), &id))
		return;
	c = worker_alloc(call, sizeof(*c));
	if (!c)
		return;
	c->service = s;
	c->call = call;
	c->id = id;
	c->get.done = on_dead;
	if (dispatch_get_id(s->options.dispatch, id, &c->get) != 0)
		on_dead(&c->get);
}
