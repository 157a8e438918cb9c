/* A runner from start to end, as the host sees it. */
#include "runners/pool_internal.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "runners/cgroup.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define STOP_NS      (2 * SECOND) /* for an orderly end */
#define BROKE_NS     (SECOND)     /* to end after it has closed its socket */
#define MEMORY_EVERY 64u          /* runs between two looks at its memory */
#define SYNC_SLOTS   64u
#define RING_BYTES   ((uint32_t)128 << 10)
#define ASYNC_RING   ((uint32_t)512 << 10)

void runner_set_state(struct pool_runner *r, enum runner_state state)
{
	r->generation->n_starting -= r->state == RUNNER_STARTING;
	r->state = state;
}

static void set_timer(struct pool_runner *r, int64_t span_ns)
{
	loop_timer_set(r->generation->pool->loop, &r->timer, loop_now_ns() + span_ns);
}

/* ---- ending ------------------------------------------------------------------------------- */

void runner_kill(struct pool_runner *r)
{
	if (r->pid == 0) { /* a thread can only be asked */
		if (r->state != RUNNER_STOPPING)
			runner_stop(r);
		else if (!loop_timer_is_set(&r->timer))
			set_timer(r, STOP_NS);
		return;
	}
	if (r->state == RUNNER_DYING)
		return;
	runner_set_state(r, RUNNER_DYING);
	loop_timer_cancel(r->generation->pool->loop, &r->timer);
	process_kill(r->process, SIGKILL);
}

void runner_stop(struct pool_runner *r)
{
	runner_set_state(r, RUNNER_STOPPING);
	atomic_store(&r->channel.header->stop, 1);
	channel_kick(r->channel.wake);
	set_timer(r, STOP_NS);
}

void runner_drain(struct pool_runner *r)
{
	if (r->state > RUNNER_READY)
		return;
	runner_set_state(r, RUNNER_DRAINING);
	if (r->runs.n == 0)
		runner_stop(r);
}

void runner_misbehaved(struct pool_runner *r, const char *fmt, ...)
{
	va_list ap;

	if (r->misbehaved[0])
		return;
	va_start(ap, fmt);
	vsnprintf(r->misbehaved, sizeof(r->misbehaved), fmt, ap);
	va_end(ap);
	r->generation->pool->stats.misbehaved++;
	log_warn("runner %d of %s is killed: %s", r->pid, r->generation->params.name,
		 r->misbehaved);
	runner_kill(r);
}

/* A thread that does not come back must not keep the host from ending, once its runs have been
 * given up. Otherwise it is waited for. */
static void leave_behind(struct pool_runner *r)
{
	if (!r->generation->pool->closing)
		return;
	if (r->runs.n > 0) {
		set_timer(r, STOP_NS);
		return;
	}
	log_warn("a thread of %s does not end and is left behind", r->generation->params.name);
	process_abandon(r->process);
}

static void on_timer(struct loop_timer *t)
{
	struct pool_runner *r = CONTAINER_OF(t, struct pool_runner, timer);
	struct runner_generation *g = r->generation;

	if (r->pid == 0 && r->state == RUNNER_STOPPING) {
		leave_behind(r);
		return;
	}
	if (r->state == RUNNER_READY) {
		if (r->runs.n == 0 && g->n_runners > g->params.min &&
		    loop_now_ns() - r->idle_since_ns >= g->params.idle_ns)
			runner_stop(r);
		else
			set_timer(r, g->params.idle_ns);
		return;
	}
	if (r->state == RUNNER_DRAINING) {
		if (r->deaf)
			runner_misbehaved(r, "it closed its control socket and went on");
		return; /* else it was the time to be idle */
	}
	if (r->state == RUNNER_STARTING && !r->failure) {
		r->failure = calloc(1, sizeof(*r->failure));
		err_set(r->failure, ERR_TIMEOUT, "%s did not start within %lld ms", g->params.name,
			(long long)(g->params.start_ns / 1000000));
	}
	runner_kill(r);
}

/* ---- age ---------------------------------------------------------------------------------- */

/* The number at `*at`, which moves behind it and the blank; 0 when there is none. */
static uint64_t next_number(const char **at)
{
	size_t n = strcspn(*at, " \n");
	uint64_t v = 0;

	parse_u64((struct str){*at, n}, &v);
	*at += n + ((*at)[n] != '\0');
	return v;
}

/* Memory of its own: what the plugin has allocated, without what it shares with others. */
static uint64_t own_memory(const struct pool_runner *r)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	uint64_t resident, shared;
	const char *at;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/statm", r->pid);
	if (file_read(path, 4096, &text, NULL) < 0 || !text.data)
		return 0;
	at = text.data;
	next_number(&at); /* its size */
	resident = next_number(&at);
	shared = next_number(&at);
	return (resident - MIN(shared, resident)) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static bool has_grown(struct pool_runner *r)
{
	uint64_t most = r->generation->params.max_growth, now;

	if (!most || r->pid == 0 || r->n_runs % MEMORY_EVERY != 0)
		return false;
	now = own_memory(r);
	if (r->first_memory == 0)
		r->first_memory = now;
	return now > r->first_memory + most;
}

void runner_completed(struct pool_runner *r)
{
	uint64_t most = r->generation->params.max_runs;

	r->n_runs++;
	if (r->state != RUNNER_READY || (!(most && r->n_runs >= most) && !has_grown(r)))
		return;
	r->generation->pool->stats.recycled++;
	runner_set_state(r, RUNNER_DRAINING);
}

void runner_idle(struct pool_runner *r)
{
	struct runner_generation *g = r->generation;
	const struct runner_pool *p = g->pool;

	r->idle_since_ns = loop_now_ns();
	if (r->state == RUNNER_DRAINING)
		runner_stop(r);
	else if (p->params.max && p->n_runners >= p->params.max)
		pool_want_tick(g->pool); /* another generation may wait for its place */
	if (g->retiring)
		loop_later_queue(g->pool->loop, &g->pool->deliver);
}

/* ---- what it says ------------------------------------------------------------------------- */

static void fail_start(struct pool_runner *r, const struct error *why)
{
	if (!r->failure)
		r->failure = malloc(sizeof(*r->failure));
	if (r->failure)
		*r->failure = *why;
	set_timer(r, BROKE_NS);
}

static void on_ready(struct pool_runner *r)
{
	struct runner_generation *g = r->generation;

	if (r->started) {
		runner_misbehaved(r, "it said twice that it is ready");
		return;
	}
	poison_started(&g->poison);
	if (r->state == RUNNER_DRAINING) {
		r->started = true;
		runner_stop(r);
		return;
	}
	if (r->state != RUNNER_STARTING)
		return;
	runner_set_state(r, RUNNER_READY);
	r->started = true;
	g->pool->stats.started++;
	r->idle_since_ns = loop_now_ns();
	set_timer(r, g->params.idle_ns);
	generation_pump(g);
}

static void on_said(void *user, const struct hello *h)
{
	struct pool_runner *r = user;
	struct error why = ERROR_INIT;

	if (h->head.kind == HELLO_READY) {
		on_ready(r);
		return;
	}
	if (h->head.kind == HELLO_FAILED && h->head.len == sizeof(h->body.failed) &&
	    r->state == RUNNER_STARTING) {
		int code = h->body.failed.code;
		size_t len = strnlen(h->body.failed.message, sizeof(h->body.failed.message));

		if (!utf8_valid(h->body.failed.message, len, NULL))
			len = 0;
		err_set(&why, code < 0 && code >= ERR_CANCELLED ? code : ERR_INVALID, "%.*s",
			(int)len, h->body.failed.message);
		fail_start(r, &why);
		return;
	}
	runner_misbehaved(r, "it said something of kind %u", h->head.kind);
}

/* An orderly end closes the socket too, so it gets a little time. */
static void on_broke(void *user, const struct error *why)
{
	struct pool_runner *r = user;

	if (r->state == RUNNER_STARTING) {
		if (why->code == ERR_IO)
			return; /* it ends, or is late */
		fail_start(r, why);
		runner_kill(r);
	} else if (why->code != ERR_IO) {
		runner_misbehaved(r, "%s", why->message);
	} else if (r->state == RUNNER_READY || r->state == RUNNER_DRAINING) {
		runner_set_state(r, RUNNER_DRAINING);
		r->deaf = true;
		set_timer(r, BROKE_NS);
	}
}

static void on_printed(void *user, const char *data, size_t len)
{
	runner_printed(user, data, len);
}

static void on_ended(void *user, const struct process_end *end)
{
	runner_ended(user, end);
}

static const struct process_ops runner_process_ops = {
	.said = on_said, .broke = on_broke, .printed = on_printed, .ended = on_ended};

/* ---- starting ----------------------------------------------------------------------------- */

static int make_tables(struct pool_runner *r, struct error *err)
{
	uint32_t n = r->channel.size.slots;

	r->slots = calloc(n, sizeof(struct run *));
	r->free_slots = calloc(n, sizeof(*r->free_slots));
	if (!r->slots || !r->free_slots)
		return err_nomem(err, "a runner");
	for (uint32_t i = 0; i < n; i++)
		r->free_slots[i] = n - 1 - i;
	r->n_free = n;
	return 0;
}

static int make_channel(struct pool_runner *r, struct error *err)
{
	unsigned inflight = r->generation->params.max_inflight;
	struct channel_size size = {
		.ring_bytes = inflight > 1 ? ASYNC_RING : RING_BYTES,
		.slots = inflight > 1 ? inflight : SYNC_SLOTS,
	};
	int code = channel_new(&size, &r->channel, err);

	if (code < 0)
		return code;
	ring_writer_init(&r->out, r->channel.to_runner, size.ring_bytes);
	ring_reader_init(&r->in, r->channel.to_host, size.ring_bytes);
	ring_sleep(&r->in); /* the first completion wakes us */
	code = make_tables(r, err);
	if (code < 0)
		return code;
	return fd_watch_new(r->generation->pool->loop, r->channel.completed, FD_READABLE,
			    runner_on_completed, r, &r->watch, err);
}

static int say_hello(struct pool_runner *r, struct error *err)
{
	const struct runner_generation_params *p = &r->generation->params;
	const struct str texts[] = {str_of(p->name), str_of(p->path), str_of(p->digest), p->config};
	const int fds[] = {r->channel.memory, r->channel.wake, r->channel.completed};
	struct hello_serve serve = {
		.size = r->channel.size,
		.limits = p->limits,
		.cgroup = r->generation->cgroup,
		.max_inflight = p->max_inflight,
		.host = getpid(),
		.name_len = (uint32_t)texts[0].len,
		.path_len = (uint32_t)texts[1].len,
		.digest_len = (uint32_t)texts[2].len,
		.config_len = (uint32_t)texts[3].len,
	};
	struct buf body = BUF_INIT;
	int code;

	buf_append(&body, &serve, sizeof(serve));
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		buf_append(&body, texts[i].ptr, texts[i].len);
	code = buf_check(&body, "a runner's hello", err);
	if (code == 0)
		code = process_tell(r->process, HELLO_SERVE, body.data, body.len, fds,
				    ARRAY_LEN(fds), err);
	buf_done(&body);
	closep(&r->channel.memory); /* it is mapped on both sides from here on */
	return code;
}

static int get_process(struct pool_runner *r, struct error *err)
{
	struct runner_generation *g = r->generation;
	struct runner_pool *p = g->pool;
	int code;

	if (g->params.in_process)
		return process_start_thread(&p->processes, &runner_process_ops, r, &r->process,
					    err);
	r->process = spare_take(p);
	if (r->process) {
		process_set(r->process, &runner_process_ops, r);
	} else {
		code = process_start(&p->processes, &runner_process_ops, r, &r->process, err);
		if (code < 0)
			return code;
	}
	r->pid = process_pid(r->process);
	return 0;
}

static void link_runner(struct pool_runner *r)
{
	struct runner_generation *g = r->generation;

	r->next = g->runners;
	r->link = &g->runners;
	if (r->next)
		r->next->link = &r->next;
	g->runners = r;
	g->n_runners++;
	g->n_starting++;
	g->pool->n_runners++;
}

void runner_free(struct pool_runner *r)
{
	struct loop *l = r->generation->pool->loop;

	fd_watch_close(r->watch);
	loop_later_cancel(l, &r->again);
	loop_timer_cancel(l, &r->timer);
	channel_done(&r->channel);
	free(r->slots);
	free(r->free_slots);
	free(r->failure);
	free(r);
}

/* From here on there is a process, so that every failure ends with its end. */
static void begin(struct pool_runner *r)
{
	struct runner_generation *g = r->generation;
	struct error err = ERROR_INIT;
	int code = 0;

	link_runner(r);
	set_timer(r, g->params.start_ns);
	if (r->pid && g->params.limits.cpu_seconds)
		pool_watch_cpu(g->pool);
	if (g->cgroup)
		code = cgroup_add(g->pool->params.cgroup, r->pid, &g->params.limits, &err);
	if (code == 0)
		code = say_hello(r, &err);
	if (code == 0)
		return;
	fail_start(r, &err);
	if (r->pid)
		runner_kill(r);
	else
		process_dismiss(r->process);
}

int runner_new(struct runner_generation *g, struct error *err)
{
	struct pool_runner *r = calloc(1, sizeof(*r));
	int code;

	if (!r)
		return err_nomem(err, "a runner");
	r->generation = g;
	r->channel = (struct channel){.memory = -1, .wake = -1, .completed = -1};
	r->again.run = runner_on_again;
	r->timer.fire = on_timer;
	run_list_init(&r->runs);
	code = make_channel(r, err);
	if (code == 0)
		code = get_process(r, err);
	if (code < 0) {
		runner_free(r);
		return code;
	}
	begin(r);
	return 0;
}
