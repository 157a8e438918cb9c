/* Unary calls of the waiting client, the targets it takes, and servers that are not there. */
#include "interop.h"

#include "base/mem.h"

#include <unistd.h>

TEST(empty_and_large_calls)
{
	struct grpc_client *c = interop_tcp_client();
	_cleanup_(buf_done) struct buf request = BUF_INIT, reply = BUF_INIT;
	enum grpc_status status = GRPC_UNKNOWN;
	struct error err = ERROR_INIT;

	for (int i = 0; i < 3; i++) {
		CHECK_OK(interop_unary(c, SERVICE "EmptyCall", &request, &reply, &status, &err),
			 err);
		CHECK_INT(reply.len, 0);
		CHECK_INT(status, GRPC_OK);
	}
	/* Larger than any window, both ways. */
	interop_request(&request, 3000000, 2500000, 0, NULL);
	CHECK_OK(interop_unary(c, SERVICE "UnaryCall", &request, &reply, &status, &err), err);
	CHECK(reply.len > 3000000 && reply.len < 3000020);
	interop_end(c);
}

TEST(unix_socket)
{
	_cleanup_(buf_done) struct buf none = BUF_INIT, reply = BUF_INIT;
	struct error err = ERROR_INIT;
	struct grpc_client *c;
	char path[200], target[220];

	snprintf(path, sizeof(path), "%s/s.sock", test_tmpdir());
	interop_start("--unix", path);
	c = interop_client(path, -1, 0);
	CHECK_OK(interop_unary(c, SERVICE "EmptyCall", &none, &reply, NULL, &err), err);
	grpc_client_free(c);
	snprintf(target, sizeof(target), "unix:%s", path);
	c = interop_client(target, -1, 0);
	CHECK_OK(interop_unary(c, SERVICE "EmptyCall", &none, &reply, NULL, &err), err);
	CHECK_STR(grpc_client_target(c), target);
	interop_end(c);
}

TEST(status_and_words)
{
	const char *words = "\t\ntest with whitespace\r\nand Unicode BMP \xe2\x98\xba and non-BMP "
			    "\xf0\x9f\x98\x88\t\n and 100 %";
	struct grpc_client *c = interop_tcp_client();
	_cleanup_(buf_done) struct buf request = BUF_INIT, reply = BUF_INIT, none = BUF_INIT;
	enum grpc_status status = GRPC_OK;
	struct error err = ERROR_INIT;

	interop_request(&request, 0, 0, 2, words);
	CHECK_INT(interop_unary(c, SERVICE "UnaryCall", &request, &reply, &status, &err), ERR_IO);
	CHECK_INT(status, GRPC_UNKNOWN);
	CHECK_STR(err.message, words);
	buf_clear(&request);
	interop_request(&request, 0, 0, GRPC_NOT_FOUND, "no such thing");
	CHECK_ERR(interop_unary(c, SERVICE "UnaryCall", &request, &reply, &status, &err),
		  ERR_NOT_FOUND, err, "no such thing");
	CHECK_INT(status, GRPC_NOT_FOUND);
	CHECK_INT(interop_unary(c, SERVICE "UnimplementedCall", &none, &reply, &status, &err),
		  ERR_UNSUPPORTED);
	CHECK_INT(status, GRPC_UNIMPLEMENTED);
	CHECK_INT(interop_unary(c, "/no.Service/Call", &none, &reply, &status, &err),
		  ERR_UNSUPPORTED);
	/* The connection has survived all that. */
	CHECK_OK(interop_unary(c, SERVICE "EmptyCall", &none, &reply, &status, &err), err);
	interop_end(c);
}

TEST(message_that_is_too_large)
{
	_cleanup_(buf_done) struct buf request = BUF_INIT, reply = BUF_INIT;
	enum grpc_status status = GRPC_OK;
	struct error err = ERROR_INIT;
	struct grpc_client *c;

	interop_start("--port", "0");
	c = interop_client(interop_address, -1, 1000);
	interop_request(&request, 2000, 0, 0, NULL);
	CHECK_ERR(interop_unary(c, SERVICE "UnaryCall", &request, &reply, &status, &err), ERR_LIMIT,
		  err, "at most 1000 are taken");
	CHECK_INT(status, GRPC_RESOURCE_EXHAUSTED);
	buf_clear(&request);
	interop_request(&request, 900, 0, 0, NULL);
	CHECK_OK(interop_unary(c, SERVICE "UnaryCall", &request, &reply, &status, &err), err);
	interop_end(c);
}

TEST(connects_again_after_the_server_restarted)
{
	_cleanup_(buf_done) struct buf none = BUF_INIT, reply = BUF_INIT;
	enum grpc_status status = GRPC_OK;
	struct error err = ERROR_INIT;
	struct grpc_client *c;
	char path[200];

	snprintf(path, sizeof(path), "%s/r.sock", test_tmpdir());
	interop_start("--unix", path);
	c = interop_client(path, -1, 0);
	CHECK_OK(interop_unary(c, SERVICE "EmptyCall", &none, &reply, NULL, &err), err);
	interop_stop();
	CHECK_ERR(interop_unary(c, SERVICE "EmptyCall", &none, &reply, &status, &err), ERR_IO, err,
		  "cannot connect to ");
	CHECK_INT(status, GRPC_UNAVAILABLE);
	unlink(path);
	interop_start("--unix", path);
	CHECK_OK(interop_unary(c, SERVICE "EmptyCall", &none, &reply, NULL, &err), err);
	interop_end(c);
}

TEST(targets)
{
	static const struct {
		const char *target, *words;
	} bad[] = {
		{"", "HOST:PORT"},
		{"localhost", "HOST:PORT"},
		{":8000", "HOST:PORT"},
		{"localhost:0", "HOST:PORT"},
		{"localhost:70000", "HOST:PORT"},
		{"::1:8000", "in brackets"},
		{"http://localhost:80", "without a scheme"},
		{"unix:", "is empty"},
	};
	struct error err = ERROR_INIT;
	struct grpc_client *c = NULL;
	char longest[200] = "/";

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const struct grpc_client_params params = {.target = bad[i].target, .stop_fd = -1};

		CHECK_ERR(grpc_client_new(&params, &c, &err), ERR_INVALID, err, bad[i].words);
	}
	memset(longest + 1, 'x', sizeof(longest) - 2);
	{
		const struct grpc_client_params params = {.target = longest, .stop_fd = -1};

		CHECK_ERR(grpc_client_new(&params, &c, &err), ERR_INVALID, err, "longer than");
	}
	grpc_client_free(interop_client("[::1]:8000", -1, 0));
}

TEST(nobody_there)
{
	static const struct {
		const char *target, *words;
	} cases[] = {
		{"/nonexistent/worker.sock", "No such file or directory"},
		{"127.0.0.1:1", "Connection refused"},
		{"no-such-host.invalid:80", "cannot connect to no-such-host.invalid:80"},
	};
	_cleanup_(buf_done) struct buf none = BUF_INIT, reply = BUF_INIT;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct grpc_client *c = interop_client(cases[i].target, -1, 0);
		enum grpc_status status = GRPC_OK;
		struct error err = ERROR_INIT;

		CHECK_ERR(interop_unary(c, SERVICE "EmptyCall", &none, &reply, &status, &err),
			  ERR_IO, err, cases[i].words);
		CHECK_INT(status, GRPC_UNAVAILABLE);
		grpc_client_free(c);
	}
}
