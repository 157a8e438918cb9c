/* What runs in the forked process of `execute`, `map-execute` and `run`: resolve, read the inputs,
 * run the task, store the result. */
#pragma once

#include "base/log.h"
#include "registry/registry.h"
#include "runners/once.h"
#include "task/task.h"

enum child_want {
	CHILD_RESOLVER, /* location and args */
	CHILD_TEMPLATE, /* template and executor */
	CHILD_NAME,     /* name */
};

struct child {
	enum child_want want;
	struct registry *registry;
	struct str location;
	const struct str *args;
	size_t n_args;
	const TaskTemplate *template;
	const char *executor; /* NULL: the one that claims the template's type */
	struct str name;

	bool map; /* run one element; the resolver must be the one for that */
	int64_t map_index;

	const char *inputs_uri; /* NULL: `inputs` holds them */
	struct str inputs;
	struct task_context *ctx;     /* pointers to shared memory are set by the child */
	enum log_level failure_level; /* at which a failure is logged */
	bool force_deck;              /* write deck.html whatever the task says */

	/* The task template, if it has been read already. */
	struct str template_uri, template_bytes;
};

enum child_status {
	CHILD_UNFINISHED = 0,
	CHILD_RESULT,     /* outputs.pb, futures.pb or, when outputs are ignored, nothing */
	CHILD_ERROR,      /* an error document */
	CHILD_NOT_STORED, /* logged */
	CHILD_CANCELLED,  /* the cancel word was set; nothing was stored */
};

/* What the parent learns however the child ends: marks of once_result. */
enum child_mark {
	CHILD_MARK_STATUS,    /* a child_status, from when the result is stored */
	CHILD_MARK_DIRECTORY, /* 1: there may be a working directory */
};

/* once_params.run: `ctx` is a struct child; gives a child_status. */
int child_run(void *ctx, struct once_child *shared);

/* "CODE: text" and the trace, for whoever reads the log. */
void child_log_failure(const struct failure *f, enum log_level level);
