/* A run in the runner: taken from the ring, completed into it. */
#include "runners/runner_internal.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define KICK_LATE_NS INT64_C(50000)
#define ROOM_WAIT_NS 1000000L

static struct held_run *held_of(struct runner_run *run)
{
	return CONTAINER_OF(run, struct held_run, run);
}

/* ---- handles ------------------------------------------------------------------------------ */

static void link_run(struct held_run **list, struct held_run *h)
{
	h->next = *list;
	h->link = list;
	if (h->next)
		h->next->link = &h->next;
	*list = h;
}

static void unlink_run(struct held_run *h)
{
	*h->link = h->next;
	if (h->next)
		h->next->link = h->link;
}

/* With the lock. */
static struct held_run *new_run(struct runner *r)
{
	struct held_run *h = r->idle;

	if (h)
		unlink_run(h);
	else
		h = calloc(1, sizeof(*h));
	return h;
}

void held_run_unref(struct runner *r, struct held_run *h)
{
	if (--h->refs > 0)
		return;
	if (h->run.task_template)
		runner_template_unref(r, h->run.task_template);
	if (h->block >= 0)
		slab_release(&r->channel.to_runner_slabs, (uint32_t)h->block);
	h->block = -1;
	if (h->copy_size > RECORD_INLINE_MAX) {
		free(h->copy);
		h->copy = NULL;
		h->copy_size = 0;
	}
	unlink_run(h);
	link_run(&r->idle, h);
}

void runner_runs_done(struct runner *r)
{
	struct held_run **lists[] = {&r->active, &r->idle};

	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		for (struct held_run *h = *lists[i], *next; h; h = next) {
			next = h->next;
			free(h->copy);
			free(h);
		}
		*lists[i] = NULL;
	}
}

/* ---- taking ------------------------------------------------------------------------------- */

struct parts {
	struct str task_template, inputs, context;
	const unsigned char *data; /* all of them */
	size_t len;
	int block; /* -1: in the record */
};

static size_t padded(uint32_t len)
{
	return ((size_t)len + 7) & ~(size_t)7;
}

static int find_parts(struct runner *r,
		      const struct ring_record *record,
		      const struct record_submit *s,
		      struct parts *ret,
		      struct error *err)
{
	size_t first = padded(s->template_len), second = padded(s->inputs_len);
	size_t len = first + second + padded(s->context_len), room;
	struct parts p = {.len = len, .block = -1};

	if (s->block == RECORD_INLINE) {
		p.data = (const unsigned char *)record->data + sizeof(*s);
		room = record->len - sizeof(*s);
	} else if (s->block <= SLAB_COUNT) {
		p.block = (int)s->block - 1;
		p.data = slab_data(&r->channel.to_runner_slabs, s->block - 1);
		room = slab_block_size(s->block - 1);
	} else {
		room = 0;
	}
	if (len > room || s->slot >= r->channel.size.slots || s->template_slot >= TEMPLATE_SLOTS)
		return err_set(err, ERR_INVALID, "the host submitted an impossible run");
	if (p.block >= 0)
		slab_expect(&r->channel.to_runner_slabs, s->block - 1, (uint32_t)len);
	p.task_template = (struct str){(const char *)p.data, s->template_len};
	p.inputs = (struct str){(const char *)p.data + first, s->inputs_len};
	p.context = (struct str){(const char *)p.data + first + second, s->context_len};
	*ret = p;
	return 0;
}

static bool claim(struct runner *r, const struct record_submit *s)
{
	uint64_t queued = claim_word(s->run, CLAIM_QUEUED);

	return atomic_compare_exchange_strong(&r->channel.words[s->slot].claim, &queued,
					      claim_word(s->run, CLAIM_TAKEN));
}

/* Inputs and context move out of the record, and out of the slab when the run may keep it long. */
static int keep_parts(struct runner *r, struct held_run *h, struct parts *p, struct error *err)
{
	size_t before = (size_t)(p->inputs.ptr - (const char *)p->data), len = p->len - before;

	h->run.inputs = p->inputs;
	h->run.context = p->context;
	if (p->block >= 0 && !r->copies) {
		h->block = TAKE_FD(p->block);
		return 0;
	}
	if (len == 0)
		return 0;
	if (len > h->copy_size) {
		free(h->copy);
		h->copy = malloc(len);
		h->copy_size = h->copy ? len : 0;
		if (!h->copy)
			return err_nomem(err, "the inputs of a run");
	}
	memcpy(h->copy, p->inputs.ptr, len);
	h->run.inputs.ptr = (const char *)h->copy;
	h->run.context.ptr = (const char *)h->copy + (p->context.ptr - p->inputs.ptr);
	return 0;
}

static void set_up(struct runner *r, struct held_run *h, const struct record_submit *s)
{
	h->runner = r;
	h->active = true;
	h->cancel_told = false;
	h->refs = 1;
	h->slot = s->slot;
	h->block = -1;
	h->started_ns = r->now_ns ? r->now_ns : clock_monotonic_ns();
	h->run = (struct runner_run){
		.id = s->run,
		.deadline_ns = s->deadline_ns,
		.cancel = &r->channel.words[s->slot].cancel,
	};
}

/* Back-traces end here: what is further out is the host's own. */
static __attribute__((noinline)) void call_run(struct runner *r, struct runner_run *run)
{
	r->ops->run(r->state, run);
	__asm__ volatile("" ::: "memory"); /* no tail call: the frame must be on the stack */
}

void (*runner_boundary(void))(void)
{
	return (void (*)(void))call_run;
}

static int start(struct runner *r,
		 const struct record_submit *s,
		 struct parts *p,
		 struct runner_template *t,
		 struct error *err)
{
	struct held_run *h;
	int code;

	pthread_mutex_lock(&r->lock);
	h = new_run(r);
	code = h ? 0 : err_nomem(err, "a run");
	if (h) {
		set_up(r, h, s);
		code = keep_parts(r, h, p, err);
	}
	if (code == 0) {
		h->run.task_template = t;
		if (t)
			t->refs++;
		link_run(&r->active, h);
	}
	pthread_mutex_unlock(&r->lock);
	if (code < 0) {
		free(h);
		return code;
	}
	if (ring_consume(&r->in))
		channel_kick(r->channel.completed);
	r->now_ns = 0;
	if (r->cpu_seconds)
		limits_more_cpu(r->cpu_seconds);
	call_run(r, &h->run);
	return 0;
}

int runner_take(struct runner *r, const struct ring_record *record, struct error *err)
{
	struct runner_template *t = NULL;
	struct record_submit s;
	struct parts p = {.block = -1};
	int code;

	if (record->len < sizeof(s))
		return err_set(err, ERR_INVALID, "a submission has %u bytes", record->len);
	memcpy(&s, record->data, sizeof(s));
	code = find_parts(r, record, &s, &p, err);
	if (code < 0)
		return code;
	/* Also of a run that was taken back: the host counts on our having it now. */
	if (s.template_id) {
		t = runner_template_keep(r, s.template_slot, s.template_id, p.task_template, err);
		code = t ? 0 : err->code;
	}
	if (code == 0 && claim(r, &s))
		code = start(r, &s, &p, t, err);
	if (p.block >= 0)
		slab_release(&r->channel.to_runner_slabs, (uint32_t)p.block);
	return code;
}

/* ---- waking the host ---------------------------------------------------------------------- */

static void pay_kick(struct runner *r)
{
	if (!r->kick_owed)
		return;
	r->kick_owed = false;
	channel_kick(r->channel.completed);
}

/* With the lock. A run in the middle of many does not wake the host: the last one does, or the
 * first one that ends KICK_LATE_NS after another. Should the next run take for ever, the host looks
 * by itself, because runs wait behind that one. */
static void publish(struct runner *r, int64_t now_ns, bool wait_for_more)
{
	if (ring_publish(&r->out)) {
		r->kick_owed = true;
		r->owed_since_ns = now_ns;
	}
	if (!wait_for_more || now_ns - r->owed_since_ns >= KICK_LATE_NS)
		pay_kick(r);
}

void runner_pay_kick(struct runner *r)
{
	pthread_mutex_lock(&r->lock);
	pay_kick(r);
	pthread_mutex_unlock(&r->lock);
}

/* Something waits for us, and it is us who will look at it next. */
static bool more_to_come(const struct runner *r)
{
	return !r->copies && pthread_equal(pthread_self(), r->thread) &&
	       atomic_load_explicit(&r->channel.to_runner->tail, memory_order_relaxed) !=
		       r->in.head;
}

/* ---- completing --------------------------------------------------------------------------- */

/* With the lock. False when there is no room now. */
static bool put_completion(struct runner *r,
			   const struct held_run *h,
			   int32_t outcome,
			   struct str document,
			   int64_t now_ns)
{
	bool behind = document.len <= RECORD_INLINE_MAX;
	struct record_complete c = {
		.run = h->run.id,
		.started_ns = h->started_ns,
		.ended_ns = now_ns,
		.slot = h->slot,
		.outcome = outcome,
		.len = (uint32_t)document.len,
	};
	struct slab_area *slabs = &r->channel.to_host_slabs;
	int block = behind ? -1 : slab_take(slabs, c.len);
	unsigned char *to;

	if (!behind && block < 0)
		return false;
	to = ring_put(&r->out, RECORD_COMPLETE, (uint32_t)sizeof(c) + (behind ? c.len : 0));
	if (!to) {
		if (block >= 0)
			slab_release(slabs, (uint32_t)block);
		return false;
	}
	c.block = behind ? RECORD_INLINE : (uint32_t)block + 1;
	memcpy(to, &c, sizeof(c));
	if (document.len > 0)
		memcpy(behind ? to + sizeof(c) : slab_data(slabs, (uint32_t)block), document.ptr,
		       document.len);
	return true;
}

/* Until the host has made room, or a little while: for a block nobody wakes us. */
static void wait_for_room(struct runner *r)
{
	const struct timespec span = {.tv_nsec = ROOM_WAIT_NS};

	runner_pay_kick(r);
	if (syscall(SYS_futex, &r->channel.to_host->wants_room, FUTEX_WAIT, 1, &span, NULL, 0) <
		    0 &&
	    errno == EAGAIN)
		nanosleep(&span, NULL);
}

/* With the lock. */
static bool is_current(const struct held_run *h, uint64_t id)
{
	return h->active && h->run.id == id;
}

bool runner_complete(struct runner_run *run, uint64_t id, int32_t outcome, struct str document)
{
	struct held_run *h = held_of(run);
	struct runner *r = h->runner;
	int64_t now_ns = clock_monotonic_ns();

	if (document.len > SLAB_MAX)
		return runner_complete(run, id, RUNNER_TOO_LARGE, STR_NULL);
	pthread_mutex_lock(&r->lock);
	while (is_current(h, id) && !put_completion(r, h, outcome, document, now_ns)) {
		pthread_mutex_unlock(&r->lock);
		wait_for_room(r);
		pthread_mutex_lock(&r->lock);
	}
	if (!is_current(h, id)) {
		pthread_mutex_unlock(&r->lock);
		return false;
	}
	h->active = false;
	held_run_unref(r, h);
	if (pthread_equal(pthread_self(), r->thread))
		r->now_ns = now_ns; /* the next run follows at once */
	publish(r, now_ns, more_to_come(r));
	pthread_mutex_unlock(&r->lock);
	return true;
}

/* ---- telling ------------------------------------------------------------------------------ */

static uint32_t cut(struct str text)
{
	size_t n = MIN(text.len, (size_t)RECORD_TEXT_MAX);

	while (n > 0 && n < text.len && ((unsigned char)text.ptr[n] & 0xc0) == 0x80)
		n--; /* not in the middle of a character */
	return (uint32_t)n;
}

void runner_progress(struct runner_run *run, uint64_t id, double fraction, struct str text)
{
	struct held_run *h = held_of(run);
	struct runner *r = h->runner;
	struct record_progress p = {.run = id, .fraction = fraction, .len = cut(text)};
	unsigned char *to = NULL;

	pthread_mutex_lock(&r->lock);
	if (is_current(h, id)) {
		p.slot = h->slot;
		to = ring_put(&r->out, RECORD_PROGRESS, (uint32_t)sizeof(p) + p.len);
	}
	if (to) {
		memcpy(to, &p, sizeof(p));
		memcpy(to + sizeof(p), p.len ? text.ptr : "", p.len);
		publish(r, 0, false);
	}
	pthread_mutex_unlock(&r->lock);
}

void runner_note(struct runner_run *run, uint64_t id, int32_t level, struct str text)
{
	struct held_run *h = held_of(run);
	struct runner *r = h->runner;
	struct record_note n = {.run = id, .level = level, .len = cut(text)};
	unsigned char *to;

	pthread_mutex_lock(&r->lock);
	if (is_current(h, id)) {
		n.slot = h->slot;
		n.lost = r->lost_notes;
		to = ring_put(&r->out, RECORD_NOTE, (uint32_t)sizeof(n) + n.len);
		r->lost_notes = to ? 0 : r->lost_notes + 1;
		if (to) {
			memcpy(to, &n, sizeof(n));
			memcpy(to + sizeof(n), n.len ? text.ptr : "", n.len);
			publish(r, 0, false);
		}
	}
	pthread_mutex_unlock(&r->lock);
}
