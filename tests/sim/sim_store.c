/* A store whose disk survives the process. A batch is applied at one moment, and `done` comes a
 * little later: a crash between the two is the case that matters. */
#include "sim/world.h"

#include <stdlib.h>
#include <string.h>

static struct sim_store *from(struct store *s)
{
	return CONTAINER_OF(s, struct sim_store, base);
}

struct sim_row *world_row(struct world *w, uint64_t id)
{
	for (size_t i = w->n_rows; i-- > 0;)
		if (w->rows[i].row->id == id)
			return &w->rows[i];
	return NULL;
}

static struct sim_row *row_by_key(struct world *w, const uint8_t *key)
{
	for (size_t i = 0; i < w->n_rows; i++)
		if (w->rows[i].row->has_key &&
		    memcmp(w->rows[i].row->key, key, STORE_KEY_SIZE) == 0)
			return &w->rows[i];
	return NULL;
}

static struct sim_mark *find_mark(struct world *w, const uint8_t *key)
{
	for (size_t i = 0; i < w->n_marks; i++)
		if (memcmp(w->marks[i].key, key, STORE_KEY_SIZE) == 0)
			return &w->marks[i];
	return NULL;
}

/* Every write of a state passes here: the history has to be a path in the table. */
static void
step(struct world *w, enum exec_state from, enum exec_state to, const struct store_row *row)
{
	if (!machine_allows_durable(from, to))
		world_law(w, "row %llu went from %s to %s", (unsigned long long)row->id,
			  exec_state_name(from), exec_state_name(to));
}

/* ---- applying ---------------------------------------------------------------------------- */

static void put_row(struct world *w, const struct store_row *row)
{
	struct store_row *copy = store_row_copy(row);

	if (w->n_rows == w->rows_room) {
		w->rows_room = w->rows_room ? 2 * w->rows_room : 64;
		w->rows = realloc(w->rows, w->rows_room * sizeof(*w->rows));
	}
	if (!copy || !w->rows)
		abort();
	w->rows[w->n_rows++] = (struct sim_row){.row = copy};
	step(w, EXEC_NEW, row->state, row);
}

static void do_accept(struct world *w, struct store_accept *a)
{
	struct store_row row = *a->row;
	struct sim_mark *mark;

	a->outcome = STORE_ACCEPTED;
	a->found = NULL;
	if (world_chance(w, w->accept_fails)) {
		store_op_fail(&a->op, ERR_LIMIT, "disk full");
		return;
	}
	if (world_row(w, row.id)) {
		world_law(w, "execution number %llu was given twice", (unsigned long long)row.id);
		return;
	}
	if (row.has_key && row_by_key(w, row.key)) {
		a->outcome = STORE_EXISTS; /* found is filled in when it is told */
		return;
	}
	mark = row.has_key ? find_mark(w, row.key) : NULL;
	if (mark) {
		a->outcome = STORE_CANCELLED;
		row.state = EXEC_ABORTED;
		row.run = 0;
		row.cancel = a->cancelled_by = mark->by;
		row.finished_at = row.accepted_at;
		row.code = STR("Cancelled");
		row.message = STR("cancelled before it was accepted");
	}
	put_row(w, &row);
}

static struct sim_row *live_row(struct world *w, uint64_t id, struct store_op *op)
{
	struct sim_row *r = world_row(w, id);

	if (r && !exec_state_finished(r->row->state))
		return r;
	store_op_fail(op, ERR_STATE, "finished or unknown");
	world_law(w, "row %llu is written after its end", (unsigned long long)id);
	return NULL;
}

/* Rows are one allocation each, so a change is a new copy. */
static void replace(struct sim_row *r, const struct store_row *changed)
{
	struct store_row *copy = store_row_copy(changed);

	if (!copy)
		abort();
	store_row_free(r->row);
	r->row = copy;
}

static void do_update(struct world *w, struct store_update *u)
{
	struct sim_row *r = live_row(w, u->id, &u->op);
	struct store_row row;

	if (!r)
		return;
	row = *r->row;
	step(w, row.state, u->state, &row);
	if (u->run < row.run)
		world_law(w, "row %llu: run %u after run %u", (unsigned long long)u->id, u->run,
			  row.run);
	row.state = u->state;
	row.run = u->run;
	row.failures = u->failures;
	row.crashes = u->crashes;
	row.losses = u->losses;
	row.due_at = u->due_at;
	row.started_at = u->started_at;
	row.has_digest = row.has_digest || u->has_digest;
	if (u->has_digest)
		memcpy(row.digest, u->digest, sizeof(row.digest));
	replace(r, &row);
}

/* Outputs by file: the file is there, and it is the one this execution wrote. */
static void check_file(struct world *w, const struct store_row *row)
{
	struct sim_file *file = world_file(w, row->output_prefix, "outputs.pb");
	struct sim_file *futures = world_file(w, row->output_prefix, "futures.pb");

	if (futures && memcmp(futures->digest, row->digest, sizeof(row->digest)) == 0)
		file = futures;
	if (!file || !row->has_digest ||
	    memcmp(file->digest, row->digest, sizeof(row->digest)) != 0)
		world_law(w, "x%u succeeds and its file at " STR_FMT " is %s",
			  world_name(w, row->id), STR_ARG(row->output_prefix),
			  file ? "another one" : "missing");
}

static void do_finish(struct world *w, struct store_finish *f)
{
	struct sim_row *r = live_row(w, f->id, &f->op);
	struct store_row row;

	if (!r)
		return;
	row = *r->row;
	step(w, row.state, f->state, &row);
	row.state = f->state;
	row.run = f->run;
	row.failures = f->failures;
	row.crashes = f->crashes;
	row.losses = f->losses;
	row.finished_at = f->at;
	row.code = f->code;
	row.message = f->message;
	row.outputs_kind = f->outputs_kind;
	row.outputs = f->outputs;
	row.has_deck = f->has_deck;
	if (row.outputs_kind == ROW_OUTPUTS_FILE)
		check_file(w, &row);
	replace(r, &row);
}

static void do_cancel(struct world *w, struct store_cancel *c)
{
	struct sim_row *r = c->id ? world_row(w, c->id) : row_by_key(w, c->key);

	if (r && c->id && c->incarnation && r->row->incarnation != c->incarnation)
		r = NULL;
	c->found_id = r ? r->row->id : 0;
	if (r && exec_state_finished(r->row->state)) {
		c->outcome = STORE_TOO_LATE;
	} else if (r) {
		c->outcome = STORE_MARKED;
		if (r->row->cancel == ROW_CANCEL_NONE)
			r->row->cancel = c->by;
	} else if (c->has_key) {
		c->outcome = STORE_KEY_KEPT;
		w->marks = realloc(w->marks, (w->n_marks + 1) * sizeof(*w->marks));
		if (!w->marks)
			abort();
		w->marks[w->n_marks].by = c->by;
		memcpy(w->marks[w->n_marks++].key, c->key, sizeof(c->key));
	} else {
		c->outcome = STORE_NOTHING_KNOWN;
	}
}

static void apply(struct world *w, struct store_op *op)
{
	switch (op->kind) {
	case STORE_ACCEPT:
		do_accept(w, CONTAINER_OF(op, struct store_accept, op));
		break;
	case STORE_UPDATE:
		do_update(w, CONTAINER_OF(op, struct store_update, op));
		break;
	case STORE_FINISH:
		do_finish(w, CONTAINER_OF(op, struct store_finish, op));
		break;
	case STORE_CANCEL:
		do_cancel(w, CONTAINER_OF(op, struct store_cancel, op));
		break;
	case STORE_SWEEP:
		CONTAINER_OF(op, struct store_sweep, op)->more = false;
		break;
	default:
		break;
	}
}

/* ---- reads ------------------------------------------------------------------------------- */

static void do_get(struct world *w, struct store_get *g)
{
	struct sim_row *r = g->id ? world_row(w, g->id) : row_by_key(w, g->key);

	g->found = r ? store_row_copy(r->row) : NULL;
	if (!r)
		store_op_fail(&g->op, ERR_NOT_FOUND, "there is no such execution");
}

static void on_read(struct world *w, void *arg)
{
	struct store_op *op = arg;

	if (op->kind == STORE_GET)
		do_get(w, CONTAINER_OF(op, struct store_get, op));
	op->done(op);
}

/* ---- the store --------------------------------------------------------------------------- */

static void begin_commit(struct world *w);

static void on_told(struct world *w, void *arg)
{
	struct store_op *op = arg, *next;

	for (; op && w->d; op = next) {
		next = op->next;
		if (op->kind == STORE_ACCEPT) {
			struct store_accept *a = CONTAINER_OF(op, struct store_accept, op);

			if (op->status == 0 && a->outcome == STORE_EXISTS)
				a->found = store_row_copy(row_by_key(w, a->row->key)->row);
		}
		op->done(op);
	}
}

static void on_commit(struct world *w, void *arg)
{
	struct store_op *batch = w->store.batch;

	(void)arg;
	for (struct store_op *op = batch; op; op = op->next)
		apply(w, op);
	w->store.batch = NULL;
	w->store.committing = false;
	world_after(w, (int64_t)world_pick(w, 2 * MS), true, on_told, batch);
	begin_commit(w);
}

static void begin_commit(struct world *w)
{
	struct sim_store *s = &w->store;
	int64_t takes = (int64_t)world_pick(w, 3 * MS) + MS / 10;

	if (s->committing || !s->queued)
		return;
	if (world_chance(w, w->commit_slow))
		takes += (int64_t)world_pick(w, 2 * S);
	s->batch = s->queued;
	s->queued = NULL;
	s->queued_tail = &s->queued;
	s->committing = true;
	world_after(w, takes, true, on_commit, NULL);
}

static void submit(struct store *base, struct store_op *op)
{
	struct sim_store *s = from(base);
	struct world *w = s->w;

	if (op->kind >= STORE_GET) {
		world_after(w, (int64_t)world_pick(w, 2 * MS), true, on_read, op);
		return;
	}
	*s->queued_tail = op;
	s->queued_tail = &op->next;
	begin_commit(w);
}

static size_t complete(struct store *base)
{
	(void)base;
	return 0;
}

static void hold(struct store *base, bool on)
{
	(void)base;
	(void)on;
}

static int recover(struct store *base,
		   int (*row)(void *user, const struct store_row *row),
		   void *user,
		   uint64_t *ret_last_id,
		   struct error *err)
{
	struct world *w = from(base)->w;

	*ret_last_id = 0;
	for (size_t i = 0; i < w->n_rows; i++) {
		struct store_row copy = *w->rows[i].row;

		*ret_last_id = MAX(*ret_last_id, copy.id);
		if (exec_state_finished(copy.state))
			continue;
		if (world_chance(w, 300)) /* a long one is read when it is needed */
			copy.spec = STR_NULL;
		if (row(user, &copy) < 0)
			return err_set(err, ERR_NOMEM, "recover");
	}
	return 0;
}

static void stats(struct store *base, struct store_stats *ret)
{
	(void)base;
	*ret = (struct store_stats){.condition = STORE_WELL};
}

static void close_store(struct store *base)
{
	(void)base;
}

static const struct store_ops ops = {submit, hold, complete, recover, stats, close_store};

void sim_store_init(struct world *w)
{
	w->store = (struct sim_store){.base.ops = &ops, .w = w};
	w->store.queued_tail = &w->store.queued;
}

/* What was not committed is lost; the requests' memory went with the process. */
void sim_store_forget(struct world *w)
{
	sim_store_init(w);
}

void sim_rows_free(struct world *w)
{
	for (size_t i = 0; i < w->n_rows; i++)
		store_row_free(w->rows[i].row);
	free(w->rows);
}
