/* `plugin enable` and `plugin disable`. */
#include "cli/output.h"
#include "cli/verb.h"
#include "cli/worker_plugins.h"

#include <stdio.h>

struct options {
	const char *reason;
	struct worker_options worker;
};

static const struct args_option options[] = {
	{.name = "reason",
	 .kind = ARGS_TEXT,
	 .offset = offsetof(struct options, reason),
	 .value = "TEXT",
	 .help = "Why; shown by 'plugin ls' and to those whose tasks wait."},
	WORKER_OPTIONS(struct options, worker),
};

static const struct args_command disable = {
	.operands = "ID",
	.about = "Takes a plugin of a running worker out of service: no new executions; what runs "
		 "goes\non, what waits goes on waiting. Holds until 'plugin enable', also after a "
		 "restart.",
	.options = options,
	.n_options = sizeof(options) / sizeof(*options),
	.min_operands = 1,
	.max_operands = 1,
	.notes = "Prints the plugin. JSON: {\"plugin\":{…},\"changed\"}.\n" WORKER_EXIT_CODES,
	.examples = "taskhost plugin disable arith --reason 'wrong sums'",
};

static const struct args_command enable = {
	.operands = "ID",
	.about = "Takes a plugin that was disabled into service again.",
	.options = options + 1,
	.n_options = sizeof(options) / sizeof(*options) - 1,
	.min_operands = 1,
	.max_operands = 1,
	.notes = "Prints the plugin. JSON: {\"plugin\":{…},\"changed\"}.\n" WORKER_EXIT_CODES,
	.examples = "taskhost plugin enable arith",
};

static int set(struct worker *w, const char *id, bool enabled, const char *reason)
{
	Taskhost__Worker__V1__SetPluginEnabledRequest request =
		TASKHOST__WORKER__V1__SET_PLUGIN_ENABLED_REQUEST__INIT;
	Taskhost__Worker__V1__SetPluginEnabledResponse *answer;
	int code;

	request.enabled = enabled;
	request.id = arena_strdup(&w->arena, id);
	if (reason)
		request.reason = arena_strdup(&w->arena, reason);
	if (!request.id || !request.reason)
		return output_fail(w->prog, EXIT_FAILED, "out of memory");
	code = WORKER_CALL(w, "SetPluginEnabled", &request, set_plugin_enabled_response, &answer);
	if (code != EXIT_DONE)
		return code;
	if (!answer->changed)
		fprintf(stderr, "%s: it was so before\n", w->prog);
	return worker_plugin_print(w, &answer->base, answer->plugin);
}

static int run(const struct args_command *command, const char *prog, int argc, char **argv)
{
	struct options o = {.worker = WORKER_OPTIONS_INIT};
	struct args_list operands = ARGS_LIST_INIT;
	int code = args_read(command, prog, argc, argv, &o, &operands);

	if (code < 0) {
		struct worker w;

		code = worker_open(&w, prog, &o.worker);
		if (code == EXIT_DONE)
			code = set(&w, operands.items[0], command == &enable, o.reason);
		worker_close(&w);
	}
	args_done(command, &o, &operands);
	return code;
}

int verb_plugin_enable(const char *prog, int argc, char **argv)
{
	return run(&enable, prog, argc, argv);
}

int verb_plugin_disable(const char *prog, int argc, char **argv)
{
	return run(&disable, prog, argc, argv);
}
