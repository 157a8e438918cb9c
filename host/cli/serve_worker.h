/* What a worker's gRPC service (grpc/svc_worker.h) asks for: its struct worker_source, filled from
 * the catalog, the pool and the configuration. [loop] */
#pragma once

#include "cli/catalog.h"
#include "grpc/svc_worker.h"

struct serve_worker;

/* What only those know who put the worker together. Texts may be NULL. */
struct serve_worker_facts {
	const char *const *grpc; /* addresses that are listened on */
	size_t n_grpc;
	const char *admin, *socket;
	const char *state_dir; /* absolute */
	int64_t started_ns;    /* wall */
	/* "starting", "ready", "not ready" or "draining"; why it is not ready is appended. */
	const char *(*state)(void *user, struct buf *why);
	/* Begins what SIGTERM begins; the time for what runs has been set. */
	int (*drain)(void *user, struct str reason, struct error *err);
	/* May be NULL: see worker_source.generation. */
	bool (*generation)(void *user, uint64_t id, struct str *ret_digest);
	void *user;
};

/* All are needed, and must outlive the source; the facts may change as things happen. */
struct serve_worker_params {
	const struct worker_config *config;
	struct catalog *catalog;
	struct runner_pool *pool;
	struct dispatch *dispatch;
	const struct serve_worker_facts *facts;
};

int serve_worker_new(const struct serve_worker_params *params,
		     struct serve_worker **ret,
		     struct error *err);

/* For worker_service_options. */
struct worker_source serve_worker_source(struct serve_worker *w);

/* After the engine is gone. NULL is fine. */
void serve_worker_free(struct serve_worker *w);

/* ---- serve_worker_plugins.c: what catalogs tell, as messages ----------------------------------- */

Taskhost__Worker__V1__Plugin *serve_worker_plugin(struct draft *d, const struct catalog_view *v);
Taskhost__Worker__V1__PluginChange *serve_worker_change(struct draft *d,
							const struct catalog_change *c);
