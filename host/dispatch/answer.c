/* What an execution looks like from outside, as plain values. */
#include "dispatch/private.h"

#include <stdio.h>

static enum exec_state seen_state(const struct execution *x)
{
	char why[8];

	if (x->state == EXEC_QUEUED && queue_why(&x->item, why, sizeof(why)))
		return EXEC_WAITING;
	return x->state;
}

/* Why nothing has happened yet, for people. */
static struct str waiting_text(struct execution *x)
{
	struct dispatch *d = x->d;
	int64_t now = now_of(d);
	double age = (double)(now - x->created_ns) / (double)NS_S;
	uint32_t position = queue_position(&d->queue, &x->item, now);
	char why[256];

	if (!drain_starts(d))
		snprintf(why, sizeof(why), "the worker is stopping");
	else if (!queue_why(&x->item, why, sizeof(why)))
		snprintf(why, sizeof(why), "%u of %u slots in use", d->queue.host->used,
			 d->queue.host->most);
	snprintf(d->scratch, sizeof(d->scratch), "position %u of %u, queued for %.0f s; %s",
		 position, x->item.lane->n_waiting, age, why);
	return str_of(d->scratch);
}

/* It was handed over, and then runners of its plugin may have failed to start. */
static struct str starting_text(struct execution *x)
{
	struct dispatch *d = x->d;
	struct dispatch_hold hold;
	bool ready = run_may_start(d, x->row.plugin, x->row.type, &hold);

	snprintf(d->scratch, sizeof(d->scratch), "starting run %u%s%s", x->row.run,
		 ready ? "" : "; ", ready ? "" : hold.why);
	return str_of(d->scratch);
}

static struct str live_message(struct execution *x)
{
	struct dispatch *d = x->d;

	switch (x->state) {
	case EXEC_QUEUED:
		return waiting_text(x);
	case EXEC_STARTING:
		return starting_text(x);
	case EXEC_RUNNING:
		snprintf(d->scratch, sizeof(d->scratch), "%s", x->progress_text);
		break;
	case EXEC_RETRY_WAIT:
		snprintf(d->scratch, sizeof(d->scratch), "run %u ended (%s); again in %.0f s",
			 x->row.run, x->cause[0] ? x->cause : "before the restart",
			 (double)MAX(x->due_ns - now_of(d), 0) / (double)NS_S);
		break;
	case EXEC_CANCELLING:
		snprintf(d->scratch, sizeof(d->scratch), "being cancelled");
		break;
	case EXEC_COMMITTING:
		if (x->upload_tries > 0)
			snprintf(d->scratch, sizeof(d->scratch),
				 "the result cannot be written yet, it is tried again: %s",
				 x->progress_text);
		else
			snprintf(d->scratch, sizeof(d->scratch), "the result is being written");
		break;
	default:
		d->scratch[0] = '\0';
	}
	return str_of(d->scratch);
}

static void common(const struct store_row *row, struct dispatch_answer *a)
{
	*a = (struct dispatch_answer){
		.id = row->id,
		.plugin = row->plugin,
		.type = row->type,
		.name = row->name,
		.tenant = row->tenant,
		.node = row->node,
		.output_prefix = row->output_prefix,
		.run = row->run,
		.max_runs = row->max_runs,
		.crashes = row->crashes,
		.progress = -1,
		.accepted_at = row->accepted_at,
		.started_at = row->started_at,
		.finished_at = row->finished_at,
		.retry_of = row->retry_of,
		.retried_as = row->retried_as,
		.history = row->history,
		.has_deck = row->has_deck,
		.outputs_kind = row->outputs_kind,
		.row = row,
	};
}

void answer_of(struct execution *x, struct dispatch_answer *a)
{
	const struct ending *e = &x->ending;

	common(&x->row, a);
	a->state = seen_state(x);
	a->phase = machine_phase(a->state, x->ran, x->row.cancel == ROW_CANCEL_FLYTE);
	a->progress = x->progress;
	if (x->state == EXEC_QUEUED)
		a->queue_position = queue_position(&x->d->queue, &x->item, now_of(x->d));
	if (!exec_state_finished(x->state)) {
		a->message = live_message(x);
		a->outputs_kind = ROW_OUTPUTS_NONE;
		a->has_deck = false;
		a->finished_at = 0;
		return;
	}
	a->message = e->message;
	a->code = e->code;
	a->recoverable = e->recoverable;
	a->system_origin = e->system_origin;
	a->usage = e->usage;
	if (a->outputs_kind == ROW_OUTPUTS_INLINE)
		a->outputs = e->outputs;
}

void answer_of_row(struct dispatch *d, const struct store_row *row, struct dispatch_answer *a)
{
	struct execution *x = exec_find(d, row->id);

	if (x && !exec_state_finished(x->state)) { /* memory is ahead */
		answer_of(x, a);
		a->history = row->history;
		return;
	}
	common(row, a);
	a->state = row->state;
	a->phase = machine_phase(row->state, row->run > 0, row->cancel == ROW_CANCEL_FLYTE);
	a->message = row->message;
	a->code = row->code;
	a->recoverable = row->recoverable;
	a->system_origin = row->system_origin;
	a->usage = row->usage;
	a->outputs = row->outputs;
}
