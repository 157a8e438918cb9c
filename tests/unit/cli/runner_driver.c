#include "runner_driver.h"

#include "abi/load.h"
#include "base/file.h"
#include "cli/runner_ops.h"
#include "flyte/pbjson.h"
#include "task/task.h"

#include <fcntl.h>
#include <unistd.h>

/* ---- a pool, and what runs were told ----------------------------------------------------------- */

struct loop *loop;
struct runner_pool *pool;
char *store;

static void on_started(struct run *run)
{
	struct told *t = run->user;

	t->n_started++;
}

static void on_progress(struct run *run, double fraction, struct str text)
{
	struct told *t = run->user;

	(void)text;
	if (fraction >= 0)
		t->n_progress++;
}

static void keep_death(struct told *t, const struct death *d)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;

	death_describe(d, &text);
	snprintf(t->why, sizeof(t->why), "%s", text.data);
	buf_clear(&text);
	for (size_t i = 0; i < d->n_frames; i++)
		buf_printf(&text, "%s\n", d->frames[i].text);
	snprintf(t->trace, sizeof(t->trace), "%s", text.data ? text.data : "");
}

static void on_done(struct run *run, const struct run_end *end)
{
	struct told *t = run->user;
	struct error err = ERROR_INIT;

	t->done = true;
	t->n_done++;
	t->how = end->how;
	if (end->how == RUN_COMPLETED) {
		buf_append(&t->bytes, end->document.ptr, end->document.len);
		CHECK_OK(run_document_read((struct str){t->bytes.data, t->bytes.len}, &t->d, &err),
			 err);
	}
	if (end->death)
		keep_death(t, end->death);
	if (end->error)
		snprintf(t->why, sizeof(t->why), "%s", end->error->message);
	run_release(run);
}

const struct run_ops told_ops = {.started = on_started, .progress = on_progress, .done = on_done};

void open_pool(void)
{
	static char program[4096];
	static const struct runner_ops_params in_process = {.store_dir = NULL};
	struct error err = ERROR_INIT;
	const struct runner_pool_params params = {.program = program,
						  .ops = &plugin_runner_ops,
						  .ops_ctx = (void *)(uintptr_t)&in_process,
						  .spares = 1};
	const char *build = getenv("TASKHOST_TEST_BUILD");

	inspect_set_extensions(task_extension_ids);
	snprintf(program, sizeof(program), "%s/host/cli/taskhost-runner", build ? build : ".");
	CHECK_OK(loop_new(&loop, &err), err);
	CHECK_OK(runner_pool_new(loop, &params, &pool, &err), err);
	CHECK_OK(dir_make_temp(test_tmpdir(), "store-", &store, &err), err);
}

static void on_closed(void *user)
{
	*(bool *)user = true;
}

static void turn_until(const bool *what)
{
	int64_t end = clock_monotonic_ns() + WAIT_NS;

	while (!*what) {
		if (clock_monotonic_ns() > end)
			test_fail(__FILE__, __LINE__, "waited in vain");
		loop_run_once(loop, 50000000);
	}
}

void close_pool(void)
{
	struct error err = ERROR_INIT;
	bool closed = false;

	runner_pool_close(pool, on_closed, &closed);
	turn_until(&closed);
	CHECK_OK(loop_close(loop, &err), err);
	free(store);
}

/* ---- a plugin of the build, from its private copy ---------------------------------------------- */

struct runner_generation *
add(const char *name, const char *file, unsigned max_inflight, bool in_process)
{
	struct runner_generation *g;
	struct error err = ERROR_INIT;
	char digest[SHA256_HEX_SIZE], path[4096], *copy;
	const char *build = getenv("TASKHOST_TEST_BUILD");
	int fd, memfd;

	snprintf(path, sizeof(path), "%s/%s", build ? build : ".", file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	CHECK_OK(plugin_store_copy(fd, store, digest, &copy, &memfd, &err), err);
	CHECK_INT(memfd, -1);
	close(fd);
	CHECK_OK(runner_generation_add(pool,
				       &(struct runner_generation_params){
					       .name = name,
					       .path = copy,
					       .digest = digest,
					       .in_process = in_process,
					       .max = 1,
					       .max_inflight = max_inflight,
				       },
				       &g, &err),
		 err);
	free(copy);
	return g;
}

/* ---- runs -------------------------------------------------------------------------------------- */

void to_wire(const struct message_desc *type, const char *json, struct buf *out)
{
	struct error err = ERROR_INIT;

	CHECK_OK(pbjson_parse(type, str_of(json), "test", out, &err), err);
}

static const char ms_template[] =
	"{\"id\":{\"resourceType\":\"TASK\",\"name\":\"wait\"},\"type\":\"later\",\"interface\":{"
	"\"inputs\":{\"variables\":{\"ms\":{\"type\":{\"simple\":\"INTEGER\"}}}},"
	"\"outputs\":{\"variables\":{\"o0\":{\"type\":{\"simple\":\"INTEGER\"}}}}}}";

void begin(struct runner_generation *g,
	   struct told *t,
	   const struct run_context *c,
	   const char *inputs,
	   const char *template)
{
	struct run_request q = {.deadline_ns = 0};
	struct error err = ERROR_INIT;
	char json[1000];

	*t = (struct told){.done = false};
	snprintf(json, sizeof(json), "{\"literals\":%s}", inputs);
	to_wire(MESSAGE_DESC(flyteidl__core__literal_map), json, &t->inputs);
	if (template)
		to_wire(MESSAGE_DESC(flyteidl__core__task_template), template, &t->template);
	CHECK_OK(run_context_write(c, &t->context, &err), err);
	t->run.user = t;
	q.inputs = str_of_buf(&t->inputs);
	q.context = str_of_buf(&t->context);
	q.task_template = str_of_buf(&t->template);
	CHECK_OK(run_start(g, &q, &told_ops, &t->run, &err), err);
}

void begun(struct told *t)
{
	int64_t until = clock_monotonic_ns() + WAIT_NS;

	while (t->n_started == 0 && !t->done) {
		CHECK(clock_monotonic_ns() < until);
		loop_run_once(loop, 20000000);
	}
}

void end(struct told *t)
{
	turn_until(&t->done);
	CHECK_INT(t->n_done, 1);
}

void told_done(struct told *t)
{
	buf_done(&t->bytes);
	buf_done(&t->inputs);
	buf_done(&t->context);
	buf_done(&t->template);
}

void run_task(struct runner_generation *g, struct told *t, const char *task, const char *inputs)
{
	const struct run_context c = {
		.execution = STR("7k2m"), .run = 1, .runs = 1, .task = str_of(task)};

	begin(g, t, &c, inputs, NULL);
	end(t);
}

void begin_later(struct runner_generation *g, struct told *t, long long ms)
{
	const struct run_context c = {
		.execution = STR("7k2m"), .run = 1, .runs = 1, .executor = STR("Later")};
	char inputs[200];

	snprintf(inputs, sizeof(inputs), "{\"ms\":" INTEGER "}", ms);
	begin(g, t, &c, inputs, ms_template);
}

void check_outputs(const struct told *t, const char *json)
{
	_cleanup_(buf_done) struct buf got = BUF_INIT;
	struct error err = ERROR_INIT;

	if (t->how != RUN_COMPLETED || t->d.kind != RUN_DOCUMENT_OUTPUTS)
		test_fail(__FILE__, __LINE__, "no outputs: %s " STR_FMT ": " STR_FMT, t->why,
			  STR_ARG(t->d.code), STR_ARG(t->d.message));
	CHECK_OK(pbjson_print(MESSAGE_DESC(flyteidl__core__literal_map), t->d.outputs, 0, &got,
			      &err),
		 err);
	CHECK_STR(got.data, json);
}

void check_o0(const struct told *t, long long value)
{
	char json[200];

	snprintf(json, sizeof(json), "{\"literals\":{\"o0\":" INTEGER "}}", value);
	check_outputs(t, json);
}

void check_error(const struct told *t, const char *code, const char *words)
{
	CHECK_INT(t->how, RUN_COMPLETED);
	CHECK_INT(t->d.kind, RUN_DOCUMENT_ERROR);
	if (!str_is(t->d.code, code) ||
	    !memmem(t->d.message.ptr, t->d.message.len, words, strlen(words)))
		test_fail(__FILE__, __LINE__, "got " STR_FMT ": " STR_FMT, STR_ARG(t->d.code),
			  STR_ARG(t->d.message));
}
