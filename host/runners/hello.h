/* The control socket between host and runner (SEQPACKET): how they meet, and who they are.
 *
 * The host speaks first. Every message starts with the same head, in all versions for ever, so that
 * programs of different builds can tell each other so; what follows the head is only read between
 * programs of one build. */
#pragma once

#include "base/str.h"
#include "runners/channel.h"
#include "runners/runner_limits.h"

#include <sys/types.h>

#define HELLO_BUILD_MAX 64
#define HELLO_BYTES_MAX ((size_t)96 << 10)
#define HELLO_FDS_MAX   3

enum hello_kind {
	/* host to runner */
	HELLO_SERVE = 1, /* struct hello_serve and its texts; memory, wake, completed */
	HELLO_NAME = 2,  /* name the frames of a crash: struct naming_memory in a memfd */
	/* runner to host */
	HELLO_READY = 16,
	HELLO_FAILED = 17,  /* struct hello_failed */
	HELLO_REFUSED = 18, /* another build; nothing follows */
};

/* Never to be changed. */
struct hello_head {
	char magic[8];
	uint32_t kind;
	uint32_t len; /* of what follows */
	char build[HELLO_BUILD_MAX];
};

struct hello_serve {
	struct channel_size size;
	struct runner_limits limits;
	uint32_t cgroup; /* the control group holds the memory limit */
	uint32_t max_inflight;
	int32_t host; /* process id */
	/* texts behind it, in this order */
	uint32_t name_len, path_len, digest_len, config_len;
};

struct hello_failed {
	int32_t code;
	char message[ERR_MESSAGE_MAX];
};

struct hello {
	struct hello_head head;
	union {
		unsigned char bytes[HELLO_BYTES_MAX];
		struct hello_serve serve;
		struct hello_failed failed;
	} body;
	int fds[HELLO_FDS_MAX]; /* owned by whoever received them; -1 where there is none */
};

/* What names this build: version and a digest of the sources. */
const char *hello_build(void);

/* Never blocks on a socket that does not. */
int hello_send(int fd,
	       enum hello_kind kind,
	       const void *body,
	       size_t len,
	       const int *fds,
	       size_t n_fds,
	       struct error *err);

/* As hello_send, in the name of another build; for the tests of the refusal. */
int hello_send_as(int fd,
		  const char *build,
		  enum hello_kind kind,
		  const void *body,
		  size_t len,
		  const int *fds,
		  size_t n_fds,
		  struct error *err);

/* 1: a well-formed message of this build. 0: the other side has closed. ERR_STATE: nothing there
 * yet on a non-blocking socket. ERR_MISMATCH: the message is of another build, both are named.
 * ERR_INVALID: it is no message of ours. Descriptors are only accepted `with_fds`. */
int hello_receive(int fd, bool with_fds, struct hello *ret, struct error *err);
