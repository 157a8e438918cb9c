/* Get, list, watch. What is in memory is answered at once; else the store is asked, and when that
 * knows nothing either, the files at the output prefix. Trouble of our own is never an error. */
#include "dispatch/private.h"

#include <stdarg.h>
#include <stdio.h>

struct get_read {
	struct pending pending;
	struct store_get get;
	struct dispatch_file file; /* the look at the prefix */
	struct meta meta;          /* with id 0: asked by id only */
	char *uri;
};

__attribute__((format(printf, 3, 4))) static int
refuse(struct dispatch_get *g, int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(g->why, sizeof(g->why), fmt, ap);
	va_end(ap);
	g->status = status;
	return status;
}

void dispatch_get_forget(struct dispatch_get *g)
{
	list_remove(&g->link);
}

static void answer(struct get_read *r)
{
	struct list *link = pending_end(&r->pending);
	struct dispatch_get *g;

	if (link) {
		g = CONTAINER_OF(link, struct dispatch_get, link);
		g->done(g);
	}
	store_row_free(r->get.found);
	free(r->uri);
	free(r);
}

/* The caller's, to be filled in; NULL when it has gone. */
static struct dispatch_get *caller(struct get_read *r)
{
	if (r->pending.caller.next == &r->pending.caller)
		return NULL;
	return CONTAINER_OF(r->pending.caller.next, struct dispatch_get, link);
}

/* ---- lost state ---------------------------------------------------------------------------- */

/* Our signature, and no row: the state is gone. For a while after the start it may be on its way.
 */
static void answer_lost(struct get_read *r, bool outputs_there)
{
	struct dispatch *d = r->pending.d;
	struct dispatch_get *g = caller(r);
	struct dispatch_answer *a;

	if (!g)
		return;
	g->status = 0;
	a = &g->answer;
	*a = (struct dispatch_answer){.id = r->meta.id,
				      .state = EXEC_RUNNING,
				      .phase = PHASE_RUNNING,
				      .progress = -1,
				      .output_prefix = str_of(r->meta.prefix)};
	if (outputs_there) {
		a->state = EXEC_SUCCEEDED;
		a->phase = PHASE_SUCCEEDED;
		a->outputs_kind = ROW_OUTPUTS_FILE;
	} else if (now_of(d) - d->started_ns < d->config.lost_ns) {
		a->message = STR("this worker does not know the execution (yet)");
	} else {
		a->state = EXEC_RETRYABLE_FAILED;
		a->phase = PHASE_RETRYABLE_FAILED;
		a->code = STR("StateLost");
		a->recoverable = a->system_origin = true;
		a->message =
			STR("the worker's state was lost, or the execution ended so long ago that "
			    "it was removed");
	}
}

static void on_prefix(struct dispatch_file *f, int status, const char *why)
{
	struct get_read *r = CONTAINER_OF(f, struct get_read, file);
	struct dispatch *d = r->pending.d;

	(void)why;
	r->pending.at_files = false;
	if (!d) { /* dispatch is gone */
		free(r->uri);
		free(r);
		return;
	}
	dispatch_enter(d);
	answer_lost(r, status == 0);
	answer(r);
	dispatch_leave(d);
}

static bool look_at_prefix(struct get_read *r)
{
	struct dispatch *d = r->pending.d;
	struct str prefix = str_of(r->meta.prefix);

	if (prefix.len == 0 || !d->data.digest || !d->data.can ||
	    !d->data.can(d->data.user, prefix))
		return false;
	r->uri = malloc(prefix.len + sizeof("/outputs.pb"));
	if (!r->uri)
		return false;
	sprintf(r->uri, STR_FMT "%soutputs.pb", STR_ARG(prefix), str_ends(prefix, "/") ? "" : "/");
	r->file = (struct dispatch_file){
		.uri = str_of(r->uri), .only_whether = true, .done = on_prefix};
	r->pending.at_files = true;
	d->data.digest(d->data.user, &r->file);
	return true;
}

/* ---- get --------------------------------------------------------------------------------- */

/* Workers that share a key may give out the same number. */
static bool is_of_another(const struct get_read *r)
{
	return r->get.op.status == 0 && r->get.found->incarnation != r->meta.incarnation;
}

static void on_row(struct store_op *op)
{
	struct get_read *r = CONTAINER_OF(op, struct get_read, get.op);
	struct dispatch *d = r->pending.d;
	struct dispatch_get *g = caller(r);

	dispatch_enter(d);
	if (r->meta.id != 0 && (op->status == ERR_NOT_FOUND || is_of_another(r))) {
		d->stats.state_lost++;
		if (look_at_prefix(r)) {
			dispatch_leave(d);
			return;
		}
		answer_lost(r, false);
	} else if (op->status < 0 && r->meta.id != 0 && g) {
		/* The store is in trouble, not the execution. */
		g->status = 0;
		g->answer = (struct dispatch_answer){.id = r->meta.id,
						     .state = EXEC_RUNNING,
						     .phase = PHASE_RUNNING,
						     .progress = -1,
						     .message = str_of(op->message)};
	} else if (op->status < 0 && g) {
		refuse(g, op->status, "%s", op->message);
	} else if (g) {
		g->status = 0;
		answer_of_row(d, r->get.found, &g->answer);
	}
	answer(r);
	dispatch_leave(d);
}

static int ask_store(struct dispatch *d, uint64_t id, const struct meta *m, struct dispatch_get *g)
{
	struct get_read *r = pending_new(d, sizeof(*r), &g->link);

	if (!r)
		return refuse(g, ERR_NOMEM, "the worker has no memory left");
	if (m)
		r->meta = *m;
	r->get = (struct store_get){.op.done = on_row, .id = id, .want_outputs = true};
	store_submit(d->store, &r->get.op, STORE_GET);
	return 0;
}

static int from_memory(struct execution *x, struct dispatch_get *g)
{
	g->status = 0;
	answer_of(x, &g->answer);
	return 1;
}

int dispatch_get(struct dispatch *d, struct str meta, struct dispatch_get *g)
{
	struct error err = ERROR_INIT;
	struct execution *x;
	struct meta m;
	uint64_t id;

	/* The text we gave out for what is in memory is as good as its signature. */
	x = meta_peek(meta, &id) ? exec_find(d, id) : NULL;
	if (x && meta.len == x->meta_len && memcmp(meta.ptr, x->meta, meta.len) == 0)
		return from_memory(x, g);
	if (meta_parse(&d->meta_key, meta, &m, &err) < 0)
		return refuse(g, ERR_INVALID, "%.200s", err.message);
	x = exec_find_meant(d, &m);
	return x ? from_memory(x, g) : ask_store(d, m.id, &m, g);
}

int dispatch_get_id(struct dispatch *d, uint64_t id, struct dispatch_get *g)
{
	struct execution *x = exec_find(d, id);

	return x ? from_memory(x, g) : ask_store(d, id, NULL, g);
}

bool dispatch_meta(struct dispatch *d, uint64_t id, char out[META_MAX + 1], size_t *ret_len)
{
	struct execution *x = exec_find(d, id);

	if (!x || x->is_sync)
		return false;
	memcpy(out, x->meta, x->meta_len + 1u);
	*ret_len = x->meta_len;
	return true;
}

/* ---- list -------------------------------------------------------------------------------- */

struct list_read {
	struct pending pending;
	struct store_list list;
	char text[512]; /* of the filter */
};

void dispatch_list_forget(struct dispatch_list *l)
{
	list_remove(&l->link);
}

/* Messages of the living share one scratch buffer, so a list goes without them. */
static void fill_list(struct dispatch *d, struct list_read *r, struct dispatch_list *l)
{
	l->answers = calloc(r->list.n + 1, sizeof(*l->answers));
	if (!l->answers) {
		l->status = ERR_NOMEM;
		snprintf(l->why, sizeof(l->why), "the worker has no memory left");
		return;
	}
	for (size_t i = 0; i < r->list.n; i++) {
		answer_of_row(d, r->list.rows[i], &l->answers[i]);
		if (!exec_state_finished(l->answers[i].state))
			l->answers[i].message = STR_NULL;
	}
	l->n = r->list.n;
	l->more = r->list.more;
}

static void on_rows(struct store_op *op)
{
	struct list_read *r = CONTAINER_OF(op, struct list_read, list.op);
	struct dispatch *d = r->pending.d;
	struct dispatch_answer *answers;
	struct dispatch_list *l;
	struct list *link;

	dispatch_enter(d);
	link = pending_end(&r->pending);
	if (link) {
		l = CONTAINER_OF(link, struct dispatch_list, link);
		l->status = op->status;
		snprintf(l->why, sizeof(l->why), "%s", op->message);
		if (op->status == 0)
			fill_list(d, r, l);
		answers = l->answers;
		l->done(l);
		free(answers);
	}
	store_rows_free(r->list.rows, r->list.n);
	free(r);
	dispatch_leave(d);
}

int dispatch_list(struct dispatch *d,
		  const struct store_filter *filter,
		  uint32_t limit,
		  struct dispatch_list *l)
{
	size_t names = filter->plugin.len + filter->type.len;
	struct list_read *r;

	l->answers = NULL;
	l->n = 0;
	l->more = false;
	r = names < sizeof(r->text) ? pending_new(d, sizeof(*r), &l->link) : NULL;
	if (!r) {
		l->status = names < sizeof(r->text) ? ERR_NOMEM : ERR_INVALID;
		snprintf(l->why, sizeof(l->why), "%s", err_text(l->status));
		return l->status;
	}
	r->list = (struct store_list){.op.done = on_rows, .filter = *filter, .limit = limit};
	r->list.filter.plugin.ptr = r->text;
	r->list.filter.type.ptr = r->text + filter->plugin.len;
	memcpy(r->text, filter->plugin.ptr ? filter->plugin.ptr : "", filter->plugin.len);
	memcpy(r->text + filter->plugin.len, filter->type.ptr ? filter->type.ptr : "",
	       filter->type.len);
	store_submit(d->store, &r->list.op, STORE_LIST);
	return 0;
}

/* ---- watch ------------------------------------------------------------------------------- */

int dispatch_watch(struct dispatch *d, uint64_t id, struct dispatch_watch *w)
{
	struct execution *x = exec_find(d, id);

	if (!x || x->is_sync || exec_state_finished(x->state))
		return ERR_NOT_FOUND;
	list_append(&x->watchers, &w->link);
	return 0;
}

void dispatch_unwatch(struct dispatch_watch *w)
{
	list_remove(&w->link);
}

/* A watcher may leave, or make others leave, while it is told: those to be told are moved to a list
 * of their own first, and back one by one. */
static void tell(struct execution *x)
{
	bool finished = exec_state_finished(x->state);
	struct list rest;

	list_init(&rest);
	while (!list_empty(&x->watchers)) {
		struct list *node = x->watchers.next;

		list_remove(node);
		list_append(&rest, node);
	}
	while (!list_empty(&rest)) {
		struct dispatch_watch *w = list_first(&rest, struct dispatch_watch, link);
		struct dispatch_answer a;

		list_remove(&w->link);
		if (!finished)
			list_append(&x->watchers, &w->link);
		answer_of(x, &a);
		w->changed(w, &a);
	}
}

void watch_tell(struct dispatch *d)
{
	struct execution *x;

	while ((x = list_first(&d->changed, struct execution, changed))) {
		list_remove(&x->changed);
		tell(x);
	}
}
