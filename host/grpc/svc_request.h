/* Requests that start tasks, read without decoding them, and the text under which the store keeps
 * them. Any thread.
 *
 * That text is a flyteidl.admin.CreateTaskRequest, whoever asked and whichever way, so that one
 * reader does for all. What only our own clients can say stands in two fields with numbers that
 * Flyte does not use. */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "dispatch/dispatch.h"
#include "grpc/svc_catalog.h"

/* Fields of ours in the text. */
#define REQUEST_TASK     1000 /* a plugin's own task: "arith.add" */
#define REQUEST_EXECUTOR 1001 /* who is to execute the template: "echo.Echo" */

/* Spans into the text. */
struct request_parts {
	struct str inputs;        /* LiteralMap */
	struct str task_template; /* TaskTemplate */
	struct str output_prefix;
	struct str metadata; /* TaskExecutionMetadata */
	struct str task, executor;
};

/* Of a text that was accepted, for those who run it. ERR_INVALID when it is damaged. */
int request_parts(struct str text, struct request_parts *ret, struct error *err);

#define REQUEST_NODE_MAX   256
#define REQUEST_TENANT_MAX 128

/* What dispatch wants to know of it. */
struct request {
	struct str text; /* in `merged`, or the caller's */
	struct request_parts parts;
	struct buf merged;
	/* of the template */
	struct str type, name;
	int32_t type_version;
	int64_t timeout_ns; /* 0: none */
	uint32_t retries;
	/* Of the node execution; has_key is false when none is named. The texts are for people, and
	 * cut when they are long. */
	char node[REQUEST_NODE_MAX], tenant[REQUEST_TENANT_MAX];
	bool has_key;
	uint8_t key[STORE_KEY_SIZE];
};

/* Checks every byte of a CreateTaskRequest and reads it. What `text` points to must outlive the
 * request. ERR_INVALID and ERR_LIMIT are the sender's fault; ERR_NOMEM. request_done after success
 * only. */
int request_read(struct str text, struct request *ret, struct error *err);
/* The same for a text whose parts have been checked, none of them split. */
int request_read_checked(struct str text, struct request *ret, struct error *err);
/* The same without a key: a sync task is not kept, and never repeated. */
int request_read_sync(struct str text, struct request *ret, struct error *err);
void request_done(struct request *r);

/* The spans are those of `r` and `type`. `owned`: Flyte repeats it, not we. */
void request_to_dispatch(const struct request *r,
			 const struct agent_type *type,
			 bool owned,
			 struct dispatch_request *ret);

/* Whether two accepted texts ask for the same: inputs, template, and who is to execute it, compared
 * as messages. Labels, annotations and environment do not count; nor does the template of a
 * plugin's own task, which another version of the plugin may write otherwise. For dispatch_hooks.same_request;
 * `user` is not used. Without memory to compare them they are not the same. */
bool request_same(void *user, struct str a, struct str b);
