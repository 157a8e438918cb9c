/* The end of a runner: what becomes of its runs, who is told what. */
#include "runners/pool_internal.h"

#include "base/log.h"
#include "base/mem.h"
#include "runners/cgroup.h"
#include "runners/logs.h"
#include "runners/naming.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define NAMERS_MAX 2u
#define NAMING_NS  (5 * SECOND)
#define MOVES_MAX  10

/* ---- naming the frames -------------------------------------------------------------------- */

/* Runs that wait for the names of the frames of their runner's crash. */
struct naming {
	struct runner_generation *generation;
	struct death *death;
	struct run_list runs;
	struct process *process;
	struct naming_memory *memory;
	struct loop_timer timer;
};

static void end_with_death(struct run *run, struct death *d)
{
	run->death = death_ref(d);
	run_end_later(run, run->cancelled ? RUN_CANCELLED : RUN_DIED);
}

static void naming_done(struct naming *n)
{
	struct runner_generation *g = n->generation;
	struct runner_pool *p = g->pool;

	while (n->runs.first) {
		struct run *run = n->runs.first;

		run_list_remove(&n->runs, run);
		run_end_later(run, run->cancelled ? RUN_CANCELLED : RUN_DIED);
	}
	loop_timer_cancel(p->loop, &n->timer);
	if (n->memory)
		munmap(n->memory, sizeof(*n->memory));
	death_unref(n->death);
	g->n_naming--;
	p->n_namers--;
	loop_later_queue(p->loop, &p->deliver);
	free(n);
}

/* The other process wrote it, from files of the plugin's. */
static void take_names(struct naming *n)
{
	const struct naming_memory *m = n->memory;
	struct death *d = n->death;
	uint32_t count = atomic_load(&m->n_frames); /* once: it may change at any time */

	if (d->frames)
		return;
	count = MIN(count, (uint32_t)ONCE_FRAMES_MAX);
	if (count > 0)
		d->frames = calloc(count, sizeof(*d->frames));
	for (uint32_t i = 0; d->frames && i < count; i++) {
		struct once_frame *f = &d->frames[i];

		*f = m->frames[i];
		f->text[sizeof(f->text) - 1] = '\0';
		if (!utf8_valid(f->text, strlen(f->text), NULL))
			snprintf(f->text, sizeof(f->text), "(no text)");
		d->n_frames++;
	}
	memcpy(d->trace_note, m->note, sizeof(d->trace_note));
	d->trace_note[sizeof(d->trace_note) - 1] = '\0';
	if (!utf8_valid(d->trace_note, strlen(d->trace_note), NULL))
		d->trace_note[0] = '\0';
}

static void on_named(void *user, const struct hello *h)
{
	if (h->head.kind == HELLO_READY)
		take_names(user);
}

static void on_namer_broke(void *user, const struct error *why)
{
	(void)user;
	(void)why;
}

static void on_namer_printed(void *user, const char *data, size_t len)
{
	(void)user;
	log_debug("while naming the frames of a crash: %.*s", (int)MIN(len, (size_t)500), data);
}

static void on_namer_ended(void *user, const struct process_end *end)
{
	struct naming *n = user;

	(void)end;
	if (n->death->n_frames == 0 && !n->death->trace_note[0])
		snprintf(n->death->trace_note, sizeof(n->death->trace_note),
			 "no frames: they could not be named in time");
	naming_done(n);
}

static const struct process_ops namer_ops = {.said = on_named,
					     .broke = on_namer_broke,
					     .printed = on_namer_printed,
					     .ended = on_namer_ended};

static void on_namer_late(struct loop_timer *t)
{
	process_kill(CONTAINER_OF(t, struct naming, timer)->process, SIGKILL);
}

static int share_crash(struct naming *n, const struct channel *c, int *ret_fd)
{
	int fd = memfd_create("taskhost-crash", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, sizeof(*n->memory)) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
		closep(&fd);
		return -1;
	}
	n->memory = mmap(NULL, sizeof(*n->memory), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (n->memory == MAP_FAILED) {
		n->memory = NULL;
		closep(&fd);
		return -1;
	}
	memcpy(&n->memory->crash, c->crash, sizeof(n->memory->crash));
	memcpy(&n->memory->about, &c->header->about, sizeof(n->memory->about));
	*ret_fd = fd;
	return 0;
}

static int start_namer(struct naming *n, const struct channel *c)
{
	struct runner_pool *p = n->generation->pool;
	_cleanup_(closep) int fd = -1;

	if (share_crash(n, c, &fd) < 0)
		return -1;
	/* Never the spare: that one is for the replacement. */
	if (process_start(&p->processes, &namer_ops, n, &n->process, NULL) < 0)
		return -1;
	n->timer.fire = on_namer_late;
	loop_timer_set(p->loop, &n->timer, loop_now_ns() + NAMING_NS);
	if (process_tell(n->process, HELLO_NAME, NULL, 0, &fd, 1, NULL) < 0)
		process_kill(n->process, SIGKILL);
	return 0;
}

/* Takes the runs over, to end them when names are found; false when they are not looked for. */
static bool name_frames(struct runner_generation *g,
			struct death *d,
			const struct channel *c,
			struct run_list *runs)
{
	struct runner_pool *p = g->pool;
	struct naming *n;

	if (p->closing || d->pid == 0 || !c->crash->signal || runs->n == 0)
		return false;
	n = p->n_namers < NAMERS_MAX ? calloc(1, sizeof(*n)) : NULL;
	if (!n) {
		snprintf(d->trace_note, sizeof(d->trace_note),
			 "no frames: too many crashes at once");
		return false;
	}
	n->generation = g;
	n->death = death_ref(d);
	run_list_init(&n->runs);
	g->n_naming++;
	p->n_namers++;
	if (start_namer(n, c) < 0) {
		snprintf(d->trace_note, sizeof(d->trace_note),
			 "no frames: no process could be started to name them");
		naming_done(n);
		return false;
	}
	while (runs->first) {
		struct run *run = runs->first;

		run_list_remove(runs, run);
		run->death = death_ref(d);
		run_list_append(&n->runs, run);
	}
	return true;
}

/* ---- runs --------------------------------------------------------------------------------- */

/* Those that had begun die; the others wait for another runner, at the head of the queue. Whether
 * one had begun is the runner's word, so it is not believed for ever. */
static void sort_runs(struct pool_runner *r, struct run_list *dead)
{
	struct run_list waiting;

	run_list_init(&waiting);
	while (r->runs.first) {
		struct run *run = r->runs.first;
		bool moves = !run->cancelled && !run->began_told && !run_is_taken(run) &&
			     run->moves++ < MOVES_MAX;

		run_leave(run);
		if (moves) {
			run_list_prepend(&waiting, run);
			continue;
		}
		loop_timer_cancel(run->pool->loop, &run->timer);
		run->state = RUN_ENDED;
		run->end.began = true;
		run->end.ended_ns = loop_now_ns();
		run_list_append(dead, run);
	}
	while (waiting.first) {
		struct run *run = waiting.first;

		run_list_remove(&waiting, run);
		run->state = RUN_QUEUED;
		run_list_prepend(&run->generation->queue, run);
	}
}

/* ---- what it means ------------------------------------------------------------------------ */

static void retry_cgroups(struct runner_pool *p, pid_t pid)
{
	bool kept = pid == 0;

	for (size_t i = 0; i < ARRAY_LEN(p->leftover); i++) {
		if (p->leftover[i] && cgroup_remove(p->params.cgroup, p->leftover[i]))
			p->leftover[i] = 0;
		if (!p->leftover[i] && !kept) {
			p->leftover[i] = pid;
			kept = true;
		}
	}
}

static void say_reason(struct runner_generation *g, const struct death *d, const char *before)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;

	death_describe(d, &text);
	generation_set_reason(g, "%s%s", before, text.data ? text.data : "it crashed");
	log_warn("runner %d of %s ended: %s", d->pid, g->params.name, g->reason);
}

static bool has_asked(const struct runner_limits *l)
{
	return l->memory || l->cpu_milli || l->cpu_seconds || l->open_files || l->processes;
}

/* With the limits that tasks asked for the plugin does not start: those tasks end, and nobody
 * else's wait for them. */
static void end_queue(struct pool_runner *r, struct death *d)
{
	struct runner_generation *g = r->generation;

	if (g->params.asked.memory && r->failure && r->failure->code == ERR_NOMEM)
		d->how = DEATH_OUT_OF_MEMORY;
	while (g->queue.first) {
		struct run *run = g->queue.first;

		run_leave(run);
		end_with_death(run, d);
	}
}

static void count_failed_start(struct pool_runner *r, struct death *d)
{
	struct runner_generation *g = r->generation;

	g->pool->stats.failed_starts++;
	if (r->failure) {
		generation_set_reason(g, "it did not start: %s", r->failure->message);
		log_warn("runner %d of %s: %s", r->pid, g->params.name, g->reason);
	} else {
		say_reason(g, d, "it did not start: ");
	}
	if (has_asked(&g->params.asked))
		end_queue(r, d);
	else if (poison_start_failed(&g->poison, loop_now_ns()))
		generation_quarantined(g);
}

/* Whoever asks for much ends at the limit, whatever the plugin; and with the memory of one task's
 * own wish every end is that task's affair, because a plugin that lacks memory may end in any way.
 */
static bool is_the_tasks_doing(const struct runner_generation *g, const struct death *d)
{
	return (d->how == DEATH_OUT_OF_MEMORY && g->params.limits.memory) ||
	       (d->how == DEATH_CPU_TIME && g->params.limits.cpu_seconds) || g->params.asked.memory;
}

static void count_crash(struct pool_runner *r, const struct death *d)
{
	struct runner_generation *g = r->generation;
	struct runner_pool_stats *s = &g->pool->stats;

	s->crashed++;
	g->n_crashes++;
	if (d->signal > 0 && d->signal < (int)ARRAY_LEN(s->crashes_by_signal))
		s->crashes_by_signal[d->signal]++;
	say_reason(g, d, "");
	if (!is_the_tasks_doing(g, d) && poison_crashed(&g->poison, loop_now_ns()))
		generation_quarantined(g);
}

static struct death *
judge(struct pool_runner *r, enum runner_state was, const struct process_end *end)
{
	struct runner_generation *g = r->generation;
	struct runner_pool *p = g->pool;
	struct death_facts facts = {
		.stopped = was == RUNNER_STOPPING || p->closing,
		.killed = r->killed,
		.cpu_used_up = r->cpu_over > 1,
		.misbehaved = r->misbehaved[0] ? r->misbehaved : NULL,
		.oom_killed = g->cgroup && cgroup_oom_killed(p->params.cgroup, r->pid),
		.limits = &g->params.limits,
	};

	return death_new(end, r->pid, &r->channel, &facts);
}

static void unlink_runner(struct pool_runner *r)
{
	struct runner_generation *g = r->generation;
	struct runner_pool *p = g->pool;

	*r->link = r->next;
	if (r->next)
		r->next->link = r->link;
	g->n_runners--;
	p->n_runners--;
	for (struct pool_runner **at = &p->dirty; *at; at = &(*at)->next_dirty)
		if (*at == r) {
			*at = r->next_dirty;
			break;
		}
}

void runner_ended(struct pool_runner *r, const struct process_end *end)
{
	struct runner_generation *g = r->generation;
	struct runner_pool *p = g->pool;
	struct run_list dead;
	struct death *d;
	enum runner_state was = r->state;
	bool started = !r->failure && r->started;

	r->process = NULL;
	runner_set_state(r, RUNNER_DYING);
	/* What it completed before it ended counts. */
	for (int i = 0; i < 64 && r->runs.n > 0 && !r->misbehaved[0]; i++)
		if (!runner_read_rest(r))
			break;
	run_list_init(&dead);
	sort_runs(r, &dead);
	d = judge(r, was, end);
	if (d)
		d->shared = dead.n > 1;
	unlink_runner(r);
	if (d && !started && d->how != DEATH_STOPPED)
		count_failed_start(r, d);
	else if (d && death_is_crash(d))
		count_crash(r, d);
	if (g->cgroup && !cgroup_remove(p->params.cgroup, r->pid))
		retry_cgroups(p, r->pid);
	pool_pump_all(p); /* the replacement first */
	if (d)
		name_frames(g, d, &r->channel, &dead);
	while (dead.first) {
		struct run *run = dead.first;

		run_list_remove(&dead, run);
		if (d)
			end_with_death(run, d);
		else
			run_end_later(run, RUN_CANCELLED);
	}
	death_unref(d);
	runner_free(r);
	loop_later_queue(p->loop, &p->deliver);
}
