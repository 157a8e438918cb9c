/* What dispatch accepts: keys, admission, and repeating what failed. */
#include "sim/trial.h"

/* ---- keys ------------------------------------------------------------------------------------ */

TEST(same_key_same_answer_at_every_age)
{
	struct dispatch_created a, b, first, second;
	struct dispatch_request r = trial_request();

	trial_begin();
	trial.w.config.ended_most = 0; /* finished ones are only in the store */
	world_kill(&trial.w);
	world_start(&trial.w);
	r.has_key = true;
	/* two at once */
	first = second = (struct dispatch_created){.done = trial_on_created};
	CHECK_INT(dispatch_create(trial.w.d, &r, &first), 0);
	CHECK_INT(dispatch_create(trial.w.d, &r, &second), 0);
	trial_pass(5 * MS);
	CHECK_STR(first.meta, second.meta);
	CHECK(!first.existed && second.existed);
	/* running */
	CHECK_INT(trial_create(&r, &a), 0);
	CHECK_STR(a.meta, first.meta);
	trial_pass(S);
	/* finished and forgotten */
	CHECK_INT(trial_create(&r, &b), 0);
	CHECK_STR(b.meta, first.meta);
	CHECK(b.existed);
	/* after a restart */
	world_kill(&trial.w);
	world_start(&trial.w);
	CHECK_INT(trial_create(&r, &b), 0);
	CHECK_STR(b.meta, first.meta);
	trial_pass(S);
	CHECK_INT(trial.w.n_rows, 1);
	CHECK_INT(trial.w.n_runs, 1);
}

TEST(another_request_under_a_key_is_refused)
{
	struct dispatch_request r = trial_request();
	struct dispatch_created c;

	trial_begin();
	r.has_key = true;
	CHECK_INT(trial_create(&r, &c), 0);
	r.spec = STR("other request");
	CHECK_INT(trial_create(&r, &c), ERR_INVALID);
	CHECK(strstr(c.why, "inputs or its template differ"));
	trial_pass(S);
	trial.w.config.ended_most = 0;
	world_kill(&trial.w);
	world_start(&trial.w);
	CHECK_INT(trial_create(&r, &c), ERR_INVALID); /* found in the store */
	CHECK_INT(dispatch_stats(trial.w.d).mismatched, 1);
	r.spec = STR("request");
	CHECK_INT(trial_create(&r, &c), 0);
}

TEST(without_a_key_every_call_is_new)
{
	struct dispatch_request r = trial_request();
	struct dispatch_created a, b;

	trial_begin();
	CHECK_INT(trial_create(&r, &a), 0);
	CHECK_INT(trial_create(&r, &b), 0);
	CHECK(a.id != b.id && strcmp(a.meta, b.meta) != 0);
}

/* ---- admission ------------------------------------------------------------------------------- */

TEST(full_queue_and_full_disk_refuse)
{
	struct dispatch_request r = trial_request();
	struct dispatch_created c;

	trial_begin();
	trial.w.config.queue_most = 2;
	world_kill(&trial.w);
	world_start(&trial.w);
	trial.script = HANG;
	CHECK_INT(trial_create(&r, &c), 0);
	CHECK_INT(trial_create(&r, &c), 0);
	CHECK_INT(trial_create(&r, &c), ERR_LIMIT);
	CHECK(strstr(c.why, "the queue is full: 2"));
	trial_begin();
	trial.w.accept_fails = 1000;
	CHECK_INT(trial_create(&r, &c), ERR_LIMIT);
	CHECK_STR(c.why, "disk full");
	CHECK_INT(dispatch_stats(trial.w.d).live, 0);
	CHECK_INT(dispatch_stats(trial.w.d).refused, 1);
	CHECK_INT(dispatch_stats(trial.w.d).slots_used, 0);
}

/* Full, stopping, or on a full disk: whoever was accepted before is told so again. */
TEST(known_keys_are_answered_where_new_ones_are_refused)
{
	struct dispatch_created first, c, gone = {.done = trial_on_created};
	struct dispatch_request r = trial_request(), other = trial_request();

	trial_begin();
	r.has_key = other.has_key = true;
	other.key[0] = 1;
	CHECK_INT(trial_create(&r, &first), 0);
	trial_pass(S);
	trial.w.config.queue_most = 1;
	world_kill(&trial.w);
	world_start(&trial.w);
	trial.script = HANG;
	CHECK_INT(trial_create(&other, &c), 0);
	other.key[0] = 2;
	CHECK_INT(trial_create(&other, &c), ERR_LIMIT);
	CHECK(strstr(c.why, "the queue is full: 1"));
	CHECK_INT(trial_create(&r, &c), 0);
	CHECK(c.existed);
	CHECK_STR(c.meta, first.meta);
	r.spec = STR("other request");
	CHECK_INT(trial_create(&r, &c), ERR_INVALID);
	r.spec = STR("request");
	CHECK_INT(dispatch_create(trial.w.d, &r, &gone), 0);
	dispatch_create_forget(&gone);
	dispatch_drain(trial.w.d);
	dispatch_drain_hurry(trial.w.d);
	CHECK_INT(trial_create(&r, &c), 0);
	CHECK_STR(c.meta, first.meta);
	CHECK_INT(trial_create(&other, &c), ERR_STATE);
	CHECK_INT(dispatch_stats(trial.w.d).refused, 1);
	trial.w.config.queue_most = 100;
	world_kill(&trial.w);
	world_start(&trial.w);
	trial.w.accept_fails = 1000;
	CHECK_INT(trial_create(&r, &c), 0);
	CHECK_STR(c.meta, first.meta);
	CHECK_INT(trial_create(&other, &c), ERR_LIMIT);
	CHECK_STR(c.why, "disk full");
	CHECK_INT(dispatch_stats(trial.w.d).live, 1);
}

TEST(nonsense_is_refused)
{
	static char long_text[10000];
	struct dispatch_request r = trial_request();
	struct dispatch_created c;

	trial_begin();
	memset(long_text, 'x', sizeof(long_text));
	r.priority = 10;
	CHECK_INT(trial_create(&r, &c), ERR_INVALID);
	r = trial_request();
	r.type = STR_NULL;
	CHECK_INT(trial_create(&r, &c), ERR_INVALID);
	r = trial_request();
	r.name = (struct str){long_text, 1025};
	CHECK_INT(trial_create(&r, &c), ERR_INVALID);
	CHECK(strstr(c.why, "the task's name has 1025 bytes; at most 1024 are taken"));
	r = trial_request();
	r.output_prefix = (struct str){long_text, sizeof(long_text)};
	CHECK_INT(trial_create(&r, &c), ERR_INVALID);
	CHECK(strstr(c.why, "output prefix"));
	CHECK_INT(trial.w.n_rows, 0);
}

TEST(forgotten_create_is_kept)
{
	struct dispatch_created c = {.done = trial_on_created};
	struct dispatch_request r = trial_request();
	int before = trial.answered;

	trial_begin();
	CHECK_INT(dispatch_create(trial.w.d, &r, &c), 0);
	dispatch_create_forget(&c);
	trial_pass(S);
	CHECK_INT(trial.answered, before);
	CHECK_INT(trial.w.n_rows, 1);
	CHECK_INT(trial.w.rows[0].row->state, EXEC_SUCCEEDED);
}

/* ---- retry ----------------------------------------------------------------------------------- */

TEST(the_dead_can_be_repeated)
{
	struct dispatch_created c, again = {.done = trial_on_created};
	struct dispatch_request r = trial_request();
	uint64_t succeeded;

	trial_begin();
	r.owned = false;
	r.retries = 1;
	trial.script = FAIL_AGAIN;
	CHECK_INT(trial_create(&r, &c), 0);
	trial_pass(60 * S);
	CHECK_INT(trial_get(&c).state, EXEC_DEAD);
	trial.script = FINISH;
	CHECK_INT(dispatch_retry(trial.w.d, c.id, &again), 0);
	trial_pass(S);
	CHECK_INT(again.status, 0);
	CHECK(again.id != c.id);
	CHECK_INT(trial_get(&again).state, EXEC_SUCCEEDED);
	CHECK_INT(trial_get(&again).retry_of, c.id);
	CHECK_INT(trial_get(&c).retried_as, again.id);
	CHECK_INT(trial_get(&c).state, EXEC_DEAD);
	succeeded = again.id;
	again = (struct dispatch_created){.done = trial_on_created};
	CHECK_INT(dispatch_retry(trial.w.d, succeeded, &again), 0);
	trial_pass(S);
	CHECK_INT(again.status, ERR_STATE);
	CHECK_STR(again.why, "the execution is succeeded; only a dead one can be repeated");
	CHECK_INT(dispatch_retry(trial.w.d, 12345, &again), 0);
	trial_pass(S);
	CHECK_INT(again.status, ERR_NOT_FOUND);
}

TEST(what_failed_for_good_is_not_repeated)
{
	struct dispatch_created c, again = {.done = trial_on_created};
	struct dispatch_request r = trial_request();

	trial_begin();
	r.owned = false;
	trial.script = FAIL_FINAL;
	CHECK_INT(trial_create(&r, &c), 0);
	trial_pass(S);
	CHECK_INT(trial_get(&c).state, EXEC_FAILED);
	CHECK_INT(dispatch_retry(trial.w.d, c.id, &again), 0);
	trial_pass(S);
	CHECK_INT(again.status, ERR_STATE);
	CHECK_STR(again.why, "the execution is failed; only a dead one can be repeated");
	CHECK_INT(trial.w.n_rows, 1);
}
