/* One accepted connection of a server: the socket's end of an h2_conn. */
#pragma once

#include "grpc/h2_conn.h"
#include "grpc/server.h"

#define READ_SIZE  ((size_t)256 << 10)
#define WRITE_SIZE ((size_t)128 << 10)

struct server_listener {
	struct grpc_server *server;
	struct listener *listener;
	const struct filter_ops *filter_ops;
	void *filter_context;
	struct server_listener *next;
};

struct grpc_server {
	struct loop *loop;
	struct grpc_engine *engine;
	struct server_listener *listeners;
	struct server_conn *conns;
	size_t n_conns;
	/* Shared by all connections, as a turn of one never interrupts that of another. */
	uint8_t *read_buf;
	uint8_t *write_buf; /* NULL when a connection has taken it for a queued write */
	uint8_t *plain_buf; /* with filters */
	struct loop_timer trim;
	uint64_t trim_seen; /* bytes received when it was set */
	void (*drained)(void *user);
	void *drained_user;
	void (*closed)(void *user);
	void *closed_user;
	struct loop_later end;
	size_t writes; /* queued, of closed connections too */
	bool draining, closing;
};

struct server_conn;

/* Owns the stream from here on, also on failure. */
int server_conn_new(struct grpc_server *s,
		    struct stream *stream,
		    const struct filter_ops *filter_ops,
		    void *filter_context,
		    struct error *err);
void server_conn_close(struct server_conn *c);
void server_conn_shutdown(struct server_conn *c);
struct server_conn *server_conn_next(const struct server_conn *c);

/* server.c: a connection is gone, or a queued write of one is over. */
void server_check_end(struct grpc_server *s);
/* Memory that waits for reuse is given back once nothing has been received for a while. */
void server_set_trim(struct grpc_server *s);
