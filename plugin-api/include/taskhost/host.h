/* What a host offers to every plugin. Everything beyond this table is an extension, found by id. */
#ifndef TASKHOST_HOST_H
#define TASKHOST_HOST_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct th_host th_host;
struct th_host {
	uint32_t struct_size;
	uint16_t abi_major, abi_minor; /* the newest ABI this host speaks */
	void *ctx;                     /* the host's own */
	th_str name, version;          /* "taskhost", "1.2.3"; live as long as the plugin */

	/* The table of extension `id` ("th.literal/1"), or NULL. A table starts with its
	 * struct_size; use TH_HAS before calling what a later minor added. Lives as long as the
	 * plugin. [any] */
	const void *(*get_extension)(const th_host *host, const char *id);

	/* Describes the failure that the current call is about to return. `cls` is TH_E_USER or
	 * TH_E_SYSTEM and becomes the error's origin; `recoverable` nonzero lets Flyte retry;
	 * `code` such as "USER:ValueError" (empty: the host's default). The host copies code and
	 * message. A second call replaces the first. [same]; for the slot from exec_error: [any] */
	void (*error_set)(
		th_errout *error, th_status cls, uint32_t recoverable, th_str code, th_str message);

	/* Memory that is counted against the plugin. NULL when there is none or the quota is used
	 * up. `align` is a power of two; 0 means what malloc gives. [any] */
	void *(*alloc)(const th_host *host, size_t size, size_t align);
	void (*free)(const th_host *host, void *ptr); /* accepts NULL [any] */

	/* Memory that the host frees when the execution completes. [exec] */
	void *(*arena_alloc)(th_exec *exec, size_t size, size_t align);

	/* Adds one string (copied) to what a resolver function returns. TH_E_NOMEM or TH_OK.
	 * [same] */
	th_status (*sink_push)(th_sink *sink, th_str s);

	/* The execution's own error slot, for code that completes later. [any] */
	th_errout *(*exec_error)(th_exec *exec);

	/* Ends an execution for which execute_from_model returned TH_PENDING. `status` as
	 * execute_from_model would have returned it, never TH_PENDING. Everything that belongs to
	 * the execution is dead when this returns. A second call, or a call for an execution that
	 * did not return TH_PENDING, is counted as misbehaviour and ignored. [any] */
	void (*exec_complete)(th_exec *exec, th_status status);
};

#ifdef __cplusplus
}
#endif
#endif
