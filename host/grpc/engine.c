#include "grpc/engine.h"

#include "grpc/private.h"

#include <stdio.h>

#define MIB ((size_t)1 << 20)
#define SEC ((int64_t)1000000000)

/* Memory that waits for reuse. */
#define POOL_KEEP (64 * MIB)

const struct grpc_limits grpc_limits_default = {
	.request_max = 64 * MIB,
	.reply_max = 7 * MIB / 2,
	.header_max = 16 << 10,
	.streams_max = 1000,
	.connections_max = 4096,
	.requests_conn = 128 * MIB,
	.requests_all = 256 * MIB,
	.replies_park = 8 * MIB,
	.replies_conn = 64 * MIB,
	.replies_all = 256 * MIB,
	.send_high = 256 << 10,
	.reset_burst = 1000,
	.reset_rate = 100,
	.control_burst = 10000,
	.control_rate = 1000,
	.continuations = 8,
	.handshake_ns = 10 * SEC,
	.header_ns = 10 * SEC,
	.stall_ns = 60 * SEC,
	.idle_ns = 1800 * SEC,
	.keepalive_ns = 120 * SEC,
	.keepalive_wait_ns = 20 * SEC,
	.goaway_ns = 1 * SEC,
};

/* ---- memory for nghttp2 ------------------------------------------------------------------ */

static void *mem_malloc(size_t size, void *user)
{
	return pool_alloc(user, size);
}

static void mem_free(void *m, void *user)
{
	pool_free(user, m);
}

static void *mem_calloc(size_t n, size_t size, void *user)
{
	if (size != 0 && n > SIZE_MAX / size)
		return NULL;
	return pool_zalloc(user, n * size);
}

static void *mem_realloc(void *m, size_t size, void *user)
{
	return pool_realloc(user, m, size);
}

/* ---- life -------------------------------------------------------------------------------- */

static int make_options(struct grpc_engine *e)
{
	if (nghttp2_option_new(&e->options) != 0)
		return -1;
	nghttp2_option_set_no_auto_window_update(e->options, 1);
	nghttp2_option_set_no_closed_streams(e->options, 1);
	nghttp2_option_set_stream_reset_rate_limit(e->options, e->limits.reset_burst,
						   e->limits.reset_rate);
	nghttp2_option_set_max_continuations(e->options, e->limits.continuations);
	nghttp2_option_set_max_outbound_ack(e->options, 1000);
	nghttp2_option_set_max_settings(e->options, 32);
	for (int type = 0x0a; type <= 0xff; type++) /* to see them go by */
		nghttp2_option_set_user_recv_extension_type(e->options, (uint8_t)type);
	return h2_callbacks_new(&e->callbacks);
}

int grpc_engine_new(const struct grpc_limits *limits,
		    int64_t (*clock_ns)(void),
		    struct grpc_engine **ret,
		    struct error *err)
{
	struct grpc_engine *e = calloc(1, sizeof(*e));

	if (!e)
		return err_nomem(err, "the gRPC engine");
	e->limits = limits ? *limits : grpc_limits_default;
	e->clock_ns = clock_ns;
	e->now_ns = clock_ns();
	e->pool = (struct pool)POOL_INIT(POOL_KEEP);
	e->mem = (nghttp2_mem){&e->pool, mem_malloc, mem_free, mem_calloc, mem_realloc};
	if (make_options(e) != 0) {
		grpc_engine_free(e);
		return err_nomem(err, "the gRPC engine");
	}
	*ret = e;
	return 0;
}

void grpc_engine_free(struct grpc_engine *e)
{
	if (!e)
		return;
	nghttp2_session_callbacks_del(e->callbacks);
	nghttp2_option_del(e->options);
	gzip_free(e->gzip);
	map_done(&e->routes, free);
	arena_done(&e->arena);
	free(e->services);
	pool_done(&e->pool);
	free(e);
}

size_t grpc_engine_memory(const struct grpc_engine *e)
{
	return e->pool.used_bytes;
}

size_t grpc_engine_idle_memory(const struct grpc_engine *e)
{
	return e->pool.free_bytes;
}

void grpc_engine_trim(struct grpc_engine *e)
{
	pool_trim(&e->pool, 0);
	if (e->stats.connections_open == 0) {
		gzip_free(e->gzip);
		e->gzip = NULL;
	}
}

/* ---- services ---------------------------------------------------------------------------- */

static int add_route(struct grpc_engine *e,
		     const struct grpc_service *service,
		     const struct grpc_method *method,
		     void *user)
{
	size_t len = strlen(service->name) + strlen(method->name) + 2;
	struct grpc_route *route = malloc(sizeof(*route) + len + 1);

	if (!route)
		return ERR_NOMEM;
	*route = (struct grpc_route){service, method, user};
	snprintf(route->path, len + 1, "/%s/%s", service->name, method->name);
	if (map_put(&e->routes, (struct str){route->path, len}, route, NULL) < 0) {
		free(route);
		return ERR_NOMEM;
	}
	return 0;
}

int grpc_engine_add(struct grpc_engine *e,
		    const struct grpc_service *service,
		    void *user,
		    struct error *err)
{
	struct service_entry *more;

	for (size_t i = 0; i < e->n_services; i++)
		if (streq(e->services[i].service->name, service->name))
			return err_set(err, ERR_STATE, "service %s is there already",
				       service->name);
	more = reallocarray(e->services, e->n_services + 1, sizeof(*more));
	if (!more)
		return err_nomem(err, "a service");
	e->services = more;
	for (size_t i = 0; i < service->n_methods; i++)
		if (add_route(e, service, &service->methods[i], user) < 0)
			return err_nomem(err, "a service");
	e->services[e->n_services++].service = service;
	return 0;
}

void *grpc_engine_alloc(struct grpc_engine *e, size_t size)
{
	return arena_alloc(&e->arena, size);
}

size_t grpc_engine_services(const struct grpc_engine *e)
{
	return e->n_services;
}

const char *grpc_engine_service(const struct grpc_engine *e, size_t i)
{
	return e->services[i].service->name;
}

void grpc_engine_watch(struct grpc_engine *e,
		       void (*ended)(void *user, const struct grpc_call_end *end),
		       void *user)
{
	e->ended = ended;
	e->ended_user = user;
}

const struct grpc_stats *grpc_engine_stats(const struct grpc_engine *e)
{
	return &e->stats;
}

const struct grpc_limits *grpc_engine_limits(const struct grpc_engine *e)
{
	return &e->limits;
}
