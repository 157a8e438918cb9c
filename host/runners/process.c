#include "runners/process.h"

#include "base/mem.h"
#include "loop/watch.h"
#include "runners/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_SIZE   ((size_t)64 << 10)
#define OUTPUT_ROUNDS 16 /* of OUTPUT_SIZE, for process_read_output */
#define LAST_WORDS    4  /* messages that an ended process may have left */
#define CONTROL_FD    3  /* in the child */

struct process {
	struct processes *all;
	const struct process_ops *ops;
	void *user;
	pid_t pid; /* 0: a thread */
	int pidfd, control, output;
	struct fd_watch *pidfd_watch, *control_watch, *output_watch;

	struct thread *thread;
};

/* All that a thread uses of ours: it may outlive its process and the pool. */
struct thread {
	pthread_t id;
	int control; /* its end */
	const struct runner_ops *ops;
	void *ops_ctx;
	_Atomic bool parted; /* it has ended or was abandoned, whichever came first */
	struct wake *ended;  /* gone when it was abandoned */
};

int processes_init(struct processes *all,
		   struct loop *l,
		   const char *program,
		   char *const *env,
		   struct error *err)
{
	*all = (struct processes){.loop = l, .program = program, .env = env};
	all->hello = malloc(sizeof(*all->hello));
	all->output = malloc(OUTPUT_SIZE);
	if (all->hello && all->output)
		return 0;
	processes_done(all);
	return err_nomem(err, "the runners");
}

void processes_done(struct processes *all)
{
	free(all->hello);
	free(all->output);
	all->hello = NULL;
	all->output = NULL;
}

/* ---- what it says ------------------------------------------------------------------------- */

static void stop_listening(struct process *p)
{
	fd_watch_close(p->control_watch);
	p->control_watch = NULL;
}

/* False when there is nothing (more) to hear. */
static bool hear(struct process *p)
{
	struct error why = ERROR_INIT;
	struct hello *h = p->all->hello;
	int r = hello_receive(p->control, false, h, &why);

	if (r == ERR_STATE)
		return false;
	if (r == 1) {
		p->ops->said(p->user, h);
		return true;
	}
	stop_listening(p);
	if (r == 0)
		err_set(&why, ERR_IO, "it closed its control socket");
	p->ops->broke(p->user, &why);
	return false;
}

static void on_control(void *user, int events)
{
	(void)events;
	hear(user);
}

/* False when there is nothing (more) to read. */
static bool read_output(struct process *p)
{
	ssize_t n;

	do
		n = read(p->output, p->all->output, OUTPUT_SIZE);
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		p->ops->printed(p->user, p->all->output, (size_t)n);
		return true;
	}
	if (n == 0 || errno != EAGAIN) { /* it has closed its stdout and stderr */
		fd_watch_close(p->output_watch);
		p->output_watch = NULL;
		closep(&p->output);
	}
	return false;
}

void process_read_output(struct process *p)
{
	for (int i = 0; i < OUTPUT_ROUNDS && p->output >= 0; i++)
		if (!read_output(p))
			return;
}

/* Once per turn, so that one that floods its output gets its share of the loop and no more. */
static void on_output(void *user, int events)
{
	(void)events;
	read_output(user);
}

/* ---- the end ------------------------------------------------------------------------------ */

static void process_free(struct process *p)
{
	fd_watch_close(p->pidfd_watch);
	fd_watch_close(p->control_watch);
	fd_watch_close(p->output_watch);
	if (p->thread)
		wake_close(p->thread->ended);
	free(p->thread);
	closep(&p->pidfd);
	closep(&p->control);
	closep(&p->output);
	free(p);
}

static void finish(struct process *p, const struct process_end *end)
{
	const struct process_ops *ops = p->ops;
	void *user = p->user;

	p->all->alive--;
	process_free(p);
	ops->ended(user, end);
}

/* What it said before it ended may not have been read yet. */
static void hear_last_words(struct process *p)
{
	for (int i = 0; i < LAST_WORDS && p->control_watch; i++)
		if (!hear(p))
			break;
}

static void on_pidfd(void *user, int events)
{
	struct process *p = user;
	struct process_end end = {.status = 0};
	pid_t pid;

	(void)events;
	/* As long as it is a zombie its process group cannot be anybody else's. */
	kill(-p->pid, SIGKILL);
	guard_remove(p->all->guard, p->pid);
	hear_last_words(p);
	process_read_output(p);
	do
		pid = wait4(p->pid, &end.status, 0, &end.usage);
	while (pid < 0 && errno == EINTR);
	finish(p, &end);
}

static void on_thread_ended(void *user)
{
	struct process *p = user;
	const struct process_end end = {.thread = true};

	hear_last_words(p);
	pthread_join(p->thread->id, NULL);
	finish(p, &end);
}

bool process_abandon(struct process *p)
{
	const struct process_end end = {.thread = true};
	struct thread *t = p->thread;

	if (!t || atomic_exchange(&t->parted, true))
		return false;
	pthread_detach(t->id);
	wake_close(t->ended);
	p->thread = NULL; /* the thread's own from here on */
	finish(p, &end);
	return true;
}

/* ---- the start ---------------------------------------------------------------------------- */

static struct process *new_process(struct processes *all, const struct process_ops *ops, void *user)
{
	struct process *p = calloc(1, sizeof(*p));

	if (p)
		*p = (struct process){.all = all,
				      .ops = ops,
				      .user = user,
				      .pidfd = -1,
				      .control = -1,
				      .output = -1};
	return p;
}

static int add_actions(posix_spawn_file_actions_t *a, int control, int output)
{
	int e = posix_spawn_file_actions_addopen(a, STDIN_FILENO, "/dev/null", O_RDONLY, 0);

	if (e == 0)
		e = posix_spawn_file_actions_adddup2(a, output, STDOUT_FILENO);
	if (e == 0)
		e = posix_spawn_file_actions_adddup2(a, output, STDERR_FILENO);
	if (e == 0)
		e = posix_spawn_file_actions_adddup2(a, control, CONTROL_FD);
	if (e == 0)
		e = posix_spawn_file_actions_addclosefrom_np(a, CONTROL_FD + 1);
	return e;
}

static int add_attributes(posix_spawnattr_t *a)
{
	sigset_t all, none;
	int e;

	sigfillset(&all);
	sigemptyset(&none);
	e = posix_spawnattr_setsigdefault(a, &all);
	if (e == 0)
		e = posix_spawnattr_setsigmask(a, &none);
	if (e == 0)
		e = posix_spawnattr_setpgroup(a, 0);
	if (e == 0)
		e = posix_spawnattr_setflags(a, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
							POSIX_SPAWN_SETPGROUP);
	return e;
}

static int spawn(struct process *p, int control, int output, struct error *err)
{
	char *argv[] = {(char *)(uintptr_t)p->all->program, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int e = posix_spawn_file_actions_init(&actions);

	if (e == 0) {
		e = posix_spawnattr_init(&attributes);
		if (e == 0) {
			e = add_actions(&actions, control, output);
			if (e == 0)
				e = add_attributes(&attributes);
			if (e == 0)
				e = posix_spawn(&p->pid, p->all->program, &actions, &attributes,
						argv, p->all->env);
			posix_spawnattr_destroy(&attributes);
		}
		posix_spawn_file_actions_destroy(&actions);
	}
	if (e != 0)
		return err_set_errno(err, err_from_errno(e), e, "cannot start a runner: %s",
				     p->all->program);
	return 0;
}

/* The ends for the child must not be one of the numbers they are moved to. */
static int lift(int *fd)
{
	int high;

	if (*fd > CONTROL_FD)
		return 0;
	high = fcntl(*fd, F_DUPFD_CLOEXEC, CONTROL_FD + 1);
	closep(fd);
	*fd = high;
	return high < 0 ? -1 : 0;
}

static int spawn_connected(struct process *p, struct error *err)
{
	_cleanup_(closep) int control = -1;
	_cleanup_(closep) int output = -1;
	int pair[2], ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set_errno(err, err_from_errno(errno), errno,
				     "cannot make a control socket");
	p->control = pair[0];
	control = pair[1];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set_errno(err, err_from_errno(errno), errno, "cannot make a pipe");
	p->output = ends[0];
	output = ends[1];
	if (lift(&control) < 0 || lift(&output) < 0)
		return err_set_errno(err, err_from_errno(errno), errno, "cannot move a descriptor");
	return spawn(p, control, output, err);
}

static int watch_process(struct process *p, struct error *err)
{
	struct loop *l = p->all->loop;
	int r;

	p->pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0); /* close-on-exec by itself */
	if (p->pidfd < 0)
		return err_set_errno(err, err_from_errno(errno), errno, "cannot watch a runner");
	r = fd_watch_new(l, p->pidfd, FD_READABLE, on_pidfd, p, &p->pidfd_watch, err);
	if (r == 0)
		r = fd_watch_new(l, p->control, FD_READABLE, on_control, p, &p->control_watch, err);
	if (r == 0)
		r = fd_watch_new(l, p->output, FD_READABLE, on_output, p, &p->output_watch, err);
	return r;
}

int process_start(struct processes *all,
		  const struct process_ops *ops,
		  void *user,
		  struct process **ret,
		  struct error *err)
{
	struct process *p = new_process(all, ops, user);
	int r;

	if (!p)
		return err_nomem(err, "a runner");
	r = spawn_connected(p, err);
	if (r == 0)
		r = watch_process(p, err);
	if (r < 0) {
		if (p->pid > 0) {
			kill(p->pid, SIGKILL);
			waitpid(p->pid, NULL, 0);
		}
		process_free(p);
		return r;
	}
	guard_add(all->guard, p->pid);
	all->alive++;
	*ret = p;
	return 0;
}

/* ---- threads ------------------------------------------------------------------------------ */

static void *thread_main(void *arg)
{
	struct thread *t = arg;

	runner_serve_thread(t->control, t->ops, t->ops_ctx, NULL);
	if (atomic_exchange(&t->parted, true))
		free(t);
	else
		wake_send(t->ended);
	return NULL;
}

static int start_thread(struct process *p, struct error *err)
{
	struct loop *l = p->all->loop;
	struct thread *t = calloc(1, sizeof(*t));
	sigset_t all, old;
	int pair[2], r;

	if (!t)
		return err_nomem(err, "a runner");
	p->thread = t;
	t->ops = p->all->ops;
	t->ops_ctx = p->all->ops_ctx;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set_errno(err, err_from_errno(errno), errno,
				     "cannot make a control socket");
	p->control = pair[0];
	t->control = pair[1];
	r = wake_new(l, on_thread_ended, p, &t->ended, err);
	if (r == 0)
		r = fd_watch_new(l, p->control, FD_READABLE, on_control, p, &p->control_watch, err);
	if (r == 0) {
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &old);
		errno = pthread_create(&t->id, NULL, thread_main, t);
		pthread_sigmask(SIG_SETMASK, &old, NULL);
		if (errno != 0)
			r = err_set_errno(err, ERR_NOMEM, errno, "cannot make a thread");
	}
	if (r < 0)
		closep(&t->control);
	return r;
}

int process_start_thread(struct processes *all,
			 const struct process_ops *ops,
			 void *user,
			 struct process **ret,
			 struct error *err)
{
	struct process *p = new_process(all, ops, user);
	int r;

	if (!p)
		return err_nomem(err, "a runner");
	r = start_thread(p, err);
	if (r < 0) {
		process_free(p);
		return r;
	}
	all->alive++;
	*ret = p;
	return 0;
}

/* ---- use ---------------------------------------------------------------------------------- */

void process_set(struct process *p, const struct process_ops *ops, void *user)
{
	p->ops = ops;
	p->user = user;
}

pid_t process_pid(const struct process *p)
{
	return p->pid;
}

int process_tell(struct process *p,
		 enum hello_kind kind,
		 const void *body,
		 size_t len,
		 const int *fds,
		 size_t n_fds,
		 struct error *err)
{
	return hello_send(p->control, kind, body, len, fds, n_fds, err);
}

bool process_kill(struct process *p, int signo)
{
	if (p->pid == 0)
		return false;
	if (signo == SIGKILL)
		kill(-p->pid, SIGKILL);
	return syscall(SYS_pidfd_send_signal, p->pidfd, signo, NULL, 0) == 0;
}

void process_dismiss(struct process *p)
{
	stop_listening(p);
	closep(&p->control);
}
