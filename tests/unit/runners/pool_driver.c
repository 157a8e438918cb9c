#include "pool_driver.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_NS (INT64_C(30) * 1000000000)

struct driver driver;
static long fds_before;

/* What libuv opens once for the whole process is there from the beginning. */
__attribute__((constructor)) static void open_once(void)
{
	struct loop *l;

	if (loop_new(&l, NULL) == 0)
		loop_close(l, NULL);
}

static long count_entries(const char *path)
{
	DIR *d = opendir(path);
	long n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

/* What a failed test has left must not make the next one fail. */
static void sweep(void)
{
	char path[64];
	pid_t pid;
	FILE *f;
	int n;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", gettid());
	f = fopen(path, "r");
	while (f && (n = fscanf(f, "%d", &pid)) == 1) {
		kill(-pid, SIGKILL);
		kill(pid, SIGKILL);
	}
	if (f)
		fclose(f);
	while (waitpid(-1, NULL, 0) > 0)
		;
}

static void on_changed(void *user, struct runner_generation *g)
{
	(void)user;
	(void)g;
	driver.changes++;
}

void driver_open(void (*change)(struct runner_pool_params *p))
{
	static char program[4096];
	const char *build = getenv("TASKHOST_TEST_BUILD");
	static unsigned n;
	struct error err = ERROR_INIT;
	struct runner_pool_params params = {.program = program, .ops = &fake_ops, .spares = 1};
	struct logs_params logs = {.directory = driver.directory, .quota = 65536};

	if (driver.loop)
		sweep();
	snprintf(program, sizeof(program), "%s/tests/unit/runners/fake-runner",
		 build ? build : ".");
	snprintf(driver.directory, sizeof(driver.directory), "%s/logs%u", test_tmpdir(), n++);
	fds_before = count_entries("/proc/self/fd");
	driver.changes = 0;
	driver.closed = false;
	CHECK_OK(loop_new(&driver.loop, &err), err);
	CHECK_OK(logs_new(driver.loop, &logs, &driver.logs, &err), err);
	params.logs = driver.logs;
	params.changed = on_changed;
	if (change)
		change(&params);
	CHECK_OK(runner_pool_new(driver.loop, &params, &driver.pool, &err), err);
}

void driver_turn(int64_t ns)
{
	loop_run_once(driver.loop, ns);
}

void driver_pass(int64_t ns)
{
	int64_t end = clock_monotonic_ns() + ns, now;

	while ((now = clock_monotonic_ns()) < end)
		driver_turn(end - now);
}

void driver_until(bool (*until)(void *arg), void *arg, const char *what)
{
	int64_t end = clock_monotonic_ns() + WAIT_NS;

	while (!until(arg)) {
		if (clock_monotonic_ns() > end)
			test_fail(__FILE__, __LINE__, "waited in vain for %s", what);
		driver_turn(50 * 1000000);
	}
}

static void on_closed(void *user)
{
	*(bool *)user = true;
}

static bool is_true(void *arg)
{
	return *(bool *)arg;
}

void driver_close_pool(void)
{
	runner_pool_close(driver.pool, on_closed, &driver.closed);
	driver_until(is_true, &driver.closed, "the pool to close");
}

void driver_close(void)
{
	struct error err = ERROR_INIT;
	bool logs_closed = false;

	if (!driver.closed)
		driver_close_pool();
	logs_close(driver.logs, on_closed, &logs_closed);
	driver_until(is_true, &logs_closed, "the logs to close");
	CHECK_OK(loop_close(driver.loop, &err), err);
	driver.loop = NULL;
	CHECK_INT(count_entries("/proc/self/fd"), fds_before);
	CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

/* ---- runs --------------------------------------------------------------------------------- */

uint64_t driver_sum(const void *data, size_t len)
{
	const unsigned char *p = data;
	uint64_t s = 0;

	for (size_t i = 0; i < len; i++)
		s = s * 31 + p[i];
	return s;
}

static void on_started(struct run *run)
{
	struct told *t = run->user;

	t->n_started++;
}

static void keep(struct told *t, struct str text)
{
	snprintf(t->text, sizeof(t->text), STR_FMT, STR_ARG(text));
}

static void on_progress(struct run *run, double fraction, struct str text)
{
	struct told *t = run->user;

	t->n_progress++;
	t->fraction = fraction;
	keep(t, text);
}

static void on_note(struct run *run, int level, struct str text, uint32_t lost)
{
	struct told *t = run->user;

	(void)level;
	(void)lost;
	t->n_notes++;
	keep(t, text);
}

static void keep_death(struct told *t, const struct death *d)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;

	t->death = d->how;
	t->shared = d->shared;
	t->signal = d->signal;
	t->code = d->code;
	death_describe(d, &text);
	snprintf(t->why, sizeof(t->why), "%s", text.data);
	buf_clear(&text);
	for (size_t i = 0; i < d->n_frames; i++)
		buf_printf(&text, "%s\n", d->frames[i].text);
	buf_puts(&text, d->trace_note);
	snprintf(t->trace, sizeof(t->trace), "%s", text.data);
}

static void on_done(struct run *run, const struct run_end *end)
{
	struct told *t = run->user;

	t->done = true;
	t->n_done++;
	t->how = end->how;
	t->outcome = end->outcome;
	t->cancelled = end->cancelled;
	t->queued_ns = end->queued_ns;
	t->started_ns = end->started_ns;
	t->ended_ns = end->ended_ns;
	t->asked_ns = end->asked_ns;
	t->term_ns = end->term_ns;
	t->kill_ns = end->kill_ns;
	t->done_ns = clock_monotonic_ns();
	t->document_len = end->document.len;
	t->document_sum = driver_sum(end->document.ptr, end->document.len);
	snprintf(t->document, sizeof(t->document), "%.*s", (int)MIN(end->document.len, (size_t)255),
		 end->document.ptr);
	if (end->death)
		keep_death(t, end->death);
	if (end->error)
		snprintf(t->why, sizeof(t->why), "%s", end->error->message);
	run_release(run);
}

static const struct run_ops told_ops = {
	.started = on_started, .progress = on_progress, .note = on_note, .done = on_done};

struct runner_generation *driver_generation(const struct runner_generation_params *params)
{
	struct runner_generation *g;
	struct error err = ERROR_INIT;

	CHECK_OK(runner_generation_add(driver.pool, params, &g, &err), err);
	return g;
}

void driver_start_with(struct runner_generation *g, struct told *t, const struct run_request *q)
{
	struct error err = ERROR_INIT;

	*t = (struct told){.done = false};
	t->run.user = t;
	CHECK_OK(run_start(g, q, &told_ops, &t->run, &err), err);
	CHECK(!t->done);
}

void driver_start(struct runner_generation *g, struct told *t, const char *inputs)
{
	driver_start_with(g, t, &(struct run_request){.inputs = str_of(inputs)});
}

void driver_wait(struct told *t)
{
	driver_until(is_true, &t->done, "a run to end");
	CHECK_INT(t->n_done, 1);
}

void driver_wait_begun(struct told *t, size_t n)
{
	int64_t end = clock_monotonic_ns() + WAIT_NS;

	for (size_t i = 0; i < n;) {
		if (t[i].n_started > 0 || t[i].done) {
			i++;
			continue;
		}
		if (clock_monotonic_ns() > end)
			test_fail(__FILE__, __LINE__, "waited in vain for a run to begin");
		driver_turn(5000000);
	}
}

static bool is_quarantined(void *arg)
{
	struct runner_generation_status status;

	runner_generation_status(arg, &status);
	return status.quarantined;
}

void driver_wait_quarantined(struct runner_generation *g)
{
	driver_until(is_quarantined, g, "a generation to be quarantined");
}

void driver_run(struct runner_generation *g, struct told *t, const char *inputs)
{
	driver_start(g, t, inputs);
	driver_wait(t);
}
