/* A run from start to end, as its owner sees it. */
#include "runners/pool_internal.h"

#include "base/mem.h"

#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TICK_NS (2 * SECOND / 1000)

enum rung { RUNG_NONE = 0, RUNG_ASKED, RUNG_TERM, RUNG_KILL };

/* ---- where it is -------------------------------------------------------------------------- */

static _Atomic uint64_t *claim_of(const struct run *run)
{
	return &run->runner->channel.words[run->slot].claim;
}

bool run_is_taken(const struct run *run)
{
	return atomic_load(claim_of(run)) == claim_word(run->id, CLAIM_TAKEN);
}

void run_leave(struct run *run)
{
	struct pool_runner *r = run->runner;

	if (!r) {
		run_list_remove(&run->generation->queue, run);
		return;
	}
	run_list_remove(&r->runs, run);
	r->slots[run->slot] = NULL;
	r->free_slots[r->n_free++] = run->slot;
	run->runner = NULL;
}

void run_requeue(struct run *run)
{
	run_leave(run);
	run->state = RUN_QUEUED;
	run_list_prepend(&run->generation->queue, run);
}

bool run_take_back(struct run *run)
{
	uint64_t queued = claim_word(run->id, CLAIM_QUEUED);

	/* The plugin can write the word: what has begun, or is being cancelled, stays where it is
	 * whatever the word says. */
	if (run->began_told || run->rung != RUNG_NONE)
		return false;
	return atomic_compare_exchange_strong(claim_of(run), &queued,
					      claim_word(run->id, CLAIM_BACK));
}

/* ---- the end ------------------------------------------------------------------------------ */

static void finish(struct run *run, enum run_how how)
{
	loop_timer_cancel(run->generation->pool->loop, &run->timer);
	run_log_done(run);
	run->state = RUN_ENDED;
	run->end.how = how;
	run->end.cancelled = run->cancelled;
	run->end.queued_ns = run->queued_ns;
	run->end.death = run->death;
	run->end.error = run->error;
	if (run->end.ended_ns == 0)
		run->end.ended_ns = loop_now_ns();
}

static void tell(struct run *run)
{
	if (run->end.began && !run->began_told && run->ops->started)
		run->ops->started(run);
	run->state = RUN_DONE;
	run->ops->done(run, &run->end);
}

void run_end_now(struct run *run, enum run_how how)
{
	finish(run, how);
	tell(run);
}

void run_end_later(struct run *run, enum run_how how)
{
	struct runner_pool *p = run->generation->pool;

	finish(run, how);
	run_list_append(&p->ended, run);
	loop_later_queue(p->loop, &p->deliver);
}

void pool_on_deliver(struct loop_later *later)
{
	struct runner_pool *p = CONTAINER_OF(later, struct runner_pool, deliver);

	while (p->ended.first) {
		struct run *run = p->ended.first;

		run_list_remove(&p->ended, run);
		tell(run);
	}
	for (struct runner_generation *g = p->generations, *next; g; g = next) {
		next = g->next;
		generation_check_retired(g);
	}
	pool_check_closed(p);
}

void run_release(struct run *run)
{
	if (run->document)
		buffers_give(&run->pool->buffers, run->document, run->document_size);
	run->document = NULL;
	death_unref(run->death);
	run->death = NULL;
	free(run->error);
	run->error = NULL;
}

/* ---- cancelling --------------------------------------------------------------------------- */

/* Takes a rung now, and the next one after the span. */
static void set_rung(struct run *run, enum rung rung, int64_t *ret_ns, int64_t span_ns)
{
	*ret_ns = loop_now_ns();
	run->rung = (uint8_t)rung;
	loop_timer_set(run->pool->loop, &run->timer, *ret_ns + span_ns);
}

/* The word first, then the thread that looks at the words. */
static void ask(struct run *run)
{
	struct channel *c = &run->runner->channel;

	atomic_store(&c->words[run->slot].cancel, run->cancelled);
	atomic_fetch_add(&c->header->canceller, 1);
	syscall(SYS_futex, &c->header->canceller, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* A thread cannot be killed: the run is given up, and the runner with it. */
static void abandon(struct run *run)
{
	struct pool_runner *r = run->runner;
	struct runner_generation *g = run->generation;

	run->end.began = true;
	run_leave(run);
	runner_drain(r);
	g->n_crashes++;
	generation_set_reason(g, "a run did not stop and was abandoned on its thread");
	if (poison_crashed(&g->poison, loop_now_ns()))
		generation_quarantined(g);
	run_end_later(run, RUN_CANCELLED);
}

static void kill_for(struct run *run)
{
	struct pool_runner *r = run->runner;

	loop_timer_cancel(run->generation->pool->loop, &run->timer);
	if (!r) { /* nobody has it */
		run_leave(run);
		run_end_later(run, RUN_CANCELLED);
		return;
	}
	run->rung = RUNG_KILL;
	run->end.kill_ns = loop_now_ns();
	if (r->pid == 0) {
		abandon(run);
		return;
	}
	r->killed = true;
	runner_kill(r);
}

static void next_rung(struct run *run)
{
	struct pool_runner *r = run->runner;

	if (!r || run->rung != RUNG_ASKED) {
		kill_for(run);
		return;
	}
	if (r->pid != 0) {
		r->killed = true;
		runner_drain(r); /* it may end any moment, and what it is given now with it */
		process_kill(r->process, SIGTERM);
	}
	set_rung(run, RUNG_TERM, &run->end.term_ns, run->generation->params.term_ns);
}

static void on_timer(struct loop_timer *t)
{
	struct run *run = CONTAINER_OF(t, struct run, timer);

	if (run->rung == RUNG_NONE)
		run_cancel(run, TASK_CANCEL_DEADLINE);
	else
		next_rung(run);
}

void run_cancel(struct run *run, uint32_t reason)
{
	if (run->state >= RUN_ENDED || run->rung != RUNG_NONE)
		return;
	run->cancelled = reason ? reason : TASK_CANCEL_ASKED;
	if (!run->runner || run_take_back(run)) {
		run_leave(run);
		run_end_later(run, RUN_CANCELLED);
		return;
	}
	ask(run);
	set_rung(run, RUNG_ASKED, &run->end.asked_ns, run->generation->params.grace_ns);
}

void run_kill(struct run *run, uint32_t reason)
{
	run_cancel(run, reason);
	if (run->state < RUN_ENDED && run->rung != RUNG_KILL)
		kill_for(run);
}

/* ---- the beginning ------------------------------------------------------------------------ */

int run_start(struct runner_generation *g,
	      const struct run_request *request,
	      const struct run_ops *ops,
	      struct run *run,
	      struct error *err)
{
	struct runner_pool *p = g->pool;
	void *user = run->user;

	if (p->turn_ns == 0) { /* until the end of the turn */
		p->turn_ns = loop_now_ns();
		loop_later_queue(p->loop, &p->flush);
	}
	if (g->retiring || p->closing)
		return err_set(err, ERR_STATE, "%s takes no new runs: %s", g->params.name,
			       p->closing ? "the worker is shutting down" : "it is being replaced");
	*run = (struct run){
		.user = user,
		.ops = ops,
		.request = *request,
		.pool = p,
		.id = ++p->next_id,
		.generation = g,
		.state = RUN_QUEUED,
		.queued_ns = p->turn_ns,
	};
	run->timer.fire = on_timer;
	if (request->deadline_ns)
		loop_timer_set(p->loop, &run->timer, request->deadline_ns);
	run_list_append(&g->queue, run);
	generation_pump(g);
	return 0;
}

/* ---- what nobody tells -------------------------------------------------------------------- */

/* Runs begin without a word, so that short ones cost nothing; this finds those that last. */
static bool tell_started(struct pool_runner *r)
{
	bool unknown = false;
	struct run *run = r->runs.first;

	while (run) {
		if (run->began_told && r->generation->params.max_inflight > 1)
			return unknown; /* latest first: the others are known too */
		if (!run->began_told && !run_is_taken(run)) {
			unknown = true;
		} else if (!run->began_told) {
			run->began_told = true;
			r->n_begun++;
			if (run->ops->started)
				run->ops->started(run);
			if (run->runner != r)
				return true; /* whatever it was: look again in the next tick */
		}
		run = run->next;
	}
	return unknown;
}

#define BEHIND_MAX 64

/* The first run takes long: those behind it are taken back, the latest first, so that none begins
 * whose template came with one that was taken back. */
static void take_back_behind(struct pool_runner *r)
{
	struct runner_generation *g = r->generation;
	struct run *behind[BEHIND_MAX];
	size_t n = 0;

	for (struct run *run = r->runs.first->next; run && n < BEHIND_MAX; run = run->next)
		behind[n++] = run;
	g->typical_ns = MAX(g->typical_ns, TICK_NS);
	while (n > 0) {
		struct run *run = behind[--n];

		if (!run_take_back(run))
			return;
		run_requeue(run);
	}
}

/* True when there is more to be looked for. */
static bool look_at(struct pool_runner *r)
{
	bool more;
	uint64_t front;

	if (r->runs.n == 0 || r->state == RUNNER_DYING)
		return false;
	runner_read(r);
	if (r->runs.n == 0)
		return false;
	front = r->runs.first->id;
	more = tell_started(r);
	if (r->runs.n > 1 && r->generation->params.max_inflight <= 1) {
		if (front == r->front && front == r->runs.first->id && run_is_taken(r->runs.first))
			take_back_behind(r);
		more = more || r->runs.n > 1;
	}
	r->front = front;
	return more;
}

void pool_on_tick(struct loop_timer *t)
{
	struct runner_pool *p = CONTAINER_OF(t, struct runner_pool, tick);
	bool more = false;

	for (struct runner_generation *g = p->generations; g; g = g->next) {
		for (struct pool_runner *r = g->runners; r; r = r->next) {
			more = look_at(r) || r->stalled || more;
			r->stalled = false; /* of freed blocks nobody tells */
		}
		if (g->queue.n > 0)
			generation_pump(g);
	}
	if (more)
		pool_want_tick(p);
}

void pool_want_tick(struct runner_pool *p)
{
	if (!loop_timer_is_set(&p->tick))
		loop_timer_set(p->loop, &p->tick, loop_now_ns() + TICK_NS);
}
