/* An asynchronous executor that completes too often, too late, or never; the tests of the worker's
 * faults compile it. Input `do` says how, input `n` after how many milliseconds. */
#include <taskhost/author.h>

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

TH_PLUGIN("unruly_late", "1.0.0", "Completes executions in the wrong way");

enum how { ONCE, TWICE, CRASH, NEVER, AFTER_CANCEL, TWICE_AFTER_CANCEL };

static const char *const names[] = {"once",  "twice",        "crash",
				    "never", "after_cancel", "twice_after_cancel"};

struct late {
	th_exec *exec;
	enum how how;
	int64_t n, due_ns;
	int cancelled, ended;
	struct late *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct late *all; /* never freed: what is late may come later still */
static int running;
static volatile int *nowhere;

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void end(const struct late *l, th_status st)
{
	th_val *slot = NULL;

	if (st == TH_OK && TH_LIT->output(l->exec, th_s("n"), &slot) == TH_OK)
		st = TH_LIT->set_i64(slot, l->n);
	TH_HOST->exec_complete(l->exec, st);
}

static void work_on(struct late *l)
{
	switch (l->how) {
	case ONCE:
		end(l, l->cancelled ? TH_E_CANCELLED : TH_OK);
		return;
	case TWICE:
		end(l, TH_OK);
		TH_HOST->exec_complete(l->exec, TH_E_USER);
		return;
	case CRASH:
		*nowhere = 1;
		return;
	case AFTER_CANCEL: /* as if it had not been asked to stop */
		end(l, TH_OK);
		return;
	case TWICE_AFTER_CANCEL:
		end(l, TH_E_CANCELLED);
		TH_HOST->exec_complete(l->exec, TH_OK);
		return;
	case NEVER:
		return;
	}
}

static int is_due(const struct late *l)
{
	int waits = l->how == AFTER_CANCEL || l->how == TWICE_AFTER_CANCEL;

	if (l->ended || l->how == NEVER)
		return 0;
	if (waits)
		return l->cancelled;
	return (l->how == ONCE && l->cancelled) || l->due_ns <= now_ns();
}

static void *run_all(void *arg)
{
	struct timespec ts = {0, 2000000};

	for (;;) {
		struct late *l;

		pthread_mutex_lock(&lock);
		for (l = all; l && !is_due(l);)
			l = l->next;
		if (l)
			l->ended = 1;
		pthread_mutex_unlock(&lock);
		if (l)
			work_on(l);
		else
			nanosleep(&ts, NULL);
	}
	return arg;
}

static th_status late_open(void *data, const th_model *model, void **ret, th_errout *error)
{
	struct late *l = (struct late *)calloc(1, sizeof(*l));

	(void)data;
	(void)model;
	(void)error;
	*ret = l;
	return l ? TH_OK : TH_E_NOMEM;
}

static th_status
late_execute(void *instance, th_exec *exec, const th_model *model, th_errout *error)
{
	struct late *l = (struct late *)instance;
	pthread_t t;
	th_str how;
	th_status st = TH_LIT->as_str(TH_LIT->input(exec, th_s("do")), &how);

	(void)model;
	(void)error;
	if (st == TH_OK)
		st = TH_LIT->as_i64(TH_LIT->input(exec, th_s("n")), &l->n);
	if (st != TH_OK)
		return st;
	for (l->how = ONCE; l->how < TWICE_AFTER_CANCEL; l->how = (enum how)(l->how + 1))
		if (th_str_eq(how, th_s(names[l->how])))
			break;
	l->exec = exec;
	l->due_ns = now_ns() + l->n * 1000000;
	pthread_mutex_lock(&lock);
	l->next = all;
	all = l;
	if (!running)
		running = pthread_create(&t, NULL, run_all, NULL) == 0;
	pthread_mutex_unlock(&lock);
	return TH_PENDING;
}

static void late_cancel(void *instance, th_exec *exec, uint32_t reason)
{
	struct late *l = (struct late *)instance;

	(void)exec;
	(void)reason;
	pthread_mutex_lock(&lock);
	l->cancelled = 1;
	pthread_mutex_unlock(&lock);
}

static const th_executor late_executor = {
	.struct_size = sizeof(th_executor),
	.max_inflight = 10000,
	.name = "Late",
	.open = late_open,
	.execute_from_model = late_execute,
	.cancel = late_cancel,
};
TH_EXECUTOR_TABLE(Late, "Answers late", TH_TASK_TYPE("late"), &late_executor);
