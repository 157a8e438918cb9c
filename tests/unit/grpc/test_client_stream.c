/* Streams of the waiting client: messages, metadata, and what ends them early. */
#include "interop.h"

#include "base/clock.h"
#include "base/mem.h"
#include "flyte/wire.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

struct seen {
	size_t messages, bytes, ticks, stop_after;
	char initial[64], trailing[64];
};

static int count(void *user, struct str bytes, struct error *err)
{
	struct seen *s = user;

	s->messages++;
	s->bytes += bytes.len;
	if (s->stop_after && s->messages == s->stop_after)
		return err_set(err, ERR_MISMATCH, "enough");
	return 0;
}

static void tick(void *user)
{
	((struct seen *)user)->ticks++;
}

static void header(void *user, struct str name, struct str value)
{
	struct seen *s = user;

	if (str_is(name, "x-grpc-test-echo-initial"))
		snprintf(s->initial, sizeof(s->initial), STR_FMT, STR_ARG(value));
	if (str_is(name, "x-grpc-test-echo-trailing-bin"))
		snprintf(s->trailing, sizeof(s->trailing), STR_FMT, STR_ARG(value));
}

/* StreamingOutputCallRequest with n answers of `size` bytes, `wait_us` before each. */
static void stream_request(struct buf *out, size_t n, size_t size, size_t wait_us)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_(buf_done) struct buf one = BUF_INIT;

		buf_putc(&one, 0x08);
		wire_put_varint(&one, size);
		buf_putc(&one, 0x10);
		wire_put_varint(&one, wait_us);
		buf_putc(out, 0x12);
		wire_put_varint(out, one.len);
		buf_append(out, one.data, one.len);
	}
}

static struct grpc_client_call stream_call(const struct buf *request, struct seen *seen)
{
	return (struct grpc_client_call){.path = SERVICE "StreamingOutputCall",
					 .request = {request->data, request->len},
					 .timeout_ns = 20 * SEC,
					 .message = count,
					 .header = header,
					 .tick = tick,
					 .tick_ns = 20 * MS,
					 .user = seen};
}

TEST(server_streaming)
{
	struct grpc_client *c = interop_tcp_client();
	_cleanup_(buf_done) struct buf request = BUF_INIT;
	struct seen seen = {.messages = 0};
	struct grpc_client_call call;
	struct error err = ERROR_INIT;

	stream_request(&request, 40, 200000, 0);
	call = stream_call(&request, &seen);
	CHECK_OK(grpc_client_stream(c, &call, NULL, &err), err);
	CHECK_INT(seen.messages, 40);
	CHECK(seen.bytes > (size_t)40 * 200000);
	interop_end(c);
}

TEST(metadata_both_ways)
{
	const struct grpc_metadata sent[] = {{"x-grpc-test-echo-initial", "some value"}};
	struct grpc_client *c = interop_tcp_client();
	_cleanup_(buf_done) struct buf request = BUF_INIT;
	struct seen seen = {.messages = 0};
	struct grpc_client_call call;
	struct error err = ERROR_INIT;

	stream_request(&request, 1, 1, 0);
	call = stream_call(&request, &seen);
	call.metadata = sent;
	call.n_metadata = 1;
	CHECK_OK(grpc_client_stream(c, &call, NULL, &err), err);
	CHECK_STR(seen.initial, "some value");
	interop_end(c);
}

TEST(metadata_that_cannot_be_sent)
{
	const struct grpc_metadata bad[] = {
		{"grpc-timeout", "1S"}, {"Upper", "x"}, {"x", "a\nb"}, {"x-bin", "AAAA"}};
	struct grpc_client *c = interop_tcp_client();
	struct seen seen = {.messages = 0};
	struct buf none = BUF_INIT;
	struct grpc_client_call call = stream_call(&none, &seen);
	enum grpc_status status = GRPC_OK;
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		call.metadata = &bad[i];
		call.n_metadata = 1;
		CHECK_ERR(grpc_client_stream(c, &call, &status, &err), ERR_INVALID, err,
			  "cannot be sent as metadata");
		CHECK_INT(status, GRPC_INVALID_ARGUMENT);
	}
	interop_end(c);
}

TEST(ticks_while_waiting)
{
	struct grpc_client *c = interop_tcp_client();
	_cleanup_(buf_done) struct buf request = BUF_INIT;
	struct seen seen = {.messages = 0};
	struct grpc_client_call call;
	struct error err = ERROR_INIT;

	stream_request(&request, 1, 1, 300000);
	call = stream_call(&request, &seen);
	CHECK_OK(grpc_client_stream(c, &call, NULL, &err), err);
	CHECK(seen.ticks >= 3 && seen.ticks <= 15);
	interop_end(c);
}

TEST(failing_callback_ends_the_call)
{
	struct grpc_client *c = interop_tcp_client();
	_cleanup_(buf_done) struct buf request = BUF_INIT, none = BUF_INIT, reply = BUF_INIT;
	struct seen seen = {.stop_after = 2};
	struct grpc_client_call call;
	enum grpc_status status = GRPC_OK;
	struct error err = ERROR_INIT;

	stream_request(&request, 100, 100, 10000);
	call = stream_call(&request, &seen);
	CHECK_ERR(grpc_client_stream(c, &call, &status, &err), ERR_MISMATCH, err, "enough");
	CHECK_INT(status, GRPC_CANCELLED);
	CHECK_INT(seen.messages, 2);
	CHECK_OK(interop_unary(c, SERVICE "EmptyCall", &none, &reply, NULL, &err), err);
	interop_end(c);
}

TEST(deadline)
{
	struct grpc_client *c = interop_tcp_client();
	_cleanup_(buf_done) struct buf request = BUF_INIT, none = BUF_INIT, reply = BUF_INIT;
	struct seen seen = {.messages = 0};
	struct grpc_client_call call;
	enum grpc_status status = GRPC_OK;
	struct error err = ERROR_INIT;
	int64_t start = clock_monotonic_ns();

	stream_request(&request, 2, 1, 5000000);
	call = stream_call(&request, &seen);
	call.timeout_ns = 100 * MS;
	CHECK_INT(grpc_client_stream(c, &call, &status, &err), ERR_TIMEOUT);
	CHECK_INT(status, GRPC_DEADLINE_EXCEEDED);
	CHECK(clock_monotonic_ns() - start < 4 * SEC);
	CHECK_OK(interop_unary(c, SERVICE "EmptyCall", &none, &reply, NULL, &err), err);
	interop_end(c);
}

static void *press_later(void *fd)
{
	usleep(100000);
	CHECK(write(*(int *)fd, "x", 1) == 1);
	return NULL;
}

TEST(stop_fd_ends_the_call)
{
	_cleanup_(buf_done) struct buf request = BUF_INIT;
	struct seen seen = {.messages = 0};
	struct grpc_client_call call;
	enum grpc_status status = GRPC_OK;
	struct error err = ERROR_INIT;
	struct grpc_client *c;
	pthread_t thread;
	int stop[2];

	CHECK(pipe2(stop, O_CLOEXEC) == 0);
	interop_start("--port", "0");
	c = interop_client(interop_address, stop[0], 0);
	stream_request(&request, 2, 1, 5000000);
	call = stream_call(&request, &seen);
	CHECK(pthread_create(&thread, NULL, press_later, &stop[1]) == 0);
	CHECK_INT(grpc_client_stream(c, &call, &status, &err), ERR_CANCELLED);
	CHECK_INT(status, GRPC_CANCELLED);
	pthread_join(thread, NULL);
	interop_end(c);
	close(stop[0]);
	close(stop[1]);
}

TEST(one_answer_is_expected_not_two)
{
	struct grpc_client *c = interop_tcp_client();
	_cleanup_(buf_done) struct buf request = BUF_INIT, reply = BUF_INIT;
	struct error err = ERROR_INIT;

	stream_request(&request, 2, 1, 0);
	CHECK_ERR(interop_unary(c, SERVICE "StreamingOutputCall", &request, &reply, NULL, &err),
		  ERR_IO, err, "second answer");
	buf_clear(&request);
	CHECK_ERR(interop_unary(c, SERVICE "StreamingOutputCall", &request, &reply, NULL, &err),
		  ERR_IO, err, "without an answer");
	interop_end(c);
}
