/* Plugins, status and numbers. */
#include "test_svc_worker_kit.h"

static struct worker_kit w;

/* ---- plugins ------------------------------------------------------------------------------- */

TEST(list_of_plugins)
{
	W(ListPluginsRequest) r = TASKHOST__WORKER__V1__LIST_PLUGINS_REQUEST__INIT;
	W(ListPluginsResponse) * m;

	worker_kit_open(&w, NULL);
	m = WORKER_KIT_CALL(&w, "ListPlugins", &r, list_plugins_response);
	CHECK_INT(m->n_plugins, 1);
	CHECK_STR(m->plugins[0]->id, "arith");
	r.all = true;
	m = WORKER_KIT_CALL(&w, "ListPlugins", &r, list_plugins_response);
	CHECK_INT(m->n_plugins, 2);
	worker_kit_close(&w);
}

TEST(describe)
{
	W(DescribeTaskRequest) r = TASKHOST__WORKER__V1__DESCRIBE_TASK_REQUEST__INIT;
	W(DescribeTaskResponse) * m;

	worker_kit_open(&w, NULL);
	r.name = arena_strdup(&w.k.arena, "arith.add");
	m = WORKER_KIT_CALL(&w, "DescribeTask", &r, describe_task_response);
	CHECK_INT(m->kind, TASKHOST__WORKER__V1__DESCRIBE_TASK_RESPONSE__KIND__TASK);
	CHECK_STR(m->plugin, "arith");
	CHECK_STR(m->digest, "d1");
	CHECK_STR(m->about, "Adds.");
	CHECK_STR(m->template_->type, "c-task");
	CHECK_INT(m->template_->interface->inputs->n_variables, 2);
	CHECK_INT(m->n_optional_inputs, 1);
	CHECK_STR(m->optional_inputs[0], "b");
	r.name = arena_strdup(&w.k.arena, "echo");
	m = WORKER_KIT_CALL(&w, "DescribeTask", &r, describe_task_response);
	CHECK_INT(m->kind, TASKHOST__WORKER__V1__DESCRIBE_TASK_RESPONSE__KIND__EXECUTOR);
	CHECK_STR(m->name, "echo.Echo");
	CHECK(!m->template_);
	r.name = arena_strdup(&w.k.arena, "nobody");
	CHECK_STR(worker_kit_refused(&w, "DescribeTask", &r.base, GRPC_NOT_FOUND),
		  "no plugin has 'nobody'");
	worker_kit_close(&w);
}

TEST(reload)
{
	W(ReloadPluginsRequest) r = TASKHOST__WORKER__V1__RELOAD_PLUGINS_REQUEST__INIT;
	W(ReloadPluginsResponse) * m;
	struct reply *reply;
	int32_t call;

	worker_kit_open(&w, NULL);
	call = worker_kit_begin(&w, "ReloadPlugins", &r.base);
	kit_turn(&w.k);
	CHECK_INT(reply_of(&w.k.client, call)->closed, 0); /* until all is probed */
	worker_kit_refused(&w, "ReloadPlugins", &r.base, GRPC_RESOURCE_EXHAUSTED);
	worker_kit_reloaded(&w);
	reply = kit_wait(&w.k, call);
	CHECK_INT(reply->grpc_status, GRPC_OK);
	m = kit_message(&w.k, reply, 0,
			MESSAGE_DESC(taskhost__worker__v1__reload_plugins_response));
	CHECK_STR(m->changes[0]->id, "arith");
	CHECK_INT(m->unchanged, 3);
	call = worker_kit_begin(&w, "ReloadPlugins", &r.base);
	kit_turn(&w.k);
	client_reset(&w.k.client, call);
	kit_turn(&w.k);
	CHECK_INT(w.reloads_forgotten, 1);
	worker_kit_begin(&w, "ReloadPlugins", &r.base);
	kit_turn(&w.k);
	worker_kit_close(&w);
	CHECK_INT(w.reloads_forgotten, 2);
}

TEST(switches)
{
	W(SetPluginEnabledRequest) r = TASKHOST__WORKER__V1__SET_PLUGIN_ENABLED_REQUEST__INIT;
	W(UnquarantineRequest) u = TASKHOST__WORKER__V1__UNQUARANTINE_REQUEST__INIT;
	W(SetPluginEnabledResponse) * m;
	W(UnquarantineResponse) * q;

	worker_kit_open(&w, NULL);
	u.id = r.id = arena_strdup(&w.k.arena, "arith");
	r.reason = arena_strdup(&w.k.arena, "it leaks");
	m = WORKER_KIT_CALL(&w, "SetPluginEnabled", &r, set_plugin_enabled_response);
	CHECK_INT(m->changed, 1);
	CHECK_INT(m->plugin->state, TASKHOST__WORKER__V1__PLUGIN__STATE__DISABLED);
	CHECK_STR(m->plugin->reason, "it leaks");
	m = WORKER_KIT_CALL(&w, "SetPluginEnabled", &r, set_plugin_enabled_response);
	CHECK_INT(m->changed, 0);
	r.enabled = true;
	m = WORKER_KIT_CALL(&w, "SetPluginEnabled", &r, set_plugin_enabled_response);
	CHECK_INT(m->plugin->state, TASKHOST__WORKER__V1__PLUGIN__STATE__ACTIVE);
	w.quarantined = true;
	q = WORKER_KIT_CALL(&w, "Unquarantine", &u, unquarantine_response);
	CHECK_INT(q->changed, 1);
	CHECK_INT(q->plugin->state, TASKHOST__WORKER__V1__PLUGIN__STATE__ACTIVE);
	q = WORKER_KIT_CALL(&w, "Unquarantine", &u, unquarantine_response);
	CHECK_INT(q->changed, 0);
	w.switch_fails = ERR_IO;
	CHECK_STR(worker_kit_refused(&w, "SetPluginEnabled", &r.base, GRPC_UNAVAILABLE),
		  "it cannot be remembered");
	w.switch_fails = 0;
	u.id = r.id = arena_strdup(&w.k.arena, "nobody");
	CHECK_STR(worker_kit_refused(&w, "SetPluginEnabled", &r.base, GRPC_NOT_FOUND),
		  "there is no plugin nobody; see 'taskhost plugin ls'");
	worker_kit_refused(&w, "Unquarantine", &u.base, GRPC_NOT_FOUND);
	worker_kit_close(&w);
}

/* ---- the worker ------------------------------------------------------------------------------ */

static uint64_t count_in(const W(GetStatusResponse) * m, int state)
{
	for (size_t i = 0; i < m->n_executions; i++)
		if ((int)m->executions[i]->state == state)
			return m->executions[i]->count;
	return 0;
}

TEST(status)
{
	W(GetStatusRequest) r = TASKHOST__WORKER__V1__GET_STATUS_REQUEST__INIT;
	W(GetStatusResponse) * m;
	int32_t call;
	char *id;

	worker_kit_open(&w, &(struct kit_params){.slots = 1});
	id = worker_kit_submit(&w, 0);
	kit_succeed(&w.k, kit_next_run(&w.k), kit_outputs(&w.k, "o", 1));
	worker_kit_end(&w, id);
	worker_kit_submit(&w, 0);
	worker_kit_submit(&w, 0);
	worker_kit_submit(&w, 0);
	kit_started(&w.k, kit_next_run(&w.k));
	client_now_ns += 2 * SEC;
	m = WORKER_KIT_CALL(&w, "GetStatus", &r, get_status_response);
	CHECK_INT(m->state, TASKHOST__WORKER__V1__GET_STATUS_RESPONSE__STATE__READY);
	CHECK_STR(m->version, "1.2.3");
	CHECK_INT(m->slots, 1);
	CHECK_INT(m->slots_busy, 1);
	CHECK_INT(m->n_executions, 3); /* states in which there are some */
	CHECK_INT(count_in(m, EXEC_QUEUED), 2);
	CHECK_INT(count_in(m, EXEC_RUNNING), 1);
	CHECK_INT(count_in(m, EXEC_SUCCEEDED), 1);
	CHECK_INT(m->oldest_queued->seconds, 2);
	CHECK_STR(m->store_condition, "well");
	CHECK_INT(m->connections, 1);
	CHECK(!m->drain);
	dispatch_drain(w.k.dispatch);
	m = WORKER_KIT_CALL(&w, "GetStatus", &r, get_status_response);
	CHECK_INT(m->drain->stage, TASKHOST__WORKER__V1__DRAIN_RESPONSE__STAGE__LAME_DUCK);
	CHECK_INT(m->drain->queued, 2);
	call = worker_kit_begin(&w, "GetStatus", &r.base);
	client_turn(&w.k.client);
	client_reset(&w.k.client, call);
	kit_turn(&w.k);
	worker_kit_begin(&w, "GetStatus", &r.base);
	client_turn(&w.k.client);
	worker_kit_close(&w);
}

TEST(numbers)
{
	W(GetStatsRequest) r = TASKHOST__WORKER__V1__GET_STATS_REQUEST__INIT;
	static const double bounds[] = {1, 2, 4};
	struct metric_desc desc = {.name = "x_seconds",
				   .help = "How long.",
				   .kind = METRIC_HISTOGRAM,
				   .labels = {"type"},
				   .buckets = bounds,
				   .n_buckets = 3};
	W(GetStatsResponse) * m;
	struct metric_family *f;
	struct metric *series;

	worker_kit_open(&w, NULL);
	CHECK_OK(metrics_register(w.k.metrics, &desc, &f, &w.k.err), w.k.err);
	series = metric_with(f, &STR("a \"b\"\\n"));
	for (int i = 0; i < 100; i++)
		metric_observe(series, i < 50 ? 0.5 : 1.5);
	r.prefix = arena_strdup(&w.k.arena, "x_");
	m = WORKER_KIT_CALL(&w, "GetStats", &r, get_stats_response);
	CHECK_INT(m->n_samples, 1);
	CHECK(m->at);
	CHECK_STR(m->samples[0]->name, "x_seconds");
	CHECK_STR(m->samples[0]->help, "How long.");
	CHECK_STR(m->samples[0]->labels[0]->key, "type");
	CHECK_STR(m->samples[0]->labels[0]->value, "a \"b\"\\n");
	CHECK_INT(m->samples[0]->distribution->count, 100);
	CHECK(m->samples[0]->distribution->sum == 100);
	CHECK(m->samples[0]->distribution->p50 == 1);
	CHECK(m->samples[0]->distribution->p90 > 1.7 && m->samples[0]->distribution->p90 < 1.9);
	CHECK(m->samples[0]->distribution->max == 2);
	r.prefix = arena_strdup(&w.k.arena, "");
	m = WORKER_KIT_CALL(&w, "GetStats", &r, get_stats_response);
	CHECK(m->n_samples >= 1);
	r.prefix = arena_strdup(&w.k.arena, "nothing");
	m = WORKER_KIT_CALL(&w, "GetStats", &r, get_stats_response);
	CHECK_INT(m->n_samples, 0);
	worker_kit_close(&w);
}
