/* Tasks that plugins supply: executor and template. */
#include "resolve/lookup.h"

#include "flyte/pbjson.h"

/* ---- the template from a note ---------------------------------------------------------------- */

typedef Flyteidl__Core__VariableMap__VariablesEntry VariableEntry;

/* `like` with its fields' default values, as the generated initialisers have them. */
#define NEW(arena, type, init)                                                                     \
	({                                                                                         \
		const type like_ = init;                                                           \
		(type *)arena_memdup(arena, &like_, sizeof(like_));                                \
	})

static int note_variable_entry(const struct note_variable *v,
			       struct str task,
			       struct arena *arena,
			       VariableEntry **ret,
			       struct error *err)
{
	VariableEntry *e =
		NEW(arena, VariableEntry, FLYTEIDL__CORE__VARIABLE_MAP__VARIABLES_ENTRY__INIT);
	Variable *var = NEW(arena, Variable, FLYTEIDL__CORE__VARIABLE__INIT);
	char *what =
		arena_printf(arena, "the type of '" STR_FMT "' in the note of task '" STR_FMT "'",
			     STR_ARG(v->name), STR_ARG(task));

	if (!e || !var || !what)
		return err_nomem(err, "a task template");
	e->key = arena_strndup(arena, v->name.ptr, v->name.len);
	var->description = arena_strndup(arena, v->about.len ? v->about.ptr : v->name.ptr,
					 v->about.len ? v->about.len : v->name.len);
	if (!e->key || !var->description)
		return err_nomem(err, "a task template");
	e->value = var;
	*ret = e;
	return literal_type_from_json(v->type_json, what, arena, &var->type, err);
}

static int note_variables(const struct note_offer *task,
			  bool outputs,
			  struct arena *arena,
			  VariableMap **ret,
			  struct error *err)
{
	VariableMap *map = NEW(arena, VariableMap, FLYTEIDL__CORE__VARIABLE_MAP__INIT);

	if (map)
		map->variables = arena_array(arena, task->n_variables, sizeof(*map->variables));
	if (!map || !map->variables)
		return err_nomem(err, "a task template");
	for (size_t i = 0; i < task->n_variables; i++) {
		const struct note_variable *v = &task->variables[i];
		int r;

		if ((v->direction == NOTE_OUT) != outputs)
			continue;
		r = note_variable_entry(v, task->name, arena, &map->variables[map->n_variables],
					err);
		if (r < 0)
			return r;
		map->n_variables++;
	}
	*ret = map;
	return 0;
}

static int note_timeout(struct str text,
			struct arena *arena,
			Google__Protobuf__Duration **ret,
			struct error *err)
{
	Google__Protobuf__Duration *d =
		NEW(arena, Google__Protobuf__Duration, GOOGLE__PROTOBUF__DURATION__INIT);
	int64_t ns;

	if (!d)
		return err_nomem(err, "a task template");
	if (!parse_duration(text, &ns) || ns < 0)
		return err_set(err, ERR_INVALID,
			       "the note's timeout '" STR_FMT "' is not a duration such as 90s",
			       STR_ARG(text));
	d->seconds = ns / 1000000000;
	d->nanos = (int32_t)(ns % 1000000000);
	*ret = d;
	return 0;
}

static int note_metadata(const struct note_plugin *plugin,
			 const struct note_offer *task,
			 struct arena *arena,
			 Flyteidl__Core__TaskMetadata **ret,
			 struct error *err)
{
	Flyteidl__Core__TaskMetadata *m =
		NEW(arena, Flyteidl__Core__TaskMetadata, FLYTEIDL__CORE__TASK_METADATA__INIT);
	Flyteidl__Core__RuntimeMetadata *runtime =
		NEW(arena, Flyteidl__Core__RuntimeMetadata, FLYTEIDL__CORE__RUNTIME_METADATA__INIT);
	Flyteidl__Core__RetryStrategy *retries =
		NEW(arena, Flyteidl__Core__RetryStrategy, FLYTEIDL__CORE__RETRY_STRATEGY__INIT);
	Google__Protobuf__BoolValue *deck =
		NEW(arena, Google__Protobuf__BoolValue, GOOGLE__PROTOBUF__BOOL_VALUE__INIT);
	int r = 0;

	if (!m || !runtime || !retries || !deck)
		return err_nomem(err, "a task template");
	runtime->type = FLYTEIDL__CORE__RUNTIME_METADATA__RUNTIME_TYPE__OTHER;
	runtime->version = arena_strndup(arena, plugin->version.ptr, plugin->version.len);
	runtime->flavor = arena_strdup(arena, "c");
	m->runtime = runtime;
	retries->retries = (uint32_t)task->retries;
	m->retries = retries;
	m->discoverable = task->cache.len > 0;
	m->discovery_version =
		arena_strndup(arena, task->cache.len ? task->cache.ptr : "", task->cache.len);
	deck->value = task->deck;
	m->generates_deck = deck;
	if (!runtime->version || !runtime->flavor || !m->discovery_version)
		return err_nomem(err, "a task template");
	if (task->timeout.len)
		r = note_timeout(task->timeout, arena, &m->timeout, err);
	*ret = m;
	return r;
}

static int note_identity(const struct note_plugin *plugin,
			 const struct note_offer *task,
			 struct arena *arena,
			 TaskTemplate *t,
			 struct error *err)
{
	struct str type = task->n_task_types ? task->task_types[0].type : STR("c-task");

	t->id = NEW(arena, Flyteidl__Core__Identifier, FLYTEIDL__CORE__IDENTIFIER__INIT);
	t->interface = NEW(arena, TypedInterface, FLYTEIDL__CORE__TYPED_INTERFACE__INIT);
	t->type = arena_strndup(arena, type.ptr, type.len);
	if (!t->id || !t->interface || !t->type)
		return err_nomem(err, "a task template");
	t->id->resource_type = FLYTEIDL__CORE__RESOURCE_TYPE__TASK;
	t->id->name =
		arena_printf(arena, STR_FMT "." STR_FMT, STR_ARG(plugin->id), STR_ARG(task->name));
	return t->id->name ? 0 : err_nomem(err, "a task template");
}

int resolve_native_template(const struct note_plugin *plugin,
			    const struct note_offer *task,
			    struct arena *arena,
			    TaskTemplate **ret,
			    struct error *err)
{
	TaskTemplate *t = NEW(arena, TaskTemplate, FLYTEIDL__CORE__TASK_TEMPLATE__INIT);
	int r;

	if (!t)
		return err_nomem(err, "a task template");
	r = note_identity(plugin, task, arena, t, err);
	if (r == 0)
		r = note_variables(task, false, arena, &t->interface->inputs, err);
	if (r == 0)
		r = note_variables(task, true, arena, &t->interface->outputs, err);
	if (r == 0)
		r = note_metadata(plugin, task, arena, &t->metadata, err);
	if (r == 0)
		*ret = t;
	return r;
}

/* ---- the template from the plugin ------------------------------------------------------------ */

static int template_from_json(struct str text, struct buf *wire, struct error *err)
{
	const struct message_desc *type = message_desc_find(STR("flyteidl.core.TaskTemplate"));

	if (text.len == 0)
		return err_set(err, ERR_INVALID, "task_template: the plugin pushed no template");
	return pbjson_parse(type, text, "task_template's JSON text", wire, err);
}

static int call_task_template(const th_resolver *r,
			      const th_task *task,
			      struct arena *arena,
			      TaskTemplate **ret,
			      struct error *err)
{
	_cleanup_(sink_done) struct sink sink = {.arena = arena};
	_cleanup_(buf_done) struct buf wire = BUF_INIT;
	struct th_errout_h slot = {.set = false};
	struct str text = STR_NULL;
	th_status st = r->task_template(r->data, task, sink_handle(&sink), errout_handle(&slot));
	int code = host_status_error(st, &slot, "task_template", err);

	if (code == 0)
		code = sink_one(&sink, st, "task_template", &text, err);
	if (code == 0)
		code = template_from_json(text, &wire, err);
	if (code == 0)
		code = task_template_decode((struct str){wire.data, wire.len}, "task_template",
					    arena, ret, err);
	return code;
}

/* ---- putting it together --------------------------------------------------------------------- */

static int find_template(const struct lookup *l,
			 const struct note_offer *note,
			 const struct resolution *r,
			 struct str name,
			 TaskTemplate **ret,
			 struct error *err)
{
	if (r->resolver && r->resolver->task_template) {
		lookup_say(l, "its template comes from the plugin's task_template");
		return call_task_template(r->resolver, r->task, l->arena, ret, err);
	}
	if (!note)
		return err_set(err, ERR_NOT_FOUND,
			       "task '" STR_FMT "' of plugin '" STR_FMT
			       "' has no template: no note has a task of that name and its "
			       "resolver has no task_template",
			       STR_ARG(name), STR_ARG(r->plugin->inspection.note.id));
	lookup_say(l, "its template is made from its note (%zu inputs and outputs)",
		   note->n_variables);
	return resolve_native_template(&r->plugin->inspection.note, note, l->arena, ret, err);
}

static int find_executor(const struct lookup *l,
			 const struct resolution *r,
			 struct str name,
			 const th_executor **ret,
			 struct error *err)
{
	const th_executor *theirs = NULL, *x;

	if (r->resolver && r->resolver->task_executor) {
		theirs = r->resolver->task_executor(r->resolver->data, r->task);
		x = theirs ? plugin_executor_of(r->plugin, theirs) : NULL;
	} else {
		x = plugin_executor(r->plugin, name);
	}
	if (!x)
		return err_set(err, ERR_NOT_FOUND,
			       "task '" STR_FMT "' of plugin '" STR_FMT "' has no executor: %s",
			       STR_ARG(name), STR_ARG(r->plugin->inspection.note.id),
			       theirs ? "the one that task_executor returned is not in the "
					"plugin's table"
				      : "there is none of its name, and no other is named for it");
	lookup_say(l, "it is run by executor '%s'", x->name);
	*ret = x;
	return 0;
}

static int find_optional_inputs(const struct note_offer *note,
				struct arena *arena,
				struct resolution *r,
				struct error *err)
{
	if (!note)
		return 0;
	r->optional_inputs = arena_array(arena, note->n_variables, sizeof(*r->optional_inputs));
	if (!r->optional_inputs)
		return err_nomem(err, "the inputs with a default");
	for (size_t i = 0; i < note->n_variables; i++)
		if (note->variables[i].direction == NOTE_OPT)
			r->optional_inputs[r->n_optional_inputs++] = note->variables[i].name;
	return 0;
}

static int set_name(struct arena *arena, struct str name, struct resolution *r, struct error *err)
{
	const char *text;

	if (name.len == 0) {
		r->name = str_of(r->template->id ? r->template->id->name : NULL);
		return 0;
	}
	text = arena_printf(arena, STR_FMT "." STR_FMT, STR_ARG(r->plugin->inspection.note.id),
			    STR_ARG(name));
	if (!text)
		return err_nomem(err, "the name of a task");
	r->name = str_of(text);
	return 0;
}

int native_finish(const struct lookup *l,
		  struct plugin *plugin,
		  const th_resolver *resolver,
		  const th_task *task,
		  struct str name,
		  struct resolution *ret,
		  struct error *err)
{
	struct resolution r = {.plugin = plugin, .resolver = resolver, .task = task};
	const struct note_offer *note = NULL;
	TaskTemplate *template = NULL;
	int code = find_executor(l, &r, name, &r.executor, err);

	if (code < 0)
		return code;
	/* Nameless and without a template of its own: then it is the task its executor is for. */
	if (name.len == 0 && !(resolver && resolver->task_template))
		name = str_of(r.executor->name);
	if (name.len)
		code = plugin_task_note(plugin, name, &note, err);
	if (code == 0)
		code = find_template(l, note, &r, name, &template, err);
	r.template = template;
	if (code == 0)
		code = find_optional_inputs(note, l->arena, &r, err);
	if (code == 0)
		code = set_name(l->arena, name, &r, err);
	if (code == 0)
		*ret = r;
	return code;
}
