/* ListPlugins, DescribeTask, ReloadPlugins, SetPluginEnabled, Unquarantine. */
#include "flyte/message.h"
#include "grpc/svc_worker_private.h"

/* ---- ListPlugins ------------------------------------------------------------------------- */

void worker_list_plugins(struct grpc_call *call, void *user)
{
	const struct worker_source *source = &((struct worker_service *)user)->options.source;
	W(ListPluginsResponse) m = TASKHOST__WORKER__V1__LIST_PLUGINS_RESPONSE__INIT;
	const W(ListPluginsRequest) * r;
	struct draft d;

	draft_init(&d);
	r = worker_read(call, W_DESC(list_plugins_request), &d.arena);
	if (r) {
		source->list_plugins(source->user, r->all, &d, &m);
		draft_reply(&d, &m.base, call);
	}
	draft_done(&d);
}

/* ---- DescribeTask ------------------------------------------------------------------------ */

static void describe(struct draft *d, const struct worker_offer *o, W(DescribeTaskResponse) * m)
{
	size_t n = o->n_optional;

	m->kind = o->task ? TASKHOST__WORKER__V1__DESCRIBE_TASK_RESPONSE__KIND__TASK
			  : TASKHOST__WORKER__V1__DESCRIBE_TASK_RESPONSE__KIND__EXECUTOR;
	m->name = draft_text(d, o->name);
	m->plugin = draft_text(d, o->plugin);
	m->digest = draft_text(d, o->digest);
	if (!o->task)
		return;
	m->about = draft_text(d, o->about);
	m->template_ = o->task_template;
	m->optional_inputs = draft_pointers(d, &n);
	m->n_optional_inputs = n;
	for (size_t i = 0; i < n; i++)
		m->optional_inputs[i] = draft_text(d, o->optional[i]);
}

void worker_describe(struct grpc_call *call, void *user)
{
	const struct worker_source *source = &((struct worker_service *)user)->options.source;
	W(DescribeTaskResponse) m = TASKHOST__WORKER__V1__DESCRIBE_TASK_RESPONSE__INIT;
	const W(DescribeTaskRequest) * r;
	struct worker_offer offer = {.task = false};
	struct error err;
	struct draft d;
	int rc;

	err.message[0] = '\0';
	draft_init(&d);
	r = worker_read(call, W_DESC(describe_task_request), &d.arena);
	if (r) {
		rc = source->find_offer(source->user, str_of(r->name), &d.arena, &offer, &err);
		if (rc < 0) {
			worker_refuse(call, rc, err.message);
		} else {
			describe(&d, &offer, &m);
			draft_reply(&d, &m.base, call);
		}
	}
	draft_done(&d);
}

/* ---- ReloadPlugins ----------------------------------------------------------------------- */

struct reload_call {
	struct worker_service *service;
	struct grpc_call *call;
	struct worker_reload reload;
};

static void on_reloaded(struct worker_reload *r,
			const struct draft *draft,
			const W(ReloadPluginsResponse) * answer)
{
	struct reload_call *c = CONTAINER_OF(r, struct reload_call, reload);

	draft_reply(draft, &answer->base, c->call);
	free(c);
}

static void reload_gone(struct grpc_call *call)
{
	struct reload_call *c = grpc_call_user(call);
	const struct worker_source *source = &c->service->options.source;

	source->reload_forget(source->user, &c->reload);
	free(c);
	grpc_call_finish(call, GRPC_CANCELLED, STR_NULL);
}

const struct grpc_call_ops worker_reload_ops = {.cancelled = reload_gone};

void worker_reload_plugins(struct grpc_call *call, void *user)
{
	struct worker_service *s = user;
	const struct worker_source *source = &s->options.source;
	struct arena arena = ARENA_INIT;
	bool ok = worker_read(call, W_DESC(reload_plugins_request), &arena) != NULL;
	struct reload_call *c;
	struct error err;
	int r;

	arena_done(&arena);
	c = ok ? worker_alloc(call, sizeof(*c)) : NULL;
	if (!c)
		return;
	err.message[0] = '\0';
	c->service = s;
	c->call = call;
	c->reload.done = on_reloaded;
	r = source->reload(source->user, &c->reload, &err);
	if (r < 0) {
		free(c);
		worker_refuse(call, r, err.message);
	}
}

/* ---- SetPluginEnabled, Unquarantine -------------------------------------------------------- */

/* The plugin as it is after the change; NULL when the call has been ended. */
static W(Plugin) * changed_plugin(const struct worker_source *source,
				  struct grpc_call *call,
				  struct draft *d,
				  const char *id,
				  int result,
				  const struct error *err)
{
	W(Plugin) *plugin = NULL;

	if (result == 0)
		plugin = source->plugin(source->user, str_of(id), d);
	if (plugin)
		return plugin;
	if (result == 0 || result == ERR_NOT_FOUND)
		grpc_call_finishf(call, GRPC_NOT_FOUND,
				  "there is no plugin %.200s; see 'taskhost plugin ls'", id);
	else
		worker_refuse(call, result, err->message);
	return NULL;
}

void worker_set_enabled(struct grpc_call *call, void *user)
{
	const struct worker_source *source = &((struct worker_service *)user)->options.source;
	W(SetPluginEnabledResponse) m = TASKHOST__WORKER__V1__SET_PLUGIN_ENABLED_RESPONSE__INIT;
	const W(SetPluginEnabledRequest) * r;
	bool changed = false;
	struct error err;
	struct draft d;
	int rc;

	err.message[0] = '\0';
	draft_init(&d);
	r = worker_read(call, W_DESC(set_plugin_enabled_request), &d.arena);
	if (r) {
		rc = source->set_enabled(source->user, str_of(r->id), r->enabled, str_of(r->reason),
					 &changed, &err);
		m.plugin = changed_plugin(source, call, &d, r->id, rc, &err);
		m.changed = changed;
	}
	if (m.plugin)
		draft_reply(&d, &m.base, call);
	draft_done(&d);
}

void worker_unquarantine(struct grpc_call *call, void *user)
{
	const struct worker_source *source = &((struct worker_service *)user)->options.source;
	W(UnquarantineResponse) m = TASKHOST__WORKER__V1__UNQUARANTINE_RESPONSE__INIT;
	const W(UnquarantineRequest) * r;
	bool changed = false;
	struct error err;
	struct draft d;
	int rc;

	err.message[0] = '\0';
	draft_init(&d);
	r = worker_read(call, W_DESC(unquarantine_request), &d.arena);
	if (r) {
		rc = source->unquarantine(source->user, str_of(r->id), &changed, &err);
		m.plugin = changed_plugin(source, call, &d, r->id, rc, &err);
		m.changed = changed;
	}
	if (m.plugin)
		draft_reply(&d, &m.base, call);
	draft_done(&d);
}
