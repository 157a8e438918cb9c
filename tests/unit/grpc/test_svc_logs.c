/* GetTaskLogs and GetTaskMetrics. */
#include "test_svc_kit.h"

#include "flyte/value.h"
#include <stdlib.h>

static struct kit k;
static struct str meta;
static struct kit_run *run;
static struct log *log_;

static const struct agent_type types[] = {
	{.type = STR("t"), .plugin = STR("p"), .executor = STR("p.T"), .priority = 5},
};

static void open(bool no_logs)
{
	struct kit_params p = {.types = types, .n_types = 1, .no_logs = no_logs};
	char name[IDENT_TEXT + 1];

	kit_open(&k, &p);
	meta = kit_create(&k, "t");
	run = kit_next_run(&k);
	kit_started(&k, run);
	ident_format(run->id, name);
	log_ = NULL;
	if (!no_logs)
		CHECK_OK(log_open(k.logs, name, &log_, &k.err), k.err);
}

static void end(void)
{
	log_close(TAKE(log_));
	kit_end(&k, run,
		&(struct run_result){.outcome = RUN_DONE,
				     .usage = {.cpu_ns = 3 * SEC / 2, .max_rss_bytes = 4 << 20}});
	kit_get_end(&k, meta);
}

static void finish(void)
{
	log_close(TAKE(log_));
	kit_close(&k);
}

static void print(const char *text)
{
	log_append(log_, text, strlen(text));
	kit_turn(&k);
}

/* ---- logs -------------------------------------------------------------------------------- */

static struct reply *ask(const char *token, unsigned lines)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT;

	wire_put_bytes(&out, 2, meta);
	if (lines > 0) {
		wire_put_tag(&out, 3, WIRE_VARINT);
		wire_put_varint(&out, lines);
	}
	if (*token)
		wire_put_bytes(&out, 4, str_of(token));
	return kit_call(&k, ASYNC "GetTaskLogs", (struct str){out.data, out.len});
}

/* "token: line|line|" of one page; a line of the worker's own in angle brackets. */
static const char *page(const char *token, unsigned lines)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	struct reply *r = ask(token, lines);
	Flyteidl__Admin__GetTaskLogsResponse *m;

	CHECK_STR(r->message, "");
	CHECK_INT(r->grpc_status, GRPC_OK);
	for (size_t n = 0; reply_message(r, n).ptr; n++) {
		m = kit_message(&k, r, n, MESSAGE_DESC(flyteidl__admin__get_task_logs_response));
		CHECK((n == 0) ==
		      (m->part_case == FLYTEIDL__ADMIN__GET_TASK_LOGS_RESPONSE__PART_HEADER));
		if (n == 0) {
			buf_printf(&out, "%s: ", m->header->token);
			continue;
		}
		CHECK_INT(m->body->n_results, m->body->n_structured_lines);
		for (size_t i = 0; i < m->body->n_results; i++) {
			const Flyteidl__Admin__LogLine *l = m->body->structured_lines[i];

			CHECK_STR(m->body->results[i], l->message);
			buf_printf(&out,
				   l->originator == FLYTEIDL__ADMIN__LOG_LINE_ORIGINATOR__USER
					   ? "%s|"
					   : "<%s>|",
				   l->message);
		}
	}
	return kit_copy(&k, (struct str){out.data, out.len}).ptr;
}

TEST(logs_in_pages)
{
	open(false);
	CHECK_STR(page("", 0), "0: ");
	print("one\ntwo\nthr");
	CHECK_STR(page("", 0), "8: one|two|"); /* the third line is not whole yet */
	CHECK_STR(page("8", 0), "8: ");
	print("ee\nfour\n");
	CHECK_STR(page("", 1), "4: one|");
	CHECK_STR(page("4", 2), "14: two|three|");
	CHECK_STR(page("14", 2), "19: four|");
	print("last");
	CHECK_STR(page("19", 0), "19: ");
	end();
	CHECK_STR(page("19", 0), ": last|"); /* after the end, too; and no token any more */
	CHECK_STR(page("", 2), "8: one|two|");
	CHECK_STR(page("", 0), ": one|two|three|four|last|");
	CHECK_STR(page("1000", 0), ": ");
	finish();
}

TEST(logs_clean_text)
{
	open(false);
	log_append(log_, "a\0b\xff\n\n", 6);
	kit_turn(&k);
	CHECK_STR(page("", 0), "6: a\xef\xbf\xbd"
			       "b\xef\xbf\xbd||");
	finish();
}

TEST(logs_of_many_bytes)
{
	uint64_t next = 0, lines = 0;
	char text[1001];

	open(false);
	memset(text, 'x', 999);
	text[999] = '\n';
	text[1000] = '\0';
	for (int i = 0; i < 700; i++)
		print(text);
	end();
	for (;;) {
		char token[24];
		const char *got;

		snprintf(token, sizeof(token), "%" PRIu64, next);
		got = page(next ? token : "", 0);
		for (const char *p = got; (p = strchr(p, '|')); p++)
			lines++;
		if (*got == ':')
			break;
		next = strtoull(got, NULL, 10);
		CHECK(next % 1000 == 0 && next > 0);
	}
	CHECK_INT(lines, 700);
	finish();
}

/* What is longer than a page comes in parts. */
TEST(logs_of_an_endless_line)
{
	char text[1001];

	open(false);
	memset(text, 'x', 1000);
	text[1000] = '\0';
	for (int i = 0; i < 400; i++)
		print(text);
	CHECK_INT(strtoull(page("", 0), NULL, 10), 256 << 10);
	finish();
}

TEST(logs_that_are_gone)
{
	char text[1001];
	const char *got;

	open(false);
	memset(text, 'x', 999);
	text[999] = '\n';
	text[1000] = '\0';
	for (int i = 0; i < 3000; i++)
		print(text);
	end();
	got = page("", 1);
	CHECK(strstr(got, ": <(") && strstr(got, " bytes before this are no longer kept)>|"));
	finish();
}

TEST(logs_refusals)
{
	struct reply *r;

	open(false);
	r = ask("-1", 0);
	CHECK_INT(r->grpc_status, GRPC_INVALID_ARGUMENT);
	CHECK(strstr(r->message, "token"));
	meta = STR("{}");
	CHECK_INT(ask("", 0)->grpc_status, GRPC_NOT_FOUND);
	CHECK_INT(kit_call(&k, ASYNC "GetTaskLogs", STR("\x12\xff"))->grpc_status,
		  GRPC_INVALID_ARGUMENT);
	finish();
}

TEST(logs_without_any)
{
	open(true);
	CHECK_STR(page("", 0), "0: ");
	end();
	CHECK_STR(page("", 0), ": ");
	finish();
}

/* ---- metrics ----------------------------------------------------------------------------- */

static struct reply *ask_metrics(const char *const *queries, int64_t from, int64_t to)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	int64_t times[] = {from, to};

	wire_put_bytes(&out, 2, meta);
	for (; queries && *queries; queries++)
		wire_put_bytes(&out, 3, str_of(*queries));
	for (uint32_t i = 0; i < 2; i++) {
		size_t mark;

		if (times[i] == 0)
			continue;
		mark = wire_begin(&out, 4 + i);
		wire_put_tag(&out, 1, WIRE_VARINT);
		wire_put_varint(&out, (uint64_t)times[i]);
		wire_end(&out, mark);
	}
	return kit_call(&k, ASYNC "GetTaskMetrics", (struct str){out.data, out.len});
}

static struct value member(struct value v, const char *name)
{
	return value_get(v, str_of(name));
}

/* "NAME=value " of each; without a value when there is no point. */
static const char *metrics(const char *const *queries, int64_t from, int64_t to)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	struct reply *r = ask_metrics(queries, from, to);
	Flyteidl__Admin__GetTaskMetricsResponse *m;

	CHECK_STR(r->message, "");
	m = kit_message(&k, r, 0, MESSAGE_DESC(flyteidl__admin__get_task_metrics_response));
	for (size_t i = 0; i < m->n_results; i++) {
		struct value data = value_of_struct(m->results[i]->data, &k.arena), result;
		struct str text;
		size_t n;

		buf_printf(&out, "%s=", m->results[i]->metric);
		CHECK(value_str(member(data, "resultType"), &text) && str_is(text, "matrix"));
		result = member(data, "result");
		CHECK(value_len(result, &n));
		if (n == 1) {
			struct value points = member(value_item(result, 0), "values"),
				     point = value_item(points, 0);

			CHECK(value_len(member(value_item(result, 0), "metric"), &n) && n == 0);
			CHECK(value_len(points, &n) && n == 1 && value_len(point, &n) && n == 2);
			CHECK(value_str(value_item(point, 1), &text));
			buf_append(&out, text.ptr, text.len);
		}
		buf_putc(&out, ' ');
	}
	return kit_copy(&k, (struct str){out.data, out.len}).ptr;
}

TEST(metrics_of_an_execution)
{
	static const char *const known[] = {"EXECUTION_METRIC_DURATION_SECONDS",
					    "EXECUTION_METRIC_USED_MEMORY_BYTES_AVG", NULL};

	open(true);
	client_now_ns += 3 * SEC;
	end();
	CHECK_STR(metrics(NULL, 0, 0), "EXECUTION_METRIC_USED_CPU_AVG=0.5 "
				       "EXECUTION_METRIC_USED_MEMORY_BYTES_MAX=4194304 "
				       "EXECUTION_METRIC_DURATION_SECONDS=3 ");
	CHECK_STR(metrics(known, 0, 0), "EXECUTION_METRIC_DURATION_SECONDS=3 "
					"EXECUTION_METRIC_USED_MEMORY_BYTES_AVG= ");
	CHECK_STR(metrics(known, 4000000000, 0), "EXECUTION_METRIC_DURATION_SECONDS= "
						 "EXECUTION_METRIC_USED_MEMORY_BYTES_AVG= ");
	CHECK_STR(metrics(known, 1, 2), "EXECUTION_METRIC_DURATION_SECONDS= "
					"EXECUTION_METRIC_USED_MEMORY_BYTES_AVG= ");
	finish();
}

TEST(metrics_of_one_that_runs)
{
	static const char *const cpu[] = {"EXECUTION_METRIC_USED_CPU_AVG", NULL};

	open(true);
	CHECK_STR(metrics(cpu, 0, 0), "EXECUTION_METRIC_USED_CPU_AVG= ");
	finish();
}

TEST(metrics_refusals)
{
	static const char *const unknown[] = {"EXECUTION_METRIC_USED_CPU_AVG", "EXTRA", NULL};
	struct reply *r;

	open(true);
	r = ask_metrics(unknown, 0, 0);
	CHECK_INT(r->grpc_status, GRPC_INVALID_ARGUMENT);
	CHECK(strstr(r->message, "\"EXTRA\""));
	meta = STR("{}");
	CHECK_INT(ask_metrics(NULL, 0, 0)->grpc_status, GRPC_NOT_FOUND);
	finish();
}
