/* Byte streams over TCP and Unix sockets, and the listeners that accept them. */
#pragma once

#include "base/str.h"
#include "loop/loop.h"

#include <sys/types.h>

struct stream;
struct listener;

/* ---- listening --------------------------------------------------------------------------- */

struct listen_options {
	/* TCP: a numeric address or a name; NULL or "" is every address, IPv6 and IPv4. */
	const char *host;
	int port; /* 0 picks a free one */
	bool reuse_port;
	/* Or a Unix socket: made with mode 0600 (subject to the umask), removed on close. An old
	 * socket file that nobody listens on is replaced; anything else at that path is left alone.
	 */
	const char *unix_path;
	int backlog; /* 0: 512 */
};

struct listener_ops {
	/* A new connection, TCP_NODELAY set, not yet read from. The callee owns the stream. */
	void (*accepted)(void *user, struct stream *s);
	/* A connection could not be accepted (descriptors or memory used up); listening goes on. */
	void (*failed)(void *user, const struct error *why);
};

int listener_new(struct loop *l,
		 const struct listen_options *options,
		 const struct listener_ops *ops,
		 void *user,
		 struct listener **ret,
		 struct error *err);
int listener_port(const struct listener *s); /* 0 for a Unix socket */
const char *
listener_address(const struct listener *s); /* "127.0.0.1:8000", "[::]:8000", "unix:/run/x" */
void listener_close(struct listener *s);

/* ---- streams ----------------------------------------------------------------------------- */

struct stream_ops {
	/* `data` lies in the buffer given to stream_read_start and is good until the return. */
	void (*read)(void *user, const void *data, size_t len);
	/* No more will be read: why NULL is an orderly end, which leaves the other direction open.
	 * Comes at most once. The stream must still be closed. */
	void (*ended)(void *user, const struct error *why);
	/* The bytes queued fell to the low-water mark, after they had reached the high one. */
	void (*writable)(void *user);
};

void stream_set(struct stream *s, const struct stream_ops *ops, void *user);

/* Wraps a connected stream socket, which it then owns; on failure it stays the caller's. */
int stream_open(struct loop *l, int fd, struct stream **ret, struct error *err);

/* Reads into `buf` whenever something is there. The buffer is the caller's and may serve all
 * streams of a loop, as nothing is in it between callbacks. */
int stream_read_start(struct stream *s, void *buf, size_t len, struct error *err);
void stream_read_stop(struct stream *s);

/* Bytes the socket took at once, perhaps 0; a negative code when the connection is broken. Not
 * while bytes are queued: those must go first (ERR_STATE). */
ssize_t stream_try_write(struct stream *s, const void *data, size_t len, struct error *err);

/* Writes what the socket takes at once and queues the rest. 1: all is written, `done` does not
 * come. 0: `data` must stay as it is until `done` comes, exactly once, later, from the loop, with 0
 * or a negative code (ERR_CANCELLED after stream_close). Negative: nothing is queued, `done` does
 * not come. */
int stream_write(struct stream *s,
		 const void *data,
		 size_t len,
		 void (*done)(void *arg, int code),
		 void *arg,
		 struct error *err);
size_t stream_queued(const struct stream *s); /* bytes */
void stream_water(struct stream *s, size_t low, size_t high);

/* Ends the sending direction once what is queued has been written. */
int stream_shutdown(struct stream *s, struct error *err);

/* Ends both directions at once. */
void stream_close(struct stream *s);

/* ---- the other side ---------------------------------------------------------------------- */

struct stream_peer {
	bool local;       /* over a Unix socket */
	uid_t uid;        /* local: who connected */
	pid_t pid;        /* local: at that time; may be somebody else's by now */
	char address[80]; /* "ipv4:192.0.2.1:5000", "ipv6:[::1]:5000", "unix:" */
};

void stream_peer(const struct stream *s, struct stream_peer *ret);
