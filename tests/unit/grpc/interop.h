/* interop-server as a process, and the waiting client to call it with. Whatever fails ends the test. */
#pragma once

#include "grpc/client.h"
#include "lib/test.h"

#define MS  INT64_C(1000000)
#define SEC (1000 * MS)

#define SERVICE "/grpc.testing.TestService/"

extern char interop_address[256]; /* where the server listens */

/* `how` and `where` as its command line has them: --port 0, --unix PATH. It ends with the test. */
void interop_start(const char *how, const char *where);
void interop_stop(void);

/* A client of any target; `stop_fd` -1 for none, `reply_max` 0 for the default. */
struct grpc_client *interop_client(const char *target, int stop_fd, size_t reply_max);
/* A server on a port of its own and a client of it, and the end of both. */
struct grpc_client *interop_tcp_client(void);
void interop_end(struct grpc_client *c);

/* SimpleRequest: answer with `want` bytes, carry `carry`, end with a status unless it is 0. */
void interop_request(struct buf *out, size_t want, size_t carry, int status, const char *words);
int interop_unary(struct grpc_client *c,
		  const char *method,
		  const struct buf *request,
		  struct buf *reply,
		  enum grpc_status *status,
		  struct error *err);
