/* What server.c, request.c and answer.c know of each other. */
#pragma once

#include "base/json.h"
#include "http/http.h"
#include "loop/socket.h"
#include "loop/watch.h"

#include <microhttpd.h>

struct http_conn;

struct http_server {
	struct loop *loop;
	const struct http_source *source;
	struct MHD_Daemon *daemon;
	struct fd_watch *watch;
	struct loop_timer due; /* what libmicrohttpd wants to be called for */
	struct loop_timer patience;
	int64_t patience_ns;
	struct http_conn *conns, **conns_end; /* longest without the end of a request first */
	size_t n_conns, connections_max;
	bool loopback;
	int port;
	char address[SOCKET_ADDRESS_MAX];
};

/* One TCP connection. */
struct http_conn {
	struct http_server *server;
	struct MHD_Connection *mhd;
	struct http_answer *waiting; /* its source has not answered yet */
	int64_t since_ns;
	struct http_conn *next, **link;
};

/* One request, from its headers to the end of its response. */
struct http_answer {
	struct http_server *server; /* NULL when nobody waits any more */
	struct http_conn *conn;
	bool routed;
	bool held;    /* the source has it */
	bool expired; /* the source was too slow */
	bool head;    /* the source has written something */
	int status;
	const char *type; /* of the body */
	const char *csp;
	struct buf body;
	struct jw w;
	const char *list; /* the member that holds the list being written; NULL: one object */
};

/* ---- server.c ---- */

/* Ends the wait of a suspended connection. */
void http_conn_resume(struct http_conn *c);

/* ---- request.c ---- */

enum MHD_Result http_request(void *cls,
			     struct MHD_Connection *mhd,
			     const char *url,
			     const char *method,
			     const char *version,
			     const char *data,
			     size_t *data_size,
			     void **ret_answer);

/* ---- route.c ---- */

/* Answers, or hands the question to the source. */
void http_route(struct http_answer *a, const char *path);

/* ---- answer.c ---- */

struct http_answer *http_answer_new(struct http_conn *c);
void http_answer_free(struct http_answer *a);

/* The whole body in one; printf without a newline at the end, which is added. */
void http_answer_text(struct http_answer *a, int status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
