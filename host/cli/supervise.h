/* The parent's side of one execution: a working directory, the forked child, and, when the child
 * died, the error document in its place. Common to `execute`, `map-execute` and `run`. */
#pragma once

#include "cli/child.h"

struct supervise_params {
	struct child *child;   /* its context has the output and raw prefix */
	int64_t timeout_ns;    /* 0: none */
	int64_t grace_ns;      /* for a child that was asked to stop */
	uint64_t memory_limit; /* bytes; 0: none */
	bool debugger;
};

enum supervise_end {
	END_RESULT,     /* done; the child stored what there was to store */
	END_ERROR,      /* an error document was stored, by the child or for it */
	END_NOT_STORED, /* there is no document; the reason was logged */
	END_STOPPED,    /* by a signal to this process; no document */
	END_TIMED_OUT,  /* no document */
};

/* *ret_signal is set for END_STOPPED only. An error: the execution could not be started. */
int supervise(const struct supervise_params *params,
	      enum supervise_end *ret,
	      int *ret_signal,
	      struct error *err);

/* resources.limits.memory of a template's container in bytes; 0 when there is none, or none that
 * can be read (which is logged). */
uint64_t supervise_memory_limit(const TaskTemplate *template);
