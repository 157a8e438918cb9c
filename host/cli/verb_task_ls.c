#include "base/clock.h"
#include "cli/execution_find.h"
#include "cli/execution_print.h"
#include "cli/output.h"
#include "cli/verb.h"
#include "cli/worker_format.h"
#include "cli/worker_json.h"

#include <stdio.h>

#define LIMIT    50
#define PAGE_MAX 1000

struct options {
	struct args_list states;
	const char *plugin, *type;
	int64_t limit;
	bool all;
	struct worker_options worker;
};

static const struct args_option options[] = {
	{.name = "state",
	 .letter = 's',
	 .kind = ARGS_LIST,
	 .offset = offsetof(struct options, states),
	 .value = "STATE",
	 .help = "Only those in this state; may be given again. Also 'live' and 'finished'."},
	{.name = "plugin",
	 .kind = ARGS_TEXT,
	 .offset = offsetof(struct options, plugin),
	 .value = "ID",
	 .help = "Only those of this plugin."},
	{.name = "type",
	 .kind = ARGS_TEXT,
	 .offset = offsetof(struct options, type),
	 .value = "TYPE",
	 .help = "Only those of this task type."},
	{.name = "limit",
	 .letter = 'n',
	 .kind = ARGS_INTEGER,
	 .offset = offsetof(struct options, limit),
	 .value = "N",
	 .help = "At most so many; 50 unless given."},
	{.name = "all",
	 .letter = 'a',
	 .kind = ARGS_FLAG,
	 .offset = offsetof(struct options, all),
	 .help = "All of them, however many."},
	WORKER_OPTIONS(struct options, worker),
};

static const struct args_command command = {
	.operands = "[ID]",
	.about = "Lists executions of a running worker, newest first; with an ID those whose ids "
		 "begin\nso.",
	.options = options,
	.n_options = sizeof(options) / sizeof(*options),
	.max_operands = 1,
	.notes =
		"States: queued, waiting, starting, running, committing, retry-wait, cancelling;\n"
		"finished: succeeded, failed, retryable-failed, aborted, dead.\n"
		"JSON: {\"executions\":[…],\"next_page_token\"}; the token is empty when these are "
		"all.\n" WORKER_EXIT_CODES,
	.examples = "taskhost task ls\n"
		    "taskhost task ls --state dead -o json\n"
		    "taskhost task ls --state live --plugin arith",
};

typedef Taskhost__Worker__V1__ListExecutionsRequest Request;
typedef Taskhost__Worker__V1__ListExecutionsResponse Page;
typedef Taskhost__Worker__V1__Execution__State State;

static const ProtobufCEnumDescriptor *const states =
	&taskhost__worker__v1__execution__state__descriptor;

struct listing {
	struct worker w;
	const struct options *o;
	char prefix[EXECUTION_ID_SIZE];
	State wanted[64];
	size_t n_wanted;
	Execution **found;
	size_t n_found;
	char *next; /* token; "" at the end */
};

/* ---- which ----------------------------------------------------------------------------------- */

static bool add_state(struct listing *l, const char *word)
{
	const bool live = streq(word, "live"), finished = streq(word, "finished");
	const int one = enum_find(states, word);

	if (!live && !finished && one < 0)
		return false;
	for (unsigned i = 0; i < states->n_values; i++) {
		const int value = states->values[i].value;
		const bool over = execution_finished((State)value);

		if (value != 0 && l->n_wanted < ARRAY_LEN(l->wanted) &&
		    (one >= 0 ? value == one : over == finished))
			l->wanted[l->n_wanted++] = (State)value;
	}
	return true;
}

static int unknown_state(const char *prog, const char *word)
{
	_cleanup_(buf_done) struct buf message = BUF_INIT;

	buf_printf(&message, "Invalid value for '--state': '%s' is not one of live, finished",
		   word);
	for (unsigned i = 0; i < states->n_values; i++) {
		if (states->values[i].value == 0)
			continue;
		buf_puts(&message, ", ");
		format_enum(states, states->values[i].value, &message);
	}
	buf_putc(&message, '.');
	return args_usage_error(&command, prog, message.data ? message.data : word);
}

/* ---- asking ---------------------------------------------------------------------------------- */

static int keep_page(struct listing *l, const Page *page)
{
	Execution **more =
		reallocarray(l->found, l->n_found + page->n_executions + 1, sizeof(Execution *));

	if (!more)
		return output_fail(l->w.prog, EXIT_FAILED, "out of memory");
	l->found = more;
	for (size_t i = 0; i < page->n_executions; i++)
		l->found[l->n_found++] = page->executions[i];
	l->next = page->next_page_token;
	return EXIT_DONE;
}

static int ask(struct listing *l, Request *request, size_t limit)
{
	int code;

	do {
		Page *page;

		request->page_size = (uint32_t)MIN(limit - l->n_found, PAGE_MAX);
		request->page_token = l->next;
		code = WORKER_CALL(&l->w, "ListExecutions", request, list_executions_response,
				   &page);
		if (code == EXIT_DONE)
			code = keep_page(l, page);
		if (code == EXIT_DONE && page->n_executions == 0)
			break;
	} while (code == EXIT_DONE && *l->next && l->n_found < limit);
	return code;
}

/* ---- printing -------------------------------------------------------------------------------- */

static int print(const struct listing *l)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	int code;

	if (l->w.json) {
		Page all = TASKHOST__WORKER__V1__LIST_EXECUTIONS_RESPONSE__INIT;

		all.executions = l->found;
		all.n_executions = l->n_found;
		all.next_page_token = l->next;
		return worker_json_output(l->w.prog, &all.base, NULL);
	}
	execution_table(l->found, l->n_found, clock_realtime_ns(), &text);
	code = output_text(&text);
	if (*l->next)
		fprintf(stderr, "%s: there are more; --limit N or --all shows them\n", l->w.prog);
	return code;
}

static int list(struct listing *l)
{
	Request request = TASKHOST__WORKER__V1__LIST_EXECUTIONS_REQUEST__INIT;
	int code;

	request.states = l->wanted;
	request.n_states = l->n_wanted;
	request.id_prefix = l->prefix;
	if (l->o->plugin)
		request.plugin = arena_strdup(&l->w.arena, l->o->plugin);
	if (l->o->type)
		request.task_type = arena_strdup(&l->w.arena, l->o->type);
	if (!request.plugin || !request.task_type)
		return output_fail(l->w.prog, EXIT_FAILED, "out of memory");
	l->next = request.page_token;
	code = ask(l, &request, l->o->all ? SIZE_MAX : (size_t)l->o->limit);
	return code == EXIT_DONE ? print(l) : code;
}

static int run(const char *prog, const struct options *o, const char *prefix)
{
	struct listing l = {.o = o};
	int code;

	for (size_t i = 0; i < o->states.n; i++)
		if (!add_state(&l, o->states.items[i]))
			return unknown_state(prog, o->states.items[i]);
	if (o->limit < 1)
		return args_usage_error(&command, prog, "'--limit' is at least 1.");
	if (prefix && !execution_id_clean(prefix, l.prefix))
		return args_usage_error(&command, prog,
					"'ID' is up to 13 letters and digits, the first of an id.");
	code = worker_open(&l.w, prog, &o->worker);
	if (code == EXIT_DONE)
		code = list(&l);
	free(l.found);
	worker_close(&l.w);
	return code;
}

int verb_task_ls(const char *prog, int argc, char **argv)
{
	struct options o = {.limit = LIMIT, .worker = WORKER_OPTIONS_INIT};
	struct args_list operands = ARGS_LIST_INIT;
	int code = args_read(&command, prog, argc, argv, &o, &operands);

	if (code < 0)
		code = run(prog, &o, operands.n ? operands.items[0] : NULL);
	args_done(&command, &o, &operands);
	return code;
}
