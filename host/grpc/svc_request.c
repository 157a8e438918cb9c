#include "grpc/svc_request.h"

#include "base/mem.h"
#include "dispatch/key.h"
#include "flyte/message.h"

#include "desc_table.h"

#include <stdio.h>

#define CREATE MESSAGE_DESC(flyteidl__admin__create_task_request)

/* The payload of a field; empty when it is not there. */
static struct str field(struct str wire, uint32_t number)
{
	struct view_field f;

	if (wire.len == 0 || !view_find(wire, number, &f) || f.wire_type != WIRE_LEN)
		return STR_NULL;
	return f.bytes;
}

static uint64_t number_field(struct str wire, uint32_t number)
{
	struct view_field f;

	if (wire.len == 0 || !view_find(wire, number, &f) || f.wire_type != WIRE_VARINT)
		return 0;
	return f.value;
}

/* ---- the parts --------------------------------------------------------------------------- */

int request_parts(struct str text, struct request_parts *ret, struct error *err)
{
	struct request_parts parts = {0};
	struct view v = view_of(text);
	struct view_field f;
	int r;

	while ((r = view_next(&v, &f)) > 0) {
		struct str *part = f.number == 1                  ? &parts.inputs
				   : f.number == 2                ? &parts.task_template
				   : f.number == 3                ? &parts.output_prefix
				   : f.number == 4                ? &parts.metadata
				   : f.number == REQUEST_TASK     ? &parts.task
				   : f.number == REQUEST_EXECUTOR ? &parts.executor
								  : NULL;

		if (part && f.wire_type == WIRE_LEN)
			*part = f.bytes;
	}
	if (r < 0)
		return err_set(err, ERR_INVALID, "the request is damaged");
	*ret = parts;
	return 0;
}

/* ---- the template ------------------------------------------------------------------------ */

static int64_t duration_ns(struct str duration)
{
	int64_t seconds = (int64_t)number_field(duration, 1);
	int64_t nanos = (int32_t)number_field(duration, 2);
	int64_t ns;

	if (__builtin_mul_overflow(seconds, NS_S, &ns) || __builtin_add_overflow(ns, nanos, &ns))
		return seconds < 0 ? 0 : INT64_MAX;
	return MAX(ns, 0);
}

static int read_template(struct request *r, struct error *err)
{
	struct str metadata = STR_NULL, id = STR_NULL;
	struct view v = view_of(r->parts.task_template);
	struct view_field f;

	if (!r->parts.task_template.ptr)
		return err_set(err, ERR_INVALID, "the request has no task template");
	while (view_next(&v, &f) > 0) {
		if (f.number == 1)
			id = f.bytes;
		else if (f.number == 2)
			r->type = f.bytes;
		else if (f.number == 3)
			metadata = f.bytes;
		else if (f.number == 7)
			r->type_version = (int32_t)f.value;
	}
	if (r->type.len == 0)
		return err_set(err, ERR_INVALID, "the task template has no type");
	r->name = field(id, 4);
	r->timeout_ns = duration_ns(field(metadata, 4));
	r->retries = (uint32_t)number_field(field(metadata, 5), 5);
	return 0;
}

/* ---- the execution it belongs to ----------------------------------------------------------- */

static void put_part(struct buf *out, struct str text)
{
	buf_append(out, text.ptr, text.len);
	buf_putc(out, '\0'); /* no string holds one */
}

/* All that identifies it, as one text. */
static void put_identity(struct buf *out, struct str task_id, struct str node, struct str workflow)
{
	put_part(out, field(workflow, 5));
	for (uint32_t i = 1; i <= 4; i++)
		if (i != 3)
			put_part(out, field(workflow, i));
	put_part(out, field(node, 1));
	buf_printf(out, "%llu/", (unsigned long long)number_field(task_id, 1));
	for (uint32_t i = 2; i <= 6; i++)
		put_part(out, field(task_id, i));
}

static int make_key(struct request *r, struct str id, struct error *err)
{
	_cleanup_(buf_done) struct buf identity = BUF_INIT;
	struct str node = field(id, 2);
	struct key_parts parts = {
		.retry_attempt = (uint32_t)number_field(id, 3),
		.output_prefix = r->parts.output_prefix,
		.type = r->type,
		.type_version = r->type_version,
	};

	put_identity(&identity, field(id, 1), node, field(node, 2));
	if (identity.failed)
		return err_nomem(err, "an execution key");
	parts.node = (struct str){identity.data, identity.len};
	if (key_make(&parts, r->key) < 0)
		return err_nomem(err, "an execution key");
	r->has_key = true;
	return 0;
}

static void tenant_of(struct request *r, struct str project, struct str domain)
{
	if (project.len > 0 || domain.len > 0)
		snprintf(r->tenant, sizeof(r->tenant), STR_FMT "/" STR_FMT, STR_ARG(project),
			 STR_ARG(domain));
}

static int read_execution(struct request *r, bool with_key, struct error *err)
{
	struct str id = field(r->parts.metadata, 1);
	struct str task = field(id, 1), node = field(id, 2), workflow = field(node, 2);

	if (field(node, 1).len == 0 || field(workflow, 4).len == 0) {
		tenant_of(r, field(task, 2), field(task, 3));
		return 0;
	}
	tenant_of(r, field(workflow, 1), field(workflow, 2));
	snprintf(r->node, sizeof(r->node), STR_FMT "/" STR_FMT "/" STR_FMT "/" STR_FMT,
		 STR_ARG(field(workflow, 1)), STR_ARG(field(workflow, 2)),
		 STR_ARG(field(workflow, 4)), STR_ARG(field(node, 1)));
	return with_key ? make_key(r, id, err) : 0;
}

/* ---- reading ----------------------------------------------------------------------------- */

/* What is read although nothing may have set it; the rest of a request is large. */
static void begin(struct request *r)
{
	r->merged = (struct buf)BUF_INIT;
	r->type = r->name = STR_NULL;
	r->type_version = 0;
	r->timeout_ns = 0;
	r->retries = 0;
	r->node[0] = r->tenant[0] = '\0';
	r->has_key = false;
}

static int read_text(struct request *r, bool with_key, struct error *err)
{
	int result = request_parts(r->text, &r->parts, err);

	if (result == 0)
		result = read_template(r, err);
	if (result == 0)
		result = read_execution(r, with_key, err);
	if (result < 0)
		request_done(r);
	return result;
}

int request_read(struct str text, struct request *ret, struct error *err)
{
	struct wire_info info;
	int result;

	begin(ret);
	ret->text = text;
	result = wire_check(CREATE, text, NULL, &info, err);
	if (result == 0 && info.flags & WIRE_SPLIT) {
		result = wire_merge(CREATE, text, &ret->merged, err);
		ret->text = (struct str){ret->merged.data, ret->merged.len};
	}
	if (result < 0) {
		request_done(ret);
		return result;
	}
	return read_text(ret, true, err);
}

int request_read_checked(struct str text, struct request *ret, struct error *err)
{
	begin(ret);
	ret->text = text;
	return read_text(ret, true, err);
}

int request_read_sync(struct str text, struct request *ret, struct error *err)
{
	begin(ret);
	ret->text = text;
	return read_text(ret, false, err);
}

void request_done(struct request *r)
{
	buf_done(&r->merged);
}

void request_to_dispatch(const struct request *r,
			 const struct agent_type *type,
			 bool owned,
			 struct dispatch_request *ret)
{
	*ret = (struct dispatch_request){
		.plugin = type->plugin,
		.type = r->type,
		.type_version = r->type_version,
		.name = r->name,
		.tenant = str_of(r->tenant),
		.node = str_of(r->node),
		.output_prefix = r->parts.output_prefix,
		.spec = r->text,
		.has_key = r->has_key,
		.owned = owned,
		.pending = type->pending,
		.priority = type->priority,
		.retries = r->retries,
		.queue_ttl_ns = type->queue_ttl_ns,
		.soft_ns = type->soft_ns,
		.hard_ns = r->timeout_ns > 0 ? r->timeout_ns : type->hard_ns,
	};
	memcpy(ret->key, r->key, sizeof(ret->key));
}

/* ---- the same request -------------------------------------------------------------------- */

static bool same_message(const struct message_desc *type, struct str a, struct str b)
{
	struct arena arena = ARENA_INIT;
	void *first, *second;
	bool same;

	if (str_eq(a, b))
		return true;
	same = message_decode(type, a, NULL, &arena, &first, NULL) == 0 &&
	       message_decode(type, b, NULL, &arena, &second, NULL) == 0 &&
	       message_equal(type, first, second);
	arena_done(&arena);
	return same;
}

bool request_same(void *user, struct str a, struct str b)
{
	struct request_parts x, y;

	(void)user;
	return request_parts(a, &x, NULL) == 0 && request_parts(b, &y, NULL) == 0 &&
	       str_eq(x.task, y.task) && str_eq(x.executor, y.executor) &&
	       (x.task.len > 0 || same_message(MESSAGE_DESC(flyteidl__core__task_template),
					       x.task_template, y.task_template)) &&
	       same_message(MESSAGE_DESC(flyteidl__core__literal_map), x.inputs, y.inputs);
}
