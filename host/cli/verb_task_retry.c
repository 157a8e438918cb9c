#include "cli/execution_find.h"
#include "cli/output.h"
#include "cli/verb.h"
#include "cli/worker_json.h"

#include <stdio.h>

static const struct args_option options[] = {
	WORKER_OPTIONS(struct worker_only, worker),
};

static const struct args_command command = {
	.operands = "ID",
	.about = "Repeats a dead execution: a new one with the same task and inputs. Prints its "
		 "id.\nThe first characters of an ID are enough.",
	.options = options,
	.n_options = sizeof(options) / sizeof(*options),
	.min_operands = 1,
	.max_operands = 1,
	.notes = "'taskhost task ls --state dead' lists those that can be repeated.\n"
		 "JSON: {\"id\",\"resource_meta\",\"existed\"}.\n" WORKER_EXIT_CODES,
	.examples = "taskhost task retry 7k2m",
};

static int retry(struct worker *w, const char *typed)
{
	Taskhost__Worker__V1__RetryExecutionRequest request =
		TASKHOST__WORKER__V1__RETRY_EXECUTION_REQUEST__INIT;
	Taskhost__Worker__V1__RetryExecutionResponse *again;
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	char id[EXECUTION_ID_SIZE];
	int code = execution_find(w, typed, id);

	if (code != EXIT_DONE)
		return code;
	request.id = id;
	code = WORKER_CALL(w, "RetryExecution", &request, retry_execution_response, &again);
	if (code != EXIT_DONE)
		return code;
	if (w->json)
		return worker_json_output(w->prog, &again->base, NULL);
	if (again->existed)
		fprintf(stderr, "%s: %s was repeated before\n", w->prog, id);
	buf_printf(&text, "%s\n", again->id);
	return output_text(&text);
}

int verb_task_retry(const char *prog, int argc, char **argv)
{
	return worker_verb(&command, prog, argc, argv, retry);
}
