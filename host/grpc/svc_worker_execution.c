/* An execution as message: what dispatch knows of it, and the row behind that. */
#include "grpc/svc_worker_private.h"

#include <string.h>

_Static_assert((int)TASKHOST__WORKER__V1__EXECUTION__STATE__WAITING == (int)EXEC_WAITING &&
		       (int)TASKHOST__WORKER__V1__EXECUTION__STATE__CANCELLING ==
			       (int)EXEC_CANCELLING &&
		       (int)TASKHOST__WORKER__V1__EXECUTION__STATE__DEAD == (int)EXEC_DEAD,
	       "states have the store's numbers");
_Static_assert((int)TASKHOST__WORKER__V1__EXECUTION__CANCELLED_BY__FLYTE == (int)ROW_CANCEL_FLYTE &&
		       (int)TASKHOST__WORKER__V1__EXECUTION__CANCELLED_BY__OPERATOR ==
			       (int)ROW_CANCEL_OPERATOR,
	       "so has who cancelled");

/* ---- how it ended ------------------------------------------------------------------------- */

static W(Failure) * failure_new(struct draft *d, struct str code, struct str message)
{
	W(Failure) *f = DRAFT_NEW(d, W(Failure), TASKHOST__WORKER__V1__FAILURE__INIT);

	f->code = draft_text(d, code);
	f->message = draft_text(d, message);
	return f;
}

static W(Failure) * ending(struct draft *d, const struct dispatch_answer *a)
{
	W(Failure) *f = failure_new(d, a->code, a->message);

	f->recoverable = a->recoverable;
	f->origin = a->system_origin ? FLYTEIDL__CORE__EXECUTION_ERROR__ERROR_KIND__SYSTEM
				     : FLYTEIDL__CORE__EXECUTION_ERROR__ERROR_KIND__USER;
	return f;
}

/* The cause of a RETRY_WAIT is "CODE: message" of the run before. */
static W(Failure) * last_run(struct draft *d, struct str cause)
{
	const char *colon = cause.len > 0 ? memmem(cause.ptr, cause.len, ": ", 2) : NULL;
	size_t n = colon ? (size_t)(colon - cause.ptr) : 0;
	W(Failure) * f;

	if (cause.len == 0)
		return NULL;
	f = colon ? failure_new(d, (struct str){cause.ptr, n},
				(struct str){colon + 2, cause.len - n - 2})
		  : failure_new(d, STR_NULL, cause);
	f->recoverable = true;
	return f;
}

static W(Usage) * usage(struct draft *d, const struct row_usage *u)
{
	W(Usage) *m = DRAFT_NEW(d, W(Usage), TASKHOST__WORKER__V1__USAGE__INIT);

	m->cpu = draft_duration(d, u->cpu_ns);
	m->max_rss_bytes = (uint64_t)MAX(u->max_rss_bytes, 0);
	return m;
}

static void put_end(struct draft *d, const struct dispatch_answer *a, W(Execution) * e)
{
	switch (a->state) {
	case EXEC_FAILED:
	case EXEC_RETRYABLE_FAILED:
	case EXEC_DEAD:
		e->failure = ending(d, a);
		break;
	case EXEC_RETRY_WAIT:
		e->failure = last_run(d, a->row->cause);
		break;
	default:
		break;
	}
	if (exec_state_finished(a->state)) {
		e->finished_at = draft_time(d, a->finished_at);
		e->usage = usage(d, &a->usage);
	}
}

/* ---- how it goes ------------------------------------------------------------------------- */

static W(Progress) * progress(struct draft *d, const struct dispatch_answer *a)
{
	W(Progress) * p;

	if (a->state != EXEC_RUNNING || (a->progress < 0 && a->message.len == 0))
		return NULL;
	p = DRAFT_NEW(d, W(Progress), TASKHOST__WORKER__V1__PROGRESS__INIT);
	p->fraction = a->progress;
	p->message = draft_text(d, a->message);
	return p;
}

/* What dispatch says of a state, where it is not the progress or the failure. */
static struct str cause_of(const W(Execution) * e, const struct dispatch_answer *a)
{
	if (a->state == EXEC_RUNNING || (e->failure && exec_state_finished(a->state)))
		return STR_NULL;
	return a->message;
}

static void put_row(struct draft *d, const struct store_row *row, W(Execution) * e)
{
	e->task_type_version = row->type_version;
	e->priority = row->priority;
	e->owned_by_flyte = (row->flags & ROW_OWNED) != 0;
	e->failures = row->failures;
	e->losses = row->losses;
	e->cancelled_by = (W(Execution__CancelledBy))row->cancel;
	e->cancel_reason = draft_text(d, row->cancel_reason);
	if (e->state == TASKHOST__WORKER__V1__EXECUTION__STATE__RETRY_WAIT)
		e->due_at = draft_time(d, row->due_at);
}

static void put_generation(struct worker_service *s, struct draft *d, W(Execution) * e, uint64_t id)
{
	const struct worker_source *source = &s->options.source;
	struct str digest;

	if (source->generation && source->generation(source->user, id, &digest))
		e->generation = draft_text(d, digest);
}

W(Execution) *
	worker_execution(struct worker_service *s, struct draft *d, const struct dispatch_answer *a)
{
	W(Execution) *e = DRAFT_NEW(d, W(Execution), TASKHOST__WORKER__V1__EXECUTION__INIT);

	e->id = draft_id(d, a->id);
	/* Between being durable and taking its first step. */
	e->state = (W(Execution__State))(a->state != EXEC_NEW ? a->state
					 : a->run > 0         ? EXEC_STARTING
							      : EXEC_QUEUED);
	e->task = draft_text(d, a->name);
	e->task_type = draft_text(d, a->type);
	e->plugin = draft_text(d, a->plugin);
	e->node = draft_text(d, a->node);
	e->tenant = draft_text(d, a->tenant);
	e->output_prefix = draft_text(d, a->output_prefix);
	e->run = a->run;
	e->max_runs = a->max_runs;
	e->crashes = a->crashes;
	e->accepted_at = draft_time(d, a->accepted_at);
	e->started_at = draft_time(d, a->started_at);
	e->queue_position = a->queue_position;
	e->retry_of = draft_id(d, a->retry_of);
	e->retried_as = draft_id(d, a->retried_as);
	put_row(d, a->row, e);
	put_generation(s, d, e, a->id);
	put_end(d, a, e);
	e->progress = progress(d, a);
	e->cause = draft_text(d, cause_of(e, a));
	return e;
}
