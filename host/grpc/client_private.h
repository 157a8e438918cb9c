/* What the files of the client share. */
#pragma once

#include "grpc/client.h"
#include "grpc/frame.h"

#include <nghttp2/nghttp2.h>
#include <sys/socket.h>
#include <sys/un.h>

/* ---- sockets (client_socket.c) ----------------------------------------------------------- */

/* Where to connect to. */
struct client_target {
	char *shown;              /* as given */
	struct sockaddr_un unix_; /* sun_path is empty for TCP */
	char *host, *port;
};

int client_target_parse(const char *text, struct client_target *ret, struct error *err);
void client_target_done(struct client_target *t);

/* A connected socket that does not block. ERR_TIMEOUT, ERR_CANCELLED (stop_fd), ERR_IO. */
int client_connect(const struct client_target *t,
		   int64_t deadline_ns,
		   int stop_fd,
		   int *ret_fd,
		   struct error *err);

/* Waits for `events` on fd, for stop_fd, for a point of CLOCK_MONOTONIC (INT64_MAX: none). The
 * events that came; 0 when it is time; ERR_CANCELLED without an error. fd may be -1. */
int client_poll(int fd, short events, int stop_fd, int64_t until_ns);

/* ---- one call (client_call.c) ------------------------------------------------------------ */

/* A call under way. */
struct exchange {
	const struct grpc_client_call *call;
	nghttp2_session *session;
	size_t reply_max;
	int32_t stream;
	size_t sent; /* bytes of head and request */
	uint8_t head[FRAME_HEAD_SIZE];

	struct frame_reader reader;
	uint8_t *message;
	int http_status;
	bool is_grpc;
	int status; /* -1: the server has not told */
	char words[4 * GRPC_MESSAGE_MAX];
	size_t n_words;

	bool over;   /* nothing more can come */
	bool local;  /* status and words are ours, whatever the server said */
	int refused; /* what `message` returned */
	struct error *err;
};

/* The callbacks; the session's user data is the client, see client_exchange. */
int client_callbacks_new(nghttp2_session_callbacks **ret, struct error *err);
int exchange_begin(struct exchange *x,
		   const char *authority,
		   int64_t timeout_ns,
		   struct error *err);
void exchange_done(struct exchange *x);

/* Ends it from our side. */
void exchange_fail(struct exchange *x, enum grpc_status status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- the client (client.c) --------------------------------------------------------------- */

struct exchange *client_exchange(void *user);
void client_goaway(void *user);
