#include "loop/watch.h"

#include "base/mem.h"
#include "lib/test.h"

#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

static struct loop *l;

static void start(void)
{
	struct error err = ERROR_INIT;

	l = NULL;
	CHECK_OK(loop_new(&l, &err), err);
}

static void finish(void)
{
	struct error err = ERROR_INIT;

	CHECK_INT(loop_open(l), 0);
	CHECK_OK(loop_close(l, &err), err);
}

/* Turns until *what is true, for ten seconds at most. */
static void turn_until(const int *what)
{
	int64_t end = loop_now_ns() + 10 * (int64_t)1000000000;

	while (!*what) {
		CHECK(loop_now_ns() < end);
		loop_run_once(l, 100000000);
	}
}

/* ---- descriptors ------------------------------------------------------------------------- */

struct ready {
	int fd, calls, events, again;
};

static void on_ready(void *user, int events)
{
	struct ready *r = user;
	uint64_t value;

	r->calls++;
	r->events |= events;
	if (r->again-- <= 0 && events & FD_READABLE && read(r->fd, &value, sizeof(value)) < 0)
		r->calls = -1000;
}

TEST(eventfd_is_level_triggered)
{
	struct error err = ERROR_INIT;
	struct ready r = {.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .again = 2};
	struct fd_watch *w;
	uint64_t one = 1;

	start();
	CHECK_OK(fd_watch_new(l, r.fd, FD_READABLE, on_ready, &r, &w, &err), err);
	loop_run_once(l, 1000000);
	CHECK_INT(r.calls, 0);
	CHECK(write(r.fd, &one, sizeof(one)) == sizeof(one));
	for (int i = 0; i < 5; i++)
		loop_run_once(l, 1000000);
	CHECK_INT(r.calls, 3); /* twice without reading, then read */
	CHECK_INT(r.events, FD_READABLE);
	fd_watch_close(w);
	close(r.fd);
	finish();
}

TEST(descriptor_watch_can_change_and_pause)
{
	struct error err = ERROR_INIT;
	struct ready r = {.again = 1000};
	struct fd_watch *w;
	int fds[2];

	CHECK(pipe(fds) == 0);
	start();
	CHECK_OK(fd_watch_new(l, fds[1], 0, on_ready, &r, &w, &err), err);
	loop_run_once(l, 1000000);
	CHECK_INT(r.calls, 0);
	CHECK_OK(fd_watch_set(w, FD_WRITABLE, &err), err);
	turn_until(&r.calls);
	CHECK_INT(r.events, FD_WRITABLE);
	CHECK_OK(fd_watch_set(w, 0, &err), err);
	r.calls = 0;
	loop_run_once(l, 1000000);
	CHECK_INT(r.calls, 0);
	fd_watch_close(w);
	close(fds[0]);
	close(fds[1]);
	finish();
}

TEST(regular_file_is_refused)
{
	struct error err = ERROR_INIT;
	struct fd_watch *w;
	FILE *f = tmpfile();

	CHECK(f);
	start();
	CHECK(fd_watch_new(l, fileno(f), FD_READABLE, on_ready, NULL, &w, &err) < 0);
	CHECK(strstr(err.message, "cannot watch descriptor"));
	fclose(f);
	finish();
}

/* ---- signals and threads ----------------------------------------------------------------- */

static int caught;

static void on_caught(void *user, int signo)
{
	(void)user;
	caught = signo;
}

TEST(signal_arrives_in_the_loop)
{
	struct error err = ERROR_INIT;
	struct signal_watch *w;

	start();
	caught = 0;
	CHECK_OK(signal_watch_new(l, SIGUSR1, on_caught, NULL, &w, &err), err);
	raise(SIGUSR1);
	CHECK_INT(caught, 0);
	turn_until(&caught);
	CHECK_INT(caught, SIGUSR1);
	signal_watch_close(w);
	finish();
}

TEST(impossible_signal_is_refused)
{
	struct error err = ERROR_INIT;
	struct signal_watch *w;

	start();
	CHECK(signal_watch_new(l, SIGKILL, on_caught, NULL, &w, &err) < 0);
	CHECK(strstr(err.message, "cannot watch signal 9"));
	finish();
}

static int woken;

static void on_woken(void *user)
{
	(void)user;
	woken++;
}

static void *send_wakes(void *arg)
{
	for (int i = 0; i < 1000; i++)
		wake_send(arg);
	return NULL;
}

TEST(wake_from_another_thread)
{
	struct error err = ERROR_INIT;
	struct wake *w;
	pthread_t thread;

	start();
	woken = 0;
	CHECK_OK(wake_new(l, on_woken, NULL, &w, &err), err);
	CHECK(pthread_create(&thread, NULL, send_wakes, w) == 0);
	turn_until(&woken);
	pthread_join(thread, NULL);
	loop_run_once(l, 1000000);
	CHECK(woken >= 1 && woken <= 1000);
	wake_close(w);
	finish();
}

/* ---- children ---------------------------------------------------------------------------- */

struct died {
	int ended;
	struct child_end end;
};

static void on_ended(void *user, const struct child_end *end)
{
	struct died *d = user;

	d->ended++;
	d->end = *end;
}

TEST(child_end_is_told_with_usage)
{
	struct error err = ERROR_INIT;
	struct child_watch *w;
	struct died d = {0};
	pid_t pid;

	start();
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		_exit(7);
	CHECK_OK(child_watch_new(l, pid, on_ended, &d, &w, &err), err);
	turn_until(&d.ended);
	CHECK(WIFEXITED(d.end.status) && WEXITSTATUS(d.end.status) == 7);
	CHECK(d.end.usage.ru_maxrss > 0);
	CHECK_INT(d.ended, 1);
	finish();
}

TEST(child_can_be_killed_or_left)
{
	struct error err = ERROR_INIT;
	struct child_watch *w;
	struct died d = {0};
	int status;
	pid_t pid;

	start();
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		for (;;)
			pause();
	CHECK_OK(child_watch_new(l, pid, on_ended, &d, &w, &err), err);
	child_watch_close(w);
	CHECK_OK(child_watch_new(l, pid, on_ended, &d, &w, &err), err);
	CHECK_OK(child_watch_kill(w, SIGKILL, &err), err);
	turn_until(&d.ended);
	CHECK(WIFSIGNALED(d.end.status) && WTERMSIG(d.end.status) == SIGKILL);
	CHECK(waitpid(pid, &status, 0) < 0); /* reaped */
	CHECK(child_watch_new(l, pid, on_ended, &d, &w, &err) < 0);
	finish();
}

/* ---- work -------------------------------------------------------------------------------- */

struct sum {
	struct loop_work work;
	int n, result, done;
};

static void add(struct loop_work *work)
{
	struct sum *s = CONTAINER_OF(work, struct sum, work);

	for (int i = 1; i <= s->n; i++)
		s->result += i;
}

static void added(struct loop_work *work)
{
	struct sum *s = CONTAINER_OF(work, struct sum, work);

	s->done++;
}

TEST(work_runs_in_a_thread_and_comes_back)
{
	struct error err = ERROR_INIT;
	struct sum s[50] = {0};

	start();
	for (int i = 0; i < 50; i++) {
		s[i] = (struct sum){.work = {.run = add, .done = added}, .n = i};
		CHECK_OK(loop_work_start(l, &s[i].work, &err), err);
		CHECK_INT(s[i].done, 0);
	}
	CHECK_INT(loop_works(l), 50);
	loop_work_cancel(&s[49].work);
	loop_run(l);
	for (int i = 0; i < 50; i++) {
		CHECK_INT(s[i].done, 1);
		CHECK_INT(s[i].result, s[i].work.cancelled ? 0 : i * (i + 1) / 2);
	}
	CHECK_INT(loop_works(l), 0);
	finish();
}
