#include "cli/entrypoint.h"
#include "cli/verb.h"

#include <unistd.h>

#define OPTION(option, kind_, member, value_, help_)                                               \
	{                                                                                          \
		.name = (option), .kind = (kind_),                                                 \
		.offset = offsetof(struct entrypoint_options, member), .value = (value_),          \
		.help = (help_)                                                                    \
	}

static const struct args_option options[] = {
	{.name = "inputs",
	 .kind = ARGS_TEXT,
	 .offset = offsetof(struct entrypoint_options, inputs),
	 .value = "URI",
	 .help = "The inputs, a serialized LiteralMap.",
	 .required = true},
	{.name = "output-prefix",
	 .kind = ARGS_TEXT,
	 .offset = offsetof(struct entrypoint_options, output_prefix),
	 .value = "URI",
	 .help = "Where outputs.pb, futures.pb or error.pb and deck.html are written.",
	 .required = true},
	OPTION("raw-output-data-prefix",
	       ARGS_TEXT,
	       raw_prefix,
	       "URI",
	       "Where the task puts its own files. The task cannot run without it."),
	OPTION("checkpoint-path",
	       ARGS_TEXT,
	       checkpoint_path,
	       "URI",
	       "Where checkpoints are saved."),
	OPTION("prev-checkpoint",
	       ARGS_TEXT,
	       prev_checkpoint,
	       "URI",
	       "What the previous attempt has saved."),
	OPTION("test", ARGS_FLAG, test, NULL, "Check the arguments and the resolver, run nothing."),
	OPTION("dynamic-addl-distro",
	       ARGS_TEXT,
	       addl_distro,
	       "URI",
	       "The archive this task's plugins came from; the task finds it in "
	       "TASKHOST_DYNAMIC_ADDL_DISTRO, to pass it on to tasks it makes."),
	OPTION("dynamic-dest-dir",
	       ARGS_TEXT,
	       dest_dir,
	       "DIR",
	       "Where that archive was unpacked: plugins are looked for there too, after "
	       "--plugins; the task finds it in TASKHOST_DYNAMIC_DEST_DIR."),
	OPTION("resolver",
	       ARGS_TEXT,
	       resolver,
	       "LOCATION",
	       "Finds the task from the arguments after --. The task cannot "
	       "run without it."),
	SEARCH_OPTIONS(struct entrypoint_options, search),
};

static const struct args_command command = {
	.operands = "[RESOLVER_ARGS]...",
	.about = "Runs one task as Flyte starts it in a container: inputs.pb to outputs.pb.",
	.options = options,
	.n_options = sizeof(options) / sizeof(*options),
	.max_operands = SIZE_MAX,
	.notes = "A failed task is an error.pb and exit code 0, or 1 when FLYTE_FAIL_ON_ERROR is "
		 "set.",
	.examples = "taskhost execute --inputs in.pb --output-prefix out --raw-output-data-prefix "
		    "raw \\\n"
		    "    --resolver taskhost.default_task_resolver \\\n"
		    "    -- task-module arith task-name add\n"
		    "taskhost execute --inputs in.pb --output-prefix out --raw-output-data-prefix "
		    "raw \\\n"
		    "    --resolver taskhost.task_template_resolver -- task.pb echo.Echo",
};

int verb_execute(const char *prog, int argc, char **argv)
{
	struct entrypoint_options o = {0};
	struct args_list operands = ARGS_LIST_INIT;
	int code = args_read(&command, prog, argc, argv, &o, &operands);

	/* flytekit's empty line; those who read its output may count on it. */
	if (code < 0 && write(STDOUT_FILENO, "\n", 1) < 0) {
		/* Nobody may be reading; the task's files are what counts. */
	}
	if (code < 0)
		code = entrypoint_run(prog, &o, &operands, false);
	args_done(&command, &o, &operands);
	return code;
}
