/* Drain: begins it, and tells how far it is, at each stage and when the numbers change. */
#include "flyte/message.h"
#include "grpc/svc_worker_private.h"

#define LOOK_NS (NS_S / 4)

struct drain_call {
	struct worker_service *service;
	struct grpc_call *call;
	struct list link; /* in worker_service.drains */
	struct loop_timer timer;
	enum drain_stage stage; /* as told last, with these */
	uint64_t running, queued, calls, interrupted;
	bool full;
};

/* ---- how far it is ------------------------------------------------------------------------ */

static uint64_t running_of(const struct dispatch_stats *s)
{
	return s->starting + s->running + s->committing + s->cancelling;
}

static uint64_t queued_of(const struct dispatch_stats *s)
{
	return s->queued + s->waiting + s->retry_wait;
}

static uint64_t other_calls(const struct worker_service *s)
{
	uint64_t open = grpc_engine_stats(s->engine)->calls_open;

	return open > 0 ? open - 1 : 0;
}

W(DrainResponse) * worker_drain_state(struct worker_service *s, struct draft *d)
{
	W(DrainResponse) *m =
		DRAFT_NEW(d, W(DrainResponse), TASKHOST__WORKER__V1__DRAIN_RESPONSE__INIT);
	struct dispatch_stats stats = dispatch_stats(s->options.dispatch);
	int64_t left = dispatch_drain_left_ns(s->options.dispatch);

	/* It has been asked for, so that it is on its way. */
	m->stage = (W(DrainResponse__Stage))MAX(dispatch_drain_stage(s->options.dispatch),
						DRAIN_LAMEDUCK);
	m->running = running_of(&stats);
	m->queued = queued_of(&stats);
	m->calls = other_calls(s);
	m->interrupted = stats.interrupted;
	if (left != INT64_MAX)
		m->remaining = draft_duration(d, left);
	return m;
}

_Static_assert((int)TASKHOST__WORKER__V1__DRAIN_RESPONSE__STAGE__LAME_DUCK == (int)DRAIN_LAMEDUCK &&
		       (int)TASKHOST__WORKER__V1__DRAIN_RESPONSE__STAGE__CANCELLING ==
			       (int)DRAIN_ASK &&
		       (int)TASKHOST__WORKER__V1__DRAIN_RESPONSE__STAGE__DONE == (int)DRAIN_DONE,
	       "stages have dispatch's numbers");

/* ---- telling ----------------------------------------------------------------------------- */

static void drain_free(struct drain_call *c)
{
	list_remove(&c->link);
	loop_timer_cancel(c->service->options.loop, &c->timer);
	free(c);
}

static void tell(struct drain_call *c)
{
	struct worker_service *s = c->service;
	struct dispatch_stats stats = dispatch_stats(s->options.dispatch);
	struct grpc_call *call = c->call;
	struct draft d;
	struct error err;
	int r;

	err.message[0] = '\0';
	c->stage = dispatch_drain_stage(s->options.dispatch);
	c->running = running_of(&stats);
	c->queued = queued_of(&stats);
	c->calls = other_calls(s);
	c->interrupted = stats.interrupted;
	draft_init(&d);
	r = draft_send(&d, &worker_drain_state(s, &d)->base, call, &err);
	draft_done(&d);
	c->full = r == GRPC_FULL;
	if (r >= 0 && c->stage != DRAIN_DONE)
		return;
	drain_free(c);
	if (r < 0)
		grpc_call_fail(call, &err);
	else
		grpc_call_finish(call, GRPC_OK, STR_NULL);
}

static void look(struct drain_call *c)
{
	struct worker_service *s = c->service;
	struct dispatch_stats stats = dispatch_stats(s->options.dispatch);
	enum drain_stage stage = dispatch_drain_stage(s->options.dispatch);
	bool moved = stage != c->stage || running_of(&stats) != c->running ||
		     queued_of(&stats) != c->queued || other_calls(s) != c->calls ||
		     stats.interrupted != c->interrupted;

	if (moved && (!c->full || stage == DRAIN_DONE))
		tell(c);
}

static void on_timer(struct loop_timer *t)
{
	struct drain_call *c = CONTAINER_OF(t, struct drain_call, timer);

	loop_timer_set(c->service->options.loop, t, loop_now_ns() + LOOK_NS);
	look(c);
}

void worker_service_drain_moved(struct worker_service *s)
{
	struct list *node = s->drains.next;

	while (node != &s->drains) {
		struct drain_call *c = CONTAINER_OF(node, struct drain_call, link);

		node = node->next;
		look(c);
	}
}

static void writable(struct grpc_call *call)
{
	struct drain_call *c = grpc_call_user(call);

	c->full = false;
	look(c);
}

static void cancelled(struct grpc_call *call)
{
	drain_free(grpc_call_user(call));
	grpc_call_finish(call, GRPC_CANCELLED, STR_NULL);
}

const struct grpc_call_ops worker_drain_ops = {.writable = writable, .cancelled = cancelled};

/* ---- asking ------------------------------------------------------------------------------ */

/* Only the first who asks begins it. */
static bool begin(struct worker_service *s, struct grpc_call *call, const W(DrainRequest) * r)
{
	const struct worker_source *source = &s->options.source;
	int64_t grace = -1;
	struct error err;
	int rc;

	/* A grace of nothing is one: cancel at once. */
	if (r->grace && r->grace->seconds == 0 && r->grace->nanos == 0)
		grace = 0;
	else if (!worker_read_duration(call, "grace", r->grace, &grace))
		return false;
	if (dispatch_drain_stage(s->options.dispatch) != DRAIN_NONE)
		return true;
	err.message[0] = '\0';
	rc = source->drain(source->user, grace, str_of(r->reason), &err);
	if (rc < 0)
		worker_refuse(call, rc, err.message);
	return rc == 0;
}

void worker_drain(struct grpc_call *call, void *user)
{
	struct worker_service *s = user;
	struct arena arena = ARENA_INIT;
	const W(DrainRequest) *r = worker_read(call, W_DESC(drain_request), &arena);
	bool ok = r && begin(s, call, r);
	struct drain_call *c;

	arena_done(&arena);
	c = ok ? worker_alloc(call, sizeof(*c)) : NULL;
	if (!c)
		return;
	c->service = s;
	c->call = call;
	c->timer.fire = on_timer;
	list_append(&s->drains, &c->link);
	loop_timer_set(s->options.loop, &c->timer, loop_now_ns() + LOOK_NS);
	tell(c);
}
