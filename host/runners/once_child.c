/* The child's side: limits, handlers, the run, and the quick end. */
#include "runners/shared.h"

#include "base/log.h"
#include "runners/debugger.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WATCHER_STACK ((size_t)256 << 10) /* counts against RLIMIT_DATA, so not the usual 8 MiB */

struct watch {
	struct once_child *shared;
	void (*call)(void *ctx, uint32_t reason);
	void *ctx;
};

void once_step(struct once_child *shared, const char *what)
{
	size_t n = strnlen(what, sizeof(shared->step) - 1);

	memcpy(shared->step, what, n);
	shared->step[n] = '\0';
}

void once_module_named(struct once_child *shared, const char *path, const char *name)
{
	uint32_t n = shared->n_modules;
	size_t len = strlen(path);

	if (n >= ONCE_MODULES_MAX || len >= ONCE_PATH_MAX)
		return;
	memcpy(shared->modules[n], path, len + 1);
	snprintf(shared->module_names[n], ONCE_NAME_MAX, "%s", name);
	shared->n_modules = n + 1;
}

void once_module(struct once_child *shared, const char *path)
{
	once_module_named(shared, path, "");
}

/* ---- cancel ---------------------------------------------------------------------------------- */

static void *watch_cancel(void *arg)
{
	struct watch *w = arg;
	uint32_t reason;

	while ((reason = atomic_load(&w->shared->cancel)) == 0)
		syscall(SYS_futex, &w->shared->cancel, FUTEX_WAIT, 0, NULL, NULL, 0);
	w->call(w->ctx, reason);
	return NULL;
}

/* Signals stay with the other threads. */
void once_on_cancel(struct once_child *shared, void (*call)(void *ctx, uint32_t reason), void *ctx)
{
	static struct watch watch; /* the thread's, for the rest of the child's life */
	sigset_t all, old;
	pthread_attr_t attr;
	pthread_t thread;

	watch = (struct watch){shared, call, ctx};
	if (pthread_attr_init(&attr) != 0)
		return;
	pthread_attr_setstacksize(&attr, WATCHER_STACK);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	errno = pthread_create(&thread, &attr, watch_cancel, &watch);
	if (errno != 0)
		log_warn("no thread for the cancel callback: %s", strerror(errno));
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
}

/* ---- the run --------------------------------------------------------------------------------- */

/* Back-traces end here: what is further out is the host's own. */
static __attribute__((noinline)) int call_run(const struct once_params *params,
					      struct once_child *shared)
{
	int r = params->run(params->ctx, shared);

	__asm__ volatile("" ::: "memory"); /* no tail call: the frame must be on the stack */
	return r;
}

static void limit(int what, rlim_t most)
{
	struct rlimit r;

	if (getrlimit(what, &r) < 0)
		return;
	if (r.rlim_max != RLIM_INFINITY && r.rlim_max < most)
		most = r.rlim_max;
	r.rlim_cur = most;
	r.rlim_max = most;
	setrlimit(what, &r);
}

static void confine(const struct once_params *params, const struct once_shared *shared)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != shared->parent)
		_exit(1); /* it died before it could be noticed */
	setpgid(0, 0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	/* Its group is not the terminal's: let it write there, and give it an error where reading
	 * would stop it for ever. */
	signal(SIGTTOU, SIG_IGN);
	signal(SIGTTIN, SIG_IGN);
	if (params->debugger)
		return;
	limit(RLIMIT_CORE, 0);
}

/* A thread of the plugin that hangs inside stdio must not hang the end. */
static void flush(FILE *f)
{
	if (ftrylockfile(f) != 0)
		return;
	fflush(f);
	funlockfile(f);
}

_Noreturn void
once_child_main(const struct once_params *params, struct once_shared *shared, const sigset_t *mask)
{
	void (*boundary)(void) = (void (*)(void))call_run;

	confine(params, shared);
	crash_install(&shared->crash, boundary);
	crash_dump_on_sigusr1(boundary);
	if (params->memory_limit)
		limit(RLIMIT_DATA, params->memory_limit);
	sigprocmask(SIG_SETMASK, mask, NULL);
	if (params->debugger)
		debugger_await(&shared->no_debugger);
	shared->child.status = call_run(params, &shared->child);
	flush(stdout);
	flush(stderr);
	shared->child.done = 1;
	_exit(0);
}
