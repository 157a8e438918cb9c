#include "cli/output.h"
#include "cli/status_line.h"
#include "cli/verb.h"
#include "cli/worker_drain.h"
#include "cli/worker_format.h"
#include "cli/worker_json.h"

#include <stdio.h>

#define NOT_GIVEN (-1)

struct options {
	int64_t grace, timeout;
	const char *reason;
	bool no_wait;
	struct worker_options worker;
};

static const struct args_option options[] = {
	{.name = "grace",
	 .kind = ARGS_DURATION,
	 .offset = offsetof(struct options, grace),
	 .value = "DURATION",
	 .help = "How long what runs may go on before it is cancelled; unless given, as the worker "
		 "is configured."},
	{.name = "reason",
	 .kind = ARGS_TEXT,
	 .offset = offsetof(struct options, reason),
	 .value = "TEXT",
	 .help = "Why; for the worker's log."},
	{.name = "no-wait",
	 .kind = ARGS_FLAG,
	 .offset = offsetof(struct options, no_wait),
	 .help = "Return as soon as it drains."},
	{.name = "timeout",
	 .kind = ARGS_DURATION,
	 .offset = offsetof(struct options, timeout),
	 .value = "DURATION",
	 .help = "Wait no longer than this; it goes on draining (exit code 5)."},
	WORKER_OPTIONS(struct options, worker),
};

static const struct args_command command = {
	.operands = "",
	.about = "Makes a running worker take no new work, finish what runs, and end, as SIGTERM "
		 "does;\nwaits for that. What waits is kept for the next start. An interrupt ends "
		 "the "
		 "waiting,\nnot the draining.",
	.options = options,
	.n_options = sizeof(options) / sizeof(*options),
	.notes = "JSON: the last state, {\"stage\",\"running\",\"queued\",\"calls\",\"remaining\","
		 "\"interrupted\"}.\nstage is lame-duck, finishing, cancelling, killing or "
		 "done.\n" WORKER_EXIT_CODES,
	.examples = "taskhost worker drain\n"
		    "taskhost worker drain --grace 5m --reason 'new release'",
};

void worker_drain_text(const DrainState *d, struct buf *out)
{
	format_enum(&taskhost__worker__v1__drain_response__stage__descriptor, (int)d->stage, out);
	buf_printf(out, ": %llu running, %llu waiting are kept", (unsigned long long)d->running,
		   (unsigned long long)d->queued);
	if (d->interrupted > 0)
		buf_printf(out, ", %llu interrupted run again after the next start",
			   (unsigned long long)d->interrupted);
	if (d->remaining) {
		buf_puts(out, ", at most ");
		format_span(duration_ns(d->remaining), out);
		buf_puts(out, " more");
	}
}

struct draining {
	struct worker *w;
	const struct options *o;
	struct status_line line;
	struct buf latest; /* as it is printed at the end */
	bool done, enough;
};

static int moved(void *user, const void *answer)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	struct draining *d = user;
	const DrainState *state = answer;
	struct jw w = JW_INIT(&d->latest, 2);
	struct error err = ERROR_INIT;

	worker_drain_text(state, &text);
	if (text.data && !text.failed)
		status_line_show(&d->line, text.data);
	buf_clear(&d->latest);
	if (!d->w->json)
		worker_drain_text(state, &d->latest);
	else if (worker_json(&state->base, NULL, &w, &err) < 0)
		return output_error(d->w->prog, &err);
	buf_putc(&d->latest, '\n');
	d->done = state->stage == TASKHOST__WORKER__V1__DRAIN_RESPONSE__STAGE__DONE;
	d->enough = d->o->no_wait;
	/* Any code but EXIT_DONE ends the stream. */
	return d->enough ? EXIT_FAILED : EXIT_DONE;
}

static int finish(struct draining *d, int code)
{
	status_line_clear(&d->line);
	if (d->enough)
		return output_text(&d->latest);
	if (code == EXIT_INTERRUPTED || code == EXIT_TERMINATED)
		return output_fail(d->w->prog, code, "interrupted; the worker goes on draining");
	if (code == EXIT_TIMED_OUT)
		return output_fail(d->w->prog, code,
				   "not done in time; the worker goes on draining");
	if (code != EXIT_DONE)
		return code;
	if (!d->done)
		return output_fail(d->w->prog, EXIT_FAILED,
				   "the worker stopped telling how far it is");
	return output_text(&d->latest);
}

static int drain(struct worker *w, const struct options *o)
{
	Taskhost__Worker__V1__DrainRequest request = TASKHOST__WORKER__V1__DRAIN_REQUEST__INIT;
	struct draining d = {.w = w, .o = o, .latest = BUF_INIT};
	const struct worker_stream stream = {
		.method = "Drain",
		.request = &request.base,
		.answer = MESSAGE_DESC(taskhost__worker__v1__drain_response),
		.patience_ns = o->timeout,
		.each = moved,
		.user = &d,
	};
	Google__Protobuf__Duration grace;
	int code;

	if (o->grace != NOT_GIVEN) {
		duration_set(&grace, o->grace);
		request.grace = &grace;
	}
	if (o->reason)
		request.reason = arena_strdup(&w->arena, o->reason);
	if (!request.reason)
		return output_fail(w->prog, EXIT_FAILED, "out of memory");
	code = finish(&d, worker_stream(w, &stream));
	buf_done(&d.latest);
	return code;
}

int verb_worker_drain(const char *prog, int argc, char **argv)
{
	struct options o = {.grace = NOT_GIVEN, .worker = WORKER_OPTIONS_INIT};
	struct args_list operands = ARGS_LIST_INIT;
	int code = args_read(&command, prog, argc, argv, &o, &operands);

	if (code < 0) {
		struct worker w;

		code = worker_open(&w, prog, &o.worker);
		if (code == EXIT_DONE)
			code = drain(&w, &o);
		worker_close(&w);
	}
	args_done(&command, &o, &operands);
	return code;
}
