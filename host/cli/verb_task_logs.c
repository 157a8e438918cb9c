#include "base/file.h"
#include "cli/execution_find.h"
#include "cli/output.h"
#include "cli/verb.h"

#include <stdio.h>
#include <unistd.h>

#define NOT_GIVEN INT64_MIN

struct options {
	bool follow;
	int64_t lines;
	const char *token;
	bool show_token;
	struct worker_options worker;
};

static const struct args_option options[] = {
	{.name = "follow",
	 .letter = 'f',
	 .kind = ARGS_FLAG,
	 .offset = offsetof(struct options, follow),
	 .help = "Go on until the execution has ended."},
	{.name = "lines",
	 .letter = 'n',
	 .kind = ARGS_INTEGER,
	 .offset = offsetof(struct options, lines),
	 .value = "N",
	 .help = "Only the last N lines."},
	{.name = "from",
	 .kind = ARGS_TEXT,
	 .offset = offsetof(struct options, token),
	 .value = "TOKEN",
	 .help = "Go on where an earlier call with --token ended."},
	{.name = "token",
	 .kind = ARGS_FLAG,
	 .offset = offsetof(struct options, show_token),
	 .help = "At the end say on standard error where to go on: 'next TOKEN'."},
	WORKER_ADDRESS_OPTIONS(struct options, worker),
};

static const struct args_command command = {
	.operands = "ID",
	.about = "Prints what an execution has printed, byte for byte. The first characters of an "
		 "ID\nare enough.",
	.options = options,
	.n_options = sizeof(options) / sizeof(*options),
	.min_operands = 1,
	.max_operands = 1,
	.notes = "What is no longer kept, or never was, is told on standard error.\n" //
	WORKER_EXIT_CODES,
	.examples = "taskhost task logs 7k2m\n"
		    "taskhost task logs 7k2m -f --lines 20",
};

typedef Taskhost__Worker__V1__GetLogsResponse Part;

struct reading {
	struct worker *w;
	const struct options *o;
	uint64_t lost;
	char token[256];
};

static int take(void *user, const void *answer)
{
	struct reading *r = user;
	const Part *part = answer;
	struct error err = ERROR_INIT;

	if (part->skipped > 0)
		fprintf(stderr, "%s: %llu bytes are no longer kept\n", r->w->prog,
			(unsigned long long)part->skipped);
	if (part->lost > r->lost)
		fprintf(stderr, "%s: %llu bytes came too fast to be kept\n", r->w->prog,
			(unsigned long long)(part->lost - r->lost));
	r->lost = part->lost;
	snprintf(r->token, sizeof(r->token), "%s", part->token);
	if (fd_write_all(STDOUT_FILENO, part->data.data, part->data.len, "standard output", &err) <
	    0)
		return output_error(r->w->prog, &err);
	return EXIT_DONE;
}

static int read_logs(struct worker *w, const struct options *o, const char *typed)
{
	Taskhost__Worker__V1__GetLogsRequest request = TASKHOST__WORKER__V1__GET_LOGS_REQUEST__INIT;
	struct reading r = {.w = w, .o = o};
	const struct worker_stream stream = {
		.method = "GetLogs",
		.request = &request.base,
		.answer = MESSAGE_DESC(taskhost__worker__v1__get_logs_response),
		.each = take,
		.user = &r,
	};
	char id[EXECUTION_ID_SIZE];
	int code = execution_find(w, typed, id);

	if (code != EXIT_DONE)
		return code;
	request.id = id;
	request.follow = o->follow;
	request.lines = o->lines == NOT_GIVEN ? 0 : (uint64_t)o->lines;
	if (o->token)
		request.token = arena_strdup(&w->arena, o->token);
	if (!request.token)
		return output_fail(w->prog, EXIT_FAILED, "out of memory");
	code = worker_stream(w, &stream);
	if (o->show_token && *r.token)
		fprintf(stderr, "next %s\n", r.token);
	return code;
}

static int run(const char *prog, const struct options *o, const char *typed)
{
	struct worker w;
	int code;

	if (o->lines != NOT_GIVEN && o->lines < 1)
		return args_usage_error(&command, prog, "'--lines' is at least 1.");
	if (o->lines != NOT_GIVEN && o->token)
		return args_usage_error(&command, prog,
					"'--lines' and '--from' exclude each other.");
	code = worker_open(&w, prog, &o->worker);
	if (code == EXIT_DONE)
		code = read_logs(&w, o, typed);
	worker_close(&w);
	return code;
}

int verb_task_logs(const char *prog, int argc, char **argv)
{
	struct options o = {.lines = NOT_GIVEN};
	struct args_list operands = ARGS_LIST_INIT;
	int code = args_read(&command, prog, argc, argv, &o, &operands);

	if (code < 0)
		code = run(prog, &o, operands.items[0]);
	args_done(&command, &o, &operands);
	return code;
}
