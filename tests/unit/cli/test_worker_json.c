#include "cli/worker_json.h"
#include "base/mem.h"
#include "lib/test.h"

#include "taskhost/worker/v1/worker.pb-c.h"

typedef Taskhost__Worker__V1__GetExecutionResponse Details;

static char *text(const char *s)
{
	union {
		const char *from;
		char *to;
	} u = {s};

	return u.to;
}

static void check(const ProtobufCMessage *m, const TypedInterface *interface, const char *json)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	struct jw w = JW_INIT(&out, 0);
	struct error err = ERROR_INIT;

	CHECK_OK(worker_json(m, interface, &w, &err), err);
	CHECK_STR(out.data, json);
}

TEST(every_field_is_there)
{
	Taskhost__Worker__V1__SubmitTaskResponse a =
		TASKHOST__WORKER__V1__SUBMIT_TASK_RESPONSE__INIT;
	uint8_t meta[] = "th1:abc", odd[] = {0xff, 0};

	check(&a.base, NULL,
	      "{\"id\":\"\",\"resource_meta\":\"\",\"existed\":false,\"state\":null}");
	a.id = text("7k\"2");
	a.existed = 1;
	a.state = TASKHOST__WORKER__V1__EXECUTION__STATE__RETRY_WAIT;
	a.resource_meta = (ProtobufCBinaryData){7, meta};
	check(&a.base, NULL,
	      "{\"id\":\"7k\\\"2\",\"resource_meta\":\"th1:abc\",\"existed\":true,"
	      "\"state\":\"retry-wait\"}");
	a.resource_meta = (ProtobufCBinaryData){2, odd};
	a.state = 99;
	check(&a.base, NULL,
	      "{\"id\":\"7k\\\"2\",\"resource_meta\":\"/wA=\",\"existed\":true,"
	      "\"state\":\"unknown\"}");
}

TEST(times_numbers_and_oneofs)
{
	Taskhost__Worker__V1__Sample gauge = TASKHOST__WORKER__V1__SAMPLE__INIT;
	Taskhost__Worker__V1__Sample__LabelsEntry label =
		TASKHOST__WORKER__V1__SAMPLE__LABELS_ENTRY__INIT;
	Taskhost__Worker__V1__Sample__LabelsEntry *labels[] = {&label};
	Taskhost__Worker__V1__Sample *samples[] = {&gauge};
	Taskhost__Worker__V1__GetStatsResponse stats =
		TASKHOST__WORKER__V1__GET_STATS_RESPONSE__INIT;
	Taskhost__Worker__V1__DrainResponse drain = TASKHOST__WORKER__V1__DRAIN_RESPONSE__INIT;
	Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	Google__Protobuf__Duration left = GOOGLE__PROTOBUF__DURATION__INIT;

	label.key = text("plugin");
	label.value = text("arith");
	gauge.name = text("busy");
	gauge.labels = labels;
	gauge.n_labels = 1;
	gauge.value_case = TASKHOST__WORKER__V1__SAMPLE__VALUE_GAUGE;
	gauge.gauge = 1.5;
	at.seconds = 1704067200;
	at.nanos = 5000000;
	stats.samples = samples;
	stats.n_samples = 1;
	stats.at = &at;
	check(&stats.base, NULL,
	      "{\"samples\":[{\"name\":\"busy\",\"labels\":{\"plugin\":\"arith\"},\"gauge\":1.5,"
	      "\"help\":\"\"}],\"at\":\"2024-01-01T00:00:00.005Z\"}");
	left.seconds = 90;
	left.nanos = 500000000;
	drain.remaining = &left;
	drain.running = UINT64_MAX;
	check(&drain.base, NULL,
	      "{\"stage\":null,\"running\":18446744073709551615,\"queued\":0,\"calls\":0,"
	      "\"remaining\":\"90.500s\",\"interrupted\":0}");
}

/* {"d": datetime literal} */
struct one_literal {
	LiteralMap map;
	Flyteidl__Core__LiteralMap__LiteralsEntry entry, *entries[1];
	Literal literal;
	Flyteidl__Core__Scalar scalar;
	Flyteidl__Core__Primitive primitive;
	Google__Protobuf__Timestamp time;
};

static void one_literal(struct one_literal *o, int64_t seconds)
{
	flyteidl__core__literal_map__init(&o->map);
	flyteidl__core__literal_map__literals_entry__init(&o->entry);
	flyteidl__core__literal__init(&o->literal);
	flyteidl__core__scalar__init(&o->scalar);
	flyteidl__core__primitive__init(&o->primitive);
	google__protobuf__timestamp__init(&o->time);
	o->time.seconds = seconds;
	o->primitive.value_case = FLYTEIDL__CORE__PRIMITIVE__VALUE_DATETIME;
	o->primitive.datetime = &o->time;
	o->scalar.value_case = FLYTEIDL__CORE__SCALAR__VALUE_PRIMITIVE;
	o->scalar.primitive = &o->primitive;
	o->literal.value_case = FLYTEIDL__CORE__LITERAL__VALUE_SCALAR;
	o->literal.scalar = &o->scalar;
	o->entry.key = text("d");
	o->entry.value = &o->literal;
	o->entries[0] = &o->entry;
	o->map.literals = o->entries;
	o->map.n_literals = 1;
}

TEST(literals_in_the_human_form)
{
	Details d = TASKHOST__WORKER__V1__GET_EXECUTION_RESPONSE__INIT;
	struct one_literal in;

	one_literal(&in, 1704067200);
	d.inputs = &in.map;
	check(&d.base, NULL,
	      "{\"execution\":null,\"steps\":[],\"interface\":null,"
	      "\"inputs\":{\"d\":\"2024-01-01T00:00:00Z\"},\"outputs\":null,"
	      "\"outputs_uri\":\"\",\"deck_uri\":\"\",\"message\":\"\"}");
}

TEST(literal_that_cannot_be_said)
{
	Details d = TASKHOST__WORKER__V1__GET_EXECUTION_RESPONSE__INIT;
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	struct jw w = JW_INIT(&out, 0);
	struct error err = ERROR_INIT;
	struct one_literal in;

	one_literal(&in, INT64_MAX);
	d.outputs = &in.map;
	CHECK_ERR(worker_json(&d.base, NULL, &w, &err), ERR_INVALID, err, "output 'd'");
}

TEST(interface_as_words)
{
	Details d = TASKHOST__WORKER__V1__GET_EXECUTION_RESPONSE__INIT;
	TypedInterface interface = FLYTEIDL__CORE__TYPED_INTERFACE__INIT;
	VariableMap inputs = FLYTEIDL__CORE__VARIABLE_MAP__INIT;
	Flyteidl__Core__VariableMap__VariablesEntry a =
		FLYTEIDL__CORE__VARIABLE_MAP__VARIABLES_ENTRY__INIT;
	Flyteidl__Core__VariableMap__VariablesEntry *variables[] = {&a};
	Variable v = FLYTEIDL__CORE__VARIABLE__INIT;
	LiteralType type = FLYTEIDL__CORE__LITERAL_TYPE__INIT;

	type.type_case = FLYTEIDL__CORE__LITERAL_TYPE__TYPE_SIMPLE;
	type.simple = FLYTEIDL__CORE__SIMPLE_TYPE__INTEGER;
	v.type = &type;
	a.key = text("a");
	a.value = &v;
	inputs.variables = variables;
	inputs.n_variables = 1;
	interface.inputs = &inputs;
	d.interface = &interface;
	check(&d.base, &interface,
	      "{\"execution\":null,\"steps\":[],\"interface\":{\"inputs\":{\"a\":\"integer\"},"
	      "\"outputs\":{}},\"inputs\":null,\"outputs\":null,\"outputs_uri\":\"\","
	      "\"deck_uri\":\"\",\"message\":\"\"}");
}
