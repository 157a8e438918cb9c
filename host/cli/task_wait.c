#include "cli/task_wait.h"

#include "base/clock.h"
#include "cli/execution_print.h"
#include "cli/output.h"
#include "cli/status_line.h"
#include "cli/worker_json.h"

typedef Taskhost__Worker__V1__WatchExecutionResponse Watched;

struct waiting {
	struct worker *w;
	struct status_line line;
	struct arena arena;
	Execution *latest; /* NULL: none yet */
};

/* A copy that outlives the message it came in. */
static int keep(struct waiting *waiting, const Execution *e)
{
	_cleanup_(buf_done) struct buf wire = BUF_INIT;
	struct error err = ERROR_INIT;
	void *copy;

	arena_clear(&waiting->arena);
	waiting->latest = NULL;
	if (message_encode(&e->base, &wire, &err) < 0 ||
	    message_decode(MESSAGE_DESC(taskhost__worker__v1__execution),
			   (struct str){wire.data, wire.len}, NULL, &waiting->arena, &copy,
			   &err) < 0)
		return output_error(waiting->w->prog, &err);
	waiting->latest = copy;
	return EXIT_DONE;
}

static void show(void *user)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	struct waiting *waiting = user;

	if (!waiting->latest)
		return;
	buf_printf(&text, "%s  ", waiting->latest->id);
	execution_line(waiting->latest, clock_realtime_ns(), &text);
	if (text.data && !text.failed)
		status_line_show(&waiting->line, text.data);
}

static int changed(void *user, const void *answer)
{
	struct waiting *waiting = user;
	const Watched *watched = answer;
	int code;

	if (!watched->execution)
		return output_fail(waiting->w->prog, EXIT_FAILED,
				   "the worker's answer holds no execution");
	code = keep(waiting, watched->execution);
	if (code == EXIT_DONE)
		show(waiting);
	return code;
}

/* Why it is not waited for any longer, where that is not its end. */
static int given_up(const struct waiting *waiting, const char *id, int code)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	const char *prog = waiting->w->prog;

	if (code == EXIT_INTERRUPTED || code == EXIT_TERMINATED)
		return output_fail(prog, code,
				   "interrupted; the task goes on ('taskhost task cancel %s' stops "
				   "it)",
				   id);
	if (code != EXIT_TIMED_OUT)
		return code;
	if (waiting->latest)
		execution_line(waiting->latest, clock_realtime_ns(), &text);
	return output_fail(prog, code, "not finished in time, and goes on: %s",
			   text.data ? text.data : "the worker has said nothing");
}

static int outcome(struct worker *w, char *id)
{
	Taskhost__Worker__V1__GetExecutionRequest request =
		TASKHOST__WORKER__V1__GET_EXECUTION_REQUEST__INIT;
	ExecutionDetails *d;
	int code;

	request.id = id;
	request.with_outputs = 1;
	code = WORKER_CALL(w, "GetExecution", &request, get_execution_response, &d);
	if (code != EXIT_DONE)
		return code;
	if (!d->execution)
		return output_fail(w->prog, EXIT_FAILED, "the worker's answer holds no execution");
	if (!w->json)
		return execution_outcome(w->prog, d);
	code = worker_json_output(w->prog, &d->base, d->interface);
	if (code != EXIT_DONE ||
	    d->execution->state == TASKHOST__WORKER__V1__EXECUTION__STATE__SUCCEEDED)
		return code;
	return EXIT_FAILED;
}

int task_wait(struct worker *w, const char *id, int64_t timeout_ns)
{
	Taskhost__Worker__V1__WatchExecutionRequest request =
		TASKHOST__WORKER__V1__WATCH_EXECUTION_REQUEST__INIT;
	struct waiting waiting = {.w = w, .arena = ARENA_INIT};
	const struct worker_stream stream = {
		.method = "WatchExecution",
		.request = &request.base,
		.answer = MESSAGE_DESC(taskhost__worker__v1__watch_execution_response),
		.patience_ns = timeout_ns,
		.each = changed,
		.tick = show,
		.user = &waiting,
	};
	char *copy = arena_strdup(&w->arena, id);
	bool finished;
	int code;

	if (!copy)
		return output_fail(w->prog, EXIT_FAILED, "out of memory");
	request.id = copy;
	code = worker_stream(w, &stream);
	status_line_clear(&waiting.line);
	finished = waiting.latest && execution_finished(waiting.latest->state);
	if (code != EXIT_DONE)
		code = given_up(&waiting, id, code);
	arena_done(&waiting.arena);
	if (code != EXIT_DONE)
		return code;
	if (!finished)
		return output_fail(w->prog, EXIT_FAILED,
				   "the worker stopped telling how %s goes on", id);
	return outcome(w, copy);
}
