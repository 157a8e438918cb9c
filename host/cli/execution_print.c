#include "cli/execution_print.h"

#include "cli/output.h"
#include "cli/run_result.h"
#include "cli/worker_format.h"
#include "data/data.h"
#include "flyte/document.h"

#include <stdio.h>

#define WHY_WIDTH   60
#define OUTPUTS_MAX ((size_t)1 << 30)

#define STATE(name) TASKHOST__WORKER__V1__EXECUTION__STATE__##name

bool execution_finished(Taskhost__Worker__V1__Execution__State state)
{
	return (int)state >= STATE(SUCCEEDED);
}

void execution_state(Taskhost__Worker__V1__Execution__State state, struct buf *out)
{
	format_enum(&taskhost__worker__v1__execution__state__descriptor, (int)state, out);
}

/* How long the current or last run has taken; negative when there is none. */
static int64_t run_span(const Execution *e, int64_t now_ns)
{
	if (!e->started_at)
		return -1;
	return MAX((e->finished_at ? timestamp_ns(e->finished_at) : now_ns) -
			   timestamp_ns(e->started_at),
		   0);
}

static void progress_text(const Execution *e, struct buf *out)
{
	const Taskhost__Worker__V1__Progress *p = e->progress;

	if (!p)
		return;
	if (p->fraction >= 0)
		buf_printf(out, "%d %%", (int)(MIN(p->fraction, 1.0) * 100 + 0.5));
	if (p->fraction >= 0 && *p->message)
		buf_puts(out, " — ");
	buf_puts(out, p->message);
}

/* Why it is as it is, in the fewest words. */
static void why(const Execution *e, struct buf *out)
{
	if (e->state == STATE(ABORTED) && *e->cancel_reason)
		buf_puts(out, e->cancel_reason);
	else if (e->state == STATE(RUNNING) && e->progress)
		progress_text(e, out);
	else if (e->failure && *e->failure->code)
		buf_printf(out, "%s: %s", e->failure->code, e->failure->message);
	else
		buf_puts(out, e->cause);
}

/* ---- one line each --------------------------------------------------------------------------- */

static void add_cell(struct table *t, struct buf *cell)
{
	table_add(t, (struct str){cell->data, cell->len});
	buf_clear(cell);
}

static void add_row(struct table *t, const Execution *e, int64_t now_ns)
{
	_cleanup_(buf_done) struct buf cell = BUF_INIT;
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	int64_t span = run_span(e, now_ns);

	table_add(t, str_of(e->id));
	execution_state(e->state, &cell);
	add_cell(t, &cell);
	table_add(t, str_of(*e->task ? e->task : e->task_type));
	if (e->run > 0 && e->max_runs > 0)
		buf_printf(&cell, "%u/%u", e->run, MAX(e->run, e->max_runs));
	else
		buf_printf(&cell, "%u", e->run);
	add_cell(t, &cell);
	format_time(e->accepted_at, &cell);
	add_cell(t, &cell);
	if (span >= 0)
		format_span(span, &cell);
	else
		buf_puts(&cell, "-");
	add_cell(t, &cell);
	why(e, &text);
	format_line(text.data ? text.data : "", WHY_WIDTH, &cell);
	add_cell(t, &cell);
}

void execution_table(Execution *const *list, size_t n, int64_t now_ns, struct buf *out)
{
	static const char *const heads[] = {"ID",       "STATE", "TASK", "RUN",
					    "ACCEPTED", "TOOK",  "WHY"};
	struct table t = TABLE_INIT(ARRAY_LEN(heads));

	for (size_t i = 0; i < ARRAY_LEN(heads); i++)
		table_add(&t, str_of(heads[i]));
	for (size_t i = 0; i < n; i++)
		add_row(&t, list[i], now_ns);
	table_print(&t, out);
	table_done(&t);
}

void execution_line(const Execution *e, int64_t now_ns, struct buf *out)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	int64_t span = run_span(e, now_ns);

	execution_state(e->state, out);
	if (e->state == STATE(RUNNING))
		progress_text(e, &text);
	else
		why(e, &text);
	if (text.len > 0)
		buf_printf(out, "%s%s", e->state == STATE(RUNNING) ? " " : ": ", text.data);
	if (e->queue_position > 0)
		buf_printf(out, ", number %llu in the queue",
			   (unsigned long long)e->queue_position);
	if (e->run == 0)
		return;
	buf_printf(out, " (run %u", e->run);
	if (e->max_runs > 1)
		buf_printf(out, " of %u", MAX(e->run, e->max_runs));
	if (span >= 0 && e->state == STATE(RUNNING)) {
		buf_puts(out, ", ");
		format_span(span, out);
	}
	buf_putc(out, ')');
}

/* ---- everything ------------------------------------------------------------------------------ */

static void line(struct buf *out, const char *name, const char *value)
{
	if (*value)
		buf_printf(out, "%-12s%s\n", name, value);
}

static void line_time(struct buf *out,
		      const char *name,
		      const Google__Protobuf__Timestamp *t,
		      const char *word,
		      int64_t span)
{
	if (!t)
		return;
	buf_printf(out, "%-12s", name);
	format_time(t, out);
	if (word) {
		buf_printf(out, "  (%s ", word);
		format_span(span, out);
		buf_putc(out, ')');
	}
	buf_putc(out, '\n');
}

static void print_what(const Execution *e, struct buf *out)
{
	line(out, "id:", e->id);
	buf_printf(out, "%-12s", "state:");
	execution_state(e->state, out);
	if (*e->cause)
		buf_printf(out, "  (%s)", e->cause);
	buf_putc(out, '\n');
	line(out, "task:", e->task);
	if (*e->task_type)
		buf_printf(out, "%-12s%s version %d\n", "task type:", e->task_type,
			   e->task_type_version);
	if (*e->plugin)
		buf_printf(out, "%-12s%s%s%.12s\n", "plugin:", e->plugin,
			   *e->generation ? ", generation " : "", e->generation);
	if (e->owned_by_flyte)
		buf_printf(out, "%-12sFlyte, node %s\n", "owner:", *e->node ? e->node : "unknown");
	line(out, "tenant:", e->tenant);
	buf_printf(out, "%-12s%d\n", "priority:", e->priority);
	line(out, "repeats:", e->retry_of);
	line(out, "repeated by:", e->retried_as);
}

static void print_runs(const Execution *e, struct buf *out)
{
	buf_printf(out, "%-12s%u", "run:", e->run);
	if (e->max_runs > 0)
		buf_printf(out, " of %u", MAX(e->run, e->max_runs));
	if (e->failures > 0)
		buf_printf(out, ", %u failed", e->failures);
	if (e->crashes > 0)
		buf_printf(out, ", %u crashed", e->crashes);
	if (e->losses > 0)
		buf_printf(out, ", %u lost with the worker or a runner", e->losses);
	buf_putc(out, '\n');
}

static void print_times(const Execution *e, int64_t now_ns, struct buf *out)
{
	const int64_t accepted = timestamp_ns(e->accepted_at);

	line_time(out, "accepted:", e->accepted_at, NULL, 0);
	line_time(out, "started:", e->started_at, "after", timestamp_ns(e->started_at) - accepted);
	line_time(out, "finished:", e->finished_at, e->started_at ? "took" : NULL,
		  run_span(e, now_ns));
	line_time(out, "next run:", e->due_at, "in", timestamp_ns(e->due_at) - now_ns);
	if (e->queue_position > 0)
		buf_printf(out, "%-12snumber %llu\n",
			   "in queue:", (unsigned long long)e->queue_position);
	if (e->progress && !execution_finished(e->state)) {
		buf_printf(out, "%-12s", "progress:");
		progress_text(e, out);
		buf_putc(out, '\n');
	}
	if (e->usage) {
		buf_printf(out, "%-12s", "used:");
		format_span(duration_ns(e->usage->cpu), out);
		buf_puts(out, " of CPU time, ");
		format_size(e->usage->max_rss_bytes, out);
		buf_puts(out, " of memory\n");
	}
}

static void failure_text(const Taskhost__Worker__V1__Failure *f, struct buf *out)
{
	bool user = f->origin == FLYTEIDL__CORE__EXECUTION_ERROR__ERROR_KIND__USER;

	buf_printf(out, "%s: %s\n(%s error, %s)\n", f->code, f->message, user ? "user" : "system",
		   f->recoverable ? "recoverable" : "not recoverable");
}

static void print_end(const ExecutionDetails *d, struct buf *out)
{
	const Execution *e = d->execution;

	if (e->cancelled_by != TASKHOST__WORKER__V1__EXECUTION__CANCELLED_BY__NOBODY) {
		buf_printf(out, "%-12s", "cancelled:");
		format_enum(&taskhost__worker__v1__execution__cancelled_by__descriptor,
			    (int)e->cancelled_by, out);
		buf_printf(out, "%s%s\n", *e->cancel_reason ? ", " : "", e->cancel_reason);
	}
	line(out, "prefix:", e->output_prefix);
	line(out, "deck:", d->deck_uri);
	line(out, "outputs at:", d->outputs_uri);
	line(out, "note:", d->message);
	if (e->failure) {
		buf_printf(out, "%-12s", "error:");
		failure_text(e->failure, out);
	}
}

static int print_map(const char *name,
		     const LiteralMap *map,
		     const VariableMap *vars,
		     struct buf *out,
		     struct error *err)
{
	struct jw w = JW_INIT(out, 0);
	char title[16];
	int rc;

	if (!map)
		return 0;
	snprintf(title, sizeof(title), "%ss:", name);
	buf_printf(out, "%-12s", title);
	rc = run_result_values(name, map, vars, &w, err);
	buf_putc(out, '\n');
	return rc;
}

static void print_steps(const ExecutionDetails *d, struct buf *out)
{
	struct table t = TABLE_INIT(4);

	for (size_t i = 0; i < d->n_steps; i++) {
		_cleanup_(buf_done) struct buf cell = BUF_INIT;

		table_add(&t, i == 0 ? STR("steps:    ") : STR(""));
		format_time(d->steps[i]->at, &cell);
		add_cell(&t, &cell);
		execution_state(d->steps[i]->state, &cell);
		add_cell(&t, &cell);
		if (d->steps[i]->run > 0)
			buf_printf(&cell, "run %u", d->steps[i]->run);
		add_cell(&t, &cell);
	}
	table_print(&t, out);
	table_done(&t);
}

int execution_details(const ExecutionDetails *d, int64_t now_ns, struct buf *out, struct error *err)
{
	const TypedInterface *i = d->interface;
	int rc;

	print_what(d->execution, out);
	print_runs(d->execution, out);
	print_times(d->execution, now_ns, out);
	print_end(d, out);
	rc = print_map("input", d->inputs, i ? i->inputs : NULL, out, err);
	if (rc == 0)
		rc = print_map("output", d->outputs, i ? i->outputs : NULL, out, err);
	if (rc == 0)
		print_steps(d, out);
	return rc;
}

/* ---- how it ended ---------------------------------------------------------------------------- */

/* The outputs from the answer, or from the file it names. NULL in *ret: they are elsewhere. */
static int
find_outputs(const ExecutionDetails *d, struct arena *arena, LiteralMap **ret, struct error *err)
{
	_cleanup_(buf_done) struct buf wire = BUF_INIT;
	int rc;

	*ret = d->outputs;
	if (d->outputs || !*d->outputs_uri || data_is_remote(d->outputs_uri))
		return 0;
	rc = data_get(d->outputs_uri, "the outputs", OUTPUTS_MAX, &wire, err);
	if (rc < 0)
		return rc;
	return literal_map_decode((struct str){wire.data, wire.len}, d->outputs_uri, arena, ret,
				  err);
}

static int succeeded(const char *prog, const ExecutionDetails *d)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	struct arena arena = ARENA_INIT;
	struct jw w = JW_INIT(&text, 0);
	struct error err = ERROR_INIT;
	LiteralMap *outputs = NULL;
	int rc = find_outputs(d, &arena, &outputs, &err);

	if (rc == 0 && outputs)
		rc = run_result_values("output", outputs,
				       d->interface ? d->interface->outputs : NULL, &w, &err);
	arena_done(&arena);
	if (rc < 0 || !outputs) {
		/* That it succeeded is true all the same. */
		fprintf(stderr, "%s: it succeeded; %s%s\n", prog,
			rc < 0            ? err.message
			: *d->outputs_uri ? "its outputs are at "
			: *d->message     ? d->message
					  : "it has no outputs",
			rc == 0 ? d->outputs_uri : "");
		return EXIT_DONE;
	}
	buf_putc(&text, '\n');
	return output_text(&text);
}

int execution_outcome(const char *prog, const ExecutionDetails *d)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	const Execution *e = d->execution;

	if (e->state == STATE(SUCCEEDED))
		return succeeded(prog, d);
	buf_printf(&text, "%s: ", prog);
	if (e->state == STATE(ABORTED))
		buf_printf(&text, "aborted%s%s\n", *e->cancel_reason ? ": " : "", e->cancel_reason);
	else if (e->failure)
		failure_text(e->failure, &text);
	else
		execution_state(e->state, &text);
	if (e->state == STATE(DEAD))
		buf_printf(&text, "All %u runs failed; 'taskhost task retry %s' repeats it.\n",
			   e->run, e->id);
	fputs(text.data && !text.failed ? text.data : "", stderr);
	return EXIT_FAILED;
}
