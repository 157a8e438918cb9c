/* Flyte's connector protocol: flyteidl.service.AsyncAgentService, SyncAgentService and
 * AgentMetadataService. [loop]
 *
 * What goes wrong with a task is a phase in an OK answer; statuses tell of requests:
 *   NOT_FOUND          nobody takes this task type, or there is no connector of that name
 *   INVALID_ARGUMENT   the request cannot be read, a resource_meta is not ours, or another request
 *                      was accepted under the same execution
 *   PERMISSION_DENIED  the configuration does not allow the task type
 *   UNAVAILABLE        draining, queue full, store failing: nothing happened
 *   INTERNAL           a sync call for an async connector, as flytekit answers it */
#pragma once

#include "base/metrics.h"
#include "dispatch/dispatch.h"
#include "grpc/engine.h"
#include "grpc/svc_catalog.h"

struct agent_service;
struct logs;

struct agent_options {
	struct dispatch *dispatch;
	struct agent_catalog catalog;
	struct metrics *metrics;
	/* What tasks print; a log is named as its execution's id is written (store/ident.h). NULL:
	 * nothing is kept. */
	struct logs *logs;
	/* Answers link to it, followed by the id: "http://127.0.0.1:8080/#". NULL: no links. */
	const char *log_base;
	int64_t (*clock_ns)(void); /* that of the engine, and of dispatch */
};

/* Adds the services to the engine. What the options point to must outlive it. After a failure the
 * engine is of no use. */
int agent_service_new(struct grpc_engine *e,
		      const struct agent_options *options,
		      struct agent_service **ret,
		      struct error *err);

/* After the engine is gone. NULL is fine. */
void agent_service_free(struct agent_service *s);

/* The catalog has changed: ListAgents and GetAgent answer from what it lists now. Before the first
 * call they know of none. ERR_NOMEM: the old lists stay. */
int agent_service_refresh(struct agent_service *s, struct error *err);
