/* How executions end, and the finished ones that are kept to answer from memory. */
#include "dispatch/private.h"

#include <stdarg.h>
#include <stdio.h>

/* ---- setting ----------------------------------------------------------------------------- */

void ending_done(struct ending *e)
{
	free(e->text);
	free(e->payload);
	*e = (struct ending){.to = EXEC_NEW};
}

static struct str put(char **at, struct str s)
{
	char *to = *at;

	if (s.len > 0)
		memcpy(to, s.ptr, s.len);
	to[s.len] = '\0';
	*at += s.len + 1;
	return (struct str){to, s.len};
}

/* Not in the middle of a character. */
static struct str cut(struct str s, size_t most)
{
	if (s.len <= most)
		return s;
	while (most > 0 && ((unsigned char)s.ptr[most] & 0xc0) == 0x80)
		most--;
	return (struct str){s.ptr, most};
}

static bool copy_text(struct ending *e)
{
	char *at;

	e->code = cut(e->code, 256);
	e->message = cut(e->message, MESSAGE_MAX);
	e->text = at = malloc(e->code.len + e->message.len + 2);
	if (!at)
		return false;
	e->code = put(&at, e->code);
	e->message = put(&at, e->message);
	return true;
}

static bool copy_payload(struct ending *e)
{
	struct str name = str_of(e->file_name);
	size_t size = e->outputs.len + e->deck.len + e->error_document.len;
	char *at;

	if (size == 0 && name.len == 0) {
		e->outputs = e->deck = e->error_document = STR_NULL;
		return true;
	}
	e->payload = at = malloc(size + name.len + 4);
	if (!at)
		return false;
	e->outputs = put(&at, e->outputs);
	e->deck = put(&at, e->deck);
	e->error_document = put(&at, e->error_document);
	e->file_name = name.len > 0 ? put(&at, name).ptr : NULL;
	return true;
}

void exec_set_ending(struct execution *x, const struct ending *e)
{
	struct ending copy = *e;

	copy.text = copy.payload = NULL;
	if (copy_text(&copy) && copy_payload(&copy)) {
		ending_done(&x->ending);
		x->ending = copy;
		return;
	}
	free(copy.text);
	free(copy.payload);
	ending_done(&x->ending);
	x->ending = (struct ending){
		.to = x->row.flags & ROW_OWNED ? EXEC_RETRYABLE_FAILED : EXEC_FAILED,
		.code = STR("WorkerOutOfMemory"),
		.message = STR("the worker had no memory for the result of the run"),
		.system_origin = true,
		.recoverable = true,
	};
}

void exec_end(struct execution *x, enum exec_state to, const char *code, const char *fmt, ...)
{
	struct ending e = {.to = to, .code = str_of(code), .usage = x->ending.usage};
	char message[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	e.message = str_of(message);
	e.recoverable = to == EXEC_RETRYABLE_FAILED;
	e.system_origin = true;
	exec_set_ending(x, &e);
}

/* ---- finished ---------------------------------------------------------------------------- */

static void count_end(struct execution *x)
{
	struct dispatch *d = x->d;
	uint64_t *counts[EXEC_STATES] = {
		[EXEC_SUCCEEDED] = &d->stats.succeeded,
		[EXEC_FAILED] = &d->stats.failed,
		[EXEC_RETRYABLE_FAILED] = &d->stats.retryable_failed,
		[EXEC_ABORTED] = &d->stats.aborted,
		[EXEC_DEAD] = &d->stats.dead,
	};

	if (counts[x->state])
		(*counts[x->state])++;
	if (d->hooks.ended)
		d->hooks.ended(d->hooks.user, x->row.type, x->state, x->ending.code);
	dispatch_took(d, TIME_WHOLE, x, now_of(d) - x->created_ns);
	if (x->ended_ns)
		dispatch_took(d, TIME_FINISH, x, now_of(d) - x->ended_ns);
}

static size_t kept_bytes(const struct execution *x)
{
	return x->ending.outputs.len + x->ending.message.len;
}

static void answer_sync(struct execution *x)
{
	struct dispatch_sync *s = TAKE(x->sync);
	struct dispatch_answer a;

	if (!s)
		return;
	s->execution = NULL;
	answer_of(x, &a);
	s->done(s, &a);
}

/* What the answers no longer need. */
static void slim(struct execution *x)
{
	exec_drop_spec(x);
	if (x->row.outputs_kind != ROW_OUTPUTS_INLINE) {
		x->ending.outputs = x->ending.deck = x->ending.error_document = STR_NULL;
		x->ending.file_name = NULL;
		free(TAKE(x->ending.payload));
	}
	queue_leave(&x->d->queue, &x->item);
}

void exec_finished(struct execution *x)
{
	struct dispatch *d = x->d;

	x->row.state = x->state;
	x->end_written = false;
	exec_set_timer(x, INT64_MAX);
	count_end(x);
	d->n_live--;
	if (x->is_sync && d->starting_sync) { /* its caller is still on the stack */
		list_remove(&x->all);
		list_append(&d->sync_ended, &x->all);
		return;
	}
	if (x->is_sync) {
		answer_sync(x);
		execution_free(x);
		return;
	}
	slim(x);
	list_remove(&x->all);
	list_append(&d->ended, &x->all);
	x->finished_ns = now_of(d);
	d->n_ended++;
	d->ended_bytes += kept_bytes(x);
}

void sync_tell(struct dispatch *d)
{
	struct execution *x;

	while ((x = list_first(&d->sync_ended, struct execution, all))) {
		answer_sync(x);
		execution_free(x);
	}
}

void ended_trim(struct dispatch *d)
{
	while (d->n_ended > 0) {
		struct execution *x = list_first(&d->ended, struct execution, all);

		if (d->n_ended <= d->config.ended_most &&
		    d->ended_bytes <= d->config.ended_bytes_most &&
		    x->finished_ns >= d->ended_since_ns)
			return;
		/* Those who watch are told first, and a read that is on its way needs the memory.
		 */
		if (list_linked(&x->changed) || x->loading)
			return;
		d->n_ended--;
		d->ended_bytes -= kept_bytes(x);
		execution_free(x);
	}
}
