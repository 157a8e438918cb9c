#include "cli/runner_private.h"

#include <errno.h>
#include <signal.h>

/* Runs a plugin's post_execute and builds outputs; counts against the runner's memory limit. */
#define STACK ((size_t)1 << 20)

void runner_resume_put(struct runner_resume *q, struct runner_job *job)
{
	pthread_mutex_lock(&q->lock);
	job->next = NULL;
	*q->last = job;
	q->last = &job->next;
	pthread_cond_signal(&q->more);
	pthread_mutex_unlock(&q->lock);
}

/* NULL when it is to stop. */
static struct runner_job *next(struct runner_resume *q)
{
	struct runner_job *job;

	pthread_mutex_lock(&q->lock);
	while (!q->first && !q->stop)
		pthread_cond_wait(&q->more, &q->lock);
	job = q->first;
	if (job)
		q->first = job->next;
	if (!q->first)
		q->last = &q->first;
	pthread_mutex_unlock(&q->lock);
	return job;
}

void runner_resume_one(struct runner_resume *q)
{
	runner_job_resume(next(q), false);
}

static void *resume_all(void *arg)
{
	struct runner_resume *q = arg;
	struct runner_job *job;

	while ((job = next(q)))
		runner_job_resume(job, true);
	return NULL;
}

static int start(struct runner_resume *q)
{
	sigset_t all, old;
	pthread_attr_t attr;
	int e = pthread_attr_init(&attr);

	if (e != 0)
		return e;
	pthread_attr_setstacksize(&attr, STACK);
	sigfillset(&all);
	/* Crashes come to the thread that makes them, whatever is blocked. */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	e = pthread_create(&q->thread, &attr, resume_all, q);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return e;
}

int runner_resume_init(struct runner_resume *q, bool threaded, struct error *err)
{
	int e;

	*q = (struct runner_resume){.threaded = threaded};
	q->last = &q->first;
	pthread_mutex_init(&q->lock, NULL);
	pthread_cond_init(&q->more, NULL);
	e = threaded ? start(q) : 0;
	if (e == 0)
		return 0;
	q->threaded = false;
	runner_resume_done(q);
	return err_set_errno(err, ERR_NOMEM, e, "cannot make a thread for asynchronous runs");
}

void runner_resume_done(struct runner_resume *q)
{
	if (q->threaded) {
		pthread_mutex_lock(&q->lock);
		q->stop = true;
		pthread_cond_signal(&q->more);
		pthread_mutex_unlock(&q->lock);
		pthread_join(q->thread, NULL);
	}
	pthread_cond_destroy(&q->more);
	pthread_mutex_destroy(&q->lock);
}
