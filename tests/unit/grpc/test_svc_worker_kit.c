#include "test_svc_worker_kit.h"

/* ---- the plugin ---------------------------------------------------------------------------- */

#define NEW(arena, type, init)                                                                     \
	({                                                                                         \
		const type like_ = init;                                                           \
		(type *)arena_memdup(arena, &like_, sizeof(like_));                                \
	})

static VariableMap *variables(struct arena *arena, const char *const *names, size_t n)
{
	VariableMap *map = NEW(arena, VariableMap, FLYTEIDL__CORE__VARIABLE_MAP__INIT);

	map->variables = arena_array(arena, n, sizeof(*map->variables));
	for (size_t i = 0; i < n; i++) {
		Flyteidl__Core__VariableMap__VariablesEntry *e =
			NEW(arena, Flyteidl__Core__VariableMap__VariablesEntry,
			    FLYTEIDL__CORE__VARIABLE_MAP__VARIABLES_ENTRY__INIT);

		e->key = arena_strdup(arena, names[i]);
		e->value = NEW(arena, Variable, FLYTEIDL__CORE__VARIABLE__INIT);
		e->value->type = NEW(arena, LiteralType, FLYTEIDL__CORE__LITERAL_TYPE__INIT);
		e->value->type->type_case = FLYTEIDL__CORE__LITERAL_TYPE__TYPE_SIMPLE;
		e->value->type->simple = FLYTEIDL__CORE__SIMPLE_TYPE__INTEGER;
		map->variables[map->n_variables++] = e;
	}
	return map;
}

static TaskTemplate *template_of_add(struct arena *arena)
{
	TaskTemplate *t = NEW(arena, TaskTemplate, FLYTEIDL__CORE__TASK_TEMPLATE__INIT);

	t->type = arena_strdup(arena, "c-task");
	t->id = NEW(arena, Flyteidl__Core__Identifier, FLYTEIDL__CORE__IDENTIFIER__INIT);
	t->id->name = arena_strdup(arena, "arith.add");
	t->interface = NEW(arena, TypedInterface, FLYTEIDL__CORE__TYPED_INTERFACE__INIT);
	t->interface->inputs = variables(arena, (const char *const[]){"a", "b"}, 2);
	t->interface->outputs = variables(arena, (const char *const[]){"o"}, 1);
	return t;
}

static int find_offer(void *user,
		      struct str name,
		      struct arena *arena,
		      struct worker_offer *ret,
		      struct error *err)
{
	struct worker_kit *w = user;

	if (str_is(name, "arith.add") && w->disabled)
		return err_set(err, ERR_STATE, "the plugin arith is disabled");
	if (str_is(name, "arith.add")) {
		*ret = (struct worker_offer){.plugin = STR("arith"),
					     .name = STR("arith.add"),
					     .task = true,
					     .digest = STR("d1"),
					     .about = STR("Adds."),
					     .task_template = template_of_add(arena),
					     .n_optional = 1};
		ret->optional = arena_memdup(arena, &STR("b"), sizeof(struct str));
		return 0;
	}
	if (str_is(name, "echo.Echo") || str_is(name, "echo")) {
		*ret = (struct worker_offer){
			.plugin = STR("echo"), .name = STR("echo.Echo"), .digest = STR("d2")};
		return 0;
	}
	return err_set(err, ERR_NOT_FOUND, "no plugin has '" STR_FMT "'", STR_ARG(name));
}

static void defaults(void *user, struct str plugin, struct str type, struct worker_defaults *ret)
{
	(void)user;
	(void)plugin;
	*ret = (struct worker_defaults){.priority = str_is(type, "c-task") ? 4 : 3};
}

static int output_prefix(void *user, struct buf *out, struct error *err)
{
	(void)user;
	buf_puts(out, "/state/outputs/1");
	return buf_check(out, "a prefix", err);
}

static bool generation(void *user, uint64_t id, struct str *ret)
{
	(void)user;
	(void)id;
	*ret = STR("d1");
	return true;
}

/* ---- plugins ------------------------------------------------------------------------------- */

static W(Plugin) * plugin(void *user, struct str id, struct draft *d)
{
	struct worker_kit *w = user;
	W(Plugin) * p;

	if (!str_is(id, "arith"))
		return NULL;
	p = DRAFT_NEW(d, W(Plugin), TASKHOST__WORKER__V1__PLUGIN__INIT);
	p->id = draft_text(d, id);
	p->state = w->disabled      ? TASKHOST__WORKER__V1__PLUGIN__STATE__DISABLED
		   : w->quarantined ? TASKHOST__WORKER__V1__PLUGIN__STATE__QUARANTINED
				    : TASKHOST__WORKER__V1__PLUGIN__STATE__ACTIVE;
	p->reason = draft_textz(d, w->reason);
	return p;
}

static void list_plugins(void *user, bool all, struct draft *d, W(ListPluginsResponse) * ret)
{
	size_t n = all ? 2 : 1;

	ret->plugins = draft_pointers(d, &n);
	ret->n_plugins = n;
	for (size_t i = 0; i < n; i++)
		ret->plugins[i] = plugin(user, STR("arith"), d);
}

static int set_enabled(void *user,
		       struct str id,
		       bool enabled,
		       struct str reason,
		       bool *ret_changed,
		       struct error *err)
{
	struct worker_kit *w = user;

	if (w->switch_fails)
		return err_set(err, w->switch_fails, "it cannot be remembered");
	if (!str_is(id, "arith"))
		return err_set(err, ERR_NOT_FOUND, "no such plugin");
	*ret_changed = w->disabled == enabled;
	w->disabled = !enabled;
	snprintf(w->reason, sizeof(w->reason), STR_FMT, STR_ARG(reason));
	return 0;
}

static int unquarantine(void *user, struct str id, bool *ret_changed, struct error *err)
{
	struct worker_kit *w = user;

	if (!str_is(id, "arith"))
		return err_set(err, ERR_NOT_FOUND, "no such plugin");
	*ret_changed = w->quarantined;
	w->quarantined = false;
	return 0;
}

static int reload(void *user, struct worker_reload *r, struct error *err)
{
	struct worker_kit *w = user;

	if (w->reload)
		return err_set(err, ERR_NOMEM, "only one at a time in this test");
	w->reload = r;
	return 0;
}

static void reload_forget(void *user, struct worker_reload *r)
{
	struct worker_kit *w = user;

	CHECK(w->reload == r);
	w->reload = NULL;
	w->reloads_forgotten++;
}

void worker_kit_reloaded(struct worker_kit *w)
{
	W(ReloadPluginsResponse) m = TASKHOST__WORKER__V1__RELOAD_PLUGINS_RESPONSE__INIT;
	W(PluginChange) change = TASKHOST__WORKER__V1__PLUGIN_CHANGE__INIT;
	W(PluginChange) * changes[] = {&change};
	struct worker_reload *r = TAKE(w->reload);
	struct draft d;

	CHECK(r);
	draft_init(&d);
	change.what = TASKHOST__WORKER__V1__PLUGIN_CHANGE__WHAT__ADDED;
	change.id = draft_textz(&d, "arith");
	m.changes = changes;
	m.n_changes = 1;
	m.unchanged = 3;
	r->done(r, &d, &m);
	draft_done(&d);
}

/* ---- the worker ------------------------------------------------------------------------------ */

static void status(void *user, struct draft *d, W(GetStatusResponse) * ret)
{
	(void)user;
	ret->state = TASKHOST__WORKER__V1__GET_STATUS_RESPONSE__STATE__READY;
	ret->version = draft_textz(d, "1.2.3");
	ret->pid = 42;
}

static int drain(void *user, int64_t grace_ns, struct str reason, struct error *err)
{
	struct worker_kit *w = user;

	(void)err;
	w->drains++;
	w->grace_ns = grace_ns;
	snprintf(w->reason, sizeof(w->reason), STR_FMT, STR_ARG(reason));
	if (grace_ns >= 0)
		dispatch_drain_grace(w->k.dispatch, grace_ns);
	dispatch_drain(w->k.dispatch);
	return 0;
}

static void on_drain(struct kit *k)
{
	worker_service_drain_moved(CONTAINER_OF(k, struct worker_kit, k)->service);
}

static int
find(void *user, struct str type, int32_t version, struct agent_type *ret, struct error *err)
{
	struct kit *k = user;

	for (size_t i = 0; i < k->n_types; i++) {
		if (!str_eq(type, k->types[i].type) || version != k->types[i].version)
			continue;
		*ret = k->types[i];
		return 0;
	}
	return err_set(err, k->find_fails ? k->find_fails : ERR_NOT_FOUND, "not for tests");
}

static int64_t wall(void)
{
	return 1700000000 * SEC;
}

static const struct agent_type types[] = {
	{.type = STR("t"), .plugin = STR("echo"), .executor = STR("echo.Echo"), .priority = 5},
};

void worker_kit_open(struct worker_kit *w, const struct kit_params *p)
{
	struct kit_params params = p ? *p : (struct kit_params){.slots = 0};
	struct worker_service_options o;

	*w = (struct worker_kit){.grace_ns = 0};
	params.types = types;
	params.n_types = ARRAY_LEN(types);
	kit_open(&w->k, &params);
	o = (struct worker_service_options){
		.loop = w->k.loop,
		.dispatch = w->k.dispatch,
		.store = w->k.store,
		.logs = w->k.logs,
		.metrics = w->k.metrics,
		.catalog = {.find = find, .user = &w->k},
		.source = {find_offer, defaults, NULL, output_prefix, generation, list_plugins,
			   plugin, set_enabled, unquarantine, reload, reload_forget, status, drain,
			   w},
		.wall_ns = wall,
	};
	CHECK_OK(worker_service_new(w->k.client.engine, &o, &w->service, &w->k.err), w->k.err);
	w->k.on_drain = on_drain;
}

void worker_kit_close(struct worker_kit *w)
{
	kit_close(&w->k);
	worker_service_free(w->service);
}

/* ---- calls --------------------------------------------------------------------------------- */

int32_t worker_kit_begin(struct worker_kit *w, const char *method, const ProtobufCMessage *request)
{
	char path[128];

	snprintf(path, sizeof(path), WORKER "%s", method);
	return client_unary(&w->k.client, kit_copy(&w->k, str_of(path)).ptr,
			    kit_encode(&w->k, request));
}

void *worker_kit_call(struct worker_kit *w,
		      const char *method,
		      const ProtobufCMessage *request,
		      const struct message_desc *answer)
{
	struct reply *r = kit_wait(&w->k, worker_kit_begin(w, method, request));

	CHECK_STR(r->message, "");
	CHECK_INT(r->grpc_status, GRPC_OK);
	return kit_message(&w->k, r, 0, answer);
}

const char *worker_kit_refused(struct worker_kit *w,
			       const char *method,
			       const ProtobufCMessage *request,
			       enum grpc_status status_)
{
	struct reply *r = kit_wait(&w->k, worker_kit_begin(w, method, request));

	CHECK_INT(r->grpc_status, status_);
	return r->message;
}

LiteralMap *worker_kit_inputs(struct worker_kit *w, const char *name, int64_t value)
{
	LiteralMap *map;

	CHECK_OK(literal_map_decode(kit_outputs(&w->k, name, value), "inputs", &w->k.arena, &map,
				    &w->k.err),
		 w->k.err);
	return map;
}

char *worker_kit_submit(struct worker_kit *w, unsigned retries)
{
	W(SubmitTaskRequest) r = TASKHOST__WORKER__V1__SUBMIT_TASK_REQUEST__INIT;
	Google__Protobuf__UInt32Value n = GOOGLE__PROTOBUF__UINT32_VALUE__INIT;
	W(SubmitTaskResponse) * m;

	n.value = retries;
	r.what_case = TASKHOST__WORKER__V1__SUBMIT_TASK_REQUEST__WHAT_TASK;
	r.task = arena_strdup(&w->k.arena, "arith.add");
	r.inputs = worker_kit_inputs(w, "a", 1);
	r.retries = &n;
	m = WORKER_KIT_CALL(w, "SubmitTask", &r, submit_task_response);
	return m->id;
}

W(GetExecutionResponse) * worker_kit_get(struct worker_kit *w, char *id)
{
	W(GetExecutionRequest) r = TASKHOST__WORKER__V1__GET_EXECUTION_REQUEST__INIT;

	r.id = id;
	r.with_inputs = r.with_outputs = true;
	return WORKER_KIT_CALL(w, "GetExecution", &r, get_execution_response);
}

void worker_kit_fail(struct worker_kit *w, const char *code)
{
	struct kit_run *run = kit_next_run(&w->k);

	kit_started(&w->k, run);
	kit_end(&w->k, run,
		&(struct run_result){.outcome = RUN_ERROR,
				     .recoverable = true,
				     .code = str_of(code),
				     .message = STR("no luck"),
				     .usage = {.cpu_ns = 3 * SEC / 2, .max_rss_bytes = 4096}});
}

W(Execution) * worker_kit_end(struct worker_kit *w, char *id)
{
	for (int i = 0; i < 2000; i++) {
		W(Execution) *e = worker_kit_get(w, id)->execution;

		if ((int)e->state >= EXEC_FINISHED)
			return e;
		kit_turn(&w->k);
	}
	test_fail(__FILE__, __LINE__, "it does not end");
}
