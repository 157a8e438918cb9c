#include "cli/run_ending.h"

#include "base/clock.h"
#include "cli/run_message.h"
#include "flyte/document.h"

#include <stdio.h>

#define LAST_LINES 10
#define LAST_BYTES 4096

void run_ending_done(struct run_ending *e)
{
	buf_done(&e->message);
	buf_done(&e->document);
}

static void fail(struct run_ending *e, enum run_outcome outcome, const char *code)
{
	e->result.outcome = outcome;
	e->result.code = str_of(code);
	e->result.message = e->message.failed ? STR("out of memory while saying why")
					      : (struct str){e->message.data, e->message.len};
}

/* ---- the runner died ------------------------------------------------------------------------- */

static void add_last_lines(struct logs *logs, const char *log, struct buf *out)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	struct log_part part;
	uint64_t offset;

	if (!logs || logs_tail(logs, log, LAST_LINES, &offset, NULL) < 0 ||
	    logs_read(logs, log, offset, LAST_BYTES, &text, &part, NULL) < 0 || text.len == 0)
		return;
	buf_puts(out, "\nLast lines of its log:\n");
	buf_append(out, text.data, text.len);
}

static void add_frames(const struct death *death, struct buf *out)
{
	for (size_t i = 0; i < death->n_frames; i++)
		buf_printf(out, "%s\n", death->frames[i].text);
	if (death->trace_note[0])
		buf_printf(out, "(%s)\n", death->trace_note);
}

/* The document that stands beside the outputs' place, as the container entrypoint writes it. */
static void make_document(struct run_ending *e, const struct death *death, bool final)
{
	_cleanup_(buf_done) struct buf what = BUF_INIT, frames = BUF_INIT;
	struct failure f;

	death_describe(death, &what);
	add_frames(death, &frames);
	f = (struct failure){
		.code = e->result.code,
		.text = {what.data, what.len},
		.trace = {frames.data, frames.len},
		.kind = final ? ERROR_NON_RECOVERABLE : ERROR_RECOVERABLE,
		.origin = final ? ORIGIN_USER : ORIGIN_SYSTEM,
		.timestamp_ns = clock_realtime_ns(),
	};
	if (!what.failed && !frames.failed && failure_encode(&f, &e->document, NULL) == 0)
		e->result.error_document = (struct str){e->document.data, e->document.len};
}

static void
of_death(const struct run_end *end, struct logs *logs, const char *log, struct run_ending *e)
{
	const struct death *death = end->death;
	bool memory = death->how == DEATH_OUT_OF_MEMORY;
	bool time = death->how == DEATH_CPU_TIME && !death->shared;

	e->result.usage = (struct row_usage){
		.cpu_ns = (death->usage.ru_utime.tv_sec + death->usage.ru_stime.tv_sec) *
				  INT64_C(1000000000) +
			  (death->usage.ru_utime.tv_usec + death->usage.ru_stime.tv_usec) *
				  INT64_C(1000),
		.max_rss_bytes = death->usage.ru_maxrss * INT64_C(1024),
	};
	death_describe(death, &e->message);
	if (death->how == DEATH_KILLED) { /* for another run: its own is told as cancelled */
		e->result.system_origin = true;
		fail(e, RUN_LOST, "");
		return;
	}
	if (death->how == DEATH_STOPPED) {
		fail(e, RUN_STOPPED, "");
		return;
	}
	if (!end->began && !memory && !time) {
		fail(e, RUN_NOT_STARTED, "");
		return;
	}
	if (death->n_frames > 0 || death->trace_note[0])
		buf_putc(&e->message, '\n');
	add_frames(death, &e->message);
	add_last_lines(logs, log, &e->message);
	e->result.system_origin = !memory && !time;
	if (memory)
		fail(e, RUN_NO_MEMORY, "OutOfMemory");
	else if (time)
		fail(e, RUN_NO_CPU_TIME, "CpuTimeExceeded");
	else
		fail(e, RUN_CRASHED, "PluginCrashed");
	make_document(e, death, memory || time);
}

/* ---- the runner said how --------------------------------------------------------------------- */

static const char *file_name(struct str name)
{
	return str_is(name, "futures.pb") ? "futures.pb" : NULL;
}

static void of_document(const struct run_end *end, struct run_ending *e)
{
	struct error err = ERROR_INIT;
	struct run_document d;

	if (end->outcome == RUNNER_TOO_LARGE) {
		buf_puts(&e->message, "the outputs are larger than a runner can hand over");
		fail(e, RUN_ERROR, "OutputTooLarge");
		return;
	}
	if (run_document_read(end->document, &d, &err) < 0) {
		buf_printf(&e->message, "what the runner said cannot be read: %s", err.message);
		e->result.system_origin = true;
		fail(e, RUN_CRASHED, "PluginCrashed");
		return;
	}
	e->result.usage.cpu_ns = d.cpu_ns;
	e->result.deck = d.deck;
	switch (d.kind) {
	case RUN_DOCUMENT_OUTPUTS:
		e->result.outcome = RUN_DONE;
		e->result.outputs = d.outputs;
		e->result.file_name = file_name(d.file_name);
		return;
	case RUN_DOCUMENT_STOPPED:
		buf_append(&e->message, d.message.ptr, d.message.len);
		fail(e, RUN_STOPPED, "");
		return;
	case RUN_DOCUMENT_ERROR:
		break;
	}
	e->result.outcome = RUN_ERROR;
	e->result.code = d.code;
	e->result.message = d.message;
	e->result.recoverable = d.recoverable;
	e->result.system_origin = d.system_origin;
	e->result.error_document = d.error_document;
}

/* ---- the whole ------------------------------------------------------------------------------- */

void run_ending_of(const struct run_end *end,
		   struct logs *logs,
		   const char *log,
		   struct run_ending *ret)
{
	switch (end->how) {
	case RUN_COMPLETED:
		of_document(end, ret);
		break;
	case RUN_DIED:
		of_death(end, logs, log, ret);
		break;
	case RUN_CANCELLED:
		buf_puts(&ret->message, end->began ? "stopped" : "stopped before it began");
		fail(ret, RUN_STOPPED, "");
		break;
	case RUN_REFUSED:
		buf_puts(&ret->message, end->error ? end->error->message : "it cannot be run");
		fail(ret, RUN_NOT_STARTED, "");
		break;
	}
}
