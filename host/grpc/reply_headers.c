/* The headers and trailers of a reply: metadata, status, and handing them to nghttp2. */
#include "grpc/header.h"
#include "grpc/private.h"

#include "base/digest.h"

#define FIELDS_MAX 64
#define NV_MAX     (2 * FIELDS_MAX + 8)

#define NV_STATIC(n, v)                                                                            \
	((nghttp2_nv){(uint8_t *)(uintptr_t)(n), (uint8_t *)(uintptr_t)(v), sizeof(n) - 1,         \
		      sizeof(v) - 1,                                                               \
		      NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE})

static struct reply_field *field_new(struct grpc_call *call, struct str name, struct str value)
{
	struct reply_field *f = pool_alloc(&call->engine->pool, sizeof(*f) + name.len + value.len);

	if (!f)
		return NULL;
	*f = (struct reply_field){.name_len = (uint32_t)name.len, .value_len = (uint32_t)value.len};
	if (name.len > 0)
		memcpy(f->text, name.ptr, name.len);
	if (value.len > 0)
		memcpy(f->text + name.len, value.ptr, value.len);
	return f;
}

int call_field_add(struct grpc_call *call,
		   struct reply_field **list,
		   const char *name,
		   struct str value,
		   struct error *err)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	struct reply_field *f;
	size_t n = 0;

	for (; *list; list = &(*list)->next)
		n++;
	if (n == FIELDS_MAX || value.len > call->engine->limits.header_max)
		return err_set(err, ERR_LIMIT, "too much metadata");
	if (str_ends(str_of(name), "-bin")) {
		base64_encode(value.ptr, value.len, &text);
		while (text.len > 0 && text.data[text.len - 1] == '=') /* as gRPC asks */
			text.len--;
		if (text.failed)
			return err_nomem(err, "metadata");
		value = (struct str){text.data, text.len};
	} else if (!header_is_text(value)) {
		return err_set(err, ERR_INVALID,
			       "metadata %s is not plain ASCII; other bytes need a name in -bin",
			       name);
	}
	f = field_new(call, str_of(name), value);
	if (!f)
		return err_nomem(err, "metadata");
	*list = f;
	return 0;
}

void reply_fields_free(struct grpc_call *call, struct reply_field **list)
{
	while (*list) {
		struct reply_field *f = *list;

		*list = f->next;
		pool_free(&call->engine->pool, f);
	}
}

int grpc_call_header(struct grpc_call *call, const char *name, struct str value, struct error *err)
{
	if (call->headers_sent)
		return err_set(err, ERR_STATE, "the reply's headers have been sent");
	if (!header_is_metadata(str_of(name)))
		return err_set(err, ERR_INVALID, "\"%s\" is no name for metadata", name);
	return call_field_add(call, &call->headers, name, value, err);
}

int grpc_call_trailer(struct grpc_call *call, const char *name, struct str value, struct error *err)
{
	if (call->ended)
		return err_set(err, ERR_CANCELLED, "the call is over");
	if (!header_is_metadata(str_of(name)) && !streq(name, "grpc-status-details-bin"))
		return err_set(err, ERR_INVALID, "\"%s\" is no name for metadata", name);
	return call_field_add(call, &call->trailers, name, value, err);
}

/* ---- header blocks ----------------------------------------------------------------------- */

static size_t put_fields(nghttp2_nv *nv, size_t n, const struct reply_field *f)
{
	for (; f; f = f->next)
		nv[n++] = (nghttp2_nv){(uint8_t *)(uintptr_t)f->text,
				       (uint8_t *)(uintptr_t)f->text + f->name_len, f->name_len,
				       f->value_len, NGHTTP2_NV_FLAG_NONE};
	return n;
}

static size_t put_headers(const struct grpc_call *call, nghttp2_nv *nv)
{
	size_t n = 0;

	nv[n++] = NV_STATIC(":status", "200");
	nv[n++] = NV_STATIC("content-type", "application/grpc");
	if (call->gzip_announced)
		nv[n++] = NV_STATIC("grpc-encoding", "gzip");
	return put_fields(nv, n, call->headers);
}

static size_t put_status(const struct grpc_call *call, nghttp2_nv *nv, size_t n)
{
	struct str digits = grpc_status_digits(call->status);

	nv[n] = NV_STATIC("grpc-status", "");
	nv[n].value = (uint8_t *)(uintptr_t)digits.ptr;
	nv[n++].valuelen = digits.len;
	if (call->message_len > 0) {
		nv[n] = NV_STATIC("grpc-message", "");
		nv[n].flags = NGHTTP2_NV_FLAG_NO_COPY_NAME;
		nv[n].value = (uint8_t *)call->message;
		nv[n++].valuelen = call->message_len;
	}
	return put_fields(nv, n, call->trailers);
}

static void failed_submit(struct grpc_call *call, int r)
{
	if (r != 0 && !call->closed)
		nghttp2_submit_rst_stream(call->conn->session, NGHTTP2_FLAG_NONE, call->id,
					  NGHTTP2_INTERNAL_ERROR);
}

void reply_submit_trailers_only(struct grpc_call *call)
{
	nghttp2_nv nv[NV_MAX];
	size_t n;

	n = put_status(call, nv, put_headers(call, nv));
	call->headers_sent = call->end_sent = true;
	failed_submit(call, nghttp2_submit_response(call->conn->session, call->id, nv, n, NULL));
}

/* Somebody came with a browser, or looked for something else here. */
static ssize_t read_http_error(nghttp2_session *session,
			       int32_t id,
			       uint8_t *buf,
			       size_t len,
			       uint32_t *flags,
			       nghttp2_data_source *source,
			       void *user)
{
	static const char text[] = "This port speaks gRPC.\n";
	struct grpc_call *call = source->ptr;
	size_t n = MIN(sizeof(text) - 1 - call->out_mark, len);

	(void)session;
	(void)id;
	(void)user;
	memcpy(buf, text + call->out_mark, n);
	call->out_mark += n;
	if (call->out_mark == sizeof(text) - 1)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

void reply_submit_http_error(struct grpc_call *call)
{
	nghttp2_data_provider reader = {.source.ptr = call, .read_callback = read_http_error};
	nghttp2_nv nv[] = {NV_STATIC(":status", ""), NV_STATIC("content-type", "text/plain")};

	nv[0].value = (uint8_t *)(uintptr_t)call->http_error;
	nv[0].valuelen = 3;
	call->headers_sent = call->end_sent = true;
	failed_submit(call, nghttp2_submit_response(call->conn->session, call->id, nv, 2, &reader));
}

void reply_submit_headers(struct grpc_call *call)
{
	nghttp2_data_provider reader = {.source.ptr = call, .read_callback = call_read_reply};
	nghttp2_nv nv[NV_MAX];
	size_t n;

	call->gzip_announced = call->compress && call->peer_gzip;
	n = put_headers(call, nv);
	call->headers_sent = true;
	failed_submit(call, nghttp2_submit_response(call->conn->session, call->id, nv, n, &reader));
}

void reply_submit_trailers(struct grpc_call *call)
{
	nghttp2_nv nv[NV_MAX];
	size_t n = put_status(call, nv, 0);

	call->end_sent = true;
	failed_submit(call, nghttp2_submit_trailer(call->conn->session, call->id, nv, n));
}
