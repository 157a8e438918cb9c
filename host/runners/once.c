/* The parent's side: fork, wait, stop, and say how it ended. */
#include "runners/shared.h"

#include "base/clock.h"
#include "base/mem.h"
#include "runners/cause.h"
#include "runners/debugger.h"
#include "runners/frames.h"
#include "runners/memory.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECOND     INT64_C(1000000000)
#define STACK_NEAR ((uint64_t)64 << 10) /* a fault this close to the stack pointer is its end */

struct run {
	const struct once_params *params;
	struct once_shared *shared;
	sigset_t waited; /* signals taken one by one while the child runs */
	sigset_t old_mask;
	struct sigaction old_chld;
	pid_t pid, gdb;  /* 0: none */
	int stop_signal; /* that asked us to stop; 0: none */
	int64_t next;    /* monotonic time of the next step; INT64_MAX: none */
	bool cancelled, killed;
};

/* ---- signals --------------------------------------------------------------------------------- */

static void wait_for_unless_ignored(struct run *r, int sig)
{
	struct sigaction now;

	if (sigaction(sig, NULL, &now) == 0 && now.sa_handler != SIG_IGN)
		sigaddset(&r->waited, sig);
}

/* From here on these signals wait until they are asked for, so that none falls between two steps.
 * With SIGCHLD ignored there would be no zombie to read the end from. */
static void signals_take(struct run *r)
{
	const struct sigaction standard = {.sa_handler = SIG_DFL};

	sigemptyset(&r->waited);
	sigaddset(&r->waited, SIGCHLD);
	wait_for_unless_ignored(r, SIGTERM);
	wait_for_unless_ignored(r, SIGINT);
	wait_for_unless_ignored(r, SIGUSR1);
	sigaction(SIGCHLD, &standard, &r->old_chld);
	sigprocmask(SIG_BLOCK, &r->waited, &r->old_mask);
}

static void signals_give_back(struct run *r)
{
	sigaction(SIGCHLD, &r->old_chld, NULL);
	sigprocmask(SIG_SETMASK, &r->old_mask, NULL);
}

/* ---- stopping -------------------------------------------------------------------------------- */

static int64_t later(int64_t span)
{
	int64_t now = clock_monotonic_ns();

	return span > INT64_MAX - now ? INT64_MAX : now + span;
}

static void cancel(struct run *r, uint32_t reason)
{
	_Atomic uint32_t *word = &r->shared->child.cancel;

	atomic_store(word, reason);
	syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
	r->cancelled = true;
	r->next = later(r->params->grace_ns > 0 ? r->params->grace_ns : ONCE_GRACE_NS);
}

static void kill_now(struct run *r)
{
	kill(-r->pid, SIGKILL);
	kill(r->pid, SIGKILL);
	r->killed = true;
	r->next = INT64_MAX;
}

static void on_time(struct run *r)
{
	if (r->cancelled)
		kill_now(r);
	else
		cancel(r, ONCE_CANCEL_DEADLINE);
}

static void on_stop(struct run *r, int sig)
{
	/* gdb shares the terminal: Ctrl-C is meant for it. */
	if (sig == SIGINT && r->gdb)
		return;
	if (r->stop_signal) {
		kill_now(r);
		return;
	}
	r->stop_signal = sig;
	cancel(r, sig == SIGINT ? ONCE_CANCEL_ASKED : ONCE_CANCEL_SHUTDOWN);
}

/* ---- waiting --------------------------------------------------------------------------------- */

/* Leaves it a zombie: as long as it is, its process group cannot be anybody else's. */
static bool child_ended(const struct run *r)
{
	siginfo_t info = {.si_pid = 0};

	return waitid(P_PID, (id_t)r->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ||
	       info.si_pid != 0;
}

static void debugger_check(struct run *r)
{
	if (r->gdb && waitpid(r->gdb, NULL, WNOHANG) != 0) {
		r->gdb = 0;
		r->shared->no_debugger = 1;
	}
}

/* The next signal, or 0 when it is time for the next step. */
static int next_signal(const struct run *r)
{
	int64_t left = r->next == INT64_MAX ? INT64_MAX : r->next - clock_monotonic_ns();
	struct timespec span;
	int sig = -1;

	if (left <= 0)
		return 0;
	span.tv_sec = (time_t)(left / SECOND);
	span.tv_nsec = (long)(left % SECOND);
	do
		sig = left == INT64_MAX ? sigwaitinfo(&r->waited, NULL)
					: sigtimedwait(&r->waited, NULL, &span);
	while (sig < 0 && errno == EINTR && left == INT64_MAX);
	return sig < 0 ? 0 : sig;
}

static void wait_for_end(struct run *r)
{
	while (!child_ended(r)) {
		int sig = next_signal(r);

		if (sig == SIGTERM || sig == SIGINT)
			on_stop(r, sig);
		else if (sig == SIGUSR1)
			kill(r->pid, SIGUSR1);
		else if (sig == SIGCHLD)
			debugger_check(r);
		else if (clock_monotonic_ns() >= r->next)
			on_time(r);
	}
}

/* ---- what it was ----------------------------------------------------------------------------- */

static bool memory_ran_out(const struct run *r, const struct crash_record *crash, int sig)
{
	uint64_t most = r->params->memory_limit;

	if (r->shared->child.out_of_memory)
		return true;
	if (sig == SIGKILL)
		return !r->killed && memory_oom_killed(NULL, NULL);
	if (!most || !crash->signal || sig == SIGFPE || sig == SIGSYS)
		return false;
	return crash->error_number == ENOMEM || crash->data_bytes >= most - most / 64;
}

static void describe_fault(const struct crash_record *crash, struct once_result *ret)
{
	if (!crash->signal || !crash->address_known)
		return;
	if (crash->signal == SIGSEGV &&
	    crash->address - (crash->stack - STACK_NEAR) <= 2 * STACK_NEAR)
		snprintf(ret->detail, sizeof(ret->detail), "stack overflow");
	else
		snprintf(ret->detail, sizeof(ret->detail), "at address 0x%llx",
			 (unsigned long long)crash->address);
}

static void say_signalled(struct run *r, int sig, struct once_result *ret)
{
	const struct crash_record *crash = &r->shared->crash;
	uint32_t told = crash->signal;

	/* The crash counts, not the alarm that ended a report which took too long. */
	ret->signal = told && told < NSIG ? (int)told : sig;
	ret->how = ONCE_SIGNALLED;
	describe_fault(crash, ret);
	if (told)
		frames_name(crash, &r->shared->child, ret);
	else
		snprintf(ret->trace_note, sizeof(ret->trace_note),
			 "no frames: the process ended without a report%s",
			 sig == SIGSEGV ? " (a stack overflow in a second thread does that)" : "");
	if (r->killed && sig == SIGKILL) {
		ret->how = ONCE_TIMED_OUT;
		ret->trace_note[0] = '\0';
	}
	if (memory_ran_out(r, crash, sig))
		ret->how = ONCE_OUT_OF_MEMORY;
}

static void say_how(struct run *r, int status, struct once_result *ret)
{
	const struct once_child *child = &r->shared->child;

	memcpy(ret->step, child->step, sizeof(ret->step));
	ret->step[sizeof(ret->step) - 1] = '\0';
	for (size_t i = 0; i < ONCE_MARKS_MAX; i++)
		ret->marks[i] = child->marks[i];
	ret->timeout_ns = r->params->timeout_ns;
	ret->memory_limit = r->params->memory_limit;
	if (r->stop_signal) {
		ret->how = ONCE_STOPPED;
		ret->signal = r->stop_signal;
	} else if (WIFSIGNALED(status)) {
		say_signalled(r, WTERMSIG(status), ret);
	} else if (child->done) {
		ret->how = ONCE_RETURNED;
		ret->status = child->status;
	} else {
		ret->how = child->out_of_memory ? ONCE_OUT_OF_MEMORY : ONCE_EXITED;
		ret->code = WEXITSTATUS(status);
	}
}

/* ---- the whole ------------------------------------------------------------------------------- */

static int start_debugger(struct run *r, struct error *err)
{
	_cleanup_(freep) char *gdb = NULL;
	int code = debugger_find(&gdb, err);

	if (code == 0)
		code = debugger_start(gdb, r->pid, &r->gdb, err);
	return code;
}

static int run_forked(struct run *r, struct once_result *ret, struct error *err)
{
	struct rusage usage;
	int status = 0, code = 0;

	r->next = r->params->timeout_ns > 0 && !r->params->debugger ? later(r->params->timeout_ns)
								    : INT64_MAX;
	if (r->params->debugger)
		code = start_debugger(r, err);
	if (code < 0)
		kill_now(r);
	wait_for_end(r);
	kill(-r->pid, SIGKILL);
	if (wait4(r->pid, &status, 0, &usage) < 0 && code == 0)
		code = err_set_errno(err, ERR_IO, errno, "cannot learn how the process ended");
	if (r->gdb)
		waitpid(r->gdb, NULL, 0);
	if (code < 0)
		return code;
	*ret = (struct once_result){.usage = usage};
	say_how(r, status, ret);
	return 0;
}

static int fork_child(struct run *r, struct error *err)
{
	fflush(NULL); /* or the child would write it again */
	r->shared->parent = getpid();
	r->pid = fork();
	if (r->pid < 0)
		return err_set_errno(err, ERR_IO, errno, "cannot make a process for the task");
	if (r->pid == 0)
		once_child_main(r->params, r->shared, &r->old_mask);
	setpgid(r->pid, r->pid);
	return 0;
}

int once_run(const struct once_params *params, struct once_result *ret, struct error *err)
{
	struct run r = {.params = params};
	int code;

	r.shared = mmap(NULL, sizeof(*r.shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	if (r.shared == MAP_FAILED)
		return err_set_errno(err, ERR_IO, errno, "cannot share memory with a process");
	signals_take(&r);
	code = fork_child(&r, err);
	if (code == 0)
		code = run_forked(&r, ret, err);
	signals_give_back(&r);
	munmap(r.shared, sizeof(*r.shared));
	return code;
}

void once_result_done(struct once_result *r)
{
	free(r->frames);
	r->frames = NULL;
	r->n_frames = 0;
}

/* ---- words ----------------------------------------------------------------------------------- */

static void describe_span(int64_t ns, struct buf *out)
{
	char text[32];

	format_double((double)ns / (double)SECOND, text);
	buf_printf(out, "%s s", text);
}

void once_describe(const struct once_result *r, struct buf *out)
{
	switch (r->how) {
	case ONCE_RETURNED:
		buf_printf(out, "returned %d", r->status);
		break;
	case ONCE_EXITED:
		buf_printf(out, "called exit(%d)", r->code);
		break;
	case ONCE_SIGNALLED:
		cause_signal(r->signal, out);
		break;
	case ONCE_TIMED_OUT:
		buf_puts(out, "did not end within ");
		describe_span(r->timeout_ns, out);
		buf_puts(out, " and was killed");
		break;
	case ONCE_OUT_OF_MEMORY:
		cause_out_of_memory(r->memory_limit, r->signal, r->code, out);
		break;
	case ONCE_STOPPED:
		buf_puts(out, "stopped by ");
		cause_signal(r->signal, out);
		break;
	}
	if (r->step[0])
		buf_printf(out, " in %s", r->step);
	if (r->detail[0] && (r->how == ONCE_SIGNALLED || r->how == ONCE_OUT_OF_MEMORY))
		buf_printf(out, ", %s", r->detail);
}
