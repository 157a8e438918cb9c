/* Lists, maps, structs, msgpack, unions: read and built through th.literal/1. */
#include "harness.h"

static struct fixture f;

#define T_LIST(of)  "{\"collectionType\":" of "}"
#define T_MAP(of)   "{\"mapValueType\":" of "}"
#define LIST(items) "{\"collection\":{\"literals\":[" items "]}}"
#define MAP(items)  "{\"map\":{\"literals\":{" items "}}}"

/* ---- lists and maps -------------------------------------------------------------------------- */

static th_status walk(th_exec *exec, const th_model *model, th_errout *error)
{
	const th_lit *m = LIT->input(exec, th_s("m")), *xs, *item;
	uint64_t n = 0;
	int64_t v = 0;
	th_str key;

	(void)model;
	(void)error;
	CHECK_INT(LIT->len(m, &n), TH_OK);
	CHECK_INT(n, 2);
	xs = LIT->entry(m, 0, &key);
	CHECK_STR(key.ptr, "a");
	CHECK(LIT->entry(m, 1, &key) == LIT->get(m, th_s("b")));
	CHECK(LIT->entry(m, 2, &key) == NULL);
	CHECK(LIT->get(m, th_s("c")) == NULL);
	CHECK(LIT->item(m, 0) == NULL);
	CHECK_INT(LIT->len(xs, &n), TH_OK);
	CHECK_INT(n, 3);
	item = LIT->item(xs, 2);
	CHECK(item == LIT->item(xs, 2));
	CHECK_INT(LIT->as_i64(item, &v), TH_OK);
	CHECK_INT(v, 3);
	CHECK(LIT->item(xs, 3) == NULL);
	CHECK(LIT->get(xs, th_s("a")) == NULL);
	CHECK_INT(LIT->len(item, &n), TH_E_TYPE);
	CHECK_INT(LIT->len(NULL, &n), TH_E_INVALID);
	return TH_OK;
}

TEST(lists_and_maps_are_walked)
{
	fixture_init(&f, INTERFACE(VAR("m", T_MAP(T_LIST(T_INTEGER))), ""));
	fixture_inputs(&f, "{\"m\":" MAP("\"b\":" LIST("") ",\"a\":" LIST(
				   INTEGER(1) "," INTEGER(2) "," INTEGER(3))) "}");
	fixture_run(&f, walk);
	CHECK_STR(fixture_outputs(&f), "{}");
	fixture_done(&f);
}

static th_status bulk(th_exec *exec, const th_model *model, th_errout *error)
{
	const th_lit *xs = LIT->input(exec, th_s("xs")), *ys = LIT->input(exec, th_s("ys"));
	th_i64_list i, again;
	th_f64_list d;

	(void)model;
	(void)error;
	CHECK_INT(LIT->i64_list(xs, &i), TH_OK);
	CHECK_INT(i.len, 3);
	CHECK_INT(LIT->i64_list(xs, &again), TH_OK);
	CHECK(again.ptr == i.ptr);
	CHECK_INT(LIT->f64_list(xs, &d), TH_OK);
	CHECK(d.ptr[2] == 3.0);
	CHECK_INT(LIT->i64_list(ys, &again), TH_E_TYPE);
	CHECK_INT(LIT->f64_list(ys, &d), TH_OK);
	CHECK_INT(LIT->f64_list(LIT->item(ys, 0), &d), TH_E_TYPE);
	CHECK_INT(LIT->set_i64_list(slot(exec, "xs"), i.ptr, i.len), TH_OK);
	return LIT->set_f64_list(slot(exec, "ys"), (const double[]){0.5}, 1);
}

TEST(numeric_lists_in_bulk)
{
#define LISTS VAR("xs", T_LIST(T_INTEGER)) "," VAR("ys", T_LIST(T_FLOAT))
	fixture_init(&f, INTERFACE(LISTS, LISTS));
	fixture_inputs(&f, "{\"xs\":" LIST(INTEGER(1) "," INTEGER(2) "," INTEGER(
				   3)) ",\"ys\":" LIST(FLOAT(0.5)) "}");
	fixture_run(&f, bulk);
	CHECK_STR(fixture_outputs(&f), "{\"xs\":" LIST(INTEGER(1) "," INTEGER(2) "," INTEGER(
					       3)) ",\"ys\":" LIST(FLOAT(0.5)) "}");
	fixture_done(&f);
}

static th_status build_nested(th_exec *exec, const th_model *model, th_errout *error)
{
	th_val *o = slot(exec, "o0"), *list, *item;

	(void)model;
	(void)error;
	CHECK_INT(LIT->set_map(o), TH_OK);
	CHECK_INT(LIT->put(o, th_s("k"), &list), TH_OK);
	CHECK_INT(LIT->set_i64(list, 1), TH_OK);
	CHECK_INT(LIT->put(o, th_s("k"), &list), TH_OK); /* of equal keys the last counts */
	CHECK_INT(LIT->set_collection(list), TH_OK);
	for (int i = 0; i < 2; i++) {
		CHECK_INT(LIT->append(list, &item), TH_OK);
		CHECK_INT(LIT->set_f64(item, i), TH_OK);
	}
	CHECK_INT(LIT->set_hash(item, th_s("h")), TH_OK);
	return TH_OK;
}

TEST(lists_and_maps_are_built)
{
	fixture_init(&f, INTERFACE("", VAR("o0", T_MAP(T_LIST(T_FLOAT)))));
	fixture_run(&f, build_nested);
	CHECK_STR(fixture_outputs(&f),
		  "{\"o0\":" MAP("\"k\":" LIST(
			  FLOAT(0.0) ",{\"scalar\":{\"primitive\":{\"floatValue\":1.0}},\"hash\":"
				     "\"h\"}")) "}");
	fixture_done(&f);
}

static th_status nest_wrong(th_exec *exec, const th_model *model, th_errout *error)
{
	th_val *o = slot(exec, "o0"), *list, *item;

	(void)model;
	(void)error;
	LIT->set_map(o);
	LIT->put(o, th_s("k"), &list);
	LIT->set_collection(list);
	LIT->append(list, &item);
	LIT->set_f64(item, 1);
	LIT->append(list, &item);
	return LIT->set_str(item, th_s("x"));
}

TEST(a_wrong_nested_value_is_named_by_its_path)
{
	fixture_init(&f, INTERFACE("", VAR("o0", T_MAP(T_LIST(T_FLOAT)))));
	fixture_run(&f, nest_wrong);
	check_failure(&f, "SYSTEM", "NON_RECOVERABLE SYSTEM", "[1]");
	CHECK(strstr(f.result.failure.text.ptr, "expected float"));
	CHECK(strstr(f.result.failure.text.ptr, "output 'o0'"));
	fixture_done(&f);
}

static th_status nest_deeply(th_exec *exec, const th_model *model, th_errout *error)
{
	th_val *v = slot(exec, "o0");
	th_status st = TH_OK;

	(void)model;
	(void)error;
	for (int i = 0; i < 1000 && st == TH_OK; i++) {
		LIT->set_collection(v);
		st = LIT->append(v, &v);
	}
	CHECK_INT(st, TH_E_LIMIT);
	return LIT->set_none(v);
}

TEST(nesting_has_a_limit)
{
	fixture_init(&f, "");
	f.params.shim = true;
	fixture_run(&f, nest_deeply);
	check_failure(&f, "SYSTEM", "RECOVERABLE SYSTEM", "nested");
	fixture_done(&f);
}

/* ---- msgpack and Struct ---------------------------------------------------------------------- */

/* {"a":1,"b":[1,2.5,"x"],"c":{"d":true}} */
#define PACKED "g6FhAaFikwHLQAQAAAAAAAChb6FjgaFkww=="

static th_status open_msgpack(th_exec *exec, const th_model *model, th_errout *error)
{
	const th_lit *d = LIT->input(exec, th_s("d")), *b, *c;
	th_str s, key;
	int64_t i = 0;
	double x = 0;
	uint32_t yes = 0;

	(void)model;
	(void)error;
	CHECK_INT(LIT->kind(d), TH_KIND_BINARY);
	CHECK_INT(LIT->as_json(d, &s), TH_OK);
	CHECK_STR(s.ptr, "{\"a\":1,\"b\":[1,2.5,\"o\"],\"c\":{\"d\":true}}");
	CHECK_INT(LIT->as_i64(LIT->get(d, th_s("a")), &i), TH_OK);
	CHECK_INT(i, 1);
	b = LIT->entry(d, 1, &key);
	CHECK_STR(key.ptr, "b");
	CHECK_INT(LIT->as_f64(LIT->item(b, 1), &x), TH_OK);
	CHECK(x == 2.5);
	CHECK_INT(LIT->as_str(LIT->item(b, 2), &s), TH_OK);
	CHECK_STR(s.ptr, "o");
	CHECK_INT(LIT->as_json(b, &s), TH_OK);
	CHECK_STR(s.ptr, "[1,2.5,\"o\"]");
	c = LIT->get(d, th_s("c"));
	CHECK_INT(LIT->kind(c), TH_KIND_MAP);
	CHECK_INT(LIT->as_bool(LIT->get(c, th_s("d")), &yes), TH_OK);
	CHECK_INT(yes, 1);
	CHECK_INT(LIT->raw(c, &(th_bytes){0}), TH_E_TYPE);
	CHECK_INT(LIT->set_literal(slot(exec, "part"), c), TH_OK);
	return LIT->set_literal(slot(exec, "leaf"), LIT->item(b, 1));
}

TEST(msgpack_is_opened_and_its_parts_go_on)
{
	fixture_init(&f,
		     INTERFACE(VAR("d", T_STRUCT), VAR("leaf", T_FLOAT) "," VAR("part", T_STRUCT)));
	fixture_inputs(&f, "{\"d\":{\"scalar\":{\"binary\":{\"value\":\"" PACKED
			   "\",\"tag\":\"msgpack\"}}}}");
	fixture_run(&f, open_msgpack);
	CHECK_STR(fixture_outputs(&f),
		  "{\"leaf\":" FLOAT(2.5) ",\"part\":{\"scalar\":{\"binary\":{\"value\":"
					  "\"gaFkww==\",\"tag\":\"msgpack\"}}}}");
	fixture_done(&f);
}

static th_status open_struct(th_exec *exec, const th_model *model, th_errout *error)
{
	const th_lit *d = LIT->input(exec, th_s("d"));
	int64_t i = 0;
	th_str s;

	(void)model;
	(void)error;
	CHECK_INT(LIT->kind(d), TH_KIND_GENERIC);
	CHECK_INT(LIT->as_i64(LIT->get(d, th_s("n")), &i), TH_OK);
	CHECK_INT(i, 5);
	CHECK_INT(LIT->kind(LIT->get(d, th_s("z"))), TH_KIND_NONE);
	CHECK_INT(LIT->as_json(LIT->get(d, th_s("l")), &s), TH_OK);
	CHECK_STR(s.ptr, "[\"x\"]");
	return LIT->set_generic(slot(exec, "d"), th_s("{\"n\":6,\"u\":\"\\u00e9\"}"));
}

TEST(struct_is_opened_and_made)
{
	fixture_init(&f, INTERFACE(VAR("d", T_STRUCT), VAR("d", T_STRUCT)));
	fixture_inputs(&f, "{\"d\":{\"scalar\":{\"generic\":{\"n\":5,\"z\":null,\"l\":[\"x\"]}}}}");
	fixture_run(&f, open_struct);
	CHECK_STR(fixture_outputs(&f),
		  "{\"d\":{\"scalar\":{\"generic\":{\"n\":6.0,\"u\":\"\xc3\xa9\"}}}}");
	fixture_done(&f);
}

static th_status set_json(th_exec *exec, const th_model *model, th_errout *error)
{
	th_val *v = slot(exec, "o0");

	(void)model;
	(void)error;
	CHECK_INT(LIT->set_json(v, th_s("{\"a\":")), TH_E_INVALID);
	CHECK_INT(LIT->set_json(v, th_s("{\"a\":\"\\u0000\"}")), TH_E_INVALID);
	CHECK_INT(LIT->set_generic(v, th_s("[1]")), TH_E_INVALID);
	return LIT->set_json(v, th_s("{\"n\":1,\"x\":2}"));
}

/* The declared type says that x is a float. */
#define T_RECORD                                                                                   \
	"{\"simple\":\"STRUCT\",\"structure\":{\"dataclassType\":{\"n\":" T_INTEGER                \
	",\"x\":" T_FLOAT "}}}"

TEST(json_becomes_msgpack_of_the_declared_type)
{
	fixture_init(&f, INTERFACE("", VAR("o0", T_RECORD)));
	fixture_run(&f, set_json);
	/* 82 a1 6e 01 a1 78 cb 4000000000000000 */
	CHECK_STR(fixture_outputs(&f),
		  "{\"o0\":{\"scalar\":{\"binary\":{\"value\":\"gqFuAaF4y0AAAAAAAAAA\","
		  "\"tag\":\"msgpack\"}}}}");
	fixture_done(&f);
}

TEST(json_becomes_a_struct_in_the_old_form)
{
	fixture_init(&f, INTERFACE("", VAR("o0", T_RECORD)));
	f.ctx.old_struct_form = true;
	fixture_run(&f, set_json);
	CHECK_STR(fixture_outputs(&f), "{\"o0\":{\"scalar\":{\"generic\":{\"n\":1.0,\"x\":2.0}}}}");
	fixture_done(&f);
	fixture_init(&f, INTERFACE("", VAR("o0", T_STRUCT)));
	f.ctx.old_struct_form = true;
	fixture_run(&f, set_json);
	CHECK_STR(fixture_outputs(&f),
		  "{\"o0\":{\"scalar\":{\"generic\":{\"n\":1.0,\"x\":2.0}},\"metadata\":{"
		  "\"format\":\"json\"}}}");
	fixture_done(&f);
}

static th_status set_not_finite(th_exec *exec, const th_model *model, th_errout *error)
{
	(void)model;
	(void)error;
	return LIT->set_json(slot(exec, "o0"), th_s("{\"n\":1,\"x\":\"-Infinity\"}"));
}

TEST(a_struct_in_the_old_form_holds_what_is_not_finite)
{
	fixture_init(&f, INTERFACE("", VAR("o0", T_RECORD)));
	f.ctx.old_struct_form = true;
	fixture_run(&f, set_not_finite);
	CHECK_INT(f.result.outcome, TASK_OUTPUTS);
	/* A number, not a text: 11 000000000000f0ff */
	CHECK(memmem(f.result.document.data, f.result.document.len, "\x11\0\0\0\0\0\0\xf0\xff", 9));
	fixture_done(&f);
}

/* ---- unions ---------------------------------------------------------------------------------- */

#define T_TAGGED(simple, tag) "{\"simple\":\"" simple "\",\"structure\":{\"tag\":\"" tag "\"}}"
#define T_UNION                                                                                    \
	"{\"unionType\":{\"variants\":[" T_TAGGED("INTEGER", "int") "," T_TAGGED(                  \
		"STRING", "str") "," T_TAGGED("NONE", "none") "]}}"
#define UNION(value, type) "{\"scalar\":{\"union\":{\"value\":" value ",\"type\":" type "}}}"

static th_status read_union(th_exec *exec, const th_model *model, th_errout *error)
{
	const th_lit *u = LIT->input(exec, th_s("u")), *inner;
	th_val *v;
	th_str tag;
	int64_t i = 0;

	(void)model;
	(void)error;
	CHECK_INT(LIT->kind(u), TH_KIND_UNION);
	CHECK_INT(LIT->as_i64(u, &i), TH_OK); /* looks through */
	CHECK_INT(i, 5);
	CHECK_INT(LIT->union_tag(u, &tag), TH_OK);
	CHECK_STR(tag.ptr, "int");
	inner = LIT->union_value(u);
	CHECK(inner == LIT->union_value(u));
	CHECK_INT(LIT->kind(inner), TH_KIND_INTEGER);
	CHECK(LIT->union_value(inner) == inner);
	CHECK_INT(LIT->union_tag(inner, &tag), TH_OK);
	CHECK_INT(tag.len, 0);
	CHECK_INT(LIT->set_str(slot(exec, "bare"), th_s("x")), TH_OK);
	CHECK_INT(LIT->set_none(slot(exec, "none")), TH_OK);
	CHECK_INT(LIT->set_union(slot(exec, "tagged"), th_s("int"), &v), TH_OK);
	CHECK_INT(LIT->set_i64(v, 6), TH_OK);
	CHECK_INT(LIT->set_hash(slot(exec, "tagged"), th_s("h")), TH_OK);
	CHECK_INT(LIT->set_union(slot(exec, "untagged"), th_s(""), &v), TH_OK);
	return LIT->set_str(v, th_s("y"));
}

TEST(unions_are_read_and_made)
{
	fixture_init(&f, INTERFACE(VAR("u", T_UNION),
				   VAR("bare", T_UNION) "," VAR("none", T_UNION) "," VAR(
					   "tagged", T_UNION) "," VAR("untagged", T_UNION)));
	fixture_inputs(&f, "{\"u\":" UNION(INTEGER(5), T_TAGGED("INTEGER", "int")) "}");
	fixture_run(&f, read_union);
	CHECK_STR(
		fixture_outputs(&f),
		"{\"bare\":" UNION(
			STRING("x"),
			T_TAGGED(
				"STRING",
				"str")) ","
					"\"none\":" UNION(
						"{\"scalar\":{\"noneType\":{}}}",
						T_TAGGED(
							"NONE",
							"none")) ","
								 "\"tagged\":{\"scalar\":{"
								 "\"union\":{\"value\":" INTEGER(6) ",\"type\":" T_TAGGED(
									 "INTEGER",
									 "int") "}},\"hash\":\"h\"}"
										","
										"\"untagged\""
										":" UNION(
											STRING("y"),
											T_TAGGED(
												"ST"
												"RI"
												"N"
												"G",
												"st"
												"r")) "}");
	fixture_done(&f);
}

static th_status bad_tag(th_exec *exec, const th_model *model, th_errout *error)
{
	th_val *v;

	(void)model;
	(void)error;
	LIT->set_union(slot(exec, "o0"), th_s("bytes"), &v);
	return LIT->set_i64(v, 1);
}

TEST(a_tag_that_is_not_declared_is_an_error)
{
	fixture_init(&f, INTERFACE("", VAR("o0", T_UNION)));
	fixture_run(&f, bad_tag);
	check_failure(&f, "SYSTEM", "NON_RECOVERABLE SYSTEM", "no variant with the tag \"bytes\"");
	fixture_done(&f);
}

/* ---- big ------------------------------------------------------------------------------------- */

#define MANY 10000

static th_status build_many(th_exec *exec, const th_model *model, th_errout *error)
{
	th_val *m = slot(exec, "o0"), *v;
	char key[16];

	(void)model;
	(void)error;
	LIT->set_map(m);
	for (int i = 0; i < MANY; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		CHECK_INT(LIT->put(m, th_s(key), &v), TH_OK);
		CHECK_INT(LIT->set_i64(v, i), TH_OK);
	}
	return TH_OK;
}

static th_status read_many(th_exec *exec, const th_model *model, th_errout *error)
{
	const th_lit *m = LIT->input(exec, th_s("o0"));
	char key[16];
	uint64_t n = 0;

	(void)model;
	(void)error;
	CHECK_INT(LIT->len(m, &n), TH_OK);
	CHECK_INT(n, MANY);
	for (int i = 0; i < MANY; i++) {
		int64_t v = -1;

		snprintf(key, sizeof(key), "k%d", i);
		CHECK_INT(LIT->as_i64(LIT->get(m, th_s(key)), &v), TH_OK);
		CHECK_INT(v, i);
	}
	return LIT->set_literal(slot(exec, "o0"), m);
}

TEST(ten_thousand_entries)
{
	fixture_init(&f, INTERFACE(VAR("o0", T_MAP(T_INTEGER)), VAR("o0", T_MAP(T_INTEGER))));
	f.template->interface->inputs->n_variables = 0;
	fixture_run(&f, build_many);
	CHECK_INT(f.result.outcome, TASK_OUTPUTS);
	buf_append(&f.inputs, f.result.document.data, f.result.document.len);
	f.template->interface->inputs->n_variables = 1;
	fixture_run(&f, read_many);
	CHECK_INT(f.result.outcome, TASK_OUTPUTS);
	CHECK_INT(f.result.document.len, f.inputs.len);
	fixture_done(&f);
}
