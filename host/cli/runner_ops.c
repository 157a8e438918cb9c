#include "cli/runner_ops.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "cli/runner_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define SHUTDOWN_NS INT64_C(4000000000)

/* ---- loading --------------------------------------------------------------------------------- */

/* If the process dies of that, or gives up, the host knows why. */
static void note_refused_memory(void *user)
{
	struct once_child *about = user;

	atomic_store(&about->out_of_memory, 1);
}

static int read_file(const struct runner_start *start, struct plugin_file **ret, struct error *err)
{
	_cleanup_(closep) int fd = open(start->path, O_RDONLY | O_CLOEXEC);
	char hex[SHA256_HEX_SIZE];
	struct plugin_file *file;
	int code;

	if (fd < 0)
		return err_set_errno(err, err_from_errno(errno), errno, "%s", start->path);
	code = plugin_file_read(fd, start->path, &file, err);
	if (code < 0)
		return code;
	hex_encode(plugin_file_digest(file), SHA256_SIZE, hex);
	if (!streq(hex, start->digest)) {
		plugin_file_unref(file);
		return err_set(
			err, ERR_MISMATCH,
			"%s has changed: its digest is %.12s, not the %.12s that was checked",
			start->path, hex, start->digest);
	}
	*ret = file;
	return 0;
}

/* A private copy lies in "<store>/plugins/": from there it is mapped as it is. */
static char *store_of(const char *path)
{
	static const char folder[] = "/plugins/";
	const char *base = path_base(path);
	size_t n = (size_t)(base - path);

	if (n <= strlen(folder) || strncmp(base - strlen(folder), folder, strlen(folder)) != 0)
		return NULL;
	return strndup(path, n - strlen(folder));
}

static int load(struct runner_state *s,
		const struct runner_ops_params *params,
		const struct runner_start *start,
		struct error *err)
{
	_cleanup_(freep) char *store =
		params && params->store_dir ? strdup(params->store_dir) : store_of(start->path);
	char name[ONCE_NAME_MAX];
	struct plugin_file *file = NULL;
	int code = read_file(start, &file, err);

	if (code < 0)
		return code;
	snprintf(name, sizeof(name), "%.*s.so", (int)sizeof(name) - 4, start->name);
	once_module_named(start->about, start->path, name);
	s->host = calloc(1, sizeof(*s->host));
	if (!s->host) {
		plugin_file_unref(file);
		return err_nomem(err, "a plugin's host table");
	}
	host_init(s->host, task_extensions, &task_exec_ops, 0);
	s->host->refused = note_refused_memory;
	s->host->refused_ctx = start->about;
	code = plugin_load_file(file, store, &s->host->table, &s->plugin, err);
	plugin_file_unref(file);
	return code;
}

static int start_plugin(struct runner_state *s, struct str config, struct error *err)
{
	char step[100];

	snprintf(step, sizeof(step), "init %s", s->name);
	once_step(s->about, step);
	return plugin_init(s->plugin, config, err);
}

/* ---- what runs have in common ---------------------------------------------------------------- */

/* Settings come from the environment; who runs what does not, for that is each run's own. */
static int read_surroundings(struct runner_state *s, struct error *err)
{
	struct task_context *ctx = &s->surroundings;
	struct str worker;
	int code = task_context_from_env(ctx, &s->arena, err);

	if (code < 0)
		return code;
	worker = ctx->items[TH_CTX_WORKER_NAME];
	for (size_t i = 0; i < CONTEXT_ITEMS; i++)
		ctx->items[i] = STR("");
	ctx->items[TH_CTX_WORKER_NAME] = worker;
	ctx->dist_error_strategy = STR("");
	return runner_no_memory(&s->no_memory, err);
}

/* What a plugin may still hold, its host table, stays. */
static void state_free(struct runner_state *s)
{
	if (!s)
		return;
	if (s->own_process)
		runner_traces_done(&s->traces);
	runner_find_done(s);
	buf_done(&s->no_memory);
	arena_done(&s->arena);
	plugin_free(s->plugin);
	free(s);
}

static struct runner_state *state_new(const struct runner_start *start)
{
	struct runner_state *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->name = start->name;
	s->about = start->about;
	snprintf(s->idle_step, sizeof(s->idle_step), "between runs of %s", s->name);
	snprintf(s->pending_step, sizeof(s->pending_step), "pending runs of %s", s->name);
	s->tasks = (struct map)MAP_INIT;
	s->no_memory = (struct buf)BUF_INIT;
	arena_init(&s->arena, 0);
	return s;
}

/* ---- the table ------------------------------------------------------------------------------- */

static int init(void *ctx, const struct runner_start *start, void **ret_state, struct error *err)
{
	struct runner_state *s = state_new(start);
	int code;

	if (!s)
		return err_nomem(err, "a plugin's runner");
	if (!start->in_process) /* the host has said so already */
		inspect_set_extensions(task_extension_ids);
	code = read_surroundings(s, err);
	if (code == 0)
		code = load(s, ctx, start, err);
	if (code == 0)
		code = runner_resume_init(&s->resume, start->max_inflight > 1, err);
	if (code == 0) {
		code = start_plugin(s, start->config, err);
		if (code < 0)
			runner_resume_done(&s->resume);
	}
	if (code < 0) {
		state_free(s);
		return code;
	}
	s->own_process = !start->in_process;
	if (s->own_process)
		runner_traces_keep(&s->traces);
	once_step(s->about, s->idle_step);
	*ret_state = s;
	return 0;
}

static void run_one(void *state, struct runner_run *run)
{
	runner_job_run(state, run);
}

static void cancel(void *state, struct runner_run *run, uint32_t reason)
{
	(void)state; /* it may be gone */
	runner_job_cancel(run, reason);
}

static void template_free(void *state, void *decoded)
{
	(void)state; /* it may be gone */
	runner_template_done(decoded);
}

static void quiesce(void *state)
{
	struct runner_state *s = state;
	struct error err = ERROR_INIT;
	char step[100];

	runner_resume_done(&s->resume);
	snprintf(step, sizeof(step), "shut down %s", s->name);
	once_step(s->about, step);
	if (plugin_shutdown(s->plugin, clock_monotonic_ns() + SHUTDOWN_NS, &err) < 0)
		log_warn("%s", err.message);
	state_free(s);
}

const struct runner_ops plugin_runner_ops = {
	.init = init,
	.run = run_one,
	.cancel = cancel,
	.template_free = template_free,
	.quiesce = quiesce,
};
