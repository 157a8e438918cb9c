/* What the files of the connector services share. */
#pragma once

#include "base/mem.h"
#include "flyte/desc.h"
#include "flyte/wire_known.h"
#include "grpc/call.h"
#include "grpc/svc_agent.h"
#include "grpc/svc_request.h"
#include "grpc/svc_resource.h"
#include "grpc/svc_stats.h"

/* Which execution a request is about, as it says. */
struct task_ref {
	struct str meta, type;
	int32_t version;
};

/* A call that waits for dispatch. Used again. */
struct agent_call {
	struct agent_service *service;
	struct grpc_call *call;
	struct agent_call *next; /* unused ones */
	enum agent_operation op;
	int64_t began_ns;
	union {
		struct dispatch_created created;
		struct dispatch_get get;
		struct dispatch_delete deletion;
	};
	enum grpc_status status; /* it ended with */
	int type_error;          /* of a create: why nobody takes its type; 0: somebody does */
	char type[128];          /* of the request, for the metrics; cut when it is longer */
	/* of a request for logs */
	uint64_t offset, lines;
};

struct agent_list;
struct sync_call;

struct agent_service {
	struct agent_options options;
	struct agent_stats *stats;
	struct resource_writer writer;
	struct buf scratch;
	struct agent_call *unused;
	struct sync_call *unused_sync; /* svc_sync.c */
	struct wire_known templates;   /* of sync tasks, checked before */
	struct agent_list *list;       /* svc_metadata.c */
};

struct agent_call *agent_call_new(struct agent_service *s, struct grpc_call *call);
void agent_call_free(struct agent_call *c);
/* The client is gone: of calls that wait in dispatch_get. */
void agent_get_cancelled(struct grpc_call *call);

/* Checks the request and reads whom it is about; false when the call has been ended. `category` is
 * the number of its field. */
bool agent_read_ref(struct grpc_call *call,
		    const struct message_desc *type,
		    uint32_t category,
		    struct task_ref *ret);

/* What the request says of the type, which does not outlive the call. */
void agent_call_type(struct agent_call *c, struct str type);

/* Asks dispatch. 1: the answer is there; 0: `done` will come; negative: the call has been ended, with
 * c->status. */
int agent_ask(struct agent_call *c,
	      const struct task_ref *ref,
	      void (*done)(struct dispatch_get *g));

/* Ends a call that could not be served, and tells the status. */
enum grpc_status agent_refuse(struct grpc_call *call, int err_code, const char *why);
enum grpc_status
agent_refuse_type(struct grpc_call *call, int err_code, struct str type, const char *why);

/* Looks a type up; false when the call has been ended with *ret_status. */
bool agent_find_type(struct agent_service *s,
		     struct grpc_call *call,
		     struct str type,
		     int32_t version,
		     struct agent_type *ret,
		     enum grpc_status *ret_status);

/* The methods of the other files. */
void agent_get_logs(struct grpc_call *call, void *user);
void agent_get_metrics(struct grpc_call *call, void *user);
void agent_get_agent(struct grpc_call *call, void *user);
void agent_list_agents(struct grpc_call *call, void *user);
void agent_list_free(struct agent_list *list);
void agent_sync(struct grpc_call *call, void *user);
void agent_sync_free(struct sync_call *unused);
extern const struct grpc_call_ops agent_get_ops, agent_sync_ops;
