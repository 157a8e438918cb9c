/* GetTaskMetrics: what an execution has used, as the result of a Prometheus range query: one series
 * of at most one point, at its end, or now while it runs. */
#include "base/clock.h"
#include "flyte/wire.h"
#include "grpc/svc_agent_private.h"

#include "desc_table.h"

struct usage_metric {
	const char *name;
	bool (*value)(const struct dispatch_answer *a, double seconds, double *ret);
	bool by_default;
};

/* ---- values ------------------------------------------------------------------------------ */

/* How long it has run; 0 before. */
static double seconds_of(const struct dispatch_answer *a, int64_t *ret_at)
{
	int64_t end = a->finished_at > 0 ? a->finished_at : clock_realtime_ns();

	*ret_at = end;
	return a->started_at > 0 ? (double)MAX(end - a->started_at, 0) / 1e9 : 0;
}

static bool cpu(const struct dispatch_answer *a, double seconds, double *ret)
{
	if (a->finished_at == 0 || seconds <= 0)
		return false;
	*ret = (double)a->usage.cpu_ns / 1e9 / seconds;
	return true;
}

static bool memory(const struct dispatch_answer *a, double seconds, double *ret)
{
	(void)seconds;
	if (a->finished_at == 0)
		return false;
	*ret = (double)a->usage.max_rss_bytes;
	return true;
}

static bool duration(const struct dispatch_answer *a, double seconds, double *ret)
{
	*ret = seconds;
	return a->started_at > 0;
}

/* Its average is not measured. Flyte's own tools ask for it, so it is known, and without points. */
static bool not_measured(const struct dispatch_answer *a, double seconds, double *ret)
{
	(void)a;
	(void)seconds;
	(void)ret;
	return false;
}

static const struct usage_metric known[] = {
	{"EXECUTION_METRIC_USED_CPU_AVG", cpu, true},
	{"EXECUTION_METRIC_USED_MEMORY_BYTES_MAX", memory, true},
	{"EXECUTION_METRIC_DURATION_SECONDS", duration, true},
	{"EXECUTION_METRIC_USED_MEMORY_BYTES_AVG", not_measured, false},
};

static const struct usage_metric *find(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (str_is(name, known[i].name))
			return &known[i];
	return NULL;
}

/* ---- google.protobuf.Struct ---------------------------------------------------------------- */

/* One member of a Struct; `kind` is the number of its Value's field. */
static void put_member(struct buf *out, const char *key, uint32_t kind, struct str payload)
{
	size_t member = wire_begin(out, 1), value;

	wire_put_bytes(out, 1, str_of(key));
	value = wire_begin(out, 2);
	wire_put_bytes(out, kind, payload);
	wire_end(out, value);
	wire_end(out, member);
}

/* [[seconds, "value"]] as a ListValue */
static void put_point(struct buf *out, int64_t at_ns, double value)
{
	double seconds = (double)at_ns / 1e9;
	size_t item, pair, entry;
	uint64_t bits;
	char text[32];

	memcpy(&bits, &seconds, sizeof(bits));
	format_double(value, text);
	item = wire_begin(out, 1); /* ListValue.values */
	pair = wire_begin(out, 6); /* Value.list_value */
	entry = wire_begin(out, 1);
	wire_put_tag(out, 2, WIRE_I64); /* number_value */
	wire_put_fixed(out, bits, 8);
	wire_end(out, entry);
	entry = wire_begin(out, 1);
	wire_put_bytes(out, 3, str_of(text)); /* string_value */
	wire_end(out, entry);
	wire_end(out, pair);
	wire_end(out, item);
}

/* {"resultType": "matrix", "result": [{"metric": {}, "values": points}]} */
static void put_data(struct buf *out, struct str points)
{
	_cleanup_(buf_done) struct buf series = BUF_INIT;
	size_t item, object;

	item = wire_begin(&series, 1);
	object = wire_begin(&series, 5); /* Value.struct_value */
	put_member(&series, "metric", 5, STR_NULL);
	put_member(&series, "values", 6, points);
	wire_end(&series, object);
	wire_end(&series, item);
	put_member(out, "resultType", 3, STR("matrix"));
	put_member(out, "result", 6,
		   points.len > 0 ? (struct str){series.data, series.len} : STR_NULL);
	if (series.failed)
		out->failed = series.failed;
}

/* ---- answering --------------------------------------------------------------------------- */

struct range {
	int64_t from, to;
};

static int64_t timestamp_ns(struct str message, uint32_t field, int64_t absent)
{
	struct view_field f, part;
	int64_t ns = 0;

	if (!view_find(message, field, &f))
		return absent;
	if (view_find(f.bytes, 1, &part) &&
	    __builtin_mul_overflow((int64_t)part.value, INT64_C(1000000000), &ns))
		return (int64_t)part.value < 0 ? INT64_MIN : INT64_MAX;
	if (view_find(f.bytes, 2, &part))
		__builtin_add_overflow(ns, (int32_t)part.value, &ns);
	return ns;
}

static void put_result(struct buf *out,
		       const struct usage_metric *m,
		       const struct dispatch_answer *a,
		       struct range range)
{
	_cleanup_(buf_done) struct buf points = BUF_INIT;
	double value, seconds;
	size_t result, data;
	int64_t at;

	seconds = seconds_of(a, &at);
	if (at >= range.from && at <= range.to && m->value(a, seconds, &value))
		put_point(&points, at, value);
	result = wire_begin(out, 1);
	wire_put_bytes(out, 1, str_of(m->name));
	data = wire_begin(out, 2);
	put_data(out, (struct str){points.data, points.len});
	wire_end(out, data);
	wire_end(out, result);
	if (points.failed)
		out->failed = points.failed;
}

static void put_results(struct buf *out, struct str request, const struct dispatch_answer *a)
{
	struct range range = {timestamp_ns(request, 4, INT64_MIN),
			      timestamp_ns(request, 5, INT64_MAX)};
	struct view v = view_of(request);
	struct view_field f;
	bool asked = false;

	while (view_next(&v, &f) > 0) {
		const struct usage_metric *m = f.number == 3 ? find(f.bytes) : NULL;

		asked |= m != NULL;
		if (m)
			put_result(out, m, a, range);
	}
	for (size_t i = 0; i < ARRAY_LEN(known) && !asked; i++)
		if (known[i].by_default)
			put_result(out, &known[i], a, range);
}

static void on_answer(struct dispatch_get *g)
{
	struct agent_call *c = CONTAINER_OF(g, struct agent_call, get);
	struct buf *out = &c->service->scratch;
	struct grpc_call *call = c->call;
	bool good = g->status == 0;

	buf_clear(out);
	if (good)
		put_results(out, grpc_call_request(call), &g->answer);
	if (!good || out->failed)
		agent_refuse(call, ERR_STATE, good ? "the worker has no memory left" : g->why);
	else
		grpc_call_reply(call, &(struct str){out->data, out->len}, 1);
	agent_call_free(c);
}

#define QUERIES_MAX 64

/* The names, before anything is asked for them. */
static bool check_queries(struct grpc_call *call)
{
	struct view v = view_of(grpc_call_request(call));
	struct view_field f;
	int n = 0;

	while (view_next(&v, &f) > 0) {
		if (f.number != 3)
			continue;
		if (++n > QUERIES_MAX) {
			grpc_call_finishf(call, GRPC_INVALID_ARGUMENT,
					  "more than %d metrics in one request", QUERIES_MAX);
			return false;
		}
		if (!find(f.bytes)) {
			grpc_call_finishf(
				call, GRPC_INVALID_ARGUMENT,
				"no metric is called \"" STR_FMT "\"; there are %s, %s and %s",
				STR_ARG(f.bytes), known[0].name, known[1].name, known[2].name);
			return false;
		}
	}
	return true;
}

void agent_get_metrics(struct grpc_call *call, void *user)
{
	struct task_ref ref;
	struct agent_call *c;
	int r;

	if (!agent_read_ref(call, MESSAGE_DESC(flyteidl__admin__get_task_metrics_request), 7,
			    &ref) ||
	    !check_queries(call))
		return;
	c = agent_call_new(user, call);
	if (!c)
		return;
	r = agent_ask(c, &ref, on_answer);
	if (r > 0)
		on_answer(&c->get);
	else if (r < 0)
		agent_call_free(c);
}
