/* Reading the template: what to run, where its outputs go, its environment. */
#include "task.h"

#include <errno.h>

enum { ENV_VALUE_MAX = 100000 }; /* the kernel takes no longer strings */

static th_status custom_text(const th_run *run, const th_lit *custom, const char *key, th_str *ret)
{
	const th_lit *value = TH_LIT->get(custom, th_s(key));

	*ret = th_s("");
	if (value && TH_LIT->as_str(value, ret) != TH_OK)
		return th_fail(run, "USER:TypeError", "custom.%s must be a string", key);
	return TH_OK;
}

static struct output *find_output(const struct task *task, th_str name)
{
	for (uint32_t i = 0; i < task->n_outputs; i++)
		if (th_str_eq(task->outputs[i].variable.name, name))
			return &task->outputs[i];
	return NULL;
}

/* One entry of custom.output_locs: {"var": …, "type": …, "location": …}. */
static th_status
read_location(const th_run *run, const struct task *task, const th_lit *entry, char *seen)
{
	th_str var, type, location;
	struct output *output;
	th_status st = custom_text(run, entry, "var", &var);

	if (st == TH_OK)
		st = custom_text(run, entry, "type", &type);
	if (st == TH_OK)
		st = custom_text(run, entry, "location", &location);
	if (st != TH_OK)
		return st;
	output = find_output(task, var);
	if (!output)
		return th_fail(run, "USER:ValueError",
			       "custom.output_locs names '%.*s', which is no declared output",
			       (int)var.len, var.ptr);
	seen[output - task->outputs] = 1;
	if (th_str_eq(type, th_s("stdout"))) {
		if (output->variable.kind == TH_KIND_BLOB)
			return th_fail(run, "USER:TypeError",
				       "output %s is a file; stdout gives plain values", var.ptr);
		return TH_OK;
	}
	if (type.len && !th_str_eq(type, th_s("file")) && !th_str_eq(type, th_s("directory")))
		return th_fail(run, "USER:ValueError",
			       "output %s: type is file, directory or stdout, not '%s'", var.ptr,
			       type.ptr);
	if (!location.len)
		return th_fail(run, "USER:ValueError", "output %s has no location", var.ptr);
	return task_fill(run, task, SHELL_SCRIPT, location, &output->location);
}

static th_status read_outputs(const th_run *run, const th_lit *custom, struct task *task)
{
	const th_lit *list = custom ? TH_LIT->get(custom, th_s("output_locs")) : NULL;
	uint32_t n_outputs = TH_MODEL->variable_count(run->model, TH_OUTPUTS);
	uint64_t n = 0;
	char *seen = (char *)TH_HOST->arena_alloc(run->exec, n_outputs + 1, 1);
	th_status st = TH_OK;

	task->outputs = (struct output *)TH_HOST->arena_alloc(
		run->exec, (n_outputs + 1) * sizeof(struct output), 0);
	if (!task->outputs || !seen)
		return TH_E_NOMEM;
	memset(seen, 0, n_outputs + 1);
	for (uint32_t i = 0; i < n_outputs; i++) {
		task->outputs[i].location = NULL;
		TH_MODEL->variable_at(run->model, TH_OUTPUTS, i, &task->outputs[i].variable);
	}
	task->n_outputs = n_outputs;
	if (list && TH_LIT->len(list, &n) != TH_OK)
		return th_fail(run, "USER:TypeError", "custom.output_locs must be a list");
	for (uint64_t i = 0; st == TH_OK && i < n; i++)
		st = read_location(run, task, TH_LIT->item(list, i), seen);
	for (uint32_t i = 0; st == TH_OK && i < n_outputs; i++)
		if (!seen[i])
			return th_fail(run, "USER:ValueError",
				       "output %s is declared but has no entry in "
				       "custom.output_locs",
				       task->outputs[i].variable.name.ptr);
	return st;
}

static th_status read_script_file(const th_run *run, th_str path, th_str *ret)
{
	struct text t = {NULL, 0, 0, 0};
	char block[4096];
	size_t n;
	FILE *f = fopen(path.ptr, "r");

	if (!f)
		return th_fail(run, "USER:FileNotFoundError", "custom.script_file %s: %s", path.ptr,
			       strerror(errno));
	while ((n = fread(block, 1, sizeof(block), f)) > 0)
		text_add(&t, block, n);
	fclose(f);
	*ret = th_str_n(text_keep(run, &t), t.len);
	text_done(&t);
	return ret->ptr ? TH_OK : TH_E_NOMEM;
}

static const char **new_list(const th_run *run, size_t n)
{
	const char **list =
		(const char **)TH_HOST->arena_alloc(run->exec, (n + 1) * sizeof(char *), 0);

	if (list)
		memset(list, 0, (n + 1) * sizeof(char *));
	return list;
}

/* shell -c script */
static th_status
read_script(const th_run *run, const th_lit *custom, th_str script, struct task *task)
{
	th_str shell;
	uint32_t debug = 0;
	th_status st = custom_text(run, custom, "shell", &shell);

	task->argv = new_list(run, 3);
	if (st != TH_OK || !task->argv)
		return st != TH_OK ? st : TH_E_NOMEM;
	task->argv[0] = shell.len ? shell.ptr : "/bin/sh";
	task->argv[1] = "-c";
	st = task_fill(run, task, SHELL_SCRIPT, script, &task->argv[2]);
	TH_LIT->as_bool(TH_LIT->get(custom, th_s("debug")), &debug);
	if (st == TH_OK && debug)
		fprintf(stderr, "%s\n", task->argv[2]);
	return st;
}

/* container.command and container.args, run without a shell. */
static th_status read_command(const th_run *run, struct task *task)
{
	th_container container;
	th_str part;
	uint32_t n;
	th_status st = TH_MODEL->container(run->model, &container);

	if (st != TH_OK || container.n_command + container.n_args == 0)
		return th_fail(run, "USER:ValueError",
			       "the template has neither custom.script, custom.script_file nor a "
			       "container with a command");
	n = container.n_command + container.n_args;
	task->argv = new_list(run, n);
	if (!task->argv)
		return TH_E_NOMEM;
	for (uint32_t i = 0; st == TH_OK && i < n; i++) {
		st = i < container.n_command
			     ? TH_MODEL->container_command(run->model, i, &part)
			     : TH_MODEL->container_arg(run->model, i - container.n_command, &part);
		if (st == TH_OK)
			st = task_fill(run, task, SHELL_COMMAND, part, &task->argv[i]);
	}
	return st;
}

/* ---- the environment: ours, INPUT_… and OUTPUT_…, the template's ----------------------------- */

extern char **environ;

static th_status add_env(const th_run *run,
			 struct task *task,
			 uint32_t *n,
			 const char *prefix,
			 th_str name,
			 const char *value)
{
	size_t size = strlen(prefix) + name.len + strlen(value) + 2;
	char *pair = (char *)TH_HOST->arena_alloc(run->exec, size, 1);

	if (!pair)
		return TH_E_NOMEM;
	snprintf(pair, size, "%s%.*s=%s", prefix, (int)name.len, name.ptr, value);
	for (uint32_t i = 0; i < *n; i++) /* a later one takes the place of an earlier */
		if (strncmp(task->env[i], pair, strcspn(pair, "=") + 1) == 0) {
			task->env[i] = pair;
			return TH_OK;
		}
	task->env[(*n)++] = pair;
	return TH_OK;
}

static th_status add_inputs_env(const th_run *run, struct task *task, uint32_t *n)
{
	uint32_t n_inputs = TH_LIT->input_count(run->exec);
	th_status st = TH_OK;

	for (uint32_t i = 0; st == TH_OK && i < n_inputs; i++) {
		struct text t = {NULL, 0, 0, 0};
		th_str name;
		const th_lit *value = TH_LIT->input_at(run->exec, i, &name);

		st = text_add_value(run, &t, name, value);
		if (st == TH_OK && t.failed)
			st = TH_E_NOMEM;
		if (st == TH_OK && t.len < ENV_VALUE_MAX)
			st = add_env(run, task, n, "INPUT_", name, t.ptr ? t.ptr : "");
		text_done(&t);
	}
	return st;
}

static th_status read_env(const th_run *run, const th_lit *custom, struct task *task)
{
	const th_lit *own = custom ? TH_LIT->get(custom, th_s("env")) : NULL;
	th_container container;
	uint64_t n_own = 0;
	uint32_t n = 0, room = 0, n_container = 0;
	th_status st;

	if (own && TH_LIT->len(own, &n_own) != TH_OK)
		return th_fail(run, "USER:TypeError", "custom.env must be an object of strings");
	if (TH_MODEL->container(run->model, &container) == TH_OK)
		n_container = container.n_env;
	while (environ[room])
		room++;
	task->env = new_list(run, room + TH_LIT->input_count(run->exec) + task->n_outputs +
					  n_container + n_own);
	if (!task->env)
		return TH_E_NOMEM;
	for (n = 0; n < room; n++)
		task->env[n] = environ[n];
	st = add_inputs_env(run, task, &n);
	for (uint32_t i = 0; st == TH_OK && i < task->n_outputs; i++)
		if (task->outputs[i].location)
			st = add_env(run, task, &n, "OUTPUT_", task->outputs[i].variable.name,
				     task->outputs[i].location);
	for (uint32_t i = 0; st == TH_OK && i < n_container; i++) {
		th_str key, value;

		st = TH_MODEL->container_env(run->model, i, &key, &value);
		if (st == TH_OK)
			st = add_env(run, task, &n, "", key, value.ptr);
	}
	for (uint64_t i = 0; st == TH_OK && i < n_own; i++) {
		th_str key, value;
		const char *text = "";

		if (TH_LIT->as_str(TH_LIT->entry(own, i, &key), &value) != TH_OK)
			return th_fail(run, "USER:TypeError", "custom.env must hold strings");
		st = task_fill(run, task, SHELL_SCRIPT, value, &text);
		if (st == TH_OK)
			st = add_env(run, task, &n, "", key, text);
	}
	return st;
}

th_status task_read(const th_run *run, struct task *task)
{
	const th_lit *custom = TH_MODEL->custom(run->model);
	th_str script = th_s(""), file = th_s("");
	th_status st = TH_CONTEXT->get(run->exec, TH_CTX_WORKING_DIRECTORY, &task->directory);

	if (st == TH_OK && custom)
		st = custom_text(run, custom, "script", &script);
	if (st == TH_OK && custom)
		st = custom_text(run, custom, "script_file", &file);
	if (st == TH_OK && script.len && file.len)
		return th_fail(run, "USER:ValueError",
			       "custom has both script and script_file; keep one");
	if (st == TH_OK)
		st = read_outputs(run, custom, task);
	if (st == TH_OK && file.len)
		st = read_script_file(run, file, &script);
	if (st == TH_OK)
		st = script.len ? read_script(run, custom, script, task) : read_command(run, task);
	return st == TH_OK ? read_env(run, custom, task) : st;
}
