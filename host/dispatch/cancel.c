/* Cancels from outside: memory acts at once, the answer goes out when the mark is durable. The mark
 * is submitted before anything that follows from it, so the store sees them in this order. */
#include "dispatch/private.h"

#include <stdarg.h>
#include <stdio.h>

struct cancel_write {
	struct pending pending;
	struct store_cancel op;
	char reason[160];
};

__attribute__((format(printf, 3, 4))) static int
refuse(struct dispatch_delete *del, int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(del->why, sizeof(del->why), fmt, ap);
	va_end(ap);
	del->status = status;
	return status;
}

void dispatch_delete_forget(struct dispatch_delete *del)
{
	list_remove(&del->link);
}

void cancel_exec(struct execution *x, enum row_cancel by, struct str why)
{
	struct dispatch *d = x->d;

	if (x->state != EXEC_NEW && x->row.cancel == ROW_CANCEL_NONE) {
		x->row.cancel = by;
		snprintf(x->cancel_text, sizeof(x->cancel_text), STR_FMT, STR_ARG(why));
		x->row.cancel_reason = str_of(x->cancel_text);
	} else if (x->state == EXEC_NEW && !x->cancel_wanted) {
		/* The row is being read by the store; on_new takes this over. */
		x->cancel_by = by;
		snprintf(x->cancel_text, sizeof(x->cancel_text), STR_FMT, STR_ARG(why));
	}
	if (exec_work(x)->cancel)
		exec_work(x)->cancel(d, x);
}

/* ---- durable ----------------------------------------------------------------------------- */

static void on_marked(struct store_op *op)
{
	struct store_cancel *c = CONTAINER_OF(op, struct store_cancel, op);
	struct cancel_write *w = CONTAINER_OF(c, struct cancel_write, op);
	struct dispatch *d = w->pending.d;
	struct dispatch_delete *del;
	struct list *link;

	dispatch_enter(d);
	link = pending_end(&w->pending);
	if (link) {
		del = CONTAINER_OF(link, struct dispatch_delete, link);
		del->status = 0;
		if (op->status < 0)
			refuse(del, op->status, "%s", op->message);
		del->known = c->outcome == STORE_MARKED || c->outcome == STORE_TOO_LATE;
		del->finished = c->outcome == STORE_TOO_LATE;
		del->done(del);
	}
	free(w);
	dispatch_leave(d);
}

/* What is to be cancelled; incarnation 0: the id alone says it. */
struct target {
	uint64_t id, incarnation;
	const uint8_t *key; /* or NULL */
};

static int mark(struct dispatch *d,
		const struct target *t,
		enum row_cancel by,
		struct str why,
		struct dispatch_delete *del)
{
	struct cancel_write *w = pending_new(d, sizeof(*w), &del->link);

	if (!w)
		return refuse(del, ERR_NOMEM, "the worker has no memory left");
	snprintf(w->reason, sizeof(w->reason), STR_FMT, STR_ARG(why));
	w->op = (struct store_cancel){.op.done = on_marked,
				      .id = t->id,
				      .incarnation = t->incarnation,
				      .has_key = t->key,
				      .at = wall_of(d),
				      .by = by,
				      .reason = str_of(w->reason)};
	if (t->key)
		memcpy(w->op.key, t->key, sizeof(w->op.key));
	store_submit(d->store, &w->op.op, STORE_CANCEL);
	return 0;
}

static int cancel(struct dispatch *d,
		  struct execution *x,
		  const struct target *t,
		  enum row_cancel by,
		  struct str why,
		  struct dispatch_delete *del)
{
	int r = 0;

	del->status = 0;
	del->known = x != NULL;
	del->finished = x && exec_state_finished(x->state);
	if (del->finished)
		return 1;
	if (!x || !x->is_sync)
		r = mark(d, t, by, why, del);
	if (r == 0 && x) {
		r = x->is_sync;
		cancel_exec(x, by, why);
	}
	return r;
}

/* ---- from outside ------------------------------------------------------------------------ */

int dispatch_delete(struct dispatch *d, struct str meta, struct dispatch_delete *del)
{
	struct error err = ERROR_INIT;
	struct target t;
	struct meta m;
	int r = meta_parse(&d->meta_key, meta, &m, &err);

	if (r < 0)
		return refuse(del, ERR_INVALID, "%.200s", err.message);
	t = (struct target){m.id, m.incarnation, m.has_key ? m.key : NULL};
	dispatch_enter(d);
	r = cancel(d, exec_find_meant(d, &m), &t, ROW_CANCEL_FLYTE, STR_NULL, del);
	dispatch_leave(d);
	return r;
}

int dispatch_cancel(struct dispatch *d, uint64_t id, struct str why, struct dispatch_delete *del)
{
	struct target t = {.id = id};
	int r;

	dispatch_enter(d);
	r = cancel(d, exec_find(d, id), &t, ROW_CANCEL_OPERATOR, why, del);
	dispatch_leave(d);
	return r;
}

void dispatch_kill(struct dispatch *d, uint64_t id)
{
	struct execution *x = exec_find(d, id);

	if (!x || x->state != EXEC_CANCELLING || !x->has_runner || x->rung >= STOP_KILL)
		return;
	dispatch_enter(d);
	run_stop(x, STOP_KILL);
	exec_set_timer(x, now_of(d) + d->config.kill_ns);
	dispatch_leave(d);
}

int dispatch_cancel_key(struct dispatch *d,
			const uint8_t key[STORE_KEY_SIZE],
			struct dispatch_delete *del)
{
	struct target t = {.key = key};
	struct execution *x;
	int r;

	dispatch_enter(d);
	x = exec_find_key(d, key);
	/* While it is being accepted only the key is sure to name the row that will be there. */
	if (x && x->state != EXEC_NEW)
		t.id = x->row.id;
	r = cancel(d, x, &t, ROW_CANCEL_OPERATOR, STR_NULL, del);
	dispatch_leave(d);
	return r;
}
