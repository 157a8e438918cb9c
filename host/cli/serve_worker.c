#include "cli/serve_worker.h"

#include "base/file.h"
#include "resolve/resolve.h"
#include "store/ident.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

#define W(name) Taskhost__Worker__V1__##name

struct serve_worker {
	struct serve_worker_params params;
};

/* ---- what can be run ---------------------------------------------------------------------------- */

static struct str keep(struct arena *arena, struct str s, bool *failed)
{
	char *copy = arena_strndup(arena, s.ptr ? s.ptr : "", s.len);

	*failed |= !copy;
	return copy ? (struct str){copy, s.len} : STR_NULL;
}

static int keep_optional(const struct note_offer *note,
			 struct arena *arena,
			 struct worker_offer *ret,
			 bool *failed)
{
	ret->optional = arena_array(arena, note->n_variables, sizeof(*ret->optional));
	if (!ret->optional)
		return ERR_NOMEM;
	for (size_t i = 0; i < note->n_variables; i++)
		if (note->variables[i].direction == NOTE_OPT)
			ret->optional[ret->n_optional++] =
				keep(arena, note->variables[i].name, failed);
	return 0;
}

/* What the catalog has is good until the loop turns; what is told, as long as the arena. */
static int keep_offer(const struct catalog_offer *o,
		      struct arena *arena,
		      struct worker_offer *ret,
		      struct error *err)
{
	char *name = arena_printf(arena, STR_FMT "." STR_FMT, STR_ARG(o->plugin), STR_ARG(o->name));
	bool failed = !name;

	*ret = (struct worker_offer){
		.plugin = keep(arena, o->plugin, &failed),
		.name = str_of(name),
		.task = o->task,
		.pending = o->pending,
		.digest = keep(arena, str_of(o->digest), &failed),
		.about = keep(arena, o->note->about, &failed),
	};
	if (failed || (o->task && keep_optional(o->note, arena, ret, &failed) < 0) || failed)
		return err_nomem(err, "a task");
	if (!o->task)
		return 0;
	return resolve_native_template(o->about, o->note, arena, &ret->task_template, err);
}

static int find_offer(void *user,
		      struct str name,
		      struct arena *arena,
		      struct worker_offer *ret,
		      struct error *err)
{
	const struct serve_worker *w = user;
	struct catalog_offer offer;
	int r = catalog_find_offer(w->params.catalog, name, &offer, err);

	return r < 0 ? r : keep_offer(&offer, arena, ret, err);
}

/* As the catalog has it for those that are found by task type. */
static bool allowed(void *user, struct str type)
{
	const struct serve_worker *w = user;

	return config_type_allowed(w->params.config, type);
}

static void defaults(void *user, struct str plugin, struct str type, struct worker_defaults *ret)
{
	const struct serve_worker *w = user;
	const struct config_task_type *t = config_type_of(w->params.config, type);

	(void)plugin;
	*ret = (struct worker_defaults){
		.priority = (int)t->priority,
		.queue_ttl_ns = t->queue_ns > 0 ? t->queue_ns : -1,
		.hard_ns = t->timeout_ns > 0 ? t->timeout_ns : -1,
	};
}

/* By chance, since its id is not known before it is accepted. */
static int output_prefix(void *user, struct buf *out, struct error *err)
{
	const struct serve_worker *w = user;
	char name[IDENT_TEXT + 1];
	uint64_t number;

	if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
		return err_set_errno(err, ERR_IO, errno, "no random number for a place of outputs");
	ident_format(number >> 1, name);
	buf_printf(out, "%s/outputs/%s", w->params.facts->state_dir, name);
	return buf_check(out, "a place for outputs", err);
}

static bool generation(void *user, uint64_t id, struct str *ret_digest)
{
	const struct serve_worker_facts *f = ((struct serve_worker *)user)->params.facts;

	return f->generation && f->generation(f->user, id, ret_digest);
}

/* ---- plugins ----------------------------------------------------------------------------------- */

struct listing {
	struct draft *draft;
	size_t room; /* counted first */
	W(Plugin) * *plugins;
	size_t n;
};

static void count_view(void *context, const struct catalog_view *v)
{
	(void)v;
	((struct listing *)context)->room++;
}

static void put_view(void *context, const struct catalog_view *v)
{
	struct listing *l = context;

	if (l->n < l->room)
		l->plugins[l->n++] = serve_worker_plugin(l->draft, v);
}

static char **texts(struct draft *d, const char *const *items, size_t *n)
{
	char **list = draft_pointers(d, n);

	for (size_t i = 0; i < *n; i++)
		list[i] = draft_textz(d, items[i]);
	return list;
}

static char **directories(const struct serve_worker *w, struct draft *d, size_t *ret_n)
{
	const char *const *dirs = catalog_directories(w->params.catalog);

	for (*ret_n = 0; dirs[*ret_n];)
		++*ret_n;
	return texts(d, dirs, ret_n);
}

static void list_plugins(void *user, bool all, struct draft *d, W(ListPluginsResponse) * ret)
{
	const struct serve_worker *w = user;
	struct listing l = {.draft = d};

	ret->directories = directories(w, d, &ret->n_directories);
	catalog_list(w->params.catalog, all, count_view, &l);
	l.plugins = draft_pointers(d, &l.room);
	catalog_list(w->params.catalog, all, put_view, &l);
	ret->plugins = l.plugins;
	ret->n_plugins = l.n;
}

static W(Plugin) * plugin(void *user, struct str id, struct draft *d)
{
	const struct serve_worker *w = user;
	W(Plugin) *found = NULL;
	struct listing l = {.draft = d, .room = 1, .plugins = &found};

	catalog_view_of(w->params.catalog, id, put_view, &l);
	return found;
}

static int set_enabled(void *user,
		       struct str id,
		       bool enabled,
		       struct str reason,
		       bool *ret_changed,
		       struct error *err)
{
	const struct serve_worker *w = user;

	return catalog_set_enabled(w->params.catalog, id, enabled, reason, ret_changed, err);
}

static int unquarantine(void *user, struct str id, bool *ret_changed, struct error *err)
{
	const struct serve_worker *w = user;

	return catalog_unquarantine(w->params.catalog, id, ret_changed, err);
}

/* ---- reload ------------------------------------------------------------------------------------- */

struct look {
	struct catalog_reload reload;
	struct worker_reload *asked;
};

static void on_looked(struct catalog_reload *r,
		      const struct catalog_change *changes,
		      size_t n,
		      unsigned unchanged)
{
	struct look *look = CONTAINER_OF(r, struct look, reload);
	W(ReloadPluginsResponse) m = TASKHOST__WORKER__V1__RELOAD_PLUGINS_RESPONSE__INIT;
	struct draft d;

	draft_init(&d);
	m.unchanged = unchanged;
	m.changes = draft_pointers(&d, &n);
	m.n_changes = n;
	for (size_t i = 0; i < n; i++)
		m.changes[i] = serve_worker_change(&d, &changes[i]);
	look->asked->done(look->asked, &d, &m);
	draft_done(&d);
	free(look);
}

static int reload(void *user, struct worker_reload *r, struct error *err)
{
	const struct serve_worker *w = user;
	struct look *look = calloc(1, sizeof(*look));

	if (!look)
		return err_nomem(err, "a look at the plugin directories");
	look->asked = r;
	look->reload.done = on_looked;
	r->source = look;
	catalog_reload(w->params.catalog, &look->reload);
	return 0;
}

static void reload_forget(void *user, struct worker_reload *r)
{
	const struct serve_worker *w = user;
	struct look *look = r->source;

	catalog_reload_forget(w->params.catalog, &look->reload);
	free(look);
}

/* ---- the worker ---------------------------------------------------------------------------------- */

static W(GetStatusResponse__State) state_named(const char *name)
{
	if (streq(name, "starting"))
		return TASKHOST__WORKER__V1__GET_STATUS_RESPONSE__STATE__STARTING;
	if (streq(name, "ready"))
		return TASKHOST__WORKER__V1__GET_STATUS_RESPONSE__STATE__READY;
	if (streq(name, "draining"))
		return TASKHOST__WORKER__V1__GET_STATUS_RESPONSE__STATE__DRAINING;
	return TASKHOST__WORKER__V1__GET_STATUS_RESPONSE__STATE__NOT_READY;
}

static void put_state(const struct serve_worker_facts *f, struct draft *d, W(GetStatusResponse) * m)
{
	_cleanup_(buf_done) struct buf why = BUF_INIT;
	size_t n = 1;

	m->state = state_named(f->state(f->user, &why));
	if (why.len == 0)
		return;
	m->not_ready = draft_pointers(d, &n);
	m->n_not_ready = n;
	if (n > 0)
		m->not_ready[0] = draft_text(d, (struct str){why.data, why.len});
}

/* Resident bytes of this process; 0 when the system does not tell. */
static uint64_t resident_bytes(void)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	const char *second = NULL; /* after the size: pages that are resident */

	if (file_read("/proc/self/statm", 4096, &text, NULL) == 0 && text.len > 0)
		second = strchr(text.data, ' ');
	return second ? strtoull(second, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

static void status(void *user, struct draft *d, W(GetStatusResponse) * m)
{
	const struct serve_worker *w = user;
	const struct serve_worker_facts *f = w->params.facts;
	struct catalog_counts plugins = catalog_counts(w->params.catalog);
	struct runner_pool_stats pool;

	runner_pool_stats(w->params.pool, &pool);
	put_state(f, d, m);
	m->version = draft_textz(d, TASKHOST_VERSION);
	m->pid = (uint32_t)getpid();
	m->started_at = draft_time(d, f->started_ns);
	m->n_grpc_addresses = f->n_grpc;
	m->grpc_addresses = texts(d, f->grpc, &m->n_grpc_addresses);
	m->admin_address = draft_textz(d, f->admin);
	m->socket = draft_textz(d, f->socket);
	m->state_directory = draft_textz(d, f->state_dir);
	m->plugin_directories = directories(w, d, &m->n_plugin_directories);
	m->plugins = plugins.plugins;
	m->plugins_active = plugins.active;
	m->runners = pool.runners;
	m->runners_busy = pool.busy;
	m->rss_bytes = resident_bytes();
	m->isolation = w->params.config->runners.isolation == ISOLATION_IN_PROCESS
			       ? TASKHOST__WORKER__V1__GENERATION__ISOLATION__IN_PROCESS
			       : TASKHOST__WORKER__V1__GENERATION__ISOLATION__PROCESS;
}

static int drain(void *user, int64_t grace_ns, struct str reason, struct error *err)
{
	const struct serve_worker *w = user;
	const struct serve_worker_facts *f = w->params.facts;

	if (grace_ns >= 0)
		dispatch_drain_grace(w->params.dispatch, grace_ns);
	return f->drain(f->user, reason, err);
}

/* ---- life -------------------------------------------------------------------------------------- */

int serve_worker_new(const struct serve_worker_params *params,
		     struct serve_worker **ret,
		     struct error *err)
{
	struct serve_worker *w = malloc(sizeof(*w));

	if (!w)
		return err_nomem(err, "the worker's answers");
	w->params = *params;
	*ret = w;
	return 0;
}

struct worker_source serve_worker_source(struct serve_worker *w)
{
	return (struct worker_source){
		.find_offer = find_offer,
		.defaults = defaults,
		.allowed = allowed,
		.output_prefix = output_prefix,
		.generation = generation,
		.list_plugins = list_plugins,
		.plugin = plugin,
		.set_enabled = set_enabled,
		.unquarantine = unquarantine,
		.reload = reload,
		.reload_forget = reload_forget,
		.status = status,
		.drain = drain,
		.user = w,
	};
}

void serve_worker_free(struct serve_worker *w)
{
	free(w);
}
