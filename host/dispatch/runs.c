/* Between dispatch and the runners: news of runs, and what follows their end. */
#include "dispatch/outputs.h"
#include "dispatch/private.h"

#include <stdio.h>

bool run_may_start(struct dispatch *d,
		   struct str plugin,
		   struct str type,
		   struct dispatch_hold *hold)
{
	hold->until_ns = INT64_MAX;
	hold->why[0] = '\0';
	return !d->runners.ready || d->runners.ready(d->runners.user, plugin, type, hold);
}

void run_stop(struct execution *x, enum stop_how how)
{
	static const char *const words[] = {
		[STOP_ASK] = "asked to stop", [STOP_TERM] = "told to stop", [STOP_KILL] = "killed"};
	struct dispatch *d = x->d;

	x->rung = (int)how;
	if (d->hooks.trace)
		d->hooks.trace(d->hooks.user, x->row.id, words[how]);
	d->runners.stop(d->runners.user, x->row.id, x->row.run, how);
}

void run_forget(struct execution *x)
{
	struct run_result r = {.outcome = x->state == EXEC_STARTING ? RUN_NOT_STARTED : RUN_CRASHED,
			       .message = STR("the runner was killed and did not go")};

	x->d->stats.given_up_runs++;
	dispatch_log(x->d, LOG_ERROR, x->row.id, "its runner was killed and is still there");
	exec_work(x)->run_ended(x->d, x, &r);
}

/* ---- after a run --------------------------------------------------------------------------- */

static void succeed(struct execution *x, const struct run_result *r)
{
	struct dispatch *d = x->d;
	bool back_end = d->data.can && x->row.output_prefix.len > 0 &&
			d->data.can(d->data.user, x->row.output_prefix);
	struct outputs_plan plan = outputs_plan(r, back_end, &d->config);
	struct ending e = {.to = EXEC_SUCCEEDED, .outputs = r->outputs, .usage = r->usage};
	struct str scheme = outputs_scheme(x->row.output_prefix);
	char note[160];

	if (plan.impossible) {
		x->ending.usage = r->usage;
		exec_end(x, EXEC_FAILED, "OutputUpload",
			 "%zu bytes of outputs are too many to be answered, and there is nowhere "
			 "to put "
			 "them: no back end for the scheme \"" STR_FMT "\" of the output prefix",
			 r->outputs.len, STR_ARG(scheme));
		return;
	}
	if (plan.above_warning) {
		d->stats.large_outputs++;
		snprintf(note, sizeof(note),
			 "outputs have %zu bytes; propeller refuses more than its limit "
			 "max-output-size-bytes, 2 MiB by default",
			 r->outputs.len);
		e.message = str_of(note);
	}
	if (plan.files) {
		e.deck = r->deck;
		e.file_name = r->file_name ? r->file_name : "outputs.pb";
	}
	exec_set_ending(x, &e);
	x->files = plan.files && x->ending.to == EXEC_SUCCEEDED;
}

static const char *default_message(enum run_outcome outcome)
{
	switch (outcome) {
	case RUN_CRASHED:
		return "the plugin crashed";
	case RUN_NO_MEMORY:
		return "the memory limit was reached";
	case RUN_NO_CPU_TIME:
		return "the CPU time was used up";
	case RUN_NOT_STARTED:
		return "the runner could not be started";
	case RUN_STOPPED:
		return "the run was stopped";
	case RUN_LOST:
		return "its runner was ended for another run";
	default:
		return "the task failed";
	}
}

static struct str
message_of(const struct execution *x, const struct run_result *r, char *room, size_t n)
{
	if (x->timed_out) {
		snprintf(room, n, "stopped at its limit of %.3g s",
			 (double)(x->is_sync ? now_of(x->d) - x->created_ns : x->row.hard_ns) /
				 (double)NS_S);
		return str_of(room);
	}
	return r->message.len > 0 ? r->message : str_of(default_message(r->outcome));
}

static struct str code_of(const struct run_result *r, const struct retry_rule *rule)
{
	if (rule->code)
		return str_of(rule->code);
	return r->code.len > 0 ? r->code : STR("TaskFailed");
}

static void fail(struct execution *x, const struct run_result *r, const struct retry_rule *rule)
{
	char room[128];
	struct ending e = {
		.to = rule->to,
		.code = code_of(r, rule),
		.message = message_of(x, r, room, sizeof(room)),
		.recoverable = rule->to == EXEC_RETRYABLE_FAILED,
		.system_origin = r->outcome == RUN_NOT_STARTED || r->system_origin,
		.usage = r->usage,
		.error_document = r->error_document,
	};

	exec_set_ending(x, &e);
}

static void
try_again(struct execution *x, const struct run_result *r, const struct retry_rule *rule)
{
	struct str code = code_of(r, rule), message;
	struct dispatch *d = x->d;
	char room[128];

	message = message_of(x, r, room, sizeof(room));
	snprintf(x->cause, sizeof(x->cause), "%.*s: %.*s", (int)MIN(code.len, 50u), code.ptr,
		 (int)MIN(message.len, 100u), message.ptr);
	x->row.cause = str_of(x->cause);
	x->due_ns = now_of(d) + rule->delay_ns;
	d->stats.retries++;
	exec_move(x, EXEC_RETRY_WAIT, STR_FMT ", again in %lld ms", STR_ARG(code),
		  (long long)(rule->delay_ns / NS_MS));
}

static struct retry_facts facts_of(const struct execution *x, const struct run_result *r)
{
	return (struct retry_facts){
		.outcome = r->outcome,
		.owned = x->is_sync || (x->row.flags & ROW_OWNED),
		.timed_out = x->timed_out,
		.drained = x->drained && !x->is_sync,
		.recoverable = r->recoverable,
		.code = r->code,
		.max_runs = x->row.max_runs,
		.failures = x->row.failures,
		.crashes = x->row.crashes,
		.losses = x->row.losses,
		.not_started = x->not_started,
	};
}

/* The runner was told the limit when it was handed the run, which is a little before the run began:
 * a task that listens has stopped by itself before our own timer fires. */
static bool stopped_at_its_limit(const struct execution *x, const struct run_result *r)
{
	int64_t at = x->is_sync           ? x->deadline_ns
		     : x->row.hard_ns > 0 ? clock_after(x->start_ns, x->row.hard_ns)
					  : INT64_MAX;

	return r->outcome == RUN_STOPPED && !x->drained && now_of(x->d) >= at;
}

void run_over(struct execution *x, const struct run_result *r)
{
	struct dispatch *d = x->d;
	struct retry_facts facts;
	struct retry_rule rule;

	x->timed_out = x->timed_out || stopped_at_its_limit(x, r);
	facts = facts_of(x, r);
	rule = retry_decide(&facts, &d->config, random_of(d));
	if (x->state == EXEC_RUNNING)
		dispatch_took(d, TIME_RUN, x, now_of(d) - x->run_ns);
	x->ran = x->ran || r->outcome != RUN_NOT_STARTED;
	x->has_runner = false;
	x->start_written = false;
	x->ended_ns = now_of(d);
	exec_give_back(x);
	d->stats.crashes += rule.crashes - x->row.crashes;
	x->row.failures = rule.failures;
	x->row.crashes = rule.crashes;
	x->row.losses = rule.losses;
	x->not_started = rule.not_started;
	if (rule.to == EXEC_RETRY_WAIT && x->is_sync)
		rule.to = EXEC_RETRYABLE_FAILED;
	if (rule.to == EXEC_RETRY_WAIT) {
		try_again(x, r, &rule);
		return;
	}
	if (rule.to == EXEC_SUCCEEDED)
		succeed(x, r);
	else
		fail(x, r, &rule);
	exec_move(x, EXEC_COMMITTING, "%s" STR_FMT, x->ending.code.len > 0 ? "" : "done",
		  STR_ARG(x->ending.code));
}

/* ---- news -------------------------------------------------------------------------------- */

static struct execution *of_run(struct dispatch *d, uint64_t id, uint32_t run)
{
	struct execution *x = exec_find(d, id);

	if (x && x->has_runner && x->row.run == run)
		return x;
	d->stats.stale_news++;
	return NULL;
}

void dispatch_run_started(struct dispatch *d, uint64_t id, uint32_t run)
{
	struct execution *x;

	dispatch_enter(d);
	x = of_run(d, id, run);
	if (x && x->state == EXEC_STARTING && x->rung < 0)
		exec_move(x, EXEC_RUNNING, "%s", "");
	dispatch_leave(d);
}

void dispatch_run_progress(
	struct dispatch *d, uint64_t id, uint32_t run, double fraction, struct str text)
{
	struct execution *x;

	dispatch_enter(d);
	x = of_run(d, id, run);
	if (x) {
		x->progress = fraction >= 0 && fraction <= 1 ? fraction : -1;
		snprintf(x->progress_text, sizeof(x->progress_text), STR_FMT, STR_ARG(text));
		exec_changed(x);
	}
	dispatch_leave(d);
}

void dispatch_run_ended(struct dispatch *d, uint64_t id, uint32_t run, const struct run_result *r)
{
	struct execution *x;

	dispatch_enter(d);
	x = of_run(d, id, run);
	if (x)
		exec_work(x)->run_ended(d, x, r);
	dispatch_leave(d);
}
