/* One plugin generation in its runner, and the runs it has. Inside the runner's ops only. */
#pragma once

#include "abi/host.h"
#include "base/map.h"
#include "cli/run_message.h"
#include "cli/runner_ops.h"
#include "cli/runner_traces.h"
#include "task/task.h"

#include <pthread.h>

struct runner_job;

/* ---- runner_resume.c: runs that the plugin has completed, waiting to go on --------------------- */

/* Filled by whatever thread the plugin completes on; emptied by one thread, so that hooks of the
 * plugin run neither on its own threads nor inside its calls. That one is a thread made for it when
 * several runs may be open at once, else the runner's. */
struct runner_resume {
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct runner_job *first, **last;
	bool threaded, stop;
	pthread_t thread;
};

/* ERR_NOMEM when no thread can be made. */
int runner_resume_init(struct runner_resume *q, bool threaded, struct error *err);
void runner_resume_done(struct runner_resume *q); /* nothing may be in it, or come */
void runner_resume_put(struct runner_resume *q, struct runner_job *job);
/* Waits for the next one and lets it go on; without a thread only. */
void runner_resume_one(struct runner_resume *q);

/* ---- the state --------------------------------------------------------------------------------- */

struct runner_state {
	const char *name;         /* of the plugin, for people */
	struct once_child *about; /* steps for the report of a crash */
	char idle_step[100], pending_step[100];
	_Atomic unsigned open; /* runs that are not over */
	struct host *host;
	struct plugin *plugin;
	struct task_context surroundings; /* what runs have in common */
	struct arena arena;
	struct map tasks; /* by name: struct native_task */
	struct runner_resume resume;
	struct buf no_memory; /* the document of a run that ended for lack of memory */
	bool own_process;
	struct runner_traces traces; /* with own_process */
	int64_t cpu_mark_ns; /* CPU time of the runner's thread that runs have had; 0: not known */
};

/* ---- runner_job.c: a run, from what the host sent to what it is told --------------------------- */

struct runner_job {
	struct runner_state *state;
	struct runner_run *run; /* until it is over */
	uint64_t id;
	struct task_run *task;
	struct task_context ctx;
	struct task_params params;
	struct task_result result;
	struct arena arena;
	int64_t cpu_ns, cpu_mark_ns; /* of its threads, and when the present one began */
	bool elsewhere;              /* not on the runner's thread */
	struct runner_job *next;     /* in the queue, or among the spare ones */
	unsigned refs;               /* under the lock of runner_job.c, as are run->user and: */
	bool over;
	struct timeline timeline; /* large: what is above is cleared for each run, this is not */
};

void runner_job_run(struct runner_state *s, struct runner_run *run);
void runner_job_resume(struct runner_job *job, bool elsewhere);
void runner_job_cancel(struct runner_run *run, uint32_t reason);

/* ---- runner_find.c ----------------------------------------------------------------------------- */

/* The task, executor and template a run is for; fills params. */
int runner_find(struct runner_state *s,
		const struct run_context *c,
		struct runner_template *template,
		struct task_params *params,
		struct error *err);
void runner_find_done(struct runner_state *s);
void runner_template_done(void *decoded);

/* ---- runner_context.c -------------------------------------------------------------------------- */

/* The context of a run; it points into the run's own and into the arena. */
int runner_context(const struct runner_state *s,
		   const struct run_context *c,
		   const struct runner_run *run,
		   struct arena *arena,
		   struct task_context *ret,
		   struct error *err);

/* The task's identity from its template, when Flyte has not given another. */
void runner_context_task(const TaskTemplate *t, struct task_context *ctx);

/* ---- runner_document.c ------------------------------------------------------------------------- */

/* Tells how it ended: writes what has to be written, makes the document and completes the run. */
void runner_tell(struct runner_job *job, struct str inputs);

/* The document for when there is no memory for another. */
int runner_no_memory(struct buf *out, struct error *err);
