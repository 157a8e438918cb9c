/* The admin port: HTTP/1.1 for health checks, metrics, and a page to look at, with the JSON it is
 * drawn from. Reads only, owns nothing: what it shows comes from a table of functions. [loop]
 *
 *   /livez /readyz /startupz        200 "ok", or 503 and why not
 *   /metrics                        Prometheus text
 *   /                               the page
 *   /api/worker                     what the worker is and does now
 *   /api/series?since=SECOND        throughput and latency, second by second
 *   /api/executions?state=&plugin=&type=&before=ID&limit=N   newest first
 *   /api/executions/ID              with its timeline
 *   /api/executions/ID/logs?offset=N | ?tail=BYTES
 *   /api/plugins                    with verdicts and reasons
 *
 * GET and HEAD only. A listener on a loopback address answers only to addresses and "localhost" in
 * the Host header: otherwise a web page elsewhere could read it through a name of its own that
 * points here. */
#pragma once

#include "base/buf.h"
#include "base/str.h"
#include "loop/loop.h"

struct http_server;
struct http_source;

/* ---- the server -------------------------------------------------------------------------- */

struct http_params {
	const char *host;         /* as in struct listen_options */
	int port;                 /* 0 picks one */
	unsigned connections_max; /* 0: 128. One more cuts the one that waits longest. */
	size_t request_max;       /* bytes of a request's line and headers; 0: 16 KiB */
	int64_t patience_ns; /* a connection in which no request ends for so long is cut; 0: 30 s */
};

/* `source` and its user must outlive the server. */
int http_server_new(struct loop *l,
		    const struct http_params *params,
		    const struct http_source *source,
		    struct http_server **ret,
		    struct error *err);
int http_server_port(const struct http_server *s);
const char *http_server_address(const struct http_server *s); /* "127.0.0.1:8080" */

/* Ends listener and connections at once. Answers that are outstanding must still be ended by
 * http_answer_end or http_answer_fail, and go nowhere. NULL is fine. */
void http_server_close(struct http_server *s);

/* ---- where answers come from ------------------------------------------------------------- */

/* One question that a client waits for. It is answered by what fits the question, and ended exactly
 * once by http_answer_end or http_answer_fail, at once or later, from the loop. */
struct http_answer;

#define HTTP_ID_MAX   100
#define HTTP_LIST_MAX 200

struct http_list_query {
	struct str state, plugin, type; /* empty: all */
	struct str before;              /* only those older than this id; empty: from the newest */
	unsigned limit;                 /* 1 to HTTP_LIST_MAX */
};

struct http_log_query {
	bool tail; /* the last `max` bytes, else from `offset` on */
	uint64_t offset;
	size_t max;
};

/* All are needed. Spans of a query are good until the return. */
struct http_source {
	/* Whether it is so; if not, why, appended to `why`. */
	bool (*live)(void *user, struct buf *why);
	bool (*ready)(void *user, struct buf *why);
	bool (*started)(void *user, struct buf *why);
	/* Prometheus text. */
	void (*metrics)(void *user, struct buf *out);

	void (*worker)(void *user, struct http_answer *a); /* http_answer_worker once */
	/* http_answer_point for each second after `since`, oldest first. */
	void (*series)(void *user, int64_t since, struct http_answer *a);
	/* http_answer_execution for each, newest first. */
	void (*executions)(void *user, const struct http_list_query *q, struct http_answer *a);
	/* http_answer_execution once; ERR_NOT_FOUND. */
	void (*execution)(void *user, const char *id, struct http_answer *a);
	/* http_answer_log once; ERR_NOT_FOUND. */
	void (*logs)(void *user,
		     const char *id,
		     const struct http_log_query *q,
		     struct http_answer *a);
	void (*plugins)(void *user, struct http_answer *a); /* http_answer_plugin for each */
	void *user;
};

/* `more`: a list that goes on after the last one given. */
void http_answer_end(struct http_answer *a, bool more);

/* NOT_FOUND is 404, INVALID 400, all others 503; the client reads the message. */
void http_answer_fail(struct http_answer *a, int code, const char *message);

/* ---- what answers are made of ------------------------------------------------------------ */

/* Everything is copied at once. Text may be any bytes; what is not UTF-8 becomes U+FFFD. Times are
 * nanoseconds since 1970, 0 for not yet. Empty text is left out. */

struct http_worker {
	struct str version, name;       /* name: of this worker among others */
	struct str state;               /* "starting", "ready", "not ready", "draining" */
	struct str reason;              /* for it */
	struct str grpc, admin, socket; /* addresses */
	int64_t started_ns;
	unsigned slots, slots_used;
	uint64_t queued, running;
	int64_t oldest_ns; /* how long the oldest one queued has waited */
	struct str store;  /* its condition: "well", "disk full" */
};
void http_answer_worker(struct http_answer *a, const struct http_worker *w);

struct http_point {
	int64_t second;
	uint32_t done, failed;
	int64_t p50_ns, p99_ns;
};
void http_answer_point(struct http_answer *a, const struct http_point *p);

struct http_step {
	struct str state;
	unsigned run;
	int64_t at_ns;
};

struct http_execution {
	struct str id, task, type, plugin;
	struct str state;
	bool finished;
	struct str cause;         /* of the last step: why it waits, why it runs again */
	struct str code, message; /* of a failure */
	unsigned run;             /* number of the last one */
	int64_t accepted_ns, started_ns, finished_ns;
	int64_t due_ns; /* of the next run */
	int64_t cpu_ns;
	uint64_t max_rss;
	const struct http_step *steps; /* asked for by itself only */
	size_t n_steps;
};
void http_answer_execution(struct http_answer *a, const struct http_execution *e);

struct http_log {
	uint64_t offset, next; /* of the first byte given; where to go on */
	uint64_t gone, lost;   /* bytes no longer kept before `offset`; never kept */
	bool end;              /* nothing will follow */
	struct str text;
};
void http_answer_log(struct http_answer *a, const struct http_log *l);

struct http_plugin {
	struct str id, version, file, digest;
	struct str state;  /* the verdict: "active", "refused", "quarantined", "disabled" */
	struct str reason; /* of anything but active; of an active one, what it had to do without */
	struct str isolation, limits;
	int64_t quarantined_until_ns;
	const struct str *offers; /* task types and tasks */
	size_t n_offers;
	unsigned runners, busy, queued, running;
	uint64_t runs, crashes;
};
void http_answer_plugin(struct http_answer *a, const struct http_plugin *p);
