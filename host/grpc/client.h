/* A gRPC client that waits: one connection, one call at a time, for programs at a terminal. HTTP/2
 * without TLS, over a Unix socket or TCP. Connects when it has to, also anew after the server has
 * closed an idle connection. Not thread-safe. */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"
#include "grpc/status.h"

struct grpc_client;

struct grpc_client_params {
	const char *target; /* "unix:PATH", an absolute path, or "HOST:PORT", "[::1]:PORT" */
	int64_t connect_ns; /* most time to connect; 0: 5 s */
	size_t reply_max;   /* bytes of one message received; 0: 64 MiB */
	int stop_fd;        /* when it can be read, the call under way ends; -1: none */
};

/* Reads the target; does not connect. ERR_INVALID for one that is neither. */
int grpc_client_new(const struct grpc_client_params *params,
		    struct grpc_client **ret,
		    struct error *err);
void grpc_client_free(struct grpc_client *c);

struct grpc_metadata {
	const char *name;  /* lower case; not one of gRPC's own, not "…-bin" */
	const char *value; /* printable ASCII */
};

struct grpc_client_call {
	const char *path;   /* "/taskhost.worker.v1.Worker/GetStatus" */
	struct str request; /* the message, serialized */
	int64_t timeout_ns; /* told to the server and kept here; 0: none */
	const struct grpc_metadata *metadata;
	size_t n_metadata;

	/* Each message of the reply; the bytes are good until the return. A failure ends the call
	 * with it. */
	int (*message)(void *user, struct str bytes, struct error *err);
	/* What the server sends beside, first and last; may be NULL. */
	void (*header)(void *user, struct str name, struct str value);
	/* About every tick_ns while it waits; may be NULL. */
	void (*tick)(void *user);
	int64_t tick_ns;
	void *user;
};

/* 0 when the server ended the call with OK. Else an error in the server's words, or ours where the
 * server could not say any; *ret_status (may be NULL) is its status as gRPC clients tell it:
 * UNAVAILABLE when it cannot be reached or the connection breaks, DEADLINE_EXCEEDED (ERR_TIMEOUT),
 * CANCELLED (ERR_CANCELLED) because of stop_fd, RESOURCE_EXHAUSTED for a message that is too large.
 * A failure of `message` is returned as it is, with the status CANCELLED. */
int grpc_client_stream(struct grpc_client *c,
		       const struct grpc_client_call *call,
		       enum grpc_status *ret_status,
		       struct error *err);

/* A call with one message as its answer, appended to `reply`. */
int grpc_client_unary(struct grpc_client *c,
		      const char *path,
		      struct str request,
		      int64_t timeout_ns,
		      struct buf *reply,
		      enum grpc_status *ret_status,
		      struct error *err);

/* The target as it should be shown. */
const char *grpc_client_target(const struct grpc_client *c);

/* Our error code for a status; ERR_IO where there is none of its own. */
int grpc_status_error(int status);
