/* SubmitTask, GetExecution, CancelExecution, RetryExecution. */
#include "base/clock.h"
#include "test_svc_worker_kit.h"

static struct worker_kit w;

/* ---- requests ------------------------------------------------------------------------------ */

static W(SubmitTaskRequest) of_task(const char *name, LiteralMap *inputs)
{
	W(SubmitTaskRequest) r = TASKHOST__WORKER__V1__SUBMIT_TASK_REQUEST__INIT;

	r.what_case = TASKHOST__WORKER__V1__SUBMIT_TASK_REQUEST__WHAT_TASK;
	r.task = arena_strdup(&w.k.arena, name);
	r.inputs = inputs;
	return r;
}

static W(SubmitTaskRequest) of_template(const char *type, const char *executor)
{
	W(SubmitTaskRequest) r = TASKHOST__WORKER__V1__SUBMIT_TASK_REQUEST__INIT;
	static TaskTemplate t;
	static Flyteidl__Core__Identifier id;

	flyteidl__core__task_template__init(&t);
	flyteidl__core__identifier__init(&id);
	id.name = arena_strdup(&w.k.arena, "flow.shout");
	t.id = &id;
	t.type = arena_strdup(&w.k.arena, type);
	r.what_case = TASKHOST__WORKER__V1__SUBMIT_TASK_REQUEST__WHAT_TEMPLATE;
	r.template_ = &t;
	r.executor = arena_strdup(&w.k.arena, executor);
	return r;
}

static W(SubmitTaskResponse) * submit(W(SubmitTaskRequest) * r)
{
	return WORKER_KIT_CALL(&w, "SubmitTask", r, submit_task_response);
}

static const char *refused(W(SubmitTaskRequest) r, enum grpc_status status)
{
	return worker_kit_refused(&w, "SubmitTask", &r.base, status);
}

static W(Execution) * get(char *id)
{
	return worker_kit_get(&w, id)->execution;
}

/* ---- submit ------------------------------------------------------------------------------- */

TEST(submit_a_task)
{
	W(SubmitTaskRequest) r;
	W(SubmitTaskResponse) * m;
	W(GetExecutionResponse) * d;
	struct request_parts parts;
	struct kit_run *run;

	worker_kit_open(&w, NULL);
	r = of_task("arith.add", worker_kit_inputs(&w, "a", 7));
	m = submit(&r);
	CHECK_INT(strlen(m->id), IDENT_TEXT);
	CHECK_INT(m->existed, 0);
	CHECK_INT(m->state, EXEC_STARTING);
	CHECK(memmem(m->resource_meta.data, m->resource_meta.len, m->id, IDENT_TEXT));
	run = kit_next_run(&w.k);
	CHECK_STR(run->type, "c-task");
	CHECK_OK(request_parts((struct str){run->spec.data, run->spec.len}, &parts, &w.k.err),
		 w.k.err);
	CHECK(str_is(parts.task, "arith.add"));
	CHECK(str_is(parts.output_prefix, "/state/outputs/1"));
	kit_started(&w.k, run);
	kit_succeed(&w.k, run, kit_outputs(&w.k, "o", 8));
	CHECK_INT(worker_kit_end(&w, m->id)->state, EXEC_SUCCEEDED);
	d = worker_kit_get(&w, m->id);
	CHECK_STR(d->execution->id, m->id);
	CHECK_STR(d->execution->task, "arith.add");
	CHECK_STR(d->execution->plugin, "arith");
	CHECK_STR(d->execution->generation, "d1");
	CHECK_STR(d->execution->output_prefix, "/state/outputs/1");
	CHECK_INT(d->execution->priority, 4);
	CHECK_INT(d->execution->owned_by_flyte, 0);
	CHECK_INT(d->execution->run, 1);
	CHECK(d->execution->accepted_at && d->execution->finished_at && d->execution->usage);
	CHECK(!d->execution->failure && !d->execution->progress && !d->execution->due_at);
	CHECK_STR(d->inputs->literals[0]->key, "a");
	CHECK_INT(d->inputs->literals[0]->value->scalar->primitive->integer, 7);
	CHECK_INT(d->outputs->literals[0]->value->scalar->primitive->integer, 8);
	CHECK_INT(d->interface->inputs->n_variables, 2);
	CHECK_STR(d->message, "");
	CHECK_INT(d->steps[d->n_steps - 1]->state, EXEC_SUCCEEDED);
	CHECK_INT(d->steps[d->n_steps - 1]->run, 1);
	worker_kit_close(&w);
}

TEST(submit_a_template)
{
	W(SubmitTaskRequest) r;
	struct request_parts parts;
	struct kit_run *run;
	W(Execution) * e;

	worker_kit_open(&w, NULL);
	r = of_template("t", ""); /* who claims its type */
	e = get(submit(&r)->id);
	CHECK_STR(e->plugin, "echo");
	CHECK_STR(e->task, "flow.shout");
	CHECK_INT(e->priority, 5);
	run = kit_next_run(&w.k);
	CHECK_OK(request_parts((struct str){run->spec.data, run->spec.len}, &parts, &w.k.err),
		 w.k.err);
	CHECK_INT(parts.executor.len, 0);
	r = of_template("other", "echo"); /* an alias; the type does not matter */
	e = get(submit(&r)->id);
	CHECK_STR(e->task_type, "other");
	CHECK_INT(e->priority, 3);
	run = kit_next_run(&w.k);
	CHECK_OK(request_parts((struct str){run->spec.data, run->spec.len}, &parts, &w.k.err),
		 w.k.err);
	CHECK(str_is(parts.executor, "echo.Echo"));
	worker_kit_close(&w);
}

TEST(submit_what_is_wrong)
{
	W(SubmitTaskRequest) none = TASKHOST__WORKER__V1__SUBMIT_TASK_REQUEST__INIT;
	Google__Protobuf__Int32Value ten = GOOGLE__PROTOBUF__INT32_VALUE__INIT;
	Google__Protobuf__Duration zero = GOOGLE__PROTOBUF__DURATION__INIT;
	W(SubmitTaskRequest) r;
	struct reply *raw;

	worker_kit_open(&w, NULL);
	CHECK_STR(refused(none, GRPC_INVALID_ARGUMENT),
		  "the request names neither a task nor a template");
	CHECK_STR(refused(of_task("arith.sub", NULL), GRPC_NOT_FOUND), "no plugin has 'arith.sub'");
	CHECK_STR(refused(of_task("echo.Echo", NULL), GRPC_INVALID_ARGUMENT),
		  "echo.Echo is an executor; it needs a template");
	CHECK_STR(refused(of_template("t", "arith.add"), GRPC_INVALID_ARGUMENT),
		  "arith.add is a task, not an executor; it has a template of its own");
	CHECK_STR(refused(of_template("", ""), GRPC_INVALID_ARGUMENT),
		  "the task template has no type");
	CHECK(strstr(refused(of_template("nobody", ""), GRPC_NOT_FOUND),
		     "no plugin takes tasks of type nobody, version 0"));
	w.k.find_fails = ERR_DENIED;
	refused(of_template("nobody", ""), GRPC_FAILED_PRECONDITION);
	w.disabled = true;
	CHECK_STR(refused(of_task("arith.add", NULL), GRPC_FAILED_PRECONDITION),
		  "the plugin arith is disabled");
	w.disabled = false;
	r = of_task("arith.add", worker_kit_inputs(&w, "a", 1));
	r.executor = arena_strdup(&w.k.arena, "echo.Echo");
	CHECK(strstr(refused(r, GRPC_INVALID_ARGUMENT), "an executor goes with a template"));
	r = of_task("arith.add", worker_kit_inputs(&w, "a", 1));
	ten.value = 10;
	r.priority = &ten;
	CHECK(strstr(refused(r, GRPC_INVALID_ARGUMENT), "priority"));
	r.priority = NULL;
	r.timeout = &zero;
	CHECK(strstr(refused(r, GRPC_INVALID_ARGUMENT), "timeout is not more than nothing"));
	r.timeout = NULL;
	r.key = arena_printf(&w.k.arena, "%0513d", 0);
	CHECK(strstr(refused(r, GRPC_INVALID_ARGUMENT), "512 bytes"));
	raw = kit_call(&w.k, WORKER "SubmitTask", STR("\xff\xff"));
	CHECK_INT(raw->grpc_status, GRPC_INVALID_ARGUMENT);
	CHECK_INT(dispatch_stats(w.k.dispatch).created, 0);
	worker_kit_close(&w);
}

TEST(submit_checks_inputs)
{
	LiteralMap *text;

	worker_kit_open(&w, NULL);
	CHECK_STR(refused(of_task("arith.add", NULL), GRPC_INVALID_ARGUMENT), "missing input 'a'");
	CHECK_STR(
		refused(of_task("arith.add", worker_kit_inputs(&w, "b", 1)), GRPC_INVALID_ARGUMENT),
		"missing input 'a'");
	CHECK_STR(refused(of_task("arith.add", worker_kit_inputs(&w, "zzz", 1)),
			  GRPC_INVALID_ARGUMENT),
		  "the task has no input 'zzz'; it has a, b");
	text = worker_kit_inputs(&w, "a", 1);
	text->literals[0]->value = literal_new_string(&w.k.arena, STR("one"));
	CHECK_STR(refused(of_task("arith.add", text), GRPC_INVALID_ARGUMENT),
		  "input 'a': expected integer, got string \"one\"");
	CHECK_INT(dispatch_stats(w.k.dispatch).created, 0);
	worker_kit_close(&w);
}

TEST(submit_under_a_key)
{
	W(SubmitTaskRequest) r;
	W(SubmitTaskResponse) * first, *again;

	worker_kit_open(&w, NULL);
	r = of_task("arith.add", worker_kit_inputs(&w, "a", 1));
	r.key = arena_strdup(&w.k.arena, "nightly");
	first = submit(&r);
	again = submit(&r);
	CHECK_STR(again->id, first->id);
	CHECK_INT(again->existed, 1);
	r.inputs = worker_kit_inputs(&w, "a", 2);
	CHECK(strstr(refused(r, GRPC_INVALID_ARGUMENT), "this key was used before for another"));
	r.key = arena_strdup(&w.k.arena, "other");
	CHECK(strcmp(submit(&r)->id, first->id) != 0);
	kit_succeed(&w.k, kit_next_run(&w.k), kit_outputs(&w.k, "o", 1));
	worker_kit_end(&w, first->id);
	r = of_task("arith.add", worker_kit_inputs(&w, "a", 1));
	r.key = arena_strdup(&w.k.arena, "nightly");
	again = submit(&r); /* for ever, so also after its end */
	CHECK_STR(again->id, first->id);
	CHECK_INT(again->state, EXEC_SUCCEEDED);
	worker_kit_close(&w);
}

TEST(submit_says_how)
{
	Google__Protobuf__Int32Value nine = GOOGLE__PROTOBUF__INT32_VALUE__INIT;
	Google__Protobuf__UInt32Value two = GOOGLE__PROTOBUF__UINT32_VALUE__INIT;
	Google__Protobuf__Duration soon = GOOGLE__PROTOBUF__DURATION__INIT;
	W(SubmitTaskRequest) r;
	W(Execution) * e;
	char *id;

	worker_kit_open(&w, &(struct kit_params){.slots = 1});
	nine.value = 9;
	two.value = 2;
	soon.seconds = 5;
	r = of_task("arith.add", worker_kit_inputs(&w, "a", 1));
	r.priority = &nine;
	r.retries = &two;
	r.output_prefix = arena_strdup(&w.k.arena, "s3://b/mine");
	r.timeout = &soon;
	id = submit(&r)->id;
	e = get(id);
	CHECK_INT(e->priority, 9);
	CHECK_INT(e->max_runs, 3);
	CHECK_STR(e->output_prefix, "s3://b/mine");
	kit_started(&w.k, kit_next_run(&w.k));
	r.queue_timeout = &soon; /* the only slot is taken */
	r.retries = NULL;
	id = submit(&r)->id;
	CHECK_INT(get(id)->state, EXEC_QUEUED);
	client_now_ns += 6 * SEC;
	kit_turn(&w.k);
	e = worker_kit_end(&w, id);
	CHECK(e->failure);
	CHECK(e->run == 0);
	CHECK_INT(w.k.runs[0].stops, 1); /* and the first one has had its time */
	worker_kit_close(&w);
}

TEST(submit_when_it_cannot_be)
{
	W(SubmitTaskRequest) r;

	worker_kit_open(&w, &(struct kit_params){.queue_most = 1});
	worker_kit_submit(&w, 0);
	r = of_task("arith.add", worker_kit_inputs(&w, "a", 1));
	CHECK(strstr(refused(r, GRPC_RESOURCE_EXHAUSTED), "the queue is full"));
	dispatch_drain_hurry(w.k.dispatch);
	dispatch_drain_hurry(w.k.dispatch);
	CHECK_STR(refused(r, GRPC_UNAVAILABLE), "the worker is stopping");
	worker_kit_close(&w);
}

/* ---- get ---------------------------------------------------------------------------------- */

static W(GetExecutionRequest) request_for(const char *id)
{
	W(GetExecutionRequest) r = TASKHOST__WORKER__V1__GET_EXECUTION_REQUEST__INIT;

	r.id = arena_strdup(&w.k.arena, id);
	return r;
}

TEST(get_what_is_not_there)
{
	W(GetExecutionRequest) r;

	worker_kit_open(&w, NULL);
	r = request_for("0000000000001");
	CHECK(strstr(worker_kit_refused(&w, "GetExecution", &r.base, GRPC_NOT_FOUND),
		     "there is no execution 0000000000001"));
	r = request_for("short");
	CHECK_STR(worker_kit_refused(&w, "GetExecution", &r.base, GRPC_INVALID_ARGUMENT),
		  "\"short\" is not the id of an execution: that is 13 letters and digits");
	worker_kit_close(&w);
}

TEST(get_while_it_runs)
{
	W(GetExecutionResponse) * d;
	W(GetExecutionRequest) r;
	struct kit_run *run;
	char *id, *next;

	worker_kit_open(&w, &(struct kit_params){.slots = 1});
	id = worker_kit_submit(&w, 0);
	next = worker_kit_submit(&w, 0);
	run = kit_next_run(&w.k);
	kit_started(&w.k, run);
	dispatch_run_progress(w.k.dispatch, run->id, run->run, 0.25, STR("a quarter"));
	d = worker_kit_get(&w, id);
	CHECK_INT(d->execution->state, EXEC_RUNNING);
	CHECK(d->execution->progress->fraction == 0.25);
	CHECK_STR(d->execution->progress->message, "a quarter");
	CHECK_STR(d->execution->cause, "");
	CHECK_STR(d->message, "it has no outputs yet");
	CHECK(d->n_steps > 0 && !d->outputs && !d->execution->usage && d->inputs);
	r = request_for(id);
	d = WORKER_KIT_CALL(&w, "GetExecution", &r, get_execution_response);
	CHECK(!d->inputs && !d->outputs); /* not asked for */
	CHECK_STR(d->message, "");
	d = worker_kit_get(&w, next);
	CHECK_INT(d->execution->state, EXEC_QUEUED);
	CHECK_INT(d->execution->queue_position, 1);
	CHECK(strstr(d->execution->cause, "1 of 1 slots in use"));
	worker_kit_close(&w);
}

TEST(get_a_failure)
{
	W(Execution) * e;
	char *id;

	worker_kit_open(&w, NULL);
	id = worker_kit_submit(&w, 1);
	worker_kit_fail(&w, "USER:Luck");
	e = get(id);
	CHECK_INT(e->state, EXEC_RETRY_WAIT);
	CHECK_STR(e->failure->code, "USER:Luck");
	CHECK_STR(e->failure->message, "no luck");
	CHECK(e->due_at);
	client_now_ns += 10 * SEC;
	worker_kit_fail(&w, "USER:Luck");
	e = worker_kit_end(&w, id);
	CHECK_INT(e->state, EXEC_DEAD);
	CHECK_STR(e->failure->code, "USER:Luck");
	CHECK_INT(e->failures, 2);
	CHECK_INT(e->usage->max_rss_bytes, 4096);
	CHECK_STR(worker_kit_get(&w, id)->message, "it has no outputs, since it did not succeed");
	worker_kit_close(&w);
}

/* ---- cancel ------------------------------------------------------------------------------- */

static W(CancelExecutionRequest) stop(char *id, bool force)
{
	W(CancelExecutionRequest) r = TASKHOST__WORKER__V1__CANCEL_EXECUTION_REQUEST__INIT;

	r.id = id;
	r.reason = arena_strdup(&w.k.arena, "wrong inputs");
	r.force = force;
	return r;
}

TEST(cancel_a_run)
{
	W(CancelExecutionRequest) r;
	W(CancelExecutionResponse) * m;
	struct kit_run *run;
	char *id;

	worker_kit_open(&w, NULL);
	id = worker_kit_submit(&w, 0);
	run = kit_next_run(&w.k);
	kit_started(&w.k, run);
	r = stop(id, false);
	m = WORKER_KIT_CALL(&w, "CancelExecution", &r, cancel_execution_response);
	CHECK_INT(m->execution->state, EXEC_CANCELLING);
	CHECK_INT(m->too_late, 0);
	CHECK_INT(m->execution->cancelled_by,
		  TASKHOST__WORKER__V1__EXECUTION__CANCELLED_BY__OPERATOR);
	CHECK_STR(m->execution->cancel_reason, "wrong inputs");
	CHECK_INT(run->stops, 1); /* asked, not killed */
	r = stop(id, true);
	WORKER_KIT_CALL(&w, "CancelExecution", &r, cancel_execution_response);
	CHECK_INT(run->stops, 2); /* killed without waiting for the rungs */
	kit_end(&w.k, run, &(struct run_result){.outcome = RUN_STOPPED});
	CHECK_INT(worker_kit_end(&w, id)->state, EXEC_ABORTED);
	m = WORKER_KIT_CALL(&w, "CancelExecution", &r, cancel_execution_response);
	CHECK_INT(m->too_late, 1);
	CHECK_INT(m->execution->state, EXEC_ABORTED);
	r = stop(arena_strdup(&w.k.arena, "0000000000001"), false);
	worker_kit_refused(&w, "CancelExecution", &r.base, GRPC_NOT_FOUND);
	worker_kit_close(&w);
}

/* The id of one that is DEAD. */
static char *dead(void)
{
	char *id = worker_kit_submit(&w, 1);

	worker_kit_fail(&w, "USER:Luck");
	client_now_ns += 10 * SEC;
	worker_kit_fail(&w, "USER:Luck");
	CHECK_INT(worker_kit_end(&w, id)->state, EXEC_DEAD);
	return id;
}

/* ---- retry ---------------------------------------------------------------------------------- */

TEST(retry_the_dead)
{
	W(RetryExecutionRequest) r = TASKHOST__WORKER__V1__RETRY_EXECUTION_REQUEST__INIT;
	W(RetryExecutionResponse) * first, *again;
	char *id;

	worker_kit_open(&w, NULL);
	r.id = worker_kit_submit(&w, 0);
	kit_succeed(&w.k, kit_next_run(&w.k), kit_outputs(&w.k, "o", 1));
	worker_kit_end(&w, r.id);
	CHECK_STR(worker_kit_refused(&w, "RetryExecution", &r.base, GRPC_FAILED_PRECONDITION),
		  "the execution is SUCCEEDED; only a DEAD one can be repeated");
	id = r.id = dead();
	first = WORKER_KIT_CALL(&w, "RetryExecution", &r, retry_execution_response);
	CHECK(strcmp(first->id, id) != 0);
	CHECK_INT(first->existed, 0);
	CHECK(first->resource_meta.len > 0);
	again = WORKER_KIT_CALL(&w, "RetryExecution", &r, retry_execution_response);
	CHECK_STR(again->id, first->id);
	CHECK_INT(again->existed, 1);
	CHECK_STR(get(id)->retried_as, first->id);
	CHECK_STR(get(first->id)->retry_of, id);
	kit_succeed(&w.k, kit_next_run(&w.k), kit_outputs(&w.k, "o", 1));
	CHECK_INT(worker_kit_end(&w, first->id)->state, EXEC_SUCCEEDED);
	again = WORKER_KIT_CALL(&w, "RetryExecution", &r, retry_execution_response);
	CHECK_STR(again->id, first->id);
	r.id = arena_strdup(&w.k.arena, "0000000000001");
	worker_kit_refused(&w, "RetryExecution", &r.base, GRPC_NOT_FOUND);
	worker_kit_close(&w);
}

/* ---- the client goes -------------------------------------------------------------------------- */

static void hang_up(const char *method, const ProtobufCMessage *request)
{
	int32_t call = worker_kit_begin(&w, method, request);

	client_turn(&w.k.client); /* it is with dispatch or the store now */
	client_reset(&w.k.client, call);
	for (int i = 0; i < 5; i++)
		kit_turn(&w.k);
}

TEST(client_gone)
{
	W(SubmitTaskRequest) s;
	W(GetExecutionRequest) g;
	W(CancelExecutionRequest) c;
	W(RetryExecutionRequest) r = TASKHOST__WORKER__V1__RETRY_EXECUTION_REQUEST__INIT;
	char *id;

	worker_kit_open(&w, NULL);
	id = dead();
	s = of_task("arith.add", worker_kit_inputs(&w, "a", 1));
	hang_up("SubmitTask", &s.base);
	for (int64_t until = clock_monotonic_ns() + 20 * SEC;
	     dispatch_stats(w.k.dispatch).created < 2 && clock_monotonic_ns() < until;)
		kit_turn(&w.k);
	CHECK_INT(dispatch_stats(w.k.dispatch).created, 2); /* accepted all the same */
	g = request_for(id);
	hang_up("GetExecution", &g.base);
	g = request_for("0000000000001");
	hang_up("GetExecution", &g.base);
	c = stop(arena_strdup(&w.k.arena, "0000000000001"), true);
	hang_up("CancelExecution", &c.base);
	r.id = id;
	hang_up("RetryExecution", &r.base);
	CHECK_INT(dispatch_check(w.k.dispatch), 0);
	/* Some are still under way when all is closed. */
	worker_kit_begin(&w, "GetExecution", &g.base);
	worker_kit_begin(&w, "SubmitTask", &s.base);
	client_turn(&w.k.client);
	worker_kit_close(&w);
}
