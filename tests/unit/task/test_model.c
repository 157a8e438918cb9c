/* th.model/1: all of a TaskTemplate. */
#include "harness.h"

#include <math.h>

static struct fixture f;

static const th_model_api *api(void)
{
	for (const struct host_extension *e = task_extensions; e->id; e++)
		if (streq(e->id, TH_EXT_MODEL))
			return e->table;
	return NULL;
}

#define BODY(name, ...)                                                                            \
	static th_status name(th_exec *exec, const th_model *m, th_errout *error)                  \
	{                                                                                          \
		const th_model_api *a = api();                                                     \
		(void)exec;                                                                        \
		(void)m;                                                                           \
		(void)error;                                                                       \
		__VA_ARGS__                                                                        \
		return TH_OK;                                                                      \
	}

static void run(const char *template, body_fn body)
{
	fixture_template(&f, template);
	f.params.shim = true;
	fixture_run(&f, body);
	CHECK_STR(fixture_outputs(&f), "{}");
	fixture_done(&f);
}

BODY(identity, th_identifier id; th_str s; th_str k; int32_t version; th_task_metadata meta;
     CHECK_INT(a->id(m, &id), TH_OK);
     CHECK_INT(id.resource_type, 1);
     CHECK_STR(id.project.ptr, "p");
     CHECK_STR(id.domain.ptr, "d");
     CHECK_STR(id.name.ptr, "n");
     CHECK_STR(id.version.ptr, "v");
     CHECK_STR(id.org.ptr, "o");
     CHECK_INT(a->type(m, &s, &version), TH_OK);
     CHECK_STR(s.ptr, "shell");
     CHECK_INT(version, 2);
     CHECK_INT(a->metadata(m, &meta), TH_OK);
     CHECK_INT(meta.discoverable, 1);
     CHECK_INT(meta.retries, 3);
     CHECK_INT(meta.interruptible, 0);
     CHECK_INT(meta.generates_deck, 2);
     CHECK_INT(meta.timeout.seconds, 90);
     CHECK_STR(meta.discovery_version.ptr, "c1");
     CHECK_STR(meta.runtime_flavor.ptr, "c");
     CHECK_INT(a->tag_at(m, 0, &k, &s), TH_OK);
     CHECK_STR(k.ptr, "t");
     CHECK_INT(a->tag_at(m, 1, &k, &s), TH_E_NOT_FOUND);
     CHECK_INT(a->config(m, th_s("k"), &s), TH_OK);
     CHECK_STR(s.ptr, "w");
     CHECK_INT(a->config(m, th_s("x"), &s), TH_E_NOT_FOUND);
     CHECK_INT(a->config_at(m, 0, &k, &s), TH_OK);
     CHECK_STR(k.ptr, "k");
     CHECK_INT(a->config_at(m, 1, &k, &s), TH_E_NOT_FOUND);)

TEST(who_it_is)
{
	run("{\"id\":{\"resourceType\":\"TASK\",\"project\":\"p\",\"domain\":\"d\",\"name\":\"n\","
	    "\"version\":\"v\",\"org\":\"o\"},\"type\":\"shell\",\"taskTypeVersion\":2,"
	    "\"metadata\":{\"discoverable\":true,\"runtime\":{\"flavor\":\"c\"},\"timeout\":"
	    "\"90s\","
	    "\"retries\":{\"retries\":3},\"discoveryVersion\":\"c1\",\"interruptible\":false,"
	    "\"tags\":{\"t\":\"u\"}},\"config\":{\"k\":\"w\"}}",
	    identity);
}

BODY(interface, th_variable v; CHECK_INT(a->variable_count(m, TH_INPUTS), 2);
     CHECK_INT(a->variable_count(m, TH_OUTPUTS), 1);
     CHECK_INT(a->variable_count(m, 7), 0);
     CHECK_INT(a->variable(m, TH_INPUTS, th_s("b"), &v), TH_OK);
     CHECK_STR(v.name.ptr, "b");
     CHECK_STR(v.description.ptr, "about b");
     CHECK_INT(v.kind, TH_KIND_COLLECTION);
     CHECK_STR(v.type_json.ptr, "{\"collectionType\":{\"simple\":\"FLOAT\"}}");
     CHECK_INT(v.type_raw.len, 4);
     CHECK(memcmp(v.type_raw.ptr, "\x1a\x02\x08\x02", 4) == 0);
     CHECK_INT(a->variable(m, TH_INPUTS, th_s("c"), &v), TH_E_NOT_FOUND);
     CHECK_INT(a->variable_at(m, TH_OUTPUTS, 0, &v), TH_OK);
     CHECK_INT(v.kind, TH_KIND_BINARY);
     CHECK_INT(a->variable_at(m, TH_OUTPUTS, 1, &v), TH_E_NOT_FOUND);
     CHECK_INT(a->variable_at(m, 2, 0, &v), TH_E_INVALID);)

TEST(interface_of_a_template)
{
	fixture_template(
		&f, "{\"type\":\"x\",\"interface\":{\"inputs\":{\"variables\":{\"a\":{\"type\":"
		    "{\"simple\":\"INTEGER\"}},\"b\":{\"type\":{\"collectionType\":{\"simple\":"
		    "\"FLOAT\"}},\"description\":\"about b\"}}},\"outputs\":{\"variables\":{"
		    "\"o0\":{\"type\":{\"simple\":\"STRUCT\"}}}}}}");
	f.params.shim = true;
	fixture_run(&f, interface);
	check_failure(&f, "SYSTEM", "NON_RECOVERABLE SYSTEM", "'o0'");
	fixture_done(&f);
}

BODY(custom, const th_lit *c = a->custom(m); const th_lit *list; int64_t n = 0; th_str s; CHECK(c);
     CHECK(c == a->custom(m));
     CHECK_INT(LIT->kind(c), TH_KIND_MAP);
     CHECK_INT(LIT->as_i64(LIT->get(c, th_s("n")), &n), TH_OK);
     CHECK_INT(n, 7);
     CHECK_INT(LIT->as_i64(LIT->get(c, th_s("half")), &n), TH_E_TYPE);
     list = LIT->get(c, th_s("l"));
     CHECK_INT(LIT->as_str(LIT->item(list, 1), &s), TH_OK);
     CHECK_STR(s.ptr, "y");
     CHECK_INT(LIT->as_json(list, &s), TH_OK);
     CHECK_STR(s.ptr, "[\"x\",\"y\"]");)

BODY(no_custom, CHECK(a->custom(m) == NULL); th_str s; th_container c; th_secret_ref r;
     CHECK_INT(a->container(m, &c), TH_E_NOT_FOUND);
     CHECK_INT(a->sql(m, &s, NULL), TH_E_NOT_FOUND);
     CHECK_INT(a->k8s_pod_json(m, &s), TH_E_NOT_FOUND);
     CHECK_INT(a->secret_at(m, 0, &r), TH_E_NOT_FOUND);)

TEST(custom_of_a_template)
{
	run("{\"type\":\"x\",\"custom\":{\"n\":7,\"half\":0.5,\"l\":[\"x\",\"y\"]}}", custom);
	run("{\"type\":\"x\"}", no_custom);
}

BODY(container, th_container c; th_str s; th_str k; th_secret_ref r;
     CHECK_INT(a->container(m, &c), TH_OK);
     CHECK_STR(c.image.ptr, "img");
     CHECK_INT(c.n_args, 2);
     CHECK_INT(c.n_command, 1);
     CHECK_INT(c.n_env, 1);
     CHECK_INT(c.n_resources, 2);
     CHECK_INT(a->container_command(m, 0, &s), TH_OK);
     CHECK_STR(s.ptr, "run");
     CHECK_INT(a->container_arg(m, 1, &s), TH_OK);
     CHECK_STR(s.ptr, "b");
     CHECK_INT(a->container_arg(m, 2, &s), TH_E_NOT_FOUND);
     CHECK_INT(a->container_env(m, 0, &k, &s), TH_OK);
     CHECK_STR(k.ptr, "E");
     CHECK_INT(a->resource(m, 0, th_s("cpu"), &s), TH_OK);
     CHECK_STR(s.ptr, "500m");
     CHECK_INT(a->resource(m, 1, th_s("memory"), &s), TH_OK);
     CHECK_STR(s.ptr, "1Gi");
     CHECK_INT(a->resource(m, 1, th_s("cpu"), &s), TH_E_NOT_FOUND);
     CHECK_INT(a->secret_at(m, 0, &r), TH_OK);
     CHECK_STR(r.group.ptr, "g");
     CHECK_INT(r.mount_requirement, 1);
     CHECK_STR(r.env_var.ptr, "V");)

TEST(container_and_secrets_of_a_template)
{
	run("{\"type\":\"x\",\"container\":{\"image\":\"img\",\"command\":[\"run\"],\"args\":["
	    "\"a\",\"b\"],\"env\":[{\"key\":\"E\",\"value\":\"1\"}],\"resources\":{\"requests\":[{"
	    "\"name\":\"CPU\",\"value\":\"500m\"}],\"limits\":[{\"name\":\"MEMORY\",\"value\":"
	    "\"1Gi\"}]}},\"securityContext\":{\"secrets\":[{\"group\":\"g\",\"key\":\"k\","
	    "\"mountRequirement\":\"ENV_VAR\",\"envVar\":\"V\"}]}}",
	    container);
}

BODY(targets, th_str s; uint32_t dialect; th_bytes raw; CHECK_INT(a->sql(m, &s, &dialect), TH_OK);
     CHECK_STR(s.ptr, "SELECT 1");
     CHECK_INT(dialect, 1);
     CHECK_INT(a->raw(m, &raw), TH_OK);
     CHECK(raw.len > 10);
     CHECK_INT(a->json(m, &s), TH_OK);
     CHECK(strstr(s.ptr, "\"sql\":{\"statement\":\"SELECT 1\",\"dialect\":\"ANSI\"}"));)

BODY(pod, th_str s; CHECK_INT(a->k8s_pod_json(m, &s), TH_OK);
     CHECK_STR(s.ptr, "{\"primaryContainerName\":\"main\"}");)

TEST(sql_pod_raw_and_json_of_a_template)
{
	run("{\"type\":\"x\",\"sql\":{\"statement\":\"SELECT 1\",\"dialect\":\"ANSI\"}}", targets);
	run("{\"type\":\"x\",\"k8sPod\":{\"primaryContainerName\":\"main\"}}", pod);
}

TEST(null_models_are_tolerated)
{
	const th_model_api *a = api();
	th_str s;

	CHECK_INT(a->json(NULL, &s), TH_E_INVALID);
	CHECK_INT(a->variable_count(NULL, 0), 0);
	CHECK(a->custom(NULL) == NULL);
	CHECK_INT(a->type(NULL, &s, NULL), TH_E_INVALID);
}

static const th_model *seen;
static const char *seen_json;

BODY(kept, th_variable v; CHECK_INT(a->variable_at(m, TH_INPUTS, 0, &v), TH_OK); seen = m;
     seen_json = v.type_json.ptr;)

/* A model given by the caller lasts, and its texts are made once. */
TEST(a_model_for_many_executions)
{
	struct th_model *model;
	const char *first;

	fixture_template(&f, "{\"type\":\"x\",\"interface\":{\"inputs\":{\"variables\":{\"a\":{"
			     "\"type\":{\"simple\":\"INTEGER\"}}}}}}");
	f.params.shim = true;
	f.params.model = model = task_model_new(f.template);
	CHECK(model);
	fixture_run(&f, kept);
	CHECK(seen == model);
	CHECK_STR(seen_json, "{\"simple\":\"INTEGER\"}");
	first = seen_json;
	fixture_run(&f, kept);
	CHECK(seen == model);
	CHECK(seen_json == first);
	fixture_done(&f);
	task_model_free(model);
}

BODY(without_json, th_variable v; th_str s; CHECK_INT(a->variable_at(m, TH_INPUTS, 0, &v), TH_OK);
     CHECK_STR(v.name.ptr, "a");
     CHECK_STR(
	     v.type_json.ptr,
	     "{\"simple\":\"STRUCT\",\"metadata\":{\"default\":\"NaN\",\"other\":\"-Infinity\"}}");
     CHECK(v.type_raw.len > 0);
     CHECK_INT(a->json(m, &s), TH_OK);
     CHECK(strstr(s.ptr, "\"default\":\"NaN\""));)

/* A dataclass has NaN as a default: JSON knows no such number. */
TEST(defaults_that_are_no_number)
{
	Google__Protobuf__Struct *schema;

	fixture_template(&f, "{\"type\":\"x\",\"interface\":{\"inputs\":{\"variables\":{\"a\":{"
			     "\"type\":{\"simple\":\"STRUCT\",\"metadata\":{\"default\":1,"
			     "\"other\":2}}}}}}}");
	schema = f.template->interface->inputs->variables[0]->value->type->metadata;
	schema->fields[0]->value->number_value = NAN;
	schema->fields[1]->value->number_value = -INFINITY;
	f.params.shim = true;
	fixture_inputs(&f, "{\"a\":{\"scalar\":{\"binary\":{\"value\":\"gA==\",\"tag\":"
			   "\"msgpack\"}}}}");
	fixture_run(&f, without_json);
	CHECK_STR(fixture_outputs(&f), "{}");
	fixture_done(&f);
}
