#include "cli/runner_traces.h"

#include "base/mem.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef F_DUPFD_QUERY
#define F_DUPFD_QUERY 1027 /* Linux 6.10: do both mean the same open file? */
#endif

#define HIGH  256u /* numbers near this one: those that become free are given out from the lowest */
#define ROOM  8u
#define PLACE ((struct kept_file){.fd = -1})

/* ---- keeping ---------------------------------------------------------------------------------- */

static int high_number(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) < 0 || r.rlim_cur > HIGH)
		return (int)(HIGH - ROOM);
	return r.rlim_cur > 2 * ROOM ? (int)(r.rlim_cur - ROOM) : (int)(r.rlim_cur / 2);
}

/* What cannot be kept is not watched. */
static struct kept_file keep(int fd)
{
	struct kept_file f = PLACE;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return f;
	f.dev = st.st_dev;
	f.ino = st.st_ino;
	f.fd = fcntl(fd, F_DUPFD_CLOEXEC, high_number());
	return f;
}

void runner_traces_keep(struct runner_traces *t)
{
	_cleanup_(closep) int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	*t = (struct runner_traces){
		.out = keep(STDOUT_FILENO), .err = keep(STDERR_FILENO), .directory = keep(here)};
	t->mask = umask(0);
	umask(t->mask);
}

void runner_traces_done(struct runner_traces *t)
{
	closep(&t->out.fd);
	closep(&t->err.fd);
	closep(&t->directory.fd);
}

/* ---- putting right ---------------------------------------------------------------------------- */

static bool is(const struct stat *st, const struct kept_file *f)
{
	return st->st_dev == f->dev && st->st_ino == f->ino;
}

static bool is_open(int fd, const struct kept_file *f)
{
	struct stat st;

	return fstat(fd, &st) == 0 && is(&st, f);
}

/* A plugin may have closed ours too, and somebody opened another under its number. */
static bool still_there(struct kept_file *f)
{
	if (is_open(f->fd, f))
		return true;
	f->fd = -1;
	return false;
}

static bool put_back(struct kept_file *f, int fd)
{
	if (f->fd < 0 || fcntl(fd, F_DUPFD_QUERY, f->fd) == 1 || is_open(fd, f) || !still_there(f))
		return false;
	return dup2(f->fd, fd) == fd;
}

static bool go_back(struct kept_file *f)
{
	struct stat st;

	if (f->fd < 0 || (fstatat(AT_FDCWD, "", &st, AT_EMPTY_PATH) == 0 && is(&st, f)) ||
	    !still_there(f))
		return false;
	return fchdir(f->fd) == 0;
}

void runner_traces_remove(struct runner_traces *t, struct runner_run *run)
{
	bool out = put_back(&t->out, STDOUT_FILENO), err = put_back(&t->err, STDERR_FILENO);
	bool directory = go_back(&t->directory), mask = umask(t->mask) != t->mask;
	char text[200];

	if (t->told || !(out || err || directory || mask))
		return;
	t->told = true;
	snprintf(text, sizeof(text),
		 "an earlier run in this process had changed%s%s%s%s; that was put right",
		 out ? " stdout" : "", err ? " stderr" : "",
		 directory ? " the working directory" : "", mask ? " the umask" : "");
	runner_note(run, run->id, 30, str_of(text));
}
