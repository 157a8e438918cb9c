/* The writes of an execution: one at a time, and the state it is in then hears of the end. */
#include "dispatch/private.h"

static uint32_t after_ms(const struct execution *x, int64_t wall)
{
	int64_t ms = (wall - x->row.accepted_at) / NS_MS;

	return ms < 0 ? 0 : ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}

/* The store tries for as long as it lives; what comes here is a store that closes, or a row it
 * cannot take for a reason of its own. */
static void not_written(struct execution *x, const struct store_op *op)
{
	struct dispatch *d = x->d;

	dispatch_log(d, LOG_ERROR, x->row.id, "not written: %s", op->message);
	x->end_written = false;
	if (op->status == ERR_CANCELLED)
		return;
	if (op->kind == STORE_FINISH && x->state == EXEC_COMMITTING) {
		x->files = false;
		exec_end(x, EXEC_FAILED, "ResultNotStored", "the store refuses the result: %s",
			 op->message);
	}
	exec_set_timer(x, now_of(d) + NS_S);
}

static void ended(struct execution *x, const struct store_op *op)
{
	struct dispatch *d = x->d;

	dispatch_enter(d);
	x->writing = false;
	if (op->status == ERR_STATE && op->kind != STORE_ACCEPT)
		exec_disown(x, op->message);
	else if (op->status < 0 && op->kind != STORE_ACCEPT)
		not_written(x, op);
	else
		exec_work(x)->wrote(d, x, op);
	dispatch_leave(d);
}

static void on_accepted(struct store_op *op)
{
	ended(CONTAINER_OF(op, struct execution, write.accept.op), op);
}

static void on_updated(struct store_op *op)
{
	struct execution *x = CONTAINER_OF(op, struct execution, write.update.op);

	if (op->status == 0)
		x->row.state = x->write.update.state;
	ended(x, op);
}

static void on_finished(struct store_op *op)
{
	ended(CONTAINER_OF(op, struct execution, write.finish.op), op);
}

void exec_write_accept(struct execution *x, enum exec_state state)
{
	x->row.state = state;
	x->write.accept = (struct store_accept){.op.done = on_accepted, .row = &x->row};
	x->writing = true;
	store_submit(x->d->store, &x->write.accept.op, STORE_ACCEPT);
}

void exec_write_update(struct execution *x, enum exec_state state, int64_t due_at)
{
	int64_t wall = wall_of(x->d);

	x->row.due_at = due_at;
	x->write.update = (struct store_update){
		.op.done = on_updated,
		.id = x->row.id,
		.state = state,
		.run = x->row.run,
		.failures = x->row.failures,
		.crashes = x->row.crashes,
		.losses = x->row.losses,
		.at = wall,
		.due_at = due_at,
		.started_at = x->row.started_at,
		.cause = x->row.cause,
		.after_ms = after_ms(x, wall),
	};
	if (state == EXEC_COMMITTING) {
		x->write.update.has_digest = true;
		memcpy(x->write.update.digest, x->digest, sizeof(x->digest));
	}
	x->writing = true;
	store_submit(x->d->store, &x->write.update.op, STORE_UPDATE);
}

void exec_write_finish(struct execution *x)
{
	const struct ending *e = &x->ending;
	int64_t wall = wall_of(x->d);
	bool inline_ = e->to == EXEC_SUCCEEDED && !x->files && !x->found_files;

	x->row.finished_at = wall;
	x->write.finish = (struct store_finish){
		.op.done = on_finished,
		.id = x->row.id,
		.state = e->to,
		.run = x->row.run,
		.failures = x->row.failures,
		.crashes = x->row.crashes,
		.losses = x->row.losses,
		.at = wall,
		.code = e->code,
		.message = e->message,
		.recoverable = e->recoverable,
		.system_origin = e->system_origin,
		.has_deck = x->found_deck || (x->files && e->deck.len > 0),
		.outputs_kind = e->to != EXEC_SUCCEEDED ? ROW_OUTPUTS_NONE
				: inline_               ? ROW_OUTPUTS_INLINE
							: ROW_OUTPUTS_FILE,
		.outputs = inline_ ? e->outputs : STR_NULL,
		.usage = e->usage,
		.after_ms = after_ms(x, wall),
	};
	x->row.has_deck = x->write.finish.has_deck;
	x->row.outputs_kind = x->write.finish.outputs_kind;
	x->end_written = true;
	x->writing = true;
	store_submit(x->d->store, &x->write.finish.op, STORE_FINISH);
}

/* ---- the request ------------------------------------------------------------------------- */

static void keep_spec(struct execution *x, struct store_row *found)
{
	x->spec = malloc(found->spec.len + 1);
	if (!x->spec)
		return;
	memcpy(x->spec, found->spec.ptr, found->spec.len);
	x->row.spec = (struct str){x->spec, found->spec.len};
	x->d->spec_bytes += found->spec.len;
}

static void on_loaded(struct store_op *op)
{
	struct execution *x = CONTAINER_OF(op, struct execution, load.op);
	struct dispatch *d = x->d;

	dispatch_enter(d);
	x->loading = false;
	if (x->disowned) {
		store_row_free(TAKE(x->load.found));
		execution_free(x);
		dispatch_leave(d);
		return;
	}
	if (op->status == 0)
		keep_spec(x, x->load.found);
	else
		dispatch_log(d, LOG_ERROR, x->row.id, "its request cannot be read: %s",
			     op->message);
	store_row_free(TAKE(x->load.found));
	if (exec_work(x)->wrote)
		exec_work(x)->wrote(d, x, op);
	dispatch_leave(d);
}

void exec_load_spec(struct execution *x)
{
	x->load = (struct store_get){.op.done = on_loaded, .id = x->row.id, .want_spec = true};
	x->loading = true;
	store_submit(x->d->store, &x->load.op, STORE_GET);
}

/* ---- the end of our right to write --------------------------------------------------------- */

void exec_disown(struct execution *x, const char *why)
{
	struct dispatch *d = x->d;

	d->stats.broken++;
	dispatch_log(d, LOG_ERROR, x->row.id, "given up, for the store knows better: %s", why);
	if (x->has_runner)
		run_stop(x, STOP_KILL);
	creators_answer(x, ERR_STATE, why);
	d->n_live--;
	x->disowned = true;
	if (!x->loading)
		execution_free(x);
}
