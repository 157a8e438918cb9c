/* The smaller extensions: context, secrets, log, deck, checkpoint, progress, cancel, deadline. */
#include "task/services.h"

#include "base/clock.h"
#include "base/log.h"
#include "data/data.h"
#include "task/checkpoint.h"
#include "task/deck.h"
#include "task/names.h"
#include "task/secrets.h"
#include "task/store.h"

#define PROGRESS_NS 100000000 /* reports closer together are dropped */

static th_status over(th_errout *error)
{
	return errout_fail(error, TH_E_INVALID, "the execution is over");
}

/* ---- th.context/1 ---------------------------------------------------------------------------- */

static th_status context_get(th_exec *handle, uint32_t item, th_str *ret)
{
	struct exec *e = exec_of(handle);
	struct error err = ERROR_INIT;
	const char *directory;
	th_str text;

	if (!e || !ret)
		return TH_E_INVALID;
	if (item >= CONTEXT_ITEMS)
		return TH_E_NOT_FOUND;
	if (item == TH_CTX_WORKING_DIRECTORY) {
		directory = exec_working_directory(e, &err);
		if (!directory)
			return status_of_err(err.code);
		*ret = th_z(directory);
		return TH_OK;
	}
	if (item == TH_CTX_RAW_OUTPUT_PREFIX) {
		*ret = th_of(e->raw_prefix);
		return TH_OK;
	}
	text = lit_home_text(&e->home, e->ctx->items[item]);
	if (!text.ptr)
		return TH_E_NOMEM;
	*ret = text;
	return TH_OK;
}

static uint32_t context_attempt(th_exec *handle)
{
	struct exec *e = exec_of(handle);

	return e ? e->ctx->attempt : 0;
}

static th_datetime context_started(th_exec *handle)
{
	struct exec *e = exec_of(handle);
	int64_t ns = e ? e->ctx->started_ns : 0;
	th_datetime t = {.seconds = ns / 1000000000, .nanos = (int32_t)(ns % 1000000000)};

	if (t.nanos < 0) {
		t.nanos += 1000000000;
		t.seconds--;
	}
	return t;
}

static const char *template_env(const TaskTemplate *t, struct str name)
{
	const Flyteidl__Core__Container *c;

	if (t->target_case != FLYTEIDL__CORE__TASK_TEMPLATE__TARGET_CONTAINER || !t->container)
		return NULL;
	c = t->container;
	for (size_t i = c->n_env; i > 0; i--) /* the last one of a name counts */
		if (str_is(name, c->env[i - 1]->key))
			return c->env[i - 1]->value;
	return NULL;
}

static th_status context_env(th_exec *handle, th_str name, th_str *ret)
{
	struct exec *e = exec_of(handle);
	const char *value;
	char *key;

	if (!e || !ret || name.len == 0 || memchr(name.ptr, 0, name.len))
		return TH_E_INVALID;
	value = template_env(e->params->template, str_of_th(name));
	if (!value) {
		key = exec_copy(e, name.ptr, name.len);
		if (!key)
			return TH_E_NOMEM;
		value = getenv(key);
	}
	if (!value)
		return TH_E_NOT_FOUND;
	*ret = lit_home_text(&e->home, str_of(value));
	return ret->ptr ? TH_OK : TH_E_NOMEM;
}

const th_context_api task_context_api = {
	.struct_size = sizeof(th_context_api),
	.get = context_get,
	.attempt = context_attempt,
	.started = context_started,
	.env = context_env,
};

/* ---- th.secrets/1 ---------------------------------------------------------------------------- */

static th_status secrets_api_get(
	th_exec *handle, th_str group, th_str key, th_str version, th_str *ret, th_errout *error)
{
	struct exec *e = exec_of(handle);
	struct error err = ERROR_INIT;
	struct str value;

	if (!e || !ret)
		return over(error);
	if (secrets_get(e, str_of_th(group), str_of_th(key), str_of_th(version), &value, &err) < 0)
		return errout_err(error, &err);
	*ret = th_of(value);
	return TH_OK;
}

const th_secrets_api task_secrets_api = {
	.struct_size = sizeof(th_secrets_api),
	.get = secrets_api_get,
};

/* ---- th.log/1 -------------------------------------------------------------------------------- */

static enum log_level level_of(int32_t level)
{
	if (level >= TH_LOG_ERROR)
		return LOG_ERROR;
	if (level >= TH_LOG_WARNING)
		return LOG_WARN;
	return level >= TH_LOG_INFO ? LOG_INFO : LOG_DEBUG;
}

static void log_log(const th_exec *exec, int32_t level, th_str message)
{
	(void)exec;
	if (log_enabled(level_of(level)))
		log_str(level_of(level), str_of_th(message));
}

static uint32_t log_api_enabled(int32_t level)
{
	return log_enabled(level_of(level));
}

const th_log_api task_log_api = {
	.struct_size = sizeof(th_log_api),
	.log = log_log,
	.enabled = log_api_enabled,
};

/* ---- th.deck/1 ------------------------------------------------------------------------------- */

static th_status deck_open(th_exec *handle, th_str name, th_deck **ret)
{
	struct exec *e = exec_of(handle);

	if (!e || !ret || name.len == 0 || memchr(name.ptr, 0, name.len) ||
	    !utf8_valid(name.ptr, name.len, NULL))
		return TH_E_INVALID;
	if (!e->decks)
		e->decks = decks_new();
	if (!e->decks)
		return TH_E_NOMEM;
	return status_of_err(decks_open(e->decks, str_of_th(name), ret));
}

static th_status deck_add(th_deck *deck, th_str text, bool escape)
{
	if (!deck || (text.len && (!text.ptr || !utf8_valid(text.ptr, text.len, NULL))))
		return TH_E_INVALID;
	return status_of_err(deck_append(deck, str_of_th(text), escape));
}

static th_status deck_append_html(th_deck *deck, th_str html)
{
	return deck_add(deck, html, false);
}

static th_status deck_append_text(th_deck *deck, th_str text)
{
	return deck_add(deck, text, true);
}

static th_status deck_publish(th_exec *handle, th_errout *error)
{
	struct exec *e = exec_of(handle);
	struct error err = ERROR_INIT;
	struct deck_page page;

	if (!e)
		return over(error);
	if (e->params->map || (!e->decks && !task_wants_deck(e->params->template))) {
		log_warn("a deck was published, but %s",
			 e->params->map ? "a map task has none"
					: "none is open and the task has none");
		return TH_OK;
	}
	page = (struct deck_page){
		.timeline = e->params->timeline,
		.decks = e->decks,
	};
	if (store_deck(e->ctx, &page, &err) < 0)
		return errout_err(error, &err);
	return TH_OK;
}

const th_deck_api task_deck_api = {
	.struct_size = sizeof(th_deck_api),
	.open = deck_open,
	.append_html = deck_append_html,
	.append_text = deck_append_text,
	.publish = deck_publish,
};

/* ---- th.checkpoint/1 ------------------------------------------------------------------------- */

static uint32_t checkpoint_prev_exists(th_exec *handle)
{
	struct exec *e = exec_of(handle);

	return e && e->ctx->checkpoint_path.len && e->ctx->prev_checkpoint.len;
}

static th_status checkpoint_api_save(th_exec *handle, th_bytes data, th_errout *error)
{
	struct exec *e = exec_of(handle);
	struct error err = ERROR_INIT;

	if (!e)
		return over(error);
	if (data.len && !data.ptr)
		return errout_fail(error, TH_E_INVALID, "checkpoint: no data");
	if (checkpoint_save(e, (struct str){(const char *)data.ptr, data.len}, &err) < 0)
		return errout_err(error, &err);
	return TH_OK;
}

static th_status checkpoint_api_save_path(th_exec *handle, th_str path, th_errout *error)
{
	struct exec *e = exec_of(handle);
	struct error err = ERROR_INIT;
	char *copy;

	if (!e)
		return over(error);
	if (path.len == 0 || memchr(path.ptr, 0, path.len))
		return errout_fail(error, TH_E_INVALID, "checkpoint: no path");
	copy = exec_copy(e, path.ptr, path.len);
	if (!copy)
		return errout_fail(error, TH_E_NOMEM, "checkpoint: out of memory");
	if (checkpoint_save_path(e, copy, &err) < 0)
		return errout_err(error, &err);
	return TH_OK;
}

static th_status checkpoint_api_read(th_exec *handle, th_bytes *ret, th_errout *error)
{
	struct exec *e = exec_of(handle);
	struct error err = ERROR_INIT;
	struct str content;

	if (!e || !ret)
		return over(error);
	if (checkpoint_read(e, &content, &err) < 0)
		return errout_err(error, &err);
	*ret = (th_bytes){(const uint8_t *)content.ptr, content.len};
	return TH_OK;
}

static th_status checkpoint_api_restore(th_exec *handle, th_str *ret_directory, th_errout *error)
{
	struct exec *e = exec_of(handle);
	struct error err = ERROR_INIT;
	const char *directory;

	if (!e || !ret_directory)
		return over(error);
	if (checkpoint_restore(e, &directory, &err) < 0)
		return errout_err(error, &err);
	*ret_directory = th_z(directory);
	return TH_OK;
}

const th_checkpoint_api task_checkpoint_api = {
	.struct_size = sizeof(th_checkpoint_api),
	.prev_exists = checkpoint_prev_exists,
	.save = checkpoint_api_save,
	.save_path = checkpoint_api_save_path,
	.read = checkpoint_api_read,
	.restore = checkpoint_api_restore,
};

/* ---- th.progress/1, th.cancel/1, th.deadline/1 ----------------------------------------------- */

static void progress_report(th_exec *handle, double fraction, th_str message)
{
	struct exec *e = exec_of(handle);
	int64_t now = clock_monotonic_ns();
	bool due;

	if (!e || !e->params->progress)
		return;
	pthread_mutex_lock(&e->files);
	due = fraction >= 1 || e->last_progress_ns == 0 || now - e->last_progress_ns >= PROGRESS_NS;
	if (due) {
		e->last_progress_ns = now;
		e->params->progress(e->params->callback_ctx, fraction, str_of_th(message));
	}
	pthread_mutex_unlock(&e->files);
}

const th_progress_api task_progress_api = {
	.struct_size = sizeof(th_progress_api),
	.report = progress_report,
};

static const uint32_t *cancel_word(th_exec *handle)
{
	static const uint32_t asked = TH_CANCEL_ASKED; /* an execution that is over should stop */
	struct exec *e = exec_of(handle);

	return e ? exec_cancel_word(e) : &asked;
}

const th_cancel_api task_cancel_api = {
	.struct_size = sizeof(th_cancel_api),
	.word = cancel_word,
};

static int64_t deadline_ns(th_exec *handle)
{
	struct exec *e = exec_of(handle);

	return e ? e->ctx->deadline_ns : 0;
}

const th_deadline_api task_deadline_api = {
	.struct_size = sizeof(th_deadline_api),
	.deadline_ns = deadline_ns,
	.now_ns = clock_monotonic_ns,
};
