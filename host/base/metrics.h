/* Counters, gauges, histograms and summaries, and their Prometheus text.
 *
 * A family is registered once and has a series for each combination of label values. What counts
 * often resolves its series ahead and keeps the pointer: updating it allocates nothing, takes no
 * lock and may be done from any thread. Registering, resolving and printing belong to one thread,
 * [loop]. */
#pragma once

#include "base/buf.h"
#include "base/str.h"

struct metrics;
struct metric_family;
struct metric; /* one series */

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM, METRIC_SUMMARY };

#define METRIC_LABELS_MAX  4
#define METRIC_BUCKETS_MAX 32

struct metric_desc {
	const char *name, *help;
	enum metric_kind kind;
	const char *labels[METRIC_LABELS_MAX]; /* NULL after the last */
	const double *buckets; /* histograms: upper bounds, ascending, without infinity */
	size_t n_buckets;
	size_t max_series; /* 0: 1000 */
};

/* Bounds for durations in seconds, 100 µs to 1 hour. */
#define METRIC_SECONDS_BUCKETS 18
extern const double metric_seconds[METRIC_SECONDS_BUCKETS];

int metrics_new(struct metrics **ret, struct error *err);
void metrics_free(struct metrics *m);

/* Texts must live as long as `m`. A family without labels has its one series, at 0, from the
 * start. ERR_INVALID for names that Prometheus does not allow, and for one that is there. */
int metrics_register(struct metrics *m,
		     const struct metric_desc *desc,
		     struct metric_family **ret,
		     struct error *err);

/* The series with these label values, one for each label in their order; made when it is new.
 * Never NULL: when the family has its `max_series`, or memory is out, it is the one whose labels
 * all say "other". So values that clients choose cannot use up memory. */
struct metric *metric_with(struct metric_family *f, const struct str *values);

/* Forgets the series of a family with labels, for what is collected afresh each time. Pointers to
 * them are void. */
void metric_clear(struct metric_family *f);

/* ---- updating [any-thread] --------------------------------------------------------------- */

void metric_inc(struct metric *m, uint64_t by);      /* counters */
void metric_add(struct metric *m, double by);        /* counters, gauges */
void metric_set(struct metric *m, double value);     /* gauges; counters kept elsewhere */
void metric_observe(struct metric *m, double value); /* histograms, summaries */

/* ---- printing ---------------------------------------------------------------------------- */

/* Called before each print, in the order they were added, to set what is not kept up to date. */
struct metric_collector {
	void (*collect)(struct metric_collector *c);
	struct metric_collector *next; /* private */
};
void metrics_collect(struct metrics *m, struct metric_collector *c);

/* One series, as a value. */
struct metric_sample {
	const char *name, *help;
	enum metric_kind kind;
	size_t n_labels;
	const char *const *labels; /* their names */
	const char *values[METRIC_LABELS_MAX];
	double value;   /* counters, gauges */
	uint64_t count; /* histograms, summaries */
	double sum;
	/* Of histograms, as exact as their buckets; above the last bucket its bound. NaN when there
	 * is nothing to tell them from. */
	double p50, p90, p99, max;
};

/* Collects, then calls `each` for every series whose name begins with `prefix`, in the order of
 * metrics_print. A sample is good during the call. */
void metrics_each(struct metrics *m,
		  struct str prefix,
		  void (*each)(void *context, const struct metric_sample *s),
		  void *context);

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Families in the order they were registered. */
void metrics_print(struct metrics *m, struct buf *out);
