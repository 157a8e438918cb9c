/* What dispatch tells of an execution: why it waits, how it goes on, its outputs. */
#include "sim/trial.h"

/* ---- get ------------------------------------------------------------------------------------- */

TEST(get_says_why_something_waits)
{
	struct dispatch_request r = trial_request();
	struct dispatch_created a, b, c;

	trial_begin();
	dispatch_set_limit(trial.w.d, LIMIT_HOST, STR_NULL, 1);
	trial.script = HANG;
	CHECK_INT(trial_create(&r, &a), 0);
	CHECK_INT(trial_create(&r, &b), 0);
	CHECK_INT(trial_create(&r, &c), 0);
	trial_pass(3 * S);
	CHECK_INT(trial_get(&a).phase, PHASE_RUNNING);
	CHECK_INT(trial_get(&c).phase, PHASE_QUEUED);
	CHECK_STR(trial.text, "position 2 of 2, queued for 3 s; 1 of 1 slots in use");
	dispatch_set_limit(trial.w.d, LIMIT_TYPE, STR("add"), 1);
	dispatch_set_limit(trial.w.d, LIMIT_HOST, STR_NULL, 9);
	CHECK_INT(trial_get(&b).phase, PHASE_WAITING_FOR_RESOURCES);
	CHECK_STR(trial.text, "position 1 of 2, queued for 3 s; type add: 1 of 1 in use");
	CHECK_INT(dispatch_stats(trial.w.d).waiting, 2);
}

static bool quarantined(struct world *world, struct dispatch_hold *hold)
{
	(void)world;
	snprintf(hold->why, sizeof(hold->why), "plugin arith is quarantined: 5 crashes in 60 s");
	return true;
}

TEST(quarantine_is_said_and_lifted)
{
	struct dispatch_request r = trial_request();
	struct dispatch_created c;

	trial_begin();
	trial.w.hold = quarantined;
	CHECK_INT(trial_create(&r, &c), 0);
	CHECK_INT(trial_get(&c).phase, PHASE_WAITING_FOR_RESOURCES);
	CHECK(strstr(trial.text, "plugin arith is quarantined: 5 crashes in 60 s"));
	trial.w.hold = NULL;
	trial_pass(100 * S);
	CHECK_INT(trial_get(&c).state, EXEC_WAITING);
	dispatch_plugin_changed(trial.w.d, STR("arith"));
	trial_pass(S);
	CHECK_INT(trial_get(&c).state, EXEC_SUCCEEDED);
}

TEST(quarantine_is_said_of_a_run_that_was_handed_over_too)
{
	struct dispatch_request r = trial_request();
	struct dispatch_created c;

	trial_begin();
	trial.script = HANG;
	CHECK_INT(trial_create(&r, &c), 0);
	for (int i = 0; i < 1000 && trial_get(&c).state == EXEC_QUEUED; i++)
		trial_pass(MS / 100);
	CHECK_INT(trial_get(&c).state, EXEC_STARTING);
	CHECK_STR(trial.text, "starting run 1");
	trial.w.hold = quarantined;
	CHECK_INT(trial_get(&c).state, EXEC_STARTING);
	CHECK_STR(trial.text, "starting run 1; plugin arith is quarantined: 5 crashes in 60 s");
}

TEST(texts_that_are_not_ours_are_invalid)
{
	struct dispatch_get g = {.done = trial_on_got};
	struct dispatch_request r = trial_request();
	struct dispatch_created c;

	trial_begin();
	CHECK_INT(trial_create(&r, &c), 0);
	CHECK_INT(dispatch_get(trial.w.d, STR("{\"job_id\": \"j1\"}"), &g), ERR_INVALID);
	c.meta[c.meta_len - 1] ^= 1;
	CHECK_INT(dispatch_get(trial.w.d, (struct str){c.meta, c.meta_len}, &g), ERR_INVALID);
	CHECK(g.why[0]);
}

TEST(lost_state_is_told_after_a_while)
{
	struct dispatch_answer a;

	trial_begin();
	a = trial_get_meta(trial_lost_meta("gs://b/o"));
	CHECK_INT(a.phase, PHASE_RUNNING);
	trial_pass(61 * S);
	a = trial_get_meta(trial_lost_meta("gs://b/o"));
	CHECK_INT(a.phase, PHASE_RETRYABLE_FAILED);
	a = trial_get_meta(trial_lost_meta("s3://b/o")); /* a back end, and nothing there */
	CHECK_INT(a.phase, PHASE_RETRYABLE_FAILED);
	CHECK_INT(dispatch_stats(trial.w.d).state_lost, 3);
}

TEST(lost_state_is_found_at_the_prefix)
{
	struct dispatch_request r = trial_request();
	struct dispatch_created c;
	struct dispatch_answer a;

	trial_begin();
	trial.script = BIG;
	CHECK_INT(trial_create(&r, &c), 0);
	trial_pass(S);
	a = trial_get_meta(trial_lost_meta("s3://bucket/out"));
	CHECK_INT(a.phase, PHASE_SUCCEEDED);
	CHECK_INT(a.outputs_kind, ROW_OUTPUTS_FILE);
}

TEST(the_same_number_of_another_worker_is_another_execution)
{
	struct dispatch_request r = trial_request();
	struct dispatch_created c;
	struct dispatch_delete del;

	trial_begin();
	trial.takes = 5 * S;
	CHECK_INT(trial_create(&r, &c), 0);
	trial_pass(S);
	for (int i = 0; i < 2; i++) { /* while it runs, and once only the store knows it */
		CHECK_INT(trial_get_meta(trial_others_meta(c.id, "gs://b/o")).phase, PHASE_RUNNING);
		CHECK_INT(dispatch_stats(trial.w.d).state_lost, i + 1);
		CHECK_INT(trial_delete(trial_others_meta(c.id, "gs://b/o"), &del), 0);
		CHECK(!del.known);
		trial_pass(5 * S);
		CHECK_INT(trial_get(&c).phase, PHASE_SUCCEEDED);
	}
}

TEST(finished_ones_leave_the_memory_after_a_while)
{
	struct dispatch_request r = trial_request();
	struct dispatch_created c;
	char meta[META_MAX + 1];
	size_t len;

	trial_begin();
	CHECK_INT(trial_create(&r, &c), 0);
	trial_pass(5 * S);
	CHECK_INT(trial_get(&c).phase, PHASE_SUCCEEDED);
	CHECK(dispatch_meta(trial.w.d, c.id, meta, &len));
	trial_pass(125 * S);
	CHECK(!dispatch_meta(trial.w.d, c.id, meta, &len));
	CHECK_INT(trial_get(&c).phase, PHASE_SUCCEEDED);
}

/* ---- watch ----------------------------------------------------------------------------------- */

static char seen[256];

static void on_change(struct dispatch_watch *watch, const struct dispatch_answer *a)
{
	(void)watch;
	strncat(seen, machine_states[a->state].name, 40);
	if (a->progress >= 0 && a->state == EXEC_RUNNING)
		strcat(seen, "+");
	strcat(seen, " ");
}

TEST(watchers_see_every_state_and_the_end)
{
	struct dispatch_watch watch = {.changed = on_change};
	struct dispatch_request r = trial_request();
	struct dispatch_created c;

	trial_begin();
	seen[0] = '\0';
	trial.takes = 100 * MS;
	CHECK_INT(trial_create(&r, &c), 0);
	CHECK_INT(dispatch_watch(trial.w.d, c.id, &watch), 0);
	trial_pass(S);
	CHECK_STR(seen, "running running+ committing succeeded ");
	CHECK_INT(dispatch_watch(trial.w.d, c.id, &watch), ERR_NOT_FOUND);
}

/* ---- outputs --------------------------------------------------------------------------------- */

TEST(small_outputs_are_inline_and_no_file_is_written)
{
	struct dispatch_answer a;

	trial_begin();
	a = trial_outcome(FINISH, "s3://bucket/out");
	CHECK_INT(a.phase, PHASE_SUCCEEDED);
	CHECK_INT(a.outputs_kind, ROW_OUTPUTS_INLINE);
	CHECK(str_is(a.outputs, "outputs"));
	CHECK_INT(trial.w.n_files, 0);
}

TEST(large_outputs_and_deck_are_files)
{
	struct dispatch_answer a;

	trial_begin();
	a = trial_outcome(BIG, "s3://bucket/out/");
	CHECK_INT(a.phase, PHASE_SUCCEEDED);
	CHECK_INT(a.outputs_kind, ROW_OUTPUTS_FILE);
	CHECK(a.has_deck && a.outputs.len == 0);
	CHECK_INT(trial.w.n_files, 2);
	CHECK_STR(trial.w.files[0].uri, "s3://bucket/out/deck.html");
	CHECK_STR(trial.w.files[1].uri, "s3://bucket/out/outputs.pb");
}

TEST(without_a_back_end_outputs_are_inline_or_fail)
{
	struct dispatch_answer a;

	trial_begin();
	a = trial_outcome(BIG, "gs://bucket/out");
	CHECK_INT(a.outputs_kind, ROW_OUTPUTS_INLINE);
	CHECK_INT(a.outputs.len, 2999);
	a = trial_outcome(HUGE_OUTPUTS, "gs://bucket/out");
	CHECK_INT(a.phase, PHASE_FAILED);
	CHECK(str_is(a.code, "OutputUpload"));
	CHECK(strstr(trial.text, "scheme \"gs\""));
}

TEST(outputs_above_propellers_limit_are_minded)
{
	struct dispatch_answer a;

	trial_begin();
	trial.w.config.warn_outputs = 2500;
	world_kill(&trial.w);
	world_start(&trial.w);
	a = trial_outcome(BIG, "s3://bucket/out");
	CHECK_INT(a.phase, PHASE_SUCCEEDED);
	CHECK(strstr(trial.text, "max-output-size-bytes"));
	CHECK_INT(dispatch_stats(trial.w.d).large_outputs, 1);
}

TEST(uploads_are_tried_again_and_given_up_in_the_end)
{
	struct dispatch_request r = trial_request();
	struct dispatch_created c;

	trial_begin();
	trial.w.put_status = ERR_IO;
	trial.script = BIG;
	CHECK_INT(trial_create(&r, &c), 0);
	trial_pass(1800 * S);
	CHECK_INT(trial_get(&c).phase, PHASE_RUNNING);
	for (int i = 0; i < 40 && trial_get(&c).phase == PHASE_RUNNING; i++)
		trial_pass(60 * S);
	CHECK_INT(trial_get(&c).phase, PHASE_RETRYABLE_FAILED);
	CHECK(str_is(trial_get(&c).code, "OutputUpload"));
	trial.w.put_status = ERR_DENIED;
	CHECK_INT(trial_create(&r, &c), 0);
	trial_pass(S);
	CHECK_INT(trial_get(&c).phase, PHASE_FAILED); /* at once */
	trial.w.put_status = ERR_IO;
	CHECK_INT(trial_create(&r, &c), 0);
	trial_pass(10 * S);
	trial.w.put_status = 0;
	trial_pass(600 * S);
	CHECK_INT(trial_get(&c).phase, PHASE_SUCCEEDED);
}

/* Its deck is there, and its outputs are on their way. */
static void cancel_at_the_outputs(int status, struct dispatch_created *c)
{
	struct dispatch_request r = trial_request();
	struct dispatch_delete del;

	trial_begin();
	trial.script = BIG;
	CHECK_INT(trial_create(&r, c), 0);
	while (trial.w.n_files < 1 && world_step(&trial.w, 10 * S))
		;
	CHECK_INT(trial.w.n_files, 1);
	trial.w.put_status = status;
	CHECK_INT(trial_delete((struct str){c->meta, c->meta_len}, &del), 0);
	trial_pass(S);
}

TEST(outputs_that_are_there_are_never_of_an_aborted_one)
{
	struct dispatch_created c;

	cancel_at_the_outputs(0, &c);
	CHECK_INT(trial.w.n_files, 2);
	CHECK_INT(trial_get(&c).phase, PHASE_SUCCEEDED);
	cancel_at_the_outputs(ERR_IO, &c);
	CHECK_INT(trial.w.n_files, 1);
	CHECK_INT(trial_get(&c).phase, PHASE_ABORTED);
}

TEST(error_document_is_written_and_not_insisted_on)
{
	struct dispatch_answer a;

	trial_begin();
	a = trial_outcome(FAIL_FINAL, "s3://bucket/out");
	CHECK_INT(a.phase, PHASE_FAILED);
	CHECK(str_is(a.code, "USER:Wrong"));
	CHECK_INT(trial.w.n_files, 1);
	CHECK_STR(trial.w.files[0].uri, "s3://bucket/out/error.pb");
	trial.w.put_status = ERR_IO;
	a = trial_outcome(FAIL_FINAL, "s3://bucket/out2");
	trial_pass(20 * S);
	CHECK_INT(dispatch_stats(trial.w.d).failed, 2);
}

/* ---- found again after a crash --------------------------------------------------------------- */

/* The worker dies when the last file is there and the row does not say so yet. */
static void die_with_files(enum script script, struct dispatch_created *c)
{
	struct dispatch_request r = trial_request();

	trial_begin();
	trial.script = script;
	CHECK_INT(trial_create(&r, c), 0);
	while (trial.w.n_files < 2 && world_step(&trial.w, 10 * S))
		;
	CHECK_INT(trial.w.n_files, 2);
	world_kill(&trial.w);
	CHECK_INT(world_row(&trial.w, c->id)->row->state, EXEC_COMMITTING);
	world_start(&trial.w);
}

TEST(recovered_outputs_have_their_deck)
{
	static const enum script scripts[] = {BIG, BIG_FUTURES};
	struct dispatch_created c;
	struct dispatch_answer a;

	for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
		die_with_files(scripts[i], &c);
		trial_pass(S);
		a = trial_get(&c);
		CHECK_INT(a.phase, PHASE_SUCCEEDED);
		CHECK_INT(a.outputs_kind, ROW_OUTPUTS_FILE);
		CHECK(a.has_deck);
		CHECK_INT(trial.w.n_runs, 1);
	}
}

TEST(recovered_outputs_without_a_deck_have_none)
{
	struct dispatch_created c;

	die_with_files(BIG, &c);
	CHECK_STR(trial.w.files[0].uri, "s3://bucket/out/deck.html");
	trial.w.files[0].uri[0] = 'x';
	trial_pass(S);
	CHECK_INT(trial_get(&c).phase, PHASE_SUCCEEDED);
	CHECK(!trial_get(&c).has_deck);
}

TEST(a_cancel_during_recovery_keeps_its_reason)
{
	struct dispatch_delete del = {.done = trial_on_deleted};
	struct dispatch_created c;

	die_with_files(BIG, &c);
	CHECK_INT(dispatch_cancel(trial.w.d, c.id, STR("wrong inputs"), &del), 0);
	trial_pass(S);
	CHECK_INT(trial_get(&c).state, EXEC_ABORTED);
	CHECK_STR(trial.text, "cancelled by an operator: wrong inputs");
}
