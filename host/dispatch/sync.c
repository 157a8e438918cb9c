/* Sync tasks: the same queue, slots, runs and limits, without the store. The caller holds the call
 * open; when it goes, the run is stopped. */
#include "dispatch/private.h"

static int run_sync(struct dispatch *d,
		    const struct dispatch_request *r,
		    int64_t deadline_ns,
		    struct dispatch_sync *s,
		    struct error *err)
{
	int64_t hard = r->hard_ns > 0 ? r->hard_ns : r->hard_ns < 0 ? 0 : d->config.hard_ns;
	struct store_row row;
	struct execution *x;

	if (request_check(r, err) < 0)
		return ERR_INVALID;
	if (!drain_takes(d))
		return err_set(err, ERR_STATE, "the worker is stopping");
	if (d->n_live >= d->config.queue_most)
		return err_set(err, ERR_LIMIT, "the queue is full: %zu executions are not finished",
			       d->n_live);
	row = row_of_request(d, r);
	row.soft_ns = MAX(r->soft_ns, 0);
	if (r->spec_memory)
		row.spec = STR_NULL; /* taken below */
	x = execution_new(d, &row);
	if (!x)
		return err_nomem(err, "an execution");
	x->is_sync = true;
	x->deadline_ns = hard > 0 ? MIN(deadline_ns, clock_after(now_of(d), hard)) : deadline_ns;
	if (exec_insert(x) < 0) {
		execution_free(x);
		return err_nomem(err, "an execution");
	}
	if (r->spec_memory)
		exec_take_spec(x, TAKE(*r->spec_memory), r->spec);
	x->sync = s;
	s->execution = x;
	d->stats.syncs++;
	exec_move(x, EXEC_QUEUED, "sync");
	return 0;
}

int dispatch_run_sync(struct dispatch *d,
		      const struct dispatch_request *r,
		      int64_t deadline_ns,
		      struct dispatch_sync *s,
		      struct error *err)
{
	int result;

	s->execution = NULL;
	dispatch_enter(d);
	d->starting_sync = true;
	result = run_sync(d, r, deadline_ns, s, err);
	dispatch_leave(d);
	d->starting_sync = false;
	return result;
}

void dispatch_sync_forget(struct dispatch_sync *s)
{
	struct execution *x = TAKE(s->execution);
	struct dispatch *d;

	if (!x)
		return;
	d = x->d;
	x->sync = NULL;
	if (exec_state_finished(x->state))
		return;
	dispatch_enter(d);
	cancel_exec(x, ROW_CANCEL_FLYTE, STR("the caller is gone"));
	dispatch_leave(d);
}
