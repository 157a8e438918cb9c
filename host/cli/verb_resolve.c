#include "base/mem.h"
#include "cli/loader.h"
#include "cli/output.h"
#include "cli/verb.h"
#include "runners/once.h"

struct options {
	struct search_options search;
};

static const struct args_option options[] = {
	SEARCH_OPTIONS(struct options, search),
};

static const struct args_command command = {
	.operands = "LOCATION [ARGS]...",
	.about =
		"Explains step by step which task a resolver's arguments stand for, or why none "
		"does.\nRuns the plugin's load_task, in a child. Exit code 0 when there is a task, "
		"3 when\nsomething was not found, else 1.",
	.options = options,
	.n_options = sizeof(options) / sizeof(*options),
	.min_operands = 1,
	.max_operands = SIZE_MAX,
	.notes = "LOCATION is taskhost.default_task_resolver, taskhost.task_template_resolver,\n"
		 "taskhost.array_node_map_task_resolver, flytekit's names for them, or "
		 "PLUGIN.SYMBOL.",
	.examples = "taskhost resolve taskhost.default_task_resolver -- task-module arith "
		    "task-name add\n"
		    "taskhost resolve flytekit.core.python_customized_container_task."
		    "default_task_template_resolver \\\n    -- task.pb echo.Echo",
};

struct explain {
	struct registry *registry;
	const struct args_list *words; /* location, then arguments */
	const char *prog;
};

static void print_found(const struct resolution *found, struct buf *out)
{
	buf_printf(out, "=> task " STR_FMT "\n   executor %s of %s\n", STR_ARG(found->name),
		   found->executor->name, found->plugin->path);
	if (!found->map)
		return;
	buf_puts(out, "   once per element of its list inputs");
	for (size_t i = 0; i < found->n_bound; i++)
		buf_printf(out, "%s" STR_FMT,
			   i ? ", " : "; passed whole: ", STR_ARG(found->bound[i]));
	buf_putc(out, '\n');
}

/* In the child; gives the exit code. */
static int explain(void *ctx, struct once_child *shared)
{
	const struct explain *x = ctx;
	struct loader l = {.registry = x->registry};
	const struct resolve_env env = loader_env(&l);
	struct arena arena = ARENA_INIT;
	struct explanation explanation = {.text = BUF_INIT};
	struct resolution found;
	struct error err = ERROR_INIT;
	size_t n = x->words->n - 1;
	struct str *args = arena_array(&arena, n, sizeof(*args));
	int rc, code;

	if (!args)
		return output_fail(x->prog, EXIT_FAILED, "out of memory");
	for (size_t i = 0; i < n; i++)
		args[i] = str_of(x->words->items[i + 1]);
	once_step(shared, "load the task");
	rc = resolve_task(&env, str_of(x->words->items[0]), args, n, &arena, &explanation, &found,
			  &err);
	if (rc == 0)
		print_found(&found, &explanation.text);
	code = output_text(&explanation.text);
	if (rc < 0)
		code = output_error(x->prog, &err);
	buf_done(&explanation.text);
	arena_done(&arena);
	return code;
}

static int resolve(const char *prog, const struct options *o, const struct args_list *words)
{
	_cleanup_(buf_done) struct buf what = BUF_INIT;
	struct registry registry;
	struct explain x = {.registry = &registry, .words = words, .prog = prog};
	const struct once_params once = {.run = explain, .ctx = &x};
	struct once_result result;
	struct error err = ERROR_INIT;
	int code;

	if (search_open(&o->search, &registry, &err) < 0)
		return output_error(prog, &err);
	if (once_run(&once, &result, &err) < 0) {
		code = output_error(prog, &err);
	} else {
		code = result.status;
		if (result.how != ONCE_RETURNED) {
			once_describe(&result, &what);
			code = result.how == ONCE_STOPPED
				       ? 128 + result.signal
				       : output_fail(prog, EXIT_FAILED, "%s",
						     what.data ? what.data : "the plugin died");
		}
		once_result_done(&result);
	}
	registry_done(&registry);
	return code;
}

int verb_resolve(const char *prog, int argc, char **argv)
{
	struct options o = {0};
	struct args_list operands = ARGS_LIST_INIT;
	int code = args_read(&command, prog, argc, argv, &o, &operands);

	if (code < 0)
		code = resolve(prog, &o, &operands);
	args_done(&command, &o, &operands);
	return code;
}
