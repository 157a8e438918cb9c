/* What the admin port of a worker shows: its struct http_source, filled from dispatch, catalog,
 * store, logs and metrics. [loop] */
#pragma once

#include "cli/serve_metrics.h"
#include "http/http.h"

struct logs;
struct serve_http;

/* What only those know who put the worker together; they change it as things happen. Texts may be
 * NULL. */
struct serve_http_facts {
	const char *name; /* of this worker among others */
	const char *grpc, *admin, *socket;
	int64_t started_ns;    /* wall */
	bool recovered;        /* what was accepted before is taken up */
	bool scanned;          /* what was in the directories at the start has its verdict */
	const char *not_ready; /* why it is to get no work, besides what is looked at here */
};

/* All are needed but `logs`, and must outlive the source. */
struct serve_http_params {
	struct loop *loop;
	struct dispatch *dispatch;
	struct store *store;
	struct catalog *catalog;
	struct logs *logs; /* NULL: nothing is kept of what runs print */
	struct serve_metrics *metrics;
	const struct serve_http_facts *facts;
};

int serve_http_new(const struct serve_http_params *params,
		   struct serve_http **ret,
		   struct error *err);

/* For http_server_new. */
const struct http_source *serve_http_source(const struct serve_http *h);

/* After http_server_close, before dispatch_free: ends the answers that are outstanding, and asks
 * nobody any more. NULL is fine. */
void serve_http_free(struct serve_http *h);

/* What serve_http_ready says now; within a second of its saying something else `changed` is called,
 * which asks again. The first `changed` stays. */
bool serve_http_watch(struct serve_http *h, void (*changed)(void *user), void *user);

/* ---- health ---------------------------------------------------------------------------------- */

/* As /livez, /readyz and /startupz tell it; if not, why is appended. */

/* The store's threads get on: neither does a write wait for 30 beats (serve_metrics.h) without a
 * commit, nor a read for so long. That the loop turns is shown by the answer. What a watchdog is to
 * be told of. A full or broken disk is not repaired by a restart, and does not count. */
bool serve_http_live(struct serve_http *h, struct buf *why);

/* Started, not draining, the store takes what is accepted, and `not_ready` is not set. */
bool serve_http_ready(struct serve_http *h, struct buf *why);

/* Recovered and scanned. */
bool serve_http_started(struct serve_http *h, struct buf *why);

/* "starting", "ready", "not ready", "draining"; why it is not ready is appended. */
const char *serve_http_state(struct serve_http *h, struct buf *why);
