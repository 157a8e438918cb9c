/* The life of an execution as other threads see it: its handle, its completion, its cancelling. */
#include "task/exec.h"

#include "base/clock.h"
#include "base/log.h"

#include <time.h>

#define HANDLES_STEP 256
#define HANDLES_MAX  65536
#define SPARE        64       /* free handles that are kept, so that none is used again soon */
#define POLL_NS      50000000 /* how late a cancel word or a deadline may be seen while pending */

/* Executions and their handles. A completion may come from any thread at any time, also too late,
 * so finding the execution and changing its state is one step under this lock. Handles are never
 * given back to the allocator: a late caller may still hold one. */
static pthread_mutex_t live = PTHREAD_MUTEX_INITIALIZER;

struct handle_block {
	struct handle_block *next;
	struct th_exec handles[HANDLES_STEP];
};

static struct handle_block *blocks;
static size_t n_handles, n_free;
static struct th_exec *first_free, **last_free = &first_free; /* longest unused first */

/* ---- handles --------------------------------------------------------------------------------- */

static void put_free(struct th_exec *h)
{
	h->next = NULL;
	*last_free = h;
	last_free = &h->next;
	n_free++;
}

static void more_handles(void)
{
	struct handle_block *b;

	if (n_handles + HANDLES_STEP > HANDLES_MAX)
		return;
	b = calloc(1, sizeof(*b));
	if (!b)
		return;
	b->next = blocks;
	blocks = b;
	n_handles += HANDLES_STEP;
	for (size_t i = 0; i < HANDLES_STEP; i++)
		put_free(&b->handles[i]);
}

static struct th_exec *take_free(void)
{
	struct th_exec *h;

	if (n_free <= SPARE)
		more_handles();
	h = first_free;
	if (!h)
		return NULL;
	first_free = h->next;
	if (!first_free)
		last_free = &first_free;
	n_free--;
	return h;
}

int exec_begin_life(struct exec *e, struct error *err)
{
	bool full;

	pthread_mutex_lock(&live);
	e->handle = take_free();
	full = n_handles + HANDLES_STEP > HANDLES_MAX;
	if (e->handle)
		atomic_store(&e->handle->exec, e);
	pthread_mutex_unlock(&live);
	if (e->handle)
		return 0;
	return full ? err_set(err, ERR_LIMIT, "more than %d executions at once", HANDLES_MAX)
		    : err_nomem(err, "an execution");
}

void exec_end_life(struct exec *e)
{
	pthread_mutex_lock(&live);
	if (e->known)
		*e->known = NULL;
	if (e->handle)
		atomic_store(&e->handle->exec, NULL);
	while (e->cancelling > 0)
		pthread_cond_wait(&e->changed, &live);
	if (e->handle)
		put_free(e->handle);
	pthread_mutex_unlock(&live);
}

void exec_know(struct exec *e, struct exec **place)
{
	pthread_mutex_lock(&live);
	e->known = place;
	*place = e;
	pthread_mutex_unlock(&live);
}

/* ---- completion ------------------------------------------------------------------------------ */

void exec_misbehaved(struct exec *e, const char *what)
{
	const char *plugin = "?";

	if (e && e->host)
		atomic_fetch_add(&e->host->misbehaved, 1);
	if (e && e->params->plugin->table.id)
		plugin = e->params->plugin->table.id;
	log_warn("plugin %s broke a rule: %s", plugin, what);
}

/* Why a completion does not count; NULL when it does. With the lock. */
static const char *completion_fault(const struct exec *e, th_status status)
{
	if (!e)
		return "exec_complete for an execution that is over";
	if (e->state == EXEC_COMPLETED || e->early)
		return "exec_complete was called twice for one execution";
	if (e->state == EXEC_IDLE)
		return "exec_complete before execute_from_model";
	if (status == TH_PENDING)
		return "exec_complete with TH_PENDING";
	return NULL;
}

th_status exec_complete_now(th_exec *handle, th_status status)
{
	struct exec_waiter waiter = {.completed = NULL};
	const char *wrong;
	struct exec *e;

	pthread_mutex_lock(&live);
	e = exec_of(handle);
	wrong = completion_fault(e, status);
	if (wrong) {
		exec_misbehaved(e, wrong);
	} else if (e->state == EXEC_PENDING) {
		e->state = EXEC_COMPLETED;
		e->status = status;
		waiter = e->waiter;
		pthread_cond_broadcast(&e->changed);
	} else {
		/* Another thread may be faster than the return of execute_from_model. */
		e->early = true;
		e->status = status;
	}
	pthread_mutex_unlock(&live);
	if (waiter.completed) /* it alone makes the execution go on, so that is still there */
		waiter.completed(waiter.user);
	return wrong ? TH_E_INVALID : TH_OK;
}

void exec_open(struct exec *e, void *instance)
{
	pthread_mutex_lock(&live);
	e->instance = instance;
	e->open = true;
	pthread_mutex_unlock(&live);
}

void exec_begin(struct exec *e)
{
	pthread_mutex_lock(&live);
	e->state = EXEC_RUNNING;
	pthread_mutex_unlock(&live);
}

void exec_shut(struct exec *e)
{
	pthread_mutex_lock(&live);
	e->open = false;
	while (e->cancelling > 0)
		pthread_cond_wait(&e->changed, &live);
	pthread_mutex_unlock(&live);
}

/* ---- cancelling ------------------------------------------------------------------------------ */

/* Called with the lock held, which it lets go while the plugin is called: its cancel may well call
 * exec_complete. The execution may be gone afterwards. */
static void call_cancel(struct exec *e, uint32_t reason)
{
	const th_executor *x = e->params->executor;

	if (!e->open)
		return;
	e->told = true;
	if (!x->cancel)
		return;
	e->cancelling++;
	pthread_mutex_unlock(&live);
	x->cancel(e->instance, e->handle, reason);
	pthread_mutex_lock(&live);
	e->cancelling--;
	pthread_cond_broadcast(&e->changed);
}

static void set_own_word(struct exec *e, uint32_t reason)
{
	uint32_t none = 0;

	__atomic_compare_exchange_n(&e->own_cancel, &none, reason, false, __ATOMIC_RELEASE,
				    __ATOMIC_RELAXED);
}

void exec_cancel(struct exec **place, uint32_t reason)
{
	struct exec *e;

	pthread_mutex_lock(&live);
	e = *place;
	if (e) {
		set_own_word(e, reason);
		if (!e->told)
			call_cancel(e, reason);
	}
	pthread_mutex_unlock(&live);
}

void task_cancel_running(uint32_t reason)
{
	pthread_mutex_lock(&live);
	for (struct handle_block *b = blocks; b; b = b->next) {
		for (size_t i = 0; i < HANDLES_STEP; i++) {
			struct exec *e = exec_of(&b->handles[i]);

			if (!e)
				continue;
			set_own_word(e, reason);
			call_cancel(e, reason);
		}
	}
	pthread_mutex_unlock(&live);
}

const uint32_t *exec_cancel_word(struct exec *e)
{
	return e->ctx->cancel_word ? e->ctx->cancel_word : &e->own_cancel;
}

uint32_t exec_cancel_reason(struct exec *e)
{
	uint32_t reason = __atomic_load_n(exec_cancel_word(e), __ATOMIC_ACQUIRE);

	return reason ? reason : __atomic_load_n(&e->own_cancel, __ATOMIC_ACQUIRE);
}

/* ---- waiting --------------------------------------------------------------------------------- */

static uint32_t reason_to_stop(struct exec *e)
{
	uint32_t reason = exec_cancel_reason(e);

	if (reason)
		return reason;
	if (e->ctx->deadline_ns && clock_monotonic_ns() >= e->ctx->deadline_ns)
		return TH_CANCEL_DEADLINE;
	return TH_CANCEL_NONE;
}

/* With the lock. True when the plugin was called, and so the lock let go. */
static bool tell_if_it_should_stop(struct exec *e)
{
	uint32_t reason = e->told ? TH_CANCEL_NONE : reason_to_stop(e);

	if (!reason)
		return false;
	e->told = true;
	set_own_word(e, reason);
	call_cancel(e, reason);
	return true;
}

bool exec_settle(struct exec *e, th_status returned, const struct exec_waiter *waiter)
{
	bool settled = true;

	pthread_mutex_lock(&live);
	if (returned != TH_PENDING) {
		if (e->early)
			exec_misbehaved(e, "exec_complete without TH_PENDING");
		e->status = returned;
		e->state = EXEC_COMPLETED;
	} else if (e->early) {
		e->state = EXEC_COMPLETED;
	} else {
		e->state = EXEC_PENDING;
		settled = false;
		if (waiter) {
			e->waiter = *waiter;
			/* From here on it is others who make it go on; what came while it ran and
			 * found nothing to call comes now. */
			tell_if_it_should_stop(e);
		}
	}
	pthread_mutex_unlock(&live);
	return settled;
}

/* Until something changed, or it is time to look at the word and the clock again. */
static void wait_a_little(struct exec *e)
{
	int64_t until = clock_monotonic_ns() + POLL_NS;
	struct timespec ts = {.tv_sec = (time_t)(until / 1000000000),
			      .tv_nsec = (long)(until % 1000000000)};

	if (e->ctx->cancel_word || e->ctx->deadline_ns)
		pthread_cond_timedwait(&e->changed, &live, &ts);
	else
		pthread_cond_wait(&e->changed, &live);
}

void exec_await(struct exec *e)
{
	pthread_mutex_lock(&live);
	while (e->state == EXEC_PENDING)
		if (!tell_if_it_should_stop(e))
			wait_a_little(e);
	pthread_mutex_unlock(&live);
}

th_status exec_status(struct exec *e)
{
	th_status status;

	pthread_mutex_lock(&live);
	status = e->status;
	pthread_mutex_unlock(&live);
	return status;
}
