#include "cli/execution_print.h"
#include "lib/test.h"

#define SECOND      INT64_C(1000000000)
#define START       INT64_C(1704067200) /* 2024-01-01 */
#define STATE(name) TASKHOST__WORKER__V1__EXECUTION__STATE__##name

typedef Google__Protobuf__Timestamp Timestamp;

/* Tests write into string fields what is constant. */
static char *text(const char *s)
{
	union {
		const char *from;
		char *to;
	} u = {s};

	return u.to;
}

static Timestamp at(int64_t after)
{
	Timestamp t = GOOGLE__PROTOBUF__TIMESTAMP__INIT;

	t.seconds = START + after;
	return t;
}

static Execution execution(const char *id, Taskhost__Worker__V1__Execution__State state)
{
	Execution e = TASKHOST__WORKER__V1__EXECUTION__INIT;

	e.id = text(id);
	e.state = state;
	e.task = text("arith.add");
	e.max_runs = 3;
	return e;
}

TEST(table)
{
	Timestamp accepted = at(0), started = at(2), finished = at(5);
	Execution running = execution("7k2m000000000", STATE(RUNNING));
	Execution queued = execution("9qx3000000000", STATE(QUEUED));
	Execution failed = execution("aaaa000000000", STATE(DEAD));
	Taskhost__Worker__V1__Progress progress = TASKHOST__WORKER__V1__PROGRESS__INIT;
	Taskhost__Worker__V1__Failure failure = TASKHOST__WORKER__V1__FAILURE__INIT;
	Execution *list[] = {&running, &queued, &failed};
	_cleanup_(buf_done) struct buf out = BUF_INIT;

	progress.fraction = 0.4;
	progress.message = text("epoch 2");
	failure.code = text("PluginCrashed");
	failure.message = text("SIGSEGV in step\nand a trace");
	running.progress = &progress;
	running.run = 1;
	running.accepted_at = failed.accepted_at = queued.accepted_at = &accepted;
	running.started_at = failed.started_at = &started;
	failed.finished_at = &finished;
	failed.failure = &failure;
	failed.run = 3;
	queued.cause = text("waits for a slot");
	queued.task = text("");
	queued.task_type = text("container");
	execution_table(list, 3, (START + 12) * SECOND, &out);
	CHECK_STR(
		out.data,
		"ID             STATE    TASK       RUN  ACCEPTED              TOOK  WHY\n"
		"7k2m000000000  running  arith.add  1/3  2024-01-01T00:00:00Z  10s   40 % — epoch "
		"2\n"
		"9qx3000000000  queued   container  0    2024-01-01T00:00:00Z  -     waits for a "
		"slot\n"
		"aaaa000000000  dead     arith.add  3/3  2024-01-01T00:00:00Z  3s    "
		"PluginCrashed: SIGSEGV in step…\n");
}

TEST(table_of_nothing_has_its_heading)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT;

	execution_table(NULL, 0, 0, &out);
	CHECK_STR(out.data, "ID  STATE  TASK  RUN  ACCEPTED  TOOK  WHY\n");
}

TEST(line)
{
	Timestamp started = at(0);
	Execution e = execution("7k2m000000000", STATE(RUNNING));
	Taskhost__Worker__V1__Progress progress = TASKHOST__WORKER__V1__PROGRESS__INIT;
	_cleanup_(buf_done) struct buf out = BUF_INIT;

	e.run = 1;
	e.started_at = &started;
	execution_line(&e, (START + 75) * SECOND, &out);
	CHECK_STR(out.data, "running (run 1 of 3, 1m15s)");
	buf_clear(&out);
	progress.fraction = -1;
	progress.message = text("downloading");
	e.progress = &progress;
	execution_line(&e, (START - 5) * SECOND, &out);
	CHECK_STR(out.data, "running downloading (run 1 of 3, 0s)");
	buf_clear(&out);
	progress.fraction = 7; /* more than there is */
	progress.message = text("");
	e.max_runs = 0;
	execution_line(&e, START * SECOND, &out);
	CHECK_STR(out.data, "running 100 % (run 1, 0s)");
	buf_clear(&out);
	e = execution("7k2m000000000", STATE(QUEUED));
	e.cause = text("waits for a slot of arith");
	e.queue_position = 4;
	execution_line(&e, START * SECOND, &out);
	CHECK_STR(out.data, "queued: waits for a slot of arith, number 4 in the queue");
}

TEST(which_states_are_finished)
{
	CHECK(!execution_finished(STATE(QUEUED)));
	CHECK(!execution_finished(STATE(CANCELLING)));
	CHECK(execution_finished(STATE(SUCCEEDED)));
	CHECK(execution_finished(STATE(DEAD)));
}

TEST(details)
{
	Timestamp accepted = at(0), started = at(2), finished = at(5);
	Execution e = execution("7k2m000000000", STATE(RETRYABLE_FAILED));
	Taskhost__Worker__V1__Failure failure = TASKHOST__WORKER__V1__FAILURE__INIT;
	Taskhost__Worker__V1__Usage usage = TASKHOST__WORKER__V1__USAGE__INIT;
	Taskhost__Worker__V1__Step step = TASKHOST__WORKER__V1__STEP__INIT;
	Google__Protobuf__Duration cpu = GOOGLE__PROTOBUF__DURATION__INIT;
	ExecutionDetails d = TASKHOST__WORKER__V1__GET_EXECUTION_RESPONSE__INIT;
	Taskhost__Worker__V1__Step *steps[] = {&step};
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	struct error err = ERROR_INIT;

	e.accepted_at = &accepted;
	e.started_at = &started;
	e.finished_at = &finished;
	e.run = 2;
	e.crashes = 2;
	e.failures = 2;
	e.plugin = text("arith");
	e.generation = text("0123456789abcdef");
	e.owned_by_flyte = 1;
	e.node = text("p/d/exec/n0");
	e.priority = 5;
	failure.code = text("PluginCrashed");
	failure.message = text("SIGSEGV");
	failure.recoverable = 1;
	failure.origin = FLYTEIDL__CORE__EXECUTION_ERROR__ERROR_KIND__SYSTEM;
	e.failure = &failure;
	cpu.nanos = 12000000;
	usage.cpu = &cpu;
	usage.max_rss_bytes = 3 << 20;
	e.usage = &usage;
	step.state = STATE(STARTING);
	step.run = 1;
	step.at = &started;
	d.execution = &e;
	d.steps = steps;
	d.n_steps = 1;
	CHECK_OK(execution_details(&d, (START + 10) * SECOND, &out, &err), err);
	CHECK_STR(out.data, "id:         7k2m000000000\n"
			    "state:      retryable-failed\n"
			    "task:       arith.add\n"
			    "plugin:     arith, generation 0123456789ab\n"
			    "owner:      Flyte, node p/d/exec/n0\n"
			    "priority:   5\n"
			    "run:        2 of 3, 2 failed, 2 crashed\n"
			    "accepted:   2024-01-01T00:00:00Z\n"
			    "started:    2024-01-01T00:00:02Z  (after 2s)\n"
			    "finished:   2024-01-01T00:00:05Z  (took 3s)\n"
			    "used:       12ms of CPU time, 3 MiB of memory\n"
			    "error:      PluginCrashed: SIGSEGV\n"
			    "(system error, recoverable)\n"
			    "steps:      2024-01-01T00:00:02Z  starting  run 1\n");
}
