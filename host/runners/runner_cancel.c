/* The thread that calls ops->cancel: it must come even while the runner's thread is busy. */
#include "runners/runner_internal.h"

#include <linux/futex.h>
#include <limits.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STACK ((size_t)256 << 10) /* counts against RLIMIT_DATA, so not the usual 8 MiB */

/* A run whose word is set and that has not been told; it is held. With the lock. */
static struct held_run *next_cancelled(struct runner *r)
{
	for (struct held_run *h = r->active; h; h = h->next) {
		if (!h->active || h->cancel_told || atomic_load(h->run.cancel) == 0)
			continue;
		h->cancel_told = true;
		h->refs++;
		return h;
	}
	return NULL;
}

static void tell_all(struct runner *r)
{
	struct held_run *h;

	pthread_mutex_lock(&r->lock);
	while ((h = next_cancelled(r))) {
		pthread_mutex_unlock(&r->lock);
		r->ops->cancel(r->state, &h->run, atomic_load(h->run.cancel));
		pthread_mutex_lock(&r->lock);
		held_run_unref(r, h);
	}
	pthread_mutex_unlock(&r->lock);
}

static void *watch(void *arg)
{
	struct runner *r = arg;
	_Atomic uint32_t *count = &r->channel.header->canceller;

	while (!atomic_load(&r->cancel_stop)) {
		uint32_t seen = atomic_load(count);

		tell_all(r);
		syscall(SYS_futex, count, FUTEX_WAIT, seen, NULL, NULL, 0);
	}
	return NULL;
}

int runner_cancel_start(struct runner *r, struct error *err)
{
	sigset_t all, old;
	pthread_attr_t attr;
	int e = pthread_attr_init(&attr);

	if (e == 0) {
		pthread_attr_setstacksize(&attr, STACK);
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &old);
		e = pthread_create(&r->canceller, &attr, watch, r);
		pthread_sigmask(SIG_SETMASK, &old, NULL);
		pthread_attr_destroy(&attr);
	}
	if (e != 0)
		return err_set_errno(err, ERR_NOMEM, e, "cannot make a thread for cancelling");
	r->has_canceller = true;
	return 0;
}

void runner_cancel_stop(struct runner *r)
{
	_Atomic uint32_t *count = &r->channel.header->canceller;

	if (!r->has_canceller)
		return;
	atomic_store(&r->cancel_stop, true);
	atomic_fetch_add(count, 1);
	syscall(SYS_futex, count, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
	pthread_join(r->canceller, NULL);
	r->has_canceller = false;
}
