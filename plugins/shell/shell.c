/* Runs a script, or a command, that a template holds: flytekit's ShellTask as a shim task. What the
 * template looks like is in README.md. */
#include "guard.h"
#include "task.h"

#include <signal.h>
#include <sys/wait.h>

static void end_guard(void *self)
{
	(void)self;
	guard_close();
}

TH_PLUGIN_WITH("shell",
	       "1.0.0",
	       "Runs shell scripts and commands",
	       ((th_plugin_hooks){NULL, NULL, end_guard}));

static int why_stop(void *ctx)
{
	const th_run *run = (const th_run *)ctx;
	int64_t deadline = TH_DEADLINE->deadline_ns ? TH_DEADLINE->deadline_ns(run->exec) : 0;
	uint32_t reason = th_cancelled(run);

	if (reason == TH_CANCEL_DEADLINE || (deadline && TH_DEADLINE->now_ns() >= deadline))
		return TH_E_DEADLINE;
	return reason ? TH_E_CANCELLED : 0;
}

static th_status command_fails(const th_run *run, struct process *p)
{
	char how[100];

	text_clean(p->tail, p->tail_len);
	if (WIFSIGNALED(p->status))
		snprintf(how, sizeof(how), "was killed by signal %d (%s)", WTERMSIG(p->status),
			 strsignal(WTERMSIG(p->status)));
	else
		snprintf(how, sizeof(how), "exited with code %d", WEXITSTATUS(p->status));
	return th_fail(run, "USER:ShellCommandFailed", "the command %s%s%s", how,
		       p->tail_len ? "; its stderr ends with:\n" : " and wrote nothing to stderr",
		       p->tail);
}

TH_EXECUTOR(Shell,
	    "Runs the script or command of a template",
	    TH_TASK_TYPE("shell") TH_NEEDS("th.context/1"))
{
	struct task task = {{NULL, 0}, NULL, 0, NULL, NULL};
	struct process p;
	int failed;
	th_status st = task_read(run, &task);

	if (st != TH_OK)
		return st;
	memset(&p, 0, sizeof(p));
	p.argv = (char *const *)task.argv;
	p.env = (char *const *)task.env;
	p.directory = task.directory.ptr;
	p.stop = why_stop;
	p.ctx = run;
	failed = process_run(&p);
	if (failed)
		st = th_fail(run, "USER:ShellCommandFailed", "cannot start %s: %s", task.argv[0],
			     strerror(failed));
	else if (p.stopped)
		st = p.stopped;
	else if (p.status != 0)
		st = command_fails(run, &p);
	else
		st = task_set_outputs(run, &task, &p);
	process_done(&p);
	return st;
}
