/* A worker without runners, for tests of its services: the engine with a client on it, dispatch on a
 * store in a fresh directory, logs, and runs that end when the test says so. */
#pragma once

#include "base/mem.h"
#include "base/metrics.h"
#include "client.h"
#include "dispatch/dispatch.h"
#include "flyte/message.h"
#include "grpc/svc_agent.h"
#include "grpc/svc_request.h"
#include "loop/loop.h"
#include "runners/logs.h"
#include "store/ident.h"
#include "store/state_dir.h"
#include "store/store_sqlite.h"

#include "desc_table.h"
#include "flyteidl/admin/agent.pb-c.h"

#include <semaphore.h>

#define ASYNC    "/flyteidl.service.AsyncAgentService/"
#define SYNC     "/flyteidl.service.SyncAgentService/ExecuteTaskSync"
#define METADATA "/flyteidl.service.AgentMetadataService/"

#define KIT_RUNS  16
#define KIT_TYPES 3

extern const struct agent_type kit_types[KIT_TYPES];

struct kit_run {
	uint64_t id;
	uint32_t run;
	int stops; /* times it was asked to end */
	char type[64];
	struct buf spec;
};

struct kit {
	struct client client;
	struct loop *loop;
	struct state_dir dir;
	struct store *store;
	struct dispatch *dispatch;
	struct metrics *metrics;
	struct logs *logs;
	struct agent_service *agent;
	sem_t woken;
	int64_t wake_at;
	uint64_t random;

	struct agent_type *types;
	size_t n_types;
	int find_fails;   /* what the catalog answers for every type; 0: the truth */
	const char *hold; /* why runs cannot start; NULL: they can */

	struct kit_run runs[KIT_RUNS];
	size_t n_runs, n_given;
	struct arena arena;
	struct error err;
	enum drain_stage drained; /* last stage told */
	void (*on_drain)(struct kit *k);
};

struct kit_params {
	const struct agent_type *types;
	size_t n_types;
	unsigned slots;    /* 0: 8 */
	size_t queue_most; /* 0: the default */
	const char *log_base;
	bool no_logs;
	const struct grpc_limits *limits; /* NULL: the default */
};

void kit_open(struct kit *k, const struct kit_params *p);
/* On kit_types: t, its version 2, and s for sync calls. 0: the defaults. */
void kit_open_agent(struct kit *k, unsigned slots, size_t queue_most);
void kit_close(struct kit *k);

/* Moves everything until the call is over; for streams until it has `messages` of them. */
struct reply *kit_wait(struct kit *k, int32_t id);
void kit_wait_messages(struct kit *k, int32_t id, size_t messages);
/* The next run that is handed over, in their order. */
struct kit_run *kit_next_run(struct kit *k);
void kit_turn(struct kit *k);

/* A unary call to its end. */
struct reply *kit_call(struct kit *k, const char *path, struct str message);
/* One of AsyncAgentService, and what it ends with. */
void kit_expect(
	struct kit *k, const char *method, struct str request, int status, const char *words);
/* It ended with this status; `words` are part of its message. */
void kit_check(const struct reply *r, int status, const char *words);
/* The n-th message of a reply, decoded. */
void *kit_message(struct kit *k, const struct reply *r, size_t n, const struct message_desc *type);

void kit_started(struct kit *k, struct kit_run *r);
void kit_end(struct kit *k, struct kit_run *r, const struct run_result *result);
/* It succeeds with these outputs. */
void kit_succeed(struct kit *k, struct kit_run *r, struct str outputs);

/* ---- requests, in the test's arena --------------------------------------------------------- */

struct str kit_encode(struct kit *k, const ProtobufCMessage *m);
/* A CreateTaskRequest for a type with one integer as input "a". */
struct str kit_create_request(struct kit *k, const char *type, int64_t a);
/* The resource_meta that such a call gives. */
struct str kit_create(struct kit *k, const char *type);
/* GetTask, decoded; the reply has to be OK. */
Flyteidl__Admin__Resource *kit_get(struct kit *k, struct str meta);
/* The same, again and again until it is finished. */
Flyteidl__Admin__Resource *kit_get_end(struct kit *k, struct str meta);
struct str kit_get_request(struct kit *k, struct str meta, const char *category);
struct str kit_outputs(struct kit *k, const char *name, int64_t value);
struct str kit_copy(struct kit *k, struct str s);
const char *kit_metrics(struct kit *k);
struct store_row kit_row_of(uint64_t id);
