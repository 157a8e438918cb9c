/* WatchExecution, GetLogs and Drain. */
#include "test_svc_worker_kit.h"

#include "base/clock.h"

static struct worker_kit w;
static char *id;
static struct kit_run *run;

static struct grpc_limits narrow;

static void open_with(const struct kit_params *p)
{
	worker_kit_open(&w, p);
	id = worker_kit_submit(&w, 1);
	run = kit_next_run(&w.k);
}

static void open(bool no_logs)
{
	open_with(&(struct kit_params){.slots = 2, .no_logs = no_logs});
}

/* Streams are full with the first message that the client has not taken. */
static void open_narrow(void)
{
	narrow = grpc_limits_default;
	narrow.send_high = 1;
	open_with(&(struct kit_params){.slots = 2, .limits = &narrow});
}

static size_t messages(int32_t call)
{
	size_t n = 0;

	while (reply_message(reply_of(&w.k.client, call), n).ptr)
		n++;
	return n;
}

/* Turns for some time on the real clock, which timers of the loop run on. */
static void pass(int64_t ns)
{
	int64_t end = clock_monotonic_ns() + ns;

	while (clock_monotonic_ns() < end)
		kit_turn(&w.k);
}

/* ---- watch --------------------------------------------------------------------------------- */

static int32_t watch(char *which)
{
	W(WatchExecutionRequest) r = TASKHOST__WORKER__V1__WATCH_EXECUTION_REQUEST__INIT;

	r.id = which;
	return worker_kit_begin(&w, "WatchExecution", &r.base);
}

static W(Execution) * seen(int32_t call, size_t n)
{
	W(WatchExecutionResponse) * m;

	kit_wait_messages(&w.k, call, n + 1);
	m = kit_message(&w.k, reply_of(&w.k.client, call), n,
			MESSAGE_DESC(taskhost__worker__v1__watch_execution_response));
	return m->execution;
}

TEST(watch_to_the_end)
{
	struct reply *r;
	int32_t call;

	open(false);
	call = watch(id);
	CHECK_INT(seen(call, 0)->state, EXEC_STARTING);
	kit_started(&w.k, run);
	CHECK_INT(seen(call, 1)->state, EXEC_RUNNING);
	kit_end(&w.k, run,
		&(struct run_result){.outcome = RUN_ERROR, .recoverable = true, .code = STR("X")});
	CHECK_INT(seen(call, 2)->state, EXEC_RETRY_WAIT);
	client_now_ns += 10 * SEC;
	run = kit_next_run(&w.k);
	kit_succeed(&w.k, run, kit_outputs(&w.k, "o", 1));
	r = kit_wait(&w.k, call);
	CHECK_INT(r->grpc_status, GRPC_OK);
	CHECK_INT(seen(call, messages(call) - 1)->state, EXEC_SUCCEEDED);
	call = watch(id); /* of what is finished: once */
	CHECK_INT(kit_wait(&w.k, call)->grpc_status, GRPC_OK);
	CHECK_INT(messages(call), 1);
	CHECK_INT(seen(call, 0)->run, 2);
	call = watch(arena_strdup(&w.k.arena, "0000000000001"));
	CHECK_INT(kit_wait(&w.k, call)->grpc_status, GRPC_NOT_FOUND);
	call = watch(arena_strdup(&w.k.arena, "what"));
	CHECK_INT(kit_wait(&w.k, call)->grpc_status, GRPC_INVALID_ARGUMENT);
	worker_kit_close(&w);
}

TEST(watch_is_not_flooded)
{
	int64_t began;
	int32_t call;
	size_t n;

	open(false);
	kit_started(&w.k, run);
	call = watch(id);
	seen(call, 0);
	began = clock_monotonic_ns();
	for (int i = 1; i <= 1000; i++)
		dispatch_run_progress(w.k.dispatch, run->id, run->run, i / 1000.0, STR_NULL);
	pass(250 * MS);
	n = messages(call);
	CHECK(n >= 2); /* the latest comes by itself */
	CHECK(n <= 2 + (size_t)((clock_monotonic_ns() - began) / (100 * MS)));
	CHECK(seen(call, n - 1)->progress->fraction == 1);
	worker_kit_close(&w);
}

TEST(watch_by_a_slow_client)
{
	int32_t call;
	size_t n;

	open_narrow();
	kit_started(&w.k, run);
	call = watch(id);
	seen(call, 0);
	w.k.client.deaf = true;
	for (int i = 1; i <= 3; i++) {
		dispatch_run_progress(w.k.dispatch, run->id, run->run, i / 10.0, STR_NULL);
		pass(120 * MS);
	}
	w.k.client.deaf = false;
	pass(10 * MS);
	n = messages(call);
	CHECK_INT(n, 3); /* the one on its way, and the latest; not the one between */
	CHECK(seen(call, n - 1)->progress->fraction == 0.3);
	w.k.client.deaf = true;
	dispatch_run_progress(w.k.dispatch, run->id, run->run, 0.9, STR_NULL);
	pass(120 * MS);
	kit_succeed(&w.k, run, kit_outputs(&w.k, "o", 1)); /* the last one comes all the same */
	pass(10 * MS);
	w.k.client.deaf = false;
	CHECK_INT(kit_wait(&w.k, call)->grpc_status, GRPC_OK);
	n = messages(call);
	CHECK_INT(seen(call, n - 1)->state, EXEC_SUCCEEDED);
	worker_kit_close(&w);
}

TEST(watcher_gone)
{
	int32_t call;

	open(false);
	kit_started(&w.k, run);
	call = watch(id);
	seen(call, 0);
	dispatch_run_progress(w.k.dispatch, run->id, run->run, 0.5, STR_NULL); /* a timer is set */
	client_reset(&w.k.client, call);
	pass(150 * MS);
	dispatch_run_progress(w.k.dispatch, run->id, run->run, 0.6, STR_NULL);
	kit_succeed(&w.k, run, kit_outputs(&w.k, "o", 1));
	CHECK_INT(worker_kit_end(&w, id)->state, EXEC_SUCCEEDED);
	call = watch(worker_kit_submit(&w, 0));
	seen(call, 0);
	worker_kit_close(&w); /* while one watches */
}

/* ---- logs --------------------------------------------------------------------------------- */

static struct log *log_;

static void begin_log(void)
{
	kit_started(&w.k, run);
	CHECK_OK(log_open(w.k.logs, id, &log_, &w.k.err), w.k.err);
}

static void open_log(void)
{
	open(false);
	begin_log();
}

static void print(const char *text)
{
	log_append(log_, text, strlen(text));
	kit_turn(&w.k);
}

static void end(void)
{
	log_close(TAKE(log_));
	kit_succeed(&w.k, run, kit_outputs(&w.k, "o", 1));
	worker_kit_end(&w, id);
}

static W(GetLogsRequest) logs_request(void)
{
	W(GetLogsRequest) r = TASKHOST__WORKER__V1__GET_LOGS_REQUEST__INIT;

	r.id = id;
	return r;
}

static int32_t ask(const W(GetLogsRequest) * r)
{
	return worker_kit_begin(&w, "GetLogs", &r->base);
}

/* "text@token" of all parts so far, and "." at the end of the log. */
static const char *parts(int32_t call)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	W(GetLogsResponse) *m = NULL;
	size_t n = messages(call);

	for (size_t i = 0; i < n; i++) {
		m = kit_message(&w.k, reply_of(&w.k.client, call), i,
				MESSAGE_DESC(taskhost__worker__v1__get_logs_response));
		CHECK(!m->end || i + 1 == n);
		CHECK(m->data.len <= (size_t)64 << 10);
		buf_append(&out, m->data.data, m->data.len);
	}
	if (m)
		buf_printf(&out, "@%s%s", m->token, m->end ? "." : "");
	return kit_copy(&w.k, (struct str){out.data ? out.data : "", out.len}).ptr;
}

static const char *read_all(const W(GetLogsRequest) * r)
{
	int32_t call = ask(r);

	CHECK_INT(kit_wait(&w.k, call)->grpc_status, GRPC_OK);
	return parts(call);
}

TEST(logs_that_are_there)
{
	W(GetLogsRequest) r;

	open_log();
	r = logs_request();
	CHECK_STR(read_all(&r), "@0");
	print("one\ntwo\nthr");
	CHECK_STR(read_all(&r), "one\ntwo\nthr@11");
	r.token = arena_strdup(&w.k.arena, "8");
	CHECK_STR(read_all(&r), "thr@11");
	print("ee\n");
	r = logs_request();
	r.lines = 2;
	CHECK_STR(read_all(&r), "two\nthree\n@14");
	end();
	CHECK_STR(read_all(&r), "two\nthree\n@14.");
	r = logs_request();
	r.follow = true; /* nothing is to be waited for */
	CHECK_STR(read_all(&r), "one\ntwo\nthree\n@14.");
	r.token = arena_strdup(&w.k.arena, "x");
	worker_kit_refused(&w, "GetLogs", &r.base, GRPC_INVALID_ARGUMENT);
	r = logs_request();
	r.id = arena_strdup(&w.k.arena, "0000000000001");
	worker_kit_refused(&w, "GetLogs", &r.base, GRPC_NOT_FOUND);
	worker_kit_close(&w);
}

TEST(logs_followed)
{
	W(GetLogsRequest) r;
	int32_t call;

	open_log();
	r = logs_request();
	r.follow = true;
	call = ask(&r);
	kit_turn(&w.k);
	CHECK_INT(messages(call), 0);
	print("one\n");
	kit_wait_messages(&w.k, call, 1);
	CHECK_STR(parts(call), "one\n@4");
	print("two");
	kit_wait_messages(&w.k, call, 2);
	log_close(TAKE(log_)); /* another run may go on with it */
	kit_end(&w.k, run,
		&(struct run_result){.outcome = RUN_ERROR, .recoverable = true, .code = STR("X")});
	pass(10 * MS);
	CHECK_INT(reply_of(&w.k.client, call)->closed, 0);
	client_now_ns += 10 * SEC;
	run = kit_next_run(&w.k);
	CHECK_OK(log_open(w.k.logs, id, &log_, &w.k.err), w.k.err);
	print("again");
	end();
	CHECK_INT(kit_wait(&w.k, call)->grpc_status, GRPC_OK);
	CHECK_STR(parts(call), "one\ntwoagain@12.");
	worker_kit_close(&w);
}

TEST(logs_in_parts_to_a_slow_client)
{
	static char line[1000];
	W(GetLogsRequest) r;
	int32_t call;
	size_t n;

	open_narrow();
	begin_log();
	memset(line, 'x', sizeof(line) - 1);
	for (int i = 0; i < 600; i++) {
		log_append(log_, line, sizeof(line) - 1);
		if (i % 50 == 0)
			kit_turn(&w.k);
	}
	r = logs_request();
	r.follow = true;
	call = ask(&r);
	w.k.client.deaf = true;
	pass(20 * MS);
	CHECK(grpc_engine_stats(w.k.client.engine)->reply_bytes < 200000); /* not all at once */
	w.k.client.deaf = false;
	end();
	CHECK_INT(kit_wait(&w.k, call)->grpc_status, GRPC_OK);
	n = strlen(parts(call));
	CHECK_INT(n, 600 * 999 + strlen("@599400."));
	worker_kit_close(&w);
}

TEST(logs_of_a_worker_that_keeps_none)
{
	W(GetLogsRequest) r;
	int32_t call;

	open(true);
	r = logs_request();
	CHECK_STR(read_all(&r), "@0");
	r.follow = true;
	call = ask(&r);
	kit_turn(&w.k);
	kit_succeed(&w.k, run, kit_outputs(&w.k, "o", 1));
	CHECK_INT(kit_wait(&w.k, call)->grpc_status, GRPC_OK);
	CHECK_STR(parts(call), "@0.");
	worker_kit_close(&w);
}

TEST(follower_gone)
{
	W(GetLogsRequest) r;
	int32_t call;

	open_log();
	r = logs_request();
	r.follow = true;
	call = ask(&r);
	print("one\n");
	client_reset(&w.k.client, call);
	kit_turn(&w.k);
	print("two\n");
	ask(&r);
	kit_turn(&w.k);
	log_close(TAKE(log_));
	worker_kit_close(&w); /* while one follows */
}

/* ---- drain -------------------------------------------------------------------------------- */

static W(DrainResponse) * stage(int32_t call, size_t n)
{
	kit_wait_messages(&w.k, call, n + 1);
	return kit_message(&w.k, reply_of(&w.k.client, call), n,
			   MESSAGE_DESC(taskhost__worker__v1__drain_response));
}

TEST(drain_to_the_end)
{
	W(DrainRequest) r = TASKHOST__WORKER__V1__DRAIN_REQUEST__INIT;
	Google__Protobuf__Duration grace = GOOGLE__PROTOBUF__DURATION__INIT;
	W(DrainResponse) * m;
	int32_t call, second;
	size_t n;

	open(false);
	kit_started(&w.k, run);
	grace.seconds = 90;
	r.grace = &grace;
	r.reason = arena_strdup(&w.k.arena, "new release");
	call = worker_kit_begin(&w, "Drain", &r.base);
	m = stage(call, 0);
	CHECK_INT(m->stage, TASKHOST__WORKER__V1__DRAIN_RESPONSE__STAGE__LAME_DUCK);
	CHECK_INT(m->running, 1);
	CHECK_INT(m->calls, 0);
	CHECK(m->remaining);
	CHECK_INT(w.grace_ns, 90 * SEC);
	CHECK_STR(w.reason, "new release");
	second = worker_kit_begin(&w, "Drain", &r.base); /* tells of the same */
	stage(second, 0);
	CHECK_INT(w.drains, 1);
	client_now_ns += 6 * SEC;
	kit_turn(&w.k);
	client_reset(&w.k.client, second);
	client_now_ns +=
		80 * SEC; /* more than the configured grace, less than what was asked for */
	kit_turn(&w.k);
	n = messages(call);
	m = stage(call, n - 1);
	CHECK_INT(m->stage, TASKHOST__WORKER__V1__DRAIN_RESPONSE__STAGE__FINISHING);
	CHECK_INT(w.k.runs[0].stops, 0);
	client_now_ns += 11 * SEC;
	kit_turn(&w.k);
	n = messages(call); /* the run was asked to stop just after that */
	m = stage(call, n);
	CHECK_INT(m->stage, TASKHOST__WORKER__V1__DRAIN_RESPONSE__STAGE__CANCELLING);
	CHECK_INT(m->interrupted, 1);
	kit_end(&w.k, run, &(struct run_result){.outcome = RUN_STOPPED});
	CHECK_INT(kit_wait(&w.k, call)->grpc_status, GRPC_OK);
	m = stage(call, messages(call) - 1);
	CHECK_INT(m->stage, TASKHOST__WORKER__V1__DRAIN_RESPONSE__STAGE__DONE);
	CHECK_INT(m->running, 0);
	CHECK(!m->remaining);
	CHECK_INT(w.drains, 1);
	worker_kit_close(&w);
}

TEST(drain_tells_of_numbers)
{
	W(DrainRequest) r = TASKHOST__WORKER__V1__DRAIN_REQUEST__INIT;
	Google__Protobuf__Duration grace = GOOGLE__PROTOBUF__DURATION__INIT;
	W(DrainResponse) * m;
	int32_t call;

	open(false);
	kit_started(&w.k, run);
	grace.seconds = -1;
	r.grace = &grace;
	worker_kit_refused(&w, "Drain", &r.base, GRPC_INVALID_ARGUMENT);
	CHECK_INT(w.drains, 0);
	r.grace = NULL;
	call = worker_kit_begin(&w, "Drain", &r.base);
	stage(call, 0);
	CHECK_INT(w.grace_ns, -1);
	kit_succeed(&w.k, run, kit_outputs(&w.k, "o", 1));
	m = stage(call, 1); /* within the same stage */
	CHECK_INT(m->running, 0);
	client_reset(&w.k.client, call);
	kit_turn(&w.k);
	worker_kit_begin(&w, "Drain", &r.base);
	kit_turn(&w.k);
	worker_kit_close(&w); /* while one waits for it */
}
