/* Every kind of value, read and written through th.literal/1. */
#include "harness.h"

static struct fixture f;

#define CHECK_ST(call, st) CHECK_INT(call, st)

/* ---- scalars there and back ------------------------------------------------------------------ */

static th_status copy_integer(th_exec *exec, const th_model *model, th_errout *error)
{
	int64_t v = 0;
	th_str s;
	double d = 0;
	const th_lit *a = LIT->input(exec, th_s("a"));

	(void)model;
	(void)error;
	CHECK_INT(LIT->kind(a), TH_KIND_INTEGER);
	CHECK_ST(LIT->as_i64(a, &v), TH_OK);
	CHECK_ST(LIT->as_f64(a, &d), TH_OK);
	CHECK(d == (double)v);
	CHECK_ST(LIT->as_str(a, &s), TH_E_TYPE);
	CHECK_ST(LIT->as_i64(NULL, &v), TH_E_INVALID);
	CHECK_ST(LIT->as_i64(a, NULL), TH_E_INVALID);
	CHECK(LIT->input(exec, th_s("b")) == NULL);
	return LIT->set_i64(slot(exec, "o0"), v);
}

TEST(integer)
{
	fixture_init(&f, INTERFACE(VAR("a", T_INTEGER), VAR("o0", T_INTEGER)));
	fixture_inputs(&f, "{\"a\":" INTEGER(-9223372036854775808) "}");
	fixture_run(&f, copy_integer);
	CHECK_STR(fixture_outputs(&f), "{\"o0\":" INTEGER(-9223372036854775808) "}");
	fixture_done(&f);
}

static th_status copy_scalars(th_exec *exec, const th_model *model, th_errout *error)
{
	th_datetime t;
	th_duration d;
	th_bytes bytes;
	th_str s, tag;
	uint32_t b;
	double x;

	(void)model;
	(void)error;
	CHECK_INT(LIT->input_count(exec), 6);
	CHECK_ST(LIT->as_f64(LIT->input(exec, th_s("x")), &x), TH_OK);
	CHECK_ST(LIT->as_bool(LIT->input(exec, th_s("b")), &b), TH_OK);
	CHECK_ST(LIT->as_str(LIT->input(exec, th_s("s")), &s), TH_OK);
	CHECK_INT(s.ptr[s.len], 0);
	CHECK_ST(LIT->as_datetime(LIT->input(exec, th_s("t")), &t), TH_OK);
	CHECK_ST(LIT->as_duration(LIT->input(exec, th_s("d")), &d), TH_OK);
	CHECK_ST(LIT->as_binary(LIT->input(exec, th_s("n")), &bytes, &tag), TH_OK);
	CHECK_ST(LIT->as_datetime(LIT->input(exec, th_s("d")), &t), TH_E_TYPE);
	CHECK_ST(LIT->set_f64(slot(exec, "x"), x), TH_OK);
	CHECK_ST(LIT->set_bool(slot(exec, "b"), b), TH_OK);
	CHECK_ST(LIT->set_str(slot(exec, "s"), s), TH_OK);
	CHECK_ST(LIT->set_datetime(slot(exec, "t"), t), TH_OK);
	CHECK_ST(LIT->set_duration(slot(exec, "d"), d), TH_OK);
	return LIT->set_binary(slot(exec, "n"), bytes, tag);
}

#define SCALARS                                                                                    \
	VAR("b", "{\"simple\":\"BOOLEAN\"}")                                                       \
	"," VAR("d", "{\"simple\":\"DURATION\"}") "," VAR("n", "{\"simple\":\"BINARY\"}") "," VAR( \
		"s", T_STRING) "," VAR("t", "{\"simple\":"                                         \
					    "\"DATETIME\"}") "," VAR("x", T_FLOAT)

TEST(scalars_pass_unchanged)
{
	static const char values[] =
		"{\"b\":{\"scalar\":{\"primitive\":{\"boolean\":true}}},"
		"\"d\":{\"scalar\":{\"primitive\":{\"duration\":\"-90.000000001s\"}}},"
		"\"n\":{\"scalar\":{\"binary\":{\"value\":\"AAEC/w==\",\"tag\":\"mine\"}}},"
		"\"s\":{\"scalar\":{\"primitive\":{\"stringValue\":\"h\xc3\xa9 \\\"q\\\"\"}}},"
		"\"t\":{\"scalar\":{\"primitive\":{\"datetime\":\"2024-01-02T03:04:05.000000001Z\"}"
		"}},"
		"\"x\":{\"scalar\":{\"primitive\":{\"floatValue\":\"NaN\"}}}}";

	fixture_init(&f, INTERFACE(SCALARS, SCALARS));
	fixture_inputs(&f, values);
	fixture_run(&f, copy_scalars);
	CHECK_STR(fixture_outputs(&f), values);
	fixture_done(&f);
}

static th_status bad_text(th_exec *exec, const th_model *model, th_errout *error)
{
	th_val *v = slot(exec, "o0");
	char *room = NULL;

	(void)model;
	(void)error;
	CHECK_ST(LIT->set_str(v, th_str_n("\xff", 1)), TH_E_INVALID);
	CHECK_ST(LIT->set_str(v, th_str_n("a\0b", 3)), TH_E_INVALID);
	CHECK_ST(LIT->set_str(v, th_str_n(NULL, 1)), TH_E_INVALID);
	CHECK_ST(LIT->set_hash(v, th_str_n("\xc0\x80", 2)), TH_E_INVALID);
	CHECK_ST(LIT->set_datetime(v, (th_datetime){0, 1000000000, 0}), TH_E_INVALID);
	CHECK_ST(LIT->set_duration(v, (th_duration){1, -1, 0}), TH_E_INVALID);
	CHECK_ST(LIT->set_str(NULL, th_s("x")), TH_E_INVALID);
	CHECK_ST(LIT->reserve_str(v, 3, &room), TH_OK);
	memcpy(room, "a\xff", 2);
	return TH_OK;
}

TEST(text_that_is_not_utf8_is_refused)
{
	fixture_init(&f, INTERFACE("", VAR("o0", T_STRING)));
	fixture_run(&f, bad_text);
	check_failure(&f, "SYSTEM", "NON_RECOVERABLE SYSTEM", "output 'o0': the text");
	fixture_done(&f);
}

static th_status in_place(th_exec *exec, const th_model *model, th_errout *error)
{
	char *text = NULL;
	uint8_t *bytes = NULL;

	(void)model;
	(void)error;
	CHECK_ST(LIT->reserve_str(slot(exec, "s"), 5, &text), TH_OK);
	memcpy(text, "hello", 5);
	CHECK_ST(LIT->reserve_binary(slot(exec, "n"), 2, th_s("t"), &bytes), TH_OK);
	bytes[0] = 1;
	bytes[1] = 2;
	return TH_OK;
}

TEST(reserved_memory_is_filled_in_place)
{
	fixture_init(&f, INTERFACE("", VAR("n", "{\"simple\":\"BINARY\"}") "," VAR("s", T_STRING)));
	fixture_run(&f, in_place);
	CHECK_STR(fixture_outputs(&f),
		  "{\"n\":{\"scalar\":{\"binary\":{\"value\":\"AQI=\",\"tag\":\"t\"}}},"
		  "\"s\":" STRING("hello") "}");
	fixture_done(&f);
}

static th_status set_twice(th_exec *exec, const th_model *model, th_errout *error)
{
	th_val *v = slot(exec, "o0"), *item;

	(void)model;
	(void)error;
	CHECK(slot(exec, "o0") == v);
	CHECK_ST(LIT->set_collection(v), TH_OK);
	CHECK_ST(LIT->append(v, &item), TH_OK);
	CHECK_ST(LIT->set_str(v, th_s("x")), TH_OK);
	CHECK_ST(LIT->append(v, &item), TH_E_INVALID);
	return LIT->set_i64(v, 2);
}

TEST(the_last_value_of_a_slot_wins)
{
	fixture_init(&f, INTERFACE("", VAR("o0", T_INTEGER)));
	fixture_run(&f, set_twice);
	CHECK_STR(fixture_outputs(&f), "{\"o0\":" INTEGER(2) "}");
	fixture_done(&f);
}

/* ---- hash and metadata ----------------------------------------------------------------------- */

static th_status annotate(th_exec *exec, const th_model *model, th_errout *error)
{
	const th_lit *a = LIT->input(exec, th_s("a"));
	th_val *v = slot(exec, "o0");
	th_str key, value;

	(void)model;
	(void)error;
	CHECK_ST(LIT->hash(a, &value), TH_OK);
	CHECK_STR(value.ptr, "h1");
	CHECK_ST(LIT->metadata(a, th_s("k"), &value), TH_OK);
	CHECK_STR(value.ptr, "v");
	CHECK_ST(LIT->metadata(a, th_s("none"), &value), TH_E_NOT_FOUND);
	CHECK_ST(LIT->metadata_at(a, 0, &key, &value), TH_OK);
	CHECK_STR(key.ptr, "k");
	CHECK_ST(LIT->metadata_at(a, 1, &key, &value), TH_E_NOT_FOUND);
	CHECK_ST(LIT->set_literal(v, a), TH_OK);
	CHECK_ST(LIT->set_hash(v, th_s("h2")), TH_OK);
	CHECK_ST(LIT->set_metadata(v, th_s("k"), th_s("w")), TH_OK);
	return LIT->set_metadata(v, th_s("m"), th_s("1"));
}

TEST(hash_and_metadata)
{
	fixture_init(&f, INTERFACE(VAR("a", T_INTEGER), VAR("o0", T_INTEGER)));
	fixture_inputs(&f, "{\"a\":{\"scalar\":{\"primitive\":{\"integer\":\"1\"}},\"hash\":\"h1\","
			   "\"metadata\":{\"k\":\"v\"}}}");
	fixture_run(&f, annotate);
	CHECK_STR(fixture_outputs(&f),
		  "{\"o0\":{\"scalar\":{\"primitive\":{\"integer\":\"1\"}},\"hash\":\"h2\","
		  "\"metadata\":{\"k\":\"w\",\"m\":\"1\"}}}");
	fixture_done(&f);
}

/* ---- blob, dataset, schema, none, error ------------------------------------------------------ */

static th_status read_places(th_exec *exec, const th_model *model, th_errout *error)
{
	th_blob blob;
	th_dataset dataset;
	th_str id, message;

	(void)model;
	(void)error;
	CHECK_ST(LIT->as_blob(LIT->input(exec, th_s("b")), &blob), TH_OK);
	CHECK_STR(blob.uri.ptr, "s3://b/d");
	CHECK_STR(blob.format.ptr, "csv");
	CHECK_INT(blob.multipart, 1);
	CHECK_ST(LIT->as_dataset(LIT->input(exec, th_s("d")), &dataset), TH_OK);
	CHECK_STR(dataset.uri.ptr, "s3://b/t");
	CHECK_STR(dataset.format.ptr, "parquet");
	CHECK_ST(LIT->as_dataset(LIT->input(exec, th_s("s")), &dataset), TH_OK);
	CHECK_STR(dataset.uri.ptr, "s3://b/s");
	CHECK_INT(dataset.format.len, 0);
	CHECK_ST(LIT->as_error(LIT->input(exec, th_s("e")), &id, &message), TH_OK);
	CHECK_STR(id.ptr, "n0");
	CHECK_STR(message.ptr, "oh");
	CHECK_INT(LIT->kind(LIT->input(exec, th_s("z"))), TH_KIND_NONE);
	CHECK_ST(LIT->as_blob(LIT->input(exec, th_s("z")), &blob), TH_E_TYPE);
	CHECK_ST(LIT->set_blob(slot(exec, "b"), &blob), TH_OK);
	CHECK_ST(LIT->set_dataset(slot(exec, "d"), &(th_dataset){th_s("s3://b/new"), th_s("csv")}),
		 TH_OK);
	CHECK_ST(LIT->set_dataset(slot(exec, "s"), &(th_dataset){th_s("s3://b/s2"), th_s("")}),
		 TH_OK);
	CHECK_ST(LIT->set_error(slot(exec, "e"), id, message), TH_OK);
	return LIT->set_none(slot(exec, "z"));
}

#define COLUMN            "{\"name\":\"x\",\"literalType\":{\"simple\":\"INTEGER\"}}"
#define T_DATASET(format) "{\"structuredDatasetType\":{\"columns\":[" COLUMN "]" format "}}"
#define T_SCHEMA          "{\"schema\":{\"columns\":[{\"name\":\"x\",\"type\":\"FLOAT\"}]}}"
#define PLACES(format)                                                                             \
	VAR("b", "{\"blob\":{\"format\":\"csv\",\"dimensionality\":\"MULTIPART\"}}")               \
	"," VAR("d", T_DATASET(format)) "," VAR("e", "{\"simple\":\"ERROR\"}") "," VAR(            \
		"s", T_SCHEMA) "," VAR("z", "{\"simple\":\"NONE\"}")

TEST(blob_dataset_schema_error_none)
{
	fixture_init(&f, INTERFACE(PLACES(",\"format\":\"parquet\""), PLACES("")));
	fixture_inputs(
		&f,
		"{\"b\":{\"scalar\":{\"blob\":{\"uri\":\"s3://b/d\",\"metadata\":{\"type\":{"
		"\"format\":\"csv\",\"dimensionality\":\"MULTIPART\"}}}}},"
		"\"d\":{\"scalar\":{\"structuredDataset\":{\"uri\":\"s3://b/t\",\"metadata\":{"
		"\"structuredDatasetType\":{\"columns\":[" COLUMN "],\"format\":\"parquet\"}}}}},"
		"\"e\":{\"scalar\":{\"error\":{\"failedNodeId\":\"n0\",\"message\":\"oh\"}}},"
		"\"s\":{\"scalar\":{\"schema\":{\"uri\":\"s3://b/s\",\"type\":{\"columns\":[{"
		"\"name\":\"x\",\"type\":\"FLOAT\"}]}}}},"
		"\"z\":{\"scalar\":{\"noneType\":{}}}}");
	fixture_run(&f, read_places);
	CHECK_STR(fixture_outputs(&f),
		  "{\"b\":{\"scalar\":{\"blob\":{\"metadata\":{\"type\":{\"format\":\"csv\","
		  "\"dimensionality\":\"MULTIPART\"}},\"uri\":\"s3://b/d\"}}},"
		  "\"d\":{\"scalar\":{\"structuredDataset\":{\"uri\":\"s3://b/new\",\"metadata\":{"
		  "\"structuredDatasetType\":{\"columns\":[" COLUMN "],\"format\":\"csv\"}}}}},"
		  "\"e\":{\"scalar\":{\"error\":{\"failedNodeId\":\"n0\",\"message\":\"oh\"}}},"
		  "\"s\":{\"scalar\":{\"schema\":{\"uri\":\"s3://b/s2\",\"type\":{\"columns\":[{"
		  "\"name\":\"x\",\"type\":\"FLOAT\"}]}}}},"
		  "\"z\":{\"scalar\":{\"noneType\":{}}}}");
	fixture_done(&f);
}

/* ---- raw ------------------------------------------------------------------------------------- */

static th_status raw_both_ways(th_exec *exec, const th_model *model, th_errout *error)
{
	th_bytes literal, all;

	(void)model;
	CHECK_ST(LIT->raw(LIT->input(exec, th_s("a")), &literal), TH_OK);
	CHECK_ST(LIT->inputs_raw(exec, &all), TH_OK);
	CHECK(all.len > literal.len);
	CHECK_ST(LIT->outputs_raw(exec, (th_bytes){(const uint8_t *)"\x0a\x05", 2}, error),
		 TH_E_INVALID);
	CHECK_ST(LIT->outputs_raw(exec, all, error), TH_OK);
	CHECK_ST(LIT->set_raw(slot(exec, "b"), (th_bytes){(const uint8_t *)"\x0a\x05", 2}),
		 TH_E_INVALID);
	return LIT->set_raw(slot(exec, "b"), literal);
}

TEST(raw_bytes_in_both_directions)
{
	fixture_init(&f,
		     INTERFACE(VAR("a", T_INTEGER), VAR("a", T_INTEGER) "," VAR("b", T_INTEGER)));
	fixture_inputs(&f, "{\"a\":" INTEGER(7) "}");
	fixture_run(&f, raw_both_ways);
	CHECK_STR(fixture_outputs(&f), "{\"a\":" INTEGER(7) ",\"b\":" INTEGER(7) "}");
	fixture_done(&f);
}

/* ---- names ----------------------------------------------------------------------------------- */

static th_status list_inputs(th_exec *exec, const th_model *model, th_errout *error)
{
	th_str name;
	char names[16] = "";

	(void)model;
	(void)error;
	for (uint32_t i = 0; i < LIT->input_count(exec); i++) {
		CHECK(LIT->input_at(exec, i, &name) == LIT->input(exec, name));
		strncat(names, name.ptr, 1);
	}
	CHECK(LIT->input_at(exec, 3, &name) == NULL);
	CHECK_STR(names, "abc");
	return TH_OK;
}

TEST(inputs_come_in_order_of_their_names)
{
	fixture_init(
		&f,
		INTERFACE(VAR("c", T_INTEGER) "," VAR("a", T_INTEGER) "," VAR("b", T_INTEGER), ""));
	fixture_inputs(&f, "{\"b\":" INTEGER(1) ",\"a\":" INTEGER(2) ",\"c\":" INTEGER(3) "}");
	fixture_run(&f, list_inputs);
	CHECK_STR(fixture_outputs(&f), "{}");
	CHECK_INT(f.result.document.len, 0);
	fixture_done(&f);
}

static th_exec *kept;

static th_status keep_handle(th_exec *exec, const th_model *model, th_errout *error)
{
	(void)model;
	(void)error;
	kept = exec;
	return LIT->set_i64(slot(exec, "o0"), 1);
}

TEST(a_handle_of_an_execution_that_is_over_is_seen)
{
	th_val *v;

	fixture_init(&f, INTERFACE(VAR("a", T_INTEGER), VAR("o0", T_INTEGER)));
	fixture_inputs(&f, "{\"a\":" INTEGER(7) "}");
	fixture_run(&f, keep_handle);
	CHECK(LIT->input(kept, th_s("a")) == NULL);
	CHECK_INT(LIT->input_count(kept), 0);
	CHECK_INT(LIT->output(kept, th_s("o0"), &v), TH_E_INVALID);
	CHECK(task_exec_ops.exec_error(kept) == NULL);
	CHECK(task_exec_ops.arena_alloc(kept, 8, 0) == NULL);
	fixture_done(&f);
}
