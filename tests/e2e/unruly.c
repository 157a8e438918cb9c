/* Executors that misbehave in every way a worker must bear; the tests of its faults compile it.
 * Input `do` says how, input `n` how much. */
#include <taskhost/author.h>

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

TH_PLUGIN("unruly", "1.0.0", "Misbehaves");

static volatile int *nowhere;
static volatile unsigned long turns;

static void sleep_ms(int64_t ms)
{
	struct timespec ts = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};

	while (nanosleep(&ts, &ts) < 0)
		;
}

static void pause_for_ever(void)
{
	for (;;)
		pause();
}

/* Not inlined, so that a back-trace has something to name. */
__attribute__((noinline)) static void write_to_null(void)
{
	*nowhere = 1;
}

static th_status do_segv(th_run *run, int64_t n)
{
	(void)run;
	sleep_ms(n);
	write_to_null();
	return TH_OK;
}

static th_status do_abort(th_run *run, int64_t n)
{
	(void)run;
	(void)n;
	abort();
}

static th_status do_exit(th_run *run, int64_t n)
{
	(void)run;
	exit((int)n);
}

/* Hears nothing: no cancel word, and SIGTERM neither when n is set. */
static th_status do_loop(th_run *run, int64_t n)
{
	(void)run;
	if (n)
		signal(SIGTERM, SIG_IGN);
	while (nowhere == NULL)
		turns++;
	return TH_OK;
}

/* Ends when it is asked to. */
static th_status do_gentle(th_run *run, int64_t n)
{
	(void)n;
	while (!th_cancelled(run))
		sleep_ms(2);
	return TH_E_CANCELLED;
}

static th_status do_sleep(th_run *run, int64_t n)
{
	(void)run;
	sleep_ms(n);
	return TH_OK;
}

static void make_children(int64_t n, int flee)
{
	for (int64_t i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid != 0)
			continue;
		if (flee)
			setsid();
		signal(SIGTERM, SIG_IGN);
		pause_for_ever();
	}
}

static th_status do_fork(th_run *run, int64_t n)
{
	(void)run;
	make_children(n, 0);
	return TH_OK;
}

/* Children that leave the process group. */
static th_status do_fork_flee(th_run *run, int64_t n)
{
	(void)run;
	make_children(n, 1);
	return TH_OK;
}

static th_status do_fork_abort(th_run *run, int64_t n)
{
	make_children(n, 0);
	return do_abort(run, 0);
}

static th_status do_fork_loop(th_run *run, int64_t n)
{
	make_children(n, 0);
	return do_loop(run, 1);
}

/* Seen from outside, as a compiler may leave out an allocation that nobody can see. */
static void *volatile hoard;

/* Believes that memory is never refused. */
static th_status do_hoard(th_run *run, int64_t n)
{
	(void)run;
	(void)n;
	while (nowhere == NULL) {
		hoard = malloc((size_t)1 << 20);
		memset(hoard, 1, (size_t)1 << 20);
	}
	return TH_OK;
}

/* n MiB. */
static th_status do_talk(th_run *run, int64_t n)
{
	static char block[1 << 16];

	(void)run;
	memset(block, 'x', sizeof(block));
	for (size_t i = 63; i < sizeof(block); i += 64)
		block[i] = '\n';
	for (int64_t i = 0; i < n * 16; i++)
		if (fwrite(block, 1, sizeof(block), stdout) != sizeof(block))
			return th_fail_system(run, "", "stdout is closed");
	printf("the end\n");
	fflush(stdout);
	return TH_OK;
}

/* Some lines on both streams that say whose they are. */
static th_status do_tag(th_run *run, int64_t n)
{
	for (int i = 0; i < 20; i++) {
		printf("out of %lld, line %d\n", (long long)n, i);
		fflush(stdout);
		fprintf(stderr, "err of %lld, line %d\n", (long long)n, i);
	}
	(void)run;
	return TH_OK;
}

static void *stay(void *arg)
{
	char *p = (char *)malloc((size_t)1 << 20);

	if (p)
		memset(p, 1, (size_t)1 << 20);
	pause_for_ever();
	return arg;
}

static th_status do_threads(th_run *run, int64_t n)
{
	for (int64_t i = 0; i < n; i++) {
		pthread_attr_t attr;
		pthread_t t;
		int e;

		pthread_attr_init(&attr);
		pthread_attr_setstacksize(&attr, (size_t)64 << 10);
		e = pthread_create(&t, &attr, stay, NULL);
		pthread_attr_destroy(&attr);
		if (e)
			return th_fail_system(run, "", "no thread: %s", strerror(e));
		pthread_detach(t);
	}
	return TH_OK;
}

/* A completion that nobody may make: this execution is not a pending one. */
static th_status do_complete(th_run *run, int64_t n)
{
	(void)n;
	TH_HOST->exec_complete(run->exec, TH_E_USER);
	return TH_OK;
}

static const struct {
	const char *name;
	th_status (*run)(th_run *run, int64_t n);
} ways[] = {
	{"segv", do_segv},
	{"abort", do_abort},
	{"exit", do_exit},
	{"loop", do_loop},
	{"gentle", do_gentle},
	{"sleep", do_sleep},
	{"fork", do_fork},
	{"fork_flee", do_fork_flee},
	{"fork_abort", do_fork_abort},
	{"fork_loop", do_fork_loop},
	{"hoard", do_hoard},
	{"talk", do_talk},
	{"tag", do_tag},
	{"threads", do_threads},
	{"complete", do_complete},
};

TH_EXECUTOR(Unruly,
	    "Misbehaves as it is told",
	    TH_TASK_TYPE("unruly") TH_SYNC_TASK_TYPE("unruly_sync"))
{
	th_str how;
	int64_t n;
	th_val *slot = NULL;
	th_status st = TH_LIT->as_str(TH_LIT->input(run->exec, th_s("do")), &how);

	if (st == TH_OK)
		st = TH_LIT->as_i64(TH_LIT->input(run->exec, th_s("n")), &n);
	if (st != TH_OK)
		return st;
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
		if (th_str_eq(how, th_s(ways[i].name))) {
			st = ways[i].run(run, n);
			if (st == TH_OK)
				st = TH_LIT->output(run->exec, th_s("n"), &slot);
			return st == TH_OK ? TH_LIT->set_i64(slot, n) : st;
		}
	return th_fail(run, "USER:ValueError", "what is '%.*s'?", (int)how.len, how.ptr);
}
