/* A server for gRPC's own interoperability clients and for our tests.
 *
 *   interop-server [--host H] [--port N | --unix PATH] [--limit NAME=VALUE]…
 *                  [--tls-cert FILE --tls-key FILE [--tls-ca FILE]]
 *
 * Prints one line when it serves: "listening on <address>". Limits are the fields of struct
 * grpc_limits; times in milliseconds. TERM drains and ends, a second one ends at once. USR1 toggles
 * the health of grpc.testing.TestService. USR2 prints the counters. */
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "grpc/health.h"
#include "grpc/reflection.h"
#include "grpc/server.h"
#include "grpc/test_service.h"
#include "grpc/tls.h"
#include "testing_reflection.h"
#include "loop/watch.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

struct program {
	struct loop *loop;
	struct grpc_server *server;
	struct health *health;
	struct tls *tls; /* NULL without */
	struct signal_watch *signals[4];
	bool unhealthy;
};

/* ---- limits ------------------------------------------------------------------------------ */

enum unit { BYTES, U32, UNSIGNED, MS };

#define LIMIT(name, unit)                                                                          \
	{                                                                                          \
#name, offsetof(struct grpc_limits, name), unit                                    \
	}

static const struct {
	const char *name;
	size_t offset;
	enum unit unit;
} limit_names[] = {
	LIMIT(request_max, BYTES),     LIMIT(reply_max, BYTES),
	LIMIT(header_max, BYTES),      LIMIT(requests_conn, BYTES),
	LIMIT(requests_all, BYTES),    LIMIT(replies_park, BYTES),
	LIMIT(replies_conn, BYTES),    LIMIT(replies_all, BYTES),
	LIMIT(send_high, BYTES),       LIMIT(streams_max, U32),
	LIMIT(connections_max, U32),   LIMIT(reset_burst, UNSIGNED),
	LIMIT(reset_rate, UNSIGNED),   LIMIT(control_burst, UNSIGNED),
	LIMIT(control_rate, UNSIGNED), LIMIT(continuations, UNSIGNED),
	LIMIT(handshake_ns, MS),       LIMIT(header_ns, MS),
	LIMIT(stall_ns, MS),           LIMIT(idle_ns, MS),
	LIMIT(keepalive_ns, MS),       LIMIT(keepalive_wait_ns, MS),
	LIMIT(goaway_ns, MS),
};

static bool set_limit(struct grpc_limits *limits, const char *text)
{
	const char *equals = strchr(text, '=');
	int64_t value;

	if (!equals || !parse_i64(str_of(equals + 1), &value))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(limit_names); i++) {
		void *field = (char *)limits + limit_names[i].offset;

		if (!str_is((struct str){text, (size_t)(equals - text)}, limit_names[i].name))
			continue;
		switch (limit_names[i].unit) {
		case BYTES:
			*(size_t *)field = (size_t)value;
			break;
		case U32:
			*(uint32_t *)field = (uint32_t)value;
			break;
		case UNSIGNED:
			*(unsigned *)field = (unsigned)value;
			break;
		case MS:
			*(int64_t *)field = value * 1000000;
			break;
		}
		return true;
	}
	return false;
}

/* ---- signals ----------------------------------------------------------------------------- */

static void on_closed(void *user)
{
	struct program *p = user;

	for (size_t i = 0; i < ARRAY_LEN(p->signals); i++)
		signal_watch_close(p->signals[i]);
}

static void close_server(void *user)
{
	struct program *p = user;

	if (p->server)
		grpc_server_close(TAKE(p->server), on_closed, p);
}

static void on_term(void *user, int signo)
{
	struct program *p = user;

	(void)signo;
	if (!p->server)
		return;
	if (p->unhealthy) {
		close_server(p);
		return;
	}
	p->unhealthy = true;
	health_shutdown(p->health);
	grpc_server_drain(p->server, close_server, p);
}

static void on_toggle(void *user, int signo)
{
	static bool down;
	struct program *p = user;

	(void)signo;
	down = !down;
	health_set(p->health, "grpc.testing.TestService",
		   down ? HEALTH_NOT_SERVING : HEALTH_SERVING, NULL);
}

static void on_stats(void *user, int signo)
{
	struct program *p = user;
	const struct grpc_stats *s;

	(void)signo;
	if (!p->server)
		return;
	s = grpc_engine_stats(grpc_server_engine(p->server));
	printf("connections=%" PRIu64 " open=%" PRIu64 " refused=%" PRIu64 " killed=%" PRIu64
	       " started=%" PRIu64 " calls=%" PRIu64 " cancelled=%" PRIu64 " request_bytes=%" PRIu64
	       " reply_bytes=%" PRIu64 " waiting=%" PRIu64 "\n",
	       s->connections, s->connections_open, s->connections_refused, s->connections_killed,
	       s->calls_started, s->calls_open, s->cancelled, s->request_bytes, s->reply_bytes,
	       s->waiting);
	fflush(stdout);
}

static int watch_signals(struct program *p, struct error *err)
{
	static const struct {
		int signo;
		void (*caught)(void *user, int signo);
	} table[] = {
		{SIGTERM, on_term}, {SIGINT, on_term}, {SIGUSR1, on_toggle}, {SIGUSR2, on_stats}};
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(table) && r == 0; i++)
		r = signal_watch_new(p->loop, table[i].signo, table[i].caught, p, &p->signals[i],
				     err);
	return r;
}

/* ---- main -------------------------------------------------------------------------------- */

static int serve(struct program *p,
		 const struct listen_options *listen,
		 const struct grpc_limits *limits,
		 const struct tls_options *tls,
		 struct error *err)
{
	struct grpc_engine *e;
	int r = loop_new(&p->loop, err);

	if (r == 0)
		r = watch_signals(p, err);
	if (r == 0)
		r = grpc_server_new(p->loop, limits, &p->server, err);
	if (r < 0)
		return r;
	e = grpc_server_engine(p->server);
	r = test_service_add(e, p->loop, err);
	if (r == 0)
		r = echo_service_add(e, p->loop, err);
	if (r == 0)
		r = health_new(e, &p->health, err);
	if (r == 0)
		r = health_set(p->health, "grpc.testing.TestService", HEALTH_SERVING, err);
	if (r == 0)
		r = reflection_add(e, &testing_reflection, err);
	if (r == 0 && tls->cert_file)
		r = tls_new(tls, &p->tls, err);
	if (r == 0)
		r = grpc_server_listen(p->server, listen, p->tls ? tls_filter_ops(p->tls) : NULL,
				       p->tls ? tls_filter_context(p->tls) : NULL, err);
	if (r < 0)
		return r;
	printf("listening on %s\n", grpc_server_address(p->server, 0));
	fflush(stdout);
	loop_run(p->loop);
	health_free(p->health);
	tls_free(p->tls);
	return loop_close(p->loop, err);
}

static int usage(void)
{
	fprintf(stderr,
		"usage: interop-server [--host H] [--port N | --unix PATH] "
		"[--limit NAME=VALUE]... [--tls-cert FILE --tls-key FILE [--tls-ca FILE]]\n");
	return 2;
}

int main(int argc, char **argv)
{
	struct listen_options listen = {.host = "127.0.0.1"};
	struct grpc_limits limits = grpc_limits_default;
	struct tls_options tls = {.cert_file = NULL};
	struct program p = {.loop = NULL};
	struct error err = ERROR_INIT;
	int64_t port;

	log_setup_from_env("interop-server");
	for (int i = 1; i < argc; i += 2) {
		if (i + 1 == argc)
			return usage();
		if (streq(argv[i], "--port") && parse_i64(str_of(argv[i + 1]), &port))
			listen.port = (int)port;
		else if (streq(argv[i], "--host"))
			listen.host = argv[i + 1];
		else if (streq(argv[i], "--unix"))
			listen.unix_path = argv[i + 1];
		else if (streq(argv[i], "--tls-cert"))
			tls.cert_file = argv[i + 1];
		else if (streq(argv[i], "--tls-key"))
			tls.key_file = argv[i + 1];
		else if (streq(argv[i], "--tls-ca"))
			tls.client_ca_file = argv[i + 1];
		else if (!streq(argv[i], "--limit") || !set_limit(&limits, argv[i + 1]))
			return usage();
	}
	if (serve(&p, &listen, &limits, &tls, &err) < 0) {
		fprintf(stderr, "interop-server: %s\n", err.message);
		return 1;
	}
	return 0;
}
