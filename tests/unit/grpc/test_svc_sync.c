/* SyncAgentService: one call, one run, one answer. */
#include "grpc/gzip.h"
#include "test_svc_kit.h"

static struct kit k;

static const struct agent_type types[] = {
	{.type = STR("s"), .plugin = STR("p"), .executor = STR("p.S"), .sync = true, .priority = 5},
	{.type = STR("fast"),
	 .plugin = STR("p"),
	 .executor = STR("p.S"),
	 .sync = true,
	 .sync_ns = 2 * SEC,
	 .priority = 5},
	{.type = STR("t"), .plugin = STR("p"), .executor = STR("p.T"), .priority = 5},
};

static void open(unsigned slots)
{
	struct kit_params p = {.types = types, .n_types = ARRAY_LEN(types), .slots = slots};

	kit_open(&k, &p);
}

/* The header as it is on the wire: the body of one message. */
static struct str header(const char *type)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	size_t a = wire_begin(&out, 1), b = wire_begin(&out, 1);

	wire_put_bytes(&out, 2, str_of(type));
	wire_end(&out, b);
	wire_put_bytes(&out, 2, STR("s3://b/sync"));
	wire_end(&out, a);
	return kit_copy(&k, (struct str){out.data, out.len});
}

static struct str inputs(void)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT;

	wire_put_bytes(&out, 2, kit_outputs(&k, "a", 3));
	return kit_copy(&k, (struct str){out.data, out.len});
}

static void send(int32_t id, struct str message, bool end)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT;

	if (message.ptr)
		put_message(&out, false, message);
	client_send(&k.client, id, (struct str){out.data, out.len}, end);
	client_turn(&k.client);
}

static int32_t call_with(const char *type, const char *const *more)
{
	int32_t id = client_call(&k.client, SYNC, STR(""), false, more);

	client_turn(&k.client);
	send(id, header(type), false);
	return id;
}

static int32_t call(const char *type)
{
	int32_t id = call_with(type, NULL);

	send(id, inputs(), true);
	return id;
}

static Flyteidl__Admin__Resource *answer(int32_t id)
{
	struct reply *r = kit_wait(&k, id);
	Flyteidl__Admin__ExecuteTaskSyncResponse *m;

	CHECK_STR(r->message, "");
	CHECK_INT(r->grpc_status, GRPC_OK);
	m = kit_message(&k, r, 0, MESSAGE_DESC(flyteidl__admin__execute_task_sync_response));
	CHECK(!reply_message(r, 1).ptr);
	CHECK_INT(m->res_case, FLYTEIDL__ADMIN__EXECUTE_TASK_SYNC_RESPONSE__RES_HEADER);
	return m->header->resource;
}

TEST(sync_runs_and_answers)
{
	Flyteidl__Admin__Resource *r;
	struct request_parts parts;
	struct kit_run *run;
	struct str outputs;
	int32_t id;

	open(0);
	id = call("s");
	run = kit_next_run(&k);
	CHECK_OK(request_parts((struct str){run->spec.data, run->spec.len}, &parts, &k.err), k.err);
	CHECK(str_eq(parts.inputs, kit_outputs(&k, "a", 3)));
	CHECK(str_eq(parts.task_template, STR("\x12\x01s")));
	CHECK(str_is(parts.output_prefix, "s3://b/sync"));
	outputs = kit_outputs(&k, "o0", 5);
	kit_succeed(&k, run, outputs);
	r = answer(id);
	CHECK(r->phase == FLYTEIDL__CORE__TASK_EXECUTION__PHASE__SUCCEEDED);
	CHECK(r->outputs && str_eq(kit_encode(&k, &r->outputs->base), outputs));
	CHECK(!r->agent_error);
	CHECK(strstr(kit_metrics(&k),
		     "requests_success_total{task_type=\"s\",operation=\"do\"} 1"));
	kit_close(&k);
}

static struct str large_inputs(size_t len)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT, text = BUF_INIT;
	uint64_t seed = 1;
	size_t entry, literal;

	/* such that it is large when it is compressed, too */
	for (; text.len < len; seed = seed * 6364136223846793005u + 1442695040888963407u)
		buf_putc(&text, (char)('a' + (seed >> 40) % 26));
	entry = wire_begin(&out, 1);
	wire_put_bytes(&out, 1, STR("a"));
	literal = wire_begin(&out, 2);
	wire_put_bytes(&out, 4, (struct str){text.data, text.len}); /* a hash */
	wire_end(&out, literal);
	wire_end(&out, entry);
	return kit_copy(&k, (struct str){out.data, out.len});
}

static void put_compressed(struct buf *out, struct str message)
{
	struct pool pool = POOL_INIT(0);
	struct gzip *g = NULL;
	uint8_t *data;
	size_t len;

	CHECK_OK(gzip_deflate(&g, &pool, &message, 1, 0, &data, &len, &k.err), k.err);
	put_message(out, true, (struct str){(char *)data, len});
	pool_free(&pool, data);
	pool_done(&pool);
	gzip_free(g);
}

static void check_large(struct str head, bool compressed)
{
	static const char *const gzip[] = {"grpc-encoding", "gzip", NULL};
	_cleanup_(buf_done) struct buf message = BUF_INIT, body = BUF_INIT;
	struct str inputs = large_inputs(40000);
	struct request_parts parts;
	struct kit_run *run;
	int32_t id = client_call(&k.client, SYNC, STR(""), false, gzip);

	wire_put_bytes(&message, 2, inputs);
	client_turn(&k.client);
	send(id, head, false);
	if (compressed)
		put_compressed(&body, (struct str){message.data, message.len});
	else
		put_message(&body, false, (struct str){message.data, message.len});
	client_send(&k.client, id, (struct str){body.data, body.len}, true);
	client_turn(&k.client);
	run = kit_next_run(&k);
	CHECK_OK(request_parts((struct str){run->spec.data, run->spec.len}, &parts, &k.err), k.err);
	CHECK(str_eq(parts.inputs, inputs));
	CHECK(str_is(parts.output_prefix, "s3://b/sync"));
	CHECK(parts.task_template.len >= 3 && memcmp(parts.task_template.ptr, "\x12\x01s", 3) == 0);
	kit_succeed(&k, run, STR(""));
	answer(id);
}

/* They become the request where they lie, when that is possible. */
TEST(sync_takes_large_inputs)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	char version[6000];
	size_t a, b, c;

	open(0);
	check_large(header("s"), false);
	check_large(header("s"), true);
	memset(version, 'v', sizeof(version));
	a = wire_begin(&out, 1);
	b = wire_begin(&out, 1);
	wire_put_bytes(&out, 2, STR("s"));
	c = wire_begin(&out, 1);
	wire_put_bytes(&out, 5, (struct str){version, sizeof(version)});
	wire_end(&out, c);
	wire_end(&out, b);
	wire_put_bytes(&out, 2, STR("s3://b/sync"));
	wire_end(&out, a);
	check_large(kit_copy(&k, (struct str){out.data, out.len}), false);
	kit_close(&k);
}

TEST(sync_without_inputs)
{
	int32_t id;

	open(0);
	id = call_with("s", NULL);
	send(id, STR_NULL, true);
	kit_succeed(&k, kit_next_run(&k), STR_NULL);
	CHECK(answer(id)->outputs);
	kit_close(&k);
}

TEST(sync_failure_is_a_phase)
{
	Flyteidl__Admin__Resource *r;
	int32_t id;

	open(0);
	id = call("s");
	kit_end(&k, kit_next_run(&k),
		&(struct run_result){.outcome = RUN_ERROR,
				     .code = STR("BadQuery"),
				     .message = STR("no such table"),
				     .recoverable = true,
				     .system_origin = true});
	r = answer(id);
	CHECK(r->phase == FLYTEIDL__CORE__TASK_EXECUTION__PHASE__RETRYABLE_FAILED);
	CHECK_STR(r->message, "no such table"); /* the code stands beside it */
	CHECK_STR(r->agent_error->code, "BadQuery");
	CHECK_INT(r->agent_error->kind, FLYTEIDL__ADMIN__AGENT_ERROR__KIND__RECOVERABLE);
	CHECK_INT(r->agent_error->origin, FLYTEIDL__CORE__EXECUTION_ERROR__ERROR_KIND__SYSTEM);
	CHECK(!r->outputs);
	kit_close(&k);
}

TEST(sync_refusals)
{
	int32_t id;

	open(0);
	kit_check(kit_wait(&k, call("nope")), GRPC_NOT_FOUND,
		  "Cannot find connector for task type: nope.");
	kit_check(kit_wait(&k, call("t")), GRPC_INTERNAL, "[p.T] does not support sync execution");
	id = client_call(&k.client, SYNC, STR(""), true, NULL);
	kit_check(kit_wait(&k, id), GRPC_INVALID_ARGUMENT, "no header");
	id = client_call(&k.client, SYNC, STR(""), false, NULL);
	send(id, inputs(), false);
	kit_check(kit_wait(&k, id), GRPC_INVALID_ARGUMENT, "first message");
	id = call_with("s", NULL);
	send(id, header("s"), false);
	kit_check(kit_wait(&k, id), GRPC_INVALID_ARGUMENT, "second message");
	id = client_call(&k.client, SYNC, STR(""), false, NULL);
	send(id, STR("\xff\xff"), false);
	kit_check(kit_wait(&k, id), GRPC_INVALID_ARGUMENT, "ExecuteTaskSyncRequest");
	id = call_with("s", NULL);
	send(id, STR("\x12\x03\x0a\x01\xff"), false);
	kit_check(kit_wait(&k, id), GRPC_INVALID_ARGUMENT, "");
	CHECK_INT(k.n_runs, 0);
	dispatch_drain(k.dispatch);
	dispatch_drain_hurry(k.dispatch);
	kit_check(kit_wait(&k, call("s")), GRPC_UNAVAILABLE, "stopping");
	kit_close(&k);
}

TEST(sync_cut_short)
{
	struct str whole;

	open(0);
	whole = header("s");
	for (size_t n = 1; n < whole.len; n++) {
		int32_t id = client_call(&k.client, SYNC, STR(""), false, NULL);

		send(id, (struct str){whole.ptr, n}, false);
		kit_check(kit_wait(&k, id), GRPC_INVALID_ARGUMENT, "");
	}
	kit_close(&k);
}

/* What came is kept only for so long. */
TEST(sync_client_that_falls_silent)
{
	static const char *const mute[] = {"nothing", "header"};
	struct reply *r;
	int32_t id;

	open(0);
	for (size_t i = 0; i < ARRAY_LEN(mute); i++) {
		id = client_call(&k.client, SYNC, STR(""), false, NULL);
		if (i > 0)
			send(id, header("s"), false);
		for (int s = 0; s < 50; s += 10) {
			client_now_ns += 10 * SEC;
			kit_turn(&k);
		}
		CHECK(!reply_of(&k.client, id)->closed);
		for (int s = 0; s < 50; s += 10) {
			client_now_ns += 10 * SEC;
			kit_turn(&k);
		}
		r = kit_wait(&k, id);
		kit_check(r, GRPC_CANCELLED, "makes no progress");
	}
	CHECK_INT(k.n_runs, 0);
	id = call("s"); /* one that runs may be silent */
	kit_started(&k, kit_next_run(&k));
	for (int s = 0; s < 200; s += 10) {
		client_now_ns += 10 * SEC;
		kit_turn(&k);
	}
	CHECK(!reply_of(&k.client, id)->closed);
	kit_close(&k);
}

/* A header spread over two fields is one header. */
TEST(sync_joins_a_split_header)
{
	int32_t id;

	open(0);
	id = client_call(&k.client, SYNC, STR(""), false, NULL);
	send(id, STR("\x0a\x05\x0a\x03\x12\x01s\x0a\x03\x12\x01p"), false);
	send(id, inputs(), true);
	kit_succeed(&k, kit_next_run(&k), STR_NULL);
	answer(id);
	kit_close(&k);
}

TEST(sync_ends_with_the_clients_deadline)
{
	static const char *const second[] = {"grpc-timeout", "1S", NULL};
	struct kit_run *run;
	int32_t id;

	open(0);
	id = call_with("s", second);
	send(id, inputs(), true);
	run = kit_next_run(&k);
	kit_started(&k, run);
	client_now_ns += 2 * SEC;
	kit_check(kit_wait(&k, id), GRPC_DEADLINE_EXCEEDED, "");
	CHECK(run->stops > 0);
	kit_close(&k);
}

TEST(sync_ends_with_the_types_limit)
{
	Flyteidl__Admin__Resource *r;
	struct kit_run *run;
	int32_t id;

	open(0);
	id = call("fast");
	run = kit_next_run(&k);
	kit_started(&k, run);
	client_now_ns += 3 * SEC;
	for (int i = 0; i < 100 && run->stops == 0; i++)
		kit_turn(&k);
	CHECK(run->stops > 0);
	kit_end(&k, run, &(struct run_result){.outcome = RUN_STOPPED});
	r = answer(id);
	CHECK(r->phase == FLYTEIDL__CORE__TASK_EXECUTION__PHASE__FAILED);
	CHECK_STR(r->agent_error->code, "TimedOut");
	kit_close(&k);
}

TEST(sync_client_gone)
{
	struct kit_run *run;
	int32_t id;

	open(1);
	/* before the header, before the inputs, waiting for a slot, and running */
	id = client_call(&k.client, SYNC, STR(""), false, NULL);
	client_turn(&k.client);
	client_reset(&k.client, id);
	client_turn(&k.client);
	id = call_with("s", NULL);
	client_reset(&k.client, id);
	client_turn(&k.client);
	id = call("s");
	run = kit_next_run(&k);
	kit_started(&k, run);
	client_reset(&k.client, call("s"));
	client_turn(&k.client);
	client_reset(&k.client, id);
	client_turn(&k.client);
	CHECK(run->stops > 0);
	kit_end(&k, run, &(struct run_result){.outcome = RUN_STOPPED});
	CHECK_INT(dispatch_stats(k.dispatch).live, 0);
	CHECK_INT(k.n_runs, 1);
	/* and the next one is served */
	id = call("s");
	kit_succeed(&k, kit_next_run(&k), STR_NULL);
	answer(id);
	kit_close(&k);
}

/* What is sent after the inputs is not read. */
TEST(sync_ignores_what_follows)
{
	int32_t id;

	open(0);
	id = call_with("s", NULL);
	send(id, inputs(), false);
	send(id, STR("\xff"), false);
	kit_succeed(&k, kit_next_run(&k), STR_NULL);
	answer(id);
	kit_close(&k);
}

/* A sync type may also be started, and asked after. */
TEST(sync_type_through_create)
{
	Flyteidl__Admin__Resource *r;
	struct str meta;

	open(0);
	meta = kit_create(&k, "s");
	kit_succeed(&k, kit_next_run(&k), STR_NULL);
	r = kit_get_end(&k, meta);
	CHECK(r->phase == FLYTEIDL__CORE__TASK_EXECUTION__PHASE__SUCCEEDED);
	kit_close(&k);
}
