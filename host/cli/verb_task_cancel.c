#include "cli/execution_find.h"
#include "cli/execution_print.h"
#include "cli/output.h"
#include "cli/verb.h"
#include "cli/worker_json.h"

#include <stdio.h>

struct options {
	const char *reason;
	bool force;
	struct worker_options worker;
};

static const struct args_option options[] = {
	{.name = "reason",
	 .kind = ARGS_TEXT,
	 .offset = offsetof(struct options, reason),
	 .value = "TEXT",
	 .help = "Why; kept with the execution."},
	{.name = "force",
	 .kind = ARGS_FLAG,
	 .offset = offsetof(struct options, force),
	 .help = "Kill it at once; unless given, it is asked first."},
	WORKER_OPTIONS(struct options, worker),
};

static const struct args_command command = {
	.operands = "ID...",
	.about =
		"Stops executions. Returns once the worker will not forget it; the end of a "
		"running\none comes later ('task wait' waits for it). A finished one is left as it "
		"is.\nThe first characters of an ID are enough.",
	.options = options,
	.n_options = sizeof(options) / sizeof(*options),
	.min_operands = 1,
	.max_operands = SIZE_MAX,
	.notes = "Prints id and state of each. JSON: of each a document "
		 "{\"execution\":{…},\"too_late\"}.\n" WORKER_EXIT_CODES,
	.examples = "taskhost task cancel 7k2m --reason 'wrong inputs'\n"
		    "taskhost task cancel 7k2m 9qx3 --force",
};

typedef Taskhost__Worker__V1__CancelExecutionResponse Cancelled;

static int print(struct worker *w, const Cancelled *c)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;

	if (!c->execution)
		return output_fail(w->prog, EXIT_FAILED, "the worker's answer holds no execution");
	if (w->json)
		return worker_json_output(w->prog, &c->base, NULL);
	buf_printf(&text, "%s  ", c->execution->id);
	execution_state(c->execution->state, &text);
	buf_puts(&text, c->too_late ? ", it was finished before\n" : "\n");
	return output_text(&text);
}

static int cancel(struct worker *w, const struct options *o, const char *typed)
{
	Taskhost__Worker__V1__CancelExecutionRequest request =
		TASKHOST__WORKER__V1__CANCEL_EXECUTION_REQUEST__INIT;
	char id[EXECUTION_ID_SIZE];
	Cancelled *c;
	int code = execution_find(w, typed, id);

	if (code != EXIT_DONE)
		return code;
	request.id = id;
	request.force = o->force;
	if (o->reason)
		request.reason = arena_strdup(&w->arena, o->reason);
	if (!request.reason)
		return output_fail(w->prog, EXIT_FAILED, "out of memory");
	code = WORKER_CALL(w, "CancelExecution", &request, cancel_execution_response, &c);
	return code == EXIT_DONE ? print(w, c) : code;
}

/* One that fails does not keep the others from being cancelled, but tells; without a worker, or when
 * interrupted, there is no use in going on. */
static int cancel_all(struct worker *w, const struct options *o, const struct args_list *ids)
{
	int code = EXIT_DONE;

	for (size_t i = 0; i < ids->n; i++) {
		int one = cancel(w, o, ids->items[i]);

		if (one != EXIT_DONE)
			code = one;
		if (one == EXIT_UNREACHABLE || one >= EXIT_INTERRUPTED)
			break;
	}
	return code;
}

int verb_task_cancel(const char *prog, int argc, char **argv)
{
	struct options o = {.worker = WORKER_OPTIONS_INIT};
	struct args_list operands = ARGS_LIST_INIT;
	int code = args_read(&command, prog, argc, argv, &o, &operands);

	if (code < 0) {
		struct worker w;

		code = worker_open(&w, prog, &o.worker);
		if (code == EXIT_DONE)
			code = cancel_all(&w, &o, &operands);
		worker_close(&w);
	}
	args_done(&command, &o, &operands);
	return code;
}
