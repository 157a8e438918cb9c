/* The worker service on the kit of test_svc_kit.h, with one plugin made of paper:
 *
 *   arith.add    a task: integers a and b (b may be left out), integer o
 *   echo.Echo    an executor, also called "echo"; takes templates of type "t" */
#pragma once

#include "grpc/svc_worker.h"
#include "test_svc_kit.h"

#include "taskhost/worker/v1/worker.pb-c.h"

#define WORKER "/taskhost.worker.v1.Worker/"
#define W(n)   Taskhost__Worker__V1__##n

struct worker_kit {
	struct kit k;
	struct worker_service *service;
	/* of the plugin "arith" */
	bool disabled, quarantined;
	int switch_fails; /* what set_enabled answers; 0: it works */
	struct worker_reload *reload;
	int reloads_forgotten;
	int drains;
	int64_t grace_ns;
	char reason[64];
};

void worker_kit_open(struct worker_kit *w, const struct kit_params *p);
void worker_kit_close(struct worker_kit *w);
void worker_kit_reloaded(struct worker_kit *w); /* one change, and it is over */

/* A call that has to end with this status; its message. */
const char *worker_kit_refused(struct worker_kit *w,
			       const char *method,
			       const ProtobufCMessage *request,
			       enum grpc_status status);
/* A call that has to be well; the answer decoded. */
#define WORKER_KIT_CALL(w, method, request, answer)                                                \
	worker_kit_call(w, method, &(request)->base, MESSAGE_DESC(taskhost__worker__v1__##answer))
void *worker_kit_call(struct worker_kit *w,
		      const char *method,
		      const ProtobufCMessage *request,
		      const struct message_desc *answer);

/* Begins a call, which is waited for with kit_wait or kit_wait_messages. */
int32_t worker_kit_begin(struct worker_kit *w, const char *method, const ProtobufCMessage *request);

LiteralMap *worker_kit_inputs(struct worker_kit *w, const char *name, int64_t value);
/* Submits arith.add with a = 1, tried `retries` times more; the id. */
char *worker_kit_submit(struct worker_kit *w, unsigned retries);
W(GetExecutionResponse) * worker_kit_get(struct worker_kit *w, char *id);
/* The next run fails, so that another try would make sense. */
void worker_kit_fail(struct worker_kit *w, const char *code);
/* Turns until the execution is finished. */
W(Execution) * worker_kit_end(struct worker_kit *w, char *id);
