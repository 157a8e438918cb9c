/* One call, as its handler sees it. [loop]
 *
 *   static void get(struct grpc_call *call, void *user)
 *   {
 *           struct str reply = answer(user, grpc_call_request(call));
 *
 *           grpc_call_reply(call, &reply, 1);
 *   }
 *
 * The pointer is good until the handler finishes the call, whatever the client does meanwhile;
 * after grpc_call_finish or grpc_call_reply it is gone. A handler may keep it and finish later. */
#pragma once

#include "base/buf.h"
#include "grpc/engine.h"

#include <sys/types.h>

/* Where a connection comes from. */
struct grpc_peer {
	char address[80]; /* "ipv4:192.0.2.1:5000", "ipv6:[::1]:5000", "unix:" */
	bool local;       /* Unix socket */
	uid_t uid;        /* of a local peer, else -1 */
	bool tls;
	char subject[256]; /* of the verified client certificate, else "" */
};

/* ---- the request ------------------------------------------------------------------------- */

/* Unary calls and server streams; until the call is finished. */
struct str grpc_call_request(const struct grpc_call *call);

/* Whether the message now being handled came compressed. */
bool grpc_call_was_compressed(const struct grpc_call *call);

struct str grpc_call_path(const struct grpc_call *call); /* "/package.Service/Method" */
struct str grpc_call_authority(const struct grpc_call *call);
const struct grpc_peer *grpc_call_peer(const struct grpc_call *call);

/* On the engine's clock; INT64_MAX without one. The engine ends the call by itself when it passes.
 */
int64_t grpc_call_deadline_ns(const struct grpc_call *call);
bool grpc_call_is_cancelled(const struct grpc_call *call);

/* The client's metadata. `name` in lower case. The spans last as long as the call. Of several with
 * a name the first is found; the iteration gives all, i from 0. */
bool grpc_call_metadata(const struct grpc_call *call, const char *name, struct str *ret);
bool grpc_call_metadata_at(const struct grpc_call *call,
			   size_t i,
			   struct str *ret_name,
			   struct str *ret_value);
/* The decoded value of a "-bin" name, appended to `out`; false when absent or malformed. */
bool grpc_call_metadata_bin(const struct grpc_call *call, const char *name, struct buf *out);

void grpc_call_set_user(struct grpc_call *call, void *user);
void *grpc_call_user(const struct grpc_call *call);

/* ---- the request stream ------------------------------------------------------------------ */

/* No more messages are delivered, and the client is kept from sending many more. */
void grpc_call_pause(struct grpc_call *call);
/* While the next message is expected the client must not stay silent for grpc_limits.stall_ns:
 * the engine then ends the call. */
void grpc_call_expect(struct grpc_call *call, bool on);
void grpc_call_resume(struct grpc_call *call);

/* The memory of the message that `message` is being called with, with at least `spare` bytes behind
 * it: *ret_size in all. malloc'ed; the handler frees it, now or long after the call. NULL: it has to
 * be copied, as has any small message. */
char *grpc_call_take_message(struct grpc_call *call, size_t spare, size_t *ret_size);

/* ---- the reply --------------------------------------------------------------------------- */

/* Metadata before the first message, and after the last. Copied. Values of "-bin" names may be any
 * bytes. ERR_INVALID for what may not travel, ERR_STATE once headers are gone. */
int grpc_call_header(struct grpc_call *call, const char *name, struct str value, struct error *err);
int grpc_call_trailer(struct grpc_call *call,
		      const char *name,
		      struct str value,
		      struct error *err);

/* Sends the headers now, ahead of the first message. */
int grpc_call_send_headers(struct grpc_call *call, struct error *err);

/* Messages from here on are compressed, when the client reads gzip and `on`. Before the headers. */
void grpc_call_compress(struct grpc_call *call, bool on);

enum { GRPC_FULL = 1 };

/* Sends a message made of pieces, copied. 0; GRPC_FULL when it is taken but more than
 * grpc_limits.send_high wait, so that the handler should wait for `writable`; ERR_LIMIT for one
 * that is too large or when too much waits for slow readers; ERR_CANCELLED when nobody listens;
 * ERR_STATE for a second message where only one is due; ERR_NOMEM. */
int grpc_call_send(struct grpc_call *call,
		   const struct str *pieces,
		   size_t n_pieces,
		   struct error *err);

/* As grpc_call_send without the copy: what the pieces point to stays as it is until `release`,
 * which comes exactly once when this returned 0 or GRPC_FULL, perhaps before it returns. At most 8
 * pieces. */
int grpc_call_send_ref(struct grpc_call *call,
		       const struct str *pieces,
		       size_t n_pieces,
		       void (*release)(void *arg),
		       void *arg,
		       struct error *err);

/* Ends the call, after what was sent. An OK unary call needs its message first. */
void grpc_call_finish(struct grpc_call *call, enum grpc_status status, struct str message);
void grpc_call_finishf(struct grpc_call *call, enum grpc_status status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Sends one message and ends the call: OK, or what tells why it could not be sent. */
void grpc_call_reply(struct grpc_call *call, const struct str *pieces, size_t n_pieces);
void grpc_call_reply_ref(struct grpc_call *call,
			 const struct str *pieces,
			 size_t n_pieces,
			 void (*release)(void *arg), /* comes exactly once in any case */
			 void *arg);
/* Ends the call with the status and the sentence of an error. */
void grpc_call_fail(struct grpc_call *call, const struct error *why);
