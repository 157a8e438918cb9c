/* Executors that write down each of their runs, so that a test can judge what was run, when, and
 * by which worker. Inputs: `file` to append to, `name` of the execution, `ms` to take, `x` to give
 * back as `o0`. A line: "start NAME BOOTTIME_NS PARENT_PID", "end …" or "cancelled …". */
#include <taskhost/author.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

TH_PLUGIN("ledger", "1.0.0", "Writes down its runs");

struct work {
	th_exec *exec;
	char file[512], name[128];
	int64_t ms, x;
	atomic_int cancelled;
};

static th_status copy_text(th_exec *exec, const char *name, char *to, size_t size)
{
	th_str text;
	th_status st = TH_LIT->as_str(TH_LIT->input(exec, th_str_n(name, strlen(name))), &text);

	if (st == TH_OK)
		snprintf(to, size, "%.*s", (int)text.len, text.ptr);
	return st;
}

static th_status read_work(th_exec *exec, struct work *w)
{
	th_status st = copy_text(exec, "file", w->file, sizeof(w->file));

	w->exec = exec;
	if (st == TH_OK)
		st = copy_text(exec, "name", w->name, sizeof(w->name));
	if (st == TH_OK)
		st = TH_LIT->as_i64(TH_LIT->input(exec, th_s("ms")), &w->ms);
	if (st == TH_OK)
		st = TH_LIT->as_i64(TH_LIT->input(exec, th_s("x")), &w->x);
	return st;
}

/* One write, so that lines of several processes do not mix. */
static void append(const struct work *w, const char *what)
{
	struct timespec ts;
	char line[256];
	int n, fd = open(w->file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		abort();
	clock_gettime(CLOCK_BOOTTIME, &ts);
	n = snprintf(line, sizeof(line), "%s %s %lld%09ld %d\n", what, w->name,
		     (long long)ts.tv_sec, ts.tv_nsec, (int)getppid());
	if (write(fd, line, (size_t)n) != n)
		abort();
	close(fd);
}

static void sleep_ms(int64_t ms)
{
	struct timespec ts = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};

	nanosleep(&ts, NULL);
}

static th_status give_back(const struct work *w)
{
	th_val *slot = NULL;
	th_status st = TH_LIT->output(w->exec, th_s("o0"), &slot);

	append(w, "end");
	return st == TH_OK ? TH_LIT->set_i64(slot, w->x) : st;
}

/* ---- one at a time ------------------------------------------------------------------------------ */

static th_status run_here(const th_run *run, int listens)
{
	struct work w;
	th_status st = read_work(run->exec, &w);

	if (st != TH_OK)
		return st;
	append(&w, "start");
	for (int64_t left = w.ms; left > 0; left -= 5) {
		sleep_ms(left < 5 ? left : 5);
		if (listens && th_cancelled(run)) {
			append(&w, "cancelled");
			return TH_E_CANCELLED;
		}
	}
	return give_back(&w);
}

TH_EXECUTOR(Ledger, "Runs for a while", TH_TASK_TYPE("ledger") TH_SYNC_TASK_TYPE("ledger_sync"))
{
	return run_here(run, 1);
}

TH_EXECUTOR(LedgerDeaf, "Runs for a while, whatever it is told", TH_TASK_TYPE("ledger_deaf"))
{
	return run_here(run, 0);
}

TH_EXECUTOR(LedgerChild, "Waits for a process of its own", TH_TASK_TYPE("ledger_child"))
{
	(void)run;
	return system("sleep 63; true") == 0 ? TH_OK : TH_E_USER;
}

/* ---- many at a time ------------------------------------------------------------------------------ */

static void *wait_and_complete(void *arg)
{
	struct work *w = (struct work *)arg;

	for (int64_t left = w->ms; left > 0 && !atomic_load(&w->cancelled); left -= 5)
		sleep_ms(left < 5 ? left : 5);
	TH_HOST->exec_complete(w->exec, atomic_load(&w->cancelled) ? TH_E_CANCELLED : give_back(w));
	return NULL;
}

static th_status later_open(void *data, const th_model *model, void **ret, th_errout *error)
{
	struct work *w = (struct work *)calloc(1, sizeof(*w));

	(void)data;
	(void)model;
	(void)error;
	*ret = w;
	return w ? TH_OK : TH_E_NOMEM;
}

static th_status
later_execute(void *instance, th_exec *exec, const th_model *model, th_errout *error)
{
	struct work *w = (struct work *)instance;
	th_status st = read_work(exec, w);
	pthread_t thread;

	(void)model;
	(void)error;
	if (st != TH_OK)
		return st;
	append(w, "start");
	if (pthread_create(&thread, NULL, wait_and_complete, w) != 0)
		return TH_E_NOMEM;
	pthread_detach(thread);
	return TH_PENDING;
}

/* The thread completes it; after exec_complete the instance may be gone, so it is not touched. */
static void later_cancel(void *instance, th_exec *exec, uint32_t reason)
{
	(void)exec;
	(void)reason;
	atomic_store(&((struct work *)instance)->cancelled, 1);
}

static void later_close(void *instance)
{
	free(instance);
}

static const th_executor later_executor = {
	.struct_size = sizeof(th_executor),
	.name = "LedgerLater",
	.open = later_open,
	.close = later_close,
	.execute_from_model = later_execute,
	.cancel = later_cancel,
};
TH_EXECUTOR_TABLE(LedgerLater,
		  "Completes after a while",
		  TH_TASK_TYPE("ledger_later"),
		  &later_executor);
