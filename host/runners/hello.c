#include "runners/hello.h"

#include "base/mem.h"
#include "runners/build_id.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

static const char magic[8] = "taskhost";

_Static_assert(sizeof(struct hello_head) == 80, "the head of all versions");
_Static_assert(sizeof(BUILD_ID) <= HELLO_BUILD_MAX, "a build id that fits");

const char *hello_build(void)
{
	return BUILD_ID;
}

/* ---- sending ------------------------------------------------------------------------------ */

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(HELLO_FDS_MAX * sizeof(int))];
};

static void attach(struct msghdr *msg, union control *control, const int *fds, size_t n_fds)
{
	struct cmsghdr *c;

	if (n_fds == 0)
		return;
	*control = (union control){.bytes = {0}};
	msg->msg_control = control->bytes;
	msg->msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
	c = CMSG_FIRSTHDR(msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
	memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int));
}

int hello_send_as(int fd,
		  const char *build,
		  enum hello_kind kind,
		  const void *body,
		  size_t len,
		  const int *fds,
		  size_t n_fds,
		  struct error *err)
{
	struct hello_head head = {.kind = kind, .len = (uint32_t)len};
	struct iovec parts[2] = {{&head, sizeof(head)}, {(void *)(uintptr_t)body, len}};
	struct msghdr msg = {.msg_iov = parts, .msg_iovlen = len ? 2 : 1};
	union control control;
	ssize_t r;

	if (len > HELLO_BYTES_MAX || n_fds > HELLO_FDS_MAX)
		return err_set(err, ERR_LIMIT, "what a runner is told has %zu bytes; at most %zu",
			       len, HELLO_BYTES_MAX);
	memcpy(head.magic, magic, sizeof(magic));
	memcpy(head.build, build, strnlen(build, sizeof(head.build) - 1));
	attach(&msg, &control, fds, n_fds);
	do
		r = sendmsg(fd, &msg, MSG_NOSIGNAL);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return err_set_errno(err, err_from_errno(errno), errno,
				     "cannot write to the control socket");
	return 0;
}

int hello_send(int fd,
	       enum hello_kind kind,
	       const void *body,
	       size_t len,
	       const int *fds,
	       size_t n_fds,
	       struct error *err)
{
	return hello_send_as(fd, BUILD_ID, kind, body, len, fds, n_fds, err);
}

/* ---- receiving ---------------------------------------------------------------------------- */

static void detach(struct msghdr *msg, struct hello *ret)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			memcpy(ret->fds, CMSG_DATA(c), MIN(n, (size_t)HELLO_FDS_MAX) * sizeof(int));
	}
}

static int check(const struct hello *h, size_t got, struct error *err)
{
	char theirs[HELLO_BUILD_MAX];
	size_t n = strnlen(h->head.build, sizeof(theirs) - 1);

	if (got < sizeof(h->head) || memcmp(h->head.magic, magic, sizeof(magic)) != 0)
		return err_set(err, ERR_INVALID, "the control socket carried something foreign");
	memcpy(theirs, h->head.build, n);
	theirs[n] = '\0';
	if (!utf8_valid(theirs, n, NULL))
		return err_set(err, ERR_INVALID, "the build on the control socket is no text");
	if (!streq(theirs, BUILD_ID))
		return err_set(err, ERR_MISMATCH,
			       "the other side is build %s, this is build %s: install the host and "
			       "its runner from one build",
			       theirs, BUILD_ID);
	if (got - sizeof(h->head) != h->head.len)
		return err_set(err, ERR_INVALID, "a control message has %zu bytes and says %u",
			       got - sizeof(h->head), h->head.len);
	return 1;
}

int hello_receive(int fd, bool with_fds, struct hello *ret, struct error *err)
{
	struct iovec parts[2] = {{&ret->head, sizeof(ret->head)}, {&ret->body, sizeof(ret->body)}};
	union control control;
	struct msghdr msg = {.msg_iov = parts, .msg_iovlen = 2};
	ssize_t got;
	int r;

	for (size_t i = 0; i < HELLO_FDS_MAX; i++)
		ret->fds[i] = -1;
	/* Without room for them the kernel drops descriptors that nobody asked for. */
	if (with_fds) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
	}
	do
		got = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return err_set(err, ERR_STATE, "no message yet");
	if (got < 0 && errno != ECONNRESET)
		return err_set_errno(err, ERR_IO, errno, "cannot read the control socket");
	if (got <= 0)
		return 0;
	if (with_fds)
		detach(&msg, ret);
	r = check(ret, (size_t)got, err);
	for (size_t i = 0; r < 0 && i < HELLO_FDS_MAX; i++)
		closep(&ret->fds[i]);
	return r;
}
