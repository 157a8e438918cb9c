#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GROUPS_MAX 4096

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pid_t guard;              /* 0: not started */
static int to_guard = -1;        /* a pid: a group to kill; negative: no longer */
static pid_t groups[GROUPS_MAX]; /* the child's */
static unsigned n_groups;

/* ---- the child: only what may be done between fork and exec --------------------------------------- */

static void note(pid_t word)
{
	if (word > 0 && n_groups < GROUPS_MAX)
		groups[n_groups++] = word;
	for (unsigned i = 0; word < 0 && i < n_groups; i++)
		if (groups[i] == -word) {
			groups[i] = groups[--n_groups];
			return;
		}
}

/* Holds nothing of ours but the pipe, so that nobody waits for an end of file because of it. */
static void keep_only(int from)
{
	dup2(from, 0);
	if (syscall(SYS_close_range, 1u, ~0u, 0u) != 0)
		for (int fd = 1, n = (int)sysconf(_SC_OPEN_MAX); fd < n; fd++)
			close(fd);
}

static void watch(int from)
{
	pid_t word;
	ssize_t n;

	prctl(PR_SET_NAME, "script-guard", 0, 0, 0);
	setpgid(0, 0);
	keep_only(from);
	while ((n = read(0, &word, sizeof(word))) != 0) {
		if (n == (ssize_t)sizeof(word))
			note(word);
		else if (n > 0 || errno != EINTR)
			break;
	}
	for (unsigned i = 0; i < n_groups; i++)
		kill(-groups[i], SIGKILL);
	_exit(0);
}

/* ---- the parent --------------------------------------------------------------------------------- */

static int start(void)
{
	sigset_t all, old;
	int ends[2], failed = 0;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return errno;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	guard = fork();
	if (guard == 0)
		watch(ends[0]);
	if (guard < 0) {
		failed = errno;
		guard = 0;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	close(ends[0]);
	if (guard > 0) /* before its own, so that what is sent to our group misses it */
		setpgid(guard, guard);
	if (failed)
		close(ends[1]);
	else
		to_guard = ends[1];
	return failed;
}

/* A pipe takes a word whole or not at all. Without its reader, SIGPIPE would end us. */
static int tell(pid_t word)
{
	const struct timespec now = {0, 0};
	sigset_t broken, old;
	int failed = 0;

	sigemptyset(&broken);
	sigaddset(&broken, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &broken, &old);
	while (write(to_guard, &word, sizeof(word)) < 0 && (failed = errno) == EINTR)
		failed = 0;
	if (failed == EPIPE && !sigismember(&old, SIGPIPE))
		sigtimedwait(&broken, NULL, &now);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return failed;
}

static void stop(void)
{
	close(to_guard);
	while (waitpid(guard, NULL, 0) < 0 && errno == EINTR)
		;
	guard = 0;
	to_guard = -1;
}

int guard_add(pid_t group)
{
	int failed = 0;

	pthread_mutex_lock(&lock);
	if (guard == 0)
		failed = start();
	if (!failed)
		failed = tell(group);
	if (failed == EPIPE) { /* somebody killed it */
		stop();
		failed = start();
		if (!failed)
			failed = tell(group);
	}
	pthread_mutex_unlock(&lock);
	return failed;
}

void guard_remove(pid_t group)
{
	pthread_mutex_lock(&lock);
	if (guard > 0)
		tell(-group);
	pthread_mutex_unlock(&lock);
}

void guard_close(void)
{
	pthread_mutex_lock(&lock);
	if (guard > 0)
		stop();
	pthread_mutex_unlock(&lock);
}
