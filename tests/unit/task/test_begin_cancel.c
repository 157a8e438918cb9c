/* Executions that are begun and not waited for: cancelling. */
#include "begun.h"

#include "task/exec.h"

#include <unistd.h>

static struct begun one;

static void cancel_completes(void *instance, th_exec *exec, uint32_t reason)
{
	CHECK(instance == &begun_fixture);
	atomic_fetch_add(&begun_seen.told, 1);
	atomic_store(&begun_seen.reason, reason);
	task_exec_ops.exec_complete(exec, TH_E_CANCELLED);
}

TEST(cancel_while_pending)
{
	begun_set_up(begun_execute_pending);
	begun_fixture.executor.cancel = cancel_completes;
	begun_begin(&one);
	__atomic_store_n(&begun_word, TH_CANCEL_ASKED, __ATOMIC_RELEASE);
	task_cancel(one.run, TH_CANCEL_ASKED);
	task_cancel(one.run, TH_CANCEL_ASKED);
	begun_resume();
	CHECK_INT(begun_seen.told, 1);
	CHECK_INT(begun_seen.reason, TH_CANCEL_ASKED);
	CHECK_INT(one.result.outcome, TASK_ERROR);
	task_cancel(one.run, TH_CANCEL_ASKED); /* over */
	CHECK_INT(begun_seen.told, 1);
	CHECK_INT(begun_fixture.host.misbehaved, 0);
	begun_end(&one);
	fixture_done(&begun_fixture);
}

TEST(cancel_reaches_the_run_that_is_meant_and_no_other)
{
	static struct begun other;

	begun_set_up(begun_execute_pending);
	begun_fixture.executor.cancel = cancel_completes;
	begun_fixture.ctx.cancel_word = NULL;
	begun_begin(&one);
	begun_begin(&other);
	task_cancel(other.run, TH_CANCEL_SHUTDOWN);
	begun_resume();
	CHECK_INT(other.n_done, 1);
	CHECK_INT(one.n_done, 0);
	CHECK_INT(begun_seen.told, 1);
	begun_complete(one.exec, 3);
	begun_resume();
	CHECK_INT(begun_output(&one), 3);
	begun_end(&one);
	begun_end(&other);
	fixture_done(&begun_fixture);
}

TEST(a_run_cancelled_before_it_begins_does_not_begin)
{
	begun_set_up(begun_execute_ok);
	begun_word = TH_CANCEL_ASKED;
	begun_begin(&one);
	CHECK_INT(begun_seen.executed, 0);
	CHECK_INT(begun_seen.closed, 1);
	CHECK_INT(one.result.outcome, TASK_ERROR);
	begun_end(&one);
	fixture_done(&begun_fixture);
}

/* The cancel begun_word is set, and the canceller comes by, before there is anything to cancel. */
static th_status cancel_in_open(void *data, const th_model *model, void **ret, th_errout *error)
{
	task_cancel(begun_being->run, TH_CANCEL_ASKED);
	return begun_note_open(data, model, ret, error);
}

static th_status
execute_then_word(void *instance, th_exec *exec, const th_model *model, th_errout *error)
{
	begun_execute_pending(instance, exec, model, error);
	__atomic_store_n(&begun_word, TH_CANCEL_DEADLINE, __ATOMIC_RELEASE);
	return TH_PENDING;
}

TEST(cancel_that_came_early_is_not_lost)
{
	begun_set_up(begun_execute_ok);
	begun_fixture.ctx.cancel_word = NULL;
	begun_fixture.executor.open = cancel_in_open;
	begun_begin(&one);
	CHECK_INT(begun_seen.executed, 0);
	begun_end(&one);
	fixture_done(&begun_fixture);

	begun_set_up(execute_then_word);
	begun_fixture.executor.cancel = cancel_completes;
	begun_begin(&one);
	begun_resume();
	CHECK_INT(begun_seen.told, 1);
	CHECK_INT(begun_seen.reason, TH_CANCEL_DEADLINE);
	begun_end(&one);
	fixture_done(&begun_fixture);
}

static pthread_barrier_t meeting;

static th_status
execute_until_told(void *instance, th_exec *exec, const th_model *model, th_errout *error)
{
	(void)instance;
	(void)exec;
	(void)model;
	(void)error;
	pthread_barrier_wait(&meeting);
	for (int i = 0; i < 2000 && !atomic_load(&begun_seen.told); i++)
		usleep(5000);
	return TH_E_CANCELLED;
}

static void tell(void *instance, th_exec *exec, uint32_t reason)
{
	(void)instance;
	(void)exec;
	(void)reason;
	atomic_fetch_add(&begun_seen.told, 1);
}

static void *cancel_other(void *arg)
{
	pthread_barrier_wait(&meeting);
	task_cancel(arg, TH_CANCEL_ASKED);
	return NULL;
}

TEST(cancel_while_it_is_executed)
{
	pthread_t thread;

	begun_set_up(execute_until_told);
	begun_fixture.executor.cancel = tell;
	pthread_barrier_init(&meeting, NULL, 2);
	one.run = task_run_new();
	CHECK_INT(pthread_create(&thread, NULL, cancel_other, one.run), 0);
	begun_begin(&one);
	pthread_join(thread, NULL);
	CHECK_INT(begun_seen.told, 1);
	CHECK_INT(one.n_done, 1);
	begun_end(&one);
	pthread_barrier_destroy(&meeting);
	fixture_done(&begun_fixture);
}
