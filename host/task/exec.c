#include "task/exec.h"

#include "base/file.h"
#include "base/log.h"
#include "task/deck.h"
#include "task/upload.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#define KEPT_ARENA ((size_t)16 << 10)

static void init_condition(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

static int find_raw_prefix(struct exec *e, struct error *err)
{
	struct str s = e->ctx->items[TH_CTX_RAW_OUTPUT_PREFIX];
	char *text;

	e->raw_prefix = STR("");
	if (s.len == 0)
		return 0;
	text = arena_alloc_aligned(&e->home.arena, s.len + 2, 1);
	if (!text)
		return err_nomem(err, "the raw output prefix");
	memcpy(text, s.ptr, s.len);
	if (text[s.len - 1] != '/')
		text[s.len++] = '/';
	text[s.len] = '\0';
	e->raw_prefix = (struct str){text, s.len};
	return 0;
}

/* Zeroed but for its home, which is made. */
static struct exec *exec_alloc(struct exec_kept *kept)
{
	struct exec *e = kept->memory ? TAKE(kept->memory) : malloc(sizeof(*e));

	if (!e)
		return NULL;
	memset(e, 0, sizeof(*e));
	lit_home_init(&e->home);
	e->home.arena = kept->arena;
	kept->arena = (struct arena)ARENA_INIT;
	e->kept = kept;
	return e;
}

static void exec_give_memory(struct exec *e)
{
	struct exec_kept *kept = e->kept;
	struct arena *a = &e->home.arena;

	if (a->used <= KEPT_ARENA) {
		arena_clear(a);
		kept->arena = *a;
		*a = (struct arena)ARENA_INIT;
	}
	lit_home_done(&e->home);
	kept->memory = e;
}

void exec_kept_done(struct exec_kept *kept)
{
	arena_done(&kept->arena);
	free(kept->memory);
	kept->memory = NULL;
}

int exec_new(const struct task_params *params,
	     struct exec_kept *kept,
	     struct exec **ret,
	     struct error *err)
{
	struct exec *e = exec_alloc(kept);

	if (!e)
		return err_nomem(err, "an execution");
	pthread_mutex_init(&e->files, NULL);
	init_condition(&e->changed);
	e->params = params;
	e->ctx = params->ctx;
	if (params->plugin->host)
		e->host = CONTAINER_OF(params->plugin->host, struct host, table);
	e->state = EXEC_IDLE;
	e->input_map = (LiteralMap)FLYTEIDL__CORE__LITERAL_MAP__INIT;
	e->dynamic_job = (struct buf)BUF_INIT;
	if (find_raw_prefix(e, err) < 0) {
		exec_free(e);
		return ERR_NOMEM;
	}
	if (exec_begin_life(e, err) < 0) {
		exec_free(e);
		return err->code;
	}
	*ret = e;
	return 0;
}

static void mark_directory(const struct exec *e, int32_t there)
{
	if (e->ctx->directory_mark)
		atomic_store(e->ctx->directory_mark, there);
}

static void remove_working_directory(const struct exec *e)
{
	struct error err = ERROR_INIT;

	if (!e->working_directory)
		return;
	if (dir_remove(e->working_directory, &err) < 0)
		log_warn("working directory left behind: %s", err.message);
	else
		mark_directory(e, 0);
}

void exec_free(struct exec *e)
{
	if (!e)
		return;
	exec_end_life(e);
	secrets_wipe(e);
	remove_working_directory(e);
	buf_done(&e->dynamic_job);
	decks_free(e->decks);
	pthread_cond_destroy(&e->changed);
	pthread_mutex_destroy(&e->files);
	exec_give_memory(e);
}

/* ---- for the tables -------------------------------------------------------------------------- */

char *exec_copy(struct exec *e, const char *s, size_t len)
{
	return (char *)lit_home_text(&e->home, (struct str){len ? s : "", len}).ptr;
}

static int make_working_directory(const struct exec *e, char **ret_path, struct error *err)
{
	struct str agreed = e->ctx->items[TH_CTX_WORKING_DIRECTORY];
	_cleanup_(freep) char *path = NULL;
	int r;

	if (agreed.len == 0)
		return dir_make_temp(NULL, "taskhost-", ret_path, err);
	path = strndup(agreed.ptr, agreed.len);
	if (!path)
		return err_nomem(err, "the working directory");
	mark_directory(e, 1);
	if (mkdir(path, 0700) < 0) {
		r = err_set_errno(err, err_from_errno(errno), errno,
				  "cannot make the working directory %s", path);
		mark_directory(e, 0);
		return r;
	}
	*ret_path = TAKE(path);
	return 0;
}

const char *exec_working_directory(struct exec *e, struct error *err)
{
	_cleanup_(freep) char *path = NULL;
	const char *kept;

	pthread_mutex_lock(&e->files);
	if (!e->working_directory && make_working_directory(e, &path, err) == 0) {
		e->working_directory = exec_copy(e, path, strlen(path));
		if (!e->working_directory) {
			err_nomem(err, "the working directory");
			dir_remove(path, NULL);
		}
	}
	kept = e->working_directory;
	pthread_mutex_unlock(&e->files);
	return kept;
}

th_status status_of_err(int code)
{
	switch (code) {
	case ERR_OK:
		return TH_OK;
	case ERR_NOMEM:
		return TH_E_NOMEM;
	case ERR_INVALID:
		return TH_E_INVALID;
	case ERR_NOT_FOUND:
		return TH_E_NOT_FOUND;
	case ERR_DENIED:
		return TH_E_DENIED;
	case ERR_LIMIT:
		return TH_E_LIMIT;
	case ERR_UNSUPPORTED:
		return TH_E_UNSUPPORTED;
	case ERR_MISMATCH:
		return TH_E_TYPE;
	default:
		return TH_E_SYSTEM;
	}
}

/* What the task asked for and cannot have is its own fault; the rest may be better next time. */
static bool users_fault(th_status status)
{
	return status == TH_E_NOT_FOUND || status == TH_E_INVALID || status == TH_E_TYPE ||
	       status == TH_E_UNSUPPORTED;
}

/* The slot is the caller's and host.error_set writes it in the same way. */
static void fill_slot(th_errout *error, th_status status, const char *message)
{
	struct th_errout_h *slot = (struct th_errout_h *)(void *)error;

	slot->set = true;
	slot->cls = users_fault(status) ? TH_E_USER : TH_E_SYSTEM;
	slot->recoverable = !users_fault(status);
	slot->code[0] = '\0';
	snprintf(slot->message, sizeof(slot->message), "%s", message);
}

th_status errout_fail(th_errout *error, th_status status, const char *fmt, ...)
{
	struct error err = ERROR_INIT;
	va_list ap;

	if (!error)
		return status;
	va_start(ap, fmt);
	err_setv(&err, ERR_INVALID, fmt, ap);
	va_end(ap);
	fill_slot(error, status, err.message);
	return status;
}

th_status errout_err(th_errout *error, const struct error *err)
{
	th_status status = status_of_err(err->code);

	if (error)
		fill_slot(error, status, err->message);
	return status;
}

struct output *exec_output(struct exec *e, struct str name)
{
	for (struct output *o = e->outputs; o; o = o->next)
		if (str_eq((struct str){o->name.ptr, o->name.len}, name))
			return o;
	return NULL;
}
