/* Three processes: the caller; a warden that runs no plugin code, adopts whatever the plugin leaves
 * behind and ends it; and the child that runs the plugin. */
#include "registry/probe.h"

#include "base/clock.h"
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a child may tell; a plugin can find the descriptor and write to it. */
#define RECORDS_MAX ((size_t)1 << 20)

#define MS ((int64_t)1000000)

/* What the warden saw. */
struct verdict {
	int status; /* of waitpid */
	bool timed_out;
	unsigned left_behind; /* processes that outlived the child */
	int64_t elapsed_ns;
};

/* ---- the warden ------------------------------------------------------------------------------ */

/* Waits until the child ended or the deadline passed. */
static bool wait_child(pid_t child, int64_t deadline)
{
	int pidfd = (int)syscall(SYS_pidfd_open, child, 0);
	bool ended = false;

	for (;;) {
		struct pollfd p = {.fd = pidfd, .events = POLLIN};
		int64_t left = deadline - clock_monotonic_ns();
		siginfo_t info = {.si_pid = 0};

		if (waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
		    info.si_pid == child) {
			ended = true;
			break;
		}
		if (left <= 0)
			break;
		/* Without pidfd (kernels before 5.3) look every 10 ms. */
		poll(pidfd < 0 ? NULL : &p, pidfd < 0 ? 0 : 1,
		     (int)MIN(left / MS + 1, pidfd < 0 ? 10 : 1000));
	}
	if (pidfd >= 0)
		close(pidfd);
	return ended;
}

/* Sends SIGKILL to every child of this process, which by now are all descendants that lost their
 * parent. */
static void kill_children(void)
{
	char path[64], text[4096], *at, *end;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return;
	text[n] = '\0';
	for (at = text;; at = end) {
		long pid = strtol(at, &end, 10);

		if (end == at || pid <= 0 || (*end && *end != ' '))
			break;
		kill((pid_t)pid, SIGKILL);
	}
}

/* Ends everything the plugin started, also what left its process group. Returns how many had to be
 * ended, beside the child itself. */
static unsigned sweep(pid_t child, int *ret_status)
{
	unsigned others = 0;
	int status;
	pid_t pid;

	kill(-child, SIGKILL);
	kill(child, SIGKILL);
	for (;;) {
		pid = waitpid(-1, &status, WNOHANG | __WALL);
		if (pid == child)
			*ret_status = status;
		else if (pid > 0)
			others += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
		else if (pid < 0 && errno == ECHILD)
			return others;
		else if (pid == 0) {
			kill_children();
			poll(NULL, 0, 1);
		}
	}
}

/* What the caller does about signals is no business of the plugin's. */
static void default_signals(void)
{
	sigset_t none;

	for (int sig = 1; sig < SIGRTMIN; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

_Noreturn static void warden(const struct registry *r,
			     const char *path,
			     int64_t timeout_ns,
			     const struct host_extension *extensions,
			     int records,
			     int verdict_fd,
			     pid_t caller)
{
	struct verdict v = {.status = 0};
	int64_t start = clock_monotonic_ns();
	pid_t child;

	/* Dies with the caller, and the child with it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (getppid() != caller)
		_exit(1);
	default_signals();
	setpgid(0, 0);
	child = fork();
	if (child == 0) {
		int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_CHILD_SUBREAPER, 0);
		close(verdict_fd);
		dup2(null, STDIN_FILENO);
		dup2(STDERR_FILENO, STDOUT_FILENO); /* stdout is the caller's to write */
		probe_child(path, &r->policy, extensions, timeout_ns, records);
	}
	close(records);
	if (child < 0)
		_exit(1);
	setpgid(child, child);
	v.timed_out = !wait_child(child, start + timeout_ns);
	v.elapsed_ns = clock_monotonic_ns() - start;
	v.left_behind = sweep(child, &v.status);
	fd_write_all(verdict_fd, &v, sizeof(v), "probe", NULL);
	_exit(0);
}

/* ---- the caller ------------------------------------------------------------------------------ */

/* Takes what the pipe has now; false at its end. */
static bool take_records(int fd, struct buf *text)
{
	char chunk[4096];
	ssize_t n = read(fd, chunk, sizeof(chunk));

	if (n > 0 && text->len < RECORDS_MAX)
		buf_append(text, chunk, (size_t)n);
	return n > 0 || (n < 0 && errno == EINTR);
}

/* What was written before everybody ended and has not been read yet. */
static void drain(int fd, struct buf *text)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	while (fd >= 0 && poll(&p, 1, 0) > 0 && take_records(fd, text))
		;
}

/* Reads both pipes until the warden closed its own; longer than the deadline only if the warden
 * itself is stuck. */
static bool
collect(int records, int verdict_fd, int64_t deadline, struct buf *text, struct verdict *v)
{
	size_t have = 0;

	for (;;) {
		struct pollfd p[2] = {{.fd = records, .events = POLLIN},
				      {.fd = verdict_fd, .events = POLLIN}};
		int64_t left = deadline - clock_monotonic_ns();
		ssize_t n;

		if (left <= 0)
			return false;
		if (poll(p, 2, (int)MIN(left / MS + 1, 1000)) < 0 && errno != EINTR)
			return false;
		if (p[0].revents && !take_records(records, text))
			records = -1;
		if (!p[1].revents)
			continue;
		n = read(verdict_fd, (char *)v + have, sizeof(*v) - have);
		if (n > 0)
			have += (size_t)n;
		if (n == 0 || have == sizeof(*v)) {
			drain(records, text);
			return have == sizeof(*v);
		}
	}
}

static int copy_text(char **to, const char *text, struct error *err)
{
	free(*to);
	*to = strdup(text);
	return *to ? 0 : err_nomem(err, "the result of a probe");
}

static int add_task(struct probe_result *ret, const char *name, struct error *err)
{
	char **more = realloc(ret->tasks, (ret->n_tasks + 1) * sizeof(*more));

	if (!more)
		return err_nomem(err, "the result of a probe");
	ret->tasks = more;
	more[ret->n_tasks] = strdup(name);
	return more[ret->n_tasks++] ? 0 : err_nomem(err, "the result of a probe");
}

/* "<max_inflight> <name>" */
static int add_executor(struct probe_result *ret, const char *text, struct error *err)
{
	size_t digits = strcspn(text, " ");
	struct probe_executor *more;
	uint64_t n;

	if (text[digits] != ' ' || !parse_u64((struct str){text, digits}, &n) || n > UINT32_MAX ||
	    !note_name_valid(str_of(text + digits + 1)))
		return 0;
	more = realloc(ret->executors, (ret->n_executors + 1) * sizeof(*more));
	if (!more)
		return err_nomem(err, "the result of a probe");
	ret->executors = more;
	more += ret->n_executors;
	*more = (struct probe_executor){strdup(text + digits + 1), (uint32_t)n};
	if (!more->name)
		return err_nomem(err, "the result of a probe");
	ret->n_executors++;
	return 0;
}

static bool known_step(const char *text)
{
	static const char *const steps[] = {"load",    "init",   "list tasks", "compare",
					    "quiesce", "deinit", "leave"};

	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		if (streq(steps[i], text))
			return true;
	return false;
}

/* The plugin may have written to the pipe as well: what makes no sense is skipped. */
static int
read_records(const struct buf *text, struct probe_result *ret, bool *ret_done, struct error *err)
{
	size_t at = 0;
	int r = 0;

	while (r == 0 && at < text->len && !*ret_done) {
		const char *line = text->data + at;
		size_t len = strnlen(line, text->len - at);

		if (at + len == text->len) /* cut off */
			break;
		at += len + 1;
		if (line[0] == 'S' && known_step(line + 1))
			r = copy_text(&ret->failed_step, line + 1, err);
		else if (line[0] == 'T' && utf8_valid(line + 1, len - 1, NULL))
			r = add_task(ret, line + 1, err);
		else if (line[0] == 'X')
			r = add_executor(ret, line + 1, err);
		else if (line[0] == 'F')
			r = copy_text(&ret->reason, line + 1, err);
		*ret_done = line[0] == 'F' || (line[0] == 'K' && len == 1);
	}
	return r;
}

static int say(struct probe_result *ret, struct error *err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static int say(struct probe_result *ret, struct error *err, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return copy_text(&ret->reason, text, err);
}

static int judge(const struct verdict *v,
		 bool done,
		 int64_t timeout_ns,
		 struct probe_result *ret,
		 struct error *err)
{
	const char *during = ret->failed_step ? ret->failed_step : "start";
	int r;

	if (ret->reason)
		return 0;
	if (v->timed_out)
		return say(ret, err, "no answer within %.1f s during %s; it was killed",
			   (double)timeout_ns / 1e9, during);
	if (WIFSIGNALED(v->status)) {
		ret->signal = WTERMSIG(v->status);
		return say(ret, err, "crashed during %s: SIG%s (%s)", during,
			   sigabbrev_np(ret->signal) ? sigabbrev_np(ret->signal) : "?",
			   sigdescr_np(ret->signal) ? sigdescr_np(ret->signal) : "unknown");
	}
	if (!done)
		return say(ret, err, "ended the process during %s (exit code %d)", during,
			   WEXITSTATUS(v->status));
	if (v->left_behind) {
		r = copy_text(&ret->failed_step, "leave", err);
		return r < 0 ? r
			     : say(ret, err, "%u process%s it started did not end with it; killed",
				   v->left_behind, v->left_behind == 1 ? "" : "es");
	}
	free(ret->failed_step);
	ret->failed_step = NULL;
	ret->ok = true;
	return 0;
}

static int finish(pid_t pid,
		  int records,
		  int verdict_fd,
		  int64_t timeout_ns,
		  struct probe_result *ret,
		  struct error *err)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	struct verdict v = {.timed_out = true};
	bool heard, done = false;
	int r;

	heard = collect(records, verdict_fd, clock_monotonic_ns() + timeout_ns + 5000 * MS, &text,
			&v);
	if (!heard)
		kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (!heard)
		return err_set(err, ERR_TIMEOUT,
			       "the process that watches over a probe did not report");
	r = buf_check(&text, "the result of a probe", err);
	ret->elapsed_ns = v.elapsed_ns;
	if (r == 0)
		r = read_records(&text, ret, &done, err);
	return r < 0 ? r : judge(&v, done, timeout_ns, ret, err);
}

int registry_probe(const struct registry *r,
		   const char *path,
		   int64_t timeout_ns,
		   const struct host_extension *extensions,
		   struct probe_result *ret,
		   struct error *err)
{
	_cleanup_(probe_result_done) struct probe_result result = {.ok = false};
	int records[2], verdict[2], rc;
	pid_t pid, caller = getpid();

	if (pipe2(records, O_CLOEXEC) < 0)
		return err_set_errno(err, ERR_IO, errno, "making a pipe");
	if (pipe2(verdict, O_CLOEXEC) < 0) {
		rc = err_set_errno(err, ERR_IO, errno, "making a pipe");
		close(records[0]);
		close(records[1]);
		return rc;
	}
	pid = fork();
	if (pid == 0) {
		close(records[0]);
		close(verdict[0]);
		warden(r, path, timeout_ns, extensions, records[1], verdict[1], caller);
	}
	close(records[1]);
	close(verdict[1]);
	rc = pid < 0 ? err_set_errno(err, ERR_IO, errno, "starting a process for a probe")
		     : finish(pid, records[0], verdict[0], timeout_ns, &result, err);
	close(records[0]);
	close(verdict[0]);
	if (rc < 0)
		return rc;
	*ret = result;
	result = (struct probe_result){.ok = false};
	return 0;
}

void probe_result_done(struct probe_result *p)
{
	for (size_t i = 0; i < p->n_tasks; i++)
		free(p->tasks[i]);
	free(p->tasks);
	for (size_t i = 0; i < p->n_executors; i++)
		free(p->executors[i].name);
	free(p->executors);
	free(p->failed_step);
	free(p->reason);
	*p = (struct probe_result){.ok = false};
}
