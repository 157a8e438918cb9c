/* GetStatus and GetStats. */
#include "flyte/message.h"
#include "grpc/svc_worker_private.h"

#include <stdio.h>

/* ---- GetStatus --------------------------------------------------------------------------- */

struct status_call {
	struct worker_service *service;
	struct grpc_call *call; /* NULL: the client has gone while the store counts */
	struct store_count count;
};

/* Memory knows the living, the store those that are finished. */
static void counts(const struct dispatch_stats *s, uint64_t ret[EXEC_STATES])
{
	ret[EXEC_QUEUED] = s->queued;
	ret[EXEC_WAITING] = s->waiting;
	ret[EXEC_STARTING] = s->starting;
	ret[EXEC_RUNNING] = s->running;
	ret[EXEC_COMMITTING] = s->committing;
	ret[EXEC_RETRY_WAIT] = s->retry_wait;
	ret[EXEC_CANCELLING] = s->cancelling;
}

static void put_counts(struct draft *d, const uint64_t count[EXEC_STATES], W(GetStatusResponse) * m)
{
	size_t n = EXEC_STATES;

	m->executions = draft_pointers(d, &n);
	for (size_t state = 1; state < n; state++) {
		W(StateCount) * c;

		if (count[state] == 0)
			continue;
		c = DRAFT_NEW(d, W(StateCount), TASKHOST__WORKER__V1__STATE_COUNT__INIT);
		c->state = (W(Execution__State))state;
		c->count = count[state];
		m->executions[m->n_executions++] = c;
	}
}

static char *store_condition(struct worker_service *s, struct draft *d)
{
	struct store_stats stats;
	char text[300];

	store_stats(s->options.store, &stats);
	if (stats.condition == STORE_WELL)
		return draft_textz(d, "well");
	snprintf(text, sizeof(text), "%s%s%s", store_condition_text(stats.condition),
		 stats.why[0] ? ": " : "", stats.why);
	return draft_textz(d, text);
}

static void reply_status(struct status_call *c)
{
	W(GetStatusResponse) m = TASKHOST__WORKER__V1__GET_STATUS_RESPONSE__INIT;
	struct worker_service *s = c->service;
	struct dispatch_stats stats = dispatch_stats(s->options.dispatch);
	struct draft d;

	draft_init(&d);
	s->options.source.status(s->options.source.user, &d, &m);
	counts(&stats, c->count.count);
	put_counts(&d, c->count.count, &m);
	m.slots = stats.slots;
	m.slots_busy = stats.slots_used;
	if (stats.queued + stats.waiting > 0)
		m.oldest_queued = draft_duration(&d, MAX(stats.oldest_queued_ns, 0));
	m.store_condition = store_condition(s, &d);
	m.connections = (uint32_t)grpc_engine_stats(s->engine)->connections_open;
	if (dispatch_drain_stage(s->options.dispatch) != DRAIN_NONE)
		m.drain = worker_drain_state(s, &d);
	draft_reply(&d, &m.base, c->call);
	draft_done(&d);
}

static void on_counted(struct store_op *op)
{
	struct status_call *c = CONTAINER_OF(op, struct status_call, count.op);

	/* What cannot be counted is left out; what is wrong then, store_condition tells. */
	if (op->status < 0)
		memset(c->count.count, 0, sizeof(c->count.count));
	if (c->call)
		reply_status(c);
	free(c);
}

static void status_gone(struct grpc_call *call)
{
	struct status_call *c = grpc_call_user(call);

	c->call = NULL;
	grpc_call_finish(call, GRPC_CANCELLED, STR_NULL);
}

const struct grpc_call_ops worker_status_ops = {.cancelled = status_gone};

void worker_status(struct grpc_call *call, void *user)
{
	struct worker_service *s = user;
	struct arena arena = ARENA_INIT;
	bool ok = worker_read(call, W_DESC(get_status_request), &arena) != NULL;
	struct status_call *c;

	arena_done(&arena);
	c = ok ? worker_alloc(call, sizeof(*c)) : NULL;
	if (!c)
		return;
	c->service = s;
	c->call = call;
	c->count.op.done = on_counted;
	store_submit(s->options.store, &c->count.op, STORE_COUNT);
}

/* ---- GetStats ---------------------------------------------------------------------------- */

struct samples {
	struct draft *draft;
	size_t room;
	W(GetStatsResponse) m;
};

static void put_value(struct draft *d, const struct metric_sample *s, W(Sample) * m)
{
	W(Distribution) * t;

	if (s->kind == METRIC_COUNTER) {
		m->value_case = TASKHOST__WORKER__V1__SAMPLE__VALUE_COUNTER;
		m->counter = s->value;
		return;
	}
	if (s->kind == METRIC_GAUGE) {
		m->value_case = TASKHOST__WORKER__V1__SAMPLE__VALUE_GAUGE;
		m->gauge = s->value;
		return;
	}
	t = DRAFT_NEW(d, W(Distribution), TASKHOST__WORKER__V1__DISTRIBUTION__INIT);
	t->count = s->count;
	t->sum = s->sum;
	t->p50 = s->p50;
	t->p90 = s->p90;
	t->p99 = s->p99;
	t->max = s->max;
	m->value_case = TASKHOST__WORKER__V1__SAMPLE__VALUE_DISTRIBUTION;
	m->distribution = t;
}

static void put_labels(struct draft *d, const struct metric_sample *s, W(Sample) * m)
{
	size_t n = s->n_labels;

	m->labels = draft_pointers(d, &n);
	m->n_labels = n;
	for (size_t i = 0; i < n; i++) {
		W(Sample__LabelsEntry) *e =
			DRAFT_NEW(d, W(Sample__LabelsEntry),
				  TASKHOST__WORKER__V1__SAMPLE__LABELS_ENTRY__INIT);

		e->key = draft_textz(d, s->labels[i]);
		e->value = draft_textz(d, s->values[i]);
		m->labels[i] = e;
	}
}

static void count_sample(void *context, const struct metric_sample *s)
{
	(void)s;
	((struct samples *)context)->room++;
}

static void put_sample(void *context, const struct metric_sample *s)
{
	struct samples *to = context;
	struct draft *d = to->draft;
	W(Sample) * m;

	if (to->m.n_samples == to->room)
		return;
	m = DRAFT_NEW(d, W(Sample), TASKHOST__WORKER__V1__SAMPLE__INIT);
	m->name = draft_textz(d, s->name);
	m->help = draft_textz(d, s->help);
	put_labels(d, s, m);
	put_value(d, s, m);
	to->m.samples[to->m.n_samples++] = m;
}

void worker_stats(struct grpc_call *call, void *user)
{
	struct worker_service *s = user;
	struct samples to = {.m = TASKHOST__WORKER__V1__GET_STATS_RESPONSE__INIT};
	const W(GetStatsRequest) * r;
	struct draft d;

	draft_init(&d);
	to.draft = &d;
	r = worker_read(call, W_DESC(get_stats_request), &d.arena);
	if (r) {
		metrics_each(s->options.metrics, str_of(r->prefix), count_sample, &to);
		to.m.samples = draft_pointers(&d, &to.room);
		metrics_each(s->options.metrics, str_of(r->prefix), put_sample, &to);
		to.m.at = draft_time(&d, s->options.wall_ns());
		draft_reply(&d, &to.m.base, call);
	}
	draft_done(&d);
}
