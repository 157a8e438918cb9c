#include "begun.h"

#include "task/exec.h"

struct fixture begun_fixture;
struct begun *begun_being;
uint32_t begun_word;
pthread_t begun_resumer, begun_post_thread;
struct begun_seen begun_seen;

static struct begun *ready_list;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t more = PTHREAD_COND_INITIALIZER;

static void on_ready(void *user, struct task_run *run)
{
	struct begun *b = user;

	CHECK(run == b->run);
	pthread_mutex_lock(&lock);
	b->n_ready++;
	b->next = ready_list;
	ready_list = b;
	pthread_cond_signal(&more);
	pthread_mutex_unlock(&lock);
}

static void on_done(void *user)
{
	struct begun *b = user;

	b->n_done++;
}

void begun_resume(void)
{
	struct begun *b;

	pthread_mutex_lock(&lock);
	while (!ready_list)
		pthread_cond_wait(&more, &lock);
	b = ready_list;
	ready_list = b->next;
	pthread_mutex_unlock(&lock);
	CHECK_INT(b->n_done, 0);
	task_resume(b->run);
	CHECK_INT(b->n_done, 1);
}

th_status begun_execute_ok(void *instance, th_exec *exec, const th_model *model, th_errout *error)
{
	(void)instance;
	(void)model;
	(void)error;
	atomic_fetch_add(&begun_seen.executed, 1);
	return LIT->set_i64(slot(exec, "o0"), 1);
}

th_status
begun_execute_pending(void *instance, th_exec *exec, const th_model *model, th_errout *error)
{
	(void)instance;
	(void)model;
	(void)error;
	atomic_fetch_add(&begun_seen.executed, 1);
	begun_being->exec = exec;
	return TH_PENDING;
}

th_status begun_note_open(void *data, const th_model *model, void **ret, th_errout *error)
{
	(void)data;
	(void)model;
	(void)error;
	*ret = &begun_fixture;
	return TH_OK;
}

static void note_close(void *instance)
{
	if (instance == &begun_fixture)
		atomic_fetch_add(&begun_seen.closed, 1);
}

static th_status note_post(void *instance, th_exec *exec, th_status status, th_errout *error)
{
	(void)instance;
	(void)exec;
	(void)status;
	(void)error;
	begun_post_thread = pthread_self();
	return TH_OK;
}

void begun_set_up(th_status (*execute)(void *, th_exec *, const th_model *, th_errout *))
{
	fixture_init(&begun_fixture, INTERFACE("", VAR("o0", T_INTEGER)));
	begun_fixture.executor.open = begun_note_open;
	begun_fixture.executor.close = note_close;
	begun_fixture.executor.post_execute = note_post;
	begun_fixture.executor.execute_from_model = execute;
	begun_fixture.params.timeline = NULL;
	begun_fixture.ctx.cancel_word = &begun_word;
	begun_word = 0;
	begun_seen.executed = begun_seen.told = begun_seen.closed = 0;
	begun_seen.reason = 0;
	begun_resumer = pthread_self();
	ready_list = NULL;
}

void begun_begin(struct begun *b)
{
	const struct task_async async = {.ready = on_ready, .done = on_done, .user = b};

	*b = (struct begun){.f = &begun_fixture, .run = b->run ? b->run : task_run_new()};
	CHECK(b->run);
	begun_being = b;
	task_begin(b->run, &begun_fixture.params, STR(""), &b->result, &async);
}

void begun_end(struct begun *b)
{
	CHECK_INT(b->n_done, 1);
	task_result_done(&b->result);
	task_run_free(b->run);
	b->run = NULL;
}

int64_t begun_output(const struct begun *b)
{
	_cleanup_(arena_done) struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	LiteralMap *map;

	CHECK_INT(b->result.outcome, TASK_OUTPUTS);
	CHECK_OK(literal_map_decode((struct str){b->result.document.data, b->result.document.len},
				    "outputs", &arena, &map, &err),
		 err);
	CHECK_INT(map->n_literals, 1);
	return map->literals[0]->value->scalar->primitive->integer;
}

void begun_complete(th_exec *exec, int64_t value)
{
	LIT->set_i64(slot(exec, "o0"), value);
	task_exec_ops.exec_complete(exec, TH_OK);
}
