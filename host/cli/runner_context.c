/* Who runs what: from what the host says, and from Flyte's metadata when the task came from there.
 */
#include "cli/runner_private.h"

#include "base/clock.h"
#include "flyte/wire.h"

#include "desc_table.h"

/* The payload of a field; empty when it is not there. */
static struct str field(struct str wire, uint32_t number)
{
	struct view_field f;

	if (wire.len == 0 || !view_find(wire, number, &f) || f.wire_type != WIRE_LEN)
		return STR("");
	return f.bytes;
}

static void set(struct task_context *ctx, unsigned item, struct str text)
{
	if (text.len > 0)
		ctx->items[item] = text;
}

/* flyteidl.core.Identifier */
static void take_task_id(struct str id, struct task_context *ctx)
{
	set(ctx, TH_CTX_TASK_PROJECT, field(id, 2));
	set(ctx, TH_CTX_TASK_DOMAIN, field(id, 3));
	set(ctx, TH_CTX_TASK_NAME, field(id, 4));
	set(ctx, TH_CTX_TASK_VERSION, field(id, 5));
}

/* flyteidl.core.WorkflowExecutionIdentifier */
static void take_execution(struct str id, struct task_context *ctx)
{
	set(ctx, TH_CTX_EXECUTION_PROJECT, field(id, 1));
	set(ctx, TH_CTX_EXECUTION_DOMAIN, field(id, 2));
	set(ctx, TH_CTX_EXECUTION_NAME, field(id, 4));
}

/* With each message in one field; `wire` may be replaced by a copy in the arena. */
static int check_metadata(struct str *wire, struct arena *arena, struct error *err)
{
	const struct message_desc *type = MESSAGE_DESC(flyteidl__admin__task_execution_metadata);
	_cleanup_(buf_done) struct buf merged = BUF_INIT;
	struct wire_info info;
	int code = wire_check(type, *wire, NULL, &info, err);

	if (code < 0 || !(info.flags & WIRE_SPLIT))
		return code;
	code = wire_merge(type, *wire, &merged, err);
	if (code < 0)
		return code;
	*wire = (struct str){arena_memdup(arena, merged.data, merged.len), merged.len};
	return wire->ptr ? 0 : err_nomem(err, "the context of a run");
}

/* Its environment variables stay out: this process is shared. */
static int take_metadata(const struct run_context *c,
			 struct arena *arena,
			 struct task_context *ctx,
			 struct error *err)
{
	struct view_field attempt;
	struct str wire = c->metadata, id;

	if (wire.len == 0)
		return 0;
	if (!c->checked && check_metadata(&wire, arena, err) < 0)
		return err_wrap(err, "task_execution_metadata");
	id = field(wire, 1);
	if (id.len == 0)
		return 0;
	take_task_id(field(id, 1), ctx);
	take_execution(field(field(id, 2), 2), ctx);
	ctx->attempt = view_find(id, 3, &attempt) ? (uint32_t)attempt.value : 0;
	return 0;
}

static void take_task(const Flyteidl__Core__Identifier *id, struct task_context *ctx)
{
	if (!id)
		return;
	set(ctx, TH_CTX_TASK_PROJECT, str_of(id->project));
	set(ctx, TH_CTX_TASK_DOMAIN, str_of(id->domain));
	set(ctx, TH_CTX_TASK_NAME, str_of(id->name));
	set(ctx, TH_CTX_TASK_VERSION, str_of(id->version));
}

void runner_context_task(const TaskTemplate *t, struct task_context *ctx)
{
	if (ctx->items[TH_CTX_TASK_NAME].len == 0)
		take_task(t->id, ctx);
}

int runner_context(const struct runner_state *s,
		   const struct run_context *c,
		   const struct runner_run *run,
		   struct arena *arena,
		   struct task_context *ret,
		   struct error *err)
{
	const struct {
		unsigned item;
		struct str text;
	} given[] = {
		{TH_CTX_EXECUTION_NAME, c->execution},
		{TH_CTX_OUTPUT_PREFIX, c->output_prefix},
		{TH_CTX_RAW_OUTPUT_PREFIX, c->raw_prefix},
		{TH_CTX_WORKING_DIRECTORY, c->work},
	};

	*ret = s->surroundings;
	for (size_t i = 0; i < ARRAY_LEN(given); i++)
		ret->items[given[i].item] = given[i].text;
	ret->attempt = c->run > 0 ? c->run - 1 : 0;
	ret->inputs_checked = c->checked;
	ret->durable = true; /* the worker promises the outputs once it has the result */
	ret->started_ns = clock_realtime_ns();
	ret->deadline_ns = run->deadline_ns == INT64_MAX ? 0 : run->deadline_ns;
	ret->cancel_word = (const uint32_t *)run->cancel; /* plugins read it atomically */
	return take_metadata(c, arena, ret, err);
}
