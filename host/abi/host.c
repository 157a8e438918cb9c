#include "abi/host.h"

#include "base/log.h"

#include <stdio.h>

/* ---- text from outside ----------------------------------------------------------------------- */

#define REPLACEMENT "\xef\xbf\xbd"
#define ELLIPSIS    "\xe2\x80\xa6"

/* Copies text as well-formed UTF-8 without NUL; what does not fit is cut and marked. */
static void copy_text(char *to, size_t size, th_str from)
{
	size_t room = size - sizeof(ELLIPSIS), at = 0, n;

	for (size_t i = 0; from.ptr && i < from.len; i += n) {
		const char *piece = from.ptr + i;
		size_t width;

		n = utf8_char(piece, from.len - i);
		width = n;
		if (n == 0 || *piece == '\0') {
			n = 1;
			piece = REPLACEMENT;
			width = sizeof(REPLACEMENT) - 1;
		}
		if (at + width > room) {
			memcpy(to + at, ELLIPSIS, sizeof(ELLIPSIS) - 1);
			at += sizeof(ELLIPSIS) - 1;
			break;
		}
		memcpy(to + at, piece, width);
		at += width;
	}
	to[at] = '\0';
}

static void
error_set(th_errout *error, th_status cls, uint32_t recoverable, th_str code, th_str message)
{
	struct th_errout_h *e = (struct th_errout_h *)(void *)error;

	if (!e)
		return;
	e->set = true;
	e->cls = cls == TH_E_USER ? TH_E_USER : TH_E_SYSTEM;
	e->recoverable = recoverable != 0;
	copy_text(e->code, sizeof(e->code), code);
	copy_text(e->message, sizeof(e->message), message);
}

/* ---- sinks ----------------------------------------------------------------------------------- */

#define SINK_MAX 65536

static th_status sink_push(th_sink *sink, th_str s)
{
	struct sink *to = (struct sink *)(void *)sink;
	char *copy;

	if (!to || (!s.ptr && s.len) || (s.len && memchr(s.ptr, '\0', s.len)) ||
	    !utf8_valid(s.ptr, s.len, NULL))
		return TH_E_INVALID;
	if (to->n == SINK_MAX)
		return TH_E_LIMIT;
	if (to->n == to->cap) {
		size_t cap = to->cap ? to->cap * 2 : 4;
		th_str *more = realloc(to->items, cap * sizeof(*more));

		if (!more) {
			to->failed = true;
			return TH_E_NOMEM;
		}
		to->items = more;
		to->cap = cap;
	}
	copy = arena_strndup(to->arena, s.ptr ? s.ptr : "", s.len);
	if (!copy) {
		to->failed = true;
		return TH_E_NOMEM;
	}
	to->items[to->n++] = (th_str){copy, s.len};
	return TH_OK;
}

void sink_done(struct sink *s)
{
	free(s->items);
	*s = (struct sink){.arena = s->arena};
}

/* ---- extensions and executions --------------------------------------------------------------- */

static const void *get_extension(const th_host *host, const char *id)
{
	const struct host *h = host && id ? host->ctx : NULL;

	for (const struct host_extension *e = h ? h->extensions : NULL; e && e->id; e++)
		if (streq(e->id, id))
			return e->table;
	return NULL;
}

static void *no_arena(th_exec *exec, size_t size, size_t align)
{
	(void)exec;
	(void)size;
	(void)align;
	return NULL;
}

static th_errout *no_error(th_exec *exec)
{
	(void)exec;
	return NULL;
}

static void no_complete(th_exec *exec, th_status status)
{
	(void)exec;
	(void)status;
	log_warn("a plugin completed an execution although nothing is being executed");
}

void host_init(struct host *h,
	       const struct host_extension *extensions,
	       const struct host_exec_ops *ops,
	       size_t quota)
{
	memset(h, 0, sizeof(*h));
	h->extensions = extensions;
	h->quota = quota;
	pthread_mutex_init(&h->lock, NULL);
	h->table = (th_host){
		.struct_size = sizeof(th_host),
		.abi_major = TH_ABI_MAJOR,
		.abi_minor = TH_ABI_MINOR,
		.ctx = h,
		.name = {"taskhost", 8},
		.version = {TASKHOST_VERSION, sizeof(TASKHOST_VERSION) - 1},
		.get_extension = get_extension,
		.error_set = error_set,
		.alloc = host_alloc,
		.free = host_free,
		.arena_alloc = ops && ops->arena_alloc ? ops->arena_alloc : no_arena,
		.sink_push = sink_push,
		.exec_error = ops && ops->exec_error ? ops->exec_error : no_error,
		.exec_complete = ops && ops->exec_complete ? ops->exec_complete : no_complete,
	};
}

void host_done(struct host *h)
{
	free(h->blocks);
	h->blocks = NULL;
	h->n_blocks = h->n_slots = 0;
	pthread_mutex_destroy(&h->lock);
}

/* ---- status ---------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	th_status status;
	int code;
} statuses[] = {
	{"TH_OK", TH_OK, ERR_OK},
	{"TH_PENDING", TH_PENDING, ERR_INVALID},
	{"TH_IGNORE_OUTPUTS", TH_IGNORE_OUTPUTS, ERR_INVALID},
	{"TH_BUSY", TH_BUSY, ERR_STATE},
	{"TH_E_USER", TH_E_USER, ERR_INVALID},
	{"TH_E_SYSTEM", TH_E_SYSTEM, ERR_IO},
	{"TH_E_CANCELLED", TH_E_CANCELLED, ERR_CANCELLED},
	{"TH_E_DEADLINE", TH_E_DEADLINE, ERR_TIMEOUT},
	{"TH_E_NOMEM", TH_E_NOMEM, ERR_NOMEM},
	{"TH_E_INVALID", TH_E_INVALID, ERR_INVALID},
	{"TH_E_NOT_FOUND", TH_E_NOT_FOUND, ERR_NOT_FOUND},
	{"TH_E_DENIED", TH_E_DENIED, ERR_DENIED},
	{"TH_E_UNSUPPORTED", TH_E_UNSUPPORTED, ERR_UNSUPPORTED},
	{"TH_E_ABI", TH_E_ABI, ERR_MISMATCH},
	{"TH_E_LIMIT", TH_E_LIMIT, ERR_LIMIT},
	{"TH_E_TYPE", TH_E_TYPE, ERR_MISMATCH},
};

const char *th_status_name(th_status st)
{
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
		if (statuses[i].status == st)
			return statuses[i].name;
	return st < 0 ? "an unknown failure" : "an unknown status";
}

int host_status_error(th_status st,
		      const struct th_errout_h *slot,
		      const char *what,
		      struct error *err)
{
	int code = st < 0 ? ERR_IO : ERR_INVALID;

	if (st == TH_OK)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
		if (statuses[i].status == st)
			code = statuses[i].code;
	if (slot && slot->set && slot->message[0])
		return err_set(err, code, "%s: %s%s%s", what, slot->code, slot->code[0] ? ": " : "",
			       slot->message);
	if (slot && slot->set && slot->code[0])
		return err_set(err, code, "%s: %s", what, slot->code);
	return err_set(err, code, "%s: the plugin returned %s (%d) without saying why", what,
		       th_status_name(st), (int)st);
}
