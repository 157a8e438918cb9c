#include "grpc/svc_stats.h"

#include "base/map.h"
#include "base/mem.h"

static const char *const operations[AGENT_OPERATIONS] = {"create", "get", "delete", "do"};

struct type_series {
	struct metric *success[AGENT_OPERATIONS], *latency[AGENT_OPERATIONS];
	struct metric *inputs;
};

struct agent_stats {
	struct metric_family *success, *failure, *latency, *inputs;
	struct map types; /* -> struct type_series */
};

static const struct metric_desc descriptions[] = {
	{.name = "flyte_connector_requests_success_total",
	 .help = "Requests that were answered, by task type and operation.",
	 .kind = METRIC_COUNTER,
	 .labels = {"task_type", "operation"}},
	{.name = "flyte_connector_requests_failure_total",
	 .help = "Requests that were refused; error_code is 404 for task types that nobody offers, "
		 "else 500.",
	 .kind = METRIC_COUNTER,
	 .labels = {"task_type", "operation", "error_code"}},
	{.name = "flyte_connector_request_latency_seconds",
	 .help = "Time from a request to its answer.",
	 .kind = METRIC_SUMMARY,
	 .labels = {"task_type", "operation"}},
	{.name = "flyte_connector_input_literal_bytes",
	 .help = "Size of the inputs of tasks that were started.",
	 .kind = METRIC_SUMMARY,
	 .labels = {"task_type"}},
};

int agent_stats_new(struct metrics *m, struct agent_stats **ret, struct error *err)
{
	struct agent_stats *s = calloc(1, sizeof(*s));
	struct metric_family **families[] = {&s->success, &s->failure, &s->latency, &s->inputs};
	int r = 0;

	if (!s)
		return err_nomem(err, "metrics of the connector services");
	for (size_t i = 0; i < ARRAY_LEN(families) && r == 0; i++)
		r = metrics_register(m, &descriptions[i], families[i], err);
	if (r < 0) {
		agent_stats_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

void agent_stats_free(struct agent_stats *s)
{
	if (!s)
		return;
	map_done(&s->types, free);
	free(s);
}

/* ---- series ------------------------------------------------------------------------------ */

/* What clients make up is kept short. */
#define TYPE_MAX 128

static struct str cut(struct str type)
{
	return (struct str){type.ptr, MIN(type.len, (size_t)TYPE_MAX)};
}

static struct metric *series(struct metric_family *f, struct str type, enum agent_operation op)
{
	return metric_with(f, (struct str[]){type, str_of(operations[op])});
}

void agent_stats_know(struct agent_stats *s, struct str type)
{
	struct type_series *t;

	if (map_get(&s->types, type))
		return;
	t = calloc(1, sizeof(*t));
	if (!t || map_put(&s->types, type, t, NULL) < 0) {
		free(t);
		return;
	}
	for (int op = 0; op < AGENT_OPERATIONS; op++) {
		t->success[op] = series(s->success, type, (enum agent_operation)op);
		t->latency[op] = series(s->latency, type, (enum agent_operation)op);
	}
	t->inputs = metric_with(s->inputs, &type);
}

void agent_stats_count(struct agent_stats *s,
		       struct str type,
		       enum agent_operation op,
		       enum grpc_status status,
		       int64_t took_ns)
{
	struct type_series *t = map_get(&s->types, type);
	struct str name = t ? type : cut(type);
	struct str labels[] = {name, str_of(operations[op]),
			       status == GRPC_NOT_FOUND ? STR("404") : STR("500")};

	metric_observe(t ? t->latency[op] : series(s->latency, name, op), (double)took_ns / 1e9);
	if (status != GRPC_OK)
		metric_inc(metric_with(s->failure, labels), 1);
	else
		metric_inc(t ? t->success[op] : series(s->success, name, op), 1);
}

void agent_stats_inputs(struct agent_stats *s, struct str type, size_t bytes)
{
	struct type_series *t = map_get(&s->types, type);

	metric_observe(t ? t->inputs : metric_with(s->inputs, &type), (double)bytes);
}
