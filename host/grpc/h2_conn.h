/* One HTTP/2 connection of the engine: bytes in, bytes out, and the time as a value. [loop]
 *
 *   h2_conn_feed(c, bytes, n)            what the client sent
 *   h2_conn_dispatch(c)                  handlers run here, and only here
 *   while ((n = h2_conn_pull(c, out, cap)) > 0) write(out, n)
 *   if (h2_conn_is_done(c)) close, h2_conn_free(c)
 *   next = h2_conn_tick(c, now)          at `next` at the latest, and after feeding
 */
#pragma once

#include "grpc/call.h"

struct h2_conn;

struct h2_conn_ops {
	/* There is something to dispatch or to pull, outside of feed, dispatch, pull and tick. May
	 * come often; the user collects and flushes once. */
	void (*wants_flush)(void *user);
};

#define H2_PULL_MIN ((size_t)64 << 10) /* least room for h2_conn_pull */

int h2_conn_new(struct grpc_engine *e,
		const struct grpc_peer *peer,
		const struct h2_conn_ops *ops,
		void *user,
		struct h2_conn **ret,
		struct error *err);

/* What has become known of the client since. */
void h2_conn_set_peer(struct h2_conn *c, const struct grpc_peer *peer);

/* Cancels the calls that run; their handlers are told from inside and finish them whenever they
 * like. */
void h2_conn_free(struct h2_conn *c);

/* A negative code says that the client broke the protocol or a limit and the connection has to end;
 * what h2_conn_pull still gives tells the client why. */
int h2_conn_feed(struct h2_conn *c, const void *data, size_t len, struct error *err);

/* Runs handlers of calls that have news. True when it ran any. */
bool h2_conn_dispatch(struct h2_conn *c);

/* Up to `cap` bytes to send, at least H2_PULL_MIN; 0 when there is nothing now. */
size_t h2_conn_pull(struct h2_conn *c, uint8_t *out, size_t cap);

/* Whether everything is over: close the socket. */
bool h2_conn_is_done(const struct h2_conn *c);

/* What was wrong with the client's HTTP/2; "" for nothing. */
const char *h2_conn_complaint(const struct h2_conn *c);

/* What is due at now_ns happens: deadlines, stalls, keep-alive. Returns when to come again. */
int64_t h2_conn_tick(struct h2_conn *c, int64_t now_ns);

/* The earliest deadline of a call or other due time that is known now. */
int64_t h2_conn_next_ns(const struct h2_conn *c);

/* The socket takes no more bytes (or does again). */
void h2_conn_set_blocked(struct h2_conn *c, bool blocked);

/* Orderly end in two steps: a GOAWAY that announces it, then, when the client has seen that, the
 * one that ends it. Calls that run are finished. */
void h2_conn_shutdown(struct h2_conn *c);

size_t h2_conn_calls(const struct h2_conn *c); /* streams open */
