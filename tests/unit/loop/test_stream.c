#include "loop/stream.h"

#include "base/buf.h"
#include "base/mem.h"
#include "lib/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* One listener, the last connection it accepted, and what came over it. */
struct place {
	struct loop *l;
	struct listener *listener;
	struct stream *s;
	int accepted, ended, broken, writable, written, write_code;
	struct buf got;
	char buf[4096];
};

static void on_data(void *user, const void *data, size_t len)
{
	struct place *p = user;

	buf_append(&p->got, data, len);
}

static void on_end(void *user, const struct error *why)
{
	struct place *p = user;

	p->ended++;
	p->broken += why != NULL;
}

static void on_writable(void *user)
{
	struct place *p = user;

	p->writable++;
}

static const struct stream_ops stream_ops = {
	.read = on_data, .ended = on_end, .writable = on_writable};

static void on_accept(void *user, struct stream *s)
{
	struct place *p = user;
	struct error err = ERROR_INIT;

	p->accepted++;
	stream_close(p->s);
	p->s = s;
	stream_set(s, &stream_ops, p);
	if (stream_read_start(s, p->buf, sizeof(p->buf), &err) < 0)
		p->broken = 100;
}

static const struct listener_ops listener_ops = {.accepted = on_accept};

static void on_done(void *arg, int code)
{
	struct place *p = arg;

	p->written++;
	p->write_code = code;
}

static void place_open(struct place *p, const struct listen_options *o)
{
	struct error err = ERROR_INIT;

	memset(p, 0, sizeof(*p));
	CHECK_OK(loop_new(&p->l, &err), err);
	CHECK_OK(listener_new(p->l, o, &listener_ops, p, &p->listener, &err), err);
}

static void place_close(struct place *p)
{
	struct error err = ERROR_INIT;

	stream_close(p->s);
	listener_close(p->listener);
	CHECK_INT(loop_open(p->l), 0);
	CHECK_OK(loop_close(p->l, &err), err);
	buf_done(&p->got);
}

static void turn_until(struct place *p, const int *what)
{
	int64_t end = loop_now_ns() + 10 * (int64_t)1000000000;

	while (!*what) {
		CHECK(loop_now_ns() < end);
		loop_run_once(p->l, 100000000);
	}
}

static int dial_tcp(int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	return fd;
}

static int dial_unix(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(a.sun_path, path);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	close(fd);
	return -1;
}

static const char *socket_path(const char *name)
{
	static char path[100];

	snprintf(path, sizeof(path), "%s/%s", test_tmpdir(), name);
	return path;
}

TEST(tcp_bytes_both_ways_and_end)
{
	struct error err = ERROR_INIT;
	struct place p;
	struct stream_peer peer;
	char answer[8] = "";
	int fd;

	place_open(&p, &(struct listen_options){.host = "127.0.0.1"});
	CHECK(listener_port(p.listener) > 0);
	CHECK(strstr(listener_address(p.listener), "127.0.0.1:"));
	fd = dial_tcp(listener_port(p.listener));
	CHECK(write(fd, "hello", 5) == 5);
	while (p.got.len < 5)
		loop_run_once(p.l, 100000000);
	CHECK_STR(p.got.data, "hello");
	CHECK_INT(stream_write(p.s, "world", 5, on_done, &p, &err), 1);
	CHECK(read(fd, answer, sizeof(answer)) == 5);
	CHECK_STR(answer, "world");
	stream_peer(p.s, &peer);
	CHECK(!peer.local && str_starts(str_of(peer.address), "ipv4:127.0.0.1:"));
	shutdown(fd, SHUT_WR);
	turn_until(&p, &p.ended);
	CHECK_INT(p.broken, 0);
	CHECK_OK(stream_shutdown(p.s, &err), err);
	loop_run_once(p.l, 1000000);
	CHECK(read(fd, answer, sizeof(answer)) == 0);
	CHECK_INT(p.written, 0);
	close(fd);
	place_close(&p);
}

TEST(every_address_means_both_families)
{
	struct place p;
	int fd;

	place_open(&p, &(struct listen_options){.host = ""});
	fd = dial_tcp(listener_port(p.listener));
	turn_until(&p, &p.accepted);
	close(fd);
	place_close(&p);
}

TEST(port_in_use_is_told)
{
	struct error err = ERROR_INIT;
	struct place p;
	struct listener *second;
	char port[16];

	place_open(&p, &(struct listen_options){.host = "127.0.0.1"});
	snprintf(port, sizeof(port), ":%d", listener_port(p.listener));
	CHECK(listener_new(p.l,
			   &(struct listen_options){.host = "127.0.0.1",
						    .port = listener_port(p.listener)},
			   &listener_ops, &p, &second, &err) < 0);
	CHECK(strstr(err.message, port) && strstr(err.message, "in use"));
	place_close(&p);
}

TEST(bad_addresses_are_refused)
{
	struct error err = ERROR_INIT;
	struct place p;
	struct listener *x;
	char longpath[200];

	place_open(&p, &(struct listen_options){.host = "127.0.0.1"});
	CHECK_ERR(listener_new(p.l, &(struct listen_options){.host = "not an address"},
			       &listener_ops, &p, &x, &err),
		  ERR_INVALID, err, "not an address");
	CHECK_ERR(listener_new(p.l, &(struct listen_options){.host = "127.0.0.1", .port = 70000},
			       &listener_ops, &p, &x, &err),
		  ERR_INVALID, err, "70000");
	memset(longpath, 'x', sizeof(longpath));
	longpath[sizeof(longpath) - 1] = 0;
	CHECK_ERR(listener_new(p.l, &(struct listen_options){.unix_path = longpath}, &listener_ops,
			       &p, &x, &err),
		  ERR_INVALID, err, "107 bytes");
	place_close(&p);
}

TEST(unix_socket_is_private_and_removed)
{
	const char *path = socket_path("s1");
	struct stream_peer peer;
	struct place p;
	struct stat st;
	int fd;

	place_open(&p, &(struct listen_options){.unix_path = path});
	CHECK(stat(path, &st) == 0);
	CHECK_INT(st.st_mode & 0777, 0600);
	fd = dial_unix(path);
	CHECK(fd >= 0);
	turn_until(&p, &p.accepted);
	stream_peer(p.s, &peer);
	CHECK(peer.local && peer.uid == geteuid() && peer.pid == getpid());
	CHECK_STR(peer.address, "unix:");
	close(fd);
	place_close(&p);
	CHECK(stat(path, &st) < 0);
}

TEST(stale_socket_is_replaced_a_live_one_is_not)
{
	const char *path = socket_path("s2");
	struct error err = ERROR_INIT;
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct listener *second;
	struct place p;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(a.sun_path, path);
	CHECK(bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	close(fd); /* the file stays, nobody listens */
	place_open(&p, &(struct listen_options){.unix_path = path});
	CHECK(listener_new(p.l, &(struct listen_options){.unix_path = path}, &listener_ops, &p,
			   &second, &err) < 0);
	CHECK(strstr(err.message, "in use"));
	fd = dial_unix(path); /* the first still answers */
	CHECK(fd >= 0);
	turn_until(&p, &p.accepted);
	close(fd);
	place_close(&p);
}

TEST(a_file_in_the_way_is_left_alone)
{
	const char *path = socket_path("s3");
	struct error err = ERROR_INIT;
	struct listener *x;
	struct loop *l;
	FILE *f = fopen(path, "w");
	struct stat st;

	CHECK(f && fclose(f) == 0);
	CHECK_OK(loop_new(&l, &err), err);
	CHECK(listener_new(l, &(struct listen_options){.unix_path = path}, &listener_ops, NULL, &x,
			   &err) < 0);
	CHECK(stat(path, &st) == 0 && S_ISREG(st.st_mode));
	CHECK_OK(loop_close(l, &err), err);
}

/* Queues more than the socket takes; returns the socket of the other side. */
static int fill(struct place *p, struct buf *data, int pair[2])
{
	struct error err = ERROR_INIT;
	int r;

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	memset(p, 0, sizeof(*p));
	CHECK_OK(loop_new(&p->l, &err), err);
	CHECK_OK(stream_open(p->l, pair[0], &p->s, &err), err);
	stream_set(p->s, &stream_ops, p);
	stream_water(p->s, 0, 1 << 20);
	for (int i = 0; i < 4 << 20; i++)
		buf_putc(data, (char)(i * 7 >> 3));
	CHECK_OK(buf_check(data, "bytes", &err), err);
	r = stream_write(p->s, data->data, data->len, on_done, p, &err);
	CHECK_INT(r, 0);
	CHECK(stream_queued(p->s) > 1 << 20);
	CHECK_INT(p->written, 0);
	CHECK_INT(stream_try_write(p->s, "x", 1, &err), ERR_STATE);
	return pair[1];
}

TEST(queued_write_arrives_whole)
{
	_cleanup_(buf_done) struct buf data = BUF_INIT;
	_cleanup_(buf_done) struct buf got = BUF_INIT;
	struct error err = ERROR_INIT;
	struct place p;
	int pair[2], fd = fill(&p, &data, pair);
	char chunk[65536];

	while (got.len < data.len) {
		ssize_t n = recv(fd, chunk, sizeof(chunk), MSG_DONTWAIT);

		if (n > 0)
			buf_append(&got, chunk, (size_t)n);
		else
			loop_run_once(p.l, 10000000);
	}
	loop_run_once(p.l, 0);
	CHECK(memcmp(got.data, data.data, data.len) == 0);
	CHECK_INT(p.written, 1);
	CHECK_INT(p.write_code, 0);
	CHECK_INT(p.writable, 1);
	CHECK_INT(stream_queued(p.s), 0);
	close(fd);
	stream_close(p.s);
	CHECK_OK(loop_close(p.l, &err), err);
}

TEST(closing_cancels_queued_writes)
{
	_cleanup_(buf_done) struct buf data = BUF_INIT;
	struct error err = ERROR_INIT;
	struct place p;
	int pair[2], fd = fill(&p, &data, pair);

	stream_close(p.s);
	CHECK_INT(p.written, 0); /* never from inside */
	CHECK_OK(loop_close(p.l, &err), err);
	CHECK_INT(p.written, 1);
	CHECK_INT(p.write_code, ERR_CANCELLED);
	CHECK_INT(p.writable, 0);
	close(fd);
}

TEST(broken_connection_is_an_error_not_a_signal)
{
	_cleanup_(buf_done) struct buf data = BUF_INIT;
	struct error err = ERROR_INIT;
	struct place p;
	int pair[2], fd = fill(&p, &data, pair);

	close(fd);
	turn_until(&p, &p.written);
	CHECK_INT(p.write_code, ERR_IO);
	CHECK(stream_write(p.s, "x", 1, on_done, &p, &err) < 0);
	stream_close(p.s);
	CHECK_OK(loop_close(p.l, &err), err);
}

TEST(reset_is_told_as_broken)
{
	struct linger now = {.l_onoff = 1};
	struct place p;
	int fd;

	place_open(&p, &(struct listen_options){.host = "127.0.0.1"});
	fd = dial_tcp(listener_port(p.listener));
	turn_until(&p, &p.accepted);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
	turn_until(&p, &p.ended);
	CHECK_INT(p.broken, 1);
	place_close(&p);
}
