/* NEW: the row is being written; nobody has been told yet. The answer goes out when it is durable.
 *
 * The usual way: the row is accepted and the execution queues. With a free slot and nobody waiting
 * for it the row is written as STARTING at once, which saves a write. Otherwise: the key is known
 * (the answer is that execution's), the key was cancelled before (it is born ABORTED), or we or the
 * store refuse (nothing happened). Even then the key is looked for before that is told: who asks
 * again gets the answer of the first time. */
#include "dispatch/key.h"
#include "dispatch/private.h"

#include <stdarg.h>
#include <stdio.h>

/* ---- answers ----------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static int
refuse(struct dispatch_created *c, int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->why, sizeof(c->why), fmt, ap);
	va_end(ap);
	c->status = status;
	return status;
}

static void fill(struct dispatch_created *c, const struct execution *x)
{
	c->status = 0;
	c->why[0] = '\0';
	c->id = x->row.id;
	c->meta_len = x->meta_len;
	memcpy(c->meta, x->meta, x->meta_len + 1u);
}

static void
fill_from_row(struct dispatch *d, struct dispatch_created *c, const struct store_row *row)
{
	c->status = 0;
	c->why[0] = '\0';
	c->id = row->id;
	c->meta_len = meta_format(&d->meta_key, row, c->meta);
}

void creators_answer(struct execution *x, int status, const char *why)
{
	struct dispatch_created *c;

	while ((c = list_first(&x->creators, struct dispatch_created, link))) {
		list_remove(&c->link);
		if (status < 0)
			refuse(c, status, "%s", why);
		else
			fill(c, x);
		c->done(c);
	}
}

void dispatch_create_forget(struct dispatch_created *c)
{
	list_remove(&c->link);
}

/* ---- the same key ------------------------------------------------------------------------- */

static bool same(struct dispatch *d, struct str a, struct str b)
{
	if (str_eq(a, b))
		return true;
	return d->hooks.same_request && d->hooks.same_request(d->hooks.user, a, b);
}

static int mismatch(struct dispatch *d, struct dispatch_created *c)
{
	d->stats.mismatched++;
	return refuse(
		c, ERR_INVALID,
		"another request was accepted before under the same task execution id, attempt "
		"and output prefix: its inputs or its template differ");
}

/* A call under the key of an execution whose request is in memory. */
static int repeat(struct execution *x, const struct dispatch_request *r, struct dispatch_created *c)
{
	struct dispatch *d = x->d;

	if (!same(d, x->row.spec, r->spec))
		return mismatch(d, c);
	d->stats.repeated++;
	c->existed = true;
	if (x->state == EXEC_NEW && x->writing) {
		list_append(&x->creators, &c->link);
		return 0;
	}
	fill(c, x);
	return 1;
}

/* The store found the key of a call with this request: answered with that row, or told off. */
static void answer_found(struct dispatch *d,
			 struct dispatch_created *c,
			 struct str spec,
			 const struct store_row *found)
{
	c->existed = true;
	if (!same(d, found->spec, spec)) {
		mismatch(d, c);
		return;
	}
	d->stats.repeated++;
	fill_from_row(d, c, found);
}

static void answer_with(struct execution *x, const struct store_row *found)
{
	struct dispatch_created *c;

	while ((c = list_first(&x->creators, struct dispatch_created, link))) {
		list_remove(&c->link);
		answer_found(x->d, c, x->row.spec, found);
		c->done(c);
	}
}

/* ---- refusing ----------------------------------------------------------------------------- */

struct key_read {
	struct pending pending;
	struct store_get get;
	int status; /* with which it is refused when the key is not known */
	char why[sizeof(((struct dispatch_created *)NULL)->why)];
	struct str spec; /* of the call, in `copy` */
	char copy[];
};

static int count_refused(struct dispatch *d, int status)
{
	d->stats.refused += status != ERR_STATE;
	return status;
}

static void on_key(struct store_op *op)
{
	struct key_read *read = CONTAINER_OF(op, struct key_read, get.op);
	struct dispatch *d = read->pending.d;
	struct dispatch_created *c;
	struct list *link;

	dispatch_enter(d);
	link = pending_end(&read->pending);
	if (link) {
		c = CONTAINER_OF(link, struct dispatch_created, link);
		if (op->status == 0)
			answer_found(d, c, read->spec, read->get.found);
		else
			refuse(c, count_refused(d, read->status), "%s", read->why);
		c->done(c);
	}
	store_row_free(read->get.found);
	free(read);
	dispatch_leave(d);
}

/* c->status and c->why say why nothing new is accepted. 0: the store is asked for the key first. */
static int
refuse_unknown(struct dispatch *d, const uint8_t *key, struct str spec, struct dispatch_created *c)
{
	struct key_read *read = key ? pending_new(d, sizeof(*read) + spec.len, &c->link) : NULL;

	if (!read)
		return count_refused(d, c->status);
	read->status = c->status;
	memcpy(read->why, c->why, sizeof(read->why));
	if (spec.len > 0)
		memcpy(read->copy, spec.ptr, spec.len);
	read->spec = (struct str){read->copy, spec.len};
	read->get = (struct store_get){.op.done = on_key, .want_spec = true};
	memcpy(read->get.key, key, sizeof(read->get.key));
	store_submit(d->store, &read->get.op, STORE_GET);
	return 0;
}

/* ---- create ------------------------------------------------------------------------------ */

static int64_t or_default(int64_t asked, int64_t configured)
{
	return asked > 0 ? asked : asked < 0 ? 0 : configured;
}

static struct store_row row_of(struct dispatch *d, const struct dispatch_request *r)
{
	struct store_row row = row_of_request(d, r);

	if (!r->owned)
		row.max_runs = MIN(r->retries, UINT16_MAX) + 1;
	row.queue_ttl_ns = or_default(r->queue_ttl_ns, d->config.queue_ttl_ns);
	row.soft_ns = or_default(r->soft_ns, d->config.soft_ns);
	row.hard_ns = or_default(r->hard_ns, d->config.hard_ns);
	row.has_key = r->has_key;
	if (r->has_key)
		memcpy(row.key, r->key, sizeof(row.key));
	return row;
}

static int check(const struct dispatch_request *r, struct dispatch_created *c)
{
	struct error err = ERROR_INIT;

	return request_check(r, &err) < 0 ? refuse(c, ERR_INVALID, "%s", err.message) : 0;
}

static int check_room(struct dispatch *d, struct dispatch_created *c)
{
	if (!drain_takes(d))
		return refuse(c, ERR_STATE, "the worker is stopping");
	if (d->n_live >= d->config.queue_most)
		return refuse(c, ERR_LIMIT, "the queue is full: %zu executions are not finished",
			      d->n_live);
	return 0;
}

static bool take_slot(struct dispatch *d, struct execution *x)
{
	struct dispatch_hold hold;

	if (!drain_starts(d) || !queue_take_now(&d->queue, &x->item))
		return false;
	x->has_slots = true;
	if (run_may_start(d, x->row.plugin, x->row.type, &hold))
		return true;
	exec_give_back(x);
	return false;
}

static int create(struct dispatch *d,
		  const struct dispatch_request *r,
		  uint64_t retry_of,
		  struct dispatch_created *c)
{
	struct execution *x = r->has_key ? exec_find_key(d, r->key) : NULL;
	struct store_row row;
	int status;

	c->existed = false;
	if (x && x->row.spec.len == x->row.spec_size)
		return repeat(x, r, c);
	status = check(r, c);
	if (status < 0)
		return status;
	if (check_room(d, c) < 0)
		return refuse_unknown(d, r->has_key ? r->key : NULL, r->spec, c);
	row = row_of(d, r);
	row.retry_of = retry_of;
	x = execution_new(d, &row);
	if (!x || exec_insert(x) < 0) {
		execution_free(x);
		return refuse(c, ERR_LIMIT, "the worker has no memory left");
	}
	list_append(&x->creators, &c->link);
	if (take_slot(d, x)) {
		x->row.run = 1;
		x->row.started_at = x->row.accepted_at;
		x->start_written = true;
	}
	exec_write_accept(x, x->has_slots ? EXEC_STARTING : EXEC_QUEUED);
	return 0;
}

int dispatch_create(struct dispatch *d,
		    const struct dispatch_request *r,
		    struct dispatch_created *c)
{
	int result;

	dispatch_enter(d);
	result = create(d, r, 0, c);
	dispatch_leave(d);
	return result;
}

int dispatch_create_known(struct dispatch *d,
			  const struct dispatch_request *r,
			  struct dispatch_created *c)
{
	struct execution *x = r->has_key ? exec_find_key(d, r->key) : NULL;
	int result;

	dispatch_enter(d);
	c->existed = false;
	result = x && x->row.spec.len == x->row.spec_size
			 ? repeat(x, r, c)
			 : refuse_unknown(d, r->has_key ? r->key : NULL, r->spec, c);
	dispatch_leave(d);
	return result;
}

/* ---- repeat what died ------------------------------------------------------------------------ */

struct retry_read {
	struct pending pending;
	struct store_get get;
};

static int create_again(struct dispatch *d, const struct store_row *row, struct dispatch_created *c)
{
	struct dispatch_request r = {
		.plugin = row->plugin,
		.type = row->type,
		.type_version = row->type_version,
		.name = row->name,
		.tenant = row->tenant,
		.node = row->node,
		.output_prefix = row->output_prefix,
		.spec = row->spec,
		.has_key = true,
		.pending = row->flags & ROW_PENDING,
		.priority = row->priority,
		.retries = row->max_runs > 0 ? row->max_runs - 1 : 0,
		.queue_ttl_ns = row->queue_ttl_ns ? row->queue_ttl_ns : -1,
		.soft_ns = row->soft_ns ? row->soft_ns : -1,
		.hard_ns = row->hard_ns ? row->hard_ns : -1,
	};
	char node[32];

	if (row->state != EXEC_DEAD)
		return refuse(c, ERR_STATE, "the execution is %s; only a dead one can be repeated",
			      machine_states[row->state].name);
	if (row->flags & ROW_OWNED)
		return refuse(c, ERR_STATE, "the execution is Flyte's: Flyte repeats it");
	/* Under a key, so that there is one repetition however often it is asked for. */
	snprintf(node, sizeof(node), "retry/%llx", (unsigned long long)row->id);
	if (key_make(&(struct key_parts){.node = str_of(node)}, r.key) < 0)
		return refuse(c, ERR_NOMEM, "the worker has no memory left");
	return create(d, &r, row->id, c);
}

static void on_row(struct store_op *op)
{
	struct retry_read *read = CONTAINER_OF(op, struct retry_read, get.op);
	struct dispatch *d = read->pending.d;
	struct dispatch_created *c;
	struct list *link;
	int r;

	dispatch_enter(d);
	link = pending_end(&read->pending);
	if (link) {
		c = CONTAINER_OF(link, struct dispatch_created, link);
		r = op->status < 0 ? refuse(c, op->status, "%s", op->message)
				   : create_again(d, read->get.found, c);
		if (r != 0)
			c->done(c);
	}
	store_row_free(read->get.found);
	free(read);
	dispatch_leave(d);
}

int dispatch_retry(struct dispatch *d, uint64_t id, struct dispatch_created *c)
{
	struct retry_read *read = pending_new(d, sizeof(*read), &c->link);

	if (!read)
		return refuse(c, ERR_LIMIT, "the worker has no memory left");
	read->get = (struct store_get){.op.done = on_row, .id = id, .want_spec = true};
	store_submit(d->store, &read->get.op, STORE_GET);
	return 0;
}

/* ---- durable ----------------------------------------------------------------------------- */

static void drop(struct dispatch *d, struct execution *x)
{
	d->n_live--;
	execution_free(x);
}

static void born_aborted(struct execution *x)
{
	x->row.cancel = x->write.accept.cancelled_by;
	x->row.run = 0;
	exec_give_back(x);
	exec_end(x, EXEC_ABORTED, "Cancelled", "cancelled before it was accepted");
	exec_move(x, EXEC_ABORTED, "its key was cancelled before");
	creators_answer(x, 0, NULL);
	exec_finished(x);
}

static void accepted(struct dispatch *d, struct execution *x)
{
	struct execution *repeated = x->row.retry_of ? exec_find(d, x->row.retry_of) : NULL;

	if (repeated)
		repeated->row.retried_as = x->row.id;
	exec_claim_key(x);
	d->stats.created++;
	dispatch_took(d, TIME_ACCEPT, x, now_of(d) - x->created_ns);
	creators_answer(x, 0, NULL);
	if (x->cancel_wanted) {
		x->row.cancel = x->cancel_by;
		x->row.cancel_reason = str_of(x->cancel_text);
		exec_give_back(x);
		exec_move(x, EXEC_CANCELLING, "cancelled while it was accepted");
		return;
	}
	if (x->has_slots) {
		exec_move(x, EXEC_STARTING, "run 1, at once");
		return;
	}
	if (d->spec_bytes > d->config.spec_bytes_most)
		exec_drop_spec(x);
	exec_move(x, EXEC_QUEUED, "%s", "");
}

static void refused(struct dispatch *d, struct execution *x, const struct store_op *op)
{
	struct dispatch_created *c;

	while ((c = list_first(&x->creators, struct dispatch_created, link))) {
		list_remove(&c->link);
		refuse(c, op->status, "%s", op->message);
		if (refuse_unknown(d, x->row.has_key ? x->row.key : NULL, x->row.spec, c) != 0)
			c->done(c);
	}
	drop(d, x);
}

static void wrote(struct dispatch *d, struct execution *x, const struct store_op *op)
{
	struct store_row *found = TAKE(x->write.accept.found);

	if (op->status < 0) {
		refused(d, x, op);
	} else if (x->write.accept.outcome == STORE_EXISTS) {
		answer_with(x, found);
		drop(d, x);
	} else if (x->write.accept.outcome == STORE_CANCELLED) {
		born_aborted(x);
	} else {
		accepted(d, x);
	}
	store_row_free(found);
}

/* The store hears of the cancel after the accept, so nothing is lost by waiting. */
static void cancel(struct dispatch *d, struct execution *x)
{
	(void)d;
	x->cancel_wanted = true;
}

const struct state_work on_new = {.wrote = wrote, .cancel = cancel};
