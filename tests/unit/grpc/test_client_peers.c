/* The waiting client against peers that misbehave. */
#include "interop.h"

#include "base/mem.h"

#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A peer for one connection: takes the first bytes, says its piece, then hangs up or waits until
 * the other side does. */
struct peer {
	int fd;
	struct buf piece;
	bool hang_up;
	pthread_t thread;
	char path[200];
};

static void *peer_main(void *arg)
{
	struct peer *p = arg;
	int fd = accept(p->fd, NULL, NULL);
	char bytes[4096];
	size_t got = 0;

	/* The call's headers come right behind the preface. */
	while (fd >= 0 && got < 100) {
		ssize_t n = read(fd, bytes, sizeof(bytes));

		if (n <= 0)
			break;
		got += (size_t)n;
	}
	if (fd >= 0 && p->piece.len > 0 && send(fd, p->piece.data, p->piece.len, MSG_NOSIGNAL) < 0)
		perror("send");
	while (fd >= 0 && !p->hang_up && read(fd, bytes, sizeof(bytes)) > 0)
		;
	close(fd);
	return NULL;
}

static void peer_start(struct peer *p)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(p->path, sizeof(p->path), "%s/peer.sock", test_tmpdir());
	unlink(p->path);
	CHECK(strlen(p->path) < sizeof(address.sun_path));
	memcpy(address.sun_path, p->path, strlen(p->path) + 1);
	p->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(bind(p->fd, (const struct sockaddr *)&address, sizeof(address)) == 0);
	CHECK(listen(p->fd, 1) == 0);
	CHECK(pthread_create(&p->thread, NULL, peer_main, p) == 0);
}

static void frame(struct buf *out, uint8_t type, uint8_t flags, uint8_t stream, struct str body)
{
	const uint8_t head[9] = {(uint8_t)(body.len >> 16),
				 (uint8_t)(body.len >> 8),
				 (uint8_t)body.len,
				 type,
				 flags,
				 0,
				 0,
				 0,
				 stream};

	buf_append(out, head, sizeof(head));
	buf_append(out, body.ptr, body.len);
}

static void hpack(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, "%c%c%s", 0x10, (int)strlen(name), name);
	buf_printf(out, "%c%s", (int)strlen(value), value);
}

static void headers(struct buf *out, bool last, const char *const *pairs)
{
	_cleanup_(buf_done) struct buf block = BUF_INIT;

	for (; *pairs; pairs += 2)
		hpack(&block, pairs[0], pairs[1]);
	frame(out, 1, last ? 5 : 4, 1, (struct str){block.data, block.len});
}

static const char *const good_headers[] = {":status", "200", "content-type", "application/grpc",
					   NULL};
static const char *const ok_trailers[] = {"grpc-status", "0", NULL};

/* One call to a peer that says `piece` after its settings. */
static void call_peer(const struct buf *piece,
		      bool settings,
		      bool hang_up,
		      int code,
		      int status,
		      const char *words)
{
	struct peer p = {.piece = BUF_INIT, .hang_up = hang_up};
	_cleanup_(buf_done) struct buf reply = BUF_INIT;
	const struct buf none = BUF_INIT;
	struct error err = ERROR_INIT;
	enum grpc_status got = GRPC_OK;
	struct grpc_client *c;

	if (settings)
		frame(&p.piece, 4, 0, 0, STR_NULL);
	buf_append(&p.piece, piece->data, piece->len);
	peer_start(&p);
	c = interop_client(p.path, -1, 1 << 20);
	CHECK_ERR(interop_unary(c, "/s/m", &none, &reply, &got, &err), code, err, words);
	CHECK_INT(got, status);
	grpc_client_free(c);
	pthread_join(p.thread, NULL);
	close(p.fd);
	buf_done(&p.piece);
}

TEST(peer_without_http2)
{
	_cleanup_(buf_done) struct buf piece = BUF_INIT;

	call_peer(&piece, false, true, ERR_IO, GRPC_UNAVAILABLE, "is it a gRPC server?");
	buf_puts(&piece, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
	call_peer(&piece, false, true, ERR_IO, GRPC_UNAVAILABLE, "is it a gRPC server?");
	call_peer(&piece, false, false, ERR_IO, GRPC_UNAVAILABLE, "is it a gRPC server?");
}

TEST(peer_that_breaks_off)
{
	_cleanup_(buf_done) struct buf piece = BUF_INIT;

	headers(&piece, false, good_headers);
	call_peer(&piece, true, true, ERR_IO, GRPC_UNAVAILABLE, "broke");
	/* RST_STREAM: REFUSED_STREAM, then ENHANCE_YOUR_CALM, then INTERNAL_ERROR. */
	buf_clear(&piece);
	frame(&piece, 3, 0, 1, STR("\0\0\0\7"));
	call_peer(&piece, true, false, ERR_IO, GRPC_UNAVAILABLE, "takes no more calls");
	buf_clear(&piece);
	frame(&piece, 3, 0, 1, STR("\0\0\0\13"));
	call_peer(&piece, true, false, ERR_LIMIT, GRPC_RESOURCE_EXHAUSTED, "ENHANCE_YOUR_CALM");
	buf_clear(&piece);
	frame(&piece, 3, 0, 1, STR("\0\0\0\2"));
	call_peer(&piece, true, false, ERR_IO, GRPC_INTERNAL, "broken off the call");
	/* GOAWAY that leaves our call out. */
	buf_clear(&piece);
	frame(&piece, 7, 0, 0, STR("\0\0\0\0\0\0\0\0"));
	call_peer(&piece, true, false, ERR_IO, GRPC_UNAVAILABLE, "takes no more calls");
}

TEST(peer_that_is_a_web_server)
{
	static const char *const not_found[] = {":status", "404", "content-type", "text/html",
						NULL};
	static const char *const busy[] = {":status", "503", NULL};
	static const char *const page[] = {":status", "200", "content-type", "text/html", NULL};
	_cleanup_(buf_done) struct buf piece = BUF_INIT;

	headers(&piece, false, not_found);
	frame(&piece, 0, 1, 1, STR("<html>"));
	call_peer(&piece, true, false, ERR_UNSUPPORTED, GRPC_UNIMPLEMENTED, "HTTP status 404");
	buf_clear(&piece);
	headers(&piece, true, busy);
	call_peer(&piece, true, false, ERR_IO, GRPC_UNAVAILABLE, "HTTP status 503");
	buf_clear(&piece);
	headers(&piece, false, page);
	frame(&piece, 0, 1, 1, STR("<html>"));
	call_peer(&piece, true, false, ERR_IO, GRPC_UNKNOWN, "without a status");
}

TEST(peer_with_broken_messages)
{
	static const struct {
		struct str data;
		int code, status;
		const char *words;
	} cases[] = {
		{{"\1\0\0\0\1x", 6}, ERR_IO, GRPC_INTERNAL, "compressed"},
		{{"\7\0\0\0\1x", 6}, ERR_IO, GRPC_INTERNAL, "not gRPC"},
		{{"\0\0\0\0\5x", 6}, ERR_IO, GRPC_INTERNAL, "cut off"},
		{{"\0\0\0", 3}, ERR_IO, GRPC_INTERNAL, "cut off"},
		{{"\0\377\377\377\377x", 6}, ERR_LIMIT, GRPC_RESOURCE_EXHAUSTED, "4294967295"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_(buf_done) struct buf piece = BUF_INIT;

		headers(&piece, false, good_headers);
		frame(&piece, 0, 0, 1, cases[i].data);
		headers(&piece, true, ok_trailers);
		call_peer(&piece, true, false, cases[i].code, cases[i].status, cases[i].words);
	}
}

TEST(peer_with_an_odd_status)
{
	static const char *const unknown[] = {
		":status", "200", "content-type", "application/grpc", "grpc-status", "77", NULL};
	static const char *const silent[] = {
		":status", "200", "content-type", "application/grpc", "grpc-status", "14", NULL};
	_cleanup_(buf_done) struct buf piece = BUF_INIT;

	headers(&piece, true, unknown);
	call_peer(&piece, true, false, ERR_IO, GRPC_UNKNOWN, "UNKNOWN");
	buf_clear(&piece);
	headers(&piece, true, silent);
	call_peer(&piece, true, false, ERR_IO, GRPC_UNAVAILABLE, "UNAVAILABLE");
}
