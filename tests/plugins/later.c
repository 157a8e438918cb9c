/* An asynchronous executor, and tasks that end badly: what a worker's runner has to bear. */
#include <taskhost/author.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static th_status stop_timer(th_str config, void **ret_self, th_errout *error);
static th_status end_timer(void *self, int64_t deadline_ns, th_errout *error);

TH_PLUGIN_WITH("later",
	       "1.0.0",
	       "Completes executions later",
	       ((th_plugin_hooks){stop_timer, end_timer, NULL}));

/* ---- Later: input ms, output o0 = ms after so long; negative ms: only when it is cancelled ------ */

struct wait {
	th_exec *exec;
	int64_t ms, due_ns;
	struct wait *next;
	struct wait **link; /* NULL: not in the list */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;
static struct wait *waits;
static pthread_t timer;
static int running, stopping;

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void unlink_wait(struct wait *w)
{
	*w->link = w->next;
	if (w->next)
		w->next->link = w->link;
	w->link = NULL;
}

static void finish(struct wait *w)
{
	th_val *slot = NULL;
	th_status st = TH_LIT->output(w->exec, th_s("o0"), &slot);

	if (st == TH_OK)
		st = TH_LIT->set_i64(slot, w->ms);
	TH_HOST->exec_complete(w->exec, st); /* closes it: w may be gone */
}

static struct wait *next_due(int64_t *ret_sleep_until)
{
	int64_t now = now_ns(), first = now + 1000000000;

	for (struct wait *w = waits; w; w = w->next) {
		if (w->ms < 0)
			continue;
		if (w->due_ns <= now) {
			unlink_wait(w);
			return w;
		}
		if (w->due_ns < first)
			first = w->due_ns;
	}
	*ret_sleep_until = first;
	return NULL;
}

static void *run_timer(void *arg)
{
	pthread_mutex_lock(&lock);
	while (!stopping) {
		int64_t until = 0;
		struct wait *w = next_due(&until);
		struct timespec ts = {(time_t)(until / 1000000000), (long)(until % 1000000000)};

		if (!w) {
			pthread_cond_timedwait(&changed, &lock, &ts);
			continue;
		}
		pthread_mutex_unlock(&lock);
		finish(w);
		pthread_mutex_lock(&lock);
	}
	pthread_mutex_unlock(&lock);
	return arg;
}

static th_status stop_timer(th_str config, void **ret_self, th_errout *error)
{
	pthread_condattr_t attr;

	(void)config;
	(void)ret_self;
	(void)error;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&changed, &attr);
	pthread_condattr_destroy(&attr);
	stopping = running = 0;
	return TH_OK;
}

static th_status end_timer(void *self, int64_t deadline_ns, th_errout *error)
{
	(void)self;
	(void)deadline_ns;
	(void)error;
	pthread_mutex_lock(&lock);
	stopping = 1;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	if (running)
		pthread_join(timer, NULL);
	return TH_OK;
}

static th_status later_open(void *data, const th_model *model, void **ret, th_errout *error)
{
	struct wait *w = (struct wait *)calloc(1, sizeof(*w));

	(void)data;
	(void)model;
	(void)error;
	*ret = w;
	return w ? TH_OK : TH_E_NOMEM;
}

static void later_close(void *instance)
{
	free(instance);
}

static th_status
later_execute(void *instance, th_exec *exec, const th_model *model, th_errout *error)
{
	struct wait *w = (struct wait *)instance;
	th_status st = TH_LIT->as_i64(TH_LIT->input(exec, th_s("ms")), &w->ms);

	(void)model;
	(void)error;
	if (st != TH_OK)
		return st;
	w->exec = exec;
	w->due_ns = now_ns() + w->ms * 1000000;
	pthread_mutex_lock(&lock);
	if (!running)
		running = pthread_create(&timer, NULL, run_timer, NULL) == 0;
	w->next = waits;
	w->link = &waits;
	if (w->next)
		w->next->link = &w->next;
	waits = w;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	return TH_PENDING;
}

static void later_cancel(void *instance, th_exec *exec, uint32_t reason)
{
	struct wait *w = (struct wait *)instance;
	int mine;

	(void)reason;
	pthread_mutex_lock(&lock);
	mine = w->link != NULL;
	if (mine)
		unlink_wait(w);
	pthread_mutex_unlock(&lock);
	if (mine)
		TH_HOST->exec_complete(exec, TH_E_CANCELLED);
}

static const th_executor later_executor = {
	.struct_size = sizeof(th_executor),
	.name = "Later",
	.open = later_open,
	.close = later_close,
	.execute_from_model = later_execute,
	.cancel = later_cancel,
};
TH_EXECUTOR_TABLE(Later, "Answers after some time", TH_TASK_TYPE("later"), &later_executor);

/* ---- tasks that end badly --------------------------------------------------------------------- */

#define NO_INPUTS(X) X(out, o0, integer, "never")

__attribute__((noinline)) static void fall_over(volatile int *where)
{
	*where = 1;
}

TH_TASK(crash, NO_INPUTS, "Writes where nothing is")
{
	fall_over(NULL);
	out->o0 = 1;
	return TH_OK;
}

#define TEXT(X) X(in, text, string, "what it says") X(out, o0, integer, "never")
TH_TASK(fail, TEXT, "Fails with a code and words")
{
	return th_fail(run, "USER:LaterError", "it says: %s", in->text.ptr);
}

TH_TASK(garble, NO_INPUTS, "Fails with words that are no text")
{
	return th_fail(run, "USER:\xff", "bad \xc3( bytes");
}

TH_TASK(fail_at_length, NO_INPUTS, "Fails with more words than fit")
{
	static char text[20001];

	for (size_t i = 0; i + 2 < sizeof(text); i += 2)
		memcpy(text + i, "\xc3\xa4", 2);
	return th_fail(run, "USER:LaterError", "%s", text);
}
