/* Each allocation of each call fails once: the call is refused, or answered, or goes on until its
 * client hangs up, and the worker is as well as before. */
#include "test_svc_worker_kit.h"

#include "lib/fail_alloc.h"

static struct worker_kit w;

/* Whether an allocation of the call failed, the one after `n` of them. Some calls are not answered
 * now, so they get their time: `turns` of a millisecond. */
static bool fails_after(const char *method, const ProtobufCMessage *request, long n, int turns)
{
	int32_t call = worker_kit_begin(&w, method, request);
	bool failed;

	alloc_fail_after(n);
	for (int i = 0; i < turns && (i < 4 || !reply_of(&w.k.client, call)->closed); i++)
		kit_turn(&w.k);
	failed = alloc_stop_failing();
	if (!reply_of(&w.k.client, call)->closed)
		client_reset(&w.k.client, call);
	kit_turn(&w.k);
	if (w.reload)
		worker_kit_reloaded(&w);
	CHECK(w.k.client.conn); /* it cost nobody else anything */
	return failed;
}

/* Goes on until no allocation of the call is left to fail; how many there were. */
static long without_memory(const char *method, const ProtobufCMessage *request)
{
	for (int i = 0; i < 2; i++) /* at first the engine fills its pools */
		fails_after(method, request, 1000000, 4);
	for (long n = 0; n < 5000; n++)
		if (!fails_after(method, request, n, 4) && !fails_after(method, request, n, 300))
			return n; /* and not because the store was slow */
	test_fail(__FILE__, __LINE__, "%s does not end", method);
}

TEST(without_memory)
{
	W(SubmitTaskRequest) submit = TASKHOST__WORKER__V1__SUBMIT_TASK_REQUEST__INIT;
	W(GetExecutionRequest) get = TASKHOST__WORKER__V1__GET_EXECUTION_REQUEST__INIT;
	W(ListExecutionsRequest) list = TASKHOST__WORKER__V1__LIST_EXECUTIONS_REQUEST__INIT;
	W(WatchExecutionRequest) watch = TASKHOST__WORKER__V1__WATCH_EXECUTION_REQUEST__INIT;
	W(GetLogsRequest) logs = TASKHOST__WORKER__V1__GET_LOGS_REQUEST__INIT;
	W(CancelExecutionRequest) cancel = TASKHOST__WORKER__V1__CANCEL_EXECUTION_REQUEST__INIT;
	W(RetryExecutionRequest) retry = TASKHOST__WORKER__V1__RETRY_EXECUTION_REQUEST__INIT;
	W(ListPluginsRequest) plugins = TASKHOST__WORKER__V1__LIST_PLUGINS_REQUEST__INIT;
	W(DescribeTaskRequest) describe = TASKHOST__WORKER__V1__DESCRIBE_TASK_REQUEST__INIT;
	W(ReloadPluginsRequest) reload = TASKHOST__WORKER__V1__RELOAD_PLUGINS_REQUEST__INIT;
	W(GetStatusRequest) status = TASKHOST__WORKER__V1__GET_STATUS_REQUEST__INIT;
	W(GetStatsRequest) stats = TASKHOST__WORKER__V1__GET_STATS_REQUEST__INIT;
	W(DrainRequest) drain = TASKHOST__WORKER__V1__DRAIN_REQUEST__INIT;
	TaskTemplate t = FLYTEIDL__CORE__TASK_TEMPLATE__INIT;
	char *id;

	worker_kit_open(&w, &(struct kit_params){.slots = 1});
	id = worker_kit_submit(&w, 1);
	kit_started(&w.k, kit_next_run(&w.k));
	submit.what_case = TASKHOST__WORKER__V1__SUBMIT_TASK_REQUEST__WHAT_TEMPLATE;
	submit.template_ = &t;
	t.type = arena_strdup(&w.k.arena, "t");
	submit.inputs = worker_kit_inputs(&w, "a", 1);
	submit.key = arena_strdup(&w.k.arena, "again and again");
	get.id = watch.id = logs.id = cancel.id = retry.id = id;
	get.with_inputs = get.with_outputs = logs.follow = true;
	describe.name = arena_strdup(&w.k.arena, "echo.Echo");
	CHECK(without_memory("SubmitTask", &submit.base) > 5);
	CHECK(without_memory("GetExecution", &get.base) > 5);
	CHECK(without_memory("ListExecutions", &list.base) > 3);
	CHECK(without_memory("WatchExecution", &watch.base) > 3);
	CHECK(without_memory("GetLogs", &logs.base) > 2);
	CHECK(without_memory("RetryExecution", &retry.base) > 0);
	CHECK(without_memory("ListPlugins", &plugins.base) > 3);
	CHECK(without_memory("DescribeTask", &describe.base) > 3);
	CHECK(without_memory("ReloadPlugins", &reload.base) > 0);
	CHECK(without_memory("GetStatus", &status.base) > 3);
	CHECK(without_memory("GetStats", &stats.base) > 3);
	CHECK(without_memory("CancelExecution", &cancel.base) > 2);
	CHECK(without_memory("Drain", &drain.base) > 2);
	CHECK_INT(worker_kit_get(&w, id)->execution->state, EXEC_CANCELLING);
	CHECK_INT(dispatch_check(w.k.dispatch), 0);
	worker_kit_close(&w);
}
