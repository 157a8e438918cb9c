/* AsyncAgentService for executions that exist, or never did: GetTask and DeleteTask. */
#include "test_svc_kit.h"

static struct kit k;

/* ---- get --------------------------------------------------------------------------------- */

TEST(get_follows_an_execution)
{
	Flyteidl__Admin__Resource *r;
	struct kit_run *run;
	struct str meta, outputs;

	kit_open_agent(&k, 0, 0);
	meta = kit_create(&k, "t");
	run = kit_next_run(&k);
	CHECK_INT(kit_get(&k, meta)->phase, PHASE_INITIALIZING);
	kit_started(&k, run);
	CHECK_INT(kit_get(&k, meta)->phase, PHASE_RUNNING);
	outputs = kit_outputs(&k, "o0", 42);
	kit_succeed(&k, run, outputs);
	r = kit_get_end(&k, meta);
	CHECK_INT(r->phase, PHASE_SUCCEEDED);
	CHECK(r->outputs && str_eq(kit_encode(&k, &r->outputs->base), outputs));
	CHECK_STR(r->message, "");
	CHECK(!r->agent_error && r->n_log_links == 0);
	CHECK(strstr(kit_metrics(&k), "flyte_connector_requests_success_total{task_type=\"t\","
				      "operation=\"create\"} 1\n"));
	CHECK(strstr(kit_metrics(&k),
		     "flyte_connector_input_literal_bytes_count{task_type=\"t\"} 1"));
	kit_close(&k);
}

TEST(get_tells_a_void_result_by_empty_outputs)
{
	Flyteidl__Admin__Resource *r;
	struct str meta;

	kit_open_agent(&k, 0, 0);
	meta = kit_create(&k, "t");
	kit_succeed(&k, kit_next_run(&k), STR_NULL);
	r = kit_get_end(&k, meta);
	CHECK(r->outputs && r->outputs->n_literals == 0);
	kit_close(&k);
}

static Flyteidl__Admin__Resource *failed(const struct run_result *result)
{
	struct str meta = kit_create(&k, "t");
	Flyteidl__Admin__Resource *r;

	kit_end(&k, kit_next_run(&k), result);
	r = kit_get_end(&k, meta);
	return r;
}

TEST(get_tells_a_failure)
{
	Flyteidl__Admin__Resource *r;

	kit_open_agent(&k, 0, 0);
	r = failed(&(struct run_result){.outcome = RUN_ERROR,
					.code = STR("USER:ValueError"),
					.message = STR("no such column")});
	CHECK_INT(r->phase, PHASE_FAILED);
	CHECK_STR(r->message, "USER:ValueError: no such column");
	CHECK_STR(r->agent_error->code, "USER:ValueError");
	CHECK_INT(r->agent_error->kind, FLYTEIDL__ADMIN__AGENT_ERROR__KIND__NON_RECOVERABLE);
	CHECK_INT(r->agent_error->origin, FLYTEIDL__CORE__EXECUTION_ERROR__ERROR_KIND__USER);
	CHECK(!r->outputs);
	r = failed(&(struct run_result){.outcome = RUN_CRASHED, .message = STR("SIGSEGV in add")});
	CHECK_INT(r->phase, PHASE_RETRYABLE_FAILED);
	CHECK_STR(r->message, "PluginCrashed: SIGSEGV in add");
	CHECK_INT(r->agent_error->kind, FLYTEIDL__ADMIN__AGENT_ERROR__KIND__RECOVERABLE);
	kit_close(&k);
}

/* Whatever a plugin says, a client has to be able to read it. */
TEST(get_sends_clean_text_of_bounded_length)
{
	Flyteidl__Admin__Resource *r;
	char *text = malloc(20000);

	CHECK(text);
	kit_open_agent(&k, 0, 0);
	r = failed(&(struct run_result){.outcome = RUN_ERROR, .message = STR("a\xff\0b")});
	CHECK_STR(r->message, "TaskFailed: a\xef\xbf\xbd\xef\xbf\xbd"
			      "b");
	for (size_t i = 0; i < 20000; i++)
		text[i] = "\xc3\xa9"[i % 2];
	r = failed(&(struct run_result){.outcome = RUN_ERROR, .message = {text, 20000}});
	CHECK(strlen(r->message) <= 8192 && strlen(r->message) > 8000);
	CHECK(utf8_valid(r->message, strlen(r->message), NULL));
	memset(text, 0xff, 20000);
	r = failed(&(struct run_result){.outcome = RUN_ERROR, .message = {text, 20000}});
	CHECK(strlen(r->message) <= 8192);
	free(text);
	kit_close(&k);
}

TEST(get_links_to_the_log)
{
	struct kit_params p = {
		.types = kit_types, .n_types = KIT_TYPES, .log_base = "http://h:8080/#"};
	Flyteidl__Admin__Resource *r;
	char uri[64], id[IDENT_TEXT + 1];

	kit_open(&k, &p);
	r = kit_get(&k, kit_create(&k, "t"));
	ident_format(kit_next_run(&k)->id, id);
	snprintf(uri, sizeof(uri), "http://h:8080/#%s", id);
	CHECK_INT(r->n_log_links, 1);
	CHECK_STR(r->log_links[0]->uri, uri);
	CHECK_STR(r->log_links[0]->name, "taskhost");
	kit_close(&k);
}

TEST(get_says_why_it_waits)
{
	Flyteidl__Admin__Resource *r;

	kit_open_agent(&k, 1, 0);
	kit_create(&k, "t");
	r = kit_get(&k, kit_create(&k, "t"));
	CHECK_INT(r->phase, PHASE_QUEUED);
	CHECK(strstr(r->message, "1 of 1 slots in use"));
	kit_close(&k);
	kit_open_agent(&k, 0, 0);
	k.hold = "plugin p is quarantined";
	r = kit_get(&k, kit_create(&k, "t"));
	CHECK_INT(r->phase, PHASE_WAITING_FOR_RESOURCES);
	CHECK(strstr(r->message, "plugin p is quarantined"));
	kit_close(&k);
}

TEST(get_tells_of_large_outputs)
{
	struct run_result result = {.outcome = RUN_DONE};
	Flyteidl__Admin__Resource *r;
	struct buf out = BUF_INIT;
	char *bytes = calloc(1, 3 << 20);
	struct str meta;

	kit_open_agent(&k, 0, 0);
	CHECK(bytes);
	wire_put_bytes(&out, 99, (struct str){bytes, 3 << 20}); /* a field nobody knows */
	result.outputs = (struct str){out.data, out.len};
	meta = kit_create(&k, "t");
	kit_end(&k, kit_next_run(&k), &result);
	r = kit_get_end(&k, meta);
	CHECK_INT(r->phase, PHASE_SUCCEEDED);
	CHECK(strstr(r->message, "max-output-size-bytes"));
	CHECK(r->outputs && r->outputs->base.n_unknown_fields == 1);
	CHECK_INT(dispatch_stats(k.dispatch).large_outputs, 1);
	free(bytes);
	buf_done(&out);
	kit_close(&k);
}

/* ---- metas that are not ours ----------------------------------------------------------------- */

TEST(foreign_metas)
{
	static const char *const methods[] = {"GetTask", "DeleteTask"};

	kit_open_agent(&k, 0, 0);
	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		kit_expect(&k, methods[i], kit_get_request(&k, STR("{}"), "zzz"), GRPC_NOT_FOUND,
			   "Cannot find connector for task type: zzz.");
		kit_expect(&k, methods[i], kit_get_request(&k, STR("{}"), NULL), GRPC_NOT_FOUND,
			   "type: .");
		kit_expect(&k, methods[i], kit_get_request(&k, STR("{}"), "t"),
			   GRPC_INVALID_ARGUMENT, "");
		kit_expect(&k, methods[i], kit_get_request(&k, STR(""), "t"), GRPC_INVALID_ARGUMENT,
			   "");
		/* the deprecated field */
		kit_expect(&k, methods[i], STR("\x0a\x03zzz"), GRPC_NOT_FOUND, "type: zzz.");
		kit_expect(&k, methods[i], STR("\x0a\x01t"), GRPC_INVALID_ARGUMENT, "");
		kit_expect(&k, methods[i], STR("\x0a\xff"), GRPC_INVALID_ARGUMENT, "");
	}
	kit_close(&k);
}

TEST(a_changed_meta_is_not_ours)
{
	struct str meta;
	char *copy;

	kit_open_agent(&k, 0, 0);
	meta = kit_create(&k, "t");
	for (size_t i = 0; i < meta.len; i++) {
		copy = (char *)(uintptr_t)kit_copy(&k, meta).ptr;
		copy[i] = copy[i] == '0' ? '1' : '0';
		kit_expect(&k, "GetTask", kit_get_request(&k, (struct str){copy, meta.len}, "t"),
			   GRPC_INVALID_ARGUMENT, "");
	}
	kit_close(&k);
}

/* Our meta is enough: the plugin may be gone. */
TEST(the_category_does_not_matter)
{
	struct str meta;

	kit_open_agent(&k, 0, 0);
	meta = kit_create(&k, "t");
	kit_expect(&k, "GetTask", kit_get_request(&k, meta, "zzz"), GRPC_OK, "");
	k.find_fails = ERR_NOT_FOUND;
	kit_expect(&k, "GetTask", kit_get_request(&k, meta, NULL), GRPC_OK, "");
	kit_expect(&k, "DeleteTask", kit_get_request(&k, meta, "zzz"), GRPC_OK, "");
	kit_close(&k);
}

/* ---- delete ------------------------------------------------------------------------------ */

TEST(delete_stops_and_aborts)
{
	Flyteidl__Admin__Resource *r;
	struct kit_run *run;
	struct str meta;

	kit_open_agent(&k, 0, 0);
	meta = kit_create(&k, "t");
	run = kit_next_run(&k);
	kit_started(&k, run);
	kit_expect(&k, "DeleteTask", kit_get_request(&k, meta, "t"), GRPC_OK, "");
	CHECK(run->stops > 0);
	CHECK_INT(kit_get(&k, meta)->phase, PHASE_RUNNING);
	kit_end(&k, run, &(struct run_result){.outcome = RUN_STOPPED});
	r = kit_get_end(&k, meta);
	CHECK_INT(r->phase, PHASE_ABORTED);
	/* finished, and once more */
	kit_expect(&k, "DeleteTask", kit_get_request(&k, meta, "t"), GRPC_OK, "");
	CHECK_INT(kit_get(&k, meta)->phase, PHASE_ABORTED);
	kit_close(&k);
}

TEST(delete_of_what_has_ended_changes_nothing)
{
	Flyteidl__Admin__Resource *r;
	struct str meta;

	kit_open_agent(&k, 0, 0);
	meta = kit_create(&k, "t");
	kit_succeed(&k, kit_next_run(&k), STR_NULL);
	kit_expect(&k, "DeleteTask", kit_get_request(&k, meta, "t"), GRPC_OK, "");
	r = kit_get_end(&k, meta);
	CHECK_INT(r->phase, PHASE_SUCCEEDED);
	kit_close(&k);
}

/* Ours by its signature, and long forgotten. */
TEST(a_forgotten_execution_is_still_answered)
{
	struct store_row row = kit_row_of(77);
	struct meta_key key = {{7}};
	char text[META_MAX + 1];
	struct str meta;

	kit_open_agent(&k, 0, 0);
	meta = (struct str){text, meta_format(&key, &row, text)};
	CHECK_INT(kit_get(&k, meta)->phase, PHASE_RUNNING);
	kit_expect(&k, "DeleteTask", kit_get_request(&k, meta, "t"), GRPC_OK, "");
	client_now_ns += 3600 * SEC;
	CHECK_INT(kit_get(&k, meta)->phase, PHASE_RETRYABLE_FAILED);
	kit_close(&k);
}

/* A client that goes while the store is asked. */
TEST(get_cancelled_by_the_client)
{
	struct store_row row = kit_row_of(78);
	struct meta_key key = {{7}};
	char text[META_MAX + 1];
	struct str meta;
	int32_t id;

	kit_open_agent(&k, 0, 0);
	meta = (struct str){text, meta_format(&key, &row, text)};
	id = client_unary(&k.client, ASYNC "GetTask", kit_get_request(&k, meta, "t"));
	client_turn(&k.client);
	client_reset(&k.client, id);
	for (int i = 0; i < 20; i++)
		kit_turn(&k);
	CHECK(reply_of(&k.client, id)->closed);
	kit_close(&k);
}
