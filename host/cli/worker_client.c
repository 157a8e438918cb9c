#include "cli/worker_client.h"

#include "cli/output.h"
#include "cli/socket_path.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SERVICE     "/taskhost.worker.v1.Worker/"
#define PATIENCE_NS (INT64_C(30) * 1000000000)
#define TICK_NS     (INT64_C(1) * 1000000000)

/* ---- signals --------------------------------------------------------------------------------- */

static int signal_fd = -1; /* the writing end; one worker at a time */

static void on_signal(int sig)
{
	const unsigned char byte = (unsigned char)sig;
	int saved = errno;

	/* Full means that one is there already. */
	if (write(signal_fd, &byte, 1) < 0)
		errno = saved;
	errno = saved;
}

/* A signal ends the call, and the next one the program. */
struct signals {
	struct sigaction interrupt, terminate;
};

static void signals_catch(struct worker *w, struct signals *old)
{
	const struct sigaction ours = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};

	signal_fd = w->stop[1];
	sigaction(SIGINT, &ours, &old->interrupt);
	sigaction(SIGTERM, &ours, &old->terminate);
}

static void signals_restore(const struct signals *old)
{
	sigaction(SIGINT, &old->interrupt, NULL);
	sigaction(SIGTERM, &old->terminate, NULL);
}

/* The exit code for the signal that came. */
static int interrupted(struct worker *w)
{
	unsigned char sig = SIGINT;

	if (read(w->stop[0], &sig, 1) != 1)
		return EXIT_INTERRUPTED;
	return sig == SIGTERM ? EXIT_TERMINATED : EXIT_INTERRUPTED;
}

/* ---- opening --------------------------------------------------------------------------------- */

static int open_client(struct worker *w, const struct worker_options *o, struct error *err)
{
	_cleanup_(buf_done) struct buf path = BUF_INIT;
	struct grpc_client_params params = {.stop_fd = -1};
	int rc;

	if (o->address && o->socket)
		return err_set(err, ERR_INVALID, "--address and --socket exclude each other");
	if (pipe2(w->stop, O_CLOEXEC | O_NONBLOCK) < 0)
		return err_set_errno(err, ERR_IO, errno, "a pipe");
	if (!o->address) {
		buf_puts(&path, "unix:");
		rc = socket_path(o->socket, &path, err);
		if (rc < 0)
			return rc;
	}
	params.target = o->address ? o->address : path.data;
	params.stop_fd = w->stop[0];
	return grpc_client_new(&params, &w->client, err);
}

int worker_open(struct worker *w, const char *prog, const struct worker_options *o)
{
	struct error err = ERROR_INIT;
	int rc;

	*w = (struct worker){.prog = prog,
			     .arena = ARENA_INIT,
			     .stop = {-1, -1},
			     .patience_ns = o->patience ? o->patience : PATIENCE_NS,
			     .json = o->output && streq(o->output, "json")};
	rc = open_client(w, o, &err);
	if (rc == 0)
		return EXIT_DONE;
	output_error(prog, &err);
	return rc == ERR_INVALID     ? EXIT_USAGE
	       : rc == ERR_NOT_FOUND ? EXIT_UNREACHABLE
				     : EXIT_FAILED;
}

void worker_close(struct worker *w)
{
	grpc_client_free(w->client);
	closep(&w->stop[0]);
	closep(&w->stop[1]);
	arena_done(&w->arena);
}

int worker_verb(const struct args_command *command,
		const char *prog,
		int argc,
		char **argv,
		int (*ask)(struct worker *w, const char *operand))
{
	struct worker_only o = {.worker = WORKER_OPTIONS_INIT};
	struct args_list operands = ARGS_LIST_INIT;
	int code = args_read(command, prog, argc, argv, &o, &operands);

	if (code < 0) {
		struct worker w;

		code = worker_open(&w, prog, &o.worker);
		if (code == EXIT_DONE)
			code = ask(&w, operands.n > 0 ? operands.items[0] : NULL);
		worker_close(&w);
	}
	args_done(command, &o, &operands);
	return code;
}

/* ---- calls ----------------------------------------------------------------------------------- */

static int failed(struct worker *w, enum grpc_status status, const struct error *err)
{
	const char *target = grpc_client_target(w->client);

	switch (status) {
	case GRPC_CANCELLED:
		return err->code == ERR_CANCELLED ? interrupted(w) : EXIT_FAILED;
	case GRPC_UNAVAILABLE:
		if (strncmp(err->message, "cannot connect", strlen("cannot connect")) == 0)
			return output_fail(
				w->prog, EXIT_UNREACHABLE,
				"%s (is the worker running? 'taskhost serve' starts one)",
				err->message);
		return output_fail(w->prog, EXIT_UNREACHABLE, "%s", err->message);
	case GRPC_UNIMPLEMENTED:
		return output_fail(w->prog, EXIT_FAILED,
				   "%s does not offer this; is it a worker of this version? (%s)",
				   target, err->message);
	default:
		return output_error(w->prog, err);
	}
}

static int encode(struct worker *w, const ProtobufCMessage *request, struct buf *out)
{
	struct error err = ERROR_INIT;

	return message_encode(request, out, &err) < 0 ? output_error(w->prog, &err) : EXIT_DONE;
}

int worker_call(struct worker *w,
		const char *method,
		const ProtobufCMessage *request,
		const struct message_desc *answer,
		void **ret)
{
	_cleanup_(buf_done) struct buf bytes = BUF_INIT;
	struct buf reply = BUF_INIT;
	enum grpc_status status = GRPC_OK;
	struct error err = ERROR_INIT;
	struct signals signals;
	char path[128];
	int rc = encode(w, request, &bytes);

	if (rc != EXIT_DONE)
		return rc;
	snprintf(path, sizeof(path), SERVICE "%s", method);
	signals_catch(w, &signals);
	rc = grpc_client_unary(w->client, path, (struct str){bytes.data, bytes.len}, w->patience_ns,
			       &reply, &status, &err);
	signals_restore(&signals);
	if (rc < 0) {
		rc = failed(w, status, &err);
	} else if (message_decode(answer, (struct str){reply.data, reply.len}, NULL, &w->arena, ret,
				  &err) < 0) {
		err_wrap(&err, "the worker's answer");
		rc = output_error(w->prog, &err);
	}
	buf_done(&reply);
	return rc;
}

/* ---- streams --------------------------------------------------------------------------------- */

struct streaming {
	const struct worker_stream *s;
	int code; /* of `each` */
};

static int on_message(void *user, struct str bytes, struct error *err)
{
	struct streaming *streaming = user;
	const struct worker_stream *s = streaming->s;
	struct arena arena = ARENA_INIT;
	void *answer;
	int rc = message_decode(s->answer, bytes, NULL, &arena, &answer, err);

	if (rc < 0) {
		err_wrap(err, "the worker's answer");
	} else {
		streaming->code = s->each(s->user, answer);
		if (streaming->code != EXIT_DONE)
			rc = err_set(err, ERR_STATE, "stopped");
	}
	arena_done(&arena);
	return rc;
}

static void on_tick(void *user)
{
	const struct worker_stream *s = ((struct streaming *)user)->s;

	s->tick(s->user);
}

int worker_stream(struct worker *w, const struct worker_stream *s)
{
	_cleanup_(buf_done) struct buf bytes = BUF_INIT;
	struct streaming streaming = {.s = s, .code = EXIT_DONE};
	struct grpc_client_call call = {.timeout_ns = s->patience_ns,
					.message = on_message,
					.tick = s->tick ? on_tick : NULL,
					.tick_ns = TICK_NS,
					.user = &streaming};
	enum grpc_status status = GRPC_OK;
	struct error err = ERROR_INIT;
	struct signals signals;
	char path[128];
	int rc = encode(w, s->request, &bytes);

	if (rc != EXIT_DONE)
		return rc;
	snprintf(path, sizeof(path), SERVICE "%s", s->method);
	call.path = path;
	call.request = (struct str){bytes.data, bytes.len};
	signals_catch(w, &signals);
	rc = grpc_client_stream(w->client, &call, &status, &err);
	signals_restore(&signals);
	if (streaming.code != EXIT_DONE)
		return streaming.code;
	if (rc < 0 && s->patience_ns > 0 && status == GRPC_DEADLINE_EXCEEDED)
		return EXIT_TIMED_OUT;
	return rc < 0 ? failed(w, status, &err) : EXIT_DONE;
}
