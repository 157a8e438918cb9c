/* AsyncAgentService.CreateTask: what is accepted, what is refused, and what is the same work. */
#include "test_svc_kit.h"

static struct kit k;

/* A request by parts; empty ones are left out. */
struct made {
	const char *type, *prefix, *node, *execution;
	int64_t input;
	uint32_t attempt;
	int32_t version;
	const char *label;
};

static struct str make(const struct made *m)
{
	struct buf out = BUF_INIT;
	struct str made;
	size_t a, b, c, d;

	wire_put_bytes(&out, 1, kit_outputs(&k, "a", m->input));
	a = wire_begin(&out, 2);
	wire_put_bytes(&out, 2, str_of(m->type));
	if (m->version != 0) {
		wire_put_tag(&out, 7, WIRE_VARINT);
		wire_put_varint(&out, (uint64_t)m->version);
	}
	wire_end(&out, a);
	wire_put_bytes(&out, 3, str_of(m->prefix ? m->prefix : "s3://b/o"));
	a = wire_begin(&out, 4);
	b = wire_begin(&out, 1); /* task_execution_id */
	c = wire_begin(&out, 2); /* node_execution_id */
	wire_put_bytes(&out, 1, str_of(m->node));
	d = wire_begin(&out, 2); /* execution_id */
	wire_put_bytes(&out, 1, STR("project"));
	wire_put_bytes(&out, 2, STR("domain"));
	wire_put_bytes(&out, 4, str_of(m->execution));
	wire_end(&out, d);
	wire_end(&out, c);
	wire_put_tag(&out, 3, WIRE_VARINT);
	wire_put_varint(&out, m->attempt);
	wire_end(&out, b);
	if (m->label) {
		b = wire_begin(&out, 3); /* labels */
		wire_put_bytes(&out, 1, STR("label"));
		wire_put_bytes(&out, 2, str_of(m->label));
		wire_end(&out, b);
	}
	wire_end(&out, a);
	made = kit_copy(&k, (struct str){out.data, out.len});
	buf_done(&out);
	return made;
}

static struct str created(const struct made *m)
{
	struct reply *r = kit_call(&k, ASYNC "CreateTask", make(m));
	Flyteidl__Admin__CreateTaskResponse *response;

	kit_check(r, GRPC_OK, "");
	response = kit_message(&k, r, 0, MESSAGE_DESC(flyteidl__admin__create_task_response));
	return (struct str){(char *)response->resource_meta.data, response->resource_meta.len};
}

TEST(create_gives_a_meta_and_a_run)
{
	struct request_parts parts;
	struct kit_run *run;
	struct str meta;

	kit_open_agent(&k, 0, 0);
	meta = kit_create(&k, "t");
	CHECK(meta.len > 0 && meta.len <= 512);
	for (size_t i = 0; i < meta.len; i++)
		CHECK(meta.ptr[i] > ' ' && meta.ptr[i] <= '~');
	run = kit_next_run(&k);
	CHECK_STR(run->type, "t");
	CHECK_OK(request_parts((struct str){run->spec.data, run->spec.len}, &parts, &k.err), k.err);
	CHECK(str_eq(parts.inputs, kit_outputs(&k, "a", 3)));
	CHECK(str_is(parts.output_prefix, "s3://b/o"));
	CHECK(!parts.task.ptr && !parts.executor.ptr);
	kit_close(&k);
}

TEST(create_needs_a_template_with_a_type_that_is_offered)
{
	kit_open_agent(&k, 0, 0);
	kit_expect(&k, "CreateTask", kit_create_request(&k, "nope", 1), GRPC_NOT_FOUND,
		   "Cannot find connector for task type: nope.");
	kit_expect(&k, "CreateTask", make(&(struct made){.type = "t", .version = 7}),
		   GRPC_NOT_FOUND, "Cannot find connector for task type: t.");
	kit_expect(&k, "CreateTask", STR(""), GRPC_INVALID_ARGUMENT, "no task template");
	kit_expect(&k, "CreateTask", STR("\x12\x00"), GRPC_INVALID_ARGUMENT, "has no type");
	CHECK(strstr(kit_metrics(&k), "flyte_connector_requests_failure_total{task_type=\"nope\","
				      "operation=\"create\",error_code=\"404\"} 1"));
	kit_close(&k);
}

TEST(create_refuses_what_is_no_request)
{
	struct str whole;

	kit_open_agent(&k, 0, 0);
	whole = kit_create_request(&k, "t", 3);
	kit_expect(&k, "CreateTask", STR("\xff\xff\xff"), GRPC_INVALID_ARGUMENT,
		   "CreateTaskRequest");
	/* Cut at every place: an error or another request, and never trouble. */
	for (size_t n = 1; n < whole.len; n++) {
		struct reply *r = kit_call(&k, ASYNC "CreateTask", (struct str){whole.ptr, n});

		CHECK(r->grpc_status == GRPC_INVALID_ARGUMENT || r->grpc_status == GRPC_OK);
	}
	kit_close(&k);
}

TEST(create_refuses_undecodable_inputs)
{
	struct buf out = BUF_INIT;

	kit_open_agent(&k, 0, 0);
	wire_put_bytes(&out, 1, STR("\x0a\x03\x0a\x01\xff")); /* a key that is not UTF-8 */
	wire_put_bytes(&out, 2, STR("\x12\x01t"));
	kit_expect(&k, "CreateTask", (struct str){out.data, out.len}, GRPC_INVALID_ARGUMENT,
		   "inputs");
	buf_done(&out);
	kit_close(&k);
}

/* Nesting that would overflow a decoder's stack. */
TEST(create_refuses_deep_inputs)
{
	struct buf out = BUF_INIT, deep = BUF_INIT;

	kit_open_agent(&k, 0, 0);
	/* a list in a list in a list, as the value of an entry */
	for (int i = 0; i < 302; i++) {
		struct buf outer = BUF_INIT;

		wire_put_bytes(&outer, i == 301 || (i < 300 && i % 2 == 0) ? 1 : 2,
			       (struct str){deep.data, deep.len});
		buf_done(&deep);
		deep = outer;
	}
	wire_put_bytes(&out, 1, (struct str){deep.data, deep.len});
	wire_put_bytes(&out, 2, STR("\x12\x01t"));
	kit_expect(&k, "CreateTask", (struct str){out.data, out.len}, GRPC_INVALID_ARGUMENT,
		   "nested");
	buf_done(&deep);
	buf_done(&out);
	kit_close(&k);
}

TEST(create_refuses_our_own_fields)
{
	struct buf out = BUF_INIT;

	kit_open_agent(&k, 0, 0);
	wire_put_bytes(&out, 2, STR("\x12\x01t"));
	wire_put_bytes(&out, REQUEST_EXECUTOR, STR("p.Other"));
	kit_expect(&k, "CreateTask", (struct str){out.data, out.len}, GRPC_INVALID_ARGUMENT,
		   "1001");
	buf_done(&out);
	kit_close(&k);
}

TEST(create_takes_a_giant_request)
{
	struct buf out = BUF_INIT;
	char *bytes = calloc(1, 20 << 20);
	struct kit_run *run;

	kit_open_agent(&k, 0, 0);
	CHECK(bytes);
	/* inputs.literals["x"].scalar.binary.value */
	buf_reserve(&out, 21 << 20);
	{
		size_t a = wire_begin(&out, 1), b = wire_begin(&out, 1), c, d, e;

		wire_put_bytes(&out, 1, STR("x"));
		c = wire_begin(&out, 2);
		d = wire_begin(&out, 1);
		e = wire_begin(&out, 3);
		wire_put_bytes(&out, 1, (struct str){bytes, 20 << 20});
		wire_end(&out, e);
		wire_end(&out, d);
		wire_end(&out, c);
		wire_end(&out, b);
		wire_end(&out, a);
	}
	wire_put_bytes(&out, 2, STR("\x12\x01t"));
	kit_expect(&k, "CreateTask", (struct str){out.data, out.len}, GRPC_OK, "");
	run = kit_next_run(&k);
	CHECK_INT(run->spec.len, out.len);
	free(bytes);
	buf_done(&out);
	kit_close(&k);
}

/* A message may be spread over several fields; it is one for those who read it. */
TEST(create_joins_a_split_template)
{
	struct request_parts parts;
	struct kit_run *run;

	kit_open_agent(&k, 0, 0);
	kit_expect(&k, "CreateTask", STR("\x12\x02\x38\x02\x12\x03\x12\x01t"), GRPC_OK, "");
	run = kit_next_run(&k);
	CHECK_OK(request_parts((struct str){run->spec.data, run->spec.len}, &parts, &k.err), k.err);
	CHECK_INT(parts.task_template.len, 5);
	kit_close(&k);
}

TEST(create_repeated_gives_the_same_meta)
{
	struct made m = {.type = "t", .node = "n0", .execution = "e", .input = 1, .attempt = 1};
	struct str first, again;

	kit_open_agent(&k, 0, 0);
	first = created(&m);
	m.label = "another label";
	again = created(&m);
	CHECK(str_eq(first, again));
	kit_next_run(&k);
	CHECK_INT(k.n_runs, 1);
	kit_close(&k);
}

TEST(create_tells_executions_apart)
{
	struct made m = {.type = "t", .node = "n0", .execution = "e", .input = 1, .attempt = 1};
	struct made others[] = {m, m, m, m, m};
	struct str first;

	others[0].attempt = 2;
	others[1].node = "n1";
	others[2].execution = "f";
	others[3].prefix = "s3://b/other";
	others[4].version = 2;
	kit_open_agent(&k, 0, 0);
	first = created(&m);
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		CHECK(!str_eq(first, created(&others[i])));
	kit_close(&k);
}

TEST(create_without_a_node_execution_is_always_new)
{
	struct made m = {.type = "t", .node = "", .execution = "e", .input = 1};
	struct str first;

	kit_open_agent(&k, 0, 0);
	first = created(&m);
	CHECK(!str_eq(first, created(&m)));
	kit_close(&k);
}

TEST(create_refuses_another_request_under_the_same_key)
{
	struct made m = {.type = "t", .node = "n0", .execution = "e", .input = 1};

	kit_open_agent(&k, 0, 0);
	created(&m);
	m.input = 2;
	kit_check(kit_call(&k, ASYNC "CreateTask", make(&m)), GRPC_INVALID_ARGUMENT,
		  "another request was accepted");
	CHECK_INT(dispatch_stats(k.dispatch).mismatched, 1);
	kit_close(&k);
}

TEST(create_is_unavailable_when_full_and_when_draining)
{
	kit_open_agent(&k, 1, 2);
	kit_create(&k, "t");
	kit_create(&k, "t");
	kit_expect(&k, "CreateTask", kit_create_request(&k, "t", 1), GRPC_UNAVAILABLE,
		   "queue is full");
	dispatch_drain(k.dispatch);
	dispatch_drain_hurry(k.dispatch);
	kit_expect(&k, "CreateTask", kit_create_request(&k, "t", 1), GRPC_UNAVAILABLE, "stopping");
	kit_close(&k);
}

TEST(create_obeys_the_catalog)
{
	kit_open_agent(&k, 0, 0);
	k.find_fails = ERR_DENIED;
	kit_expect(&k, "CreateTask", kit_create_request(&k, "t", 1), GRPC_PERMISSION_DENIED,
		   "not for tests");
	k.find_fails = ERR_STATE;
	kit_expect(&k, "CreateTask", kit_create_request(&k, "t", 1), GRPC_UNAVAILABLE,
		   "not for tests");
	kit_close(&k);
}

/* The client goes before the row is written: the work stays. */
TEST(create_cancelled_by_the_client)
{
	int32_t id;

	kit_open_agent(&k, 0, 0);
	id = client_unary(&k.client, ASYNC "CreateTask", kit_create_request(&k, "t", 3));
	client_turn(&k.client);
	client_reset(&k.client, id);
	client_turn(&k.client);
	CHECK_STR(kit_next_run(&k)->type, "t");
	kit_close(&k);
}
