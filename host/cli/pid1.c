#include "cli/pid1.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "loop/watch.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK_AGAIN_NS INT64_C(1000000000)
#define CHILDREN_MAX  (4 << 20)
#define SEEN_MAX      256 /* more dead ones are buried in later looks */

struct pid1 {
	struct loop *loop;
	struct signal_watch *watch;
	struct loop_timer timer;
	pid_t seen[SEEN_MAX]; /* dead in the last look */
	size_t n_seen;
	unsigned long buried;
};

bool pid1_needed(void)
{
	return getpid() == 1;
}

unsigned long pid1_buried(const struct pid1 *p)
{
	return p->buried;
}

/* ---- looking ----------------------------------------------------------------------------- */

/* Dead, and a child of ours: asks without taking it. */
static bool is_dead(pid_t pid)
{
	siginfo_t info = {.si_pid = 0};

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid == pid;
}

static bool was_seen(const struct pid1 *p, pid_t pid)
{
	for (size_t i = 0; i < p->n_seen; i++)
		if (p->seen[i] == pid)
			return true;
	return false;
}

static void consider(struct pid1 *p, pid_t pid, pid_t *dead, size_t *n_dead)
{
	int status;

	if (!is_dead(pid))
		return;
	if (!was_seen(p, pid)) {
		if (*n_dead < SEEN_MAX)
			dead[(*n_dead)++] = pid;
		return;
	}
	if (waitpid(pid, &status, WNOHANG) == pid) {
		p->buried++;
		log_debug("buried process %d, which nobody waited for", (int)pid);
	}
}

/* Children of one thread: "12 34 56 ". All are read before any is buried, as the kernel finds its
 * place in the list again by counting. */
static void read_children(const char *thread, struct buf *out)
{
	char path[300];

	snprintf(path, sizeof(path), "/proc/self/task/%.200s/children", thread);
	/* A thread may end meanwhile; what cannot be read now is looked at next time. */
	(void)file_read(path, CHILDREN_MAX, out, NULL);
}

static void read_all_children(struct buf *out)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *e;

	if (!dir)
		return;
	while ((e = readdir(dir)))
		if (e->d_name[0] != '.')
			read_children(e->d_name, out);
	closedir(dir);
}

static void look(struct pid1 *p)
{
	_cleanup_(buf_done) struct buf children = BUF_INIT;
	unsigned long before = p->buried;
	pid_t dead[SEEN_MAX] = {0};
	size_t n_dead = 0;
	char *next = NULL;

	read_all_children(&children);
	if (children.data && !children.failed)
		for (char *pid = strtok_r(children.data, " ", &next); pid;
		     pid = strtok_r(NULL, " ", &next))
			consider(p, (pid_t)strtol(pid, NULL, 10), dead, &n_dead);
	memcpy(p->seen, dead, n_dead * sizeof(*dead));
	p->n_seen = n_dead;
	/* The list is not exact while children come and go: look until there is nothing to do. */
	if (n_dead > 0 || p->buried != before || children.failed)
		loop_timer_set(p->loop, &p->timer, loop_now_ns() + LOOK_AGAIN_NS);
}

static void on_timer(struct loop_timer *t)
{
	look(CONTAINER_OF(t, struct pid1, timer));
}

static void on_child(void *user, int signo)
{
	struct pid1 *p = user;

	(void)signo;
	/* One look for all that die within a second; a crowd must not keep the loop busy. */
	if (!loop_timer_is_set(&p->timer))
		loop_timer_set(p->loop, &p->timer, loop_now_ns() + LOOK_AGAIN_NS);
}

/* ---- signals ----------------------------------------------------------------------------- */

static void die(int signo)
{
	_exit(128 + signo);
}

/* The default of these is to end the process, but not that of process 1. TERM, INT and HUP are
 * handled by the worker. */
static void handle_deadly_signals(void)
{
	static const int deadly[] = {SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGXCPU, SIGVTALRM};
	struct sigaction a = {.sa_handler = die}, old;

	sigemptyset(&a.sa_mask);
	for (size_t i = 0; i < ARRAY_LEN(deadly); i++)
		if (sigaction(deadly[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL)
			sigaction(deadly[i], &a, NULL);
}

/* ---- life -------------------------------------------------------------------------------- */

int pid1_new(struct loop *l, struct pid1 **ret, struct error *err)
{
	struct pid1 *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return err_nomem(err, "the duties of process 1");
	p->loop = l;
	p->timer.fire = on_timer;
	r = signal_watch_new(l, SIGCHLD, on_child, p, &p->watch, err);
	if (r < 0) {
		free(p);
		return r;
	}
	if (pid1_needed())
		handle_deadly_signals();
	look(p);
	*ret = p;
	return 0;
}

void pid1_free(struct pid1 *p)
{
	if (!p)
		return;
	signal_watch_close(p->watch);
	loop_timer_cancel(p->loop, &p->timer);
	free(p);
}
