#include "http/private.h"

#include "base/mem.h"

#include <stdarg.h>

#define MS INT64_C(1000000)

struct http_answer *http_answer_new(struct http_conn *c)
{
	struct http_answer *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->server = c->server;
	a->conn = c;
	a->w = (struct jw)JW_INIT(&a->body, 0);
	return a;
}

void http_answer_free(struct http_answer *a)
{
	buf_done(&a->body);
	free(a);
}

void http_answer_text(struct http_answer *a, int status, const char *fmt, ...)
{
	char text[ERR_MESSAGE_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_clear(&a->body);
	buf_printf(&a->body, "%s\n", text);
	a->status = status;
	a->type = "text/plain; charset=utf-8";
}

/* ---- the end ----------------------------------------------------------------------------- */

/* The source has let go. */
static void settle(struct http_answer *a)
{
	a->held = false;
	if (!a->server)
		http_answer_free(a);
	else if (a->conn->waiting == a)
		http_conn_resume(a->conn);
}

/* Begins a list on its first element, or on its end when it has none. */
static void begin(struct http_answer *a)
{
	if (a->head)
		return;
	a->head = true;
	a->status = MHD_HTTP_OK;
	a->type = "application/json";
	if (!a->list)
		return;
	jw_object_begin(&a->w);
	jw_keyz(&a->w, a->list);
	jw_array_begin(&a->w);
}

void http_answer_end(struct http_answer *a, bool more)
{
	begin(a);
	if (a->list) {
		jw_array_end(&a->w);
		jw_kv_bool(&a->w, "more", more);
		jw_object_end(&a->w);
	}
	buf_putc(&a->body, '\n');
	settle(a);
}

void http_answer_fail(struct http_answer *a, int code, const char *message)
{
	buf_clear(&a->body);
	a->w = (struct jw)JW_INIT(&a->body, 0);
	a->type = "application/json";
	a->status = code == ERR_NOT_FOUND ? MHD_HTTP_NOT_FOUND
		    : code == ERR_INVALID ? MHD_HTTP_BAD_REQUEST
					  : MHD_HTTP_SERVICE_UNAVAILABLE;
	jw_object_begin(&a->w);
	jw_kv_strz(&a->w, "error", message);
	jw_object_end(&a->w);
	buf_putc(&a->body, '\n');
	settle(a);
}

/* ---- what it is made of ------------------------------------------------------------------ */

static void put_text(struct jw *w, const char *key, struct str s)
{
	if (s.len > 0)
		jw_kv_str(w, key, s);
}

static void put_ms(struct jw *w, const char *key, int64_t ns)
{
	if (ns != 0)
		jw_kv_int(w, key, ns / MS);
}

static void put_number(struct jw *w, const char *key, uint64_t v)
{
	jw_keyz(w, key);
	jw_uint(w, v);
}

static void put_fraction_ms(struct jw *w, const char *key, int64_t ns)
{
	int64_t us = ns / 1000;

	jw_keyz(w, key);
	jw_double(w, (double)us / 1000);
}

void http_answer_worker(struct http_answer *a, const struct http_worker *worker)
{
	struct jw *w = &a->w;

	begin(a);
	jw_object_begin(w);
	put_text(w, "version", worker->version);
	put_text(w, "name", worker->name);
	put_text(w, "state", worker->state);
	put_text(w, "reason", worker->reason);
	put_text(w, "grpc", worker->grpc);
	put_text(w, "admin", worker->admin);
	put_text(w, "socket", worker->socket);
	put_text(w, "store", worker->store);
	put_ms(w, "started_ms", worker->started_ns);
	put_number(w, "slots", worker->slots);
	put_number(w, "slots_used", worker->slots_used);
	put_number(w, "queued", worker->queued);
	put_number(w, "running", worker->running);
	put_fraction_ms(w, "oldest_ms", worker->oldest_ns);
	jw_object_end(w);
}

void http_answer_point(struct http_answer *a, const struct http_point *p)
{
	struct jw *w = &a->w;

	begin(a);
	jw_object_begin(w);
	jw_kv_int(w, "second", p->second);
	put_number(w, "done", p->done);
	put_number(w, "failed", p->failed);
	put_fraction_ms(w, "p50_ms", p->p50_ns);
	put_fraction_ms(w, "p99_ms", p->p99_ns);
	jw_object_end(w);
}

static void put_steps(struct jw *w, const struct http_execution *e)
{
	jw_keyz(w, "steps");
	jw_array_begin(w);
	for (size_t i = 0; i < e->n_steps; i++) {
		jw_object_begin(w);
		jw_kv_str(w, "state", e->steps[i].state);
		put_number(w, "run", e->steps[i].run);
		put_ms(w, "at_ms", e->steps[i].at_ns);
		jw_object_end(w);
	}
	jw_array_end(w);
}

void http_answer_execution(struct http_answer *a, const struct http_execution *e)
{
	struct jw *w = &a->w;

	begin(a);
	jw_object_begin(w);
	jw_kv_str(w, "id", e->id);
	put_text(w, "task", e->task);
	put_text(w, "type", e->type);
	put_text(w, "plugin", e->plugin);
	jw_kv_str(w, "state", e->state);
	jw_kv_bool(w, "finished", e->finished);
	put_text(w, "cause", e->cause);
	put_text(w, "code", e->code);
	put_text(w, "message", e->message);
	put_number(w, "run", e->run);
	put_ms(w, "accepted_ms", e->accepted_ns);
	put_ms(w, "started_ms", e->started_ns);
	put_ms(w, "finished_ms", e->finished_ns);
	put_ms(w, "due_ms", e->due_ns);
	if (e->cpu_ns)
		put_fraction_ms(w, "cpu_ms", e->cpu_ns);
	if (e->max_rss)
		put_number(w, "max_rss", e->max_rss);
	if (!a->list)
		put_steps(w, e);
	jw_object_end(w);
}

void http_answer_log(struct http_answer *a, const struct http_log *l)
{
	struct jw *w = &a->w;

	begin(a);
	jw_object_begin(w);
	put_number(w, "offset", l->offset);
	put_number(w, "next", l->next);
	put_number(w, "gone", l->gone);
	put_number(w, "lost", l->lost);
	jw_kv_bool(w, "end", l->end);
	jw_kv_str(w, "text", l->text);
	jw_object_end(w);
}

void http_answer_plugin(struct http_answer *a, const struct http_plugin *p)
{
	struct jw *w = &a->w;

	begin(a);
	jw_object_begin(w);
	jw_kv_str(w, "id", p->id);
	put_text(w, "version", p->version);
	put_text(w, "file", p->file);
	put_text(w, "digest", p->digest);
	jw_kv_str(w, "state", p->state);
	put_text(w, "reason", p->reason);
	put_text(w, "isolation", p->isolation);
	put_text(w, "limits", p->limits);
	put_ms(w, "quarantined_until_ms", p->quarantined_until_ns);
	jw_keyz(w, "offers");
	jw_array_begin(w);
	for (size_t i = 0; i < p->n_offers; i++)
		jw_str(w, p->offers[i]);
	jw_array_end(w);
	put_number(w, "runners", p->runners);
	put_number(w, "busy", p->busy);
	put_number(w, "queued", p->queued);
	put_number(w, "running", p->running);
	put_number(w, "runs", p->runs);
	put_number(w, "crashes", p->crashes);
	jw_object_end(w);
}
