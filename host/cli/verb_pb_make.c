#include "base/file.h"
#include "base/mem.h"
#include "cli/args.h"
#include "cli/output.h"
#include "cli/pb_type.h"
#include "cli/verb.h"
#include "flyte/pbjson.h"

struct options {
	const char *type, *output;
};

static const struct args_option options[] = {
	{.name = "type",
	 .letter = 't',
	 .kind = ARGS_TEXT,
	 .offset = offsetof(struct options, type),
	 .value = "NAME",
	 .help = "The message: its full name, or the end of it (LiteralMap).",
	 .required = true},
	{.name = "output",
	 .letter = 'o',
	 .kind = ARGS_TEXT,
	 .offset = offsetof(struct options, output),
	 .value = "FILE",
	 .help = "Write to FILE instead of standard output."},
};

static const struct args_command command = {
	.operands = "FILE",
	.about = "Makes a serialized message from protobuf's JSON. FILE - is standard input.",
	.options = options,
	.n_options = sizeof(options) / sizeof(*options),
	.min_operands = 1,
	.max_operands = 1,
	.examples = "taskhost pb make --type LiteralMap inputs.json -o inputs.pb\n"
		    "echo '{}' | taskhost pb make --type LiteralMap - -o empty.pb",
};

static int make(const char *prog, const struct options *o, const char *path)
{
	_cleanup_(buf_done) struct buf json = BUF_INIT;
	_cleanup_(buf_done) struct buf wire = BUF_INIT;
	const struct message_desc *type;
	struct error err = ERROR_INIT;
	int rc = pb_type_find(o->type, &type, &err);

	if (rc == 0)
		rc = pb_file_read(path, &json, &err);
	if (rc == 0)
		rc = pbjson_parse(type, (struct str){json.data, json.len}, path, &wire, &err);
	if (rc < 0)
		return output_error(prog, &err);
	if (!o->output)
		return output_text(&wire);
	if (file_write_atomic(o->output, wire.data, wire.len, 0644, false, &err) < 0)
		return output_error(prog, &err);
	return EXIT_DONE;
}

int verb_pb_make(const char *prog, int argc, char **argv)
{
	struct options o = {0};
	struct args_list operands = ARGS_LIST_INIT;
	int code = args_read(&command, prog, argc, argv, &o, &operands);

	if (code < 0)
		code = make(prog, &o, operands.items[0]);
	args_done(&command, &o, &operands);
	return code;
}
