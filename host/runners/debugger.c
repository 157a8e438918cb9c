#include "runners/debugger.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

int debugger_find(char **ret_path, struct error *err)
{
	const char *path = getenv("PATH");

	while (path && *path) {
		_cleanup_(buf_done) struct buf file = BUF_INIT;
		size_t n = strcspn(path, ":");

		buf_printf(&file, "%.*s/gdb", (int)n, path);
		if (file.failed)
			return err_nomem(err, "the path of gdb");
		if (n > 0 && access(file.data, X_OK) == 0) {
			*ret_path = buf_take(&file, NULL);
			return 0;
		}
		path += n + (path[n] == ':');
	}
	return err_set(err, ERR_NOT_FOUND,
		       "gdb is not in PATH; install it (apt-get install gdb) or run without the "
		       "debugger");
}

int debugger_start(const char *gdb, pid_t pid, pid_t *ret_pid, struct error *err)
{
	char number[16];
	sigset_t none;
	pid_t child;

	snprintf(number, sizeof(number), "%d", (int)pid);
	child = fork();
	if (child < 0)
		return err_set_errno(err, ERR_IO, errno, "cannot start %s", gdb);
	if (child == 0) {
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		execl(gdb, "gdb", "-q", "-p", number, (char *)NULL);
		_exit(127);
	}
	*ret_pid = child;
	return 0;
}

/* Is somebody tracing this process? */
static bool traced(void)
{
	static const char key[] = "\nTracerPid:\t";
	char text[2048];
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	const char *found;

	closep(&fd);
	text[n < 0 ? 0 : n] = '\0';
	found = strstr(text, key);
	return found && found[strlen(key)] != '0';
}

void debugger_await(const _Atomic uint32_t *no_debugger)
{
	const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};

	/* gdb is the parent's child, not ours: some kernels want to be told that it may. */
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
	while (!*no_debugger && !traced())
		nanosleep(&pause, NULL);
}
