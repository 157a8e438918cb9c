/* The gRPC engine: services, limits, memory and counters that all connections share. It does no
 * I/O, keeps no thread and reads no clock but the one it is given. All of host/grpc belongs to the
 * thread that feeds it, [loop]. */
#pragma once

#include "base/map.h"
#include "base/str.h"
#include "grpc/status.h"

#include <stdint.h>

struct grpc_call;
struct grpc_engine;

/* ---- services ---------------------------------------------------------------------------- */

enum grpc_kind { GRPC_UNARY, GRPC_CLIENT_STREAM, GRPC_SERVER_STREAM, GRPC_BIDI };

/* News about a running call. Any may be NULL. None comes after the handler has finished the call.
 */
struct grpc_call_ops {
	/* Client streams and bidi: a message; good until the return, or, if the handler calls
	 * grpc_call_pause here, until grpc_call_resume. */
	void (*message)(struct grpc_call *call, struct str message);
	/* Client streams and bidi: the client has sent everything. */
	void (*half_close)(struct grpc_call *call);
	/* grpc_call_send said GRPC_FULL, and there is room again. */
	void (*writable)(struct grpc_call *call);
	/* Nobody waits for the answer any more: reset by the client, deadline passed, connection
	 * gone. Comes at most once. The call must still be finished, now or later; what is sent to
	 * it goes nowhere. */
	void (*cancelled)(struct grpc_call *call);
};

struct grpc_method {
	const char *name; /* "Check" */
	enum grpc_kind kind;
	/* The call begins: for unary calls and server streams with the whole request there, for the
	 * others as soon as the headers are. It must end in exactly one grpc_call_finish or
	 * grpc_call_reply, here or any time later. */
	void (*start)(struct grpc_call *call, void *user);
	const struct grpc_call_ops *ops; /* NULL: no news wanted */
};

struct grpc_service {
	const char *name; /* "grpc.health.v1.Health" */
	const struct grpc_method *methods;
	size_t n_methods;
};

/* ---- limits ------------------------------------------------------------------------------ */

/* What a client may cost. Each protects from a way to hurt the server, which the comment names. */
struct grpc_limits {
	size_t request_max; /* one message, compressed or not: RESOURCE_EXHAUSTED */
	size_t reply_max;   /* one message, before compression: RESOURCE_EXHAUSTED */
	size_t header_max; /* a request's header list, counted as HTTP/2 does: RESOURCE_EXHAUSTED */
	uint32_t streams_max;     /* calls at once on a connection: refused by HTTP/2 */
	uint32_t connections_max; /* closed at once */

	/* Request messages being received or handled. A large message waits, its stream's window
	 * closed, until there is room; small ones are refused when there is none. What has come of
	 * those that wait may use half of requests_all besides. */
	size_t requests_conn, requests_all;
	/* Replies that a client does not read. Beyond `replies_park` new calls of that connection
	 * wait unstarted; beyond the others a reply becomes RESOURCE_EXHAUSTED. */
	size_t replies_park, replies_conn, replies_all;
	/* A stream of replies is GRPC_FULL from here on. */
	size_t send_high;

	/* Token buckets per connection. Resets (CVE-2023-44487, "rapid reset"); and frames that
	 * move nothing: PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA, unknown ones. GOAWAY.
	 */
	unsigned reset_burst, reset_rate;
	unsigned control_burst, control_rate;
	/* CONTINUATION frames of one header block ("CONTINUATION flood"). */
	unsigned continuations;

	int64_t handshake_ns;      /* from connecting to the client's first SETTINGS: closed */
	int64_t header_ns;         /* a header block begun: closed (slow loris) */
	int64_t stall_ns;          /* a message received or sent makes no progress (zero window) */
	int64_t idle_ns;           /* no calls: GOAWAY; 0 never */
	int64_t keepalive_ns;      /* calls, and nothing received: PING; 0 never */
	int64_t keepalive_wait_ns; /* no answer to it: closed (half-open) */
	int64_t goaway_ns;         /* at most this long between the two GOAWAYs of a shutdown */
};

extern const struct grpc_limits grpc_limits_default;

/* ---- counters ---------------------------------------------------------------------------- */

struct grpc_stats {
	uint64_t connections; /* ever */
	uint64_t connections_open;
	uint64_t connections_refused; /* over connections_max */
	uint64_t connections_killed;  /* by a limit or a protocol error */
	uint64_t calls_started;       /* handlers */
	uint64_t calls_open;          /* headers read, not yet over */
	uint64_t ended[GRPC_STATUSES];
	uint64_t cancelled; /* by the client or its disappearance */
	uint64_t bytes_in, bytes_out;
	uint64_t request_bytes, reply_bytes; /* held now */
	uint64_t held_bytes;                 /* what came of those that wait */
	uint64_t waiting;                    /* large requests waiting for room now */
};

/* ---- life -------------------------------------------------------------------------------- */

struct grpc_call_end {
	const char *service, *method; /* NULL for an unknown one */
	int status;
	bool cancelled;
	int64_t duration_ns; /* from headers to end */
};

/* limits NULL means the default; it is copied. */
int grpc_engine_new(const struct grpc_limits *limits,
		    int64_t (*clock_ns)(void),
		    struct grpc_engine **ret,
		    struct error *err);

/* All connections are gone and all calls finished. */
void grpc_engine_free(struct grpc_engine *e);

/* `service` and what it points to must outlive the engine; `user` goes to its handlers. ERR_STATE
 * for a name that is there already. */
int grpc_engine_add(struct grpc_engine *e,
		    const struct grpc_service *service,
		    void *user,
		    struct error *err);

/* Memory that lives as long as the engine. NULL when there is none. */
void *grpc_engine_alloc(struct grpc_engine *e, size_t size);

/* Names of the services, in the order they were added. */
size_t grpc_engine_services(const struct grpc_engine *e);
const char *grpc_engine_service(const struct grpc_engine *e, size_t i);

/* Tells of every call that is over, for metrics. */
void grpc_engine_watch(struct grpc_engine *e,
		       void (*ended)(void *user, const struct grpc_call_end *end),
		       void *user);

const struct grpc_stats *grpc_engine_stats(const struct grpc_engine *e);
const struct grpc_limits *grpc_engine_limits(const struct grpc_engine *e);

/* Bytes in use for connections and calls; 0 when there are none. */
size_t grpc_engine_memory(const struct grpc_engine *e);
/* Bytes that wait to be used again. */
size_t grpc_engine_idle_memory(const struct grpc_engine *e);

/* Gives memory that only waits for reuse back to the system. */
void grpc_engine_trim(struct grpc_engine *e);
