/* What clients see: gRPC with its services, on TCP and on the Unix socket. */
#include "cli/serve_private.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "cli/socket_path.h"
#include "grpc/reflection.h"
#include "grpc/svc_worker.h"

#include "worker_reflection.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

/* "" is the server as a whole. */
static const char *const task_services[] = {
	"flyteidl.service.AsyncAgentService",
	"flyteidl.service.SyncAgentService",
	"",
};

/* What there is can be told, and looked after, at any time. */
static const char *const other_services[] = {
	"flyteidl.service.AgentMetadataService",
	"taskhost.worker.v1.Worker",
};

/* ---- services ---------------------------------------------------------------------------------- */

static int make_server(struct serve *s)
{
	struct grpc_limits limits = grpc_limits_default;

	limits.request_max = (size_t)s->config->receive_max;
	limits.reply_max = (size_t)s->config->reply_max;
	limits.requests_conn = MAX(limits.requests_conn, limits.request_max);
	limits.requests_all = MAX(limits.requests_all, limits.request_max);
	return grpc_server_new(s->loop, &limits, &s->grpc, &s->err);
}

static const char *state_text(void *user, struct buf *why)
{
	struct serve *s = user;

	return s->admin ? serve_http_state(s->admin, why) : "starting";
}

static int begin_drain(void *user, struct str reason, struct error *err)
{
	struct serve *s = user;

	(void)err;
	log_info("asked to stop%s" STR_FMT, reason.len > 0 ? ": " : "", STR_ARG(reason));
	serve_drain(s);
	return 0;
}

static bool generation_of(void *user, uint64_t id, struct str *ret_digest)
{
	struct serve *s = user;

	return serve_runs_generation(s->runs, id, ret_digest);
}

/* The service of our own verbs. */
static int add_worker_service(struct serve *s)
{
	const struct serve_worker_params params = {.config = s->config,
						   .catalog = s->catalog,
						   .pool = s->pool,
						   .dispatch = s->dispatch,
						   .facts = &s->worker_facts};
	struct worker_service_options o = {.loop = s->loop,
					   .dispatch = s->dispatch,
					   .store = s->store,
					   .logs = s->logs,
					   .metrics = s->metrics.metrics,
					   .catalog = catalog_agent(s->catalog),
					   .wall_ns = clock_realtime_ns};
	int rc;

	s->worker_facts = (struct serve_worker_facts){
		.socket = *s->config->socket ? s->config->socket : NULL,
		.state_dir = s->state.path,
		.started_ns = s->started_at,
		.state = state_text,
		.drain = begin_drain,
		.generation = generation_of,
		.user = s,
	};
	rc = serve_worker_new(&params, &s->worker_source, &s->err);
	if (rc < 0)
		return rc;
	o.source = serve_worker_source(s->worker_source);
	return worker_service_new(grpc_server_engine(s->grpc), &o, &s->worker, &s->err);
}

static int add_services(struct serve *s)
{
	struct grpc_engine *e = grpc_server_engine(s->grpc);
	const struct agent_options agent = {.dispatch = s->dispatch,
					    .catalog = catalog_agent(s->catalog),
					    .metrics = s->metrics.metrics,
					    .logs = s->logs,
					    .log_base =
						    s->config->admin.port < 0 ? NULL : s->log_base,
					    .clock_ns = loop_now_ns};
	int rc = agent_service_new(e, &agent, &s->agent, &s->err);

	if (rc == 0)
		rc = add_worker_service(s);
	if (rc == 0)
		rc = health_new(e, &s->health, &s->err);
	if (rc == 0)
		rc = reflection_add(e, &worker_reflection, &s->err);
	return rc;
}

static void on_ready_changed(void *user)
{
	serve_tell_health(user);
}

/* As /readyz tells it, and not before everything is there that it looks at. */
static bool is_well(struct serve *s)
{
	bool ready = s->admin && serve_http_watch(s->admin, on_ready_changed, s);

	return ready && s->loaded && !s->draining;
}

void serve_tell_health(struct serve *s)
{
	struct error err = ERROR_INIT;
	bool well;
	int rc = 0;

	if (!s->health || s->closing)
		return;
	well = is_well(s);
	for (size_t i = 0; i < ARRAY_LEN(task_services) && rc == 0; i++)
		rc = health_set(s->health, task_services[i],
				well ? HEALTH_SERVING : HEALTH_NOT_SERVING, &err);
	for (size_t i = 0; i < ARRAY_LEN(other_services) && rc == 0; i++)
		rc = health_set(s->health, other_services[i], HEALTH_SERVING, &err);
	if (rc < 0)
		log_warn("the state of health is not told: %s", err.message);
}

/* ---- addresses --------------------------------------------------------------------------------- */

static int open_tls(struct serve *s)
{
	const struct worker_config *c = s->config;
	const struct tls_options o = {.cert_file = c->tls_cert,
				      .key_file = c->tls_key,
				      .client_ca_file =
					      *c->tls_client_ca ? c->tls_client_ca : NULL};

	return *c->tls_cert ? tls_new(&o, &s->tls, &s->err) : 0;
}

static int note_addresses(struct serve *s)
{
	size_t n = s->config->listen.n;

	s->grpc_texts = calloc(n + 1, sizeof(*s->grpc_texts));
	if (!s->grpc_texts)
		return err_nomem(&s->err, "addresses");
	for (size_t i = 0; i < n; i++)
		s->grpc_texts[i] = grpc_server_address(s->grpc, i);
	s->worker_facts.grpc = s->grpc_texts;
	s->worker_facts.n_grpc = n;
	return 0;
}

static int listen_tcp(struct serve *s)
{
	const struct config_addresses *a = &s->config->listen;
	int rc = open_tls(s);

	for (size_t i = 0; i < a->n && rc == 0; i++) {
		const struct listen_options o = {.host = a->items[i].host,
						 .port = a->items[i].port};

		rc = grpc_server_listen(s->grpc, &o, s->tls ? tls_filter_ops(s->tls) : NULL,
					s->tls ? tls_filter_context(s->tls) : NULL, &s->err);
		if (rc < 0)
			return err_wrap(&s->err, "--listen %s", a->items[i].text);
	}
	return rc < 0 ? rc : note_addresses(s);
}

/* The directory of the socket, for its owner only. */
static int make_parent(struct serve *s, const char *path)
{
	const char *slash = strrchr(path, '/');
	char dir[4096];

	if (!slash || slash == path)
		return 0;
	snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return err_set_errno(&s->err, err_from_errno(errno), errno,
				     "--socket %s: cannot make the directory %s", path, dir);
	return 0;
}

static int listen_unix(struct serve *s)
{
	const struct listen_options o = {.unix_path = s->config->socket};
	int rc;

	if (!*s->config->socket)
		return 0;
	rc = make_parent(s, s->config->socket);
	if (rc == 0)
		rc = grpc_server_listen(s->grpc, &o, NULL, NULL, &s->err);
	return rc < 0 ? err_wrap(&s->err, "--socket") : 0;
}

/* ---- the whole --------------------------------------------------------------------------------- */

int serve_open_rpc(struct serve *s)
{
	int rc = make_server(s);

	if (rc == 0)
		rc = add_services(s);
	if (rc == 0)
		rc = listen_tcp(s);
	if (rc == 0)
		rc = listen_unix(s);
	if (rc == 0)
		serve_tell_health(s);
	return rc;
}

void serve_free_rpc(struct serve *s)
{
	agent_service_free(s->agent);
	worker_service_free(s->worker);
	serve_worker_free(s->worker_source);
	free(s->grpc_texts);
	health_free(s->health);
	tls_free(s->tls);
}
