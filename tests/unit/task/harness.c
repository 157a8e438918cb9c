#include "harness.h"

#include "base/file.h"
#include "desc_table.h"
#include "flyte/pbjson.h"

#include <unistd.h>

static _Thread_local body_fn current;

static th_status run_body(void *instance, th_exec *exec, const th_model *model, th_errout *error)
{
	(void)instance;
	return current(exec, model, error);
}

static void from_json(const struct message_desc *type, const char *json, struct buf *out)
{
	struct error err = ERROR_INIT;

	CHECK_OK(pbjson_parse(type, str_of(json), "test", out, &err), err);
}

static struct str kept(struct fixture *f, const char *relative)
{
	return str_of(arena_printf(&f->arena, "%s/%s", f->dir, relative));
}

static void init_context(struct fixture *f)
{
	struct error err = ERROR_INIT;

	CHECK_OK(dir_make_temp(test_tmpdir(), "run-", &f->dir, &err), err);
	for (size_t i = 0; i < CONTEXT_ITEMS; i++)
		f->ctx.items[i] = STR("");
	f->ctx.items[TH_CTX_OUTPUT_PREFIX] = kept(f, "out");
	f->ctx.items[TH_CTX_RAW_OUTPUT_PREFIX] = kept(f, "raw");
	f->ctx.checkpoint_path = STR("");
	f->ctx.prev_checkpoint = STR("");
	f->ctx.dist_error_strategy = STR("");
}

void fixture_template(struct fixture *f, const char *json)
{
	struct error err = ERROR_INIT;
	struct buf wire = BUF_INIT;

	memset(f, 0, sizeof(*f));
	arena_init(&f->arena, 0);
	host_init(&f->host, task_extensions, &task_exec_ops, 0);
	from_json(MESSAGE_DESC(flyteidl__core__task_template), json, &wire);
	CHECK_OK(task_template_decode((struct str){wire.data, wire.len}, "test", &f->arena,
				      &f->template, &err),
		 err);
	buf_done(&wire);
	f->executor = (th_executor){
		.struct_size = sizeof(f->executor),
		.name = "Body",
		.execute_from_model = run_body,
	};
	f->plugin = (struct plugin){
		.path = (char *)"/plugins/fake.so",
		.digest = "0123456789abcdef",
		.host = &f->host.table,
		.table = {.id = "fake", .version = "1.0.0"},
	};
	init_context(f);
	f->params = (struct task_params){
		.template = f->template,
		.plugin = &f->plugin,
		.executor = &f->executor,
		.ctx = &f->ctx,
		.timeline = &f->timeline,
	};
}

void fixture_init(struct fixture *f, const char *interface)
{
	static char json[65536];

	snprintf(json, sizeof(json),
		 "{\"id\":{\"resourceType\":\"TASK\",\"name\":\"fake.add\"},\"type\":\"c-task\""
		 "%s%s}",
		 *interface ? ",\"interface\":" : "", interface);
	fixture_template(f, json);
}

void fixture_done(struct fixture *f)
{
	if (f->ran)
		task_result_done(&f->result);
	f->ran = false;
	buf_done(&f->inputs);
	arena_done(&f->arena);
	free(f->dir);
	f->dir = NULL;
}

void fixture_inputs(struct fixture *f, const char *json)
{
	char *whole = arena_printf(&f->arena, "{\"literals\":%s}", json);

	buf_clear(&f->inputs);
	from_json(MESSAGE_DESC(flyteidl__core__literal_map), whole, &f->inputs);
}

void fixture_run(struct fixture *f, body_fn body)
{
	if (f->ran)
		task_result_done(&f->result);
	f->ran = true;
	current = body;
	task_execute(&f->params, (struct str){f->inputs.len ? f->inputs.data : "", f->inputs.len},
		     &f->result);
}

const char *fixture_outputs(struct fixture *f)
{
	struct buf json = BUF_INIT;
	struct error err = ERROR_INIT;
	const char *copy;

	if (f->result.outcome == TASK_ERROR)
		test_fail(__FILE__, __LINE__, "failed: " STR_FMT ": " STR_FMT,
			  STR_ARG(f->result.failure.code), STR_ARG(f->result.failure.text));
	CHECK_INT(f->result.outcome, TASK_OUTPUTS);
	CHECK_OK(pbjson_print(MESSAGE_DESC(flyteidl__core__literal_map),
			      (struct str){f->result.document.len ? f->result.document.data : "",
					   f->result.document.len},
			      0, &json, &err),
		 err);
	copy = arena_strndup(&f->arena, json.data, json.len);
	buf_done(&json);
	/* {"literals":{...}} */
	if (strncmp(copy, "{\"literals\":", 12) == 0)
		return arena_strndup(&f->arena, copy + 12, strlen(copy) - 13);
	return copy;
}

void check_failure(struct fixture *f,
		   const char *code,
		   const char *kind_and_origin,
		   const char *words)
{
	const struct failure *e = &f->result.failure;
	char got[64];

	CHECK_INT(f->result.outcome, TASK_ERROR);
	snprintf(got, sizeof(got), "%s %s",
		 e->kind == ERROR_RECOVERABLE ? "RECOVERABLE" : "NON_RECOVERABLE",
		 e->origin == ORIGIN_USER ? "USER" : "SYSTEM");
	if (!str_is(e->code, code) || !streq(got, kind_and_origin) || !strstr(e->text.ptr, words))
		test_fail(__FILE__, __LINE__,
			  "got " STR_FMT " %s \"" STR_FMT "\", expected %s %s \"…%s…\"",
			  STR_ARG(e->code), got, STR_ARG(e->text), code, kind_and_origin, words);
}

const char *fixture_file(struct fixture *f, const char *relative)
{
	struct buf b = BUF_INIT;
	const char *copy = "";

	if (file_read(kept(f, relative).ptr, 1 << 24, &b, NULL) == 0)
		copy = arena_strndup(&f->arena, b.len ? b.data : "", b.len);
	buf_done(&b);
	return copy;
}

bool fixture_has_file(struct fixture *f, const char *relative)
{
	return access(kept(f, relative).ptr, F_OK) == 0;
}
