#include "base/mem.h"
#include "cli/args.h"
#include "cli/output.h"
#include "cli/pb_type.h"
#include "cli/verb.h"
#include "flyte/pbjson.h"

struct options {
	const char *type;
	bool compact;
};

static const struct args_option options[] = {
	{.name = "type",
	 .letter = 't',
	 .kind = ARGS_TEXT,
	 .offset = offsetof(struct options, type),
	 .value = "NAME",
	 .help = "The message: its full name, or the end of it (LiteralMap).",
	 .required = true},
	{.name = "compact",
	 .letter = 'c',
	 .kind = ARGS_FLAG,
	 .offset = offsetof(struct options, compact),
	 .help = "Print on one line."},
};

static const struct args_command command = {
	.operands = "FILE",
	.about = "Prints a serialized message in protobuf's JSON. FILE - is standard input.",
	.options = options,
	.n_options = sizeof(options) / sizeof(*options),
	.min_operands = 1,
	.max_operands = 1,
	.examples = "taskhost pb show --type LiteralMap out/outputs.pb\n"
		    "taskhost pb show --type ErrorDocument out/error.pb\n"
		    "taskhost pb show -t TaskTemplate - < task.pb",
};

static int show(const char *prog, const struct options *o, const char *path)
{
	_cleanup_(buf_done) struct buf wire = BUF_INIT;
	_cleanup_(buf_done) struct buf json = BUF_INIT;
	const struct message_desc *type;
	struct error err = ERROR_INIT;

	if (pb_type_find(o->type, &type, &err) < 0 || pb_file_read(path, &wire, &err) < 0)
		return output_error(prog, &err);
	if (pbjson_print(type, (struct str){wire.data, wire.len}, o->compact ? 0 : 2, &json, &err) <
	    0) {
		err_wrap(&err, "%s", path);
		return output_error(prog, &err);
	}
	buf_putc(&json, '\n');
	return output_text(&json);
}

int verb_pb_show(const char *prog, int argc, char **argv)
{
	struct options o = {0};
	struct args_list operands = ARGS_LIST_INIT;
	int code = args_read(&command, prog, argc, argv, &o, &operands);

	if (code < 0)
		code = show(prog, &o, operands.items[0]);
	args_done(&command, &o, &operands);
	return code;
}
