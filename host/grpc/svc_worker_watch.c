/* WatchExecution: how it is now, then each change. A new state or run is told at once, anything else
 * at most ten times a second; a client that does not read gets only the latest. */
#include "grpc/svc_worker_private.h"

#define CHANGE_NS (NS_S / 10)

struct watch_call {
	struct worker_service *service;
	struct grpc_call *call;
	uint64_t id;
	struct dispatch_get get;
	struct dispatch_watch watch;
	struct loop_timer timer; /* something is to be told then */
	bool full, dirty;
	enum exec_state state; /* as told last */
	uint32_t run;
	int64_t told_ns;
};

static void watch_free(struct watch_call *c)
{
	dispatch_get_forget(&c->get);
	dispatch_unwatch(&c->watch);
	loop_timer_cancel(c->service->options.loop, &c->timer);
	free(c);
}

static void fail(struct watch_call *c, const struct error *err)
{
	struct grpc_call *call = c->call;

	watch_free(c);
	grpc_call_fail(call, err);
}

/* False when the call is over: it is finished, or cannot be told. */
static bool tell(struct watch_call *c, const struct dispatch_answer *a)
{
	W(WatchExecutionResponse) m = TASKHOST__WORKER__V1__WATCH_EXECUTION_RESPONSE__INIT;
	struct grpc_call *call = c->call;
	struct draft d;
	struct error err;
	int r;

	err.message[0] = '\0';
	draft_init(&d);
	m.execution = worker_execution(c->service, &d, a);
	r = draft_send(&d, &m.base, call, &err);
	draft_done(&d);
	if (r < 0) {
		fail(c, &err);
		return false;
	}
	c->full = r == GRPC_FULL;
	c->dirty = false;
	c->state = a->state;
	c->run = a->run;
	c->told_ns = loop_now_ns();
	if (!exec_state_finished(a->state))
		return true;
	watch_free(c);
	grpc_call_finish(call, GRPC_OK, STR_NULL);
	return false;
}

static void on_change(struct dispatch_watch *w, const struct dispatch_answer *a)
{
	struct watch_call *c = CONTAINER_OF(w, struct watch_call, watch);
	bool step = a->state != c->state || a->run != c->run;
	struct loop *loop = c->service->options.loop;

	if (exec_state_finished(a->state)) {
		tell(c, a);
	} else if (c->full) {
		c->dirty = true;
	} else if (!step && loop_now_ns() - c->told_ns < CHANGE_NS) {
		c->dirty = true;
		if (!loop_timer_is_set(&c->timer))
			loop_timer_set(loop, &c->timer, c->told_ns + CHANGE_NS);
	} else {
		tell(c, a);
	}
}

static void on_latest(struct dispatch_get *g)
{
	struct watch_call *c = CONTAINER_OF(g, struct watch_call, get);
	struct grpc_call *call = c->call;
	uint64_t id = c->id;
	int status = g->status;

	if (status == 0) {
		if (!tell(c, &g->answer) || list_linked(&c->watch.link))
			return;
		c->watch.changed = on_change;
		if (dispatch_watch(c->service->options.dispatch, id, &c->watch) == 0)
			return;
		watch_free(c);
		worker_refuse(call, ERR_IO, "the worker cannot tell how it goes on");
		return;
	}
	watch_free(c);
	if (status == ERR_NOT_FOUND)
		worker_refuse_missing(call, id);
	else
		worker_refuse(call, ERR_IO, "the worker cannot read its executions now");
}

static void tell_latest(struct watch_call *c)
{
	c->get.done = on_latest;
	if (dispatch_get_id(c->service->options.dispatch, c->id, &c->get) != 0)
		on_latest(&c->get);
}

static void on_timer(struct loop_timer *t)
{
	struct watch_call *c = CONTAINER_OF(t, struct watch_call, timer);

	if (c->dirty && !c->full)
		tell_latest(c);
}

static void writable(struct grpc_call *call)
{
	struct watch_call *c = grpc_call_user(call);

	c->full = false;
	if (c->dirty)
		tell_latest(c);
}

static void cancelled(struct grpc_call *call)
{
	watch_free(grpc_call_user(call));
	grpc_call_finish(call, GRPC_CANCELLED, STR_NULL);
}

const struct grpc_call_ops worker_watch_ops = {.writable = writable, .cancelled = cancelled};

void worker_watch(struct grpc_call *call, void *user)
{
	struct worker_service *s = user;
	struct watch_call *c;
	uint64_t id;

	if (!worker_read_only_id(call, W_DESC(watch_execution_request), &id))
		return;
	c = worker_alloc(call, sizeof(*c));
	if (!c)
		return;
	c->service = s;
	c->call = call;
	c->id = id;
	c->timer.fire = on_timer;
	tell_latest(c);
}
