#include "runners/death.h"

#include "base/mem.h"
#include "runners/cause.h"
#include "runners/memory.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#define STACK_NEAR ((uint64_t)64 << 10) /* a fault this close to the stack pointer is its end */

/* ---- what it was -------------------------------------------------------------------------- */

static void describe_fault(const struct crash_record *crash, struct death *d)
{
	uint64_t address = crash->address;

	if (!crash->address_known)
		return;
	if (d->signal == SIGSEGV && address - (crash->stack - STACK_NEAR) <= 2 * STACK_NEAR)
		snprintf(d->detail, sizeof(d->detail), "stack overflow");
	else
		snprintf(d->detail, sizeof(d->detail), "at address 0x%llx",
			 (unsigned long long)address);
}

static bool ran_out_of_memory(const struct death *d,
			      const struct crash_record *crash,
			      bool out_of_memory,
			      const struct death_facts *facts)
{
	uint64_t most = facts->limits->memory;

	if (out_of_memory || facts->oom_killed)
		return true;
	if (d->signal == SIGKILL)
		return memory_oom_killed(NULL, NULL);
	if (!most || !crash->signal || d->signal == SIGFPE || d->signal == SIGSYS)
		return false;
	return crash->error_number == ENOMEM || crash->data_bytes >= most - most / 64;
}

static void judge_signal(struct death *d,
			 int sig,
			 const struct crash_record *crash,
			 const struct death_facts *facts)
{
	uint32_t told = crash->signal;

	/* The crash counts, not the alarm that ended a report which took too long. */
	d->signal = told && told < NSIG ? (int)told : sig;
	d->how = DEATH_SIGNALLED;
	if (told)
		describe_fault(crash, d);
	else
		snprintf(d->trace_note, sizeof(d->trace_note),
			 "no frames: the process ended without a report%s",
			 sig == SIGSEGV ? " (a stack overflow in a second thread does that)" : "");
	if (sig == SIGXCPU && facts->limits->cpu_seconds)
		d->how = DEATH_CPU_TIME;
}

static void judge(struct death *d,
		  const struct process_end *end,
		  const struct channel *channel,
		  const struct death_facts *facts)
{
	const struct crash_record *crash = channel->crash;
	bool out_of_memory = channel->header->about.out_of_memory != 0;
	bool by_signal = WIFSIGNALED(end->status);

	if (by_signal)
		judge_signal(d, WTERMSIG(end->status), crash, facts);
	else
		d->code = WEXITSTATUS(end->status);
	if (facts->misbehaved) {
		d->how = DEATH_MISBEHAVED;
		snprintf(d->message, sizeof(d->message), "%s", facts->misbehaved);
	} else if (facts->cpu_used_up) {
		d->how = DEATH_CPU_TIME;
	} else if (facts->killed && !crash->signal) {
		d->how = DEATH_KILLED;
	} else if (facts->stopped && (!by_signal || d->signal == SIGKILL)) {
		d->how = DEATH_STOPPED;
	} else if (by_signal ? ran_out_of_memory(d, crash, out_of_memory, facts) : out_of_memory) {
		d->how = DEATH_OUT_OF_MEMORY;
	}
}

struct death *death_new(const struct process_end *end,
			pid_t pid,
			const struct channel *channel,
			const struct death_facts *facts)
{
	struct death *d = calloc(1, sizeof(*d));
	size_t n;

	if (!d)
		return NULL;
	d->refs = 1;
	d->pid = pid;
	d->usage = end->usage;
	d->memory_limit = facts->limits->memory;
	d->cpu_seconds = facts->limits->cpu_seconds;
	n = strnlen(channel->header->about.step, sizeof(d->step) - 1);
	memcpy(d->step, channel->header->about.step, n);
	if (!utf8_valid(d->step, n, NULL))
		d->step[0] = '\0';
	if (end->thread)
		d->how = facts->stopped ? DEATH_STOPPED : DEATH_THREAD;
	else
		judge(d, end, channel, facts);
	return d;
}

struct death *death_ref(struct death *d)
{
	d->refs++;
	return d;
}

void death_unref(struct death *d)
{
	if (!d || --d->refs > 0)
		return;
	free(d->frames);
	free(d);
}

bool death_is_crash(const struct death *d)
{
	return d->how != DEATH_KILLED && d->how != DEATH_STOPPED;
}

/* ---- words -------------------------------------------------------------------------------- */

void death_describe(const struct death *d, struct buf *out)
{
	switch (d->how) {
	case DEATH_EXITED:
		buf_printf(out, "called exit(%d)", d->code);
		break;
	case DEATH_SIGNALLED:
		cause_signal(d->signal, out);
		break;
	case DEATH_OUT_OF_MEMORY:
		cause_out_of_memory(d->memory_limit, d->signal, d->code, out);
		break;
	case DEATH_CPU_TIME:
		buf_printf(out, "used up its CPU time of %llu s",
			   (unsigned long long)d->cpu_seconds);
		break;
	case DEATH_KILLED:
		buf_puts(out, "killed because another run in it did not stop when it was asked to");
		break;
	case DEATH_MISBEHAVED:
		buf_printf(out, "killed because it misbehaved: %s", d->message);
		break;
	case DEATH_STOPPED:
		buf_puts(out, "stopped");
		break;
	case DEATH_THREAD:
		buf_puts(out, "its thread ended");
		break;
	}
	if (d->step[0] && d->how != DEATH_STOPPED)
		buf_printf(out, " in %s", d->step);
	if (d->detail[0] && (d->how == DEATH_SIGNALLED || d->how == DEATH_OUT_OF_MEMORY))
		buf_printf(out, ", %s", d->detail);
}
