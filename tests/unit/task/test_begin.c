/* Executions that are begun and not waited for: how they end. */
#include "begun.h"

#include "lib/fail_alloc.h"
#include "task/exec.h"

#include <unistd.h>

static struct begun one;

TEST(done_comes_before_the_return_when_nothing_is_pending)
{
	begun_set_up(begun_execute_ok);
	begun_begin(&one);
	CHECK_INT(one.n_done, 1);
	CHECK_INT(one.n_ready, 0);
	CHECK_INT(begun_output(&one), 1);
	CHECK_INT(begun_seen.closed, 1);
	begun_end(&one);
	fixture_done(&begun_fixture);
}

static void *complete_later(void *arg)
{
	usleep(20000);
	begun_complete(arg, 42);
	return NULL;
}

TEST(a_pending_run_ends_later)
{
	pthread_t thread;

	begun_set_up(begun_execute_pending);
	begun_begin(&one);
	CHECK_INT(one.n_done, 0);
	CHECK_INT(begun_seen.closed, 0);
	CHECK_INT(pthread_create(&thread, NULL, complete_later, one.exec), 0);
	begun_resume();
	pthread_join(thread, NULL);
	CHECK_INT(one.n_ready, 1);
	CHECK_INT(begun_output(&one), 42);
	CHECK_INT(begun_seen.closed, 1);
	CHECK(pthread_equal(begun_post_thread, begun_resumer));
	CHECK_INT(begun_fixture.host.misbehaved, 0);
	begun_end(&one);
	fixture_done(&begun_fixture);
}

static th_status
execute_early(void *instance, th_exec *exec, const th_model *model, th_errout *error)
{
	begun_execute_pending(instance, exec, model, error);
	begun_complete(exec, 7);
	return TH_PENDING;
}

TEST(completed_inside_the_call)
{
	begun_set_up(execute_early);
	begun_begin(&one);
	CHECK_INT(one.n_done, 1);
	CHECK_INT(one.n_ready, 0);
	CHECK_INT(begun_output(&one), 7);
	begun_end(&one);
	fixture_done(&begun_fixture);
}

/* The thread races with the return of execute_from_model. */
static th_status
execute_racing(void *instance, th_exec *exec, const th_model *model, th_errout *error)
{
	begun_execute_pending(instance, exec, model, error);
	if (pthread_create(&begun_post_thread, NULL, complete_later, exec) != 0)
		return TH_E_SYSTEM;
	pthread_detach(begun_post_thread);
	usleep(19900);
	return TH_PENDING;
}

TEST(completed_while_the_call_returns)
{
	for (int i = 0; i < 30; i++) {
		begun_set_up(execute_racing);
		begun_fixture.executor.post_execute = NULL;
		begun_begin(&one);
		if (one.n_done == 0)
			begun_resume();
		CHECK_INT(begun_output(&one), 42);
		CHECK_INT(begun_fixture.host.misbehaved, 0);
		begun_end(&one);
		fixture_done(&begun_fixture);
	}
}

TEST(a_pending_run_fails)
{
	begun_set_up(begun_execute_pending);
	begun_begin(&one);
	begun_fixture.host.table.error_set(task_exec_ops.exec_error(one.exec), TH_E_USER, 0,
					   th_s("USER:ValueError"), th_s("later"));
	task_exec_ops.exec_complete(one.exec, TH_E_USER);
	CHECK_INT(one.n_done, 0); /* not on the thread that completes */
	begun_resume();
	CHECK_INT(one.result.outcome, TASK_ERROR);
	CHECK(str_is(one.result.failure.code, "USER:ValueError"));
	CHECK_INT(begun_seen.closed, 1);
	begun_end(&one);
	fixture_done(&begun_fixture);
}

TEST(a_second_completion_is_counted_and_ignored)
{
	begun_set_up(begun_execute_pending);
	begun_begin(&one);
	begun_complete(one.exec, 1);
	task_exec_ops.exec_complete(one.exec, TH_E_USER);
	CHECK_INT(begun_fixture.host.misbehaved, 1);
	begun_resume();
	task_exec_ops.exec_complete(one.exec, TH_E_USER); /* over: nobody to count it for */
	CHECK_INT(one.n_ready, 1);
	CHECK_INT(begun_output(&one), 1);
	begun_end(&one);
	fixture_done(&begun_fixture);
}

TEST(every_allocation_fails_once)
{
	bool failed = true;

	for (long n = 0; failed; n++) {
		begun_set_up(begun_execute_pending);
		one.run = task_run_new();
		alloc_fail_after(n);
		begun_begin(&one);
		if (one.n_done == 0) {
			begun_complete(one.exec, 5);
			begun_resume();
		}
		failed = alloc_stop_failing();
		CHECK_INT(one.n_done, 1);
		if (!failed)
			CHECK_INT(begun_output(&one), 5);
		begun_end(&one);
		fixture_done(&begun_fixture);
		CHECK(n < 10000);
	}
}
