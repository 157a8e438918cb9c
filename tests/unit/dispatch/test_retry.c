#include "base/mem.h"
#include "dispatch/retry.h"
#include "lib/test.h"

static const struct retry_facts direct = {.max_runs = 5};
static const struct retry_facts owned = {.owned = true, .max_runs = 1};

static struct retry_rule decide(struct retry_facts f)
{
	struct dispatch_config c = dispatch_defaults();
	static const char *const final_codes[] = {"USER:Hopeless", NULL};

	c.final_codes = final_codes;
	return retry_decide(&f, &c, 12345);
}

static struct retry_facts with(struct retry_facts f, enum run_outcome outcome)
{
	f.outcome = outcome;
	return f;
}

TEST(flytes_own_map_as_promised)
{
	struct retry_facts f = with(owned, RUN_CRASHED);

	CHECK_INT(decide(f).to, EXEC_RETRYABLE_FAILED);
	CHECK_STR(decide(f).code, "PluginCrashed");
	f = with(owned, RUN_NO_MEMORY);
	CHECK_INT(decide(f).to, EXEC_FAILED);
	CHECK_STR(decide(f).code, "OutOfMemory");
	f = with(owned, RUN_NO_CPU_TIME);
	CHECK_INT(decide(f).to, EXEC_FAILED);
	CHECK_STR(decide(f).code, "CpuTimeExceeded");
	f = with(owned, RUN_CRASHED);
	f.timed_out = true;
	CHECK_INT(decide(f).to, EXEC_FAILED);
	CHECK_STR(decide(f).code, "TimedOut");
	f = with(owned, RUN_ERROR);
	CHECK_INT(decide(f).to, EXEC_FAILED);
	CHECK(!decide(f).code);
	f.recoverable = true;
	CHECK_INT(decide(f).to, EXEC_RETRYABLE_FAILED);
	CHECK_INT(decide(with(owned, RUN_DONE)).to, EXEC_SUCCEEDED);
}

TEST(direct_ones_use_the_templates_retries)
{
	struct retry_facts f = with(direct, RUN_ERROR);

	f.recoverable = true;
	for (f.failures = 0; f.failures < 4; f.failures++) {
		CHECK_INT(decide(f).to, EXEC_RETRY_WAIT);
		CHECK_INT(decide(f).failures, f.failures + 1);
		CHECK(decide(f).delay_ns <= NS_S << f.failures);
	}
	CHECK_INT(decide(f).to, EXEC_DEAD);
	f.max_runs = 1; /* no retries were asked for */
	f.failures = 0;
	CHECK_INT(decide(f).to, EXEC_FAILED);
}

TEST(final_errors_are_not_tried_again)
{
	struct retry_facts f = with(direct, RUN_ERROR);

	CHECK_INT(decide(f).to, EXEC_FAILED);
	f.recoverable = true;
	f.code = STR("USER:Hopeless");
	CHECK_INT(decide(f).to, EXEC_FAILED);
	CHECK_INT(decide(with(direct, RUN_NO_MEMORY)).to, EXEC_FAILED);
	CHECK_INT(decide(with(direct, RUN_NO_CPU_TIME)).to, EXEC_FAILED);
}

TEST(three_crashes_are_poison)
{
	struct retry_facts f = with(direct, RUN_CRASHED);

	f.max_runs = 100;
	CHECK_INT(decide(f).to, EXEC_RETRY_WAIT);
	CHECK_INT(decide(f).crashes, 1);
	f.crashes = f.failures = 2;
	CHECK_INT(decide(f).to, EXEC_DEAD);
	CHECK_STR(decide(f).code, "PluginCrashed");
}

TEST(a_drained_run_counts_nothing)
{
	struct retry_facts f = with(direct, RUN_STOPPED);

	f.drained = true;
	f.failures = 4;
	CHECK_INT(decide(f).to, EXEC_RETRY_WAIT);
	CHECK_INT(decide(f).failures, 4);
	CHECK_INT(decide(f).delay_ns, 0);
	f = with(owned, RUN_CRASHED);
	f.drained = true;
	CHECK_INT(decide(f).to, EXEC_RETRY_WAIT);
	f.outcome = RUN_DONE; /* it finished all the same */
	CHECK_INT(decide(f).to, EXEC_SUCCEEDED);
}

TEST(runners_that_do_not_start_are_given_up_in_the_end)
{
	struct retry_facts f = with(owned, RUN_NOT_STARTED);

	CHECK_INT(decide(f).to, EXEC_RETRY_WAIT);
	CHECK_INT(decide(f).failures, 0);
	f.not_started = 9;
	CHECK_INT(decide(f).to, EXEC_RETRYABLE_FAILED);
	CHECK_STR(decide(f).code, "RunnerNotStarted");
}

TEST(lost_hosts_are_survived_three_times)
{
	struct dispatch_config c = dispatch_defaults();

	for (uint32_t n = 1; n <= 3; n++)
		CHECK_INT(retry_after_loss(true, n, &c), EXEC_QUEUED);
	CHECK_INT(retry_after_loss(true, 4, &c), EXEC_RETRYABLE_FAILED);
	CHECK_INT(retry_after_loss(false, 4, &c), EXEC_DEAD);
}

TEST(lost_runners_are_survived_three_times_and_count_nothing)
{
	struct retry_facts f = with(owned, RUN_LOST);

	for (f.losses = 0; f.losses < 3; f.losses++) {
		CHECK_INT(decide(f).to, EXEC_RETRY_WAIT);
		CHECK_INT(decide(f).losses, f.losses + 1);
		CHECK_INT(decide(f).failures, 0);
		CHECK(decide(f).delay_ns <= NS_S << f.losses);
	}
	CHECK_INT(decide(f).to, EXEC_RETRYABLE_FAILED);
	CHECK_STR(decide(f).code, "RunnerLost");
	f = with(direct, RUN_LOST);
	f.failures = 4;
	CHECK_INT(decide(f).to, EXEC_RETRY_WAIT);
	CHECK_INT(decide(f).failures, 4);
	f.losses = 3;
	CHECK_INT(decide(f).to, EXEC_DEAD);
	f.timed_out = true; /* it was to end itself */
	CHECK_INT(decide(f).to, EXEC_FAILED);
	CHECK_STR(decide(f).code, "TimedOut");
}

TEST(jitter_is_full_and_bounded)
{
	uint64_t random = 1;
	int64_t least = INT64_MAX, most = 0;

	for (int i = 0; i < 10000; i++) {
		int64_t v;

		random = random * 6364136223846793005u + 1442695040888963407u;
		v = retry_jitter(4, NS_S, 300 * NS_S, random >> 1);
		CHECK(v >= 0 && v <= 8 * NS_S);
		least = MIN(least, v);
		most = MAX(most, v);
	}
	CHECK(least < NS_S / 10 && most > 79 * NS_S / 10);
	CHECK(retry_jitter(1000, NS_S, 300 * NS_S, UINT64_MAX) <= 300 * NS_S);
	CHECK_INT(retry_jitter(1, 0, 0, 5), 0);
}
