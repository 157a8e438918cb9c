/* CPU time, watched from outside: the limit that the runner sets itself ends it with SIGXCPU, which
 * a plugin can ignore or put off. */
#include "runners/pool_internal.h"

#include "base/log.h"
#include "base/mem.h"

#include <time.h>

#define EVERY_NS SECOND
#define EXTRA_NS SECOND /* so that SIGXCPU comes first, where it counts */

/* CPU time of a process; -1 when that cannot be told. */
static int64_t cpu_of(pid_t pid)
{
	struct timespec t;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0)
		return -1;
	return t.tv_sec * SECOND + t.tv_nsec;
}

/* Every run that begins has the whole limit. A runner cannot make up beginnings: each run has one.
 * Two looks, because the first may come before the latest beginning is known. */
static void look_at(struct pool_runner *r)
{
	int64_t now_ns = cpu_of(r->pid), over_ns;

	if (now_ns < 0)
		return;
	if (r->n_begun != r->cpu_begun) {
		r->cpu_begun = r->n_begun;
		r->cpu_ns = now_ns;
		r->cpu_over = 0;
	}
	over_ns = now_ns - r->cpu_ns - EXTRA_NS;
	if (over_ns < 0 || (uint64_t)(over_ns / SECOND) < r->generation->params.limits.cpu_seconds)
		return;
	if (++r->cpu_over < 2)
		return;
	log_warn("runner %d of %s is killed: it went on after its CPU time was used up", r->pid,
		 r->generation->params.name);
	runner_kill(r);
}

void pool_on_cpu_tick(struct loop_timer *t)
{
	struct runner_pool *p = CONTAINER_OF(t, struct runner_pool, cpu_tick);

	for (struct runner_generation *g = p->generations; g; g = g->next) {
		if (g->params.in_process || !g->params.limits.cpu_seconds)
			continue;
		for (struct pool_runner *r = g->runners; r; r = r->next)
			if (r->state <= RUNNER_DRAINING)
				look_at(r);
		if (g->runners)
			pool_watch_cpu(p);
	}
}

void pool_watch_cpu(struct runner_pool *p)
{
	if (!loop_timer_is_set(&p->cpu_tick))
		loop_timer_set(p->loop, &p->cpu_tick, loop_now_ns() + EVERY_NS);
}
