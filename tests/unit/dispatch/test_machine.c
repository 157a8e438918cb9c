#include "dispatch/machine.h"
#include "base/mem.h"
#include "lib/test.h"

TEST(every_state_has_a_line_and_every_arrow_a_target)
{
	for (int s = 0; s < EXEC_STATES; s++) {
		bool known = strcmp(exec_state_name(s), "?") != 0;

		CHECK(known == (machine_states[s].name != NULL));
		for (int to = 0; known && to < EXEC_STATES; to++)
			if (machine_states[s].next & 1u << to)
				CHECK(machine_states[to].name);
	}
}

TEST(finished_states_are_the_end)
{
	for (int s = EXEC_FINISHED; s < EXEC_STATES; s++)
		for (int to = 0; to < EXEC_STATES; to++) {
			CHECK(!machine_allows((enum exec_state)s, (enum exec_state)to));
			CHECK(!machine_allows_durable((enum exec_state)s, (enum exec_state)to));
		}
}

TEST(rows_follow_the_table)
{
	CHECK(machine_allows_durable(EXEC_NEW, EXEC_QUEUED));
	CHECK(machine_allows_durable(EXEC_NEW, EXEC_STARTING));
	CHECK(machine_allows_durable(EXEC_NEW, EXEC_ABORTED));
	CHECK(!machine_allows_durable(EXEC_NEW, EXEC_SUCCEEDED));
	CHECK(!machine_allows_durable(EXEC_NEW, EXEC_RETRY_WAIT));
	CHECK(machine_allows_durable(EXEC_QUEUED, EXEC_STARTING));
	CHECK(machine_allows_durable(EXEC_QUEUED, EXEC_FAILED)); /* queue time */
	CHECK(machine_allows_durable(EXEC_QUEUED, EXEC_ABORTED));
	CHECK(!machine_allows_durable(EXEC_QUEUED, EXEC_SUCCEEDED));
	CHECK(machine_allows_durable(EXEC_STARTING, EXEC_STARTING)); /* a host was lost */
	CHECK(machine_allows_durable(EXEC_STARTING, EXEC_RETRY_WAIT));
	CHECK(machine_allows_durable(EXEC_STARTING, EXEC_COMMITTING));
	CHECK(machine_allows_durable(EXEC_STARTING, EXEC_SUCCEEDED));
	CHECK(machine_allows_durable(EXEC_COMMITTING, EXEC_SUCCEEDED));
	CHECK(machine_allows_durable(EXEC_COMMITTING, EXEC_STARTING));
	CHECK(machine_allows_durable(EXEC_RETRY_WAIT, EXEC_STARTING));
	CHECK(!machine_allows_durable(EXEC_RETRY_WAIT, EXEC_SUCCEEDED));
	CHECK(!machine_allows_durable(EXEC_STARTING, EXEC_QUEUED));
	CHECK(!machine_allows_durable(EXEC_STARTING, EXEC_RUNNING)); /* never in a row */
	CHECK(!machine_allows_durable((enum exec_state)9, EXEC_STARTING));
}

TEST(phases_are_what_flyte_knows)
{
	CHECK_INT(machine_phase(EXEC_QUEUED, false, false), PHASE_QUEUED);
	CHECK_INT(machine_phase(EXEC_WAITING, false, false), PHASE_WAITING_FOR_RESOURCES);
	CHECK_INT(machine_phase(EXEC_STARTING, false, false), PHASE_INITIALIZING);
	CHECK_INT(machine_phase(EXEC_RUNNING, true, false), PHASE_RUNNING);
	CHECK_INT(machine_phase(EXEC_COMMITTING, true, false), PHASE_RUNNING);
	CHECK_INT(machine_phase(EXEC_CANCELLING, true, true), PHASE_RUNNING);
	CHECK_INT(machine_phase(EXEC_SUCCEEDED, true, false), PHASE_SUCCEEDED);
	CHECK_INT(machine_phase(EXEC_FAILED, true, false), PHASE_FAILED);
	CHECK_INT(machine_phase(EXEC_DEAD, true, false), PHASE_FAILED);
	CHECK_INT(machine_phase(EXEC_RETRYABLE_FAILED, true, false), PHASE_RETRYABLE_FAILED);
}

TEST(what_ran_never_queues_again_for_flyte)
{
	static const enum exec_state live[] = {EXEC_NEW, EXEC_QUEUED, EXEC_WAITING, EXEC_STARTING,
					       EXEC_RETRY_WAIT};

	for (size_t i = 0; i < ARRAY_LEN(live); i++)
		CHECK_INT(machine_phase(live[i], true, false), PHASE_RUNNING);
}

TEST(an_end_that_may_be_forgotten_is_not_running)
{
	CHECK_INT(machine_phase(EXEC_CANCELLING, false, true), PHASE_QUEUED);
	CHECK_INT(machine_phase(EXEC_COMMITTING, false, false), PHASE_QUEUED);
}

TEST(aborted_is_said_only_to_who_asked)
{
	CHECK_INT(machine_phase(EXEC_ABORTED, true, true), PHASE_ABORTED);
	CHECK_INT(machine_phase(EXEC_ABORTED, true, false), PHASE_RETRYABLE_FAILED);
}

TEST(invariants_tell_what_is_wrong)
{
	struct machine_facts f = {.state = EXEC_QUEUED, .in_queue = true, .durable = true};

	CHECK(!machine_broken(&f));
	f.in_queue = false;
	CHECK_STR(machine_broken(&f), "queued and in no lane");
	f = (struct machine_facts){.state = EXEC_RUNNING, .has_runner = true, .has_slots = true};
	CHECK(!machine_broken(&f));
	f.has_slots = false;
	CHECK_STR(machine_broken(&f), "a runner works for it without a slot");
	f = (struct machine_facts){.state = EXEC_SUCCEEDED, .has_timer = true};
	CHECK_STR(machine_broken(&f), "finished, and something is still going on");
	f = (struct machine_facts){.state = EXEC_RETRY_WAIT};
	CHECK_STR(machine_broken(&f), "waiting for a retry that never comes");
	f = (struct machine_facts){.state = EXEC_COMMITTING};
	CHECK_STR(machine_broken(&f), "committing without knowing what");
}
