#include "cli/entrypoint.h"
#include "cli/output.h"
#include "cli/verb.h"

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
	 .help = "The inputs of the whole array, a serialized LiteralMap.",
	 .required = true},
	{.name = "output-prefix",
	 .kind = ARGS_TEXT,
	 .offset = offsetof(struct entrypoint_options, output_prefix),
	 .value = "URI",
	 .help = "Where this element's outputs.pb or error.pb and deck.html are written.",
	 .required = true},
	OPTION("raw-output-data-prefix",
	       ARGS_TEXT,
	       raw_prefix,
	       "URI",
	       "Where the task puts its own files. The task cannot run without it."),
	OPTION("max-concurrency",
	       ARGS_INTEGER,
	       max_concurrency,
	       "N",
	       "How many elements Flyte runs at once, at least 1. Flyte sees to it; a process "
	       "runs one element whatever it says."),
	OPTION("test", ARGS_FLAG, test, NULL, "Check the arguments and the resolver, run nothing."),
	OPTION("dynamic-addl-distro",
	       ARGS_TEXT,
	       addl_distro,
	       "URI",
	       "The archive this task's plugins came from, as for execute."),
	OPTION("dynamic-dest-dir",
	       ARGS_TEXT,
	       dest_dir,
	       "DIR",
	       "Where that archive was unpacked, as for execute."),
	{.name = "resolver",
	 .kind = ARGS_TEXT,
	 .offset = offsetof(struct entrypoint_options, resolver),
	 .value = "LOCATION",
	 .help = "taskhost.array_node_map_task_resolver, or flytekit's name for it.",
	 .required = true},
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
	SEARCH_OPTIONS(struct entrypoint_options, search),
};

static const struct args_command command = {
	.operands = "[RESOLVER_ARGS]...",
	.about = "Runs one element of a map task. The element is number\n"
		 "$BATCH_JOB_ARRAY_INDEX_OFFSET plus the variable that "
		 "$BATCH_JOB_ARRAY_INDEX_VAR_NAME\nnames. Inputs are lists, except those named as "
		 "bound.",
	.options = options,
	.n_options = sizeof(options) / sizeof(*options),
	.max_operands = SIZE_MAX,
	.examples = "BATCH_JOB_ARRAY_INDEX_VAR_NAME=I I=2 taskhost map-execute --inputs in.pb \\\n"
		    "    --output-prefix out/2 --raw-output-data-prefix raw \\\n"
		    "    --resolver taskhost.array_node_map_task_resolver -- vars '' \\\n"
		    "    resolver taskhost.default_task_resolver task-module arith task-name add",
};

int verb_map_execute(const char *prog, int argc, char **argv)
{
	struct entrypoint_options o = {.max_concurrency = 1};
	struct args_list operands = ARGS_LIST_INIT;
	int code = args_read(&command, prog, argc, argv, &o, &operands);

	if (code < 0 && o.max_concurrency < 1)
		code = args_usage_error(&command, prog,
					"Invalid value for '--max-concurrency': it must be at "
					"least 1.");
	if (code < 0)
		code = entrypoint_run(prog, &o, &operands, true);
	args_done(&command, &o, &operands);
	return code;
}
