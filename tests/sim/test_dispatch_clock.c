/* The wall clock jumps: time limits and waiting go by the one that does not. */
#include "sim/trial.h"

#define YEAR (INT64_C(365) * 86400 * S)

static void jump(int64_t by)
{
	trial.w.wall_offset += by;
	trial_pass(S);
}

TEST(limits_go_by_the_clock_that_does_not_jump)
{
	struct dispatch_request r = trial_request();
	struct dispatch_created running, waiting;

	trial_begin();
	dispatch_set_limit(trial.w.d, LIMIT_HOST, STR_NULL, 1);
	trial.script = HANG_KILL;
	r.hard_ns = 20 * S;
	CHECK_INT(trial_create(&r, &running), 0);
	r.hard_ns = 0;
	r.queue_ttl_ns = 10 * S;
	CHECK_INT(trial_create(&r, &waiting), 0);
	jump(YEAR);
	jump(-3 * YEAR);
	CHECK_INT(trial_get(&running).phase, PHASE_RUNNING);
	CHECK_INT(trial_get(&waiting).phase, PHASE_QUEUED);
	trial_pass(6 * S);
	CHECK_INT(trial_get(&waiting).phase, PHASE_QUEUED);
	trial_pass(3 * S);
	CHECK_INT(trial_get(&waiting).phase, PHASE_FAILED);
	CHECK_INT(trial_get(&running).phase, PHASE_RUNNING);
	trial_pass(11 * S);
	CHECK_INT(trial_get(&running).phase, PHASE_FAILED);
	CHECK(str_is(trial_get(&running).code, "TimedOut"));
}

TEST(a_retry_waits_no_longer_for_a_clock_that_went_back)
{
	struct dispatch_request r = trial_request();
	struct dispatch_created c;

	trial_begin();
	trial.script = FAIL_AGAIN;
	r.owned = false;
	r.retries = 5;
	CHECK_INT(trial_create(&r, &c), 0);
	for (int i = 0; i < 1000 && trial_get(&c).state != EXEC_RETRY_WAIT; i++)
		trial_pass(S / 100);
	CHECK_INT(trial_get(&c).state, EXEC_RETRY_WAIT);
	trial.script = FINISH;
	world_kill(&trial.w);
	trial.w.wall_offset -= YEAR;
	world_start(&trial.w);
	trial_pass(trial.w.config.retry_most_ns + 10 * S);
	CHECK_INT(trial_get(&c).phase, PHASE_SUCCEEDED);
	CHECK_INT(trial_get(&c).run, 2);
}

TEST(new_ones_come_after_old_ones_when_the_clock_went_back)
{
	struct dispatch_request r = trial_request();
	struct dispatch_created before, after;

	trial_begin();
	CHECK_INT(trial_create(&r, &before), 0);
	jump(-YEAR);
	CHECK_INT(trial_create(&r, &after), 0);
	CHECK(after.id > before.id);
	trial_pass(10 * S);
	CHECK_INT(trial_get(&before).phase, PHASE_SUCCEEDED);
	CHECK_INT(trial_get(&after).phase, PHASE_SUCCEEDED);
}
