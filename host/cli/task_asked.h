/* What `taskhost run` and `taskhost task submit` are asked alike: a task or a template, and its
 * inputs. */
#pragma once

#include "cli/args.h"
#include "cli/run_inputs.h"

struct task_asked {
	struct args_list values; /* -i */
	const char *inputs, *template, *executor;
};

/* `WHAT` begins the sentence about the template: "Run", "Submit". */
#define ASKED_OPTIONS(type, member, WHAT)                                                          \
	{.name = "input",                                                                          \
	 .letter = 'i',                                                                            \
	 .kind = ARGS_LIST,                                                                        \
	 .offset = offsetof(type, member.values),                                                  \
	 .value = "NAME=VALUE",                                                                    \
	 .help = "One input; may be given again. NAME=@PATH reads a file, NAME=- standard "        \
		 "input."},                                                                        \
		{.name = "inputs",                                                                 \
		 .kind = ARGS_TEXT,                                                                \
		 .offset = offsetof(type, member.inputs),                                          \
		 .value = "FILE",                                                                  \
		 .help = "Inputs from a .json file (an object of names and values as typed) or a " \
			 ".pb "                                                                    \
			 "file (LiteralMap). -i goes before it."},                                 \
		{.name = "template",                                                               \
		 .kind = ARGS_TEXT,                                                                \
		 .offset = offsetof(type, member.template),                                        \
		 .value = "FILE",                                                                  \
		 .help = WHAT                                                                      \
		 " this TaskTemplate (.pb, or .json in protobuf's JSON) instead of a TASK."},      \
	{                                                                                          \
		.name = "executor", .kind = ARGS_TEXT, .offset = offsetof(type, member.executor),  \
		.value = "NAME",                                                                   \
		.help = "The executor for the template; unless given, the one that claims its "    \
			"task type."                                                               \
	}

/* What the option parser cannot know; NULL: nothing is wrong. */
const char *asked_fault(const struct task_asked *a, const struct args_list *operands);

/* Appends the serialized LiteralMap of the inputs, as run_inputs_build. */
int asked_inputs(const struct task_asked *a,
		 const TaskTemplate *template,
		 const struct note_offer *note,
		 struct buf *out,
		 struct error *err);

/* Prints what the task takes; task NULL: the template's. Returns an exit code. */
int asked_help(const char *prog,
	       const struct task_asked *a,
	       const char *task,
	       const TaskTemplate *template,
	       const struct note_offer *note);
