#include "dispatch/retry.h"

#include "base/mem.h"

int64_t retry_jitter(uint32_t n, int64_t first_ns, int64_t most_ns, uint64_t random)
{
	int64_t most = first_ns;

	for (uint32_t i = 1; i < n && most < most_ns; i++)
		most *= 2;
	most = MIN(most, most_ns);
	return most <= 0 ? 0 : (int64_t)(random % ((uint64_t)most + 1));
}

enum exec_state retry_after_loss(bool owned, uint32_t losses, const struct dispatch_config *config)
{
	if (losses <= config->losses_most)
		return EXEC_QUEUED;
	return owned ? EXEC_RETRYABLE_FAILED : EXEC_DEAD;
}

static bool is_final(struct str code, const struct dispatch_config *config)
{
	for (const char *const *c = config->final_codes; c && *c; c++)
		if (str_is(code, *c))
			return true;
	return false;
}

/* The code a run gets from us, and whether trying again can help. */
struct verdict {
	const char *code;
	bool again;
};

static struct verdict judge(const struct retry_facts *f, const struct dispatch_config *config)
{
	if (f->timed_out)
		return (struct verdict){"TimedOut", false};
	switch (f->outcome) {
	case RUN_CRASHED:
		return (struct verdict){"PluginCrashed", true};
	case RUN_NO_MEMORY:
		return (struct verdict){"OutOfMemory", false};
	case RUN_NO_CPU_TIME:
		return (struct verdict){"CpuTimeExceeded", false};
	case RUN_STOPPED:
		return (struct verdict){"Stopped", true};
	default:
		return (struct verdict){NULL, f->recoverable && !is_final(f->code, config)};
	}
}

static struct retry_rule not_started(const struct retry_facts *f,
				     const struct dispatch_config *config,
				     struct retry_rule rule,
				     uint64_t random)
{
	rule.not_started = f->not_started + 1;
	rule.code = "RunnerNotStarted";
	rule.to = f->owned ? EXEC_RETRYABLE_FAILED : EXEC_FAILED;
	if (rule.not_started >= config->not_started_most)
		return rule;
	rule.to = EXEC_RETRY_WAIT;
	rule.delay_ns = retry_jitter(rule.not_started, config->retry_first_ns,
				     config->retry_most_ns, random);
	return rule;
}

/* Nothing is held against it, but one that only meets such neighbours must end some day. */
static struct retry_rule lost(const struct retry_facts *f,
			      const struct dispatch_config *config,
			      struct retry_rule rule,
			      uint64_t random)
{
	rule.losses = f->losses + 1;
	rule.code = "RunnerLost";
	rule.to = retry_after_loss(f->owned, rule.losses, config);
	if (rule.to != EXEC_QUEUED)
		return rule;
	rule.to = EXEC_RETRY_WAIT;
	rule.delay_ns =
		retry_jitter(rule.losses, config->retry_first_ns, config->retry_most_ns, random);
	return rule;
}

struct retry_rule
retry_decide(const struct retry_facts *f, const struct dispatch_config *config, uint64_t random)
{
	struct retry_rule rule = {
		.failures = f->failures, .crashes = f->crashes, .losses = f->losses};
	struct verdict v;

	if (f->outcome == RUN_DONE) {
		rule.to = EXEC_SUCCEEDED;
		return rule;
	}
	if (f->drained && f->outcome != RUN_ERROR) { /* no fault of its own: it counts nothing */
		rule.to = EXEC_RETRY_WAIT;
		rule.code = "Drained";
		return rule;
	}
	if (f->outcome == RUN_NOT_STARTED)
		return not_started(f, config, rule, random);
	if (f->outcome == RUN_LOST && !f->timed_out)
		return lost(f, config, rule, random);
	v = judge(f, config);
	rule.code = v.code;
	rule.failures++;
	rule.crashes += f->outcome == RUN_CRASHED && !f->timed_out;
	if (f->owned) {
		rule.to = v.again ? EXEC_RETRYABLE_FAILED : EXEC_FAILED;
		return rule;
	}
	rule.to = EXEC_FAILED;
	if (!v.again)
		return rule;
	if (rule.crashes >= config->poison_crashes ||
	    (rule.failures >= f->max_runs && f->max_runs > 1)) {
		rule.to = EXEC_DEAD;
		return rule;
	}
	if (rule.failures >= f->max_runs)
		return rule;
	rule.to = EXEC_RETRY_WAIT;
	rule.delay_ns =
		retry_jitter(rule.failures, config->retry_first_ns, config->retry_most_ns, random);
	return rule;
}
