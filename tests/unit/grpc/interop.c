#include "interop.h"

#include "base/mem.h"
#include "flyte/wire.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

char interop_address[256];
static pid_t server_pid;

void interop_stop(void)
{
	kill(server_pid, SIGKILL);
	waitpid(server_pid, NULL, 0);
}

void interop_start(const char *how, const char *where)
{
	char program[512], line[300] = "";
	const char *build = getenv("TASKHOST_TEST_BUILD");
	int out[2];
	FILE *f;

	CHECK(build != NULL);
	snprintf(program, sizeof(program), "%s/tests/grpc/interop-server", build);
	CHECK(pipe2(out, O_CLOEXEC) == 0);
	server_pid = fork();
	CHECK(server_pid >= 0);
	if (server_pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(out[1], STDOUT_FILENO);
		execl(program, program, how, where, (char *)NULL);
		_exit(127);
	}
	close(out[1]);
	f = fdopen(out[0], "r");
	CHECK(f && fgets(line, sizeof(line), f));
	fclose(f);
	CHECK(sscanf(line, "listening on %255s", interop_address) == 1);
}

struct grpc_client *interop_client(const char *target, int stop_fd, size_t reply_max)
{
	const struct grpc_client_params params = {
		.target = target, .stop_fd = stop_fd, .reply_max = reply_max};
	struct grpc_client *c = NULL;
	struct error err = ERROR_INIT;

	CHECK_OK(grpc_client_new(&params, &c, &err), err);
	return c;
}

struct grpc_client *interop_tcp_client(void)
{
	interop_start("--port", "0");
	return interop_client(interop_address, -1, 0);
}

void interop_end(struct grpc_client *c)
{
	grpc_client_free(c);
	interop_stop();
}

void interop_request(struct buf *out, size_t want, size_t carry, int status, const char *words)
{
	_cleanup_(buf_done) struct buf body = BUF_INIT, payload = BUF_INIT, echo = BUF_INIT;

	for (size_t i = 0; i < carry; i++)
		buf_putc(&body, 'x');
	buf_putc(&payload, 0x12);
	wire_put_varint(&payload, body.len);
	buf_append(&payload, body.data, body.len);
	buf_putc(out, 0x10);
	wire_put_varint(out, want);
	buf_putc(out, 0x1a);
	wire_put_varint(out, payload.len);
	buf_append(out, payload.data, payload.len);
	if (status == 0)
		return;
	buf_printf(&echo, "%c%c%c", 0x08, status, 0x12);
	wire_put_varint(&echo, strlen(words));
	buf_puts(&echo, words);
	buf_putc(out, 0x3a);
	wire_put_varint(out, echo.len);
	buf_append(out, echo.data, echo.len);
}

int interop_unary(struct grpc_client *c,
		  const char *method,
		  const struct buf *request,
		  struct buf *reply,
		  enum grpc_status *status,
		  struct error *err)
{
	const struct str bytes = {request->data, request->len};

	return grpc_client_unary(c, method, bytes, 20 * SEC, reply, status, err);
}
