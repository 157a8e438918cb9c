/* The headers of a request: what they say, and whether it can be served. */
#include "grpc/header.h"
#include "grpc/private.h"

static void bad_headers(struct grpc_call *call, int status, const char *why)
{
	if (call->bad_header)
		return;
	call->bad_header = why;
	call->bad_status = status;
}

static void keep(nghttp2_rcbuf **slot, nghttp2_rcbuf *value)
{
	if (*slot)
		nghttp2_rcbuf_decref(*slot);
	nghttp2_rcbuf_incref(value);
	*slot = value;
}

static int add_metadata(struct grpc_call *call, nghttp2_rcbuf *name, nghttp2_rcbuf *value)
{
	if (call->n_metadata == call->metadata_room) {
		bool is_inline = call->metadata == call->metadata_inline;
		size_t room = call->metadata_room * 2;
		struct metadata *more =
			pool_realloc(&call->engine->pool, is_inline ? NULL : call->metadata,
				     room * sizeof(*more));

		if (!more)
			return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
		if (is_inline)
			memcpy(more, call->metadata, sizeof(call->metadata_inline));
		call->metadata = more;
		call->metadata_room = room;
	}
	nghttp2_rcbuf_incref(name);
	nghttp2_rcbuf_incref(value);
	call->metadata[call->n_metadata++] = (struct metadata){name, value};
	return 0;
}

static void header_path(struct grpc_call *call, nghttp2_rcbuf *value)
{
	call->route = map_get(&call->engine->routes, rcbuf_str(value));
	if (!call->route)
		keep(&call->path, value);
}

/* True when the name is one of gRPC's own. */
static bool own_header(struct grpc_call *call, struct str name, nghttp2_rcbuf *value)
{
	struct str v = rcbuf_str(value);

	switch (name.len) {
	case 2:
		return memcmp(name.ptr, "te", 2) == 0;
	case 5:
		if (memcmp(name.ptr, ":path", 5) != 0)
			return false;
		header_path(call, value);
		return true;
	case 7:
		if (memcmp(name.ptr, ":method", 7) == 0)
			call->is_post = str_is(v, "POST");
		return name.ptr[0] == ':';
	case 10:
		if (memcmp(name.ptr, ":authority", 10) != 0)
			return false;
		keep(&call->authority, value);
		return true;
	case 12:
		if (memcmp(name.ptr, "content-type", 12) == 0) {
			keep(&call->content_type, value);
			return true;
		}
		if (memcmp(name.ptr, "grpc-timeout", 12) != 0)
			return false;
		if (!header_timeout(v, &call->timeout_ns))
			bad_headers(call, GRPC_INTERNAL, "malformed grpc-timeout");
		return true;
	case 13:
		if (memcmp(name.ptr, "grpc-encoding", 13) != 0)
			return false;
		keep(&call->encoding, value);
		return true;
	case 14:
		return memcmp(name.ptr, "content-length", 14) == 0;
	case 20:
		if (memcmp(name.ptr, "grpc-accept-encoding", 20) != 0)
			return false;
		call->peer_gzip = header_lists(v, "gzip");
		return true;
	default:
		return false;
	}
}

int call_header(struct grpc_call *call, nghttp2_rcbuf *name_buf, nghttp2_rcbuf *value)
{
	size_t most = call->engine->limits.header_max;
	struct str name = rcbuf_str(name_buf);

	call->header_bytes += name.len + rcbuf_str(value).len + 32;
	if (call->header_bytes > most) {
		bad_headers(call, GRPC_RESOURCE_EXHAUSTED, "the request's metadata is too large");
		/* A little of it names as much as it likes, thanks to HPACK. */
		return call->header_bytes > 8 * most ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE : 0;
	}
	if (own_header(call, name, value))
		return 0;
	return add_metadata(call, name_buf, value);
}

static void end_unknown_path(struct grpc_call *call)
{
	struct str path = call->path ? rcbuf_str(call->path) : STR_NULL;

	for (size_t i = 0; i < call->engine->n_services; i++) {
		const char *name = call->engine->services[i].service->name;
		size_t len = strlen(name);

		if (path.len > len + 1 && path.ptr[len + 1] == '/' &&
		    memcmp(path.ptr + 1, name, len) == 0) {
			call_abortf(call, GRPC_UNIMPLEMENTED, "service %s has no method %.*s", name,
				    (int)(path.len - len - 2), path.ptr + len + 2);
			return;
		}
	}
	call_abortf(call, GRPC_UNIMPLEMENTED, "no such method: " STR_FMT, STR_ARG(path));
}

static bool check_headers(struct grpc_call *call)
{
	struct str encoding = call->encoding ? rcbuf_str(call->encoding) : STR_NULL;

	if (!call->is_post)
		call->http_error = "405";
	else if (!call->content_type || !header_is_grpc(rcbuf_str(call->content_type)))
		call->http_error = "415";
	if (call->http_error) /* answered when all of it is here: HTTP clients expect that */
		return false;
	if (call->bad_header) {
		call_abort(call, call->bad_status, str_of(call->bad_header));
		return false;
	}
	if (!call->route) {
		end_unknown_path(call);
		return false;
	}
	call->request_gzip = str_is(encoding, "gzip");
	if (encoding.len > 0 && !call->request_gzip && !str_is(encoding, "identity")) {
		call_field_add(call, &call->headers, "grpc-accept-encoding", STR("identity,gzip"),
			       NULL);
		call_abortf(call, GRPC_UNIMPLEMENTED,
			    "grpc-encoding \"" STR_FMT "\" is not supported; identity and gzip are",
			    STR_ARG(encoding));
		return false;
	}
	return true;
}

void call_headers_done(struct grpc_call *call)
{
	call->headers_done = true;
	if (!check_headers(call))
		return;
	if (call->timeout_ns < INT64_MAX - call->start_ns)
		heap_insert(&call->conn->deadlines, &call->deadline,
			    call->start_ns + call->timeout_ns);
	if (call_streams_in(call))
		call_make_ready(call, EVENT_START);
}
