#include "cli/serve_metrics.h"

#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"
#include "cli/catalog.h"
#include "cli/serve_metrics_runners.h"
#include "grpc/engine.h"
#include "loop/loop.h"

#define SECOND    INT64_C(1000000000)
#define TYPES_MAX 1000

/* The series of one task type, so that counting looks up one name. */
struct type_series {
	struct metric *accepted, *waited, *ran, *well;
};

struct serve_metrics {
	struct loop *loop;
	struct worker_metrics *metrics;
	struct metric_collector collector;
	struct serve_metrics_sources sources;
	struct map types; /* -> struct type_series */
	struct series series;
	bool well; /* what has just ended */

	struct loop_timer beat;
	int64_t beat_ns, due_ns;
	uint64_t beats, still, commits;
	struct store_stats seen; /* what the histograms of the store hold */
};

/* ---- as it happens --------------------------------------------------------------------------- */

static struct type_series resolve(struct worker_metrics *w, struct str type)
{
	return (struct type_series){
		.accepted = metric_with(w->accepted, &type),
		.waited = metric_with(w->schedule_to_start, &type),
		.ran = metric_with(w->run, &type),
		.well = metric_with(w->outcomes, (struct str[]){type, STR("OK")}),
	};
}

/* Without room or memory the families are looked through each time. */
static struct type_series series_of(struct serve_metrics *m, struct str type)
{
	struct type_series *t = map_get(&m->types, type), found;

	if (t)
		return *t;
	found = resolve(m->metrics, type);
	t = m->types.len < TYPES_MAX ? malloc(sizeof(*t)) : NULL;
	if (t) {
		*t = found;
		if (map_put(&m->types, type, t, NULL) < 0)
			free(t);
	}
	return found;
}

void serve_metrics_took(struct serve_metrics *m,
			enum dispatch_time what,
			struct str type,
			int64_t ns)
{
	double seconds = (double)ns / (double)SECOND;

	switch (what) {
	case TIME_ACCEPT:
		metric_inc(series_of(m, type).accepted, 1);
		break;
	case TIME_QUEUED:
		metric_observe(series_of(m, type).waited, seconds);
		break;
	case TIME_RUN:
		metric_observe(series_of(m, type).ran, seconds);
		break;
	case TIME_WHOLE: /* dispatch tells it right after how it ended */
		series_add(&m->series, clock_realtime_ns(), ns, m->well);
		break;
	case TIME_FINISH:
	case DISPATCH_TIMES:
		break;
	}
}

void serve_metrics_ended(struct serve_metrics *m,
			 struct str type,
			 enum exec_state state,
			 struct str code)
{
	struct str labels[] = {type, code.len > 0 ? code : str_of(exec_state_name((int)state))};

	/* Who takes back what they asked for has not failed. */
	m->well = state == EXEC_SUCCEEDED || state == EXEC_ABORTED;
	if (state == EXEC_SUCCEEDED)
		metric_inc(series_of(m, type).well, 1);
	else
		metric_inc(metric_with(m->metrics->outcomes, labels), 1);
}

/* ---- the store ------------------------------------------------------------------------------- */

static void observe(struct metric *metric, double value, uint64_t times)
{
	for (; times > 0; times--)
		metric_observe(metric, value);
}

/* The store keeps commits by powers of two of microseconds, and writes as a sum: the counts here are
 * exact, a commit stands within a factor of two of its time, and those between two looks share their
 * writes evenly. */
static void take_commits(struct serve_metrics *m, const struct store_stats *now)
{
	struct metric *times = metric_with(m->metrics->fsync, NULL);
	struct metric *rows = metric_with(m->metrics->commit_rows, NULL);
	uint64_t commits = now->commits - m->seen.commits, writes = now->writes - m->seen.writes;

	for (size_t i = 0; i < ARRAY_LEN(now->commit_us); i++)
		observe(times, (double)(UINT64_C(3) << i) / 4 / 1e6,
			now->commit_us[i] - m->seen.commit_us[i]);
	if (commits > 0) {
		uint64_t each = writes / commits, left = writes % commits;

		observe(rows, (double)(each + 1), left);
		observe(rows, (double)each, commits - left);
	}
	m->seen = *now;
}

static void collect_store(struct serve_metrics *m)
{
	struct store_stats now;

	store_stats(m->sources.store, &now);
	take_commits(m, &now);
	metric_set(metric_with(m->metrics->store_waiting, NULL), (double)now.waiting);
	metric_set(metric_with(m->metrics->store_free, NULL), (double)now.free_bytes);
}

/* ---- the beat -------------------------------------------------------------------------------- */

static void look_at_store(struct serve_metrics *m)
{
	struct store_stats now;
	bool well;

	store_stats(m->sources.store, &now);
	take_commits(m, &now);
	well = now.condition == STORE_WELL || now.condition == STORE_LOW;
	m->still = well && now.waiting > 0 && now.commits == m->commits ? m->still + 1 : 0;
	m->commits = now.commits;
}

static void on_beat(struct loop_timer *t)
{
	struct serve_metrics *m = CONTAINER_OF(t, struct serve_metrics, beat);
	int64_t now = loop_now_ns();

	m->beats++;
	metric_observe(metric_with(m->metrics->loop_lag, NULL),
		       (double)(now - m->due_ns) / (double)SECOND);
	if (m->sources.store)
		look_at_store(m);
	m->due_ns = now + m->beat_ns;
	loop_timer_set(m->loop, t, m->due_ns);
}

void serve_metrics_start(struct serve_metrics *m, int64_t beat_ns)
{
	m->beat_ns = beat_ns > 0 ? beat_ns : SECOND;
	m->due_ns = loop_now_ns() + m->beat_ns;
	loop_timer_set(m->loop, &m->beat, m->due_ns);
}

/* ---- when somebody asks ---------------------------------------------------------------------- */

static void collect_dispatch(struct serve_metrics *m)
{
	struct dispatch_stats s = dispatch_stats(m->sources.dispatch);
	struct worker_metrics *w = m->metrics;

	metric_set(metric_with(w->queue_depth, NULL), (double)(s.queued + s.waiting));
	metric_set(metric_with(w->queue_oldest, NULL), (double)s.oldest_queued_ns / (double)SECOND);
	metric_set(metric_with(w->slots, NULL), s.slots);
	metric_set(metric_with(w->slots_used, NULL), s.slots_used);
	metric_set(metric_with(w->key_conflicts, NULL), (double)s.mismatched);
	metric_set(metric_with(w->large_outputs, NULL), (double)s.large_outputs);
}

static void collect_plugins(struct serve_metrics *m)
{
	struct catalog_counts n = catalog_counts(m->sources.catalog);
	const struct {
		struct str state;
		unsigned n;
	} states[] = {
		{STR("active"), n.active},     {STR("refused"), n.refused},
		{STR("loading"), n.loading},   {STR("quarantined"), n.quarantined},
		{STR("disabled"), n.disabled},
	};

	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		metric_set(metric_with(m->metrics->plugins, &states[i].state), states[i].n);
}

static void collect(struct metric_collector *c)
{
	struct serve_metrics *m = CONTAINER_OF(c, struct serve_metrics, collector);

	if (m->sources.dispatch)
		collect_dispatch(m);
	if (m->sources.store)
		collect_store(m);
	if (m->sources.catalog)
		collect_plugins(m);
	if (m->sources.pool)
		collect_pool(m->metrics, m->sources.pool);
	if (m->sources.catalog)
		collect_runners(m->metrics, m->sources.catalog, m->sources.pool);
	if (m->sources.engine)
		metric_set(metric_with(m->metrics->connections, NULL),
			   (double)grpc_engine_stats(m->sources.engine)->connections_open);
}

/* ---- for those who ask ----------------------------------------------------------------------- */

struct worker_metrics *serve_metrics_families(struct serve_metrics *m)
{
	return m->metrics;
}

const struct series *serve_metrics_series(const struct serve_metrics *m)
{
	return &m->series;
}

uint64_t serve_metrics_beats(const struct serve_metrics *m)
{
	return m->beats;
}

uint64_t serve_metrics_store_still(const struct serve_metrics *m)
{
	return m->still;
}

/* ---- life ------------------------------------------------------------------------------------ */

int serve_metrics_new(struct loop *loop,
		      struct worker_metrics *metrics,
		      struct serve_metrics **ret,
		      struct error *err)
{
	struct serve_metrics *m = calloc(1, sizeof(*m));

	if (!m)
		return err_nomem(err, "the worker's metrics");
	m->loop = loop;
	m->metrics = metrics;
	m->types = (struct map)MAP_INIT;
	m->collector.collect = collect;
	m->beat.fire = on_beat;
	metrics_collect(metrics->metrics, &m->collector);
	*ret = m;
	return 0;
}

void serve_metrics_watch(struct serve_metrics *m, const struct serve_metrics_sources *sources)
{
	if (sources->store != m->sources.store) {
		m->seen = (struct store_stats){.condition = STORE_WELL};
		m->commits = m->still = 0;
	}
	m->sources = *sources;
}

void serve_metrics_free(struct serve_metrics *m)
{
	if (!m)
		return;
	loop_timer_cancel(m->loop, &m->beat);
	map_done(&m->types, free);
	free(m);
}
