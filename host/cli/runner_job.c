#include "cli/runner_private.h"

#include <time.h>

/* Ties a runner_run to its job while both are there: a cancel comes on a thread of its own and may
 * meet the end of the run, and even of the generation. */
static pthread_mutex_t links = PTHREAD_MUTEX_INITIALIZER;

#define SPARE_MAX   16
#define SPARE_ARENA ((size_t)16 << 10)

static int64_t thread_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* ---- life ------------------------------------------------------------------------------------ */

/* Jobs that are over wait here for the next run, a few of them: they are large, and short runs come
 * in great numbers. A job may be let go after its generation is gone, so this is not a part of one.
 * Under the lock. */
static struct runner_job *spare;
static unsigned n_spare;

static void job_free(struct runner_job *job)
{
	task_run_free(job->task);
	arena_done(&job->arena);
	free(job);
}

static void job_unref(struct runner_job *job)
{
	bool last, kept;

	pthread_mutex_lock(&links);
	last = --job->refs == 0;
	kept = last && n_spare < SPARE_MAX && job->arena.used <= SPARE_ARENA;
	if (kept) {
		job->next = spare;
		spare = job;
		n_spare++;
	}
	pthread_mutex_unlock(&links);
	if (last && !kept)
		job_free(job);
}

static struct runner_job *job_alloc(void)
{
	struct runner_job *job;

	pthread_mutex_lock(&links);
	job = spare;
	if (job) {
		spare = job->next;
		n_spare--;
	}
	pthread_mutex_unlock(&links);
	if (job)
		return job;
	job = malloc(sizeof(*job));
	if (!job)
		return NULL;
	arena_init(&job->arena, 0);
	job->task = task_run_new();
	if (!job->task) {
		free(job);
		return NULL;
	}
	return job;
}

/* With two references: until the run is over, and the caller's. */
static struct runner_job *job_new(struct runner_state *s, struct runner_run *run)
{
	struct runner_job *job = job_alloc();
	struct task_run *task;
	struct arena arena;

	if (!job)
		return NULL;
	task = job->task;
	arena = job->arena;
	memset(job, 0, offsetof(struct runner_job, timeline));
	arena_clear(&arena);
	job->task = task;
	job->arena = arena;
	job->timeline.n = 0;
	job->state = s;
	job->run = run;
	job->id = run->id;
	job->refs = 2;
	return job;
}

static void set_over(struct runner_job *job)
{
	pthread_mutex_lock(&links);
	job->run->user = NULL;
	job->over = true;
	pthread_mutex_unlock(&links);
}

/* ---- what the task layer calls --------------------------------------------------------------- */

static void on_step(void *user, const char *what)
{
	const struct runner_job *job = user;

	if (!job->elsewhere)
		once_step(job->state->about, what);
}

static void on_progress(void *user, double fraction, struct str message)
{
	const struct runner_job *job = user;

	runner_progress(job->run, job->id, fraction, message);
}

static void on_ready(void *user, struct task_run *task)
{
	struct runner_job *job = user;

	(void)task;
	runner_resume_put(&job->state->resume, job);
}

/* Counts what the thread used since the job's mark. On the runner's thread the next run begins where
 * this one ended: reading that clock is a system call. */
static void count_cpu(struct runner_job *job, int64_t mark_ns)
{
	int64_t now_ns = thread_cpu_ns();

	job->cpu_ns += now_ns - mark_ns;
	if (!job->elsewhere)
		job->state->cpu_mark_ns = now_ns;
}

/* After this the run is gone, and the generation may be. */
static void on_done(void *user)
{
	struct runner_job *job = user;
	struct str inputs = job->run->inputs;

	set_over(job);
	count_cpu(job, job->cpu_mark_ns);
	atomic_fetch_sub(&job->state->open, 1);
	runner_tell(job, inputs);
	task_result_done(&job->result);
	job_unref(job);
}

/* ---- running --------------------------------------------------------------------------------- */

static const char *prepare(struct runner_job *job, struct error *err)
{
	struct run_context c;

	if (run_context_read(job->run->context, &c, err) < 0 ||
	    runner_context(job->state, &c, job->run, &job->arena, &job->ctx, err) < 0)
		return "SYSTEM";
	if (runner_find(job->state, &c, job->run->task_template, &job->params, err) < 0)
		return err->code == ERR_NOMEM ? "SYSTEM" : "USER:RuntimeError";
	runner_context_task(job->params.template, &job->ctx);
	job->timeline.wall_only = !task_wants_deck(job->params.template);
	return NULL;
}

static void fail(struct runner_job *job, const char *code, const struct error *err)
{
	bool ours = streq(code, "SYSTEM");

	job->result = (struct task_result){.outcome = TASK_ERROR, .document = BUF_INIT};
	arena_init(&job->result.arena, 0);
	task_result_fail(&job->result, code, ours ? ERROR_RECOVERABLE : ERROR_NON_RECOVERABLE,
			 ours ? ORIGIN_SYSTEM : ORIGIN_USER, "%s", err->message);
	on_done(job);
}

static void begin(struct runner_job *job)
{
	const struct task_async async = {.ready = on_ready, .done = on_done, .user = job};
	struct error err = ERROR_INIT;
	const char *code;

	job->params = (struct task_params){
		.ctx = &job->ctx,
		.timeline = &job->timeline,
		.step = on_step,
		.progress = on_progress,
		.callback_ctx = job,
	};
	once_step(job->state->about, "find the task");
	code = prepare(job, &err);
	if (code)
		fail(job, code, &err);
	else
		task_begin(job->task, &job->params, job->run->inputs, &job->result, &async);
}

/* True while it is pending. What its first thread used is counted now, unless it is too late. */
static bool is_pending(struct runner_state *s, struct runner_job *job, int64_t mark_ns)
{
	int64_t now_ns;
	bool pending;

	pthread_mutex_lock(&links);
	pending = !job->over;
	if (pending) {
		now_ns = thread_cpu_ns();
		job->cpu_ns += now_ns - mark_ns;
		s->cpu_mark_ns = now_ns;
	}
	pthread_mutex_unlock(&links);
	return pending;
}

void runner_job_run(struct runner_state *s, struct runner_run *run)
{
	struct runner_job *job = job_new(s, run);
	int64_t mark_ns;

	if (!job) {
		runner_complete(run, run->id, 0, (struct str){s->no_memory.data, s->no_memory.len});
		return;
	}
	if (s->own_process && atomic_load(&s->open) == 0)
		runner_traces_remove(&s->traces, run);
	if (s->cpu_mark_ns == 0)
		s->cpu_mark_ns = thread_cpu_ns();
	mark_ns = job->cpu_mark_ns = s->cpu_mark_ns;
	atomic_fetch_add(&s->open, 1);
	pthread_mutex_lock(&links);
	run->user = job;
	pthread_mutex_unlock(&links);
	begin(job);
	if (is_pending(s, job, mark_ns) && !s->resume.threaded) {
		once_step(s->about, s->pending_step);
		runner_resume_one(&s->resume);
	}
	once_step(s->about, atomic_load(&s->open) > 0 ? s->pending_step : s->idle_step);
	job_unref(job);
}

void runner_job_resume(struct runner_job *job, bool elsewhere)
{
	job->elsewhere = elsewhere;
	job->cpu_mark_ns = thread_cpu_ns();
	task_resume(job->task);
}

void runner_job_cancel(struct runner_run *run, uint32_t reason)
{
	struct runner_job *job;

	pthread_mutex_lock(&links);
	job = run->user;
	if (job)
		job->refs++;
	pthread_mutex_unlock(&links);
	if (!job)
		return;
	task_cancel(job->task, reason);
	job_unref(job);
}
