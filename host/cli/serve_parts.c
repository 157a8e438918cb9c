/* What executions need: state directory, store, logs, runners, plugins, dispatch. */
#include "cli/serve_private.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "cli/program.h"
#include "cli/runner_ops.h"
#include "grpc/svc_request.h"
#include "task/task.h"
#include "store/ident.h"

#include <stdio.h>
#include <errno.h>
#include <sys/random.h>
#include <sys/stat.h>

/* Bytes of a reply that are not outputs, at most. */
#define REPLY_REST ((size_t)16 << 10)

/* ---- places ------------------------------------------------------------------------------------ */

static int below_state(struct serve *s, const char *name, char **ret)
{
	*ret = path_join(s->state.path, name);
	return *ret ? 0 : err_nomem(&s->err, "a path");
}

static int make_dir(struct serve *s, const char *path)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_set_errno(&s->err, err_from_errno(errno), errno,
				     "cannot make the directory %s", path);
	return 0;
}

/* Working directories of runs that an earlier process did not live to remove. */
static void sweep_work(struct serve *s)
{
	struct error err = ERROR_INIT;

	if (dir_remove(s->work_dir, &err) < 0)
		log_warn("what earlier runs left behind stays: %s", err.message);
}

static int open_places(struct serve *s)
{
	int rc = state_dir_open(&s->state, s->config->state, &s->err);

	if (rc == 0)
		rc = below_state(s, "logs", &s->logs_dir);
	if (rc == 0)
		rc = below_state(s, "work", &s->work_dir);
	if (rc < 0)
		return rc;
	sweep_work(s);
	rc = make_dir(s, s->work_dir);
	if (rc == 0)
		rc = program_path("taskhost-runner", &s->runner_program, &s->err);
	if (rc == 0)
		rc = program_path("taskhost", &s->check_program, &s->err);
	return rc;
}

/* ---- store ------------------------------------------------------------------------------------- */

static void on_stored(void *user)
{
	struct serve *s = user;

	if (s->store)
		store_complete(s->store);
}

static void wake_store(void *user) /* [any-thread] */
{
	wake_send(((struct serve *)user)->store_wake);
}

/* What one turn of the loop brings goes into one commit. */
static void gather_writes(void *user)
{
	struct serve *s = user;

	loop_later_queue(s->loop, &s->store_flush);
}

static void flush_store(struct loop_later *later)
{
	struct serve *s = CONTAINER_OF(later, struct serve, store_flush);

	if (s->store)
		store_sqlite_flush(s->store);
}

static int open_store(struct serve *s)
{
	struct store_sqlite_options o = {.dir = s->state.path,
					 .wake = wake_store,
					 .gather = gather_writes,
					 .user = s,
					 .low_water_bytes = STORE_LOW_WATER,
					 .ballast_bytes = STORE_BALLAST};
	int rc = wake_new(s->loop, on_stored, s, &s->store_wake, &s->err);

	if (rc < 0)
		return rc;
	s->store_flush.run = flush_store;
	return store_sqlite_open(&o, &s->store, &s->err);
}

/* ---- what old executions leave behind ------------------------------------------------------------ */

/* Lives by itself: it may end after everything else. */
struct trash_work {
	struct loop_work work;
	struct serve *serve;
	char *dir;
	int status;
	struct error err;
};

static void remove_trash(struct loop_work *work)
{
	struct trash_work *t = CONTAINER_OF(work, struct trash_work, work);

	t->status = store_sqlite_empty_trash(t->dir, &t->err);
}

static void trash_free(struct trash_work *t)
{
	t->serve->removing_trash = false;
	free(t->dir);
	free(t);
}

static void on_trash_removed(struct loop_work *work)
{
	struct trash_work *t = CONTAINER_OF(work, struct trash_work, work);

	if (t->status < 0)
		log_warn("what old executions left behind stays: %s", t->err.message);
	trash_free(t);
}

/* In another thread, since there may be much. */
static void on_swept(void *user)
{
	struct serve *s = user;
	struct trash_work *t = s->removing_trash ? NULL : calloc(1, sizeof(*t));
	struct error err = ERROR_INIT;

	if (!t)
		return; /* the next sweep is soon */
	*t = (struct trash_work){.work = {.run = remove_trash, .done = on_trash_removed},
				 .serve = s,
				 .dir = strdup(s->state.path),
				 .err = ERROR_INIT};
	s->removing_trash = true;
	if (!t->dir || loop_work_start(s->loop, &t->work, &err) < 0)
		trash_free(t);
}

/* ---- runners and plugins ----------------------------------------------------------------------- */

static void on_generation_changed(void *user, struct runner_generation *g)
{
	struct serve *s = user;

	catalog_generation_changed(s->catalog, g);
}

static void on_catalog_changed(void *user, struct str plugin)
{
	struct serve *s = user;
	struct error err = ERROR_INIT;

	if (s->agent && agent_service_refresh(s->agent, &err) < 0)
		log_warn("%s", err.message);
	if (s->dispatch)
		dispatch_plugin_changed(s->dispatch, plugin);
	serve_tell_health(s);
}

static int open_pool(struct serve *s)
{
	const struct logs_params logs = {.directory = s->logs_dir,
					 .quota = (uint64_t)s->config->log_quota};
	struct runner_pool_params pool = {.program = s->runner_program,
					  .ops = &plugin_runner_ops,
					  .spares = (unsigned)s->config->spares,
					  .max = catalog_processes_most(s->config),
					  .changed = on_generation_changed,
					  .user = s};
	char why[200];
	int rc;

	inspect_set_extensions(task_extension_ids);
	rc = logs_new(s->loop, &logs, &s->logs, &s->err);

	if (rc == 0)
		rc = cgroup_new(NULL, NULL, &s->cgroup, &s->err);
	if (rc < 0)
		return rc;
	if (!cgroup_usable(s->cgroup, why, sizeof(why)))
		log_info("runners get no control groups: %s", why);
	pool.logs = s->logs;
	pool.cgroup = s->cgroup;
	pool.guard = s->guard;
	return runner_pool_new(s->loop, &pool, &s->pool, &s->err);
}

static int open_catalog(struct serve *s)
{
	const struct catalog_params p = {.loop = s->loop,
					 .config = s->config,
					 .pool = s->pool,
					 .state_dir = s->state.path,
					 .check_program = s->check_program,
					 .metrics = &s->metrics,
					 .changed = on_catalog_changed,
					 .user = s};

	return catalog_new(&p, &s->catalog, &s->err);
}

/* ---- dispatch ---------------------------------------------------------------------------------- */

static int64_t now(void *user)
{
	(void)user;
	return loop_now_ns();
}

static int64_t wall(void *user)
{
	(void)user;
	return clock_realtime_ns();
}

static uint64_t chance(void *user)
{
	struct serve *s = user;

	if (s->n_random == 0 &&
	    getrandom(s->random, sizeof(s->random), 0) == (ssize_t)sizeof(s->random))
		s->n_random = ARRAY_LEN(s->random);
	return s->n_random > 0 ? s->random[--s->n_random] : (uint64_t)loop_now_ns();
}

static void wake_at(void *user, int64_t when_ns)
{
	struct serve *s = user;

	if (when_ns == INT64_MAX)
		loop_timer_cancel(s->loop, &s->dispatch_timer);
	else
		loop_timer_set(s->loop, &s->dispatch_timer, when_ns);
}

static void tick(struct loop_timer *t)
{
	dispatch_tick(CONTAINER_OF(t, struct serve, dispatch_timer)->dispatch);
}

static void took(void *user, enum dispatch_time what, struct str type, int64_t ns)
{
	struct serve *s = user;

	serve_metrics_took(s->beat, what, type, ns);
}

static void ended(void *user, struct str type, enum exec_state state, struct str code)
{
	struct serve *s = user;

	serve_metrics_ended(s->beat, type, state, code);
}

static void trace(void *user, uint64_t id, const char *line)
{
	char text[IDENT_TEXT + 1];

	(void)user;
	ident_format(id, text);
	log_debug("execution %s: %s", text, line);
}

static void tell(void *user, int level, uint64_t id, const char *text)
{
	char name[IDENT_TEXT + 1];

	(void)user;
	if (id == 0) {
		log_msg((enum log_level)level, "%s", text);
		return;
	}
	ident_format(id, name);
	log_msg((enum log_level)level, "execution %s: %s", name, text);
}

/* Limits of single plugins and task types. */
static int make_limits(struct serve *s, struct dispatch_config *d)
{
	const struct config_entries *plugins = &s->config->per_plugin;
	const struct config_entries *types = &s->config->per_task_type;
	struct dispatch_limit *l = calloc(plugins->n + types->n + 1, sizeof(*l));

	if (!l)
		return err_nomem(&s->err, "limits");
	s->limits = l;
	d->limits = l;
	for (size_t i = 0; i < plugins->n; i++)
		if (plugins->items[i].runners.slots > 0)
			l[d->n_limits++] = (struct dispatch_limit){
				LIMIT_PLUGIN, str_of(plugins->items[i].name),
				(uint32_t)plugins->items[i].runners.slots};
	for (size_t i = 0; i < types->n; i++)
		if (types->items[i].type.slots > 0)
			l[d->n_limits++] =
				(struct dispatch_limit){LIMIT_TYPE, str_of(types->items[i].name),
							(uint32_t)types->items[i].type.slots};
	return 0;
}

static int make_config(struct serve *s, struct dispatch_config *d)
{
	const struct worker_config *c = s->config;

	*d = dispatch_defaults();
	d->slots = (uint32_t)c->slots;
	d->queue_ttl_ns = c->time_limits.queue_ns;
	d->hard_ns = c->time_limits.timeout_ns;
	/* The rest of a reply is its message, the link to the log and the frame around it. */
	d->reply_most = (size_t)c->reply_max - REPLY_REST;
	d->inline_most = MIN(d->inline_most, d->reply_most);
	d->outputs_as_files = c->outputs == OUTPUTS_FILE;
	d->keep_ns = c->keep_finished_ns;
	d->keep_dead_ns = c->keep_dead_ns;
	d->lameduck_ns = c->lameduck_ns;
	d->grace_ns = c->grace_ns;
	d->soft_stop_ns = c->cancel_ns;
	return make_limits(s, d);
}

static int load_meta_key(struct serve *s, struct meta_key *ret)
{
	_cleanup_(freep) char *own = NULL;

	if (s->config->meta_key_file && *s->config->meta_key_file)
		return meta_key_load(s->config->meta_key_file, ret, &s->err);
	if (below_state(s, "meta.key", &own) < 0)
		return ERR_NOMEM;
	return meta_key_load(own, ret, &s->err);
}

static int open_runs(struct serve *s)
{
	const struct serve_runs_params p = {
		.loop = s->loop, .catalog = s->catalog, .logs = s->logs, .work_root = s->work_dir};
	int rc = serve_runs_new(&p, &s->runs, &s->err);

	return rc < 0 ? rc : serve_files_new(s->loop, &s->files, &s->err);
}

static int open_dispatch(struct serve *s)
{
	struct dispatch_options o = {
		.clock = {now, wall, chance, wake_at, s},
		.runners = serve_runs_table(s->runs),
		.data = serve_files_table(s->files),
		/* Lines that nobody reads are not made: there are five for each execution. */
		.hooks = {.trace = log_enabled(LOG_DEBUG) ? trace : NULL,
			  .log = tell,
			  .took = took,
			  .ended = ended,
			  .drain = serve_on_drain,
			  .swept = on_swept,
			  .same_request = request_same,
			  .user = s},
		.store = s->store,
		.incarnation = chance(s),
	};
	int rc = load_meta_key(s, &o.meta_key);

	if (rc == 0)
		rc = make_config(s, &o.config);
	if (rc < 0)
		return rc;
	s->dispatch_timer.fire = tick;
	rc = dispatch_new(&o, &s->dispatch, &s->err);
	if (rc < 0)
		return rc;
	serve_runs_set_dispatch(s->runs, s->dispatch);
	return dispatch_recover(s->dispatch, &s->err);
}

/* ---- the whole --------------------------------------------------------------------------------- */

int serve_open_parts(struct serve *s)
{
	static int (*const parts[])(struct serve * s) = {
		open_places, open_store, open_pool, open_catalog, open_runs, open_dispatch,
	};
	int rc = guard_start(&s->guard, &s->err);

	for (size_t i = 0; i < ARRAY_LEN(parts) && rc == 0; i++)
		rc = parts[i](s);
	return rc;
}

void serve_free_parts(struct serve *s)
{
	dispatch_free(s->dispatch);
	serve_files_free(s->files);
	serve_runs_free(s->runs);
	catalog_free(s->catalog);
	cgroup_free(s->cgroup);
	guard_stop(s->guard);
	free(s->limits);
	free(s->runner_program);
	free(s->check_program);
	free(s->logs_dir);
	free(s->work_dir);
	state_dir_close(&s->state);
}
