#include "fake_ops.h"

#include "base/clock.h"
#include "base/mem.h"
#include "runners/runner_internal.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define OUTCOME_OK        0
#define OUTCOME_CANCELLED 7
#define OUTCOME_TOLD      8

_Atomic bool fake_release;

struct fake {
	unsigned decoded; /* templates */
	int completed_twice;
	struct str config;
	struct once_child *about;
};

static void complete(struct runner_run *run, int32_t outcome, struct str document)
{
	runner_complete(run, run->id, outcome, document);
}

static void sleep_ms(long ms)
{
	const struct timespec span = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&span, NULL);
}

/* ---- ways to end -------------------------------------------------------------------------- */

static __attribute__((noinline)) void fake_crash_here(void)
{
	static volatile uintptr_t nowhere = 16;

	*(volatile int *)nowhere = 1;
}

/* Seen from outside, as a compiler may leave out an allocation that nobody can see. */
static void *volatile leaked;

static void allocate_without_end(void)
{
	for (;;) {
		leaked = malloc((size_t)1 << 20);
		if (!leaked)
			abort();
		memset(leaked, 1, (size_t)1 << 20);
	}
}

static void leak(long mib)
{
	leaked = malloc((size_t)mib << 20);
	if (leaked)
		memset(leaked, 1, (size_t)mib << 20);
}

static void bomb(long n)
{
	for (long i = 0; i < n; i++)
		if (fork() == 0)
			for (;;)
				pause();
}

static void flood(long mib)
{
	static char block[(size_t)64 << 10];

	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = i % 64 == 63 ? '\n' : 'x';
	for (long i = 0; i < mib * 16; i++)
		if (write(STDOUT_FILENO, block, sizeof(block)) < 0)
			return;
}

/* ---- ways to go on ------------------------------------------------------------------------ */

struct later {
	struct runner_run *run;
	uint64_t id;
	long ms;
};

static void *complete_later(void *arg)
{
	struct later *l = arg;

	sleep_ms(l->ms);
	runner_complete(l->run, l->id, OUTCOME_OK, STR("later"));
	free(l);
	return NULL;
}

static void in_a_thread(void *(*f)(void *), void *arg)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, f, arg) == 0)
		pthread_detach(thread);
}

static void later(struct runner_run *run, long ms)
{
	struct later *l = malloc(sizeof(*l));

	if (!l)
		abort();
	*l = (struct later){run, run->id, ms};
	in_a_thread(complete_later, l);
}

static _Noreturn void hang(void)
{
	for (;;)
		pause();
}

static void *hang_thread(void *arg)
{
	(void)arg;
	hang();
}

static void until_cancelled(struct runner_run *run)
{
	char text[32];
	uint32_t reason;
	int n;

	while ((reason = atomic_load(run->cancel)) == 0)
		sleep_ms(1);
	n = snprintf(text, sizeof(text), "cancelled %u", reason);
	complete(run, OUTCOME_CANCELLED, (struct str){text, (size_t)n});
}

static void busy(long us)
{
	int64_t end = clock_cpu_ns() + us * 1000;

	while (clock_cpu_ns() < end)
		;
}

/* ---- ways to answer ----------------------------------------------------------------------- */

static void big(struct runner_run *run, size_t n)
{
	char *p = malloc(n ? n : 1);

	if (!p)
		abort();
	for (size_t i = 0; i < n; i++)
		p[i] = (char)(i * 7);
	complete(run, OUTCOME_OK, (struct str){p, n});
	free(p);
}

static void sum(struct runner_run *run)
{
	char text[64];
	uint64_t s = 0;
	int n;

	for (size_t i = 0; i < run->inputs.len; i++)
		s = s * 31 + (unsigned char)run->inputs.ptr[i];
	n = snprintf(text, sizeof(text), "%zu %llu", run->inputs.len, (unsigned long long)s);
	complete(run, OUTCOME_OK, (struct str){text, (size_t)n});
}

static void decode(struct fake *f, struct runner_run *run)
{
	char text[256];
	int n;

	if (!run->task_template->decoded) {
		run->task_template->decoded =
			strndup(run->task_template->bytes.ptr, run->task_template->bytes.len);
		f->decoded++;
	}
	n = snprintf(text, sizeof(text), "%.200s %u", (char *)run->task_template->decoded,
		     f->decoded);
	complete(run, OUTCOME_OK, (struct str){text, (size_t)n});
}

static long count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	long n = -3; /* ".", "..", and the directory itself */

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

/* What a runner is allowed and has. */
static void confinement(struct runner_run *run)
{
	struct rlimit core, data, files;
	char text[256];
	int n, deathsig = 0;

	getrlimit(RLIMIT_CORE, &core);
	getrlimit(RLIMIT_DATA, &data);
	getrlimit(RLIMIT_NOFILE, &files);
	prctl(PR_GET_PDEATHSIG, &deathsig, 0, 0, 0);
	n = snprintf(text, sizeof(text),
		     "core %lld data %lld files %lld deathsig %d nnp %d leader %d fds %ld",
		     (long long)core.rlim_cur, (long long)data.rlim_cur, (long long)files.rlim_cur,
		     deathsig, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), getpgrp() == getpid(),
		     count_fds());
	complete(run, OUTCOME_OK, (struct str){text, (size_t)n});
}

/* Hostile: writes into the ring what no record of ours looks like. */
static void garbage(struct runner_run *run, long kind)
{
	struct runner *r = CONTAINER_OF(run, struct held_run, run)->runner;
	struct ring_shared *out = r->channel.to_host;
	struct record_complete c = {.run = run->id, .slot = 5000, .len = 77, .block = 0};
	unsigned char *to;

	switch (kind) {
	case 0:
		atomic_fetch_add(&out->tail, 1u << 30);
		break;
	case 1:
		memset(out->data, 0xff, r->channel.size.ring_bytes);
		atomic_fetch_add(&out->tail, 64);
		break;
	case 2:
		c.block = 4000000;
		/* fall through */
	default:
		to = ring_put(&r->out, kind == 3 ? 99 : RECORD_COMPLETE, sizeof(c));
		memcpy(to, &c, sizeof(c));
		ring_publish(&r->out);
		break;
	}
	channel_kick(r->channel.completed);
	hang();
}

/* Hostile: says of the run behind this one that it has begun, and later that it has not: when it is
 * cancelled (0), or after so many milliseconds. Then it never comes back. */
static void deny(struct runner_run *run, long ms)
{
	struct runner *r = CONTAINER_OF(run, struct held_run, run)->runner;
	struct run_word *word = r->channel.words;
	uint64_t behind = run->id + 1;

	while (atomic_load(&word->claim) != claim_word(behind, CLAIM_QUEUED))
		if (++word == r->channel.words + r->channel.size.slots)
			_exit(9);
	atomic_store(&word->claim, claim_word(behind, CLAIM_TAKEN));
	while (ms == 0 && atomic_load(&word->cancel) == 0)
		sleep_ms(1);
	sleep_ms(ms);
	atomic_store(&word->claim, claim_word(behind, CLAIM_QUEUED));
	hang();
}

static _Noreturn void wake_for_nothing(struct runner_run *run)
{
	struct runner *r = CONTAINER_OF(run, struct held_run, run)->runner;

	for (;;)
		channel_kick(r->channel.completed);
}

static void stray(struct runner_run *run)
{
	struct runner *r = CONTAINER_OF(run, struct held_run, run)->runner;
	struct record_complete c = {.run = run->id + 1000, .slot = 3};

	memcpy(ring_put(&r->out, RECORD_COMPLETE, sizeof(c)), &c, sizeof(c));
	complete(run, OUTCOME_OK, STR("stray"));
}

/* In the step: when it came to an end. */
static void note_the_time(struct fake *f)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", (long long)clock_monotonic_ns());
	once_step(f->about, text);
}

/* ---- the table ---------------------------------------------------------------------------- */

static bool verb(struct str inputs, const char *word, const char **ret_rest, long *ret_n)
{
	static _Thread_local char rest[256];
	size_t n = strlen(word);

	if (!str_starts(inputs, word) || (inputs.len > n && inputs.ptr[n] != ' '))
		return false;
	snprintf(rest, sizeof(rest), "%.*s", (int)MIN(inputs.len - n, sizeof(rest) - 1),
		 inputs.ptr + n);
	*ret_rest = rest[0] ? rest + 1 : rest;
	*ret_n = strtol(*ret_rest, NULL, 10);
	return true;
}

static bool run_ending(struct fake *f, struct runner_run *run)
{
	struct str in = run->inputs;
	const char *rest;
	long n;

	if (verb(in, "crash_at", &rest, &n) || verb(in, "exit_at", &rest, &n))
		note_the_time(f);
	if (verb(in, "crash", &rest, &n) || verb(in, "crash_at", &rest, &n))
		fake_crash_here();
	else if (verb(in, "exit_at", &rest, &n))
		_exit(1);
	else if (verb(in, "abort", &rest, &n))
		abort();
	else if (verb(in, "exit", &rest, &n))
		exit((int)n);
	else if (verb(in, "hang", &rest, &n))
		hang();
	else if (verb(in, "alloc", &rest, &n))
		allocate_without_end();
	else if (verb(in, "garbage", &rest, &n))
		garbage(run, n);
	else if (verb(in, "wake", &rest, &n))
		wake_for_nothing(run);
	else if (verb(in, "deny", &rest, &n))
		deny(run, n);
	else if (verb(in, "ready", &rest, &n)) {
		hello_send(3, HELLO_READY, NULL, 0, NULL, 0, NULL);
		hang();
	} else if (verb(in, "close", &rest, &n)) {
		close(3);
		hang();
	} else
		return false;
	return true;
}

static bool run_printing(struct runner_run *run)
{
	struct str in = run->inputs;
	const char *rest;
	long n;

	if (verb(in, "print", &rest, &n))
		printf("%s\n", rest);
	else if (verb(in, "printf", &rest, &n)) /* no newline: not flushed by itself */
		printf("%s", rest);
	else if (verb(in, "complain", &rest, &n))
		fprintf(stderr, "%s\n", rest);
	else if (verb(in, "flood", &rest, &n))
		flood(n);
	else if (verb(in, "note", &rest, &n))
		runner_note(run, run->id, 30, str_of(rest));
	else if (verb(in, "progress", &rest, &n))
		runner_progress(run, run->id, 0.5, str_of(rest));
	else if (verb(in, "bomb", &rest, &n))
		bomb(n);
	else if (verb(in, "thread", &rest, &n))
		in_a_thread(hang_thread, NULL);
	else if (verb(in, "leak", &rest, &n))
		leak(n);
	else if (verb(in, "busy", &rest, &n))
		busy(n);
	else if (verb(in, "sleep", &rest, &n))
		sleep_ms(n);
	else if (verb(in, "unlimit", &rest, &n))
		signal(SIGXCPU, SIG_IGN);
	else if (verb(in, "stuck", &rest, &n))
		while (!atomic_load(&fake_release))
			sleep_ms(1);
	else
		return false;
	complete(run, OUTCOME_OK, STR("done"));
	return true;
}

static void fake_run(void *state, struct runner_run *run)
{
	struct fake *f = state;
	struct str in = run->inputs;
	const char *rest;
	long n;

	once_step(f->about, "execute fake.task");
	if (str_starts(in, "context")) { /* the one that is measured */
		complete(run, OUTCOME_OK, run->context);
		return;
	}
	if (run_ending(f, run) || run_printing(run))
		return;
	if (verb(in, "echo", &rest, &n)) {
		complete(run, OUTCOME_OK, str_of(rest));
	} else if (verb(in, "template", &rest, &n)) {
		decode(f, run);
	} else if (verb(in, "confinement", &rest, &n)) {
		confinement(run);
	} else if (verb(in, "big", &rest, &n)) {
		big(run, (size_t)n);
	} else if (verb(in, "poll", &rest, &n)) {
		until_cancelled(run);
	} else if (verb(in, "later", &rest, &n)) {
		later(run, n);
	} else if (verb(in, "never", &rest, &n)) {
		return; /* until it is cancelled */
	} else if (verb(in, "stubborn", &rest, &n)) {
		signal(SIGTERM, SIG_IGN);
		hang();
	} else if (verb(in, "stray", &rest, &n)) {
		stray(run);
	} else if (verb(in, "double", &rest, &n)) {
		uint64_t id = run->id;

		complete(run, OUTCOME_OK, STR("once"));
		f->completed_twice += !runner_complete(run, id, OUTCOME_OK, STR("twice"));
	} else if (verb(in, "doubled", &rest, &n)) {
		complete(run, f->completed_twice, STR_NULL);
	} else {
		sum(run);
	}
}

static void fake_cancel(void *state, struct runner_run *run, uint32_t reason)
{
	const char *rest;
	long n;

	(void)state;
	(void)reason;
	if (verb(run->inputs, "never", &rest, &n))
		complete(run, OUTCOME_TOLD, STR("told"));
}

static int
fake_init(void *ctx, const struct runner_start *start, void **ret_state, struct error *err)
{
	struct fake *f;

	(void)ctx;
	while (str_is(start->config, "stuck") && !atomic_load(&fake_release))
		sleep_ms(1);
	if (str_is(start->config, "fail") || str_is(start->config, "stuck"))
		return err_set(err, ERR_MISMATCH, "%s was built for another host", start->path);
	if (str_is(start->config, "crash"))
		fake_crash_here();
	if (str_is(start->config, "exit"))
		exit(3);
	if (str_is(start->config, "hang"))
		hang();
	f = str_is(start->config, "nomem") ? NULL : calloc(1, sizeof(*f));
	if (!f)
		return err_nomem(err, "the fake");
	f->config = start->config;
	f->about = start->about;
	*ret_state = f;
	return 0;
}

static void fake_template_free(void *state, void *decoded)
{
	(void)state;
	free(decoded);
}

static void fake_quiesce(void *state)
{
	struct fake *f = state;

	if (str_is(f->config, "say goodbye")) {
		printf("goodbye\n");
		fflush(stdout);
	}
	free(f);
}

const struct runner_ops fake_ops = {
	.init = fake_init,
	.run = fake_run,
	.cancel = fake_cancel,
	.template_free = fake_template_free,
	.quiesce = fake_quiesce,
};
