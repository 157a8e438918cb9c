/* What a template asks for, read and filled in: the pieces of the shell plugin that know Flyte. */
#ifndef SHELL_TASK_H
#define SHELL_TASK_H

#include "process.h"
#include "shell_template.h"
#include "text.h"

struct output {
	th_variable variable;
	const char *location; /* as written for {outputs.x}; NULL: what goes to stdout */
};

struct task {
	th_str directory; /* where it runs */
	struct output *outputs;
	uint32_t n_outputs;
	const char **argv; /* NULL-terminated */
	const char **env;
};

/* Everything lives in the execution's arena. Failures are described. */
th_status task_read(const th_run *run, struct task *ret);

/* The declared outputs, from the process that ended well. */
th_status task_set_outputs(const th_run *run, const struct task *task, struct process *p);

/* `source` with its values filled in, in the arena. */
th_status task_fill(const th_run *run,
		    const struct task *task,
		    enum shell_syntax syntax,
		    th_str source,
		    const char **ret);

#endif
