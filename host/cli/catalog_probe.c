/* New code runs for the first time in `taskhost plugin check`: a process of its own that watches over
 * it and ends all it leaves behind. A few at a time. */
#include "cli/catalog_private.h"

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIMEOUT_TEXT "10s"
#define KILL_NS      (20 * SECOND)
#define OUTPUT_MAX   ((size_t)8 << 20)
#define PARALLEL_MAX 8
#define SOON_NS      (SECOND / 10)

struct probe {
	struct catalog *catalog;
	struct verdict *verdict;
	char *file, *copy; /* as people know it, and what is run */
	bool running, late;
	int fd;
	struct fd_watch *reader;
	struct child_watch *child;
	pid_t pid;
	struct loop_timer timer;
	struct buf output;
	struct probe *next;
};

static void probe_free(struct probe *p)
{
	struct probe **at = &p->catalog->probes;

	while (*at && *at != p)
		at = &(*at)->next;
	if (*at)
		*at = p->next;
	p->catalog->n_probing -= p->running;
	loop_timer_cancel(p->catalog->params.loop, &p->timer);
	if (p->reader)
		fd_watch_close(p->reader);
	closep(&p->fd);
	buf_done(&p->output);
	verdict_unref(p->verdict);
	free(p->file);
	free(p->copy);
	free(p);
}

/* ---- what it said ----------------------------------------------------------------------------- */

/* The text with the private copy's path replaced by the one people know. */
static void put_known(const struct probe *p, const char *text, struct buf *out)
{
	const char *at;

	while ((at = strstr(text, p->copy))) {
		buf_append(out, text, (size_t)(at - text));
		buf_puts(out, p->file);
		text = at + strlen(p->copy);
	}
	buf_puts(out, text);
}

static int judge(struct probe *p, enum plugin_state state, const char *reason, const json_t *result)
{
	const json_t *list = json_object_get(result, "executors"), *item;
	struct verdict_executor *x = calloc(json_array_size(list) + 1, sizeof(*x));
	struct error err = ERROR_INIT;
	size_t i, n = 0;
	int r;

	if (!x)
		return ERR_NOMEM;
	json_array_foreach(list, i, item)
	{
		x[n].name = json_string_value(json_object_get(item, "name"));
		x[n].max_inflight = (uint32_t)MIN(
			json_integer_value(json_object_get(item, "max_inflight")), UINT32_MAX);
		n += x[n].name != NULL;
	}
	r = verdicts_judge(p->catalog->verdicts, p->verdict, state, reason, result != NULL, x, n,
			   &err);
	free(x);
	return r;
}

static void judge_result(struct probe *p, const json_t *result)
{
	const char *step = json_string_value(json_object_get(result, "failed_step"));
	const char *why = json_string_value(json_object_get(result, "reason"));
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	bool inspected = step && streq(step, "inspect");

	if (json_is_true(json_object_get(result, "ok"))) {
		judge(p, PLUGIN_ACTIVE, p->verdict->reason, result);
		return;
	}
	if (!inspected)
		buf_printf(&text, "failed its check at \"%s\": ", step ? step : "load");
	put_known(p, why ? why : "no reason given", &text);
	judge(p, inspected ? PLUGIN_REFUSED : PLUGIN_QUARANTINED, text.data ? text.data : "",
	      result);
}

static void not_checked(struct probe *p, const char *why)
{
	_cleanup_(freep) char *text = NULL;

	if (asprintf(&text, "could not be checked: %s", why) < 0)
		text = NULL;
	judge(p, PLUGIN_QUARANTINED, text ? text : "could not be checked", NULL);
}

static void conclude(struct probe *p, int status)
{
	struct error err = ERROR_INIT;
	json_t *result = NULL;
	char why[100];

	if (p->late)
		not_checked(p, "taskhost plugin check did not end");
	else if (!WIFEXITED(status) || WEXITSTATUS(status) > 1) {
		snprintf(why, sizeof(why), "taskhost plugin check ended with %s %d",
			 WIFEXITED(status) ? "exit code" : "signal",
			 WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
		not_checked(p, why);
	} else if (json_parse((struct str){p->output.data, p->output.len}, "its answer", &result,
			      &err) < 0)
		not_checked(p, err.message);
	else
		judge_result(p, result);
	json_decref(result);
}

/* ---- the child -------------------------------------------------------------------------------- */

static void start_waiting(struct catalog *c);

/* Lining up and saving are about all files, not one: of a thousand new ones in a row that would cost
 * more than checking them, so it is done for those of a while together, and for the last at once. */
static void finish(struct probe *p)
{
	struct catalog *c = p->catalog;

	probe_free(p);
	start_waiting(c);
	if (c->probes) {
		if (!loop_timer_is_set(&c->soon))
			loop_timer_set(c->params.loop, &c->soon, loop_now_ns() + SOON_NS);
		return;
	}
	loop_timer_cancel(c->params.loop, &c->soon);
	loop_later_queue(c->params.loop, &c->line_up);
	catalog_save(c);
}

static void on_output(void *user, int events)
{
	struct probe *p = user;
	char chunk[4096];
	ssize_t n;

	(void)events;
	while ((n = read(p->fd, chunk, sizeof(chunk))) > 0)
		if (p->output.len < OUTPUT_MAX)
			buf_append(&p->output, chunk, (size_t)n);
	if (n == 0 && p->reader) {
		fd_watch_close(p->reader);
		p->reader = NULL;
	}
}

static void on_ended(void *user, const struct child_end *end)
{
	struct probe *p = user;

	p->child = NULL;
	on_output(p, FD_READABLE);
	conclude(p, end->status);
	finish(p);
}

static void on_late(struct loop_timer *t)
{
	struct probe *p = CONTAINER_OF(t, struct probe, timer);

	p->late = true;
	child_watch_kill(p->child, SIGKILL, NULL);
}

static int spawn(const char *program, const char *file, const char *trusted, int out, pid_t *ret)
{
	const char *args[] = {program,     "plugin",     "check",
			      file,        "-o",         "json",
			      "--timeout", TIMEOUT_TEXT, trusted ? "--trust-plugins" : NULL,
			      trusted,     NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t all, none;
	int r;

	sigfillset(&all);
	sigemptyset(&none);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attr);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
						POSIX_SPAWN_SETPGROUP);
	r = posix_spawn(ret, program, &actions, &attr, (char *const *)(uintptr_t)args, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return r;
}

/* The copy is ours, wherever the state directory lies; in memory it has no path that would pass. */
static int spawn_for(struct probe *p, int out)
{
	_cleanup_(freep) char *dir = strdup(p->copy);
	bool memory = str_starts(str_of(p->copy), "/proc/");
	char *slash = dir ? strrchr(dir, '/') : NULL;

	if (!slash)
		return ENOMEM;
	*slash = '\0';
	return spawn(p->catalog->params.check_program, memory ? p->file : p->copy,
		     memory ? p->catalog->trusted ? p->catalog->trusted[0] : NULL : dir, out,
		     &p->pid);
}

static int probe_run(struct probe *p, struct error *err)
{
	struct loop *l = p->catalog->params.loop;
	int pipe[2], r;

	if (pipe2(pipe, O_CLOEXEC) < 0)
		return err_set_errno(err, ERR_IO, errno, "making a pipe");
	p->fd = pipe[0];
	r = spawn_for(p, pipe[1]);
	close(pipe[1]);
	if (r != 0)
		return err_set_errno(err, ERR_IO, r, "%s", p->catalog->params.check_program);
	r = fd_watch_new(l, p->fd, FD_READABLE, on_output, p, &p->reader, err);
	if (r == 0)
		r = child_watch_new(l, p->pid, on_ended, p, &p->child, err);
	if (r < 0) {
		kill(p->pid, SIGKILL);
		waitpid(p->pid, NULL, 0);
		return r;
	}
	p->timer.fire = on_late;
	loop_timer_set(l, &p->timer, loop_now_ns() + KILL_NS);
	p->running = true;
	p->catalog->n_probing++;
	return 0;
}

static unsigned parallel(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > PARALLEL_MAX ? PARALLEL_MAX : (unsigned)n;
}

static void start_waiting(struct catalog *c)
{
	struct probe *p = c->probes, *next;

	for (; p && c->n_probing < parallel(); p = next) {
		struct error err = ERROR_INIT;

		next = p->next;
		if (p->running || probe_run(p, &err) == 0)
			continue;
		not_checked(p, err.message);
		probe_free(p);
		loop_later_queue(c->params.loop, &c->line_up);
	}
}

bool catalog_probing(const struct catalog *c, const struct verdict *v)
{
	for (const struct probe *p = c->probes; p; p = p->next)
		if (p->verdict == v || streq(p->verdict->digest, v->digest))
			return true;
	return false;
}

void catalog_probe_start(struct catalog *c, struct slot *s)
{
	struct probe *p, **at = &c->probes;

	if (catalog_probing(c, s->file.verdict) || !s->file.copy)
		return;
	p = calloc(1, sizeof(*p));
	if (!p)
		return; /* the next look tries again */
	p->catalog = c;
	p->fd = -1;
	p->verdict = verdict_ref(s->file.verdict);
	p->file = strdup(s->file.path);
	p->copy = strdup(s->file.copy);
	if (!p->file || !p->copy) {
		probe_free(p);
		return;
	}
	while (*at)
		at = &(*at)->next;
	*at = p;
	start_waiting(c);
}

void catalog_probe_stop(struct catalog *c)
{
	while (c->probes) {
		struct probe *p = c->probes;

		if (p->child) {
			child_watch_kill(p->child, SIGKILL, NULL);
			child_watch_close(p->child);
			waitpid(p->pid, NULL, 0);
		}
		probe_free(p);
	}
}
