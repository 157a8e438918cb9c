/* TLS for gRPC: HTTP/2 by ALPN (who names no protocol is taken to mean it), at least TLS 1.2,
 * optionally with client certificates. OpenSSL lives in the module taskhost-tls and is not in
 * memory until tls_new. [loop] */
#pragma once

#include "grpc/filter.h"

struct tls;

struct tls_options {
	const char *cert_file; /* PEM: the server's certificate, then its chain */
	const char *key_file;  /* PEM */
	/* PEM: who signs client certificates; NULL asks for none. A client with one that it did not
	 * sign, or without one, is refused. */
	const char *client_ca_file;
};

/* Files are read now, so that mistakes show at start, and again when they have changed (looked at
 * when somebody connects, at most once a second). A change that cannot be used is told by a warning
 * and the former certificate stays. Paths are copied. */
int tls_new(const struct tls_options *options, struct tls **ret, struct error *err);
void tls_free(struct tls *t); /* NULL is fine; after the server is gone */

/* For grpc_server_listen. */
const struct filter_ops *tls_filter_ops(const struct tls *t);
void *tls_filter_context(struct tls *t);
