/* Processes started ahead: a runner that is needed at once then costs no exec. */
#include "runners/pool_internal.h"

#include "base/log.h"
#include "base/mem.h"

#include <signal.h>

#define REFILL_NS (SECOND / 1000) /* after one was taken: not while the replacement is awaited */
#define RETRY_NS  (5 * SECOND)    /* after one could not be started or did not stay */

struct spare {
	struct runner_pool *pool;
	struct process *process;
	struct spare *next;
};

static void forget(struct spare *s)
{
	for (struct spare **at = &s->pool->spares; *at; at = &(*at)->next) {
		if (*at != s)
			continue;
		*at = s->next;
		s->pool->n_spares--;
		return;
	}
}

static void refill_later(struct runner_pool *p, int64_t span_ns)
{
	if (!p->closing && p->params.program && p->n_spares < p->params.spares)
		loop_timer_set(p->loop, &p->spare_timer, loop_now_ns() + span_ns);
}

/* A spare has nothing to say; one that speaks or breaks is not used. */
static void on_said(void *user, const struct hello *h)
{
	(void)h;
	process_kill(((struct spare *)user)->process, SIGKILL);
}

static void on_broke(void *user, const struct error *why)
{
	(void)user;
	(void)why;
}

static void on_printed(void *user, const char *data, size_t len)
{
	(void)user;
	log_warn("a runner that waits for work printed: %.*s", (int)MIN(len, (size_t)500), data);
}

static void on_ended(void *user, const struct process_end *end)
{
	struct spare *s = user;
	struct runner_pool *p = s->pool;

	(void)end;
	forget(s);
	free(s);
	refill_later(p, RETRY_NS);
	loop_later_queue(p->loop, &p->deliver);
}

static const struct process_ops spare_ops = {
	.said = on_said, .broke = on_broke, .printed = on_printed, .ended = on_ended};

static int start_one(struct runner_pool *p, struct error *err)
{
	struct spare *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_nomem(err, "a spare runner");
	s->pool = p;
	r = process_start(&p->processes, &spare_ops, s, &s->process, err);
	if (r < 0) {
		free(s);
		return r;
	}
	s->next = p->spares;
	p->spares = s;
	p->n_spares++;
	return 0;
}

void spares_refill(struct runner_pool *p)
{
	struct error err = ERROR_INIT;

	if (p->closing || !p->params.program)
		return;
	while (p->n_spares < p->params.spares)
		if (start_one(p, &err) < 0) {
			log_warn("no spare runner: %s", err.message);
			refill_later(p, RETRY_NS);
			return;
		}
}

struct process *spare_take(struct runner_pool *p)
{
	struct spare *s = p->spares;
	struct process *process;

	if (!s)
		return NULL;
	process = s->process;
	forget(s);
	free(s);
	refill_later(p, REFILL_NS);
	return process;
}

void spares_close(struct runner_pool *p)
{
	for (struct spare *s = p->spares; s; s = s->next)
		process_kill(s->process, SIGKILL);
}
