/* Which path means what. */
#include "http/private.h"

#include "base/mem.h"
#include "base/metrics.h"
#include "http/page.h"

#define LIST_DEFAULT 50
#define LOG_DEFAULT  (64 * 1024)
#define LOG_MAX      (256 * 1024)

/* ---- queries ----------------------------------------------------------------------------- */

/* The value of ?name=, or NULL. */
static const char *query(const struct http_answer *a, const char *name)
{
	return MHD_lookup_connection_value(a->conn->mhd, MHD_GET_ARGUMENT_KIND, name);
}

/* False after having answered that it is no number up to `max`. */
static bool query_number(
	struct http_answer *a, const char *name, uint64_t fallback, uint64_t max, uint64_t *ret)
{
	const char *text = query(a, name);

	*ret = fallback;
	if (!text)
		return true;
	if (parse_u64(str_of(text), ret) && *ret <= max)
		return true;
	http_answer_text(a, MHD_HTTP_BAD_REQUEST, "%s must be a number from 0 to %llu", name,
			 (unsigned long long)max);
	return false;
}

static bool id_ok(struct str id)
{
	if (id.len == 0 || id.len > HTTP_ID_MAX)
		return false;
	for (size_t i = 0; i < id.len; i++)
		if (!(id.ptr[i] >= '0' && id.ptr[i] <= '9') &&
		    !((id.ptr[i] | 0x20) >= 'a' && (id.ptr[i] | 0x20) <= 'z') &&
		    !strchr("-_.:", id.ptr[i]))
			return false;
	return true;
}

/* ---- health and metrics ------------------------------------------------------------------ */

static void health(struct http_answer *a, bool (*ask)(void *, struct buf *))
{
	_cleanup_(buf_done) struct buf why = BUF_INIT;

	if (ask(a->server->source->user, &why))
		http_answer_text(a, MHD_HTTP_OK, "ok");
	else
		http_answer_text(a, MHD_HTTP_SERVICE_UNAVAILABLE, "not ok: %s",
				 why.len > 0 ? why.data : "no reason was given");
}

static void live(struct http_answer *a)
{
	health(a, a->server->source->live);
}

static void ready(struct http_answer *a)
{
	health(a, a->server->source->ready);
}

static void startup(struct http_answer *a)
{
	health(a, a->server->source->started);
}

static void metrics(struct http_answer *a)
{
	a->status = MHD_HTTP_OK;
	a->type = METRICS_CONTENT_TYPE;
	a->server->source->metrics(a->server->source->user, &a->body);
}

static void page(struct http_answer *a)
{
	a->status = MHD_HTTP_OK;
	a->type = "text/html; charset=utf-8";
	a->csp = page_csp;
	buf_append(&a->body, page_html, sizeof(page_html) - 1);
}

/* ---- api --------------------------------------------------------------------------------- */

static void worker(struct http_answer *a)
{
	a->held = true;
	a->server->source->worker(a->server->source->user, a);
}

static void series(struct http_answer *a)
{
	uint64_t since;

	if (!query_number(a, "since", 0, INT64_MAX, &since))
		return;
	a->held = true;
	a->list = "points";
	a->server->source->series(a->server->source->user, (int64_t)since, a);
}

static void executions(struct http_answer *a)
{
	struct http_list_query q = {.state = str_of(query(a, "state")),
				    .plugin = str_of(query(a, "plugin")),
				    .type = str_of(query(a, "type")),
				    .before = str_of(query(a, "before"))};
	uint64_t limit;

	if (!query_number(a, "limit", LIST_DEFAULT, HTTP_LIST_MAX, &limit))
		return;
	if (limit == 0 || (q.before.len > 0 && !id_ok(q.before))) {
		http_answer_text(a, MHD_HTTP_BAD_REQUEST, "%s",
				 limit == 0 ? "limit must be at least 1"
					    : "before must be an execution's id");
		return;
	}
	q.limit = (unsigned)limit;
	a->held = true;
	a->list = "executions";
	a->server->source->executions(a->server->source->user, &q, a);
}

static void plugins(struct http_answer *a)
{
	a->held = true;
	a->list = "plugins";
	a->server->source->plugins(a->server->source->user, a);
}

static void logs(struct http_answer *a, const char *id)
{
	struct http_log_query q = {.tail = query(a, "offset") == NULL, .max = LOG_DEFAULT};
	uint64_t tail;

	if (!query_number(a, "offset", 0, UINT64_MAX, &q.offset) ||
	    !query_number(a, "tail", LOG_DEFAULT, LOG_MAX, &tail))
		return;
	if (q.tail)
		q.max = (size_t)tail;
	a->held = true;
	a->server->source->logs(a->server->source->user, id, &q, a);
}

/* "ID" or "ID/logs" */
static void execution(struct http_answer *a, const char *rest)
{
	struct str name = {rest, strcspn(rest, "/")};
	char id[HTTP_ID_MAX + 1];

	rest += name.len;
	if (!id_ok(name) || (*rest && !streq(rest, "/logs"))) {
		http_answer_text(a, MHD_HTTP_NOT_FOUND, "there is no such execution");
		return;
	}
	snprintf(id, sizeof(id), STR_FMT, STR_ARG(name));
	if (*rest) {
		logs(a, id);
		return;
	}
	a->held = true;
	a->server->source->execution(a->server->source->user, id, a);
}

/* ---- paths ------------------------------------------------------------------------------- */

static const struct {
	const char *path;
	void (*answer)(struct http_answer *a);
} routes[] = {
	{"/", page},
	{"/livez", live},
	{"/readyz", ready},
	{"/startupz", startup},
	{"/metrics", metrics},
	{"/api/worker", worker},
	{"/api/series", series},
	{"/api/executions", executions},
	{"/api/plugins", plugins},
};

#define EXECUTION_PREFIX "/api/executions/"

void http_route(struct http_answer *a, const char *path)
{
	for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
		if (streq(path, routes[i].path)) {
			routes[i].answer(a);
			return;
		}
	}
	if (str_starts(str_of(path), EXECUTION_PREFIX))
		execution(a, path + strlen(EXECUTION_PREFIX));
	else
		http_answer_text(a, MHD_HTTP_NOT_FOUND,
				 "nothing is here; there are / /livez /readyz /startupz /metrics "
				 "and what is below /api/");
}
