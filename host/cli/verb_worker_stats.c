#include "cli/output.h"
#include "cli/verb.h"
#include "cli/worker_client.h"
#include "cli/worker_format.h"
#include "cli/worker_json.h"

#include <math.h>

static const struct args_option options[] = {
	WORKER_OPTIONS(struct worker_only, worker),
};

static const struct args_command command = {
	.operands = "[PREFIX]",
	.about =
		"Shows the numbers of a running worker, those of its /metrics; with a PREFIX those "
		"whose\nnames begin so.",
	.options = options,
	.n_options = sizeof(options) / sizeof(*options),
	.max_operands = 1,
	.notes = "JSON: {\"samples\":[{\"name\",\"labels\",\"counter\" or \"gauge\" or "
		 "\"distribution\",\n\"help\"}],\"at\"}.\n" WORKER_EXIT_CODES,
	.examples = "taskhost worker stats\n"
		    "taskhost worker stats taskhost_runs -o json",
};

typedef Taskhost__Worker__V1__Sample Sample;

/* By the unit in which the name ends. */
static void number(const char *name, double v, struct buf *out)
{
	char digits[32];

	if (str_ends(str_of(name), "_seconds") && isfinite(v) && fabs(v) < 1e9) {
		format_span((int64_t)(v * 1e9 + (v < 0 ? -0.5 : 0.5)), out);
	} else if (str_ends(str_of(name), "_bytes") && v >= 0 && v < 1e18) {
		format_size((uint64_t)v, out);
	} else {
		format_double(v, digits);
		buf_puts(out, digits);
	}
}

static void value(const Sample *s, struct buf *out)
{
	const Taskhost__Worker__V1__Distribution *d;

	switch (s->value_case) {
	case TASKHOST__WORKER__V1__SAMPLE__VALUE_COUNTER:
		number(s->name, s->counter, out);
		break;
	case TASKHOST__WORKER__V1__SAMPLE__VALUE_GAUGE:
		number(s->name, s->gauge, out);
		break;
	case TASKHOST__WORKER__V1__SAMPLE__VALUE_DISTRIBUTION:
		d = s->distribution;
		buf_printf(out, "%llu times", (unsigned long long)d->count);
		if (d->count == 0)
			break;
		buf_puts(out, ", p50 ");
		number(s->name, d->p50, out);
		buf_puts(out, ", p90 ");
		number(s->name, d->p90, out);
		buf_puts(out, ", p99 ");
		number(s->name, d->p99, out);
		buf_puts(out, ", max ");
		number(s->name, d->max, out);
		break;
	default:
		buf_puts(out, "-");
	}
}

static void add_sample(struct table *t, const Sample *s)
{
	_cleanup_(buf_done) struct buf cell = BUF_INIT;

	table_add(t, str_of(s->name));
	for (size_t i = 0; i < s->n_labels; i++)
		buf_printf(&cell, "%s%s=%s", i ? " " : "", s->labels[i]->key, s->labels[i]->value);
	table_add(t, (struct str){cell.data, cell.len});
	buf_clear(&cell);
	value(s, &cell);
	table_add(t, (struct str){cell.data, cell.len});
}

static int stats(struct worker *w, const char *prefix)
{
	Taskhost__Worker__V1__GetStatsRequest request =
		TASKHOST__WORKER__V1__GET_STATS_REQUEST__INIT;
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	struct table t = TABLE_INIT(3);
	Taskhost__Worker__V1__GetStatsResponse *answer;
	int code;

	if (prefix)
		request.prefix = arena_strdup(&w->arena, prefix);
	if (!request.prefix)
		return output_fail(w->prog, EXIT_FAILED, "out of memory");
	code = WORKER_CALL(w, "GetStats", &request, get_stats_response, &answer);
	if (code != EXIT_DONE)
		return code;
	if (w->json)
		return worker_json_output(w->prog, &answer->base, NULL);
	if (answer->n_samples == 0 && prefix)
		return output_fail(w->prog, EXIT_NOT_FOUND, "no number's name begins with '%s'",
				   prefix);
	for (size_t i = 0; i < answer->n_samples; i++)
		add_sample(&t, answer->samples[i]);
	table_print(&t, &text);
	table_done(&t);
	return output_text(&text);
}

int verb_worker_stats(const char *prog, int argc, char **argv)
{
	return worker_verb(&command, prog, argc, argv, stats);
}
