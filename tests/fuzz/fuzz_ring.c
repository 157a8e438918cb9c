/* A hostile runner: whatever it does to the shared memory, the host goes on, and every run ends
 * exactly once. The input is a list of things that runner, host and owner of the runs do. */
#include "fuzz.h"

#include "base/mem.h"
#include "runners/pool_internal.h"

#include <unistd.h>

#define RUNS_MAX   64u
#define RING_BYTES ((uint32_t)16 << 10)
#define SLOTS      32u

struct input {
	const uint8_t *at, *end;
};

struct fuzzed {
	struct run run;
	unsigned started, done;
};

struct world {
	struct loop *loop;
	struct runner_pool *pool;
	struct runner_generation *generation;
	struct pool_runner *runner;
	struct ring_writer forger; /* the runner's end, used properly */
	struct fuzzed runs[RUNS_MAX];
	unsigned n_runs;
	bool closed;
};

static uint64_t take(struct input *in, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n && in->at < in->end; i++)
		v |= (uint64_t)*in->at++ << 8 * i;
	return v;
}

/* ---- the owner ---------------------------------------------------------------------------- */

static void on_started(struct run *run)
{
	struct fuzzed *f = run->user;

	FUZZ_CHECK(f->started++ == 0 && f->done == 0);
}

static void on_text(struct run *run, struct str text)
{
	struct fuzzed *f = run->user;

	FUZZ_CHECK(f->done == 0);
	FUZZ_CHECK(utf8_valid(text.ptr, text.len, NULL));
}

static void on_progress(struct run *run, double fraction, struct str text)
{
	FUZZ_CHECK(fraction >= 0 && fraction <= 1);
	on_text(run, text);
}

static void on_note(struct run *run, int level, struct str text, uint32_t lost)
{
	(void)level;
	(void)lost;
	on_text(run, text);
}

static void on_done(struct run *run, const struct run_end *end)
{
	struct fuzzed *f = run->user;
	unsigned char sum = 0;

	FUZZ_CHECK(f->done++ == 0);
	FUZZ_CHECK(end->queued_ns <= end->ended_ns);
	FUZZ_CHECK(end->started_ns == 0 || end->started_ns <= end->ended_ns);
	for (size_t i = 0; end->how == RUN_COMPLETED && i < end->document.len; i += 4096)
		sum ^= (unsigned char)end->document.ptr[i]; /* it is all there */
	f->run.user = sum ? f : run->user;
	run_release(run);
}

static const struct run_ops ops = {
	.started = on_started, .progress = on_progress, .note = on_note, .done = on_done};

static void submit(struct world *w, struct input *in)
{
	static const char bytes[6000];
	struct fuzzed *f = &w->runs[w->n_runs];
	struct run_request q = {.inputs = {bytes, take(in, 2) % sizeof(bytes)},
				.task_template = {bytes, take(in, 1)}};
	struct error err = ERROR_INIT;

	if (w->n_runs == RUNS_MAX)
		return;
	w->n_runs++;
	f->run.user = f;
	FUZZ_OK(run_start(w->generation, &q, &ops, &f->run, &err), err);
}

/* ---- the runner --------------------------------------------------------------------------- */

static void scribble(struct world *w, struct input *in)
{
	struct ring_shared *s = w->runner->channel.to_host;
	uint32_t at = (uint32_t)take(in, 2) % RING_BYTES;
	size_t n = MIN((size_t)take(in, 1), (size_t)(RING_BYTES - at));

	for (size_t i = 0; i < n; i++)
		s->data[at + i] = (unsigned char)take(in, 1);
}

static void set_words(struct world *w, struct input *in)
{
	struct channel *c = &w->runner->channel;
	uint32_t which = (uint32_t)take(in, 1), v = (uint32_t)take(in, 4);

	switch (which % 8) {
	case 0:
		atomic_store(&c->to_host->tail, v);
		break;
	case 1:
		atomic_fetch_add(&c->to_host->tail, v & 0x3ff8);
		break;
	case 2:
		atomic_store(&c->to_runner->head, v);
		break;
	case 3:
		atomic_store(&c->to_host->head, v);
		break;
	case 4:
		atomic_store(&c->to_runner->tail, v);
		break;
	case 5:
		atomic_store(&c->to_host->wants_room, v);
		atomic_store(&c->to_host->asleep, v >> 16);
		break;
	case 6:
		atomic_store(&c->to_runner_slabs.words->used[v % SLAB_COUNT], v >> 8);
		break;
	default:
		atomic_store(&c->words[v % SLOTS].claim, (uint64_t)v >> 8);
		break;
	}
}

/* It takes its submissions and, mostly, believes in what they say. */
static void take_submissions(struct world *w)
{
	struct channel *c = &w->runner->channel;

	for (struct run *run = w->runner->runs.first; run; run = run->next)
		atomic_store(&c->words[run->slot].claim, claim_word(run->id, CLAIM_TAKEN));
	atomic_store(&c->to_runner->head, w->runner->out.published);
}

static void *forge(struct world *w, uint32_t kind, const void *record, size_t size, uint32_t more)
{
	unsigned char *to = ring_put(&w->forger, kind, (uint32_t)size + more);

	if (!to)
		return NULL;
	memcpy(to, record, size);
	return to + size;
}

static void complete(struct world *w, struct input *in)
{
	uint32_t more = (uint32_t)take(in, 1) * 16;
	struct record_complete c = {
		.run = take(in, 1),
		.slot = (uint32_t)take(in, 1) % (SLOTS + 2),
		.started_ns = (int64_t)take(in, 8),
		.ended_ns = (int64_t)take(in, 8),
		.outcome = (int32_t)take(in, 4),
		.block = (uint32_t)take(in, 1) % (SLAB_COUNT + 3),
		.len = more,
	};

	if (take(in, 1) % 4 == 0)
		c.len = (uint32_t)take(in, 4);
	if (c.block > SLAB_COUNT - 2 && c.len > 1 << 20)
		c.len %= 1 << 20; /* slow, and no different */
	forge(w, RECORD_COMPLETE, &c, sizeof(c), c.block ? 0 : more);
}

static void tell(struct world *w, struct input *in)
{
	uint32_t kind = (uint32_t)take(in, 1), len = (uint32_t)take(in, 1);
	struct record_progress p = {.run = take(in, 1), .len = len};
	struct record_note n = {.run = p.run, .len = len, .level = (int32_t)take(in, 4)};
	uint64_t fraction = take(in, 8);
	unsigned char *to;

	p.slot = n.slot = (uint32_t)take(in, 1) % SLOTS;
	memcpy(&p.fraction, &fraction, sizeof(p.fraction));
	if (kind % 8 == 0)
		p.len = n.len = (uint32_t)take(in, 4);
	to = kind % 2 ? forge(w, RECORD_PROGRESS, &p, sizeof(p), len)
		      : forge(w, RECORD_NOTE, &n, sizeof(n), len);
	for (uint32_t i = 0; to && i < len; i++)
		to[i] = (unsigned char)take(in, 1);
}

/* ---- the world ---------------------------------------------------------------------------- */

static int no_init(void *ctx, const struct runner_start *start, void **ret, struct error *err)
{
	(void)ctx;
	(void)start;
	(void)ret;
	return err_set(err, ERR_UNSUPPORTED, "nothing runs here");
}

static const struct runner_ops runner_ops = {.init = no_init};

static void on_closed(void *user)
{
	*(bool *)user = true;
}

/* As runner_new makes it, ready, and without anybody behind it. */
static void add_runner(struct world *w)
{
	struct pool_runner *r = calloc(1, sizeof(*r));
	const struct channel_size size = {.ring_bytes = RING_BYTES, .slots = SLOTS};
	struct error err = ERROR_INIT;

	FUZZ_CHECK(r);
	FUZZ_OK(channel_new(&size, &r->channel, &err), err);
	closep(&r->channel.memory);
	r->generation = w->generation;
	r->state = RUNNER_READY;
	r->started = true;
	r->again.run = runner_on_again;
	run_list_init(&r->runs);
	ring_writer_init(&r->out, r->channel.to_runner, RING_BYTES);
	ring_reader_init(&r->in, r->channel.to_host, RING_BYTES);
	r->slots = calloc(SLOTS, sizeof(struct run *));
	r->free_slots = calloc(SLOTS, sizeof(*r->free_slots));
	FUZZ_CHECK(r->slots && r->free_slots);
	for (uint32_t i = 0; i < SLOTS; i++)
		r->free_slots[r->n_free++] = SLOTS - 1 - i;
	r->link = &w->generation->runners;
	w->generation->runners = r;
	w->generation->n_runners = w->pool->n_runners = 1;
	w->runner = r;
	ring_writer_init(&w->forger, r->channel.to_host, RING_BYTES);
}

static void begin(struct world *w, bool many)
{
	struct runner_pool_params params = {.ops = &runner_ops};
	struct runner_generation_params g = {.name = "fuzzed",
					     .path = "",
					     .digest = "",
					     .in_process = true,
					     .max_inflight = many ? SLOTS : 1};
	struct error err = ERROR_INIT;

	FUZZ_OK(loop_new(&w->loop, &err), err);
	FUZZ_OK(runner_pool_new(w->loop, &params, &w->pool, &err), err);
	FUZZ_OK(runner_generation_add(w->pool, &g, &w->generation, &err), err);
	w->generation->n_runs = 1000; /* short runs: many may wait in the runner */
	add_runner(w);
}

static void end(struct world *w)
{
	const struct process_end gone = {.thread = true};
	struct error err = ERROR_INIT;

	w->generation->poison.until_ns = INT64_MAX; /* no other runner */
	runner_ended(w->runner, &gone);
	runner_pool_close(w->pool, on_closed, &w->closed);
	while (!w->closed)
		loop_run_once(w->loop, 1000000);
	FUZZ_OK(loop_close(w->loop, &err), err);
	for (unsigned i = 0; i < w->n_runs; i++)
		FUZZ_CHECK(w->runs[i].done == 1);
}

static void step(struct world *w, struct input *in)
{
	unsigned which = (unsigned)take(in, 1);

	switch (which % 12) {
	case 0:
	case 1:
		submit(w, in);
		break;
	case 2:
	case 3:
		complete(w, in);
		break;
	case 4:
		tell(w, in);
		break;
	case 5:
		scribble(w, in);
		break;
	case 6:
		set_words(w, in);
		break;
	case 7:
		take_submissions(w);
		break;
	case 8:
		ring_publish(&w->forger);
		break;
	case 9:
		if (w->n_runs > 0)
			run_cancel(&w->runs[take(in, 1) % w->n_runs].run, 1);
		break;
	case 10:
		pool_on_tick(&w->pool->tick);
		break;
	default:
		ring_publish(&w->forger);
		runner_read(w->runner);
		loop_run_once(w->loop, 0);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, data + size};
	struct world *w = calloc(1, sizeof(*w));

	FUZZ_CHECK(w);
	begin(w, take(&in, 1) % 2);
	while (in.at < in.end)
		step(w, &in);
	end(w);
	free(w);
	return 0;
}
