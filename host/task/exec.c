#include "task/exec.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "task/deck.h"
#include "task/upload.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#define HANDLES 256
#define POLL_NS 50000000 /* how late a cancel word or a deadline may be seen while pending */

/* Executions and their handles. A completion may come from any thread at any time, also too late,
 * so finding the execution and changing its state is one step under this lock. */
static pthread_mutex_t live = PTHREAD_MUTEX_INITIALIZER;
static struct th_exec handles[HANDLES];
static unsigned next_handle;

static th_exec *take_handle(struct exec *e)
{
	th_exec *found = NULL;

	pthread_mutex_lock(&live);
	for (unsigned i = 0; i < HANDLES && !found; i++) {
		th_exec *h = &handles[(next_handle + i) % HANDLES];

		if (!atomic_load(&h->exec)) {
			atomic_store(&h->exec, e);
			next_handle = (next_handle + i + 1) % HANDLES;
			found = h;
		}
	}
	pthread_mutex_unlock(&live);
	return found;
}

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
	text = arena_printf(&e->home.arena, STR_FMT "%s", STR_ARG(s),
			    s.ptr[s.len - 1] == '/' ? "" : "/");
	if (!text)
		return err_nomem(err, "the raw output prefix");
	e->raw_prefix = str_of(text);
	return 0;
}

int exec_new(const struct task_params *params, struct exec **ret, struct error *err)
{
	struct exec *e = calloc(1, sizeof(*e));

	if (!e)
		return err_nomem(err, "an execution");
	lit_home_init(&e->home);
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
	e->handle = take_handle(e);
	if (!e->handle) {
		exec_free(e);
		return err_set(err, ERR_LIMIT, "more than %d executions at once", HANDLES);
	}
	*ret = e;
	return 0;
}

static void drop_handle(struct exec *e)
{
	pthread_mutex_lock(&live);
	if (e->handle)
		atomic_store(&e->handle->exec, NULL);
	while (e->cancelling > 0)
		pthread_cond_wait(&e->changed, &live);
	pthread_mutex_unlock(&live);
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
	drop_handle(e);
	secrets_wipe(e);
	remove_working_directory(e);
	buf_done(&e->dynamic_job);
	decks_free(e->decks);
	pthread_cond_destroy(&e->changed);
	pthread_mutex_destroy(&e->files);
	lit_home_done(&e->home);
	free(e);
}

/* ---- completion ------------------------------------------------------------------------------ */

void exec_misbehaved(struct exec *e, const char *what)
{
	const char *plugin = "?";

	if (e && e->host)
		atomic_fetch_add(&e->host->misbehaved, 1);
	if (e && e->params->plugin->table.id)
		plugin = e->params->plugin->table.id;
	log_warn("plugin %s broke a rule: %s", plugin, what);
}

th_status exec_complete_now(th_exec *handle, th_status status)
{
	struct exec *e;
	const char *wrong = NULL;

	pthread_mutex_lock(&live);
	e = exec_of(handle);
	if (!e) {
		wrong = "exec_complete for an execution that is over";
	} else if (e->state == EXEC_COMPLETED || e->early) {
		wrong = "exec_complete was called twice for one execution";
	} else if (e->state == EXEC_IDLE) {
		wrong = "exec_complete before execute_from_model";
	} else if (status == TH_PENDING) {
		wrong = "exec_complete with TH_PENDING";
	} else if (e->state == EXEC_PENDING) {
		e->state = EXEC_COMPLETED;
		e->status = status;
		pthread_cond_broadcast(&e->changed);
	} else {
		/* Another thread may be faster than the return of execute_from_model. */
		e->early = true;
		e->status = status;
	}
	if (wrong)
		exec_misbehaved(e, wrong);
	pthread_mutex_unlock(&live);
	return wrong ? TH_E_INVALID : TH_OK;
}

void exec_open(struct exec *e, void *instance)
{
	pthread_mutex_lock(&live);
	e->instance = instance;
	e->open = true;
	pthread_mutex_unlock(&live);
}

void exec_begin(struct exec *e)
{
	pthread_mutex_lock(&live);
	e->state = EXEC_RUNNING;
	pthread_mutex_unlock(&live);
}

void exec_shut(struct exec *e)
{
	pthread_mutex_lock(&live);
	e->open = false;
	while (e->cancelling > 0)
		pthread_cond_wait(&e->changed, &live);
	pthread_mutex_unlock(&live);
}

/* Called with the lock held, which it lets go while the plugin is called: its cancel may well call
 * exec_complete. */
static void call_cancel(struct exec *e, uint32_t reason)
{
	const th_executor *x = e->params->executor;

	if (!e->open || !x->cancel)
		return;
	e->cancelling++;
	pthread_mutex_unlock(&live);
	x->cancel(e->instance, e->handle, reason);
	pthread_mutex_lock(&live);
	e->cancelling--;
	pthread_cond_broadcast(&e->changed);
}

static void set_own_word(struct exec *e, uint32_t reason)
{
	uint32_t none = 0;

	__atomic_compare_exchange_n(&e->own_cancel, &none, reason, false, __ATOMIC_RELEASE,
				    __ATOMIC_RELAXED);
}

void task_cancel_running(uint32_t reason)
{
	pthread_mutex_lock(&live);
	for (unsigned i = 0; i < HANDLES; i++) {
		struct exec *e = exec_of(&handles[i]);

		if (!e)
			continue;
		set_own_word(e, reason);
		call_cancel(e, reason);
	}
	pthread_mutex_unlock(&live);
}

const uint32_t *exec_cancel_word(struct exec *e)
{
	return e->ctx->cancel_word ? e->ctx->cancel_word : &e->own_cancel;
}

/* ---- waiting --------------------------------------------------------------------------------- */

static uint32_t reason_to_stop(struct exec *e)
{
	uint32_t reason = __atomic_load_n(exec_cancel_word(e), __ATOMIC_ACQUIRE);

	if (reason)
		return reason;
	if (e->ctx->deadline_ns && clock_monotonic_ns() >= e->ctx->deadline_ns)
		return TH_CANCEL_DEADLINE;
	return TH_CANCEL_NONE;
}

/* Until something changed, or it is time to look at the word and the clock again. */
static void wait_a_little(struct exec *e)
{
	int64_t until = clock_monotonic_ns() + POLL_NS;
	struct timespec ts = {.tv_sec = (time_t)(until / 1000000000),
			      .tv_nsec = (long)(until % 1000000000)};

	if (e->ctx->cancel_word || e->ctx->deadline_ns)
		pthread_cond_timedwait(&e->changed, &live, &ts);
	else
		pthread_cond_wait(&e->changed, &live);
}

th_status exec_await(struct exec *e, th_status returned)
{
	bool told = false;
	uint32_t reason;

	pthread_mutex_lock(&live);
	if (returned != TH_PENDING) {
		if (e->early)
			exec_misbehaved(e, "exec_complete without TH_PENDING");
		e->status = returned;
	} else if (!e->early) {
		e->state = EXEC_PENDING;
		while (e->state == EXEC_PENDING) {
			reason = told ? TH_CANCEL_NONE : reason_to_stop(e);
			if (reason) {
				told = true;
				set_own_word(e, reason);
				call_cancel(e, reason);
			} else {
				wait_a_little(e);
			}
		}
	}
	e->state = EXEC_COMPLETED;
	returned = e->status;
	pthread_mutex_unlock(&live);
	return returned;
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
