#include "cli/serve_http_private.h"

#include "base/mem.h"
#include "store/ident.h"

#define STEPS_MAX (STORE_HISTORY_MAX + 1)

static struct str state_text(enum exec_state state)
{
	return str_of(exec_state_name((int)state));
}

/* The row's history holds what is durable; that it runs, or ended just now, memory knows better. */
static size_t timeline(const struct dispatch_answer *e, struct http_step out[STEPS_MAX])
{
	const struct store_row row = {.history = e->history};
	size_t n = MIN(row_steps(&row), (size_t)STORE_HISTORY_MAX);
	int64_t at = e->state == EXEC_RUNNING        ? e->started_at
		     : exec_state_finished(e->state) ? e->finished_at
						     : 0;

	for (size_t i = 0; i < n; i++) {
		struct row_step step = row_step(&row, i);

		out[i] = (struct http_step){
			.state = state_text(step.state),
			.run = step.run,
			.at_ns = e->accepted_at + (int64_t)step.after_ms * 1000000,
		};
	}
	if (at > 0 && (n == 0 || !str_eq(out[n - 1].state, state_text(e->state)))) {
		if (n > 0)
			at = MAX(at, out[n - 1].at_ns);
		out[n++] = (struct http_step){state_text(e->state), e->run, at};
	}
	return n;
}

/* Of the living only memory knows what they wait for; a list comes without it. */
static struct str live_cause(struct serve_http *h, const struct dispatch_answer *e)
{
	struct dispatch_get get = {.status = 0};
	int r = dispatch_get_id(h->params.dispatch, e->id, &get);

	if (r == 0)
		dispatch_get_forget(&get);
	return r == 1 ? get.answer.message : STR_NULL;
}

void give_execution(struct serve_http *h,
		    const struct dispatch_answer *e,
		    bool steps,
		    struct http_answer *a)
{
	struct http_step timeline_steps[STEPS_MAX];
	bool finished = exec_state_finished(e->state);
	char id[IDENT_TEXT + 1];
	struct http_execution out = {
		.task = e->name,
		.type = e->type,
		.plugin = e->plugin,
		.state = state_text(e->state),
		.finished = finished,
		.cause = finished ? STR_NULL : live_cause(h, e),
		.code = e->code,
		.message = finished ? e->message : STR_NULL,
		.run = e->run,
		.accepted_ns = e->accepted_at,
		.started_ns = e->started_at,
		.finished_ns = e->finished_at,
		.cpu_ns = e->usage.cpu_ns,
		.max_rss = (uint64_t)MAX(e->usage.max_rss_bytes, INT64_C(0)),
		.steps = timeline_steps,
	};

	ident_format(e->id, id);
	out.id = str_of(id);
	if (steps)
		out.n_steps = timeline(e, timeline_steps);
	http_answer_execution(a, &out);
}
