/* One execution in memory: its tables, its moves, its timer. */
#include "dispatch/private.h"

#include <stdarg.h>
#include <stdio.h>

/* ---- making ------------------------------------------------------------------------------ */

/* The spans that stay in memory with the execution. */
#define KEPT(X) X(plugin) X(type) X(name) X(tenant) X(node) X(output_prefix) X(cancel_reason)

static char *copy_texts(struct store_row *row)
{
	size_t size = 1;
	char *text, *at;

#define X(span) size += row->span.len;
	KEPT(X)
#undef X
	at = text = malloc(size);
	if (!text)
		return NULL;
#define X(span)                                                                                    \
	if (row->span.len > 0)                                                                     \
		memcpy(at, row->span.ptr, row->span.len);                                          \
	row->span.ptr = at;                                                                        \
	at += row->span.len;
	KEPT(X)
#undef X
	return text;
}

static bool copy_spec(struct execution *x, struct str spec)
{
	x->row.spec = STR_NULL;
	if (spec.len == 0)
		return true;
	x->spec = malloc(spec.len);
	if (!x->spec)
		return false;
	memcpy(x->spec, spec.ptr, spec.len);
	x->row.spec = (struct str){x->spec, spec.len};
	x->d->spec_bytes += spec.len;
	return true;
}

/* These stay in memory with the execution, after its end too. */
#define NAME_MOST   ((size_t)1 << 10)
#define PREFIX_MOST ((size_t)8 << 10)

int request_check(const struct dispatch_request *r, struct error *err)
{
	const struct {
		const char *what;
		size_t len, most;
	} texts[] = {
		{"task type", r->type.len, NAME_MOST},
		{"task's name", r->name.len, NAME_MOST},
		{"name of the tenant", r->tenant.len, NAME_MOST},
		{"name of the node", r->node.len, 4 * NAME_MOST},
		{"output prefix", r->output_prefix.len, PREFIX_MOST},
	};

	if (r->plugin.len == 0 || r->type.len == 0)
		return err_set(err, ERR_INVALID, "the request names no plugin or no task type");
	if (r->priority < 0 || r->priority >= QUEUE_PRIORITIES)
		return err_set(err, ERR_INVALID, "priority %d is not one of 0 to 9", r->priority);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (texts[i].len > texts[i].most)
			return err_set(err, ERR_INVALID,
				       "the %s has %zu bytes; at most %zu are taken", texts[i].what,
				       texts[i].len, texts[i].most);
	return 0;
}

struct store_row row_of_request(struct dispatch *d, const struct dispatch_request *r)
{
	return (struct store_row){
		.id = dispatch_next_id(d),
		.state = EXEC_QUEUED,
		.incarnation = d->incarnation,
		.flags = (r->owned ? ROW_OWNED : 0u) | (r->pending ? ROW_PENDING : 0u),
		.priority = r->priority,
		.plugin = r->plugin,
		.type = r->type,
		.type_version = r->type_version,
		.name = r->name,
		.tenant = r->tenant,
		.node = r->node,
		.output_prefix = r->output_prefix,
		.spec = r->spec,
		.spec_size = r->spec.len,
		.max_runs = 1,
		.accepted_at = wall_of(d),
	};
}

struct execution *execution_new(struct dispatch *d, const struct store_row *row)
{
	struct execution *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->d = d;
	x->row = *row;
	x->row.cause = x->row.code = x->row.message = x->row.outputs = x->row.history = STR_NULL;
	x->rung = -1;
	x->progress = -1;
	x->deadline_ns = INT64_MAX;
	x->step = STEP_FINISH;
	x->item.priority = MIN(MAX(row->priority, 0), QUEUE_PRIORITIES - 1);
	x->created_ns = x->queued_ns = now_of(d);
	list_init(&x->creators);
	list_init(&x->watchers);
	x->text = copy_texts(&x->row);
	if (!x->text || !copy_spec(x, row->spec) ||
	    queue_join(&d->queue, &x->item, x->row.plugin, x->row.type, row->flags & ROW_PENDING) <
		    0) {
		execution_free(x);
		return NULL;
	}
	return x;
}

void exec_take_spec(struct execution *x, char *memory, struct str spec)
{
	x->spec = memory;
	x->row.spec = spec;
	x->d->spec_bytes += spec.len;
}

void exec_drop_spec(struct execution *x)
{
	x->d->spec_bytes -= x->row.spec.len;
	x->row.spec = STR_NULL;
	free(TAKE(x->spec));
}

static void unlink_all(struct list *head)
{
	while (!list_empty(head))
		list_remove(head->next);
}

static void detach_upload(struct execution *x)
{
	if (x->upload)
		x->upload->x = NULL;
	x->upload = NULL;
}

void execution_free(struct execution *x)
{
	struct dispatch *d;

	if (!x)
		return;
	d = x->d;
	if (list_linked(&x->all))
		d->in_state[x->state]--;
	if (queue_is_waiting(&x->item))
		queue_remove(&d->queue, &x->item);
	exec_give_back(x);
	queue_leave(&d->queue, &x->item);
	hash_remove(&d->by_id, &x->by_id);
	hash_remove(&d->by_key, &x->by_key);
	list_remove(&x->all);
	list_remove(&x->changed);
	unlink_all(&x->creators);
	unlink_all(&x->watchers);
	if (x->sync)
		x->sync->execution = NULL;
	exec_set_timer(x, INT64_MAX);
	detach_upload(x);
	exec_drop_spec(x);
	ending_done(&x->ending);
	free(x->meta);
	free(x->text);
	free(x);
}

/* ---- tables ------------------------------------------------------------------------------ */

static uint64_t key_hash(const uint8_t *key)
{
	uint64_t h;

	memcpy(&h, key, sizeof(h)); /* it is a digest */
	return h;
}

struct execution *exec_find(struct dispatch *d, uint64_t id)
{
	struct hash_node *n = hash_find(&d->by_id, hash_number(id));

	for (; n; n = hash_again(n)) {
		struct execution *x = CONTAINER_OF(n, struct execution, by_id);

		if (x->row.id == id)
			return x;
	}
	return NULL;
}

struct execution *exec_find_meant(struct dispatch *d, const struct meta *m)
{
	struct execution *x = exec_find(d, m->id);

	return x && x->row.incarnation == m->incarnation ? x : NULL;
}

bool exec_same_key(const struct execution *x, const uint8_t key[STORE_KEY_SIZE])
{
	return x->row.has_key && memcmp(x->row.key, key, STORE_KEY_SIZE) == 0;
}

struct execution *exec_find_key(struct dispatch *d, const uint8_t key[STORE_KEY_SIZE])
{
	struct hash_node *n = hash_find(&d->by_key, key_hash(key));

	for (; n; n = hash_again(n)) {
		struct execution *x = CONTAINER_OF(n, struct execution, by_key);

		if (exec_same_key(x, key))
			return x;
	}
	return NULL;
}

void exec_claim_key(struct execution *x)
{
	if (x->row.has_key && !x->by_key.in)
		hash_add(&x->d->by_key, &x->by_key, key_hash(x->row.key));
}

/* Once: it is signed, and what it is made of never changes. */
static int keep_meta(struct execution *x)
{
	char text[META_MAX + 1];
	size_t n;

	if (x->is_sync)
		return 0;
	n = meta_format(&x->d->meta_key, &x->row, text);
	x->meta = malloc(n + 1);
	if (!x->meta)
		return ERR_NOMEM;
	memcpy(x->meta, text, n + 1);
	x->meta_len = (uint16_t)n;
	return 0;
}

int exec_insert(struct execution *x)
{
	struct dispatch *d = x->d;

	if (keep_meta(x) < 0)
		return ERR_NOMEM;
	if (hash_add(&d->by_id, &x->by_id, hash_number(x->row.id)) < 0)
		return ERR_NOMEM;
	/* One that only asks the store about a key it knows does not stand for that key. */
	if (x->row.has_key && !exec_find_key(d, x->row.key) &&
	    hash_add(&d->by_key, &x->by_key, key_hash(x->row.key)) < 0) {
		hash_remove(&d->by_id, &x->by_id);
		return ERR_NOMEM;
	}
	list_append(&d->live, &x->all);
	d->in_state[x->state]++;
	d->n_live++;
	return 0;
}

/* ---- moving ------------------------------------------------------------------------------ */

const struct state_work *exec_work(const struct execution *x)
{
	static const struct state_work nothing = {.enter = NULL};
	static const struct state_work *const work[EXEC_STATES] = {
		[EXEC_NEW] = &on_new,
		[EXEC_QUEUED] = &on_queued,
		[EXEC_STARTING] = &on_starting,
		[EXEC_RUNNING] = &on_running,
		[EXEC_COMMITTING] = &on_committing,
		[EXEC_RETRY_WAIT] = &on_retry_wait,
		[EXEC_CANCELLING] = &on_cancelling,
	};

	return work[x->state] ? work[x->state] : &nothing;
}

static void trace_move(struct execution *x, enum exec_state to, const char *fmt, va_list ap)
{
	struct dispatch *d = x->d;
	char line[TRACE_MAX], why[TRACE_MAX / 2];

	if (!d->hooks.trace)
		return;
	vsnprintf(why, sizeof(why), fmt, ap);
	snprintf(line, sizeof(line), "%s > %s%s%s", machine_states[x->state].name,
		 machine_states[to].name, *why ? ", " : "", why);
	d->hooks.trace(d->hooks.user, x->row.id, line);
}

void exec_move(struct execution *x, enum exec_state to, const char *fmt, ...)
{
	const struct state_work *work;
	struct dispatch *d = x->d;
	va_list ap;

	va_start(ap, fmt);
	trace_move(x, to, fmt, ap);
	va_end(ap);
	if (!machine_allows(x->state, to)) {
		d->stats.broken++;
		dispatch_log(d, LOG_ERROR, x->row.id,
			     "went from %s to %s, which is not in the table",
			     machine_states[x->state].name, machine_states[to].name);
	}
	d->in_state[x->state]--;
	d->in_state[to]++;
	x->state = to;
	exec_set_timer(x, INT64_MAX);
	exec_changed(x);
	work = exec_work(x);
	if (work->enter)
		work->enter(d, x);
}

void exec_set_timer(struct execution *x, int64_t when_ns)
{
	if (heap_linked(&x->timer))
		heap_remove(&x->d->timers, &x->timer);
	if (when_ns != INT64_MAX)
		heap_insert(&x->d->timers, &x->timer, when_ns);
}

void exec_give_back(struct execution *x)
{
	if (!x->has_slots)
		return;
	x->has_slots = false;
	queue_give_back(&x->d->queue, &x->item);
}

void exec_changed(struct execution *x)
{
	if (!list_empty(&x->watchers) && !list_linked(&x->changed))
		list_append(&x->d->changed, &x->changed);
}

struct machine_facts exec_facts(const struct execution *x)
{
	return (struct machine_facts){
		.state = x->state,
		.in_queue = queue_is_waiting(&x->item),
		.has_slots = x->has_slots,
		.has_runner = x->has_runner,
		.writing = x->writing,
		.ending = x->ending.to != EXEC_NEW,
		.end_written = x->end_written,
		.has_timer = heap_linked(&x->timer),
		.durable = !x->is_sync,
	};
}
