#include "cli/execution_print.h"
#include "cli/inputs_absolute.h"
#include "cli/output.h"
#include "cli/task_asked.h"
#include "cli/task_wait.h"
#include "cli/template_file.h"
#include "cli/verb.h"
#include "cli/worker_format.h"
#include "cli/worker_json.h"
#include "data/data.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define NOT_GIVEN INT64_MIN

struct options {
	struct task_asked asked;
	const char *key, *output_prefix;
	int64_t priority, timeout, queue_timeout, retries;
	bool wait;
	struct worker_options worker;
};

static const struct args_option options[] = {
	ASKED_OPTIONS(struct options, asked, "Submit"),
	{.name = "key",
	 .kind = ARGS_TEXT,
	 .offset = offsetof(struct options, key),
	 .value = "KEY",
	 .help = "The same key gives the same execution for ever, so that a submission can be "
		 "repeated."},
	{.name = "priority",
	 .kind = ARGS_INTEGER,
	 .offset = offsetof(struct options, priority),
	 .value = "N",
	 .help = "0 to 9; 9 goes first. Unless given, as the worker is configured."},
	{.name = "timeout",
	 .kind = ARGS_DURATION,
	 .offset = offsetof(struct options, timeout),
	 .value = "DURATION",
	 .help = "Stop a run of the task after this long. Unless given, as its template says."},
	{.name = "queue-timeout",
	 .kind = ARGS_DURATION,
	 .offset = offsetof(struct options, queue_timeout),
	 .value = "DURATION",
	 .help = "Give up when it has not started after this long."},
	{.name = "retries",
	 .kind = ARGS_INTEGER,
	 .offset = offsetof(struct options, retries),
	 .value = "N",
	 .help = "Runs after the first one, if it fails. Unless given, as its template says."},
	{.name = "output-prefix",
	 .kind = ARGS_TEXT,
	 .offset = offsetof(struct options, output_prefix),
	 .value = "URI",
	 .help = "Where outputs go that are too large to be kept by the worker."},
	{.name = "wait",
	 .letter = 'w',
	 .kind = ARGS_FLAG,
	 .offset = offsetof(struct options, wait),
	 .help = "Wait for its end, and print the outputs as 'task wait' does."},
	WORKER_OPTIONS(struct options, worker),
};

static const struct args_command command = {
	.operands = "[TASK]",
	.about = "Gives a task to a running worker and prints the id of the execution once it is\n"
		 "durable. TASK is PLUGIN.TASK of a plugin of the worker. After a TASK, --help "
		 "lists\n"
		 "its inputs.",
	.options = options,
	.n_options = sizeof(options) / sizeof(*options),
	.max_operands = 1,
	.notes = "Values are written as for 'taskhost run'. JSON: {\"id\",\"resource_meta\","
		 "\"existed\",\"state\"}.\n" WORKER_EXIT_CODES,
	.examples = "taskhost task submit arith.add -i a=2 -i b=3\n"
		    "taskhost task submit arith.add -i a=2 -i b=3 --wait\n"
		    "taskhost task submit arith.add --inputs inputs.json --key nightly-2024-01-31\n"
		    "taskhost task submit --template task.pb --executor echo.Echo -i x=hello",
};

struct submission {
	struct worker w;
	const struct options *o;
	const char *task; /* NULL: a template */
	TaskTemplate *template;
	struct note_offer note; /* which inputs may be left out */
	bool has_note;
	LiteralMap *inputs;
	char *output_prefix; /* as another process, in another directory, will open it */
};

/* ---- which task ------------------------------------------------------------------------------ */

typedef Taskhost__Worker__V1__DescribeTaskResponse Described;

static int note_optional(struct submission *s, const Described *d)
{
	s->note.variables =
		arena_array(&s->w.arena, d->n_optional_inputs, sizeof(*s->note.variables));
	if (!s->note.variables)
		return output_fail(s->w.prog, EXIT_FAILED, "out of memory");
	for (size_t i = 0; i < d->n_optional_inputs; i++)
		s->note.variables[i] = (struct note_variable){.name = str_of(d->optional_inputs[i]),
							      .direction = NOTE_OPT};
	s->note.n_variables = d->n_optional_inputs;
	s->note.about = str_of(d->about);
	s->has_note = true;
	return EXIT_DONE;
}

static int ask_for_task(struct submission *s)
{
	Taskhost__Worker__V1__DescribeTaskRequest request =
		TASKHOST__WORKER__V1__DESCRIBE_TASK_REQUEST__INIT;
	Described *d;
	int code;

	request.name = arena_strdup(&s->w.arena, s->task);
	if (!request.name)
		return output_fail(s->w.prog, EXIT_FAILED, "out of memory");
	code = WORKER_CALL(&s->w, "DescribeTask", &request, describe_task_response, &d);
	if (code != EXIT_DONE)
		return code;
	if (d->kind == TASKHOST__WORKER__V1__DESCRIBE_TASK_RESPONSE__KIND__EXECUTOR)
		return output_fail(s->w.prog, EXIT_USAGE,
				   "%s is an executor; it needs a template: --template FILE "
				   "--executor %s",
				   s->task, s->task);
	if (!d->template_)
		return output_fail(s->w.prog, EXIT_FAILED, "the worker does not tell what %s takes",
				   s->task);
	s->template = d->template_;
	return note_optional(s, d);
}

/* The types guide the reading of the inputs, so they have to be there. */
static int check_types(const struct submission *s)
{
	const TypedInterface *i = s->template->interface;
	const VariableMap *vars = i ? i->inputs : NULL;

	for (size_t n = 0; vars && n < vars->n_variables; n++)
		if (!vars->variables[n]->value || !vars->variables[n]->value->type)
			return output_fail(
				s->w.prog, EXIT_FAILED,
				"the template does not say of what type the input '%s' is",
				vars->variables[n]->key);
	return EXIT_DONE;
}

static int find_task(struct submission *s)
{
	struct error err = ERROR_INIT;
	int code = EXIT_DONE;

	if (s->task)
		code = ask_for_task(s);
	else if (template_file_read(s->o->asked.template, &s->w.arena, &s->template, &err) < 0)
		code = output_error(s->w.prog, &err);
	return code == EXIT_DONE ? check_types(s) : code;
}

/* ---- its inputs ------------------------------------------------------------------------------ */

static const struct note_offer *note_of(const struct submission *s)
{
	return s->has_note ? &s->note : NULL;
}

static int read_inputs(struct submission *s)
{
	_cleanup_(buf_done) struct buf wire = BUF_INIT;
	struct error err = ERROR_INIT;
	int rc = asked_inputs(&s->o->asked, s->template, note_of(s), &wire, &err);

	if (rc == ERR_INVALID || rc == ERR_MISMATCH)
		return args_usage_error(&command, s->w.prog, err.message);
	if (rc == 0)
		rc = literal_map_decode((struct str){wire.data, wire.len}, "the inputs",
					&s->w.arena, &s->inputs, &err);
	if (rc == 0)
		rc = inputs_make_absolute(s->inputs, &s->w.arena, &err);
	return rc < 0 ? output_error(s->w.prog, &err) : EXIT_DONE;
}

/* ---- its outputs ----------------------------------------------------------------------------- */

static int make_prefix(struct submission *s)
{
	const char *given = s->o->output_prefix ? s->o->output_prefix : "";
	_cleanup_(freep) char *directory = NULL;
	struct error err = ERROR_INIT;

	if (!*given || *given == '/' || data_scheme(given).len > 0) {
		s->output_prefix = arena_strdup(&s->w.arena, given);
	} else if ((directory = getcwd(NULL, 0))) {
		s->output_prefix = arena_printf(&s->w.arena, "%s/%s", directory,
						strncmp(given, "./", 2) == 0 ? given + 2 : given);
	} else {
		err_set_errno(&err, err_from_errno(errno), errno, "the working directory");
		return output_error(s->w.prog, &err);
	}
	return s->output_prefix ? EXIT_DONE : output_fail(s->w.prog, EXIT_FAILED, "out of memory");
}

/* ---- submitting ------------------------------------------------------------------------------ */

typedef Taskhost__Worker__V1__SubmitTaskRequest Request;
typedef Taskhost__Worker__V1__SubmitTaskResponse Accepted;

/* Where protobuf wants its own types. */
struct extras {
	Google__Protobuf__Duration timeout, queue_timeout;
	Google__Protobuf__Int32Value priority;
	Google__Protobuf__UInt32Value retries;
};

static char *text(struct submission *s, const char *value)
{
	return value ? arena_strdup(&s->w.arena, value) : (char *)(void *)protobuf_c_empty_string;
}

static bool fill(struct submission *s, Request *r, struct extras *x)
{
	const struct options *o = s->o;

	if (s->task) {
		r->what_case = TASKHOST__WORKER__V1__SUBMIT_TASK_REQUEST__WHAT_TASK;
		r->task = text(s, s->task);
	} else {
		r->what_case = TASKHOST__WORKER__V1__SUBMIT_TASK_REQUEST__WHAT_TEMPLATE;
		r->template_ = s->template;
	}
	r->executor = text(s, o->asked.executor);
	r->key = text(s, o->key);
	r->output_prefix = s->output_prefix;
	r->inputs = s->inputs;
	google__protobuf__int32_value__init(&x->priority);
	google__protobuf__uint32_value__init(&x->retries);
	x->priority.value = (int32_t)o->priority;
	x->retries.value = (uint32_t)o->retries;
	duration_set(&x->timeout, o->timeout);
	duration_set(&x->queue_timeout, o->queue_timeout);
	r->priority = o->priority != NOT_GIVEN ? &x->priority : NULL;
	r->retries = o->retries != NOT_GIVEN ? &x->retries : NULL;
	r->timeout = o->timeout != NOT_GIVEN ? &x->timeout : NULL;
	r->queue_timeout = o->queue_timeout != NOT_GIVEN ? &x->queue_timeout : NULL;
	return (!s->task || r->task) && r->executor && r->key;
}

static int accepted(struct submission *s, const Accepted *a)
{
	_cleanup_(buf_done) struct buf line = BUF_INIT;

	if (s->o->wait) {
		fprintf(stderr, "%s: %s %s\n", s->w.prog, a->id,
			a->existed ? "was accepted before" : "is accepted");
		return task_wait(&s->w, a->id, 0);
	}
	if (s->w.json)
		return worker_json_output(s->w.prog, &a->base, NULL);
	if (a->existed) {
		_cleanup_(buf_done) struct buf state = BUF_INIT;

		execution_state(a->state, &state);
		fprintf(stderr, "%s: the key is known; the execution is %s\n", s->w.prog,
			state.data ? state.data : "there");
	}
	buf_printf(&line, "%s\n", a->id);
	return output_text(&line);
}

static int submit(struct submission *s)
{
	Request request = TASKHOST__WORKER__V1__SUBMIT_TASK_REQUEST__INIT;
	struct extras extras;
	Accepted *a;
	int code;

	if (!fill(s, &request, &extras))
		return output_fail(s->w.prog, EXIT_FAILED, "out of memory");
	code = WORKER_CALL(&s->w, "SubmitTask", &request, submit_task_response, &a);
	return code == EXIT_DONE ? accepted(s, a) : code;
}

/* ---- the verb -------------------------------------------------------------------------------- */

static int run(const char *prog, const struct options *o, const char *task, bool help)
{
	struct submission s = {.o = o, .task = task};
	int code = worker_open(&s.w, prog, &o->worker);

	if (code == EXIT_DONE)
		code = find_task(&s);
	if (code == EXIT_DONE && help) {
		code = asked_help(prog, &o->asked, s.task, s.template, note_of(&s));
	} else if (code == EXIT_DONE) {
		code = read_inputs(&s);
		if (code == EXIT_DONE)
			code = make_prefix(&s);
		if (code == EXIT_DONE)
			code = submit(&s);
	}
	worker_close(&s.w);
	return code;
}

/* What the option parser cannot know. */
static const char *usage_fault(const struct options *o, const struct args_list *operands)
{
	const char *fault = asked_fault(&o->asked, operands);

	if (fault)
		return fault;
	if (o->priority != NOT_GIVEN && (o->priority < 0 || o->priority > 9))
		return "'--priority' is 0 to 9.";
	if (o->retries != NOT_GIVEN && (o->retries < 0 || o->retries > 1000))
		return "'--retries' is 0 to 1000.";
	if (o->timeout == 0 || o->queue_timeout == 0)
		return "A time limit of 0 would not let the task run.";
	if (o->key && !*o->key)
		return "'--key' is empty.";
	return NULL;
}

int verb_task_submit(const char *prog, int argc, char **argv)
{
	struct options o = {.priority = NOT_GIVEN,
			    .timeout = NOT_GIVEN,
			    .queue_timeout = NOT_GIVEN,
			    .retries = NOT_GIVEN,
			    .worker = WORKER_OPTIONS_INIT};
	struct args_list operands = ARGS_LIST_INIT;
	struct error err = ERROR_INIT;
	int rc = args_parse(&command, argc, argv, &o, &operands, &err);
	const char *fault = rc < 0 ? err.message : usage_fault(&o, &operands);
	int code;

	if (rc == ARGS_HELP && operands.n == 0 && !o.asked.template) {
		_cleanup_(buf_done) struct buf help = BUF_INIT;

		args_help(&command, prog, false, &help);
		code = output_text(&help);
	} else if (fault) {
		code = args_usage_error(&command, prog, fault);
	} else {
		code = run(prog, &o, operands.n ? operands.items[0] : NULL, rc == ARGS_HELP);
	}
	args_done(&command, &o, &operands);
	return code;
}
