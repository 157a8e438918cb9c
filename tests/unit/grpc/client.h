/* A gRPC client without sockets, for tests of the engine: nghttp2's client session wired to an
 * h2_conn, both on a clock that the test moves. */
#pragma once

#include "base/buf.h"
#include "grpc/h2_conn.h"
#include "lib/test.h"

#include <nghttp2/nghttp2.h>

#define CLIENT_STREAMS 2048
#define MS             ((int64_t)1000000)
#define SEC            ((int64_t)1000000000)

/* What came back on one stream. */
struct reply {
	int http_status;    /* 0 until headers came */
	int grpc_status;    /* -1 until it came */
	char message[2048]; /* grpc-message, decoded */
	struct buf body;    /* with message heads */
	struct buf headers; /* "name: value\n", initial and trailing, all others */
	bool closed;
	uint32_t error_code;
};

struct upload {
	struct buf data;
	size_t at;
	bool end;
	bool deferred;
};

struct client {
	struct grpc_engine *engine;
	struct h2_conn *conn; /* NULL once it is done */
	nghttp2_session *session;
	struct reply *replies; /* by stream id / 2 */
	struct upload *uploads;
	struct buf sent; /* all bytes given to the server */
	bool keep_sent;
	int goaways;
	uint32_t goaway_code;
	int32_t goaway_last;
	int wants; /* wants_flush calls */
	int feed_result;
	bool deaf; /* does not take what the server sends */
	bool mute; /* takes it, and never says anything */
	bool hold_windows;
	uint8_t frame[17]; /* head and start of the frame being received */
	size_t frame_got;
};

extern int64_t client_now_ns; /* the clock of engine and test */
int64_t client_clock(void);

/* An engine with limits (NULL: default) and the services of the test, and one connection, greeted.
 */
void client_open(struct client *c,
		 const struct grpc_limits *limits,
		 const struct grpc_service *service,
		 void *user);
/* With windows of the client's choice. */
void client_open_windowed(struct client *c,
			  const struct grpc_limits *limits,
			  const struct grpc_service *service,
			  void *user,
			  uint32_t window);
/* And with all it sends kept in c->sent. */
void client_open_recorded(struct client *c, const struct grpc_service *service);
/* Closes and checks that nothing is left. */
void client_close(struct client *c);

/* Exchanges bytes until nobody has any. */
void client_turn(struct client *c);

/* Raw bytes to the server, and its answers to the client. */
void client_raw(struct client *c, const void *data, size_t len);

/* Begins a call; `body` is sent as it is. `more`: pairs of name and value, ended by NULL. Returns
 * the stream. Nothing moves until client_turn. */
int32_t
client_call(struct client *c, const char *path, struct str body, bool end, const char *const *more);
/* One message in its frame, then the end. */
int32_t client_unary(struct client *c, const char *path, struct str message);
void client_send(struct client *c, int32_t id, struct str bytes, bool end);
void client_reset(struct client *c, int32_t id);

/* Appends a message with its head. */
void put_message(struct buf *out, bool compressed, struct str message);

/* The n-th message in a reply's body, from 0; a NULL span when it is not there (whole). */
struct str reply_message(const struct reply *r, size_t n);
struct reply *reply_of(struct client *c, int32_t id);
/* The call is over, with this status; `words` are part of its message. */
void reply_check(struct client *c, int32_t id, int status, const char *words);
