/* context, secrets, checkpoint, progress, local_path: what plugins ask the host for. */
#include "harness.h"

#include "base/file.h"
#include "task/context.h"

#include <sys/stat.h>
#include <unistd.h>

static struct fixture f;

static const void *extension(const char *id)
{
	for (const struct host_extension *e = task_extensions; e->id; e++)
		if (streq(e->id, id))
			return e->table;
	return NULL;
}

#define BODY(name, ...)                                                                            \
	static th_status name(th_exec *exec, const th_model *model, th_errout *error)              \
	{                                                                                          \
		(void)exec;                                                                        \
		(void)model;                                                                       \
		(void)error;                                                                       \
		__VA_ARGS__                                                                        \
		return TH_OK;                                                                      \
	}

static void run(body_fn body)
{
	fixture_run(&f, body);
	if (f.result.outcome == TASK_ERROR)
		test_fail(__FILE__, __LINE__, STR_FMT, STR_ARG(f.result.failure.text));
}

TEST(every_extension_of_1_0_is_there)
{
	static const char *const ids[] = {TH_EXT_LITERAL,    TH_EXT_MODEL,    TH_EXT_CONTEXT,
					  TH_EXT_SECRETS,    TH_EXT_LOG,      TH_EXT_DECK,
					  TH_EXT_CHECKPOINT, TH_EXT_PROGRESS, TH_EXT_CANCEL,
					  TH_EXT_DEADLINE};

	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		const void *const *table = extension(ids[i]);
		uint32_t size;

		CHECK(table);
		memcpy(&size, table, sizeof(size));
		/* After size and reserved come functions; a 1.0 host offers all of them. */
		for (size_t at = 8; at < size; at += sizeof(void *)) {
			const void *fn;

			memcpy(&fn, (const char *)table + at, sizeof(fn));
			CHECK(fn);
		}
	}
}

/* ---- context --------------------------------------------------------------------------------- */

static char work_dir[4096];

BODY(ask_context, const th_context_api *c = extension(TH_EXT_CONTEXT); th_str s;
     CHECK_INT(c->get(exec, TH_CTX_EXECUTION_NAME, &s), TH_OK);
     CHECK_STR(s.ptr, "exec1");
     CHECK_INT(c->get(exec, TH_CTX_TASK_VERSION, &s), TH_OK);
     CHECK_STR(s.ptr, "");
     CHECK_INT(c->get(exec, TH_CTX_RAW_OUTPUT_PREFIX, &s), TH_OK);
     CHECK(s.ptr[s.len - 1] == '/');
     CHECK_INT(c->get(exec, 999, &s), TH_E_NOT_FOUND);
     CHECK_INT(c->attempt(exec), 3);
     CHECK_INT(c->started(exec).seconds, 1);
     CHECK_INT(c->started(exec).nanos, 500000000);
     CHECK_INT(c->env(exec, th_s("FROM_TEMPLATE"), &s), TH_OK);
     CHECK_STR(s.ptr, "t");
     CHECK_INT(c->env(exec, th_s("FROM_PROCESS"), &s), TH_OK);
     CHECK_STR(s.ptr, "p");
     CHECK_INT(c->env(exec, th_s("FROM_NOWHERE"), &s), TH_E_NOT_FOUND);
     CHECK_INT(c->get(exec, TH_CTX_WORKING_DIRECTORY, &s), TH_OK);
     snprintf(work_dir, sizeof(work_dir), "%s", s.ptr);
     CHECK(access(work_dir, W_OK) == 0);)

static _Atomic int32_t directory_mark;

BODY(ask_for_directory, const th_context_api *c = extension(TH_EXT_CONTEXT); th_str s;
     CHECK_INT(directory_mark, 0);
     CHECK_INT(c->get(exec, TH_CTX_WORKING_DIRECTORY, &s), TH_OK);
     CHECK_INT(directory_mark, 1);
     snprintf(work_dir, sizeof(work_dir), "%s", s.ptr);
     CHECK(access(work_dir, W_OK) == 0);)

BODY(ask_for_taken_directory, const th_context_api *c = extension(TH_EXT_CONTEXT); th_str s;
     CHECK(c->get(exec, TH_CTX_WORKING_DIRECTORY, &s) < 0);)

TEST(context)
{
	setenv("FROM_PROCESS", "p", 1);
	setenv("FROM_TEMPLATE", "other", 1);
	fixture_template(&f, "{\"type\":\"x\",\"container\":{\"env\":[{\"key\":\"FROM_TEMPLATE\","
			     "\"value\":\"t\"}]}}");
	f.ctx.items[TH_CTX_EXECUTION_NAME] = STR("exec1");
	f.ctx.attempt = 3;
	f.ctx.started_ns = 1500000000;
	run(ask_context);
	CHECK(work_dir[0] && access(work_dir, F_OK) != 0); /* gone with the execution */
	fixture_done(&f);
}

TEST(working_directory_where_it_was_agreed)
{
	_cleanup_(freep) char *agreed = path_join(test_tmpdir(), "agreed");

	fixture_template(&f, "{\"type\":\"x\"}");
	f.ctx.items[TH_CTX_WORKING_DIRECTORY] = str_of(agreed);
	f.ctx.directory_mark = &directory_mark;
	run(ask_for_directory);
	CHECK_STR(work_dir, agreed);
	CHECK_INT(directory_mark, 0);
	CHECK(access(agreed, F_OK) != 0); /* gone with the execution */
	CHECK_INT(mkdir(agreed, 0755), 0);
	run(ask_for_taken_directory);
	CHECK(access(agreed, F_OK) == 0); /* somebody else's */
	CHECK_INT(rmdir(agreed), 0);
	fixture_done(&f);
}

TEST(context_comes_from_the_environment)
{
	struct task_context ctx;
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;

	setenv("_F_PRJ", "second", 1);
	CHECK_OK(task_context_from_env(&ctx, &arena, &err), err);
	CHECK(str_is(ctx.items[TH_CTX_EXECUTION_PROJECT], "second"));
	setenv("FLYTE_INTERNAL_EXECUTION_PROJECT", "", 1); /* defined, though empty: it counts */
	setenv("FLYTE_FAIL_ON_ERROR", "T", 1);
	setenv("FLYTE_USE_OLD_DC_FORMAT", "TRUE", 1);
	setenv("_F_L_MIN_SIZE_MB", "2", 1);
	setenv("FLYTE_ATTEMPT_NUMBER", "2", 1);
	setenv("FLYTE_SECRETS_ENV_PREFIX", "", 1);
	CHECK_OK(task_context_from_env(&ctx, &arena, &err), err);
	CHECK_INT(ctx.items[TH_CTX_EXECUTION_PROJECT].len, 0);
	CHECK(ctx.fail_on_error);
	CHECK(ctx.old_struct_form);
	CHECK_INT(ctx.offload_min_bytes, 2 << 20);
	CHECK_INT(ctx.offload_max_bytes, 1000 << 20);
	CHECK_INT(ctx.attempt, 2);
	CHECK_STR(ctx.secrets_env_prefix, "_FSEC_");
	setenv("FLYTE_FAIL_ON_ERROR", "yes", 1);
	setenv("_F_L_MAX_SIZE_MB", "many", 1);
	CHECK_ERR(task_context_from_env(&ctx, &arena, &err), ERR_INVALID, err, "_F_L_MAX_SIZE_MB");
	unsetenv("_F_L_MIN_SIZE_MB");
	CHECK_OK(task_context_from_env(&ctx, &arena, &err), err);
	CHECK(!ctx.fail_on_error);
	CHECK_INT(ctx.offload_min_bytes, 0);
	unsetenv("_F_L_MAX_SIZE_MB");
	arena_done(&arena);
}

/* ---- secrets --------------------------------------------------------------------------------- */

static const char *secret_view;

static void
check_secret(th_exec *exec, const char *g, const char *k, const char *v, const char *want)
{
	const th_secrets_api *s = extension(TH_EXT_SECRETS);
	th_str got = {NULL, 0};

	CHECK_INT(s->get(exec, th_s(g), th_s(k), th_s(v), &got, NULL), TH_OK);
	CHECK_STR(got.ptr, want);
	secret_view = got.ptr;
}

BODY(ask_secrets, const th_secrets_api *s = extension(TH_EXT_SECRETS); th_str got;
     struct th_errout_h slot = {0};
     check_secret(exec, "g", "Key", "", "from env");
     check_secret(exec, "", "Key", "", ""); /* defined, though empty */
     check_secret(exec, "G", "K2", "V", "from file");
     CHECK_INT(s->get(exec, th_s("g"), th_s("none"), th_s(""), &got, errout_handle(&slot)),
	       TH_E_NOT_FOUND);
     CHECK(strstr(slot.message, "_TS_G_NONE"));
     CHECK(strstr(slot.message, "/g/p_none"));
     CHECK_INT(s->get(exec, th_s("../g"), th_s("k"), th_s(""), &got, NULL), TH_E_INVALID);
     CHECK_INT(s->get(exec, th_s(""), th_s(""), th_s(""), &got, NULL), TH_E_INVALID);)

TEST(secrets_from_environment_then_file)
{
	struct error err = ERROR_INIT;
	char *path;

	setenv("_TS_G_KEY", "  from env\n", 1);
	setenv("_TS_KEY", "", 1);
	fixture_init(&f, "");
	f.ctx.secrets_env_prefix = "_TS_";
	f.ctx.secrets_file_prefix = "p_";
	f.ctx.secrets_dir = arena_printf(&f.arena, "%s/secrets", f.dir);
	path = arena_printf(&f.arena, "%s/g/v", f.ctx.secrets_dir);
	CHECK_OK(dir_make(path, 0700, &err), err);
	path = arena_printf(&f.arena, "%s/p_k2", path);
	CHECK_OK(file_write_atomic(path, "\tfrom file \n", 12, 0600, false, &err), err);
	run(ask_secrets);
	fixture_done(&f);
}

/* ---- checkpoints ----------------------------------------------------------------------------- */

BODY(no_checkpoint, const th_checkpoint_api *c = extension(TH_EXT_CHECKPOINT); th_bytes b; th_str d;
     CHECK_INT(c->prev_exists(exec), 0);
     CHECK_INT(c->save(exec, (th_bytes){(const uint8_t *)"x", 1}, error), TH_E_UNSUPPORTED);
     CHECK_INT(c->save_path(exec, th_s("/tmp"), error), TH_E_UNSUPPORTED);
     CHECK_INT(c->read(exec, &b, error), TH_E_UNSUPPORTED);
     CHECK_INT(c->restore(exec, &d, error), TH_E_UNSUPPORTED);)

TEST(checkpoints_need_a_location)
{
	fixture_init(&f, "");
	run(no_checkpoint);
	fixture_done(&f);
}

BODY(first_attempt, const th_checkpoint_api *c = extension(TH_EXT_CHECKPOINT); th_bytes b;
     CHECK_INT(c->prev_exists(exec), 0);
     CHECK_INT(c->read(exec, &b, error), TH_E_NOT_FOUND);
     CHECK_INT(c->save(exec, (th_bytes){(const uint8_t *)"old", 3}, error), TH_OK);
     CHECK_INT(c->save(exec, (th_bytes){(const uint8_t *)"state", 5}, error), TH_OK);)

BODY(second_attempt, const th_checkpoint_api *c = extension(TH_EXT_CHECKPOINT); th_bytes b;
     th_str dir;
     th_str again;
     CHECK_INT(c->prev_exists(exec), 1);
     CHECK_INT(c->read(exec, &b, error), TH_OK);
     CHECK_INT(b.len, 5);
     CHECK(memcmp(b.ptr, "state", 5) == 0);
     CHECK_INT(c->restore(exec, &dir, error), TH_OK);
     CHECK_INT(c->restore(exec, &again, error), TH_OK);
     CHECK(dir.ptr == again.ptr);
     CHECK_INT(file_write_atomic(
		       arena_printf(&f.arena, "%s/more", dir.ptr), "m", 1, 0600, false, NULL),
	       0);
     CHECK_INT(c->read(exec, &b, error), TH_E_SYSTEM); /* two files now, in the copy */
     CHECK_INT(c->save_path(exec, dir, error), TH_OK);
     CHECK_INT(c->save_path(exec, th_s("/no/such/path"), error), TH_E_NOT_FOUND);)

BODY(empty_previous, const th_checkpoint_api *c = extension(TH_EXT_CHECKPOINT); th_bytes b;
     CHECK_INT(c->read(exec, &b, error), TH_E_NOT_FOUND);)

TEST(checkpoints_go_from_attempt_to_attempt)
{
	fixture_init(&f, "");
	f.ctx.checkpoint_path = str_of(arena_printf(&f.arena, "%s/cp1", f.dir));
	run(first_attempt);
	CHECK_STR(fixture_file(&f, "cp1/_dst_cp"), "state");
	f.ctx.prev_checkpoint = f.ctx.checkpoint_path;
	f.ctx.checkpoint_path = str_of(arena_printf(&f.arena, "%s/cp2", f.dir));
	run(second_attempt);
	CHECK(!fixture_has_file(&f, "cp1/more")); /* the previous one is left alone */
	CHECK_STR(fixture_file(&f, "cp2/more"), "m");
	CHECK_STR(fixture_file(&f, "cp2/_dst_cp"), "state");
	f.ctx.prev_checkpoint = str_of(arena_printf(&f.arena, "%s/none", f.dir));
	run(empty_previous);
	fixture_done(&f);
}

/* ---- progress, deadline ---------------------------------------------------------------------- */

static int reports;
static double last_report;

static void take_report(void *ctx, double fraction, struct str message)
{
	(void)ctx;
	CHECK(str_is(message, "m"));
	reports++;
	last_report = fraction;
}

BODY(reports_progress, const th_progress_api *p = extension(TH_EXT_PROGRESS);
     const th_deadline_api *d = extension(TH_EXT_DEADLINE);
     for (int i = 0; i < 1000; i++) p->report(exec, i / 1000.0, th_s("m"));
     p->report(exec, 1, th_s("m"));
     CHECK_INT(d->deadline_ns(exec), INT64_MAX);
     CHECK(d->now_ns() > 0);)

TEST(progress_is_thinned_out_but_the_end_is_told)
{
	fixture_init(&f, "");
	f.params.progress = take_report;
	f.ctx.deadline_ns = INT64_MAX;
	reports = 0;
	run(reports_progress);
	CHECK(reports >= 2 && reports < 500);
	CHECK(last_report == 1);
	fixture_done(&f);
}
