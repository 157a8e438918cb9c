#include "lib/test.h"

#include "base/mem.h"
#include "runners/hello.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

static int pair[2];
static struct hello got;

static void open_pair(void)
{
	CHECK_INT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
}

static void close_pair(void)
{
	closep(&pair[0]);
	closep(&pair[1]);
}

TEST(a_message_with_descriptors)
{
	struct error err = ERROR_INIT;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	open_pair();
	CHECK_OK(hello_send(pair[0], HELLO_SERVE, "body", 4, &null, 1, &err), err);
	CHECK_INT(hello_receive(pair[1], true, &got, &err), 1);
	CHECK_INT(got.head.kind, HELLO_SERVE);
	CHECK_INT(got.head.len, 4);
	CHECK(memcmp(got.body.bytes, "body", 4) == 0);
	CHECK(got.fds[0] >= 0 && got.fds[1] == -1);
	CHECK(fcntl(got.fds[0], F_GETFD) & FD_CLOEXEC);
	closep(&got.fds[0]);
	/* Who does not ask for descriptors gets none. */
	CHECK_OK(hello_send(pair[0], HELLO_READY, NULL, 0, &null, 1, &err), err);
	CHECK_INT(hello_receive(pair[1], false, &got, &err), 1);
	CHECK_INT(got.fds[0], -1);
	CHECK_INT(hello_receive(pair[1], false, &got, &err), ERR_STATE);
	closep(&pair[0]);
	CHECK_INT(hello_receive(pair[1], false, &got, &err), 0);
	closep(&null);
	close_pair();
}

TEST(another_build_is_named)
{
	struct error err = ERROR_INIT;

	open_pair();
	CHECK_OK(hello_send_as(pair[0], "9.9.9+abc", HELLO_READY, NULL, 0, NULL, 0, &err), err);
	CHECK_ERR(hello_receive(pair[1], false, &got, &err), ERR_MISMATCH, err,
		  "the other side is build 9.9.9+abc, this is build ");
	CHECK(strstr(err.message, hello_build()));
	CHECK(str_starts(str_of(hello_build()), TASKHOST_VERSION "+"));
	close_pair();
}

/* Programs of all versions must be able to read it. */
TEST(the_head_never_changes)
{
	struct error err = ERROR_INIT;
	unsigned char bytes[200], expected[80] = "taskhost\x12\0\0\0\x05\0\0\0"
						 "1.2.3+abc";

	open_pair();
	CHECK_OK(hello_send_as(pair[0], "1.2.3+abc", HELLO_REFUSED, "hello", 5, NULL, 0, &err),
		 err);
	CHECK_INT(recv(pair[1], bytes, sizeof(bytes), 0), 85);
	CHECK(memcmp(bytes, expected, sizeof(expected)) == 0);
	CHECK(memcmp(bytes + 80, "hello", 5) == 0);
	close_pair();
}

TEST(foreign_bytes)
{
	struct error err = ERROR_INIT;
	struct hello_head head = {.kind = HELLO_READY, .len = 99};

	open_pair();
	CHECK(send(pair[0], "GET / HTTP/1.1\r\n", 16, 0) == 16);
	CHECK_ERR(hello_receive(pair[1], true, &got, &err), ERR_INVALID, err, "foreign");
	memcpy(head.magic, "taskhost", 8);
	memcpy(head.build, hello_build(), strlen(hello_build()));
	CHECK(send(pair[0], &head, sizeof(head), 0) == sizeof(head));
	CHECK_ERR(hello_receive(pair[1], true, &got, &err), ERR_INVALID, err, "says 99");
	memset(head.build, 0xff, sizeof(head.build));
	CHECK(send(pair[0], &head, sizeof(head), 0) == sizeof(head));
	CHECK_ERR(hello_receive(pair[1], true, &got, &err), ERR_INVALID, err, "no text");
	close_pair();
}

TEST(too_long)
{
	struct error err = ERROR_INIT;
	static char body[HELLO_BYTES_MAX + 1];

	open_pair();
	CHECK_ERR(hello_send(pair[0], HELLO_SERVE, body, sizeof(body), NULL, 0, &err), ERR_LIMIT,
		  err, "at most");
	close_pair();
}
