#include "cli/serve_metrics_runners.h"

#include "base/file.h"
#include "base/mem.h"
#include "cli/catalog.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/* ---- since the start ------------------------------------------------------------------------- */

static void set_crashes(struct worker_metrics *w, const char *signal, uint64_t n)
{
	if (n > 0)
		metric_set(metric_with(w->crashes, (struct str[]){str_of(signal)}), (double)n);
}

static void collect_crashes(struct worker_metrics *w, const struct runner_pool_stats *s)
{
	uint64_t by_signal = 0;
	char text[24];

	for (size_t i = 0; i < ARRAY_LEN(s->crashes_by_signal); i++) {
		const char *name = sigabbrev_np((int)i);

		by_signal += s->crashes_by_signal[i];
		if (name)
			snprintf(text, sizeof(text), "SIG%.10s", name);
		else
			snprintf(text, sizeof(text), "%zu", i);
		set_crashes(w, text, s->crashes_by_signal[i]);
	}
	set_crashes(w, "exit", s->crashed - MIN(by_signal, s->crashed));
}

void collect_pool(struct worker_metrics *w, const struct runner_pool *pool)
{
	struct runner_pool_stats s;
	struct str ok = STR("ok"), failed = STR("failed");

	runner_pool_stats(pool, &s);
	metric_set(metric_with(w->runner_starts, &ok), (double)s.started);
	metric_set(metric_with(w->runner_starts, &failed), (double)s.failed_starts);
	metric_set(metric_with(w->recycles, NULL), (double)s.recycled);
	metric_set(metric_with(w->output_lost, NULL), (double)s.output_lost);
	collect_crashes(w, &s);
}

/* ---- memory ---------------------------------------------------------------------------------- */

#define COMM_MAX 15 /* of a process's name, as the kernel keeps it */

/* A runner is named like its plugin, as far as that goes. */
struct resident {
	char comm[COMM_MAX + 1];
	double bytes;
};

struct residents {
	struct resident *items;
	size_t n;
};

static bool read_proc(const char *pid, const char *what, struct buf *out)
{
	char path[64];

	buf_clear(out);
	snprintf(path, sizeof(path), "/proc/%.20s/%s", pid, what);
	return file_read(path, 1 << 20, out, NULL) == 0 && out->len > 0;
}

static void add_resident(struct residents *r, const char *pid)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	struct resident *grown, one = {.bytes = 0};
	const char *second;

	if (!read_proc(pid, "comm", &text))
		return;
	snprintf(one.comm, sizeof(one.comm), "%.*s", (int)strcspn(text.data, "\n"), text.data);
	if (!read_proc(pid, "statm", &text))
		return;
	second = strchr(text.data, ' ');
	if (!second)
		return;
	one.bytes = strtod(second, NULL) * (double)sysconf(_SC_PAGESIZE);
	for (size_t i = 0; i < r->n; i++) {
		if (streq(r->items[i].comm, one.comm)) {
			r->items[i].bytes += one.bytes;
			return;
		}
	}
	grown = realloc(r->items, (r->n + 1) * sizeof(*grown));
	if (!grown)
		return;
	r->items = grown;
	r->items[r->n++] = one;
}

/* The children of the thread that started the runners, which is this one. */
static void find_residents(struct residents *r)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	char *rest = NULL;

	if (!read_proc("thread-self", "children", &text))
		return;
	for (char *pid = strtok_r(text.data, " \n", &rest); pid; pid = strtok_r(NULL, " \n", &rest))
		add_resident(r, pid);
}

static void residents_done(struct residents *r)
{
	free(r->items);
}

static double resident_of(const struct residents *r, const char *plugin)
{
	for (size_t i = 0; i < r->n; i++)
		if (strncmp(r->items[i].comm, plugin, COMM_MAX) == 0)
			return r->items[i].bytes;
	return 0;
}

/* ---- now ------------------------------------------------------------------------------------- */

struct now {
	struct worker_metrics *metrics;
	struct residents residents;
};

static void set_runners(struct worker_metrics *w, struct str plugin, const char *state, unsigned n)
{
	metric_set(metric_with(w->runners, (struct str[]){plugin, str_of(state)}), n);
}

static void each_plugin(void *context, const struct catalog_view *v)
{
	const struct now *now = context;
	struct str plugin = str_of(v->id);
	unsigned all = 0, busy = 0, starting = 0, processes = 0;

	for (size_t i = 0; i < v->n_generations; i++) {
		const struct runner_generation_status *s = &v->generations[i].status;

		all += s->runners;
		busy += s->busy;
		starting += s->starting;
		processes += s->in_process ? 0 : s->runners;
	}
	if (v->n_generations == 0)
		return;
	set_runners(now->metrics, plugin, "busy", busy);
	set_runners(now->metrics, plugin, "starting", starting);
	set_runners(now->metrics, plugin, "idle", all - MIN(all, busy + starting));
	if (processes > 0)
		metric_set(metric_with(now->metrics->runner_memory, &plugin),
			   resident_of(&now->residents, v->id));
}

void collect_runners(struct worker_metrics *w,
		     struct catalog *catalog,
		     const struct runner_pool *pool)
{
	struct now now = {.metrics = w};
	struct runner_pool_stats s;

	metric_clear(w->runners);
	metric_clear(w->runner_memory);
	find_residents(&now.residents);
	catalog_list(catalog, false, each_plugin, &now);
	residents_done(&now.residents);
	if (!pool)
		return;
	runner_pool_stats(pool, &s);
	set_runners(w, STR_NULL, "spare", s.spares);
}
