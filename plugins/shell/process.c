#include "process.h"
#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TICK_MS  50
#define GRACE_MS 2000

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int spawn(struct process *p, int out, int err, pid_t *ret)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int failed;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, out, 1);
	posix_spawn_file_actions_adddup2(&actions, err, 2);
	posix_spawn_file_actions_addchdir_np(&actions, p->directory);
	posix_spawnattr_setpgroup(&attributes, 0);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
						      POSIX_SPAWN_SETSIGDEF);
	failed = posix_spawnp(ret, p->argv[0], &actions, &attributes, p->argv, p->env);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return failed;
}

static void keep_output(struct process *p, const char *data, size_t n)
{
	if (n > PROCESS_OUTPUT_MAX - p->output_len) {
		n = PROCESS_OUTPUT_MAX - p->output_len;
		p->output_cut = 1;
	}
	memcpy(p->output + p->output_len, data, n);
	p->output_len += n;
	p->output[p->output_len] = 0;
}

static void keep_tail(struct process *p, const char *data, size_t n)
{
	if (n > PROCESS_TAIL_MAX) {
		data += n - PROCESS_TAIL_MAX;
		n = PROCESS_TAIL_MAX;
	}
	if (p->tail_len + n > PROCESS_TAIL_MAX) {
		size_t drop = p->tail_len + n - PROCESS_TAIL_MAX;

		memmove(p->tail, p->tail + drop, p->tail_len - drop);
		p->tail_len -= drop;
	}
	memcpy(p->tail + p->tail_len, data, n);
	p->tail_len += n;
	p->tail[p->tail_len] = 0;
}

static void pass_on(const char *data, size_t n)
{
	while (n) {
		ssize_t wrote = write(2, data, n);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote <= 0)
			return; /* nobody reads it: not the task's trouble */
		data += wrote;
		n -= (size_t)wrote;
	}
}

/* Reads what is there. 0 at the end of the stream. */
static int drain(struct process *p, int fd, int is_output)
{
	char data[16384];
	ssize_t n = read(fd, data, sizeof(data));

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0)
		return 0;
	if (is_output)
		keep_output(p, data, (size_t)n);
	else
		keep_tail(p, data, (size_t)n);
	pass_on(data, (size_t)n);
	return 1;
}

/* Until the process has ended, whoever still holds its streams; then what is left in them. */
static void attend(struct process *p, pid_t pid, int out, int err)
{
	int watch = (int)syscall(SYS_pidfd_open, pid, 0);
	int64_t asked = 0;
	int ended = 0;
	struct pollfd fds[3] = {{out, POLLIN, 0}, {err, POLLIN, 0}, {watch, POLLIN, 0}};

	while (!ended) {
		poll(fds, 3, watch < 0 ? TICK_MS / 5 : TICK_MS);
		for (int i = 0; i < 2; i++)
			if (fds[i].fd >= 0 && fds[i].revents && !drain(p, fds[i].fd, i == 0))
				fds[i].fd = -1;
		ended = waitpid(pid, &p->status, WNOHANG) != 0;
		if (!ended && !p->stopped && (p->stopped = p->stop(p->ctx)) != 0) {
			asked = now_ms();
			kill(-pid, SIGTERM);
		}
		if (!ended && p->stopped && now_ms() - asked > GRACE_MS)
			kill(-pid, SIGKILL);
	}
	kill(-pid, SIGKILL);        /* nothing outlives the task */
	for (int i = 0; i < 2; i++) /* a pipe holds 64 KiB; who left the group may write on */
		for (int k = 0; k < 16 && fds[i].fd >= 0 && poll(&fds[i], 1, 0) > 0; k++)
			if (!drain(p, fds[i].fd, i == 0))
				break;
	if (watch >= 0)
		close(watch);
}

int process_run(struct process *p)
{
	int out[2], err[2], failed;
	pid_t pid;

	p->status = p->stopped = p->output_cut = 0;
	p->output_len = p->tail_len = 0;
	p->tail[0] = 0;
	p->output = (char *)malloc(PROCESS_OUTPUT_MAX + 1);
	if (!p->output)
		return ENOMEM;
	p->output[0] = 0;
	if (pipe2(out, O_CLOEXEC) != 0)
		return errno;
	if (pipe2(err, O_CLOEXEC) != 0) {
		failed = errno;
		close(out[0]);
		close(out[1]);
		return failed;
	}
	failed = spawn(p, out[1], err[1], &pid);
	close(out[1]);
	close(err[1]);
	if (!failed && (failed = guard_add(pid)) != 0) {
		kill(-pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	if (!failed) {
		fcntl(out[0], F_SETFL, O_NONBLOCK);
		fcntl(err[0], F_SETFL, O_NONBLOCK);
		attend(p, pid, out[0], err[0]);
		guard_remove(pid);
	}
	close(out[0]);
	close(err[0]);
	return failed;
}

void process_done(struct process *p)
{
	free(p->output);
	p->output = NULL;
}
