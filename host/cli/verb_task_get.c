#include "base/clock.h"
#include "cli/execution_find.h"
#include "cli/execution_print.h"
#include "cli/output.h"
#include "cli/verb.h"
#include "cli/worker_json.h"

static const struct args_option options[] = {
	WORKER_OPTIONS(struct worker_only, worker),
};

static const struct args_command command = {
	.operands = "ID",
	.about = "Shows an execution of a running worker: its state, history, inputs and outputs.\n"
		 "The first characters of an ID are enough.",
	.options = options,
	.n_options = sizeof(options) / sizeof(*options),
	.min_operands = 1,
	.max_operands = 1,
	.notes = "JSON: {\"execution\":{…},\"steps\":[…],\"interface\",\"inputs\",\"outputs\","
		 "\"outputs_uri\",\n\"deck_uri\",\"message\"}. The exit code does not tell how the "
		 "task ended; that of\n'task wait' does.\n" WORKER_EXIT_CODES,
	.examples = "taskhost task get 7k2m\n"
		    "taskhost task get 7k2m -o json",
};

static int print(struct worker *w, const ExecutionDetails *d)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	struct error err = ERROR_INIT;

	if (!d->execution)
		return output_fail(w->prog, EXIT_FAILED, "the worker's answer holds no execution");
	if (w->json)
		return worker_json_output(w->prog, &d->base, d->interface);
	if (execution_details(d, clock_realtime_ns(), &text, &err) < 0)
		return output_error(w->prog, &err);
	return output_text(&text);
}

static int get(struct worker *w, const char *typed)
{
	Taskhost__Worker__V1__GetExecutionRequest request =
		TASKHOST__WORKER__V1__GET_EXECUTION_REQUEST__INIT;
	char id[EXECUTION_ID_SIZE];
	ExecutionDetails *d;
	int code = execution_find(w, typed, id);

	if (code != EXIT_DONE)
		return code;
	request.id = id;
	request.with_inputs = 1;
	request.with_outputs = 1;
	code = WORKER_CALL(w, "GetExecution", &request, get_execution_response, &d);
	return code == EXIT_DONE ? print(w, d) : code;
}

int verb_task_get(const char *prog, int argc, char **argv)
{
	return worker_verb(&command, prog, argc, argv, get);
}
