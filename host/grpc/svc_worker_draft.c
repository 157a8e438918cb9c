#include "grpc/svc_worker_draft.h"

#include "flyte/message.h"
#include "grpc/svc_resource.h"
#include "store/ident.h"

static const char nothing[1];

void draft_init(struct draft *d)
{
	d->arena = (struct arena)ARENA_INIT;
	d->failed = false;
}

void draft_done(struct draft *d)
{
	arena_done(&d->arena);
}

/* ---- pieces ------------------------------------------------------------------------------ */

void *draft_copy(struct draft *d, const void *like, size_t size)
{
	void *copy = arena_memdup(&d->arena, like, size);

	if (copy)
		return copy;
	d->failed = true;
	memcpy(d->spare, like, MIN(size, sizeof(d->spare)));
	return d->spare;
}

void *draft_pointers(struct draft *d, size_t *n)
{
	void *room = arena_array(&d->arena, *n, sizeof(void *));

	if (room)
		return room;
	d->failed = true;
	*n = 0;
	return NULL;
}

char *draft_text(struct draft *d, struct str text)
{
	_cleanup_(buf_done) struct buf clean = BUF_INIT;
	char *copy;

	if (text.len == 0)
		return (char *)(uintptr_t)nothing;
	put_text_clean(&clean, text, DRAFT_TEXT_MAX);
	copy = clean.failed ? NULL : arena_strndup(&d->arena, clean.data, clean.len);
	if (copy)
		return copy;
	d->failed = true;
	return (char *)(uintptr_t)nothing;
}

char *draft_textz(struct draft *d, const char *text)
{
	return draft_text(d, str_of(text));
}

ProtobufCBinaryData draft_bytes(struct draft *d, struct str bytes)
{
	void *copy = arena_memdup(&d->arena, bytes.ptr ? bytes.ptr : nothing, bytes.len);

	if (copy)
		return (ProtobufCBinaryData){bytes.len, copy};
	d->failed = true;
	return (ProtobufCBinaryData){0, NULL};
}

char *draft_id(struct draft *d, uint64_t id)
{
	char text[IDENT_TEXT + 1];

	if (id == 0)
		return (char *)(uintptr_t)nothing;
	ident_format(id, text);
	return draft_textz(d, text);
}

Google__Protobuf__Timestamp *draft_time(struct draft *d, int64_t wall_ns)
{
	Google__Protobuf__Timestamp *t;

	if (wall_ns <= 0)
		return NULL;
	t = DRAFT_NEW(d, Google__Protobuf__Timestamp, GOOGLE__PROTOBUF__TIMESTAMP__INIT);
	t->seconds = wall_ns / NS_S;
	t->nanos = (int32_t)(wall_ns % NS_S);
	return t;
}

Google__Protobuf__Duration *draft_duration(struct draft *d, int64_t ns)
{
	Google__Protobuf__Duration *t =
		DRAFT_NEW(d, Google__Protobuf__Duration, GOOGLE__PROTOBUF__DURATION__INIT);

	t->seconds = ns / NS_S;
	t->nanos = (int32_t)(ns % NS_S);
	return t;
}

/* ---- the end of it ----------------------------------------------------------------------- */

int draft_encode(const struct draft *d,
		 const ProtobufCMessage *m,
		 struct buf *out,
		 struct error *err)
{
	if (d->failed)
		return err_nomem(err, "an answer");
	return message_encode(m, out, err);
}

void draft_reply(const struct draft *d, const ProtobufCMessage *m, struct grpc_call *call)
{
	_cleanup_(buf_done) struct buf wire = BUF_INIT;
	struct error err;

	err.message[0] = '\0';
	if (draft_encode(d, m, &wire, &err) < 0)
		grpc_call_fail(call, &err);
	else
		grpc_call_reply(call, &(struct str){wire.data, wire.len}, 1);
}

int draft_send(const struct draft *d,
	       const ProtobufCMessage *m,
	       struct grpc_call *call,
	       struct error *err)
{
	_cleanup_(buf_done) struct buf wire = BUF_INIT;
	int r = draft_encode(d, m, &wire, err);

	if (r < 0)
		return r;
	return grpc_call_send(call, &(struct str){wire.data, wire.len}, 1, err);
}
