/* The worker service: its methods, and what all of them need. */
#include "flyte/message.h"
#include "grpc/svc_worker_private.h"
#include "store/ident.h"

#include <stdio.h>

/* ---- refusals ---------------------------------------------------------------------------- */

static enum grpc_status status_of(int err_code)
{
	switch (err_code) {
	case ERR_INVALID:
	case ERR_MISMATCH:
		return GRPC_INVALID_ARGUMENT;
	case ERR_NOT_FOUND:
		return GRPC_NOT_FOUND;
	case ERR_STATE:
	case ERR_DENIED:
		return GRPC_FAILED_PRECONDITION;
	case ERR_LIMIT:
	case ERR_NOMEM:
		return GRPC_RESOURCE_EXHAUSTED;
	default:
		return GRPC_UNAVAILABLE;
	}
}

void worker_refuse(struct grpc_call *call, int err_code, const char *why)
{
	grpc_call_finish(call, status_of(err_code), str_of(*why ? why : err_text(err_code)));
}

void worker_refuse_missing(struct grpc_call *call, uint64_t id)
{
	char text[IDENT_TEXT + 1];

	ident_format(id, text);
	grpc_call_finishf(call, GRPC_NOT_FOUND,
			  "there is no execution %s; it never was, or was removed when its time "
			  "was over",
			  text);
}

/* Of the same code, ours are limits and states, those of a store in trouble are its trouble. */
void worker_refuse_write(struct worker_service *s,
			 struct grpc_call *call,
			 int err_code,
			 const char *why)
{
	struct store_stats stats;

	store_stats(s->options.store, &stats);
	if (err_code == ERR_NOMEM || (err_code == ERR_LIMIT && stats.condition == STORE_WELL))
		grpc_call_finish(call, GRPC_RESOURCE_EXHAUSTED, str_of(why));
	else
		grpc_call_finish(call, GRPC_UNAVAILABLE, str_of(why));
}

/* ---- requests ---------------------------------------------------------------------------- */

void *worker_read(struct grpc_call *call, const struct message_desc *type, struct arena *arena)
{
	struct error err;
	void *request;
	int r;

	err.message[0] = '\0';
	r = message_decode(type, grpc_call_request(call), NULL, arena, &request, &err);
	if (r == 0)
		return request;
	/* What is too deep or too large to be read is wrong, not too much. */
	worker_refuse(call, r == ERR_LIMIT ? ERR_INVALID : r, err.message);
	return NULL;
}

bool worker_read_id(struct grpc_call *call, const char *text, uint64_t *ret)
{
	if (ident_parse(str_of(text), ret))
		return true;
	grpc_call_finishf(call, GRPC_INVALID_ARGUMENT,
			  "\"%.64s\" is not the id of an execution: that is %d letters and digits",
			  text, IDENT_TEXT);
	return false;
}

bool worker_read_only_id(struct grpc_call *call, const struct message_desc *type, uint64_t *ret)
{
	struct str request = grpc_call_request(call);
	struct view_field f;
	struct error err;
	char id[65];

	err.message[0] = '\0';
	if (wire_check(type, request, NULL, NULL, &err) < 0) {
		worker_refuse(call, ERR_INVALID, err.message);
		return false;
	}
	snprintf(id, sizeof(id), STR_FMT, STR_ARG(view_find(request, 1, &f) ? f.bytes : STR_NULL));
	return worker_read_id(call, id, ret);
}

bool worker_read_duration(struct grpc_call *call,
			  const char *field,
			  const Google__Protobuf__Duration *d,
			  int64_t *ret)
{
	int64_t ns;

	if (!d)
		return true;
	if (__builtin_mul_overflow(d->seconds, NS_S, &ns) ||
	    __builtin_add_overflow(ns, d->nanos, &ns))
		ns = d->seconds < 0 ? -1 : INT64_MAX;
	if (ns <= 0) {
		grpc_call_finishf(call, GRPC_INVALID_ARGUMENT,
				  "%s is not more than nothing; leave it unset for the default",
				  field);
		return false;
	}
	*ret = ns;
	return true;
}

void *worker_alloc(struct grpc_call *call, size_t size)
{
	void *memory = calloc(1, size);

	if (!memory)
		worker_refuse(call, ERR_NOMEM, "the worker has no memory left");
	else
		grpc_call_set_user(call, memory);
	return memory;
}

/* ---- the service ------------------------------------------------------------------------- */

static const struct grpc_method methods[] = {
	{"SubmitTask", GRPC_UNARY, worker_submit, &worker_submit_ops},
	{"GetExecution", GRPC_UNARY, worker_get, &worker_get_ops},
	{"ListExecutions", GRPC_UNARY, worker_list, &worker_list_ops},
	{"WatchExecution", GRPC_SERVER_STREAM, worker_watch, &worker_watch_ops},
	{"GetLogs", GRPC_SERVER_STREAM, worker_logs, &worker_logs_ops},
	{"CancelExecution", GRPC_UNARY, worker_cancel, &worker_cancel_ops},
	{"RetryExecution", GRPC_UNARY, worker_retry, &worker_retry_ops},
	{"ListPlugins", GRPC_UNARY, worker_list_plugins, NULL},
	{"DescribeTask", GRPC_UNARY, worker_describe, NULL},
	{"ReloadPlugins", GRPC_UNARY, worker_reload_plugins, &worker_reload_ops},
	{"SetPluginEnabled", GRPC_UNARY, worker_set_enabled, NULL},
	{"Unquarantine", GRPC_UNARY, worker_unquarantine, NULL},
	{"GetStatus", GRPC_UNARY, worker_status, &worker_status_ops},
	{"Drain", GRPC_SERVER_STREAM, worker_drain, &worker_drain_ops},
	{"GetStats", GRPC_UNARY, worker_stats, NULL},
};
static const struct grpc_service service = {"taskhost.worker.v1.Worker", methods,
					    ARRAY_LEN(methods)};

int worker_service_new(struct grpc_engine *e,
		       const struct worker_service_options *options,
		       struct worker_service **ret,
		       struct error *err)
{
	struct worker_service *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_nomem(err, "the worker service");
	s->options = *options;
	s->engine = e;
	list_init(&s->drains);
	r = grpc_engine_add(e, &service, s, err);
	if (r < 0) {
		free(s);
		return r;
	}
	*ret = s;
	return 0;
}

void worker_service_free(struct worker_service *s)
{
	free(s);
}
