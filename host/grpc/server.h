/* gRPC over sockets: the engine on a loop. [loop] */
#pragma once

#include "grpc/call.h"
#include "grpc/filter.h"
#include "loop/stream.h"

struct grpc_server;

/* limits NULL means the default. */
int grpc_server_new(struct loop *l,
		    const struct grpc_limits *limits,
		    struct grpc_server **ret,
		    struct error *err);

/* Where services are added and counters read. */
struct grpc_engine *grpc_server_engine(struct grpc_server *s);

/* Listens; may be called several times. With filter_ops every connection is filtered, with
 * `filter_context` to make the filters from; both must outlive the server. HTTP/2 with prior
 * knowledge otherwise. */
int grpc_server_listen(struct grpc_server *s,
		       const struct listen_options *options,
		       const struct filter_ops *filter_ops,
		       void *filter_context,
		       struct error *err);

/* The i-th listener, from 0; NULL and -1 when there is none. */
const char *grpc_server_address(const struct grpc_server *s, size_t i);
int grpc_server_port(const struct grpc_server *s, size_t i);

/* Takes over a connected socket, as if it had been accepted. */
int grpc_server_adopt(struct grpc_server *s, int fd, struct error *err);

/* No new connections, GOAWAY in two steps on those there are; calls that run go on. `drained` comes
 * once, when the last connection is gone. */
void grpc_server_drain(struct grpc_server *s, void (*drained)(void *user), void *user);

size_t grpc_server_connections(const struct grpc_server *s);

/* Ends all connections at the end of this turn and cancels their calls; a handler may ask for it,
 * too. When all handlers have finished, `closed` comes from the loop and the server is gone. */
void grpc_server_close(struct grpc_server *s, void (*closed)(void *user), void *user);
