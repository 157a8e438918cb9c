#include "task/failure.h"

#include "base/clock.h"

#include <stdio.h>
#include <unistd.h>

/* A copy in the result's arena; `otherwise` (static) when there is no memory for one. */
static struct str keep(struct task_result *r, struct str s, struct str otherwise)
{
	char *copy = arena_strndup(&r->arena, s.len ? s.ptr : "", s.len);

	return copy ? (struct str){copy, s.len} : otherwise;
}

static void fail(struct task_result *r,
		 struct str code,
		 enum error_kind kind,
		 enum error_origin origin,
		 struct str text,
		 struct str trace)
{
	r->outcome = TASK_ERROR;
	buf_done(&r->document);
	r->failure = (struct failure){
		.code = keep(r, code, STR("SYSTEM")),
		.text = keep(r, text, STR("out of memory")),
		.trace = keep(r, trace, STR("")),
		.kind = kind,
		.origin = origin,
		.timestamp_ns = clock_realtime_ns(),
		.worker = STR(""),
	};
}

void task_result_fail(struct task_result *r,
		      const char *code,
		      enum error_kind kind,
		      enum error_origin origin,
		      const char *fmt,
		      ...)
{
	struct error err = ERROR_INIT;
	va_list ap;

	va_start(ap, fmt);
	err_setv(&err, ERR_INVALID, fmt, ap);
	va_end(ap);
	fail(r, str_of(code), kind, origin, str_of(err.message), STR(""));
}

/* "ValueError" of "USER:ValueError"; a code of one word is its own class, "SYSTEM" has none. */
static struct str class_of_code(struct str code)
{
	for (size_t i = code.len; i > 0; i--)
		if (code.ptr[i - 1] == ':')
			return (struct str){code.ptr + i, code.len - i};
	if (code.len == 0 || str_is(code, "SYSTEM"))
		return STR("RuntimeError");
	return code;
}

static void put_trace(const struct exec *e, const char *step, struct buf *out)
{
	const struct plugin *p = e->params->plugin;

	buf_puts(out, "Traceback (most recent call last):\n");
	buf_printf(out, "  taskhost %s, pid %ld, in %s\n", TASKHOST_VERSION, (long)getpid(),
		   e->params->shim ? "shim task" : "native task");
	buf_printf(out, "  Plugin \"%s\" %s, file \"%s\"%s%.12s, in %s of executor %s\n",
		   p->table.id ? p->table.id : "?", p->table.version ? p->table.version : "",
		   p->path ? p->path : "?", p->digest[0] ? ", sha256 " : "", p->digest, step,
		   e->params->executor->name);
}

/* Where nothing was said, or only in part: flytekit's defaults. */
static struct str default_code(enum error_origin origin, enum error_kind kind)
{
	if (origin == ORIGIN_SYSTEM)
		return STR("SYSTEM");
	return kind == ERROR_RECOVERABLE ? STR("USER:Recoverable") : STR("USER:RuntimeError");
}

static void fail_with_trace(struct task_result *r,
			    const struct exec *e,
			    struct str code,
			    enum error_kind kind,
			    enum error_origin origin,
			    const char *step,
			    const char *message)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT, trace = BUF_INIT;
	struct str class = class_of_code(code);

	buf_printf(&text, STR_FMT ": %s", STR_ARG(class), message);
	put_trace(e, step, &trace);
	buf_printf(&trace, STR_FMT ": %s\n", STR_ARG(class), message);
	if (text.failed)
		fail(r, code, kind, origin, STR("out of memory"), STR(""));
	else
		fail(r, code, kind, origin, (struct str){text.data, text.len},
		     trace.failed ? STR("") : (struct str){trace.data, trace.len});
}

void failure_of_plugin(struct task_result *r,
		       const struct exec *e,
		       const struct failure_rule *rule,
		       const struct th_errout_h *slot,
		       th_status status)
{
	enum error_kind kind = rule->kind;
	enum error_origin origin = rule->origin;
	struct str code = str_of(rule->code);
	char message[256];

	if (!slot->set) {
		snprintf(message, sizeof(message),
			 "%s of executor %s failed with %s and gave no reason", rule->step,
			 e->params->executor->name, th_status_name(status));
		fail_with_trace(r, e, code, kind, origin, rule->step, message);
		return;
	}
	origin = slot->cls == TH_E_USER ? ORIGIN_USER : ORIGIN_SYSTEM;
	kind = slot->recoverable ? ERROR_RECOVERABLE : ERROR_NON_RECOVERABLE;
	code = slot->code[0] ? str_of(slot->code) : default_code(origin, kind);
	fail_with_trace(r, e, code, kind, origin, rule->step, slot->message);
}
