#include "sim/sim_clients.h"

#include <string.h>

/* ---- checking answers ------------------------------------------------------------------------ */

struct sim_told *sim_told_of(struct sim *s, uint64_t id)
{
	for (size_t i = 0; i < s->n_told; i++)
		if (s->told[i].id == id)
			return &s->told[i];
	if (s->n_told == ARRAY_LEN(s->told)) {
		world_law(&s->w, "too many executions for the test");
		return &s->told[0];
	}
	s->told[s->n_told] = (struct sim_told){.id = id};
	return &s->told[s->n_told++];
}

static uint64_t sum(const struct dispatch_answer *a)
{
	uint64_t h = 7 + (uint64_t)a->outputs_kind;

	for (size_t i = 0; i < a->outputs.len; i++)
		h = (h ^ (unsigned char)a->outputs.ptr[i]) * 1099511628211u;
	return h;
}

static int rank_of(enum task_phase phase)
{
	switch (phase) {
	case PHASE_QUEUED:
	case PHASE_WAITING_FOR_RESOURCES:
	case PHASE_INITIALIZING:
		return 0;
	case PHASE_RUNNING:
		return 1;
	default:
		return 2;
	}
}

static void check_answer(struct sim *s, const struct dispatch_answer *a)
{
	struct sim_told *t = sim_told_of(s, a->id);
	struct sim_row *row = world_row(&s->w, a->id);
	int rank = rank_of(a->phase);
	char code[64];

	if (rank < t->rank)
		world_law(&s->w, "%llu went back to phase %d", (unsigned long long)a->id, a->phase);
	t->rank = MAX(t->rank, rank);
	if (str_is(a->code, "StateLost"))
		world_law(&s->w, "%llu is lost", (unsigned long long)a->id);
	if (rank < 2)
		return;
	if (str_is(a->outputs, "other outputs"))
		world_law(&s->w, "%llu ended with news of a run that was over",
			  (unsigned long long)a->id);
	if (!row || !exec_state_finished(row->row->state))
		world_law(&s->w, "%llu is reported before it is durable",
			  (unsigned long long)a->id);
	else
		row->reported = true;
	snprintf(code, sizeof(code), STR_FMT, STR_ARG(a->code));
	if (t->finished &&
	    (t->phase != a->phase || strcmp(t->code, code) != 0 || t->outputs != sum(a)))
		world_law(&s->w, "%llu has two outcomes: %d %s, then %d %s",
			  (unsigned long long)a->id, t->phase, t->code, a->phase, code);
	t->finished = true;
	t->phase = a->phase;
	snprintf(t->code, sizeof(t->code), "%s", code);
	t->outputs = sum(a);
}

/* ---- create ------------------------------------------------------------------------------ */

static void check_created(struct sim_client *c)
{
	struct world *w = c->w;
	size_t key = c->request.key[0];

	if (c->created.status == ERR_INVALID) {
		/* Only another request under a key that is taken may hear this. */
		if (!c->request.has_key)
			world_law(w, "refused: %s", c->created.why);
		return;
	}
	if (c->created.status < 0)
		return;
	if (!world_row(w, c->created.id))
		world_law(w, "%llu was confirmed and is not on the disk",
			  (unsigned long long)c->created.id);
	c->acked = true;
	c->id = c->created.id;
	c->meta_len = c->created.meta_len;
	memcpy(c->meta, c->created.meta, c->meta_len + 1);
	if (!c->request.has_key)
		return;
	if (c->sim->keys[key].meta[0] && strcmp(c->sim->keys[key].meta, c->meta) != 0)
		world_law(w, "key %zu gave another resource_meta", key);
	if (c->sim->keys[key].spec.ptr && !str_eq(c->sim->keys[key].spec, c->request.spec))
		world_law(w, "key %zu accepted another request", key);
	c->sim->keys[key].spec = c->request.spec;
	memcpy(c->sim->keys[key].meta, c->meta, c->meta_len + 1);
}

static void on_created(struct dispatch_created *created)
{
	struct sim_client *c = CONTAINER_OF(created, struct sim_client, created);

	if (!c->creating)
		world_law(c->w, "a create was answered twice");
	c->creating = false;
	check_created(c);
}

/* Two executions never share a prefix: that is for their caller to see to. */
static void new_prefix(struct sim_client *c)
{
	if (c->scheme)
		snprintf(c->prefix, sizeof(c->prefix), "%s://bucket/%zu", c->scheme,
			 c->sim->n_prefixes++);
	c->request.output_prefix = str_of(c->prefix);
}

static void create(struct sim_client *c)
{
	int r;

	if (!c->request.has_key)
		new_prefix(c);
	c->creating = true;
	c->epoch = c->w->epoch;
	c->created = (struct dispatch_created){.done = on_created};
	r = dispatch_create(c->w->d, &c->request, &c->created);
	if (r == 0)
		return;
	c->creating = false;
	check_created(c);
}

/* ---- get and delete -------------------------------------------------------------------------- */

static void on_got(struct dispatch_get *get)
{
	struct sim_client *c = CONTAINER_OF(get, struct sim_client, get);

	if (!c->getting)
		world_law(c->w, "a get was answered twice");
	c->getting = false;
	if (get->status < 0)
		world_law(c->w, "a get failed: %s", get->why);
	else
		check_answer(c->sim, &get->answer);
}

static void get(struct sim_client *c)
{
	int r;

	c->getting = true;
	c->epoch = c->w->epoch;
	c->get = (struct dispatch_get){.done = on_got};
	r = dispatch_get(c->w->d, (struct str){c->meta, c->meta_len}, &c->get);
	if (r != 0)
		on_got(&c->get);
}

static void on_deleted(struct dispatch_delete *del)
{
	struct sim_client *c = CONTAINER_OF(del, struct sim_client, del);
	struct sim_row *row = world_row(c->w, c->id);

	if (!c->deleting)
		world_law(c->w, "a delete was answered twice");
	c->deleting = false;
	if (del->status < 0)
		world_law(c->w, "a delete failed: %s", del->why);
	else if (row)
		row->deleted = true;
}

static void delete (struct sim_client *c)
{
	int r;

	c->deleting = true;
	c->epoch = c->w->epoch;
	c->del = (struct dispatch_delete){.done = on_deleted};
	if (c->acked)
		r = dispatch_delete(c->w->d, (struct str){c->meta, c->meta_len}, &c->del);
	else
		r = dispatch_cancel_key(c->w->d, c->request.key, &c->del);
	if (r != 0)
		on_deleted(&c->del);
}

/* ---- sync -------------------------------------------------------------------------------- */

static void on_sync(struct dispatch_sync *sync, const struct dispatch_answer *a)
{
	struct sim_client *c = CONTAINER_OF(sync, struct sim_client, sync);

	if (!c->syncing)
		world_law(c->w, "a sync call was answered twice");
	if (rank_of(a->phase) != 2)
		world_law(c->w, "a sync call was answered with phase %d", a->phase);
	c->syncing = false;
}

static void sync_call(struct sim_client *c)
{
	struct error err = ERROR_INIT;

	c->syncing = true;
	c->epoch = c->w->epoch;
	c->sync = (struct dispatch_sync){.done = on_sync};
	new_prefix(c);
	if (dispatch_run_sync(c->w->d, &c->request, c->w->now + 10 * S, &c->sync, &err) < 0)
		c->syncing = false;
}

/* ---- clients ----------------------------------------------------------------------------- */

static void forget_some(struct sim_client *c)
{
	struct world *w = c->w;

	if (c->creating && world_chance(w, 100)) {
		dispatch_create_forget(&c->created);
		c->creating = false;
	}
	if (c->getting && world_chance(w, 100)) {
		dispatch_get_forget(&c->get);
		c->getting = false;
	}
	if (c->syncing && world_chance(w, 100)) {
		dispatch_sync_forget(&c->sync);
		c->syncing = false;
	}
}

static void act(struct sim_client *c)
{
	struct world *w = c->w;
	bool known = c->acked && !c->creating;

	if (c->epoch != w->epoch) /* the calls died with the process */
		c->creating = c->getting = c->deleting = c->syncing = false;
	forget_some(c);
	if (!c->acked && !c->creating && !c->wants_other)
		create(c);
	else if (c->wants_other && !c->creating && world_chance(w, 300))
		create(c);
	else if (known && !c->getting && (w->calm || world_chance(w, 600)))
		get(c);
	else if (!c->deleting && (known || c->request.has_key) && world_chance(w, 60))
		delete (c);
	else if (known && !c->creating && c->request.has_key && world_chance(w, 200))
		create(c);
	else if (!c->syncing && world_chance(w, 50))
		sync_call(c);
}

static void turn(struct world *w, void *arg)
{
	struct sim_client *c = arg;

	if (w->over)
		return;
	if (w->d)
		act(c);
	world_after(w, (int64_t)world_pick(w, (w->calm ? 5 : 1) * S) + MS, false, turn, c);
}

void sim_client_init(struct sim *s, struct sim_client *c)
{
	struct world *w = &s->w;
	*c = (struct sim_client){.w = w, .sim = s};
	c->scheme = world_chance(w, 200) ? NULL : world_pick(w, 2) ? "s3" : "gs";
	c->request = (struct dispatch_request){
		.plugin = world_pick(w, 2) ? STR("arith") : STR("echo"),
		.type = STR("add"),
		.spec = STR("request"),
		.has_key = world_chance(w, 600),
		.owned = world_chance(w, 500),
		.pending = world_chance(w, 100),
		.priority = (int)world_pick(w, 10),
		.retries = (uint32_t)world_pick(w, 5),
		.queue_ttl_ns = world_chance(w, 100) ? (int64_t)world_pick(w, 2 * S) + 1 : 0,
		.soft_ns = world_chance(w, 100) ? 2 * S : 0,
		.hard_ns = (int64_t)world_pick(w, 10 * S) + S,
	};
	new_prefix(c);
	c->request.key[0] = (uint8_t)world_pick(w, SIM_KEYS);
	c->wants_other = c->request.has_key && world_chance(w, 100);
	if (c->wants_other)
		c->request.spec = STR("other request");
	world_after(w, (int64_t)world_pick(w, 3 * S), false, turn, c);
}
