/* What a run is for: a task of the plugin, found once and kept, or an executor for a template that
 * came with the run, decoded once per template. All on the runner's thread. */
#include "cli/runner_private.h"

#include "resolve/resolve.h"

struct native_task {
	struct arena arena;
	struct resolution found;
	struct th_model *model;
};

struct kept_template {
	struct arena arena;
	TaskTemplate *template;
	struct th_model *model;
};

static void native_task_free(void *p)
{
	struct native_task *t = p;

	task_model_free(t->model);
	arena_done(&t->arena);
	free(t);
}

static int find_native(struct runner_state *s,
		       struct str name,
		       const struct native_task **ret,
		       struct error *err)
{
	struct native_task *t = map_get(&s->tasks, name);
	int code;

	if (t) {
		*ret = t;
		return 0;
	}
	t = calloc(1, sizeof(*t));
	if (!t)
		return err_nomem(err, "a task");
	arena_init(&t->arena, 0);
	code = resolve_plugin_task(s->plugin, name, &t->arena, &t->found, err);
	if (code == 0)
		t->model = task_model_new(t->found.template);
	if (code == 0 && (!t->model || map_put(&s->tasks, name, t, NULL) < 0))
		code = err_nomem(err, "a task");
	if (code < 0) {
		native_task_free(t);
		return code;
	}
	*ret = t;
	return 0;
}

void runner_find_done(struct runner_state *s)
{
	map_done(&s->tasks, native_task_free);
}

void runner_template_done(void *decoded)
{
	struct kept_template *k = decoded;

	task_model_free(k->model);
	arena_done(&k->arena);
	free(k);
}

static int
decode_template(struct runner_template *t, const struct kept_template **ret, struct error *err)
{
	struct kept_template *k = t->decoded;
	int code;

	if (k) {
		*ret = k;
		return 0;
	}
	k = calloc(1, sizeof(*k));
	if (!k)
		return err_nomem(err, "a task template");
	arena_init(&k->arena, 0);
	code = task_template_decode(t->bytes, "the task template", &k->arena, &k->template, err);
	if (code == 0) {
		k->model = task_model_new(k->template);
		code = k->model ? 0 : err_nomem(err, "a task template");
	}
	if (code < 0) {
		runner_template_done(k);
		return code;
	}
	t->decoded = k;
	*ret = k;
	return 0;
}

static int find_executor(struct runner_state *s,
			 struct str name,
			 struct runner_template *template,
			 struct resolution *ret,
			 struct th_model **ret_model,
			 struct error *err)
{
	const struct kept_template *kept = NULL;
	int code;

	if (!template)
		return err_set(err, ERR_INVALID,
			       "executor '" STR_FMT "' of plugin '%s' needs a task template",
			       STR_ARG(name), s->name);
	code = decode_template(template, &kept, err);
	if (code == 0)
		code = resolve_plugin_shim(s->plugin, kept->template, name, ret, err);
	if (code == 0)
		*ret_model = kept->model;
	return code;
}

int runner_find(struct runner_state *s,
		const struct run_context *c,
		struct runner_template *template,
		struct task_params *params,
		struct error *err)
{
	const struct native_task *native = NULL;
	const struct resolution *found;
	struct resolution shim;
	int code;

	if (c->task.len > 0)
		code = find_native(s, c->task, &native, err);
	else
		code = find_executor(s, c->executor, template, &shim, &params->model, err);
	if (code < 0)
		return code;
	if (native)
		params->model = native->model;
	found = native ? &native->found : &shim;
	params->template = found->template;
	params->plugin = found->plugin;
	params->executor = found->executor;
	params->shim = found->shim;
	params->optional_inputs = found->optional_inputs;
	params->n_optional_inputs = found->n_optional_inputs;
	return 0;
}
