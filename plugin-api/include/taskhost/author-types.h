/* What authoring macros and authors share: the tables at hand, one run, and helpers to use in a
 * body. Part of author.h. */
#ifndef TASKHOST_AUTHOR_TYPES_H
#define TASKHOST_AUTHOR_TYPES_H

#include "plugin-api.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The host's tables, copied into structs of the size this plugin knows: what an older host lacks
 * is NULL. Filled before init. */
struct th_tables {
	const th_host *host_handle;
	const char *plugin_id;
	th_host host;
	th_literal_api literal;
	th_model_api model;
	th_context_api context;
	th_secrets_api secrets;
	th_log_api log;
	th_deck_api deck;
	th_checkpoint_api checkpoint;
	th_progress_api progress;
	th_cancel_api cancel;
	th_deadline_api deadline;
};
extern struct th_tables th_tables_ __attribute__((visibility("hidden")));

#define TH_HOST       (&th_tables_.host)
#define TH_LIT        (&th_tables_.literal)
#define TH_MODEL      (&th_tables_.model)
#define TH_CONTEXT    (&th_tables_.context)
#define TH_SECRETS    (&th_tables_.secrets)
#define TH_LOG        (&th_tables_.log)
#define TH_DECK_API   (&th_tables_.deck)
#define TH_CHECKPOINT (&th_tables_.checkpoint)
#define TH_PROGRESS   (&th_tables_.progress)
#define TH_CANCEL     (&th_tables_.cancel)
#define TH_DEADLINE   (&th_tables_.deadline)

/* One call of a body. */
typedef struct th_run {
	th_exec *exec;
	const th_model *model;
	th_errout *error;
	void *instance;
} th_run;

typedef struct th_plugin_hooks {
	th_status (*init)(th_str config, void **ret_self, th_errout *error);
	th_status (*quiesce)(void *self, int64_t deadline_ns, th_errout *error);
	void (*deinit)(void *self);
} th_plugin_hooks;

static inline th_plugin_hooks th_no_hooks_(void)
{
	th_plugin_hooks none;
	memset(&none, 0, sizeof(none));
	return none;
}
#define TH_NO_HOOKS th_no_hooks_()

struct th_task { /* the plugin's task object, as the macros make it */
	const char *name;
	const th_executor *executor;
};

/* ---- failing --------------------------------------------------------------------------------- */

static inline th_status th_failv_(th_errout *error,
				  th_status cls,
				  uint32_t recoverable,
				  const char *code,
				  const char *format,
				  va_list ap)
{
	char text[2048];
	int n = vsnprintf(text, sizeof(text), format, ap);
	if (n < 0)
		n = 0;
	if ((size_t)n >= sizeof(text))
		n = (int)sizeof(text) - 1;
	th_tables_.host.error_set(error, cls, recoverable, th_s(code), th_str_n(text, (size_t)n));
	return cls;
}

/* return th_fail(run, "USER:ValueError", "…"): the task's own fault, no use in trying again. */
__attribute__((format(printf, 3, 4))) static inline th_status
th_fail(const th_run *run, const char *code, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	th_status st = th_failv_(run->error, TH_E_USER, 0, code, format, ap);
	va_end(ap);
	return st;
}

/* The same, and Flyte may try again. */
__attribute__((format(printf, 3, 4))) static inline th_status
th_fail_recoverable(const th_run *run, const char *code, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	th_status st = th_failv_(run->error, TH_E_USER, 1, code, format, ap);
	va_end(ap);
	return st;
}

/* The surroundings' fault (a disk, a server); Flyte may try again. */
__attribute__((format(printf, 3, 4))) static inline th_status
th_fail_system(const th_run *run, const char *code, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	th_status st = th_failv_(run->error, TH_E_SYSTEM, 1, code, format, ap);
	va_end(ap);
	return st;
}

/* ---- while running --------------------------------------------------------------------------- */

/* Nonzero (a TH_CANCEL_… reason) when the task should stop. Costs one load. */
static inline uint32_t th_cancelled(const th_run *run)
{
	if (!TH_CANCEL->word)
		return 0;
	return __atomic_load_n(TH_CANCEL->word(run->exec), __ATOMIC_RELAXED);
}

__attribute__((format(printf, 3, 4))) static inline void
th_logf(const th_run *run, int32_t level, const char *format, ...)
{
	char text[1024];
	va_list ap;
	if (!TH_LOG->log || !TH_LOG->enabled(level))
		return;
	va_start(ap, format);
	int n = vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (n < 0)
		return;
	TH_LOG->log(run ? run->exec : NULL, level,
		    th_str_n(text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1));
}

static inline void th_progress(const th_run *run, double fraction, const char *message)
{
	if (TH_PROGRESS->report)
		TH_PROGRESS->report(run->exec, fraction, th_s(message));
}

/* The output slot `name`, or NULL when out of memory. */
static inline th_val *th_output(const th_run *run, const char *name)
{
	th_val *slot = NULL;
	return TH_LIT->output(run->exec, th_s(name), &slot) == TH_OK ? slot : NULL;
}

static inline const th_lit *th_input(const th_run *run, const char *name)
{
	return TH_LIT->input(run->exec, th_s(name));
}

#ifdef __cplusplus
}
#endif
#endif
