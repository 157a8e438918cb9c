#include "cli/serve_http_private.h"

#include "base/clock.h"
#include "base/mem.h"
#include "cli/catalog.h"
#include "loop/loop.h"
#include "runners/logs.h"
#include "store/ident.h"

#define SECOND INT64_C(1000000000)

/* ---- health ---------------------------------------------------------------------------------- */

bool serve_http_live(struct serve_http *h, struct buf *why)
{
	uint64_t writes = serve_metrics_store_still(h->params.metrics);
	uint64_t reads = asks_oldest_beats(h);

	if (writes >= STUCK_BEATS)
		buf_printf(why, "writes have waited for %llu s without a commit of the store",
			   (unsigned long long)writes);
	else if (reads >= STUCK_BEATS)
		buf_printf(why, "the store has not answered a read for %llu s",
			   (unsigned long long)reads);
	return writes < STUCK_BEATS && reads < STUCK_BEATS;
}

bool serve_http_started(struct serve_http *h, struct buf *why)
{
	const struct serve_http_facts *f = h->params.facts;

	if (!f->recovered)
		buf_puts(why, "what was accepted before is being taken up");
	else if (!f->scanned)
		buf_puts(why, "plugins are being loaded");
	return f->recovered && f->scanned;
}

static bool store_takes(const struct serve_http *h, struct buf *why)
{
	struct store_stats s;

	store_stats(h->params.store, &s);
	if (s.condition == STORE_WELL)
		return true;
	buf_printf(why, "store: %s%s%s", store_condition_text(s.condition), *s.why ? ": " : "",
		   s.why);
	return false;
}

/* One that is quarantined or disabled counts: calls about what it has accepted are answered. */
static bool plugin_loaded(const struct serve_http *h, struct buf *why)
{
	const struct catalog_counts n = catalog_counts(h->params.catalog);

	if (n.active + n.quarantined + n.disabled > 0)
		return true;
	if (n.refused > 0)
		buf_printf(why, "no plugin is loaded; %u refused, and \"plugin ls\" says why",
			   n.refused);
	else
		buf_puts(why, "no plugin is loaded, and none is in the plugin directories");
	return false;
}

static bool draining(const struct serve_http *h)
{
	return dispatch_drain_stage(h->params.dispatch) != DRAIN_NONE;
}

bool serve_http_ready(struct serve_http *h, struct buf *why)
{
	const struct serve_http_facts *f = h->params.facts;

	if (draining(h)) {
		buf_puts(why, "the worker is stopping");
		return false;
	}
	if (!serve_http_started(h, why) || !store_takes(h, why) || !plugin_loaded(h, why))
		return false;
	if (f->not_ready)
		buf_puts(why, f->not_ready);
	return !f->not_ready;
}

static bool is_ready(struct serve_http *h)
{
	_cleanup_(buf_done) struct buf why = BUF_INIT;

	return serve_http_ready(h, &why);
}

/* The store's thread notices that the disk is full, and nobody here is told. */
static void on_look(struct loop_timer *t)
{
	struct serve_http *h = CONTAINER_OF(t, struct serve_http, look);
	const bool ready = is_ready(h);

	loop_timer_set(h->params.loop, t, loop_now_ns() + SECOND);
	if (ready == h->was_ready)
		return;
	h->was_ready = ready;
	h->changed(h->user);
}

bool serve_http_watch(struct serve_http *h, void (*changed)(void *user), void *user)
{
	h->was_ready = is_ready(h);
	if (h->changed)
		return h->was_ready;
	h->changed = changed;
	h->user = user;
	loop_timer_set(h->params.loop, &h->look, loop_now_ns() + SECOND);
	return h->was_ready;
}

const char *serve_http_state(struct serve_http *h, struct buf *why)
{
	const struct serve_http_facts *f = h->params.facts;

	if (serve_http_ready(h, why))
		return "ready";
	if (draining(h))
		return "draining";
	return f->recovered && f->scanned ? "not ready" : "starting";
}

static bool on_live(void *user, struct buf *why)
{
	return serve_http_live(user, why);
}

static bool on_ready(void *user, struct buf *why)
{
	return serve_http_ready(user, why);
}

static bool on_started(void *user, struct buf *why)
{
	return serve_http_started(user, why);
}

/* ---- the worker ------------------------------------------------------------------------------ */

static void on_metrics(void *user, struct buf *out)
{
	const struct serve_http *h = user;

	metrics_print(serve_metrics_families(h->params.metrics)->metrics, out);
}

static void on_worker(void *user, struct http_answer *a)
{
	_cleanup_(buf_done) struct buf why = BUF_INIT;
	struct serve_http *h = user;
	const struct serve_http_facts *f = h->params.facts;
	struct dispatch_stats d = dispatch_stats(h->params.dispatch);
	struct store_stats s;
	struct http_worker w = {
		.version = STR(TASKHOST_VERSION),
		.name = str_of(f->name),
		.grpc = str_of(f->grpc),
		.admin = str_of(f->admin),
		.socket = str_of(f->socket),
		.started_ns = f->started_ns,
		.slots = d.slots,
		.slots_used = d.slots_used,
		.queued = d.queued + d.waiting,
		.running = d.running,
		.oldest_ns = d.oldest_queued_ns,
	};

	store_stats(h->params.store, &s);
	w.store = str_of(store_condition_text(s.condition));
	w.state = str_of(serve_http_state(h, &why));
	w.reason = (struct str){why.data, why.len};
	http_answer_worker(a, &w);
	http_answer_end(a, false);
}

static void on_series(void *user, int64_t since, struct http_answer *a)
{
	const struct serve_http *h = user;
	const struct series *series = serve_metrics_series(h->params.metrics);
	int64_t now = clock_realtime_ns() / SECOND;

	since = MIN(since, now); /* one more must not overflow */
	for (int64_t s = MAX(since + 1, now - SERIES_SECONDS + 1); s <= now; s++) {
		struct series_point p = series_at(series, s);
		const struct http_point out = {.second = s,
					       .done = p.done,
					       .failed = p.failed,
					       .p50_ns = p.p50_ns,
					       .p99_ns = p.p99_ns};

		http_answer_point(a, &out);
	}
	http_answer_end(a, false);
}

/* ---- logs ------------------------------------------------------------------------------------ */

/* A tail begins so many bytes before the end of the log, which a read past it tells. */
static int read_log(struct logs *logs,
		    const char *name,
		    const struct http_log_query *q,
		    struct buf *text,
		    struct log_part *ret,
		    struct error *err)
{
	uint64_t offset = q->offset;
	int r;

	if (q->tail) {
		r = logs_read(logs, name, UINT64_MAX, 0, text, ret, err);
		if (r < 0)
			return r;
		offset = ret->next - MIN(ret->next, (uint64_t)q->max);
	}
	return logs_read(logs, name, offset, q->max, text, ret, err);
}

static void
on_logs(void *user, const char *id, const struct http_log_query *q, struct http_answer *a)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	const struct serve_http *h = user;
	struct error err = ERROR_INIT;
	char name[IDENT_TEXT + 1];
	struct log_part part;
	struct http_log log;
	uint64_t number;
	int r;

	if (!h->params.logs || !ident_parse(str_of(id), &number)) {
		http_answer_fail(a, ERR_NOT_FOUND,
				 h->params.logs ? "there is no execution with that id"
						: "this worker keeps no logs");
		return;
	}
	ident_format(number, name);
	r = read_log(h->params.logs, name, q, &text, &part, &err);
	if (r < 0) {
		http_answer_fail(a, r,
				 r == ERR_NOT_FOUND ? "nothing is kept of what it printed"
						    : err.message);
		return;
	}
	log = (struct http_log){.offset = part.offset,
				.next = part.next,
				.gone = part.gone,
				.lost = part.lost,
				.end = part.end,
				.text = {text.data, text.len}};
	http_answer_log(a, &log);
	http_answer_end(a, false);
}

/* ---- life ------------------------------------------------------------------------------------ */

int serve_http_new(const struct serve_http_params *params,
		   struct serve_http **ret,
		   struct error *err)
{
	struct serve_http *h = calloc(1, sizeof(*h));

	if (!h)
		return err_nomem(err, "the admin port's data");
	h->look.fire = on_look;
	h->params = *params;
	list_init(&h->asks);
	h->source = (struct http_source){.live = on_live,
					 .ready = on_ready,
					 .started = on_started,
					 .metrics = on_metrics,
					 .worker = on_worker,
					 .series = on_series,
					 .executions = on_executions,
					 .execution = on_execution,
					 .logs = on_logs,
					 .plugins = on_plugins,
					 .user = h};
	*ret = h;
	return 0;
}

const struct http_source *serve_http_source(const struct serve_http *h)
{
	return &h->source;
}

void serve_http_free(struct serve_http *h)
{
	if (!h)
		return;
	loop_timer_cancel(h->params.loop, &h->look);
	asks_end(h);
	free(h);
}
