#include "grpc/health.h"

#include "base/map.h"
#include "base/mem.h"
#include "flyte/wire.h"
#include "grpc/call.h"

struct watcher {
	struct watcher *next, **link;
	struct grpc_call *call;
	struct service_health *service;
	int told;  /* the last status it was sent; -1 for none */
	bool full; /* the client has not read the last news; it gets the newest then */
};

struct service_health {
	enum health_status status;
	struct watcher *watchers;
};

struct health {
	struct map services; /* name -> struct service_health; watched names are there, too */
	bool shut;
};

/* ---- messages ---------------------------------------------------------------------------- */

static struct str asked(struct str request)
{
	struct view_field f;

	return view_find(request, 1, &f) && f.wire_type == WIRE_LEN ? f.bytes : STR("");
}

static struct str response(enum health_status status)
{
	static const char responses[][3] = {"\x08\x00", "\x08\x01", "\x08\x02", "\x08\x03"};

	return (struct str){responses[status], status == HEALTH_UNKNOWN ? 0 : 2};
}

/* ---- watching ---------------------------------------------------------------------------- */

/* What it knows already is not told again. */
static int tell(struct watcher *w)
{
	struct str news = response(w->service->status);
	int r;

	if (w->told == (int)w->service->status)
		return 0;
	r = grpc_call_send(w->call, &news, 1, NULL);
	if (r >= 0)
		w->told = (int)w->service->status;
	return r;
}

static void watcher_end(struct watcher *w, enum grpc_status status, struct str why)
{
	*w->link = w->next;
	if (w->next)
		w->next->link = w->link;
	grpc_call_finish(w->call, status, why);
	free(w);
}

static void tell_all(struct service_health *s)
{
	for (struct watcher *w = s->watchers; w; w = w->next)
		if (!w->full)
			w->full = tell(w) == GRPC_FULL;
}

static void on_writable(struct grpc_call *call)
{
	struct watcher *w = grpc_call_user(call);

	w->full = false;
	w->full = tell(w) == GRPC_FULL;
}

static void on_cancelled(struct grpc_call *call)
{
	watcher_end(grpc_call_user(call), GRPC_CANCELLED, STR_NULL);
}

static struct service_health *service_get(struct health *h, struct str name)
{
	struct service_health *s = map_get(&h->services, name);

	if (s)
		return s;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->status = HEALTH_SERVICE_UNKNOWN;
	if (map_put(&h->services, name, s, NULL) < 0) {
		free(s);
		return NULL;
	}
	return s;
}

/* ---- the service ------------------------------------------------------------------------- */

static void check(struct grpc_call *call, void *user)
{
	struct health *h = user;
	struct service_health *s = map_get(&h->services, asked(grpc_call_request(call)));
	struct str answer;

	if (!s || s->status == HEALTH_SERVICE_UNKNOWN) {
		grpc_call_finish(call, GRPC_NOT_FOUND, STR_NULL);
		return;
	}
	answer = response(s->status);
	grpc_call_reply(call, &answer, 1);
}

static void list(struct grpc_call *call, void *user)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	struct health *h = user;
	struct error err = ERROR_INIT;

	map_foreach (&h->services, e) {
		struct service_health *s = e->value;
		size_t entry;

		if (s->status == HEALTH_SERVICE_UNKNOWN)
			continue;
		entry = wire_begin(&out, 1);
		wire_put_bytes(&out, 1, (struct str){e->key, e->key_len});
		wire_put_bytes(&out, 2, response(s->status));
		wire_end(&out, entry);
	}
	if (buf_check(&out, "the list of services", &err) < 0)
		grpc_call_fail(call, &err);
	else
		grpc_call_reply(call, &(struct str){out.data, out.len}, 1);
}

/* Names that nobody has set cost memory for as long as the server lives. */
#define WATCHED_NAMES_MAX 1000
#define NAME_MAX_BYTES    256

static void watch(struct grpc_call *call, void *user)
{
	struct health *h = user;
	struct str name = asked(grpc_call_request(call));
	struct watcher *w = calloc(1, sizeof(*w));

	if (w && (h->services.len < WATCHED_NAMES_MAX || map_get(&h->services, name)) &&
	    name.len <= NAME_MAX_BYTES)
		w->service = service_get(h, name);
	if (!w || !w->service) {
		free(w);
		grpc_call_finish(call, GRPC_RESOURCE_EXHAUSTED,
				 STR("too many names are being watched"));
		return;
	}
	w->call = call;
	w->told = -1;
	w->next = w->service->watchers;
	w->link = &w->service->watchers;
	if (w->next)
		w->next->link = &w->next;
	w->service->watchers = w;
	grpc_call_set_user(call, w);
	w->full = tell(w) == GRPC_FULL;
	if (h->shut)
		watcher_end(w, GRPC_UNAVAILABLE, STR("the server is shutting down"));
}

static const struct grpc_call_ops watch_ops = {
	.writable = on_writable,
	.cancelled = on_cancelled,
};
static const struct grpc_method methods[] = {
	{"Check", GRPC_UNARY, check, NULL},
	{"List", GRPC_UNARY, list, NULL},
	{"Watch", GRPC_SERVER_STREAM, watch, &watch_ops},
};
static const struct grpc_service health_service = {"grpc.health.v1.Health", methods,
						   ARRAY_LEN(methods)};

/* ---- its owner --------------------------------------------------------------------------- */

int health_new(struct grpc_engine *e, struct health **ret, struct error *err)
{
	struct health *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return err_nomem(err, "the health service");
	r = health_set(h, "", HEALTH_SERVING, err);
	if (r == 0)
		r = health_set(h, health_service.name, HEALTH_SERVING, err);
	if (r == 0)
		r = grpc_engine_add(e, &health_service, h, err);
	if (r < 0) {
		health_free(h);
		return r;
	}
	*ret = h;
	return 0;
}

void health_free(struct health *h)
{
	if (!h)
		return;
	map_done(&h->services, free);
	free(h);
}

int health_set(struct health *h, const char *service, enum health_status status, struct error *err)
{
	struct service_health *s = service_get(h, str_of(service));

	if (!s)
		return err_nomem(err, "the health of a service");
	if (h->shut)
		status = HEALTH_NOT_SERVING;
	if (s->status != status) {
		s->status = status;
		tell_all(s);
	}
	return 0;
}

void health_shutdown(struct health *h)
{
	h->shut = true;
	map_foreach (&h->services, e) {
		struct service_health *s = e->value;

		if (s->status != HEALTH_SERVICE_UNKNOWN)
			s->status = HEALTH_NOT_SERVING;
		tell_all(s);
		while (s->watchers)
			watcher_end(s->watchers, GRPC_UNAVAILABLE,
				    STR("the server is shutting down"));
	}
}
