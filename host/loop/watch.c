#include "loop/watch.h"

#include "loop/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- descriptors ------------------------------------------------------------------------- */

struct fd_watch {
	struct loop_handle handle;
	uv_poll_t uv;
	int events;
	void (*ready)(void *user, int events);
	void *user;
};

static void on_poll(uv_poll_t *uv, int status, int got)
{
	struct fd_watch *w = CONTAINER_OF(uv, struct fd_watch, uv);
	int events = 0;

	if (status < 0) {
		w->ready(w->user, w->events);
		return;
	}
	events |= got & UV_READABLE ? FD_READABLE : 0;
	events |= got & UV_WRITABLE ? FD_WRITABLE : 0;
	events |= got & UV_DISCONNECT ? FD_HANGUP : 0;
	w->ready(w->user, events);
}

int fd_watch_set(struct fd_watch *w, int events, struct error *err)
{
	int wanted = (events & FD_READABLE ? UV_READABLE : 0) |
		     (events & FD_WRITABLE ? UV_WRITABLE : 0) |
		     (events & FD_HANGUP ? UV_DISCONNECT : 0);
	int r = wanted ? uv_poll_start(&w->uv, wanted, on_poll) : uv_poll_stop(&w->uv);

	if (r < 0)
		return loop_error(err, r, "cannot watch a descriptor");
	w->events = events;
	return 0;
}

static void on_fd_closed(uv_handle_t *uv)
{
	free(CONTAINER_OF((uv_poll_t *)uv, struct fd_watch, uv));
}

int fd_watch_new(struct loop *l,
		 int fd,
		 int events,
		 void (*ready)(void *user, int events),
		 void *user,
		 struct fd_watch **ret,
		 struct error *err)
{
	struct fd_watch *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return err_nomem(err, "a descriptor watch");
	w->ready = ready;
	w->user = user;
	r = uv_poll_init(&l->uv, &w->uv, fd);
	if (r < 0) {
		free(w);
		return loop_error(err, r, "cannot watch descriptor %d", fd);
	}
	loop_handle_add(l, &w->handle, "descriptor watch");
	r = fd_watch_set(w, events, err);
	if (r < 0) {
		fd_watch_close(w);
		return r;
	}
	*ret = w;
	return 0;
}

void fd_watch_close(struct fd_watch *w)
{
	if (!w)
		return;
	loop_handle_remove(&w->handle);
	uv_close((uv_handle_t *)&w->uv, on_fd_closed);
}

/* ---- signals ----------------------------------------------------------------------------- */

struct signal_watch {
	struct loop_handle handle;
	uv_signal_t uv;
	void (*caught)(void *user, int signo);
	void *user;
};

static void on_signal(uv_signal_t *uv, int signo)
{
	struct signal_watch *w = CONTAINER_OF(uv, struct signal_watch, uv);

	w->caught(w->user, signo);
}

static void on_signal_closed(uv_handle_t *uv)
{
	free(CONTAINER_OF((uv_signal_t *)uv, struct signal_watch, uv));
}

int signal_watch_new(struct loop *l,
		     int signo,
		     void (*caught)(void *user, int signo),
		     void *user,
		     struct signal_watch **ret,
		     struct error *err)
{
	struct signal_watch *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return err_nomem(err, "a signal watch");
	w->caught = caught;
	w->user = user;
	r = uv_signal_init(&l->uv, &w->uv);
	if (r < 0) {
		free(w);
		return loop_error(err, r, "cannot watch signals");
	}
	loop_handle_add(l, &w->handle, "signal watch");
	r = uv_signal_start(&w->uv, on_signal, signo);
	if (r < 0) {
		signal_watch_close(w);
		return loop_error(err, r, "cannot watch signal %d", signo);
	}
	*ret = w;
	return 0;
}

void signal_watch_close(struct signal_watch *w)
{
	if (!w)
		return;
	loop_handle_remove(&w->handle);
	uv_close((uv_handle_t *)&w->uv, on_signal_closed);
}

/* ---- calls from other threads ------------------------------------------------------------ */

struct wake {
	struct loop_handle handle;
	uv_async_t uv;
	void (*woken)(void *user);
	void *user;
};

static void on_async(uv_async_t *uv)
{
	struct wake *w = CONTAINER_OF(uv, struct wake, uv);

	w->woken(w->user);
}

static void on_wake_closed(uv_handle_t *uv)
{
	free(CONTAINER_OF((uv_async_t *)uv, struct wake, uv));
}

int wake_new(
	struct loop *l, void (*woken)(void *user), void *user, struct wake **ret, struct error *err)
{
	struct wake *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return err_nomem(err, "a wake-up");
	w->woken = woken;
	w->user = user;
	r = uv_async_init(&l->uv, &w->uv, on_async);
	if (r < 0) {
		free(w);
		return loop_error(err, r, "cannot make a wake-up");
	}
	loop_handle_add(l, &w->handle, "wake-up");
	*ret = w;
	return 0;
}

void wake_send(struct wake *w)
{
	uv_async_send(&w->uv);
}

void wake_close(struct wake *w)
{
	if (!w)
		return;
	loop_handle_remove(&w->handle);
	uv_close((uv_handle_t *)&w->uv, on_wake_closed);
}

/* ---- children ---------------------------------------------------------------------------- */

struct child_watch {
	struct fd_watch *watch;
	int pidfd;
	pid_t pid;
	void (*ended)(void *user, const struct child_end *end);
	void *user;
};

static void on_child(void *user, int events)
{
	struct child_watch *w = user;
	struct child_end end = {.status = 0};
	pid_t pid = wait4(w->pid, &end.status, WNOHANG, &end.usage);

	(void)events;
	if (pid == 0 || (pid < 0 && errno == EINTR))
		return;
	if (pid < 0)
		end.status = -1;
	void (*ended)(void *, const struct child_end *) = w->ended;
	void *to = w->user;

	child_watch_close(w);
	ended(to, &end);
}

int child_watch_new(struct loop *l,
		    pid_t pid,
		    void (*ended)(void *user, const struct child_end *end),
		    void *user,
		    struct child_watch **ret,
		    struct error *err)
{
	struct child_watch *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return err_nomem(err, "a child watch");
	*w = (struct child_watch){.pid = pid, .ended = ended, .user = user};
	w->pidfd = (int)syscall(SYS_pidfd_open, pid, 0); /* close-on-exec by itself */
	if (w->pidfd < 0) {
		r = err_set_errno(err, err_from_errno(errno), errno, "cannot watch process %d",
				  pid);
		free(w);
		return r;
	}
	r = fd_watch_new(l, w->pidfd, FD_READABLE, on_child, w, &w->watch, err);
	if (r < 0) {
		close(w->pidfd);
		free(w);
		return err_wrap(err, "process %d", pid);
	}
	*ret = w;
	return 0;
}

void child_watch_close(struct child_watch *w)
{
	if (!w)
		return;
	fd_watch_close(w->watch);
	close(w->pidfd);
	free(w);
}

int child_watch_kill(struct child_watch *w, int signo, struct error *err)
{
	if (syscall(SYS_pidfd_send_signal, w->pidfd, signo, NULL, 0) < 0)
		return err_set_errno(err, err_from_errno(errno), errno,
				     "cannot send signal %d to process %d", signo, w->pid);
	return 0;
}

/* ---- work in threads --------------------------------------------------------------------- */

static void on_work(uv_work_t *uv)
{
	struct loop_work *work = uv->data;

	work->run(work);
}

static void on_work_done(uv_work_t *uv, int status)
{
	struct loop_work *work = uv->data;
	struct loop *l = CONTAINER_OF(uv->loop, struct loop, uv);

	l->works--;
	work->cancelled = status == UV_ECANCELED;
	work->request = NULL;
	free(uv);
	work->done(work);
}

int loop_work_start(struct loop *l, struct loop_work *work, struct error *err)
{
	uv_work_t *uv = calloc(1, sizeof(*uv));
	int r;

	if (!uv)
		return err_nomem(err, "work for a thread");
	uv->data = work;
	work->request = uv;
	work->cancelled = false;
	r = uv_queue_work(&l->uv, uv, on_work, on_work_done);
	if (r < 0) {
		work->request = NULL;
		free(uv);
		return loop_error(err, r, "cannot start work in a thread");
	}
	l->works++;
	return 0;
}

size_t loop_works(const struct loop *l)
{
	return l->works;
}

void loop_work_cancel(struct loop_work *work)
{
	if (work->request)
		uv_cancel((uv_req_t *)work->request);
}
