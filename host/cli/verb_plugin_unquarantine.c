#include "cli/output.h"
#include "cli/verb.h"
#include "cli/worker_plugins.h"

#include <stdio.h>

static const struct args_option options[] = {
	WORKER_OPTIONS(struct worker_only, worker),
};

static const struct args_command command = {
	.operands = "ID",
	.about = "Ends the quarantine of a plugin of a running worker, and forgets its crashes. "
		 "Its\n"
		 "executions that wait go on.",
	.options = options,
	.n_options = sizeof(options) / sizeof(*options),
	.min_operands = 1,
	.max_operands = 1,
	.notes = "Prints the plugin. JSON: {\"plugin\":{…},\"changed\"}.\n" WORKER_EXIT_CODES,
	.examples = "taskhost plugin unquarantine arith",
};

static int unquarantine(struct worker *w, const char *id)
{
	Taskhost__Worker__V1__UnquarantineRequest request =
		TASKHOST__WORKER__V1__UNQUARANTINE_REQUEST__INIT;
	Taskhost__Worker__V1__UnquarantineResponse *answer;
	int code;

	request.id = arena_strdup(&w->arena, id);
	if (!request.id)
		return output_fail(w->prog, EXIT_FAILED, "out of memory");
	code = WORKER_CALL(w, "Unquarantine", &request, unquarantine_response, &answer);
	if (code != EXIT_DONE)
		return code;
	if (!answer->changed)
		fprintf(stderr, "%s: it was not quarantined\n", w->prog);
	return worker_plugin_print(w, &answer->base, answer->plugin);
}

int verb_plugin_unquarantine(const char *prog, int argc, char **argv)
{
	return worker_verb(&command, prog, argc, argv, unquarantine);
}
