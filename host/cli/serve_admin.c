/* What people see: numbers, health and the page on the admin port. */
#include "cli/serve_private.h"

#include "base/mem.h"
#include "http/http.h"

#include <stdio.h>

int serve_open_metrics(struct serve *s)
{
	int rc = worker_metrics_init(&s->metrics, &s->err);

	return rc < 0 ? rc : serve_metrics_new(s->loop, &s->metrics, &s->beat, &s->err);
}

/* All gRPC addresses in one text. */
static char *addresses(const struct serve *s)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;

	for (size_t i = 0; i < s->config->listen.n; i++)
		buf_printf(&text, "%s%s", i > 0 ? "," : "", grpc_server_address(s->grpc, i));
	buf_putc(&text, '\0');
	return text.failed ? NULL : TAKE(text.data);
}

static int listen_http(struct serve *s)
{
	const struct config_address *a = &s->config->admin;
	const struct http_params p = {.host = a->host, .port = a->port};
	int rc;

	if (a->port < 0)
		return 0;
	rc = http_server_new(s->loop, &p, serve_http_source(s->admin), &s->http, &s->err);
	if (rc < 0)
		return err_wrap(&s->err, "--admin %s", a->text);
	s->facts.admin = http_server_address(s->http);
	s->worker_facts.admin = s->facts.admin;
	snprintf(s->log_base, sizeof(s->log_base), "http://%s/#", s->facts.admin);
	return 0;
}

int serve_open_admin(struct serve *s)
{
	const struct serve_http_params p = {.loop = s->loop,
					    .dispatch = s->dispatch,
					    .store = s->store,
					    .catalog = s->catalog,
					    .logs = s->logs,
					    .metrics = s->beat,
					    .facts = &s->facts};
	const struct serve_metrics_sources sources = {.dispatch = s->dispatch,
						      .store = s->store,
						      .pool = s->pool,
						      .catalog = s->catalog,
						      .engine = grpc_server_engine(s->grpc)};
	int rc = serve_http_new(&p, &s->admin, &s->err);

	if (rc < 0)
		return rc;
	s->grpc_addresses = addresses(s);
	s->facts.grpc = s->grpc_addresses;
	s->facts.socket = *s->config->socket ? s->config->socket : NULL;
	s->facts.started_ns = s->started_at;
	s->facts.recovered = true;
	serve_metrics_watch(s->beat, &sources);
	serve_metrics_start(s->beat, 0);
	return listen_http(s);
}

void serve_close_admin(struct serve *s)
{
	const struct serve_metrics_sources nobody = {.dispatch = NULL};

	if (s->beat)
		serve_metrics_watch(s->beat, &nobody);
	s->facts.admin = s->worker_facts.admin = NULL;
	http_server_close(TAKE(s->http));
	serve_http_free(TAKE(s->admin));
}

void serve_free_admin(struct serve *s)
{
	serve_metrics_free(s->beat);
	worker_metrics_done(&s->metrics);
	free(s->grpc_addresses);
}

bool serve_store_alive(struct serve *s)
{
	_cleanup_(buf_done) struct buf why = BUF_INIT;

	return !s->admin || serve_http_live(s->admin, &why);
}
