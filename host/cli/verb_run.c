#include "base/file.h"
#include "base/mem.h"
#include "cli/loader.h"
#include "cli/output.h"
#include "cli/run_result.h"
#include "cli/supervise.h"
#include "cli/task_asked.h"
#include "cli/template_file.h"
#include "cli/verb.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

struct options {
	struct task_asked asked;
	const char *deck, *raw_output;
	int64_t timeout;
	bool debug;
	struct search_options search;
};

static const struct args_option options[] = {
	ASKED_OPTIONS(struct options, asked, "Run"),
	{.name = "timeout",
	 .kind = ARGS_DURATION,
	 .offset = offsetof(struct options, timeout),
	 .value = "DURATION",
	 .help = "Stop the task after this long (exit code 5)."},
	{.name = "deck",
	 .kind = ARGS_TEXT,
	 .offset = offsetof(struct options, deck),
	 .value = "FILE",
	 .help = "Write the task's deck, an HTML page, to FILE."},
	{.name = "raw-output",
	 .kind = ARGS_TEXT,
	 .offset = offsetof(struct options, raw_output),
	 .value = "DIR",
	 .help = "Where the task puts its own files. Unless given, a new temporary directory that "
		 "is kept and named when something is in it."},
	{.name = "debug",
	 .kind = ARGS_FLAG,
	 .offset = offsetof(struct options, debug),
	 .help = "Start gdb on the process that runs the task."},
	SEARCH_OPTIONS(struct options, search),
};

static const struct args_command command = {
	.operands = "[TASK]",
	.about = "Runs a task here and prints its outputs as JSON on standard output. TASK is "
		 "PLUGIN.TASK.\nAfter a TASK, --help lists its inputs.",
	.options = options,
	.n_options = sizeof(options) / sizeof(*options),
	.max_operands = 1,
	.notes =
		"Values: numbers, true and false, text; datetime as 2024-01-31T12:00:00Z, duration "
		"as\n1m30s; a file or directory by its path; lists, maps and structs as JSON.\n"
		"Exit codes: 0 done, 1 the task failed, 2 usage, 3 not found, 5 timed out,\n"
		"130 interrupted.",
	.examples = "taskhost run arith.add -i a=2 -i b=3\n"
		    "taskhost run arith.add --help\n"
		    "taskhost run arith.add --plugins ./build --inputs inputs.json --timeout 1m\n"
		    "taskhost run --template task.pb --executor echo.Echo -i x=hello",
};

struct run {
	const char *prog;
	const struct options *o;
	const char *task; /* NULL: a template */
	struct arena arena;
	struct registry registry;
	const TaskTemplate *template;
	const struct note_offer *note; /* of a native task */
	struct buf inputs;
	char *home, *out, *raw; /* our temporary directory and what is in it */
};

/* ---- which task ------------------------------------------------------------------------------ */

static bool is_executor(const struct note_plugin *note, struct str name)
{
	for (size_t i = 0; i < note->n_executors; i++)
		if (str_eq(note->executors[i].name, name))
			return true;
	return false;
}

static int no_such_task(const struct note_plugin *note, struct str task, struct error *err)
{
	_cleanup_(freep) const char **names = reallocarray(NULL, note->n_tasks + 1, sizeof(*names));
	struct arena arena = ARENA_INIT;
	const char *close = NULL;
	char typed[128];
	size_t n = 0;

	snprintf(typed, sizeof(typed), STR_FMT, STR_ARG(task));
	if (is_executor(note, task))
		return err_set(err, ERR_NOT_FOUND,
			       STR_FMT ".%s is an executor, which runs task templates: give one, "
				       "as --template TEMPLATE.pb --executor " STR_FMT ".%s",
			       STR_ARG(note->id), typed, STR_ARG(note->id), typed);
	for (size_t i = 0; names && i < note->n_tasks; i++) {
		names[n] = arena_strndup(&arena, note->tasks[i].name.ptr, note->tasks[i].name.len);
		n += names[n] != NULL;
	}
	close = names ? suggest(typed, names, n) : NULL;
	err_set(err, ERR_NOT_FOUND,
		"the plugin " STR_FMT " has no task '%s'%s%s%s ('taskhost plugin ls' lists all)",
		STR_ARG(note->id), typed, close ? "; did you mean '" : "", close ? close : "",
		close ? "'?" : "");
	arena_done(&arena);
	return ERR_NOT_FOUND;
}

static int find_native(struct run *r, struct error *err)
{
	struct registry_entry *entry;
	const struct note_plugin *note;
	struct str id, task;
	TaskTemplate *template;
	int rc;

	if (!str_split_last_dot(str_of(r->task), &id, &task))
		return err_set(err, ERR_INVALID,
			       "a task is called PLUGIN.TASK, for instance arith.add, not '%s'",
			       r->task);
	rc = registry_find_plugin(&r->registry, id, &entry, err);
	if (rc < 0)
		return rc;
	note = &entry->inspection.note;
	rc = registry_task_note(entry, task, &r->note, err);
	if (rc < 0)
		return rc;
	if (!r->note)
		return no_such_task(note, task, err);
	rc = resolve_native_template(note, r->note, &r->arena, &template, err);
	if (rc == 0)
		r->template = template;
	return rc;
}

static int find_task(struct run *r, struct error *err)
{
	TaskTemplate *template;
	int rc;

	if (r->task)
		return find_native(r, err);
	rc = template_file_read(r->o->asked.template, &r->arena, &template, err);
	if (rc == 0)
		r->template = template;
	return rc;
}

/* ---- directories ----------------------------------------------------------------------------- */

/* The URIs of what the task writes have to mean the same everywhere. */
static int make_absolute(char **path, struct error *err)
{
	char *absolute = realpath(*path, NULL);

	if (!absolute)
		return err_set_errno(err, err_from_errno(errno), errno, "%s", *path);
	free(*path);
	*path = absolute;
	return 0;
}

static int make_directories(struct run *r, struct error *err)
{
	int rc = dir_make_temp(NULL, "taskhost-run-", &r->home, err);

	if (rc < 0)
		return rc;
	r->out = path_join(r->home, "out");
	r->raw = r->o->raw_output ? strdup(r->o->raw_output) : path_join(r->home, "raw");
	if (!r->out || !r->raw)
		return err_nomem(err, "directories");
	rc = dir_make(r->out, 0700, err);
	if (rc == 0)
		rc = dir_make(r->raw, 0755, err);
	return rc < 0 ? rc : make_absolute(&r->raw, err);
}

/* Keeps what the task wrote, if anything. */
static void remove_directories(struct run *r)
{
	struct error err = ERROR_INIT;

	if (r->out && dir_remove(r->out, &err) < 0)
		log_warn("%s", err.message);
	if (r->raw && !r->o->raw_output && rmdir(r->raw) < 0 && r->home)
		fprintf(stderr, "%s: the task's files are in %s\n", r->prog, r->raw);
	if (r->home)
		rmdir(r->home);
}

/* ---- running --------------------------------------------------------------------------------- */

static int set_context(struct run *r, struct task_context *ctx, struct error *err)
{
	const char *raw;
	int rc = task_context_from_env(ctx, &r->arena, err);

	if (rc < 0)
		return rc;
	raw = arena_printf(&r->arena, "%s%s", r->raw, str_ends(str_of(r->raw), "/") ? "" : "/");
	if (!raw)
		return err_nomem(err, "the execution's context");
	ctx->items[TH_CTX_RAW_OUTPUT_PREFIX] = str_of(raw);
	ctx->items[TH_CTX_OUTPUT_PREFIX] = str_of(r->out);
	/* One local run: the error document has its usual name. */
	ctx->dist_error_strategy = STR_NULL;
	return 0;
}

static int finish(struct run *r, enum supervise_end end, int sig)
{
	struct error err = ERROR_INIT;
	int code;

	switch (end) {
	case END_RESULT:
		code = run_result_print(r->prog, r->out, r->template);
		break;
	case END_ERROR:
		code = run_result_print_error(r->prog, r->out);
		break;
	case END_STOPPED:
		return sig == SIGINT ? EXIT_INTERRUPTED : EXIT_TERMINATED;
	case END_TIMED_OUT:
		return output_fail(r->prog, EXIT_TIMED_OUT, "timed out");
	default:
		return EXIT_FAILED;
	}
	/* A crash leaves none; that is not what the exit code should tell then. */
	if (r->o->deck && run_result_copy_deck(r->out, r->o->deck, &err) < 0) {
		int deck_code = output_error(r->prog, &err);

		code = code == EXIT_DONE ? deck_code : code;
	}
	return code;
}

static int execute(struct run *r)
{
	struct task_context ctx = {.attempt = 0};
	struct child child = {.want = r->task ? CHILD_NAME : CHILD_TEMPLATE,
			      .registry = &r->registry,
			      .template = r->template,
			      .executor = r->o->asked.executor,
			      .name = str_of(r->task),
			      .inputs = {r->inputs.data, r->inputs.len},
			      .ctx = &ctx,
			      .force_deck = r->o->deck != NULL,
			      .failure_level = LOG_DEBUG};
	struct supervise_params params = {.child = &child,
					  .timeout_ns = r->o->timeout,
					  .memory_limit = supervise_memory_limit(r->template),
					  .debugger = r->o->debug};
	struct error err = ERROR_INIT;
	enum supervise_end end;
	int sig = 0, code;

	if (make_directories(r, &err) < 0 || set_context(r, &ctx, &err) < 0 ||
	    supervise(&params, &end, &sig, &err) < 0)
		code = output_error(r->prog, &err);
	else
		code = finish(r, end, sig);
	remove_directories(r);
	return code;
}

static int run(struct run *r, bool help)
{
	const struct task_asked *a = &r->o->asked;
	struct error err = ERROR_INIT;
	int rc;

	if (help)
		return asked_help(r->prog, a, r->task, r->template, r->note);
	rc = asked_inputs(a, r->template, r->note, &r->inputs, &err);
	if (rc == ERR_INVALID || rc == ERR_MISMATCH)
		return args_usage_error(&command, r->prog, err.message);
	if (rc < 0)
		return output_error(r->prog, &err);
	return execute(r);
}

static int run_task(const char *prog, const struct options *o, const char *task, bool help)
{
	struct run r = {.prog = prog, .o = o, .task = task};
	struct error err = ERROR_INIT;
	int code;

	if (search_open(&o->search, &r.registry, &err) < 0)
		return output_error(prog, &err);
	if (find_task(&r, &err) < 0)
		code = err.code == ERR_INVALID && task
			       ? args_usage_error(&command, prog, err.message)
			       : output_error(prog, &err);
	else
		code = run(&r, help);
	registry_done(&r.registry);
	buf_done(&r.inputs);
	arena_done(&r.arena);
	free(r.home);
	free(r.out);
	free(r.raw);
	return code;
}

/* What the option parser cannot know. */
static const char *usage_fault(const struct options *o, const struct args_list *operands)
{
	const char *fault = asked_fault(&o->asked, operands);

	if (fault)
		return fault;
	if (o->debug && o->timeout > 0)
		return "'--debug' and '--timeout' exclude each other.";
	return NULL;
}

int verb_run(const char *prog, int argc, char **argv)
{
	struct options o = {.timeout = 0};
	struct args_list operands = ARGS_LIST_INIT;
	struct error err = ERROR_INIT;
	int rc = args_parse(&command, argc, argv, &o, &operands, &err);
	const char *fault = rc < 0 ? err.message : usage_fault(&o, &operands);
	int code;

	if (rc == ARGS_HELP && operands.n == 0 && !o.asked.template) {
		_cleanup_(buf_done) struct buf text = BUF_INIT;

		args_help(&command, prog, false, &text);
		code = output_text(&text);
	} else if (fault) {
		code = args_usage_error(&command, prog, fault);
	} else {
		code = run_task(prog, &o, operands.n ? operands.items[0] : NULL, rc == ARGS_HELP);
	}
	args_done(&command, &o, &operands);
	return code;
}
