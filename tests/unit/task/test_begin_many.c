/* Thousands of executions that are begun and not waited for. */
#include "begun.h"

#include "base/log.h"
#include "task/exec.h"

#define MANY    2000
#define THREADS 4

static struct begun many[MANY];

static void *complete_some(void *arg)
{
	size_t first = (size_t)(uintptr_t)arg;

	for (size_t i = first; i < MANY; i += THREADS)
		begun_complete(many[i].exec, (int64_t)i);
	return NULL;
}

TEST(two_thousand_pending_at_once)
{
	pthread_t threads[THREADS];

	begun_set_up(begun_execute_pending);
	for (size_t i = 0; i < MANY; i++)
		begun_begin(&many[i]);
	CHECK_INT(begun_seen.executed, MANY);
	for (size_t i = 0; i < THREADS; i++)
		CHECK_INT(pthread_create(&threads[i], NULL, complete_some, (void *)(uintptr_t)i),
			  0);
	for (size_t i = 0; i < MANY; i++)
		begun_resume();
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < MANY; i++) {
		CHECK_INT(begun_output(&many[i]), i);
		CHECK_INT(many[i].n_ready, 1);
		begun_end(&many[i]);
	}
	CHECK_INT(begun_seen.closed, MANY);
	CHECK_INT(begun_fixture.host.misbehaved, 0);
	fixture_done(&begun_fixture);
}

static void *cancel_some(void *arg)
{
	for (size_t i = 0; i < MANY; i++)
		task_cancel(many[i].run, TH_CANCEL_ASKED);
	return arg;
}

static void cancel_may_be_late(void *instance, th_exec *exec, uint32_t reason)
{
	(void)instance;
	(void)reason;
	atomic_fetch_add(&begun_seen.told, 1);
	task_exec_ops.exec_complete(exec, TH_E_CANCELLED);
}

/* Touches nothing but the completion: the other side may have been first. */
static void *only_complete_some(void *arg)
{
	size_t first = (size_t)(uintptr_t)arg;

	for (size_t i = first; i < MANY; i += THREADS)
		task_exec_ops.exec_complete(many[i].exec, TH_IGNORE_OUTPUTS);
	return NULL;
}

TEST(cancelled_while_they_complete)
{
	pthread_t threads[THREADS], canceller;
	size_t n_errors = 0;

	log_setup("test", LOG_OFF, LOG_TEXT); /* there would be a line for each */
	begun_set_up(begun_execute_pending);
	begun_fixture.executor.cancel = cancel_may_be_late;
	begun_fixture.ctx.cancel_word = NULL;
	for (size_t i = 0; i < MANY; i++)
		begun_begin(&many[i]);
	CHECK_INT(pthread_create(&canceller, NULL, cancel_some, NULL), 0);
	for (size_t i = 0; i < THREADS; i++)
		CHECK_INT(
			pthread_create(&threads[i], NULL, only_complete_some, (void *)(uintptr_t)i),
			0);
	for (size_t i = 0; i < MANY; i++)
		begun_resume();
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	pthread_join(canceller, NULL);
	for (size_t i = 0; i < MANY; i++) {
		n_errors += many[i].result.outcome == TASK_ERROR;
		begun_end(&many[i]);
	}
	CHECK(n_errors <= begun_seen.told);
	fixture_done(&begun_fixture);
}
