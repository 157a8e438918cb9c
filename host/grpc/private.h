/* What the files of the engine share. */
#pragma once

#include "base/mem.h"
#include "grpc/call.h"
#include "grpc/frame.h"
#include "grpc/gzip.h"
#include "grpc/h2_conn.h"
#include "grpc/pool.h"
#include "loop/heap.h"

#include <nghttp2/nghttp2.h>

/* Request messages up to this size never wait for room; see requests_all. */
#define SMALL_MESSAGE ((size_t)64 << 10)
/* Messages of a stream from this size on lie in memory of their own, which the handler may take. */
#define OWN_MESSAGE ((size_t)16 << 10)
#define OWN_SPARE   ((size_t)4 << 10) /* behind them */
/* A stream's receive window: what one that waits for room can make us hold. */
#define STREAM_WINDOW ((size_t)64 << 10)
/* Data that moved less than this counts as no progress. */
#define PROGRESS ((size_t)1024)
/* Room that one frame may need. */
#define FRAME_ROOM ((size_t)(16 << 10) + 64)

/* Streams remembered after their end, per connection. */
#define CLOSED_KEPT 32

extern const uint8_t h2_goaway_ping[8];

struct grpc_route {
	const struct grpc_service *service;
	const struct grpc_method *method;
	void *user;
	char path[]; /* "/service/method" */
};

struct grpc_engine {
	struct grpc_limits limits;
	int64_t (*clock_ns)(void);
	int64_t now_ns; /* as of the last feed or tick */
	struct map routes;
	struct service_entry {
		const struct grpc_service *service;
	} * services;
	size_t n_services;
	struct pool pool;
	struct arena arena;
	struct gzip *gzip;
	nghttp2_mem mem;
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *options;
	struct grpc_stats stats;
	struct grpc_call *wait_first,
		**wait_end; /* large requests waiting for room, oldest first */
	bool wait_for_all;  /* one of them waits for requests_all, so that later ones must too */
	bool granting;
	struct grpc_call *orphans; /* handlers still run, connection gone */
	void (*ended)(void *user, const struct grpc_call_end *end);
	void *ended_user;
	void (*idle)(void *user); /* the last call is gone */
	void *idle_user;
};

struct in_message {
	struct in_message *next;
	size_t len;
	size_t wire; /* bytes it took on the wire, to be given back to the window */
	size_t charged;
	bool compressed;
	uint8_t *data;   /* behind this, or a block of its own after decompression, or: */
	size_t own_size; /* of malloc'ed memory, which the handler may take; 0: it is not */
};

#define SEND_PIECES 8

struct out_message {
	struct out_message *next;
	size_t left; /* bytes to go */
	size_t charged;
	void (*release)(void *arg);
	void *arg;
	uint8_t *own; /* block to free with it, or NULL */
	uint32_t n_pieces, piece;
	size_t piece_off;
	uint8_t head[FRAME_HEAD_SIZE];
	struct str pieces[]; /* the first is the head when there are more */
};

struct metadata {
	nghttp2_rcbuf *name, *value;
};

/* Reply metadata, one block each. */
struct reply_field {
	struct reply_field *next;
	uint32_t name_len, value_len;
	char text[]; /* name, value */
};

enum call_event {
	EVENT_START = 1,
	EVENT_INPUT = 2, /* messages or half-close */
	EVENT_WRITABLE = 4,
	EVENT_CANCELLED = 8,
};

enum handler_state { HANDLER_NONE, HANDLER_RUNS, HANDLER_DONE };

#define METADATA_INLINE 8

struct grpc_call {
	struct h2_conn *conn; /* NULL once it is gone */
	struct grpc_engine *engine;
	struct grpc_call *next, **link;   /* in the connection's list, or the orphans' */
	struct grpc_call *ready_next;     /* in the connection's ready list */
	struct grpc_call *wait_next;      /* in the engine's */
	int32_t id;                       /* stream */
	uint8_t events;                   /* enum call_event */
	uint8_t handler;                  /* enum handler_state */
	bool ready;                       /* in the ready list */
	bool waiting;                     /* in the engine's wait list */
	bool headers_done, remote_closed; /* what the client has sent */
	bool half_close_told;
	bool headers_sent; /* submitted */
	bool ended;        /* the status is decided */
	bool aborted;      /* by the engine, not by the handler */
	bool end_sent;     /* and submitted */
	bool closed;       /* the stream is no more */
	bool cancelled;
	bool paused, in_callback;
	bool expects;                  /* the handler waits for the next message */
	bool full;                     /* GRPC_FULL was said */
	bool compress, gzip_announced; /* of replies */
	bool peer_gzip, request_gzip;
	bool deferred; /* nghttp2 waits for grpc_call_send */
	bool sent_message;
	bool is_post;
	const char *http_error; /* a request that is not gRPC: the status to answer; else NULL */
	/* request */
	const struct grpc_route *route;
	nghttp2_rcbuf *path; /* of an unknown method */
	nghttp2_rcbuf *authority, *content_type, *encoding;
	struct metadata *metadata, metadata_inline[METADATA_INLINE];
	size_t n_metadata, metadata_room;
	size_t header_bytes;
	const char *bad_header; /* static: what is wrong with the headers, or NULL */
	int bad_status;
	int64_t timeout_ns; /* INT64_MAX without */
	struct heap_node deadline;
	int64_t start_ns;
	struct frame_reader reader;
	struct in_message *receiving; /* reader's memory */
	struct in_message *in_first, *in_last;
	struct in_message *current; /* being handled; of unary calls until the end */
	uint8_t *held;              /* bytes behind a head that waits */
	size_t held_len, held_room;
	int64_t in_since_ns; /* last progress of the message being received */
	size_t in_mark;
	/* reply */
	struct out_message *out_first, *out_last;
	size_t out_queued;
	int64_t out_since_ns; /* last progress; valid while out_queued, or ended */
	size_t out_mark;      /* bytes moved since */
	struct reply_field *headers, *trailers;
	int status;
	char *message; /* encoded; NULL when empty */
	size_t message_len;
	void *user;
};

/* Follows the frames in what the client sends; see h2_walk.c. */
struct frame_walk {
	size_t pass;     /* bytes that belong to the preface or to a frame's payload */
	size_t skip;     /* bytes of a payload that nghttp2 shall not see */
	uint8_t head[9]; /* of a frame, when it came in pieces */
	uint8_t head_got;
	int32_t last_opened; /* highest stream that HEADERS were sent on */
};

struct h2_conn {
	struct grpc_engine *engine;
	nghttp2_session *session;
	const struct h2_conn_ops *ops;
	void *user;
	struct grpc_peer peer;
	struct grpc_call *calls;
	size_t n_calls;
	struct grpc_call *ready_first, **ready_end;
	struct grpc_call *parked_first, **parked_end; /* not started: too many replies wait */
	struct heap deadlines;
	size_t in_bytes, out_bytes; /* charged messages */
	struct frame_walk walk;
	/* during a pull */
	uint8_t *out;
	size_t out_len, out_cap;
	const uint8_t *rest; /* of a frame that did not fit; nghttp2's until the next mem_send */
	size_t rest_len;
	bool out_full; /* the room is used up */
	/* time */
	int64_t born_ns, received_ns, idle_since_ns, header_since_ns, blocked_since_ns, ping_ns,
		goaway_ns, scan_ns;
	/* Streams that the client itself has ended, and that are gone: it must not send on them. */
	int32_t over[CLOSED_KEPT];
	uint32_t n_over; /* ever */
	/* abuse */
	int64_t tokens, tokens_ns;
	bool busy; /* inside feed, dispatch, pull, tick */
	bool handshaken;
	bool draining;      /* the first GOAWAY is submitted */
	bool drained;       /* and the second */
	const char *dead;   /* why it is being ended, or NULL */
	char complaint[96]; /* nghttp2's last one about the client */
};

/* ---- call.c ------------------------------------------------------------------------------ */

struct grpc_call *call_new(struct h2_conn *c, int32_t id);
/* Frees it when neither stream nor handler needs it. */
void call_release(struct grpc_call *call);
void call_make_ready(struct grpc_call *call, enum call_event event);
/* The stream is no more, or the whole connection. */
void call_stream_closed(struct grpc_call *call);
void call_orphan(struct grpc_call *call);
/* Runs what is ready. */
void call_dispatch(struct grpc_call *call);

/* ---- call_headers.c ---------------------------------------------------------------------- */

int call_header(struct grpc_call *call, nghttp2_rcbuf *name, nghttp2_rcbuf *value);
void call_headers_done(struct grpc_call *call);

/* ---- call_request.c ---------------------------------------------------------------------- */

void call_data(struct grpc_call *call, const uint8_t *data, size_t len);
void call_remote_closed(struct grpc_call *call);
void call_grant_waiting(struct grpc_engine *e); /* room has become free */
void call_wait_remove(struct grpc_call *call);
/* The next message is taken out of the queue, decompressed and made current. 0, or ended the call.
 */
int call_message_take(struct grpc_call *call);
void call_message_drop(struct grpc_call *call); /* the current one */
void call_requests_free(struct grpc_call *call, bool keep_current);

/* Whether messages go to the handler one by one. */
static inline bool call_streams_in(const struct grpc_call *call)
{
	const struct grpc_route *r = call->route;

	return r && (r->method->kind == GRPC_CLIENT_STREAM || r->method->kind == GRPC_BIDI);
}

/* ---- reply_headers.c --------------------------------------------------------------------- */

int call_field_add(struct grpc_call *call,
		   struct reply_field **list,
		   const char *name,
		   struct str value,
		   struct error *err);
void reply_fields_free(struct grpc_call *call, struct reply_field **list);
void reply_submit_headers(struct grpc_call *call); /* call_read_reply gives the rest */
void reply_submit_trailers(struct grpc_call *call);
void reply_submit_trailers_only(struct grpc_call *call);
void reply_submit_http_error(struct grpc_call *call);

/* ---- call_reply.c ------------------------------------------------------------------------ */

ssize_t call_read_reply(nghttp2_session *session,
			int32_t id,
			uint8_t *buf,
			size_t len,
			uint32_t *flags,
			nghttp2_data_source *source,
			void *user);
void call_copy_reply(struct grpc_call *call, uint8_t *out, size_t len);
void reply_resume(struct grpc_call *call); /* there is more to send */
void reply_drop_messages(struct grpc_call *call);
void call_replies_free(struct grpc_call *call);

/* Nobody listens any more. */
static inline bool call_is_gone(const struct grpc_call *call)
{
	return call->ended || call->closed || call->cancelled;
}

/* ---- call_end.c -------------------------------------------------------------------------- */

/* Decides the status unless it is decided, and sends it after what waits. */
void call_end(struct grpc_call *call, int status, struct str message);
/* Ends it on the engine's own account: what waits is thrown away, a handler that runs is told. */
void call_abort(struct grpc_call *call, int status, struct str message);
void call_abortf(struct grpc_call *call, int status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- h2_conn.c --------------------------------------------------------------------------- */

void h2_conn_wants(struct h2_conn *c);
/* Ends it with GOAWAY; nothing more is read. `why` is static. */
void h2_conn_kill(struct h2_conn *c, uint32_t error_code, const char *why);
void h2_conn_goaway(struct h2_conn *c); /* the second one */
/* A frame that moves nothing costs one, others earn some; false when the client has overdrawn. */
bool h2_conn_spend(struct h2_conn *c, int64_t tokens);
void h2_conn_unpark(struct h2_conn *c);
static inline struct str rcbuf_str(nghttp2_rcbuf *b)
{
	nghttp2_vec v = nghttp2_rcbuf_get_buf(b);

	return (struct str){(const char *)v.base, v.len};
}

/* ---- h2_walk.c --------------------------------------------------------------------------- */

#define PREFACE_SIZE 24

/* nghttp2_session_mem_recv, for any bytes: 0 or its negative code. */
int h2_walk(struct h2_conn *c, const uint8_t *data, size_t len);

/* ---- h2_callbacks.c ---------------------------------------------------------------------- */

int h2_callbacks_new(nghttp2_session_callbacks **ret);
