#include "dispatch/machine.h"

#include "base/mem.h"

#define TO(state) (1u << EXEC_##state)

#define ENDS (TO(SUCCEEDED) | TO(FAILED) | TO(RETRYABLE_FAILED) | TO(DEAD))

const struct machine_state machine_states[EXEC_STATES] = {
	[EXEC_NEW] = {"new",
		      TO(QUEUED) | TO(STARTING) | TO(COMMITTING) | TO(RETRY_WAIT) | TO(CANCELLING) |
			      TO(ABORTED),
		      PHASE_QUEUED, "on_new.c"},
	[EXEC_QUEUED] = {"queued", TO(WAITING) | TO(STARTING) | TO(COMMITTING) | TO(CANCELLING),
			 PHASE_QUEUED, "on_queued.c"},
	[EXEC_WAITING] = {"waiting", TO(QUEUED) | TO(STARTING) | TO(COMMITTING) | TO(CANCELLING),
			  PHASE_WAITING_FOR_RESOURCES, "on_queued.c"},
	[EXEC_STARTING] = {"starting",
			   TO(RUNNING) | TO(COMMITTING) | TO(RETRY_WAIT) | TO(CANCELLING),
			   PHASE_INITIALIZING, "on_starting.c"},
	[EXEC_RUNNING] = {"running", TO(COMMITTING) | TO(RETRY_WAIT) | TO(CANCELLING),
			  PHASE_RUNNING, "on_running.c"},
	[EXEC_COMMITTING] = {"committing", ENDS | TO(CANCELLING), PHASE_RUNNING, "on_committing.c"},
	[EXEC_RETRY_WAIT] = {"retry wait", TO(QUEUED) | TO(CANCELLING), PHASE_RUNNING,
			     "on_retry_wait.c"},
	[EXEC_CANCELLING] = {"cancelling", TO(ABORTED), PHASE_RUNNING, "on_cancelling.c"},
	[EXEC_SUCCEEDED] = {"succeeded", 0, PHASE_SUCCEEDED, "ended.c"},
	[EXEC_FAILED] = {"failed", 0, PHASE_FAILED, "ended.c"},
	[EXEC_RETRYABLE_FAILED] = {"retryable failed", 0, PHASE_RETRYABLE_FAILED, "ended.c"},
	[EXEC_ABORTED] = {"aborted", 0, PHASE_ABORTED, "ended.c"},
	[EXEC_DEAD] = {"dead", 0, PHASE_FAILED, "ended.c"},
};

static bool known(enum exec_state s)
{
	return (size_t)s < EXEC_STATES && machine_states[s].name;
}

bool machine_allows(enum exec_state from, enum exec_state to)
{
	return known(from) && known(to) && (machine_states[from].next & 1u << to);
}

/* States that a row may skip: they live in memory, or are written only at times. */
#define UNWRITTEN                                                                                  \
	(TO(NEW) | TO(QUEUED) | TO(WAITING) | TO(RUNNING) | TO(COMMITTING) | TO(CANCELLING))

bool machine_allows_durable(enum exec_state from, enum exec_state to)
{
	uint32_t reached, before;

	if (!known(from) || !known(to) || !exec_state_durable(to) || exec_state_finished(from))
		return false;
	reached = machine_states[from].next | machine_states[EXEC_NEW].next;
	/* Recovery puts an execution that may not run again straight to its end. */
	do {
		before = reached;
		for (unsigned s = 0; s < EXEC_STATES; s++)
			if (reached & UNWRITTEN & 1u << s)
				reached |= machine_states[s].next;
	} while (reached != before);
	if (from == EXEC_NEW) /* what a row can be born as */
		return to == EXEC_QUEUED || to == EXEC_STARTING || to == EXEC_ABORTED;
	if (to == EXEC_SUCCEEDED) /* only what has started can succeed */
		return from == EXEC_STARTING || from == EXEC_COMMITTING;
	return to != EXEC_QUEUED && (reached & 1u << to);
}

enum task_phase machine_phase(enum exec_state state, bool ran, bool by_flyte)
{
	if (state == EXEC_ABORTED && !by_flyte)
		return PHASE_RETRYABLE_FAILED;
	if (ran && !exec_state_finished(state))
		return PHASE_RUNNING;
	/* An end that is not durable yet may be forgotten, and then it queues again. */
	if (!ran &&
	    (state == EXEC_COMMITTING || state == EXEC_CANCELLING || state == EXEC_RETRY_WAIT))
		return PHASE_QUEUED;
	return known(state) ? machine_states[state].phase : PHASE_RUNNING;
}

const char *machine_broken(const struct machine_facts *f)
{
	enum exec_state s = f->state;
	bool queued = s == EXEC_QUEUED || s == EXEC_WAITING;

	if (!known(s))
		return "the state has no name";
	if (f->in_queue != queued)
		return queued ? "queued and in no lane" : "in a lane and not queued";
	if (f->has_runner && s != EXEC_STARTING && s != EXEC_RUNNING && s != EXEC_CANCELLING)
		return "a runner works for it in a state that has none";
	if (f->has_runner && !f->has_slots)
		return "a runner works for it without a slot";
	if (f->has_slots && !f->has_runner && s != EXEC_STARTING && s != EXEC_NEW)
		return "it keeps a slot without a runner";
	if (s == EXEC_RUNNING && !f->has_runner)
		return "running without a runner";
	if (exec_state_finished(s) && (f->writing || f->has_timer || f->has_slots || f->has_runner))
		return "finished, and something is still going on";
	if (s == EXEC_COMMITTING && !f->ending)
		return "committing without knowing what";
	if (f->end_written && s != EXEC_COMMITTING && s != EXEC_CANCELLING)
		return "the end is written before it is reached";
	if (s == EXEC_RETRY_WAIT && !f->writing && !f->has_timer)
		return "waiting for a retry that never comes";
	return NULL;
}
