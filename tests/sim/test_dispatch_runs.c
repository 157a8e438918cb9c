/* What dispatch does with runs: limits, news, deletes, sync calls, the drain. */
#include "sim/trial.h"

/* ---- delete ---------------------------------------------------------------------------------- */

TEST(delete_of_unknown_and_finished_is_fine)
{
	struct dispatch_request r = trial_request();
	struct dispatch_created c;
	struct dispatch_delete del;

	trial_begin();
	CHECK_INT(trial_delete(trial_lost_meta("gs://b/o"), &del), 0);
	CHECK(!del.known);
	CHECK_INT(trial_create(&r, &c), 0);
	trial_pass(S);
	CHECK_INT(trial_delete((struct str){c.meta, c.meta_len}, &del), 0);
	CHECK(del.known && del.finished);
	CHECK_INT(trial_get(&c).phase, PHASE_SUCCEEDED);
	CHECK_INT(trial_delete(STR("nonsense"), &del), ERR_INVALID);
}

TEST(flytes_delete_ends_aborted_and_an_operators_says_who)
{
	struct dispatch_request r = trial_request();
	struct dispatch_created c;
	struct dispatch_delete del;

	trial_begin();
	trial.script = HANG;
	CHECK_INT(trial_create(&r, &c), 0);
	trial_pass(S);
	CHECK_INT(trial_delete((struct str){c.meta, c.meta_len}, &del), 0);
	trial_pass(S);
	CHECK_INT(trial_get(&c).phase, PHASE_ABORTED);
	CHECK_INT(trial_create(&r, &c), 0);
	trial_pass(S);
	del = (struct dispatch_delete){.done = trial_on_deleted};
	CHECK_INT(dispatch_cancel(trial.w.d, c.id, STR("too expensive"), &del), 0);
	trial_pass(S);
	CHECK_INT(trial_get(&c).phase, PHASE_RETRYABLE_FAILED);
	CHECK_STR(trial.text, "cancelled by an operator: too expensive");
}

TEST(completion_after_cancel_changes_nothing)
{
	struct dispatch_request r = trial_request();
	struct dispatch_created c;
	struct dispatch_delete del;

	trial_begin();
	trial.takes = S;
	CHECK_INT(trial_create(&r, &c), 0);
	trial_pass(500 * MS);
	CHECK_INT(trial_delete((struct str){c.meta, c.meta_len}, &del), 0);
	trial_pass(10 * S); /* it does not listen, and completes */
	CHECK_INT(trial_get(&c).phase, PHASE_ABORTED);
	CHECK_INT(trial.w.rows[0].row->outputs.len, 0);
}

/* ---- limits and news ------------------------------------------------------------------------- */

TEST(double_completion_counts_once)
{
	trial_begin();
	CHECK_INT(trial_outcome(TWICE, "gs://b/o").phase, PHASE_SUCCEEDED);
	CHECK_INT(dispatch_stats(trial.w.d).succeeded, 1);
	CHECK_INT(dispatch_stats(trial.w.d).stale_news, 1);
}

TEST(hard_limit_kills)
{
	struct dispatch_request r = trial_request();
	struct dispatch_created c;

	trial_begin();
	trial.script = HANG_KILL;
	r.hard_ns = 3 * S;
	CHECK_INT(trial_create(&r, &c), 0);
	trial_pass(4 * S);
	CHECK_INT(trial_get(&c).phase, PHASE_FAILED);
	CHECK(str_is(trial_get(&c).code, "TimedOut"));
	CHECK_STR(trial.text, "stopped at its limit of 3 s");
}

TEST(runner_that_never_begins_is_replaced)
{
	struct dispatch_request r = trial_request();
	struct dispatch_created c;

	trial_begin();
	trial.script = SLOW_START;
	CHECK_INT(trial_create(&r, &c), 0);
	trial_pass(59 * S);
	trial.script = FINISH;
	trial_pass(5 * S);
	CHECK_INT(trial_get(&c).phase, PHASE_SUCCEEDED);
	CHECK_INT(trial_get(&c).run, 2);
}

TEST(a_run_whose_runner_ends_for_another_runs_again)
{
	struct dispatch_request r = trial_request();
	struct dispatch_created c;

	trial_begin();
	trial.script = LOSE;
	r.owned = true;
	trial.takes = 10 * S;
	CHECK_INT(trial_create(&r, &c), 0);
	trial_pass(5 * S);
	trial.script = FINISH;
	trial_pass(30 * S);
	CHECK_INT(trial_get(&c).phase, PHASE_SUCCEEDED);
	CHECK_INT(trial_get(&c).run, 2);
	CHECK_INT(trial.w.rows[0].row->failures, 0);
	CHECK_INT(trial.w.rows[0].row->losses, 1);
	trial.script = LOSE;
	trial.takes = S;
	CHECK_INT(trial_create(&r, &c), 0);
	trial_pass(60 * S);
	CHECK_INT(trial_get(&c).phase, PHASE_RETRYABLE_FAILED);
	CHECK(str_is(trial_get(&c).code, "RunnerLost"));
	CHECK_INT(trial_get(&c).run, 4);
	CHECK_STR(trial.text, "killed for another");
}

TEST(a_request_that_can_never_run_fails_at_once)
{
	struct dispatch_request r = trial_request();
	struct dispatch_answer a;
	struct dispatch_created c;

	for (int owned = 0; owned < 2; owned++) {
		trial_begin();
		trial.script = WRONG;
		r.owned = owned;
		r.retries = 5;
		CHECK_INT(trial_create(&r, &c), 0);
		trial_pass(10 * MS);
		a = trial_get(&c);
		CHECK_INT(a.phase, PHASE_FAILED);
		CHECK(str_is(a.code, "InvalidRequest"));
		CHECK_INT(a.run, 1);
		CHECK_STR(trial.text, "\"abc\" is no amount");
	}
}

TEST(request_is_read_again_when_it_was_not_kept)
{
	struct dispatch_request r = trial_request();
	struct dispatch_created a, b;

	trial_begin();
	trial.w.config.spec_bytes_most = 0;
	trial.w.config.slots = 1;
	world_kill(&trial.w);
	world_start(&trial.w);
	CHECK_INT(trial_create(&r, &a), 0);
	CHECK_INT(trial_create(&r, &b), 0);
	trial_pass(S); /* check_start compares what the run was given */
	CHECK_INT(trial_get(&b).phase, PHASE_SUCCEEDED);
}

/* ---- sync -------------------------------------------------------------------------------- */

static int sync_done;
static struct dispatch_answer sync_answer;

static void on_sync(struct dispatch_sync *s, const struct dispatch_answer *a)
{
	(void)s;
	sync_done++;
	sync_answer = *a;
	snprintf(trial.outputs, sizeof(trial.outputs), STR_FMT, STR_ARG(a->outputs));
	snprintf(trial.text, sizeof(trial.text), STR_FMT, STR_ARG(a->code));
}

static void sync_call(enum script s, int64_t deadline, struct dispatch_sync *call)
{
	struct dispatch_request r = trial_request();
	struct error err = ERROR_INIT;

	trial.script = s;
	sync_done = 0;
	*call = (struct dispatch_sync){.done = on_sync};
	CHECK_OK(dispatch_run_sync(trial.w.d, &r, deadline, call, &err), err);
	CHECK_INT(sync_done, 0); /* never from inside the call */
}

TEST(sync_calls_are_answered_and_not_stored)
{
	struct dispatch_sync call;

	trial_begin();
	sync_call(FINISH, INT64_MAX, &call);
	trial_pass(S);
	CHECK_INT(sync_done, 1);
	CHECK_INT(sync_answer.phase, PHASE_SUCCEEDED);
	CHECK_STR(trial.outputs, "outputs");
	sync_call(CRASH, INT64_MAX, &call);
	trial_pass(S);
	CHECK_INT(sync_answer.phase, PHASE_RETRYABLE_FAILED);
	CHECK_STR(trial.text, "PluginCrashed");
	CHECK_INT(trial.w.n_rows, 0);
	CHECK_INT(dispatch_stats(trial.w.d).live, 0);
}

TEST(sync_calls_that_cannot_start_are_answered_later)
{
	struct dispatch_sync call;

	trial_begin();
	sync_call(NO_START, INT64_MAX, &call);
	trial_pass(S);
	CHECK_INT(sync_done, 1);
	CHECK_STR(trial.text, "RunnerNotStarted");
}

TEST(sync_deadline_covers_waiting_and_running)
{
	struct dispatch_sync a, b;

	trial_begin();
	dispatch_set_limit(trial.w.d, LIMIT_HOST, STR_NULL, 1);
	sync_call(HANG_KILL, trial.w.now + 2 * S, &a);
	sync_call(HANG_KILL, trial.w.now + S, &b);
	trial_pass(1500 * MS);
	CHECK_INT(sync_done, 1);
	CHECK_STR(trial.text, "QueueTimeout");
	trial_pass(S);
	CHECK_INT(sync_done, 2);
	CHECK_STR(trial.text, "TimedOut");
}

TEST(caller_gone_stops_the_run)
{
	struct dispatch_sync call;

	trial_begin();
	sync_call(HANG_TERM, INT64_MAX, &call);
	trial_pass(S);
	CHECK_INT(dispatch_stats(trial.w.d).running, 1);
	dispatch_sync_forget(&call);
	trial_pass(10 * S);
	CHECK_INT(sync_done, 0);
	CHECK_INT(dispatch_stats(trial.w.d).live, 0);
	CHECK_INT(dispatch_stats(trial.w.d).slots_used, 0);
}

/* ---- drain ------------------------------------------------------------------------------- */

TEST(draining_takes_nothing_and_hurries_when_told)
{
	struct dispatch_request r = trial_request();
	struct dispatch_created c;

	trial_begin();
	trial.script = HANG_FOREVER;
	CHECK_INT(trial_create(&r, &c), 0);
	dispatch_drain(trial.w.d);
	CHECK_INT(trial_create(&r, &c), 0); /* lame-duck still trial.takes */
	dispatch_drain_hurry(trial.w.d);
	CHECK_INT(dispatch_drain_stage(trial.w.d), DRAIN_GRACE);
	CHECK_INT(trial_create(&r, &c), ERR_STATE);
	CHECK_STR(c.why, "the worker is stopping");
	dispatch_drain_hurry(trial.w.d);
	dispatch_drain_hurry(trial.w.d);
	CHECK_INT(dispatch_drain_stage(trial.w.d), DRAIN_KILL);
	trial_pass(11 * S); /* even of what cannot be killed */
	CHECK_INT(dispatch_drain_stage(trial.w.d), DRAIN_DONE);
}

TEST(idle_drain_is_over_after_the_lame_duck)
{
	trial_begin();
	dispatch_drain(trial.w.d);
	trial_pass(6 * S);
	CHECK_INT(dispatch_drain_stage(trial.w.d), DRAIN_DONE);
}

static int64_t most[DRAIN_DONE + 1]; /* as told when each stage begins */

static void note_most(struct world *w, enum drain_stage stage)
{
	most[stage] = dispatch_drain_most_ns(w->d);
}

TEST(time_to_stop_follows_the_grace)
{
	struct dispatch_request r = trial_request();
	struct dispatch_created c;

	trial_begin();
	trial.w.on_drain = note_most;
	trial.script = HANG_FOREVER;
	CHECK_INT(trial_create(&r, &c), 0);
	dispatch_drain_grace(trial.w.d, 600 * S);
	dispatch_drain(trial.w.d);
	CHECK_INT(most[DRAIN_LAMEDUCK], (5 + 600 + 3 + 10) * S);
	trial_pass(2 * S);
	CHECK_INT(dispatch_drain_most_ns(trial.w.d), (3 + 600 + 3 + 10) * S);
	dispatch_drain_grace(trial.w.d, INT64_MAX);
	trial_pass(4 * S);
	CHECK_INT(most[DRAIN_GRACE], INT64_MAX);
	dispatch_drain_hurry(trial.w.d);
	CHECK_INT(most[DRAIN_ASK], (3 + 10) * S);
	trial_pass(20 * S);
	CHECK_INT(dispatch_drain_stage(trial.w.d), DRAIN_DONE);
	CHECK_INT(most[DRAIN_DONE], 0);
	trial.w.on_drain = NULL;
}
