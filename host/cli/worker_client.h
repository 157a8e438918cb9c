/* Speaking to a running worker: what all verbs that do share. The service is
 * proto/taskhost/worker/v1/worker.proto. Functions that return an exit code have said on stderr what
 * went wrong unless it is EXIT_DONE. */
#pragma once

#include "base/mem.h"
#include "cli/args.h"
#include "flyte/message.h"
#include "grpc/client.h"

#include "desc_table.h"
#include "taskhost/worker/v1/worker.pb-c.h"

typedef Taskhost__Worker__V1__Execution Execution;
typedef Taskhost__Worker__V1__Plugin WorkerPlugin;

/* The options by which a verb is told which worker, and how it prints. */
struct worker_options {
	const char *address, *socket;
	int64_t patience; /* --request-timeout; 0: the default */
	const char *output;
};

#define WORKER_ADDRESS_OPTIONS(type, member)                                                       \
	{.name = "address",                                                                        \
	 .kind = ARGS_TEXT,                                                                        \
	 .offset = offsetof(type, member.address),                                                 \
	 .value = "HOST:PORT",                                                                     \
	 .help = "Speak to the worker there, over TCP without TLS, instead of its socket."},       \
		{.name = "socket",                                                                 \
		 .kind = ARGS_TEXT,                                                                \
		 .offset = offsetof(type, member.socket),                                          \
		 .value = "PATH",                                                                  \
		 .help = "The worker's Unix socket. Unless given, TASKHOST_SOCKET, else "          \
			 "/run/taskhost/worker.sock for root, else "                               \
			 "$XDG_RUNTIME_DIR/taskhost/worker.sock."},                                \
	{                                                                                          \
		.name = "request-timeout", .kind = ARGS_DURATION,                                  \
		.offset = offsetof(type, member.patience), .value = "DURATION",                    \
		.help = "Most time for one answer of the worker; 30s unless given (exit code 5)."  \
	}

#define WORKER_OPTIONS(type, member)                                                               \
	{.name = "output",                                                                         \
	 .letter = 'o',                                                                            \
	 .kind = ARGS_CHOICE,                                                                      \
	 .offset = offsetof(type, member.output),                                                  \
	 .value = "table|json",                                                                    \
	 .help = "How to print."},                                                                 \
		WORKER_ADDRESS_OPTIONS(type, member)

#define WORKER_OPTIONS_INIT                                                                        \
	{                                                                                          \
		.output = "table"                                                                  \
	}

/* Exit codes, for the notes of a verb's help. */
#define WORKER_EXIT_CODES                                                                          \
	"Exit codes: 0 done, 1 refused, 2 usage, 3 not found, 4 the worker cannot be reached,\n"   \
	"5 timed out, 130 interrupted."

struct worker {
	const char *prog;
	struct grpc_client *client;
	struct arena arena; /* what answers are decoded into */
	int64_t patience_ns;
	bool json;
	int stop[2]; /* signals arrive here */
};

/* Finds the worker; does not connect. worker_close in any case. */
int worker_open(struct worker *w, const char *prog, const struct worker_options *o);
void worker_close(struct worker *w);

/* Options of a verb that has no others. */
struct worker_only {
	struct worker_options worker;
};

/* Runs a verb whose options are struct worker_only: reads them, finds the worker, and calls `ask` with
 * the first operand, or NULL. Returns the exit code. */
int worker_verb(const struct args_command *command,
		const char *prog,
		int argc,
		char **argv,
		int (*ask)(struct worker *w, const char *operand));

/* A request and its answer, both of worker.proto. *ret lives until worker_close. */
int worker_call(struct worker *w,
		const char *method,
		const ProtobufCMessage *request,
		const struct message_desc *answer,
		void **ret);

#define WORKER_CALL(w, method, request, answer, ret)                                               \
	worker_call((w), method, &(request)->base, MESSAGE_DESC(taskhost__worker__v1__##answer),   \
		    (void **)(ret))

/* A request and a stream of answers. `each` gets them decoded, in memory that is its only during
 * the call; it returns EXIT_DONE to go on, else the exit code. `tick` comes about once a second
 * while nothing else does; it may be NULL. patience_ns 0: no end; else, and when the stream takes
 * longer, EXIT_TIMED_OUT without a word. */
struct worker_stream {
	const char *method;
	const ProtobufCMessage *request;
	const struct message_desc *answer;
	int64_t patience_ns;
	int (*each)(void *user, const void *answer);
	void (*tick)(void *user);
	void *user;
};
int worker_stream(struct worker *w, const struct worker_stream *s);
