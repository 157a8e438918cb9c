/* When to look. A directory that is watched tells of its files; its parent tells when it appears, or
 * a link of its name is changed. What nobody tells (a network file system, a link further up) is
 * found by looking now and then. */
#include "cli/catalog_private.h"

#include "base/file.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

#define POLL_NS  (10 * SECOND)
#define QUIET_NS (SECOND / 20) /* after the last event */
#define LATE_NS  (SECOND / 2)  /* however many events there are */
#define EVENTS                                                                                     \
	(IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_ATTRIB |        \
	 IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

static void on_timer(struct loop_timer *t)
{
	struct catalog *c = CONTAINER_OF(t, struct catalog, timer);

	c->again = true;
	catalog_look_now(c);
}

void catalog_look_at(struct catalog *c, int64_t when_ns)
{
	if (c->stopped || !c->started)
		return;
	if (loop_timer_is_set(&c->timer) && c->due_ns <= when_ns)
		return;
	c->due_ns = when_ns;
	loop_timer_set(c->params.loop, &c->timer, when_ns);
}

static bool concerns(const struct catalog *c, const struct inotify_event *e)
{
	if (e->mask & IN_Q_OVERFLOW)
		return true;
	for (size_t i = 0; i < c->n_dirs; i++) {
		if (c->dir_wds[i] == e->wd)
			return true;
		if (c->parent_wds[i] == e->wd && e->len > 0 &&
		    streq(e->name, path_base(c->dirs[i])))
			return true;
	}
	return false;
}

/* Put off by each event, so that a copy that takes its time is looked at once. */
static void on_event(struct catalog *c)
{
	int64_t now = loop_now_ns();

	if (c->event_ns == 0)
		c->event_ns = now;
	c->again = true;
	if (now - c->event_ns < LATE_NS) {
		c->due_ns = now + QUIET_NS;
		loop_timer_set(c->params.loop, &c->timer, c->due_ns);
	}
}

static void on_ready(void *user, int events)
{
	char bytes[8192] __attribute__((aligned(8)));
	struct catalog *c = user;
	bool hit = false;
	ssize_t n;

	(void)events;
	while ((n = read(c->notify_fd, bytes, sizeof(bytes))) > 0) {
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *e = (const void *)(bytes + at);

			hit = hit || concerns(c, e);
			at += (ssize_t)(sizeof(*e) + e->len);
		}
	}
	if (hit)
		on_event(c);
}

void catalog_watch_refresh(struct catalog *c)
{
	for (size_t i = 0; c->notify && i < c->n_dirs; i++) {
		_cleanup_(freep) char *parent = strdup(c->dirs[i]);
		char *slash = parent ? strrchr(parent, '/') : NULL;

		c->dir_wds[i] = inotify_add_watch(c->notify_fd, c->dirs[i], EVENTS);
		c->parent_wds[i] = -1;
		if (!slash || streq(parent, "/"))
			continue;
		slash[slash == parent] = '\0';
		c->parent_wds[i] = inotify_add_watch(c->notify_fd, parent, EVENTS);
	}
}

void catalog_watch_open(struct catalog *c)
{
	struct error err = ERROR_INIT;

	c->timer.fire = on_timer;
	c->notify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (c->notify_fd < 0)
		err_set_errno(&err, ERR_IO, errno, "inotify");
	else if (fd_watch_new(c->params.loop, c->notify_fd, FD_READABLE, on_ready, c, &c->notify,
			      &err) == 0) {
		catalog_watch_refresh(c);
		return;
	}
	log_warn("plugin directories are looked at every %d s only: %s", (int)(POLL_NS / SECOND),
		 err.message);
}

void catalog_watch_close(struct catalog *c)
{
	if (c->notify)
		fd_watch_close(c->notify);
	c->notify = NULL;
	closep(&c->notify_fd);
	c->notify_fd = -1;
}

void catalog_look_later(struct catalog *c)
{
	catalog_look_at(c, loop_now_ns() + POLL_NS);
}
