#include "runners/runner_limits.h"

#include "base/clock.h"

#include <errno.h>
#include <sys/resource.h>

static int
quantity(struct str text, const char *what, const char *example, int64_t *ret, struct error *err)
{
	*ret = 0;
	if (text.len == 0)
		return 0;
	if (!parse_quantity_milli(text, ret) || *ret < 0)
		return err_set(err, ERR_INVALID,
			       "\"" STR_FMT "\" is no amount of %s: write it as \"%s\"",
			       STR_ARG(text), what, example);
	return 0;
}

int limits_memory(struct str text, uint64_t *ret_bytes, struct error *err)
{
	int64_t milli;
	int r = quantity(text, "memory", "512Mi", &milli, err);

	if (r == 0)
		*ret_bytes = ((uint64_t)milli + 999) / 1000;
	return r;
}

int limits_cpu(struct str text, uint64_t *ret_milli, struct error *err)
{
	int64_t milli;
	int r = quantity(text, "CPU", "500m", &milli, err);

	if (r == 0)
		*ret_milli = (uint64_t)milli;
	return r;
}

/* ---- words -------------------------------------------------------------------------------- */

static void item(struct buf *out, const char *what)
{
	buf_printf(out, "%s%s", out->len ? ", " : "", what);
}

static const char *means(enum limit_means m)
{
	return m == LIMIT_CGROUP ? "cgroup" : "rlimit";
}

void limits_describe(const struct limits_in_force *l, struct buf *out)
{
	const struct runner_limits *n = &l->limits;
	struct buf text = BUF_INIT;

	if (n->memory) {
		item(&text, "memory ");
		buf_printf(&text, "%.6g MiB (%s)", (double)n->memory / 1048576,
			   means(l->memory_by));
	}
	if (n->cpu_milli) {
		item(&text, "CPUs ");
		buf_printf(&text, "%.6g (%s)", (double)n->cpu_milli / 1000, means(l->cpu_by));
	}
	if (n->cpu_seconds) {
		item(&text, "CPU time ");
		buf_printf(&text, "%llu s", (unsigned long long)n->cpu_seconds);
	}
	if (n->open_files) {
		item(&text, "open files ");
		buf_printf(&text, "%llu", (unsigned long long)n->open_files);
	}
	if (n->processes) {
		item(&text, "processes ");
		buf_printf(&text, "%llu", (unsigned long long)n->processes);
	}
	buf_puts(out, text.len ? text.data : "none");
	buf_done(&text);
}

/* ---- force -------------------------------------------------------------------------------- */

static int apply(int what, const char *name, rlim_t most, struct error *err)
{
	struct rlimit r;

	if (getrlimit(what, &r) < 0)
		return err_set_errno(err, ERR_IO, errno, "cannot read the limit on %s", name);
	if (r.rlim_max != RLIM_INFINITY && r.rlim_max < most)
		most = r.rlim_max;
	r.rlim_cur = r.rlim_max = most;
	if (setrlimit(what, &r) < 0)
		return err_set_errno(err, ERR_IO, errno, "cannot limit %s to %llu", name,
				     (unsigned long long)most);
	return 0;
}

/* The soft limit alone: it is moved on for every run, which the hard one cannot be. The host holds
 * it against a plugin that ignores the signal. */
void limits_more_cpu(uint64_t seconds)
{
	int64_t used_ns = clock_cpu_ns();
	struct rlimit r;

	if (getrlimit(RLIMIT_CPU, &r) < 0)
		return;
	r.rlim_cur = (rlim_t)((used_ns + 999999999) / 1000000000) + seconds;
	if (r.rlim_max == RLIM_INFINITY || r.rlim_cur <= r.rlim_max)
		setrlimit(RLIMIT_CPU, &r);
}

int limits_apply(const struct runner_limits *l, bool cgroup, struct error *err)
{
	int r = apply(RLIMIT_CORE, "core files", 0, err);

	if (r == 0 && l->open_files)
		r = apply(RLIMIT_NOFILE, "open files", l->open_files, err);
	if (r == 0 && l->cpu_seconds)
		limits_more_cpu(l->cpu_seconds);
	/* RLIMIT_DATA and not RLIMIT_AS, which would count the ring and every mapped file. */
	if (r == 0 && l->memory && !cgroup)
		r = apply(RLIMIT_DATA, "memory", l->memory, err);
	return r;
}
