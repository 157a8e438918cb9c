/* What may stand between a socket and the engine: bytes in, bytes out, memory to memory. TLS is the
 * one there is (host/grpc/tls.h). [loop] */
#pragma once

#include "grpc/call.h"

struct filter;

struct filter_ops {
	/* For a new connection; NULL when there is no memory. */
	struct filter *(*open)(void *context);
	/* Bytes from the socket. Negative: the other side is not acceptable; `output` may still
	 * have something to tell it. */
	int (*feed)(struct filter *f, const void *data, size_t len, struct error *err);
	/* Bytes for the engine: how many, 0 when there are none now, negative when it is broken. */
	ssize_t (*read)(struct filter *f, void *buf, size_t cap, struct error *err);
	/* All of these bytes of the engine, to be sent. */
	int (*write)(struct filter *f, const void *data, size_t len, struct error *err);
	/* Bytes for the socket; 0 when there are none. */
	size_t (*output)(struct filter *f, void *buf, size_t cap);
	/* Once after the handshake, before the engine sees a byte: 1 when it is over, 0 when not
	 * yet. Fills in what is known of the client. */
	int (*established)(struct filter *f, struct grpc_peer *peer);
	void (*close)(struct filter *f);
};
