/* Making sockets by hand, where libuv lacks a choice. */
#pragma once

#include "loop/internal.h"
#include "loop/stream.h"

#define SOCKET_ADDRESS_MAX 256

/* One libuv handle of either kind. */
union stream_uv {
	uv_handle_t handle;
	uv_stream_t stream;
	uv_tcp_t tcp;
	uv_pipe_t pipe;
};

/* Bound, non-blocking, close-on-exec, not yet listening; or a negative code. */
int socket_bind_tcp(const struct listen_options *options,
		    int *ret_port,
		    char ret_address[SOCKET_ADDRESS_MAX],
		    struct error *err);
int socket_bind_unix(const char *path, struct error *err);

/* Takes the connection that waits on a libuv server. */
int stream_accept(
	struct loop *l, uv_stream_t *server, bool local, struct stream **ret, struct error *err);
