#include "cli/execution_find.h"
#include "cli/output.h"
#include "cli/task_wait.h"
#include "cli/verb.h"

struct options {
	int64_t timeout;
	struct worker_options worker;
};

static const struct args_option options[] = {
	{.name = "timeout",
	 .kind = ARGS_DURATION,
	 .offset = offsetof(struct options, timeout),
	 .value = "DURATION",
	 .help = "Wait no longer than this; the task goes on (exit code 5)."},
	WORKER_OPTIONS(struct options, worker),
};

static const struct args_command command = {
	.operands = "ID",
	.about = "Waits until an execution has ended, and prints its outputs as 'run' does, or why "
		 "it\nfailed. Shows its progress on a terminal. The first characters of an ID are "
		 "enough.",
	.options = options,
	.n_options = sizeof(options) / sizeof(*options),
	.min_operands = 1,
	.max_operands = 1,
	.notes = "Exit codes: 0 it succeeded, 1 it failed or was aborted, 2 usage, 3 not found,\n"
		 "4 the worker cannot be reached, 5 timed out, 130 interrupted; the task goes on.\n"
		 "JSON: as of 'task get'.",
	.examples = "taskhost task wait 7k2m\n"
		    "taskhost task wait 7k2m --timeout 5m",
};

int verb_task_wait(const char *prog, int argc, char **argv)
{
	struct options o = {.worker = WORKER_OPTIONS_INIT};
	struct args_list operands = ARGS_LIST_INIT;
	int code = args_read(&command, prog, argc, argv, &o, &operands);

	if (code < 0) {
		char id[EXECUTION_ID_SIZE];
		struct worker w;

		code = worker_open(&w, prog, &o.worker);
		if (code == EXIT_DONE)
			code = execution_find(&w, operands.items[0], id);
		if (code == EXIT_DONE)
			code = task_wait(&w, id, o.timeout);
		worker_close(&w);
	}
	args_done(&command, &o, &operands);
	return code;
}
