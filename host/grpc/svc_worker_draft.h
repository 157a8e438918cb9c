/* An answer of the worker service being written: protobuf-c messages in an arena. Nothing here fails
 * at once: what could not be had is remembered, and the end of it is an error instead of a message.
 * [loop] */
#pragma once

#include "base/mem.h"
#include "grpc/call.h"

#include "google/protobuf/duration.pb-c.h"
#include "google/protobuf/timestamp.pb-c.h"
#include "taskhost/worker/v1/worker.pb-c.h"

#define DRAFT_TEXT_MAX    8192
#define DRAFT_MESSAGE_MAX 512 /* bytes of the largest struct */

struct draft {
	struct arena arena;
	bool failed;
	/* What is written to when there is no memory; never sent. */
	_Alignas(max_align_t) char spare[DRAFT_MESSAGE_MAX];
};

void draft_init(struct draft *d);
void draft_done(struct draft *d);

/* A message with its fields' defaults; never NULL. */
#define DRAFT_NEW(d, type, init)                                                                   \
	({                                                                                         \
		const type like_ = init;                                                           \
		_Static_assert(sizeof(like_) <= DRAFT_MESSAGE_MAX, "a larger message");            \
		(type *)draft_copy(d, &like_, sizeof(like_));                                      \
	})
void *draft_copy(struct draft *d, const void *like, size_t size);

/* Room for *n pointers; without memory *n becomes 0. */
void *draft_pointers(struct draft *d, size_t *n);

/* Text that may be any bytes, as a string of protobuf can hold it; cut after DRAFT_TEXT_MAX bytes.
 * Never NULL. */
char *draft_text(struct draft *d, struct str text);
char *draft_textz(struct draft *d, const char *text); /* NULL: empty */
ProtobufCBinaryData draft_bytes(struct draft *d, struct str bytes);
char *draft_id(struct draft *d, uint64_t id); /* of an execution; 0: empty */

/* Nanoseconds since 1970; NULL for 0, a time that has not come. */
Google__Protobuf__Timestamp *draft_time(struct draft *d, int64_t wall_ns);
Google__Protobuf__Duration *draft_duration(struct draft *d, int64_t ns);

/* The message in wire form; ERR_NOMEM also when the draft has failed. */
int draft_encode(const struct draft *d,
		 const ProtobufCMessage *m,
		 struct buf *out,
		 struct error *err);

/* Answers a unary call with it, or says why not. */
void draft_reply(const struct draft *d, const ProtobufCMessage *m, struct grpc_call *call);
/* One message of a stream; as grpc_call_send. */
int draft_send(const struct draft *d,
	       const ProtobufCMessage *m,
	       struct grpc_call *call,
	       struct error *err);
