/* ListExecutions. */
#include "test_svc_worker_kit.h"

static struct worker_kit w;

static W(ListExecutionsRequest) request(void)
{
	return (W(ListExecutionsRequest))TASKHOST__WORKER__V1__LIST_EXECUTIONS_REQUEST__INIT;
}

static W(ListExecutionsResponse) * list(const W(ListExecutionsRequest) * r)
{
	return WORKER_KIT_CALL(&w, "ListExecutions", r, list_executions_response);
}

static const char *refused(const W(ListExecutionsRequest) * r)
{
	return worker_kit_refused(&w, "ListExecutions", &r->base, GRPC_INVALID_ARGUMENT);
}

/* Those in a state, as "first second": the numbers under which they were submitted. */
static char *ids[8];

static const char *in_states(const int *states, size_t n)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	W(ListExecutionsRequest) r = request();
	W(ListExecutionsResponse) * m;
	W(Execution__State) wanted[8];

	for (size_t i = 0; i < n; i++)
		wanted[i] = (W(Execution__State))states[i];
	r.states = wanted;
	r.n_states = n;
	m = list(&r);
	CHECK_STR(m->next_page_token, "");
	for (size_t i = 0; i < m->n_executions; i++)
		for (size_t j = 0; j < ARRAY_LEN(ids); j++)
			if (ids[j] && streq(ids[j], m->executions[i]->id))
				buf_printf(&out, "%s%zu", i ? " " : "", j);
	return kit_copy(&w.k, (struct str){out.data ? out.data : "", out.len}).ptr;
}

#define IN(...) in_states((const int[]){__VA_ARGS__}, sizeof((int[]){__VA_ARGS__}) / sizeof(int))

TEST(list_by_state)
{
	struct kit_run *run;

	worker_kit_open(&w, &(struct kit_params){.slots = 1});
	for (size_t i = 0; i < 4; i++)
		ids[i] = worker_kit_submit(&w, 1);
	kit_succeed(&w.k, kit_next_run(&w.k), kit_outputs(&w.k, "o", 1));
	worker_kit_end(&w, ids[0]);
	run = kit_next_run(&w.k); /* 1 */
	kit_started(&w.k, run);
	CHECK_STR(IN(EXEC_SUCCEEDED), "0");
	CHECK_STR(IN(EXEC_RUNNING), "1"); /* a state that no row has */
	CHECK_STR(IN(EXEC_QUEUED, EXEC_SUCCEEDED), "3 2 0");
	CHECK_STR(IN(EXEC_FAILED), "");
	CHECK_STR(in_states(NULL, 0), "3 2 1 0");
	kit_end(&w.k, run,
		&(struct run_result){.outcome = RUN_ERROR, .recoverable = true, .code = STR("X")});
	CHECK_STR(IN(EXEC_RETRY_WAIT), "1");
	worker_kit_close(&w);
}

TEST(list_tells_what_they_wait_for)
{
	W(ListExecutionsRequest) r = request();
	W(ListExecutionsResponse) * m;

	worker_kit_open(&w, &(struct kit_params){.slots = 1});
	worker_kit_submit(&w, 0);
	worker_kit_submit(&w, 0);
	m = list(&r);
	CHECK_INT(m->n_executions, 2);
	CHECK(strstr(m->executions[0]->cause, "slots in use"));
	CHECK_INT(m->executions[0]->queue_position, 1);
	worker_kit_close(&w);
}

TEST(list_by_page)
{
	W(ListExecutionsRequest) r = request();
	W(ListExecutionsResponse) * m;
	size_t n = 0;

	worker_kit_open(&w, NULL);
	for (size_t i = 0; i < 7; i++)
		ids[i] = worker_kit_submit(&w, 0);
	r.page_size = 3;
	for (size_t page = 0; page < 3; page++) {
		m = list(&r);
		for (size_t i = 0; i < m->n_executions; i++, n++)
			CHECK_STR(m->executions[i]->id, ids[6 - n]);
		CHECK_INT(m->n_executions, page < 2 ? 3 : 1);
		CHECK((*m->next_page_token == '\0') == (page == 2));
		if (page < 2)
			r.page_token = m->next_page_token;
	}
	CHECK_INT(n, 7);
	r.plugin = arena_strdup(&w.k.arena, "arith"); /* a token of other filters */
	CHECK(strstr(refused(&r), "the filters are not those"));
	r.page_token = arena_strdup(&w.k.arena, "nonsense");
	CHECK(strstr(refused(&r), "the page token is not one that this worker gave out"));
	worker_kit_close(&w);
}

TEST(list_by_name)
{
	W(ListExecutionsRequest) r = request();
	W(ListExecutionsResponse) * m;
	char prefix[5];

	worker_kit_open(&w, NULL);
	ids[0] = worker_kit_submit(&w, 0);
	kit_create(&w.k, "t"); /* Flyte's */
	r.plugin = arena_strdup(&w.k.arena, "echo");
	m = list(&r);
	CHECK_INT(m->n_executions, 1);
	CHECK_STR(m->executions[0]->task_type, "t");
	CHECK_INT(m->executions[0]->owned_by_flyte, 1);
	r = request();
	r.task_type = arena_strdup(&w.k.arena, "c-task");
	m = list(&r);
	CHECK_INT(m->n_executions, 1);
	CHECK_STR(m->executions[0]->id, ids[0]);
	r.plugin = arena_strdup(&w.k.arena, "nobody");
	CHECK_INT(list(&r)->n_executions, 0);
	r = request();
	snprintf(prefix, sizeof(prefix), "%s", ids[0]);
	r.id_prefix = prefix;
	m = list(&r);
	CHECK(m->n_executions >= 1);
	for (size_t i = 0; i < m->n_executions; i++)
		CHECK(str_starts(str_of(m->executions[i]->id), prefix));
	worker_kit_close(&w);
}

TEST(list_what_is_wrong)
{
	W(Execution__State) state = (W(Execution__State))9;
	W(ListExecutionsRequest) r = request();
	int32_t call;

	worker_kit_open(&w, NULL);
	r.id_prefix = arena_strdup(&w.k.arena, "u!");
	CHECK_STR(refused(&r), "no id of an execution begins with \"u!\"");
	r = request();
	r.page_size = 1001;
	CHECK_STR(refused(&r), "a page has at most 1000 executions");
	r = request();
	r.states = &state;
	r.n_states = 1;
	CHECK_STR(refused(&r), "9 is not a state of an execution");
	r = request();
	call = worker_kit_begin(&w, "ListExecutions", &r.base);
	client_turn(&w.k.client);
	client_reset(&w.k.client, call);
	kit_turn(&w.k);
	worker_kit_begin(&w, "ListExecutions", &r.base);
	client_turn(&w.k.client);
	worker_kit_close(&w);
}
