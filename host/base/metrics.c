#include "base/metrics.h"

#include "base/map.h"
#include "base/mem.h"

#include <ctype.h>
#include <math.h>
#include <stdatomic.h>

#define SERIES_DEFAULT 1000

const double metric_seconds[METRIC_SECONDS_BUCKETS] = {
	0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
	0.1,    0.25,    0.5,    1,     5,      15,    60,   600,   3600,
};

struct metric {
	const struct metric_family *family;
	_Atomic uint64_t count; /* of a counter, or of observations */
	_Atomic uint64_t bits;  /* a double: a gauge, a sum, what a counter has besides `count` */
	char *labels;           /* as printed, without braces; empty for none */
	_Atomic uint64_t buckets[]; /* observations in each, not cumulated */
};

struct metric_family {
	struct metric_family *next;
	struct metrics *metrics;
	struct metric_desc desc;
	size_t n_labels;
	struct map series; /* by the labels as printed */
	struct metric *rest;
};

struct metrics {
	struct metric_family *families, **end;
	struct metric_collector *collectors, **collectors_end;
	struct buf labels; /* of the series looked up; kept, so that it allocates nothing */
};

/* ---- series ------------------------------------------------------------------------------ */

static void put_escaped(struct buf *out, struct str s, bool quoted)
{
	for (size_t i = 0, n; i < s.len; i += n) {
		n = utf8_char(s.ptr + i, s.len - i);
		if (n == 0) {
			buf_puts(out, "\xef\xbf\xbd");
			n = 1;
		} else if (s.ptr[i] == '\n') {
			buf_puts(out, "\\n");
		} else if (s.ptr[i] == '\\' || (quoted && s.ptr[i] == '"')) {
			buf_putc(out, '\\');
			buf_putc(out, s.ptr[i]);
		} else {
			buf_append(out, s.ptr + i, n);
		}
	}
}

static void put_labels(const struct metric_family *f, const struct str *values, struct buf *out)
{
	for (size_t i = 0; i < f->n_labels; i++) {
		buf_printf(out, "%s%s=\"", i ? "," : "", f->desc.labels[i]);
		put_escaped(out, values[i], true);
		buf_putc(out, '"');
	}
}

/* Takes the labels. */
static struct metric *series_new(const struct metric_family *f, char *labels)
{
	struct metric *m = NULL;

	if (labels)
		m = calloc(1, sizeof(*m) + f->desc.n_buckets * sizeof(*m->buckets));
	if (!m) {
		free(labels);
		return NULL;
	}
	m->family = f;
	m->labels = labels;
	return m;
}

static void series_free(void *p)
{
	struct metric *m = p;

	if (m)
		free(m->labels);
	free(m);
}

struct metric *metric_with(struct metric_family *f, const struct str *values)
{
	struct buf *labels = &f->metrics->labels;
	struct metric *m;
	struct str key;

	if (f->n_labels == 0)
		return f->rest;
	buf_clear(labels);
	put_labels(f, values, labels);
	if (labels->failed)
		return f->rest;
	key = (struct str){labels->data, labels->len};
	m = map_get(&f->series, key);
	if (m || f->series.len >= f->desc.max_series)
		return m ? m : f->rest;
	m = series_new(f, strdup(key.ptr));
	if (!m)
		return f->rest;
	if (map_put(&f->series, key, m, NULL) < 0) {
		series_free(m);
		return f->rest;
	}
	return m;
}

void metric_clear(struct metric_family *f)
{
	map_done(&f->series, series_free);
	f->series = (struct map)MAP_INIT;
}

/* ---- families ---------------------------------------------------------------------------- */

static void family_free(struct metric_family *f)
{
	map_done(&f->series, series_free);
	series_free(f->rest);
	free(f);
}

static bool name_ok(const char *name, bool label)
{
	if (!isalpha((unsigned char)*name) && *name != '_')
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && *name != '_' && (label || *name != ':'))
			return false;
	return true;
}

static int check(const struct metrics *m, const struct metric_desc *d, struct error *err)
{
	if (!name_ok(d->name, false))
		return err_set(err, ERR_INVALID, "\"%s\" cannot be a metric's name", d->name);
	for (size_t i = 0; i < METRIC_LABELS_MAX && d->labels[i]; i++)
		if (!name_ok(d->labels[i], true) || streq(d->labels[i], "le"))
			return err_set(err, ERR_INVALID, "metric %s: \"%s\" cannot be a label",
				       d->name, d->labels[i]);
	if ((d->kind == METRIC_HISTOGRAM) != (d->n_buckets > 0) ||
	    d->n_buckets > METRIC_BUCKETS_MAX)
		return err_set(err, ERR_INVALID,
			       "metric %s: a histogram has 1 to %d buckets, others none", d->name,
			       METRIC_BUCKETS_MAX);
	for (size_t i = 1; i < d->n_buckets; i++)
		if (!(d->buckets[i - 1] < d->buckets[i]))
			return err_set(err, ERR_INVALID, "metric %s: bucket %zu does not ascend",
				       d->name, i);
	for (const struct metric_family *f = m->families; f; f = f->next)
		if (streq(f->desc.name, d->name))
			return err_set(err, ERR_INVALID, "metric %s is registered twice", d->name);
	return 0;
}

int metrics_register(struct metrics *m,
		     const struct metric_desc *desc,
		     struct metric_family **ret,
		     struct error *err)
{
	_cleanup_(buf_done) struct buf labels = BUF_INIT;
	struct str other[METRIC_LABELS_MAX];
	struct metric_family *f;
	int r = check(m, desc, err);

	if (r < 0)
		return r;
	f = calloc(1, sizeof(*f));
	if (!f)
		return err_nomem(err, "a metric");
	f->metrics = m;
	f->desc = *desc;
	if (!f->desc.max_series)
		f->desc.max_series = SERIES_DEFAULT;
	for (; f->n_labels < METRIC_LABELS_MAX && desc->labels[f->n_labels]; f->n_labels++)
		other[f->n_labels] = STR("other");
	f->series = (struct map)MAP_INIT;
	put_labels(f, other, &labels);
	f->rest = series_new(f, buf_take(&labels, NULL));
	if (!f->rest) {
		family_free(f);
		return err_nomem(err, "a metric");
	}
	*m->end = f;
	m->end = &f->next;
	*ret = f;
	return 0;
}

int metrics_new(struct metrics **ret, struct error *err)
{
	struct metrics *m = calloc(1, sizeof(*m));

	if (!m)
		return err_nomem(err, "the metrics");
	m->end = &m->families;
	m->collectors_end = &m->collectors;
	*ret = m;
	return 0;
}

void metrics_free(struct metrics *m)
{
	if (!m)
		return;
	while (m->families) {
		struct metric_family *f = m->families;

		m->families = f->next;
		family_free(f);
	}
	buf_done(&m->labels);
	free(m);
}

void metrics_collect(struct metrics *m, struct metric_collector *c)
{
	c->next = NULL;
	*m->collectors_end = c;
	m->collectors_end = &c->next;
}

/* ---- updating ---------------------------------------------------------------------------- */

static double from_bits(uint64_t bits)
{
	double v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

static uint64_t to_bits(double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	return bits;
}

void metric_inc(struct metric *m, uint64_t by)
{
	atomic_fetch_add_explicit(&m->count, by, memory_order_relaxed);
}

void metric_add(struct metric *m, double by)
{
	uint64_t old = atomic_load_explicit(&m->bits, memory_order_relaxed);

	while (!atomic_compare_exchange_weak_explicit(&m->bits, &old, to_bits(from_bits(old) + by),
						      memory_order_relaxed, memory_order_relaxed))
		;
}

void metric_set(struct metric *m, double value)
{
	atomic_store_explicit(&m->count, 0, memory_order_relaxed);
	atomic_store_explicit(&m->bits, to_bits(value), memory_order_relaxed);
}

void metric_observe(struct metric *m, double value)
{
	const struct metric_desc *d = &m->family->desc;
	size_t i = 0;

	while (i < d->n_buckets && !(value <= d->buckets[i]))
		i++;
	if (i < d->n_buckets)
		atomic_fetch_add_explicit(&m->buckets[i], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&m->count, 1, memory_order_relaxed);
	metric_add(m, value);
}

/* ---- printing ---------------------------------------------------------------------------- */

static void put_value(struct buf *out, double v)
{
	char text[32];

	format_double(v, text);
	buf_puts(out, streq(text, "Infinity") ? "+Inf" : streq(text, "-Infinity") ? "-Inf" : text);
}

static void put_name(const struct metric *m, const char *suffix, struct buf *out)
{
	buf_printf(out, "%s%s", m->family->desc.name, suffix);
	if (*m->labels)
		buf_printf(out, "{%s}", m->labels);
	buf_putc(out, ' ');
}

/* The count is read first and the buckets are held to it: what is observed meanwhile must not make
 * the cumulated buckets contradict each other. */
static void put_buckets(const struct metric *m, uint64_t count, struct buf *out)
{
	const struct metric_desc *d = &m->family->desc;
	uint64_t sum = 0;

	for (size_t i = 0; i <= d->n_buckets; i++) {
		bool last = i == d->n_buckets;

		if (!last)
			sum += atomic_load_explicit(&m->buckets[i], memory_order_relaxed);
		sum = MIN(sum, count);
		buf_printf(out, "%s_bucket{%s%sle=\"", d->name, m->labels, *m->labels ? "," : "");
		put_value(out, last ? (double)INFINITY : d->buckets[i]);
		buf_printf(out, "\"} %llu\n", (unsigned long long)(last ? count : sum));
	}
}

static void print_series(const struct metric *m, struct buf *out)
{
	uint64_t count = atomic_load_explicit(&m->count, memory_order_relaxed);
	double value = from_bits(atomic_load_explicit(&m->bits, memory_order_relaxed));
	enum metric_kind kind = m->family->desc.kind;

	if (kind == METRIC_HISTOGRAM || kind == METRIC_SUMMARY) {
		if (kind == METRIC_HISTOGRAM)
			put_buckets(m, count, out);
		put_name(m, "_count", out);
		buf_printf(out, "%llu\n", (unsigned long long)count);
		put_name(m, "_sum", out);
		put_value(out, value);
	} else {
		put_name(m, "", out);
		if (value == 0)
			buf_printf(out, "%llu", (unsigned long long)count);
		else
			put_value(out, value + (double)count);
	}
	buf_putc(out, '\n');
}

/* Whether the series of those that have none of their own is to be told of. */
static bool rest_counts(const struct metric_family *f)
{
	return f->n_labels == 0 || f->rest->count > 0 || f->rest->bits != 0;
}

static void print_family(const struct metric_family *f, struct buf *out)
{
	static const char *const kinds[] = {[METRIC_COUNTER] = "counter",
					    [METRIC_GAUGE] = "gauge",
					    [METRIC_HISTOGRAM] = "histogram",
					    [METRIC_SUMMARY] = "summary"};

	buf_printf(out, "# HELP %s ", f->desc.name);
	put_escaped(out, str_of(f->desc.help), false);
	buf_printf(out, "\n# TYPE %s %s\n", f->desc.name, kinds[f->desc.kind]);
	map_foreach (&f->series, e)
		print_series(e->value, out);
	if (rest_counts(f))
		print_series(f->rest, out);
}

static void collect(struct metrics *m)
{
	for (struct metric_collector *c = m->collectors; c; c = c->next)
		c->collect(c);
}

void metrics_print(struct metrics *m, struct buf *out)
{
	collect(m);
	for (const struct metric_family *f = m->families; f; f = f->next)
		print_family(f, out);
}

/* ---- samples ----------------------------------------------------------------------------- */

/* The reverse of put_labels; the values stand in the buffer, each with its NUL. */
static void read_labels(const struct metric *m, struct metric_sample *s, struct buf *values)
{
	size_t starts[METRIC_LABELS_MAX] = {0}, n = 0;
	bool inside = false;

	buf_clear(values);
	for (const char *p = m->labels; *p; p++) {
		if (*p == '"') {
			inside = !inside;
			if (inside && n < METRIC_LABELS_MAX)
				starts[n++] = values->len;
			else if (!inside)
				buf_putc(values, '\0');
		} else if (inside && *p == '\\') {
			p++;
			buf_putc(values, (char)(*p == 'n' ? '\n' : *p));
		} else if (inside) {
			buf_putc(values, *p);
		}
	}
	s->n_labels = MIN(n, m->family->n_labels);
	s->labels = m->family->desc.labels;
	for (size_t i = 0; i < s->n_labels; i++)
		s->values[i] = values->failed ? "" : values->data + starts[i];
}

/* The value below which the part `q` of all lies, as if they were spread evenly in each bucket. */
static double
quantile(const struct metric_desc *d, const uint64_t *buckets, uint64_t count, double q)
{
	double rank = q * (double)count, below = 0, low = 0;

	if (count == 0 || d->n_buckets == 0)
		return (double)NAN;
	for (size_t i = 0; i < d->n_buckets; i++) {
		double here = (double)buckets[i], high = d->buckets[i];

		if (here > 0 && below + here >= rank)
			return low + (high - low) * MAX(rank - below, 0) / here;
		below += here;
		low = high;
	}
	return low;
}

static double largest(const struct metric_desc *d, const uint64_t *buckets, uint64_t count)
{
	uint64_t sum = 0;
	double most = (double)NAN;

	for (size_t i = 0; i < d->n_buckets; i++) {
		sum += buckets[i];
		if (buckets[i] > 0)
			most = d->buckets[i];
	}
	return d->n_buckets > 0 && sum < count ? d->buckets[d->n_buckets - 1] : most;
}

static void read_series(const struct metric *m, struct metric_sample *s)
{
	const struct metric_desc *d = &m->family->desc;
	uint64_t buckets[METRIC_BUCKETS_MAX] = {0};
	double value = from_bits(atomic_load_explicit(&m->bits, memory_order_relaxed));

	s->name = d->name;
	s->help = d->help;
	s->kind = d->kind;
	s->count = atomic_load_explicit(&m->count, memory_order_relaxed);
	s->sum = value;
	s->value = value + (double)s->count;
	for (size_t i = 0; i < d->n_buckets; i++)
		buckets[i] = atomic_load_explicit(&m->buckets[i], memory_order_relaxed);
	s->p50 = quantile(d, buckets, s->count, 0.5);
	s->p90 = quantile(d, buckets, s->count, 0.9);
	s->p99 = quantile(d, buckets, s->count, 0.99);
	s->max = largest(d, buckets, s->count);
}

void metrics_each(struct metrics *m,
		  struct str prefix,
		  void (*each)(void *context, const struct metric_sample *s),
		  void *context)
{
	_cleanup_(buf_done) struct buf values = BUF_INIT;
	struct metric_sample s = {.name = NULL};

	collect(m);
	for (const struct metric_family *f = m->families; f; f = f->next) {
		if (strncmp(f->desc.name, prefix.ptr ? prefix.ptr : "", prefix.len) != 0)
			continue;
		map_foreach (&f->series, e) {
			read_labels(e->value, &s, &values);
			read_series(e->value, &s);
			each(context, &s);
		}
		if (rest_counts(f)) {
			read_labels(f->rest, &s, &values);
			read_series(f->rest, &s);
			each(context, &s);
		}
	}
}
