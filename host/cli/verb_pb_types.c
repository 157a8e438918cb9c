#include "base/mem.h"
#include "cli/args.h"
#include "cli/output.h"
#include "cli/verb.h"
#include "flyte/desc.h"

#include <stdlib.h>

static const struct args_command command = {
	.operands = "",
	.about = "Lists the messages that 'pb show' and 'pb make' know, one a line.",
	.examples = "taskhost pb types | grep Literal",
};

static int by_name(const void *a, const void *b)
{
	const struct message_desc *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static int list(const char *prog)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	_cleanup_(freep) const struct message_desc **all =
		reallocarray(NULL, message_table_len, sizeof(const struct message_desc *));

	if (!all)
		return output_fail(prog, EXIT_FAILED, "out of memory");
	memcpy(all, message_table, message_table_len * sizeof(*all));
	qsort(all, message_table_len, sizeof(*all), by_name);
	for (size_t i = 0; i < message_table_len; i++)
		buf_printf(&text, "%s\n", all[i]->name);
	return output_text(&text);
}

int verb_pb_types(const char *prog, int argc, char **argv)
{
	struct args_list operands = ARGS_LIST_INIT;
	char none;
	int code = args_read(&command, prog, argc, argv, &none, &operands);

	if (code < 0)
		code = list(prog);
	args_done(&command, &none, &operands);
	return code;
}
