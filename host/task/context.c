#include "task/context.h"

#include "base/clock.h"

#include <stdlib.h>
#include <strings.h>

static const struct {
	unsigned item;
	const char *names[2];
} identity[] = {
	{TH_CTX_EXECUTION_PROJECT, {"FLYTE_INTERNAL_EXECUTION_PROJECT", "_F_PRJ"}},
	{TH_CTX_EXECUTION_DOMAIN, {"FLYTE_INTERNAL_EXECUTION_DOMAIN", "_F_DM"}},
	{TH_CTX_EXECUTION_NAME, {"FLYTE_INTERNAL_EXECUTION_ID", "_F_NM"}},
	{TH_CTX_EXECUTION_WORKFLOW, {"FLYTE_INTERNAL_EXECUTION_WORKFLOW", "_F_WF"}},
	{TH_CTX_EXECUTION_LAUNCHPLAN, {"FLYTE_INTERNAL_EXECUTION_LAUNCHPLAN", "_F_LP"}},
	{TH_CTX_TASK_PROJECT, {"FLYTE_INTERNAL_TASK_PROJECT", "_F_TK_PRJ"}},
	{TH_CTX_TASK_DOMAIN, {"FLYTE_INTERNAL_TASK_DOMAIN", "_F_TK_DM"}},
	{TH_CTX_TASK_NAME, {"FLYTE_INTERNAL_TASK_NAME", "_F_TK_NM"}},
	{TH_CTX_TASK_VERSION, {"FLYTE_INTERNAL_TASK_VERSION", "_F_TK_V"}},
	{TH_CTX_WORKER_NAME, {"FLYTE_INTERNAL_WORKER_NAME", "_F_WN"}},
	{TH_CTX_EXECUTION_URL, {"FLYTE_EXECUTION_URL", NULL}},
};

/* The first name that is defined counts, even when its value is empty. */
static struct str first_defined(const char *a, const char *b)
{
	const char *v = getenv(a);

	if (!v && b)
		v = getenv(b);
	return str_of(v ? v : "");
}

/* A variable that flytekit takes as unset when it is empty. */
static const char *setting(const char *name, const char *otherwise)
{
	const char *v = getenv(name);

	return v && *v ? v : otherwise;
}

static bool says_yes(const char *v, bool short_forms)
{
	if (!v)
		return false;
	if (strcasecmp(v, "true") == 0)
		return true;
	return short_forms && (strcasecmp(v, "t") == 0 || streq(v, "1"));
}

static int read_number(const char *name, int64_t otherwise, int64_t *ret, struct error *err)
{
	const char *v = getenv(name);
	int64_t n;

	if (!v) {
		*ret = otherwise;
		return 0;
	}
	if (!parse_i64(str_of(v), &n) || n < 0)
		return err_set(err, ERR_INVALID,
			       "%s is \"%s\"; it has to be a whole number from 0 on", name, v);
	*ret = n;
	return 0;
}

static int read_offload(struct task_context *ctx, struct error *err)
{
	const int64_t mib = 1 << 20;
	int64_t min = 0, max = 0;
	int r;

	if (!getenv("_F_L_MIN_SIZE_MB"))
		return 0;
	r = read_number("_F_L_MIN_SIZE_MB", 10, &min, err);
	if (r == 0)
		r = read_number("_F_L_MAX_SIZE_MB", 1000, &max, err);
	if (r < 0)
		return r;
	/* 0 MiB means every literal, not none. */
	ctx->offload_min_bytes = min == 0 ? 1 : MIN(min, INT64_MAX / mib) * mib;
	ctx->offload_max_bytes = MIN(max, INT64_MAX / mib) * mib;
	return 0;
}

int task_context_from_env(struct task_context *ctx, struct arena *arena, struct error *err)
{
	int64_t attempt = 0;
	int r;

	(void)arena; /* everything points into the environment */
	memset(ctx, 0, sizeof(*ctx));
	for (size_t i = 0; i < CONTEXT_ITEMS; i++)
		ctx->items[i] = STR("");
	for (size_t i = 0; i < ARRAY_LEN(identity); i++)
		ctx->items[identity[i].item] =
			first_defined(identity[i].names[0], identity[i].names[1]);
	ctx->checkpoint_path = STR("");
	ctx->prev_checkpoint = STR("");
	ctx->started_ns = clock_realtime_ns();
	ctx->dist_error_strategy = first_defined("FLYTE_INTERNAL_DIST_ERROR_STRATEGY", "_F_DES");
	ctx->fail_on_error = says_yes(getenv("FLYTE_FAIL_ON_ERROR"), true);
	ctx->old_struct_form = says_yes(getenv("FLYTE_USE_OLD_DC_FORMAT"), false);
	ctx->secrets_env_prefix = setting("FLYTE_SECRETS_ENV_PREFIX", "_FSEC_");
	ctx->secrets_dir = setting("FLYTE_SECRETS_DEFAULT_DIR", "/etc/secrets");
	ctx->secrets_file_prefix = setting("FLYTE_SECRETS_FILE_PREFIX", "");
	r = read_number("FLYTE_ATTEMPT_NUMBER", 0, &attempt, err);
	if (r < 0)
		return r;
	if (attempt > UINT32_MAX)
		return err_set(err, ERR_INVALID, "FLYTE_ATTEMPT_NUMBER is too large");
	ctx->attempt = (uint32_t)attempt;
	return read_offload(ctx, err);
}
