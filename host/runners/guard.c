#include "runners/guard.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct guard {
	pid_t pid;
	int pipe;    /* a pid: a group to kill; negative: no longer */
	bool broken; /* and it was logged */
};

/* ---- the child: after a fork, so without malloc and locks ----------------------------------------- */

#define GROUPS_MAX 8192

static pid_t groups[GROUPS_MAX];
static unsigned n_groups;

static void take_word(pid_t word)
{
	if (word > 0 && n_groups < GROUPS_MAX)
		groups[n_groups++] = word;
	for (unsigned i = 0; word < 0 && i < n_groups; i++)
		if (groups[i] == -word) {
			groups[i] = groups[--n_groups];
			return;
		}
}

/* Its end of the pipe, and nothing that anybody waits for to be closed. */
static void keep_only(int from)
{
	if (dup2(from, STDIN_FILENO) < 0)
		_exit(1);
	if (syscall(SYS_close_range, 1U, ~0U, 0U) != 0)
		for (int fd = 1, n = (int)sysconf(_SC_OPEN_MAX); fd < n; fd++)
			close(fd);
}

static _Noreturn void watch(int from)
{
	pid_t word;
	ssize_t n;

	prctl(PR_SET_NAME, "taskhost-guard", 0, 0, 0);
	setpgid(0, 0); /* signals of a terminal are the host's business */
	keep_only(from);
	while ((n = read(STDIN_FILENO, &word, sizeof(word))) != 0) {
		if (n == (ssize_t)sizeof(word))
			take_word(word);
		else if (n > 0 || errno != EINTR)
			break;
	}
	for (unsigned i = 0; i < n_groups; i++)
		kill(-groups[i], SIGKILL);
	_exit(0);
}

/* ---- the host ----------------------------------------------------------------------------------- */

static int fork_quietly(struct guard *g, int from, struct error *err)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old); /* none is for the child */
	g->pid = fork();
	if (g->pid == 0)
		watch(from);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (g->pid < 0)
		return err_set_errno(err, err_from_errno(errno), errno,
				     "cannot start the guard of the runners");
	setpgid(g->pid, g->pid); /* whoever of us comes first */
	return 0;
}

int guard_start(struct guard **ret, struct error *err)
{
	struct guard *g = calloc(1, sizeof(*g));
	int ends[2], rc;

	if (!g)
		return err_nomem(err, "the guard of the runners");
	if (pipe2(ends, O_CLOEXEC) < 0) {
		free(g);
		return err_set_errno(err, err_from_errno(errno), errno, "cannot make a pipe");
	}
	rc = fork_quietly(g, ends[0], err);
	close(ends[0]);
	if (rc < 0) {
		close(ends[1]);
		free(g);
		return rc;
	}
	g->pipe = ends[1];
	*ret = g;
	return 0;
}

/* A pipe takes a word whole or not at all. The host ignores SIGPIPE. */
static void tell(struct guard *g, pid_t word)
{
	ssize_t n;

	if (!g || g->broken)
		return;
	do
		n = write(g->pipe, &word, sizeof(word));
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)sizeof(word))
		return;
	g->broken = true;
	log_warn("the guard of the runners is gone (%s): should this process be killed, what their "
		 "plugins have started may stay",
		 strerror(errno));
}

void guard_add(struct guard *g, pid_t group)
{
	tell(g, group);
}

void guard_remove(struct guard *g, pid_t group)
{
	tell(g, -group);
}

void guard_stop(struct guard *g)
{
	if (!g)
		return;
	close(g->pipe);
	while (waitpid(g->pid, NULL, 0) < 0 && errno == EINTR)
		;
	free(g);
}
