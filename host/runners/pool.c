#include "runners/pool_internal.h"

#include "base/mem.h"

#include <unistd.h>

/* ---- lists of runs ------------------------------------------------------------------------ */

void run_list_init(struct run_list *l)
{
	*l = (struct run_list){.first = NULL};
	l->end = &l->first;
}

void run_list_append(struct run_list *l, struct run *r)
{
	r->next = NULL;
	r->link = l->end;
	*l->end = r;
	l->end = &r->next;
	l->n++;
}

void run_list_prepend(struct run_list *l, struct run *r)
{
	r->next = l->first;
	r->link = &l->first;
	if (r->next)
		r->next->link = &r->next;
	else
		l->end = &r->next;
	l->first = r;
	l->n++;
}

void run_list_remove(struct run_list *l, struct run *r)
{
	*r->link = r->next;
	if (r->next)
		r->next->link = r->link;
	else
		l->end = r->link;
	r->next = NULL;
	r->link = NULL;
	l->n--;
}

/* ---- buffers ------------------------------------------------------------------------------ */

static const struct {
	size_t size;
	unsigned keep;
} buffer_classes[BUFFER_CLASSES] = {
	{(size_t)4 << 10, 256}, {(size_t)64 << 10, 16}, {(size_t)256 << 10, 4},
	{(size_t)1 << 20, 2},   {(size_t)4 << 20, 2},
};

void *buffers_take(struct buffers *b, size_t size, size_t *ret_size)
{
	for (size_t c = 0; c < BUFFER_CLASSES; c++) {
		struct buffer *found = b->free[c];

		if (buffer_classes[c].size < size)
			continue;
		*ret_size = buffer_classes[c].size;
		if (!found)
			return malloc(buffer_classes[c].size);
		b->free[c] = found->next;
		b->n[c]--;
		return found;
	}
	*ret_size = size;
	return malloc(size);
}

void buffers_give(struct buffers *b, void *buffer, size_t size)
{
	for (size_t c = 0; c < BUFFER_CLASSES; c++) {
		struct buffer *free_one = buffer;

		if (buffer_classes[c].size != size || b->n[c] >= buffer_classes[c].keep)
			continue;
		free_one->next = b->free[c];
		b->free[c] = free_one;
		b->n[c]++;
		return;
	}
	free(buffer);
}

void buffers_done(struct buffers *b)
{
	for (size_t c = 0; c < BUFFER_CLASSES; c++)
		for (struct buffer *f = b->free[c], *next; f; f = next) {
			next = f->next;
			free(f);
		}
	*b = (struct buffers){.n = {0}};
}

/* ---- life --------------------------------------------------------------------------------- */

static void on_spare_timer(struct loop_timer *t)
{
	spares_refill(CONTAINER_OF(t, struct runner_pool, spare_timer));
}

int runner_pool_new(struct loop *l,
		    const struct runner_pool_params *params,
		    struct runner_pool **ret,
		    struct error *err)
{
	struct runner_pool *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return err_nomem(err, "the runners");
	p->loop = l;
	p->params = *params;
	p->flush.run = pool_on_flush;
	p->deliver.run = pool_on_deliver;
	p->tick.fire = pool_on_tick;
	p->cpu_tick.fire = pool_on_cpu_tick;
	p->spare_timer.fire = on_spare_timer;
	run_list_init(&p->ended);
	r = processes_init(&p->processes, l, params->program, params->env ? params->env : environ,
			   err);
	if (r < 0) {
		free(p);
		return r;
	}
	p->processes.ops = params->ops;
	p->processes.ops_ctx = params->ops_ctx;
	p->processes.guard = params->guard;
	spares_refill(p);
	*ret = p;
	return 0;
}

static void close_generation(struct runner_generation *g)
{
	while (g->queue.first) {
		struct run *run = g->queue.first;

		run->cancelled = TASK_CANCEL_SHUTDOWN;
		run_leave(run);
		run_end_later(run, RUN_CANCELLED);
	}
	for (struct pool_runner *r = g->runners; r; r = r->next) {
		for (struct run *run = r->runs.first, *next; run; run = next) {
			next = run->next;
			if (r->pid == 0)
				run_cancel(run, TASK_CANCEL_SHUTDOWN);
			else if (!run->cancelled)
				run->cancelled = TASK_CANCEL_SHUTDOWN;
		}
		runner_kill(r);
	}
}

void runner_pool_close(struct runner_pool *p, void (*closed)(void *user), void *user)
{
	p->closing = true;
	p->closed = closed;
	p->closed_user = user;
	loop_timer_cancel(p->loop, &p->spare_timer);
	spares_close(p);
	for (struct runner_generation *g = p->generations; g; g = g->next)
		close_generation(g);
	loop_later_queue(p->loop, &p->deliver);
}

void pool_check_closed(struct runner_pool *p)
{
	void (*closed)(void *user) = p->closed;
	void *user = p->closed_user;

	if (!p->closing || p->processes.alive > 0 || p->ended.n > 0)
		return;
	while (p->generations)
		generation_free(p->generations);
	loop_timer_cancel(p->loop, &p->tick);
	loop_timer_cancel(p->loop, &p->cpu_tick);
	loop_timer_cancel(p->loop, &p->spare_timer);
	loop_later_cancel(p->loop, &p->flush);
	loop_later_cancel(p->loop, &p->deliver);
	processes_done(&p->processes);
	buffers_done(&p->buffers);
	free(p);
	closed(user);
}

void runner_pool_stats(const struct runner_pool *p, struct runner_pool_stats *ret)
{
	*ret = p->stats;
	ret->spares = p->n_spares;
	for (const struct runner_generation *g = p->generations; g; g = g->next) {
		ret->runners += g->n_runners;
		ret->starting += g->n_starting;
		for (const struct pool_runner *r = g->runners; r; r = r->next)
			ret->busy += r->runs.n > 0;
	}
}
