/* Shim tasks: a template from outside, and an executor. */
#include "resolve/lookup.h"

static int find_executor(const struct lookup *l,
			 const TaskTemplate *template,
			 const char *executor,
			 struct registry_entry **ret_entry,
			 struct str *ret_name,
			 struct error *err)
{
	struct registry *registry = l->env->registry;
	struct str asked = str_of(executor ? executor : template->type);
	int r = executor ? registry_find_executor(registry, asked, ret_entry, ret_name, err)
			 : registry_find_task_type(registry, asked, ret_entry, ret_name, err);

	if (r < 0) {
		lookup_say(l, "no plugin has %s '" STR_FMT "'",
			   executor ? "the executor" : "an executor for task type", STR_ARG(asked));
		return r;
	}
	lookup_say(l, "%s '" STR_FMT "' is executor '" STR_FMT "' of plugin '" STR_FMT "'",
		   executor ? "executor" : "task type", STR_ARG(asked), STR_ARG(*ret_name),
		   STR_ARG((*ret_entry)->inspection.note.id));
	return 0;
}

/* A template may lack a name; then its type says what it is. */
static struct str template_name(const TaskTemplate *t)
{
	return str_of(t->id && t->id->name && *t->id->name ? t->id->name : t->type);
}

int resolve_plugin_shim(struct plugin *p,
			const TaskTemplate *template,
			struct str name,
			struct resolution *ret,
			struct error *err)
{
	const th_executor *x = plugin_executor(p, name);

	if (!x)
		return err_set(err, ERR_MISMATCH,
			       "plugin '" STR_FMT "' has no executor '" STR_FMT "' in its code",
			       STR_ARG(p->inspection.note.id), STR_ARG(name));
	*ret = (struct resolution){
		.name = template_name(template),
		.plugin = p,
		.executor = x,
		.template = template,
		.shim = true,
	};
	return 0;
}

static int shim(const struct lookup *l,
		const TaskTemplate *template,
		const char *executor,
		struct resolution *ret,
		struct error *err)
{
	struct registry_entry *entry;
	struct plugin *p = NULL;
	struct str name;
	int r = find_executor(l, template, executor, &entry, &name, err);

	if (r >= 0)
		r = lookup_load(l, entry, &p, err);
	return r < 0 ? r : resolve_plugin_shim(p, template, name, ret, err);
}

int resolve_shim(const struct resolve_env *env,
		 const TaskTemplate *template,
		 const char *executor,
		 struct arena *arena,
		 struct resolution *ret,
		 struct error *err)
{
	const struct lookup l = {.env = env, .arena = arena};

	return shim(&l, template, executor, ret, err);
}

static void say_template(const struct lookup *l, const char *uri, const TaskTemplate *t)
{
	const Flyteidl__Core__TypedInterface *i = t->interface;

	lookup_say(l,
		   "%s is the template of task '" STR_FMT "', type '%s', %zu inputs, %zu outputs",
		   uri, STR_ARG(template_name(t)), t->type,
		   i && i->inputs ? i->inputs->n_variables : 0,
		   i && i->outputs ? i->outputs->n_variables : 0);
}

int resolve_template_args(struct lookup *l,
			  const struct str *args,
			  size_t n_args,
			  struct resolution *ret,
			  struct error *err)
{
	_cleanup_(buf_done) struct buf wire = BUF_INIT;
	const struct builtin *b = builtin_of(RESOLVER_TEMPLATE);
	TaskTemplate *template;
	char *uri, *executor;
	int r = builtin_check_args(b, n_args, 2, err);

	if (r < 0)
		return r;
	uri = arena_strndup(l->arena, args[0].ptr, args[0].len);
	executor = arena_strndup(l->arena, args[1].ptr, args[1].len);
	if (!uri || !executor)
		return err_nomem(err, "a resolver's arguments");
	lookup_say(l, "argument 1 is the task template '%s', argument 2 the executor", uri);
	r = l->env->fetch(l->env->ctx, uri, &wire, err);
	if (r == 0)
		r = task_template_decode((struct str){wire.data, wire.len},
					 arena_printf(l->arena, "task template %s", uri), l->arena,
					 &template, err);
	if (r != 0) {
		lookup_say(l, "there is no task template in '%s'", uri);
		return r;
	}
	say_template(l, uri, template);
	return shim(l, template, executor, ret, err);
}
