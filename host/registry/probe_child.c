#include "registry/probe.h"

#include "abi/host.h"
#include "base/clock.h"
#include "base/file.h"

#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct probe {
	int fd;
	pid_t pid; /* the plugin may fork; its children must not go on with the probe */
	struct plugin *plugin;
	struct host host;
	struct arena arena;
	char **listed; /* names, in the arena */
	size_t n_listed;
};

static void record(const struct probe *p, char kind, const char *text)
{
	char line[ERR_MESSAGE_MAX + 64];
	int n = snprintf(line, sizeof(line), "%c%s", kind, text);

	if (getpid() != p->pid)
		_exit(0);
	fd_write_all(p->fd, line, MIN((size_t)n, sizeof(line) - 1) + 1, "probe", NULL);
}

static void step(const struct probe *p, const char *name)
{
	record(p, 'S', name);
}

/* ---- list tasks ------------------------------------------------------------------------------ */

/* The name the resolver gives; NULL: none. */
static int name_of(struct probe *p,
		   const th_resolver *x,
		   const th_task *task,
		   const char **ret,
		   struct error *err)
{
	_cleanup_(sink_done) struct sink sink = {.arena = &p->arena};
	th_status st = x->task_name ? x->task_name(x->data, task, sink_handle(&sink)) : TH_OK;

	if (st != TH_OK)
		return host_status_error(st, NULL, "task_name", err);
	if (sink.failed)
		return err_nomem(err, "the name of a task");
	if (sink.n > 1)
		return err_set(err, ERR_INVALID, "task_name pushed %zu names", sink.n);
	*ret = sink.n ? sink.items[0].ptr : NULL;
	return 0;
}

/* loader_args and load_task must be each other's inverse. */
static int check_inverse(struct probe *p,
			 const th_resolver *x,
			 const th_task *task,
			 const char *name,
			 struct error *err)
{
	_cleanup_(sink_done) struct sink args = {.arena = &p->arena};
	struct th_errout_h slot = {.set = false};
	const th_task *again = NULL;
	const char *second = NULL;
	th_status st;
	int r;

	st = x->loader_args(x->data, task, sink_handle(&args), errout_handle(&slot));
	if (st != TH_OK)
		return host_status_error(st, &slot, "loader_args", err);
	st = x->load_task(x->data, args.items, args.n, &again, errout_handle(&slot));
	if (st != TH_OK)
		return host_status_error(st, &slot, "load_task with what loader_args gave", err);
	if (!again)
		return err_set(err, ERR_INVALID, "load_task returned TH_OK but no task");
	r = name_of(p, x, again, &second, err);
	if (r == 0 && !streq(name, second ? second : ""))
		r = err_set(err, ERR_MISMATCH,
			    "load_task finds task '%s' with the arguments that loader_args gave "
			    "for '%s'",
			    second ? second : "(none)", name);
	if (x->release_task)
		x->release_task(x->data, again);
	return r;
}

static int add_listed(struct probe *p, const char *name, struct error *err)
{
	char **more = realloc(p->listed, (p->n_listed + 1) * sizeof(*more));

	if (!more)
		return err_nomem(err, "the tasks of a plugin");
	p->listed = more;
	more[p->n_listed] = arena_strdup(&p->arena, name);
	if (!more[p->n_listed++])
		return err_nomem(err, "the tasks of a plugin");
	record(p, 'T', name);
	return 0;
}

static int list_resolver(struct probe *p, const th_resolver *x, struct error *err)
{
	for (uint32_t i = 0; x->get_all_tasks; i++) {
		const th_task *task = NULL;
		const char *name = NULL;
		th_status st;
		int r;

		st = x->get_all_tasks(x->data, i, &task);
		if (st == TH_E_NOT_FOUND)
			break;
		if (i == PLUGIN_TASKS_MAX)
			return err_set(err, ERR_LIMIT,
				       "get_all_tasks does not end: no TH_E_NOT_FOUND within %d "
				       "tasks",
				       PLUGIN_TASKS_MAX);
		if (st != TH_OK)
			return host_status_error(st, NULL, "get_all_tasks", err);
		if (!task)
			return err_set(err, ERR_INVALID,
				       "get_all_tasks returned TH_OK but no task (index %u)", i);
		r = name_of(p, x, task, &name, err);
		if (r == 0 && name)
			r = add_listed(p, name, err);
		if (r == 0 && name)
			r = check_inverse(p, x, task, name, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int list_tasks(struct probe *p, struct error *err)
{
	for (uint32_t i = 0; i < p->plugin->table.n_resolvers; i++) {
		int r = list_resolver(p, &p->plugin->resolvers[i], err);

		if (r < 0)
			return err_wrap(err, "resolver '%s'", plugin_resolver_symbol(p->plugin, i));
	}
	return 0;
}

/* ---- list executors -------------------------------------------------------------------------- */

static void list_executors(const struct probe *p)
{
	char text[300];

	for (uint32_t i = 0; i < p->plugin->table.n_executors; i++) {
		const th_executor *x = &p->plugin->executors[i];

		snprintf(text, sizeof(text), "%u %s", x->max_inflight, x->name ? x->name : "");
		record(p, 'X', text);
	}
}

/* ---- compare --------------------------------------------------------------------------------- */

static int compare(struct probe *p, struct error *err)
{
	const struct note_plugin *n = &p->plugin->inspection.note;
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	const struct note_offer *note;
	int r;

	for (size_t i = 0; i < p->n_listed; i++) {
		r = plugin_task_note(p->plugin, str_of(p->listed[i]), &note, err);
		if (r < 0)
			return r;
		if (!note)
			buf_printf(&text, "; task '%s' is listed, but no note has it",
				   p->listed[i]);
	}
	for (size_t i = 0; i < n->n_tasks; i++) {
		bool found = false;

		for (size_t k = 0; k < p->n_listed; k++)
			found = found || str_is(n->tasks[i].name, p->listed[k]);
		if (!found)
			buf_printf(&text,
				   "; a note has task '" STR_FMT "', but no resolver lists it",
				   STR_ARG(n->tasks[i].name));
	}
	r = buf_check(&text, "the tasks of a plugin", err);
	return r == 0 && text.len ? err_set(err, ERR_MISMATCH, "%s", text.data + 2) : r;
}

/* ---- after deinit ---------------------------------------------------------------------------- */

/* Each thread is a directory there, so a link. */
static size_t count_threads(void)
{
	struct stat st;

	return stat("/proc/self/task", &st) == 0 && st.st_nlink > 2 ? (size_t)st.st_nlink - 2 : 1;
}

/* A thread that was joined may be listed for a moment longer. */
static int check_threads(struct error *err)
{
	const struct timespec moment = {.tv_nsec = 5000000};
	size_t n = count_threads();

	for (int i = 0; n > 1 && i < 40; i++) {
		nanosleep(&moment, NULL);
		n = count_threads();
	}
	return n <= 1 ? 0
		      : err_set(err, ERR_STATE,
				"%zu threads still run after quiesce and deinit; join them in "
				"quiesce",
				n - 1);
}

/* ---- all steps ------------------------------------------------------------------------------- */

static int run_steps(struct probe *p,
		     const char *path,
		     const struct verify_policy *policy,
		     int64_t timeout_ns,
		     struct error *err)
{
	_cleanup_(freep) char *resolved = NULL;
	_cleanup_(closep) int fd = -1;
	int r;

	step(p, "load");
	r = verify_open(path, policy, &fd, &resolved, err);
	if (r == 0)
		r = plugin_load(fd, path, NULL, &p->host.table, &p->plugin, err);
	if (r < 0)
		return r;
	step(p, "init");
	r = plugin_init(p->plugin, STR(""), err);
	if (r < 0)
		return r;
	step(p, "list tasks");
	r = list_tasks(p, err);
	if (r < 0)
		return r;
	list_executors(p);
	step(p, "compare");
	r = compare(p, err);
	if (r < 0)
		return r;
	step(p, "quiesce");
	r = plugin_quiesce(p->plugin, clock_monotonic_ns() + timeout_ns, err);
	if (r < 0)
		return r;
	step(p, "deinit");
	plugin_deinit(p->plugin);
	step(p, "leave");
	return check_threads(err);
}

void probe_child(const char *path,
		 const struct verify_policy *policy,
		 const struct host_extension *extensions,
		 int64_t timeout_ns,
		 int fd)
{
	struct probe p = {.fd = fd, .pid = getpid()};
	struct error err = ERROR_INIT;
	int r;

	host_init(&p.host, extensions, NULL, 0);
	r = run_steps(&p, path, policy, timeout_ns, &err);
	record(&p, r < 0 ? 'F' : 'K', r < 0 ? err.message : "");
	/* No clean-up and no exit handlers: the plugin may have left anything behind. */
	_exit(0);
}
