/* What goes through the ring, the host's side. Everything read here was written by a process that
 * may be hostile: it is copied once, checked, and only then used. */
#include "runners/pool_internal.h"

#include "base/mem.h"

#include <limits.h>
#include <linux/futex.h>
#include <math.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BATCH           256   /* records of one runner per turn */
#define EMPTY_WAKES_MAX 10000 /* in a row */

/* ---- templates ---------------------------------------------------------------------------- */

/* Good enough to choose a slot: equality is decided by the bytes. */
static uint64_t hash_of(struct str s)
{
	uint64_t h = s.len * 0x9e3779b97f4a7c15u, v;
	size_t i = 0;

	for (; i + 8 <= s.len; i += 8) {
		memcpy(&v, s.ptr + i, 8);
		h = (h ^ v) * 0xff51afd7ed558ccdu;
		h ^= h >> 32;
	}
	v = 0;
	memcpy(&v, s.ptr + i, s.len - i);
	h = (h ^ v) * 0xff51afd7ed558ccdu;
	return h ^ h >> 32;
}

/* The slot and name by which runners keep this template. NULL: out of memory. */
static const struct kept_template *
keep_template(struct runner_generation *g, struct str bytes, uint32_t *ret_slot)
{
	uint64_t hash = hash_of(bytes);
	uint32_t slot = (uint32_t)(hash % TEMPLATE_SLOTS);
	struct kept_template *t = &g->templates[slot];
	char *copy;

	*ret_slot = slot;
	if (t->id && t->hash == hash && str_eq((struct str){t->bytes, t->len}, bytes))
		return t;
	copy = malloc(bytes.len);
	if (!copy)
		return NULL;
	memcpy(copy, bytes.ptr, bytes.len);
	free(t->bytes);
	*t = (struct kept_template){
		.id = ++g->pool->next_template, .hash = hash, .bytes = copy, .len = bytes.len};
	return t;
}

/* ---- submitting --------------------------------------------------------------------------- */

static size_t padded(size_t len)
{
	return (len + 7) & ~(size_t)7;
}

static void put_part(unsigned char **to, struct str part)
{
	if (part.len > 0)
		memcpy(*to, part.ptr, part.len);
	*to += padded(part.len);
}

static void refuse(struct run *run, int code, const char *what)
{
	run->error = malloc(sizeof(*run->error));
	if (run->error)
		err_set(run->error, code, "%s", what);
	run_leave(run);
	run_end_later(run, RUN_REFUSED);
}

/* Where the bytes of a submission go: behind the record or into a block. NULL: no room. */
static unsigned char *
make_room(struct pool_runner *r, size_t len, struct record_submit *s, unsigned char **ret_record)
{
	struct slab_area *slabs = &r->channel.to_runner_slabs;
	bool behind = len <= RECORD_INLINE_MAX;
	int block = behind ? -1 : slab_take(slabs, (uint32_t)len);

	if (!behind && block < 0)
		return NULL;
	*ret_record = ring_put(&r->out, RECORD_SUBMIT, (uint32_t)(sizeof(*s) + (behind ? len : 0)));
	if (!*ret_record) {
		if (block >= 0)
			slab_release(slabs, (uint32_t)block);
		return NULL;
	}
	s->block = behind ? RECORD_INLINE : (uint32_t)block + 1;
	return behind ? *ret_record + sizeof(*s) : slab_data(slabs, (uint32_t)block);
}

static void hand_over(struct pool_runner *r, struct run *run)
{
	struct run_word *word;

	run_list_remove(&run->generation->queue, run);
	run->slot = r->free_slots[--r->n_free];
	r->slots[run->slot] = run;
	run->runner = r;
	run->state = RUN_SUBMITTED;
	if (r->generation->params.max_inflight > 1)
		run_list_prepend(&r->runs, run);
	else
		run_list_append(&r->runs, run);
	word = &r->channel.words[run->slot];
	atomic_store_explicit(&word->cancel, 0, memory_order_relaxed);
	atomic_store_explicit(&word->claim, claim_word(run->id, CLAIM_QUEUED),
			      memory_order_relaxed);
}

static void no_room(struct pool_runner *r)
{
	if (r->out.broken)
		runner_misbehaved(r, "it says it has read what was not written");
	r->stalled = true;
	pool_want_tick(r->generation->pool);
}

bool runner_submit(struct pool_runner *r, struct run *run)
{
	const struct run_request *q = &run->request;
	struct record_submit s = {.run = run->id, .deadline_ns = INT64_MAX};
	struct str template = STR_NULL;
	unsigned char *record, *to;
	size_t len;

	if (q->task_template.len > SLAB_MAX || q->inputs.len > SLAB_MAX ||
	    q->context.len > SLAB_MAX) {
		refuse(run, ERR_LIMIT, "the inputs are larger than a runner can be given");
		return false;
	}
	if (q->task_template.len > 0) {
		const struct kept_template *t =
			keep_template(run->generation, q->task_template, &s.template_slot);

		if (!t) {
			refuse(run, ERR_NOMEM, "out of memory for a task template");
			return false;
		}
		s.template_id = t->id;
		if (r->templates[s.template_slot] != t->id)
			template = q->task_template;
	}
	len = padded(template.len) + padded(q->inputs.len) + padded(q->context.len);
	if (len > SLAB_MAX) {
		refuse(run, ERR_LIMIT, "the inputs are larger than a runner can be given");
		return false;
	}
	to = make_room(r, len, &s, &record);
	if (!to) {
		no_room(r);
		return false;
	}
	if (template.len > 0)
		r->templates[s.template_slot] = s.template_id;
	hand_over(r, run);
	s.slot = run->slot;
	s.template_len = (uint32_t) template.len;
	s.inputs_len = (uint32_t)q->inputs.len;
	s.context_len = (uint32_t)q->context.len;
	if (q->deadline_ns)
		s.deadline_ns = q->deadline_ns;
	memcpy(record, &s, sizeof(s));
	put_part(&to, template);
	put_part(&to, q->inputs);
	put_part(&to, q->context);
	runner_wake(r);
	return true;
}

void runner_wake(struct pool_runner *r)
{
	struct runner_pool *p = r->generation->pool;

	if (r->dirty)
		return;
	pool_want_tick(p);
	r->dirty = true;
	r->next_dirty = p->dirty;
	p->dirty = r;
	loop_later_queue(p->loop, &p->flush);
}

/* One wake-up for all that this turn has brought. */
void pool_on_flush(struct loop_later *later)
{
	struct runner_pool *p = CONTAINER_OF(later, struct runner_pool, flush);

	p->turn_ns = 0;
	while (p->dirty) {
		struct pool_runner *r = p->dirty;

		p->dirty = r->next_dirty;
		r->dirty = false;
		if (ring_publish(&r->out))
			channel_kick(r->channel.wake);
	}
}

/* ---- reading ------------------------------------------------------------------------------ */

static struct run *run_of(struct pool_runner *r, uint32_t slot, uint64_t id)
{
	struct run *run = slot < r->channel.size.slots ? r->slots[slot] : NULL;

	return run && run->id == id ? run : NULL;
}

/* The compiler must not go back to the shared bytes for what has been checked in the copy. */
static void take_copy(void *to, const struct ring_record *record, size_t size)
{
	memcpy(to, record->data, size);
	__asm__ volatile("" : : "r"(to) : "memory");
}

/* The document, checked and in memory of ours. False when the record is impossible. */
static bool take_document(struct pool_runner *r,
			  const struct ring_record *record,
			  const struct record_complete *c,
			  struct run *run)
{
	struct slab_area *slabs = &r->channel.to_host_slabs;
	const void *from = (const unsigned char *)record->data + sizeof(*c);
	uint32_t block = c->block - 1;

	if (c->block == RECORD_INLINE) {
		if (c->len != record->len - sizeof(*c))
			return false;
	} else {
		if (block >= SLAB_COUNT || c->len > slab_block_size(block))
			return false;
		from = slab_data(slabs, block);
	}
	if (run && c->len > 0) {
		run->document = buffers_take(&run->pool->buffers, c->len, &run->document_size);
		if (run->document && c->block != RECORD_INLINE)
			slab_expect(slabs, block, c->len);
		if (run->document)
			memcpy(run->document, from, c->len);
	}
	if (c->block != RECORD_INLINE)
		slab_release(slabs, block);
	return true;
}

static int64_t clamp(int64_t v, int64_t low, int64_t high)
{
	return v < low ? low : v > high ? high : v;
}

static void complete(struct run *run, const struct record_complete *c)
{
	struct pool_runner *r = run->runner;
	struct runner_generation *g = r->generation;
	int64_t now_ns = r->read_ns;

	if (c->ended_ns > now_ns)
		r->read_ns = now_ns = loop_now_ns();
	r->n_begun += !run->began_told;
	run->end.began = true;
	run->end.started_ns = clamp(c->started_ns, run->queued_ns, now_ns);
	run->end.ended_ns = clamp(c->ended_ns, run->end.started_ns, now_ns);
	run->end.outcome = c->outcome;
	run->end.document = (struct str){(const char *)run->document, c->len};
	runner_flush_output(r);
	run_leave(run);
	runner_completed(r);
	generation_count_run(g, run->end.ended_ns - run->end.started_ns);
	if (c->len > 0 && !run->document) {
		run->error = calloc(1, sizeof(*run->error));
		err_nomem(run->error, "what a run returned");
		run_end_now(run, RUN_REFUSED);
	} else if (c->outcome == RUNNER_TOO_LARGE) {
		run->error = calloc(1, sizeof(*run->error));
		err_set(run->error, ERR_LIMIT, "what the run returned is larger than %u MiB",
			SLAB_MAX >> 20);
		run_end_now(run, RUN_REFUSED);
	} else {
		run_end_now(run, RUN_COMPLETED);
	}
}

static void on_complete(struct pool_runner *r, const struct ring_record *record)
{
	struct record_complete c;
	struct run *run;

	if (record->len < sizeof(c)) {
		runner_misbehaved(r, "a completion has %u bytes", record->len);
		return;
	}
	take_copy(&c, record, sizeof(c));
	run = run_of(r, c.slot, c.run);
	if (!take_document(r, record, &c, run))
		runner_misbehaved(r, "a completion names %u bytes at %u", c.len, c.block);
	else if (run)
		complete(run, &c);
	else
		r->generation->pool->stats.stray++;
}

/* A text behind a record, copied; NULL when it is impossible. What is no text is cut at that point.
 */
static bool take_text(const struct ring_record *record,
		      size_t before,
		      uint32_t len,
		      char copy[RECORD_TEXT_MAX],
		      struct str *ret)
{
	size_t bad;

	if (len > RECORD_TEXT_MAX || len != record->len - before)
		return false;
	memcpy(copy, (const char *)record->data + before, len);
	*ret = (struct str){copy, len};
	if (!utf8_valid(copy, len, &bad))
		ret->len = bad;
	return true;
}

static void on_progress(struct pool_runner *r, const struct ring_record *record)
{
	struct record_progress p = {0};
	char copy[RECORD_TEXT_MAX];
	struct str text;
	struct run *run;

	if (record->len >= sizeof(p))
		take_copy(&p, record, sizeof(p));
	if (record->len < sizeof(p) || !take_text(record, sizeof(p), p.len, copy, &text)) {
		runner_misbehaved(r, "a report of progress has %u bytes", record->len);
		return;
	}
	run = run_of(r, p.slot, p.run);
	if (run && run->ops->progress && isfinite(p.fraction))
		run->ops->progress(run, p.fraction < 0 ? 0 : p.fraction > 1 ? 1 : p.fraction, text);
}

static void on_note(struct pool_runner *r, const struct ring_record *record)
{
	struct record_note n = {0};
	char copy[RECORD_TEXT_MAX];
	struct str text;
	struct run *run;

	if (record->len >= sizeof(n))
		take_copy(&n, record, sizeof(n));
	if (record->len < sizeof(n) || !take_text(record, sizeof(n), n.len, copy, &text)) {
		runner_misbehaved(r, "a note has %u bytes", record->len);
		return;
	}
	run = run_of(r, n.slot, n.run);
	if (!run)
		return;
	run_log_note(run, n.level, text, n.lost);
	if (run->ops->note)
		run->ops->note(run, n.level, text, n.lost);
}

static void on_record(struct pool_runner *r, const struct ring_record *record)
{
	switch (record->kind) {
	case RECORD_COMPLETE:
		on_complete(r, record);
		break;
	case RECORD_PROGRESS:
		on_progress(r, record);
		break;
	case RECORD_NOTE:
		on_note(r, record);
		break;
	default:
		runner_misbehaved(r, "a record is of kind %u", record->kind);
		break;
	}
}

static void give_room(struct pool_runner *r)
{
	if (ring_consume(&r->in))
		syscall(SYS_futex, &r->channel.to_host->wants_room, FUTEX_WAKE, INT_MAX, NULL, NULL,
			0);
}

/* At most a batch; true when there may be more. */
static bool read_batch(struct pool_runner *r)
{
	struct error err = ERROR_INIT;
	struct ring_record record;

	r->read_ns = loop_now_ns();
	for (int n = 0; n < BATCH; n++) {
		int code = r->misbehaved[0] ? 0 : ring_next(&r->in, &record, &err);

		if (code < 0)
			runner_misbehaved(r, "%s", err.message);
		if (code > 0) {
			r->empty_wakes = 0;
			on_record(r, &record);
			continue;
		}
		give_room(r);
		if (r->misbehaved[0] || ring_sleep(&r->in))
			return false;
	}
	give_room(r);
	return true;
}

void runner_read(struct pool_runner *r)
{
	struct runner_generation *g = r->generation;

	if (read_batch(r))
		loop_later_queue(g->pool->loop, &r->again);
	if (r->runs.n == 0)
		runner_idle(r);
	generation_pump(g);
}

bool runner_read_rest(struct pool_runner *r)
{
	return read_batch(r);
}

void runner_on_again(struct loop_later *later)
{
	runner_read(CONTAINER_OF(later, struct pool_runner, again));
}

void runner_on_completed(void *user, int events)
{
	struct pool_runner *r = user;

	(void)events;
	channel_unkick(r->channel.completed);
	r->stalled = false;
	if (++r->empty_wakes > EMPTY_WAKES_MAX)
		runner_misbehaved(r, "it woke the host %d times for nothing", EMPTY_WAKES_MAX);
	runner_read(r);
}
