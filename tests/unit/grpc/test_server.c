/* The engine on a loop, over real sockets: accepting, limits on connections, ending. */
#include "handlers.h"

#include "base/mem.h"
#include "grpc/server.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static struct loop *l;
static struct grpc_server *server;
static int drained, closed;

static void on_drained(void *user)
{
	(void)user;
	drained++;
}

static void on_closed(void *user)
{
	(void)user;
	closed++;
}

static void start(const struct grpc_limits *limits)
{
	struct error err = ERROR_INIT;

	handlers_begin();
	drained = closed = 0;
	CHECK_OK(loop_new(&l, &err), err);
	CHECK_OK(grpc_server_new(l, limits, &server, &err), err);
	CHECK_OK(grpc_engine_add(grpc_server_engine(server), &test_service, NULL, &err), err);
	CHECK_OK(grpc_server_listen(server, &(struct listen_options){.host = "127.0.0.1"}, NULL,
				    NULL, &err),
		 err);
}

static void turn(int times)
{
	for (int i = 0; i < times; i++)
		loop_run_once(l, 2 * MS);
}

static void turn_until(const int *what)
{
	int64_t end = loop_now_ns() + 10 * SEC;

	while (!*what) {
		CHECK(loop_now_ns() < end);
		loop_run_once(l, 10 * MS);
	}
}

static void finish(void)
{
	struct error err = ERROR_INIT;

	if (server)
		grpc_server_close(TAKE(server), on_closed, NULL);
	turn(1);
	handlers_finish_kept(GRPC_CANCELLED);
	turn_until(&closed);
	CHECK_INT(loop_open(l), 0);
	CHECK_OK(loop_close(l, &err), err);
	handlers_end();
}

static int dial(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_port = htons((uint16_t)grpc_server_port(server, 0))};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	return fd;
}

/* Preface, SETTINGS, and one call of t.T/<method> with an empty message. */
static void call_by_hand(int fd, const char *method)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	char path[32];
	int n = snprintf(path, sizeof(path), "/t.T/%s", method);

	buf_append(&b, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33);
	buf_append(&b, (char[]){0, 0, (char)(6 + 1 + n + 18), 1, 4, 0, 0, 0, 1}, 9);
	buf_append(&b, "\x83\x86\x41\x01x\x44", 6);
	buf_putc(&b, (char)n);
	buf_append(&b, path, (size_t)n);
	buf_append(&b,
		   "\x5f\x10"
		   "application/grpc",
		   18);
	buf_append(&b, "\0\0\5\0\1\0\0\0\1\0\0\0\0\0", 14);
	CHECK(write(fd, b.data, b.len) == (ssize_t)b.len);
}

/* Whether the other side has closed, throwing away what it sent. */
static bool is_closed(int fd)
{
	char bytes[4096];
	ssize_t n;

	while ((n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		;
	return n == 0 || (n < 0 && errno != EAGAIN);
}

TEST(serves_a_socket)
{
	char bytes[512];
	int fd;

	start(NULL);
	CHECK(strstr(grpc_server_address(server, 0), "127.0.0.1:"));
	CHECK(!grpc_server_address(server, 1) && grpc_server_port(server, 1) == -1);
	fd = dial();
	call_by_hand(fd, "Echo");
	turn(5);
	CHECK_INT(handlers.started, 1);
	CHECK_INT(grpc_server_connections(server), 1);
	CHECK(recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 40);
	close(fd);
	turn(5);
	CHECK_INT(grpc_server_connections(server), 0);
	finish();
}

TEST(too_many_connections_are_closed)
{
	struct grpc_limits limits = grpc_limits_default;
	int fds[5], open = 0;

	limits.connections_max = 3;
	start(&limits);
	for (int i = 0; i < 5; i++)
		fds[i] = dial();
	turn(10);
	CHECK_INT(grpc_server_connections(server), 3);
	CHECK_INT(grpc_engine_stats(grpc_server_engine(server))->connections_refused, 2);
	for (int i = 0; i < 5; i++) {
		open += !is_closed(fds[i]);
		close(fds[i]);
	}
	CHECK_INT(open, 3);
	turn(10);
	fds[0] = dial();
	turn(5);
	CHECK_INT(grpc_server_connections(server), 1);
	close(fds[0]);
	finish();
}

TEST(a_client_that_goes_away_cancels_its_calls)
{
	int fd;

	start(NULL);
	fd = dial();
	call_by_hand(fd, "Keep");
	turn(5);
	CHECK_INT(handlers.n_kept, 1);
	close(fd);
	turn(5);
	CHECK_INT(handlers.cancelled, 1);
	CHECK_INT(grpc_server_connections(server), 0);
	finish();
}

TEST(closing_waits_for_handlers)
{
	int fd;

	start(NULL);
	fd = dial();
	call_by_hand(fd, "Keep");
	turn(5);
	grpc_server_close(TAKE(server), on_closed, NULL);
	CHECK_INT(handlers.cancelled, 0); /* not from inside */
	turn(5);
	CHECK_INT(handlers.cancelled, 1);
	CHECK_INT(closed, 0);
	CHECK(is_closed(fd));
	handlers_finish_kept(GRPC_OK);
	turn_until(&closed);
	close(fd);
	finish();
}

static void close_server(struct grpc_call *call)
{
	struct str x = STR("x");

	grpc_server_close(TAKE(server), on_closed, NULL);
	grpc_call_reply(call, &x, 1);
}

TEST(closing_from_a_handler)
{
	int fd;

	start(NULL);
	handlers.on_start = close_server;
	fd = dial();
	call_by_hand(fd, "Hook");
	turn_until(&closed);
	CHECK_INT(handlers.started, 1);
	close(fd);
	finish();
}

TEST(draining_lets_calls_finish)
{
	struct str x = STR("x");
	char bytes[1024];
	int fd;

	start(NULL);
	fd = dial();
	call_by_hand(fd, "Keep");
	turn(5);
	grpc_server_drain(server, on_drained, NULL);
	turn(5);
	CHECK_INT(drained, 0);
	CHECK(grpc_server_port(server, 0) < 0); /* nobody else is let in */
	CHECK(recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0);
	grpc_call_reply(handlers.kept[0], &x, 1);
	handlers.n_kept = 0;
	/* The second GOAWAY comes a second later, as this client answers no ping. */
	turn_until(&drained);
	CHECK_INT(grpc_server_connections(server), 0);
	CHECK_INT(handlers.cancelled, 0);
	close(fd);
	finish();
}

TEST(draining_an_idle_server)
{
	start(NULL);
	grpc_server_drain(server, on_drained, NULL);
	turn_until(&drained);
	CHECK_INT(drained, 1);
	turn(3);
	CHECK_INT(drained, 1);
	finish();
}

/* The preface, SETTINGS and a frame that ends the connection. */
static int dial_and_end(const char *frame, size_t len)
{
	int fd = dial();

	CHECK(write(fd, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33) == 33);
	CHECK(write(fd, frame, len) == (ssize_t)len);
	for (int i = 0; i < 500 && !is_closed(fd); i++)
		turn(1);
	return fd;
}

#define GOAWAY "\0\0\10\7\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define PING   "\0\0\10\6\0\0\0\0\0abcdefgh"

TEST(the_last_words_are_not_taken_back)
{
	/* A client's own GOAWAY, and PING on a stream, which is an error. */
	static const char *const ends[] = {GOAWAY, "\0\0\10\6\0\0\0\0\1abcdefgh"};
	int fd;

	start(NULL);
	for (size_t i = 0; i < 2; i++) {
		fd = dial_and_end(ends[i], 17);
		for (int k = 0; k < 20; k++) { /* what is on its way meanwhile */
			CHECK(send(fd, PING, 17, MSG_NOSIGNAL) == 17);
			turn(1);
		}
		CHECK_INT(recv(fd, (char[1]){0}, 1, MSG_DONTWAIT), 0); /* an end, not a reset */
		CHECK_INT(grpc_server_connections(server), 1);
		close(fd);
		turn(5);
		CHECK_INT(grpc_server_connections(server), 0);
	}
	finish();
}

TEST(who_does_not_close_is_not_waited_for_long)
{
	static const char bytes[64 << 10];
	size_t sent = 0;
	ssize_t n;
	int fd;

	start(NULL);
	fd = dial_and_end(GOAWAY, 17);
	for (int i = 0; i < 2000 && grpc_server_connections(server); i++)
		turn(1);
	CHECK_INT(grpc_server_connections(server), 0);
	close(fd);
	fd = dial_and_end(GOAWAY, 17);
	while ((n = send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL | MSG_DONTWAIT)) > 0 ||
	       errno == EAGAIN) {
		sent += n > 0 ? (size_t)n : 0;
		turn(1);
	}
	CHECK(sent < (size_t)32 << 20); /* of the gigabytes that fit into a second */
	CHECK_INT(grpc_server_connections(server), 0);
	close(fd);
	finish();
}

TEST(a_reader_that_stops_is_dropped)
{
	struct grpc_limits limits = grpc_limits_default;
	int small = 4096, fd;

	limits.stall_ns = 300 * MS;
	start(&limits);
	fd = dial();
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	handlers.reply_size = 3 << 20;
	call_by_hand(fd, "Big"); /* 64 KiB of it may be sent */
	turn(5);
	CHECK_INT(handlers.started, 1);
	CHECK(grpc_engine_stats(grpc_server_engine(server))->reply_bytes > 0);
	for (int i = 0; i < 2000 && grpc_engine_stats(grpc_server_engine(server))->reply_bytes; i++)
		turn(1);
	CHECK_INT(grpc_engine_stats(grpc_server_engine(server))->reply_bytes, 0);
	close(fd);
	finish();
}

TEST(adopts_a_socket)
{
	struct error err = ERROR_INIT;
	int pair[2];

	start(NULL);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	CHECK_OK(grpc_server_adopt(server, pair[0], &err), err);
	call_by_hand(pair[1], "Echo");
	turn(5);
	CHECK_INT(handlers.started, 1);
	close(pair[1]);
	CHECK(grpc_server_adopt(server, 9999, &err) < 0);
	finish();
}

TEST(memory_is_given_back_when_idle)
{
	struct grpc_engine *e;
	int64_t end;
	int fd;

	start(NULL);
	e = grpc_server_engine(server);
	handlers.reply_size = 3 << 20;
	fd = dial();
	call_by_hand(fd, "Big");
	turn(5);
	close(fd);
	turn(5);
	CHECK_INT(grpc_engine_memory(e), 0);
	for (end = loop_now_ns() + 4 * SEC; grpc_engine_idle_memory(e) > 0 && loop_now_ns() < end;)
		turn(10);
	CHECK(grpc_engine_idle_memory(e) < 256 << 10);
	finish();
}
