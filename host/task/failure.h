/* Failures of plugin calls as Flyte's errors. */
#pragma once

#include "task/exec.h"

/* What a failing call means when the plugin did not say (contract 2.4). */
struct failure_rule {
	const char *step; /* "execute_from_model" */
	const char *code;
	enum error_kind kind;
	enum error_origin origin;
};

/* The result becomes the error that the plugin described in `slot`: its code, kind and class in
 * every kind of task; with an empty code the default of its class. Without a description: the rule.
 */
void failure_of_plugin(struct task_result *r,
		       const struct exec *e,
		       const struct failure_rule *rule,
		       const struct th_errout_h *slot,
		       th_status status);
