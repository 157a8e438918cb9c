/* What the files of the worker service share. */
#pragma once

#include "dispatch/list.h"
#include "flyte/desc.h"
#include "grpc/call.h"
#include "grpc/svc_worker.h"

#include "desc_table.h"

#define W(name)      Taskhost__Worker__V1__##name
#define W_DESC(name) MESSAGE_DESC(taskhost__worker__v1__##name)

struct worker_service {
	struct worker_service_options options;
	struct grpc_engine *engine;
	struct list drains; /* svc_worker_drain.c */
};

/* Decodes the request into the arena; NULL when the call has been ended. */
void *worker_read(struct grpc_call *call, const struct message_desc *type, struct arena *arena);

/* An id in full; false when the call has been ended. */
bool worker_read_id(struct grpc_call *call, const char *text, uint64_t *ret);
/* The request is nothing but an id, its field 1. */
bool worker_read_only_id(struct grpc_call *call, const struct message_desc *type, uint64_t *ret);

/* A duration of a request that has to be positive; NULL: *ret stays. False when the call has been
 * ended. */
bool worker_read_duration(struct grpc_call *call,
			  const char *field,
			  const Google__Protobuf__Duration *d,
			  int64_t *ret);

/* Memory for a call that goes on, zeroed; NULL when the call has been ended. */
void *worker_alloc(struct grpc_call *call, size_t size);

/* Ends a call with the status for one of our codes. */
void worker_refuse(struct grpc_call *call, int err_code, const char *why);
void worker_refuse_missing(struct grpc_call *call, uint64_t id);
/* For a request that dispatch or the store has turned down. */
void worker_refuse_write(struct worker_service *s,
			 struct grpc_call *call,
			 int err_code,
			 const char *why);

/* An execution as dispatch tells of it. */
W(Execution) * worker_execution(struct worker_service *s,
				struct draft *d,
				const struct dispatch_answer *a);

/* Checks inputs against the interface of a template. `optional`: which ones of a plugin's task may
 * be left out; `strict`: the others may not. ERR_INVALID names the input. */
struct worker_inputs {
	const LiteralMap *map; /* NULL: none given */
	const TaskTemplate *task_template;
	bool strict;
	const struct str *optional;
	size_t n_optional;
};
int worker_inputs_check(const struct worker_inputs *in, struct arena *arena, struct error *err);

/* How far the drain is. */
W(DrainResponse) * worker_drain_state(struct worker_service *s, struct draft *d);

/* The methods. */
void worker_submit(struct grpc_call *call, void *user);
void worker_get(struct grpc_call *call, void *user);
void worker_list(struct grpc_call *call, void *user);
void worker_watch(struct grpc_call *call, void *user);
void worker_logs(struct grpc_call *call, void *user);
void worker_cancel(struct grpc_call *call, void *user);
void worker_retry(struct grpc_call *call, void *user);
void worker_list_plugins(struct grpc_call *call, void *user);
void worker_describe(struct grpc_call *call, void *user);
void worker_reload_plugins(struct grpc_call *call, void *user);
void worker_set_enabled(struct grpc_call *call, void *user);
void worker_unquarantine(struct grpc_call *call, void *user);
void worker_status(struct grpc_call *call, void *user);
void worker_drain(struct grpc_call *call, void *user);
void worker_stats(struct grpc_call *call, void *user);
extern const struct grpc_call_ops worker_submit_ops, worker_get_ops, worker_list_ops,
	worker_watch_ops, worker_logs_ops, worker_cancel_ops, worker_retry_ops, worker_reload_ops,
	worker_status_ops, worker_drain_ops;
